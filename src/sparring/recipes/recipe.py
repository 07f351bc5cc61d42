"""What a recipe is: a function of facts that returns a complete configuration. Nothing here imports torch."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, NonNegativeInt, PositiveInt

from sparring.base.devices import Hardware
from sparring.base.errors import UserError, nearest
from sparring.base.settings import Auto, Component, Rule, Settings
from sparring.base.space import Space
from sparring.games.settings import GameSettings
from sparring.modalities.settings import Encoding
from sparring.modalities.split import Split


@dataclass(frozen=True)
class Facts:
    """What a recipe may look at: the space of the data, how many items there are (held-out ones included), how many of each
    label, and whether mirroring keeps them what they are."""

    space: Space
    count: int = 5_000
    per_label: tuple[int, ...] = ()
    mirrors: bool = False
    """whether a mirrored picture could be one of the data"""
    detail: float = 0.02
    """median radius that holds a hundredth of the points, whose root mean square is 1"""


def _names(value):
    """`fd,kid` as a list; `none` for an empty one."""
    return [name.strip() for name in value.split(",") if name.strip() not in ("", "none")] if isinstance(value, str) else value


class Watching(Settings):
    """What is looked at while it trains. Watching changes no weight."""

    tick: Annotated[PositiveInt | Auto, Rule("a 200th of the length, at least 1")] = "auto"
    """rounds between two records in events.jsonl"""
    judge: Annotated[NonNegativeInt | Auto, Rule("a tenth of the length, at least one tick")] = "auto"
    """rounds between two measurements on the validation part, which pick the best checkpoint; 0 for none"""
    metrics: Annotated[tuple[str, ...], BeforeValidator(_names)] = ()
    """metrics measured then; empty: those of the modality"""
    preview: Annotated[NonNegativeInt | Auto, Rule("a 40th of the length, at least one tick")] = "auto"
    """rounds between two previews; 0 for none"""
    items: int = Field(500, gt=1)
    """generated items in a measurement during training"""
    patience: int = Field(0, ge=0)
    """judgements in a row without a better held-out score after which the run ends; 0 for none. Those count that are made while learning rates are
    nearer to their last values than to their first: before, a score that stands still may rise again when they come down"""
    checkpoint_minutes: float = Field(5.0, gt=0)
    """minutes between two checkpoints"""


class Configuration(Settings):
    """Everything that makes a run: with the data and a seed it says every weight."""

    game: GameSettings
    encoding: Encoding
    split: Split = Split()
    batch: int = Field(64, gt=0)
    """items of a batch, on one process"""
    rounds: int = Field(1000, gt=0)
    """length of the run"""
    hardware: Hardware = Hardware()
    watching: Watching = Watching()


@dataclass(frozen=True)
class Recipe:
    """A registered recipe."""

    name: str
    task: str
    modalities: tuple[str, ...]
    papers: tuple[str, ...]
    make: Callable[[Facts], Configuration]
    tiny: Callable[[Space], Component]
    """a game of the same family so small that laws are tested on it in a second"""
    labelled: bool = False
    """whether it needs labels"""
    encoding: Mapping[str, Any] = field(default_factory=dict)
    """how it wants the data encoded, where that is not what the modality does by itself"""

    @property
    def summary(self) -> str:
        return (self.make.__doc__ or "").strip().split("\n")[0]


RECIPES: dict[str, Recipe] = {}


def recipe(
    name: str, *, task: str, modalities: tuple[str, ...], papers: tuple[str, ...], tiny: Callable[[Space], Component], labelled: bool = False,
    encoding: Mapping[str, Any] | None = None,
):  # fmt: skip
    """Registers the function below it."""

    def register(make: Callable[[Facts], Configuration]) -> Callable[[Facts], Configuration]:
        RECIPES[name] = Recipe(name, task, modalities, papers, make, tiny, labelled, dict(encoding or {}))
        return make

    return register


def find(name: str) -> Recipe:
    if name not in RECIPES:
        raise UserError(f"no recipe is called {name!r}{nearest(name, RECIPES)} (see `sparring list recipes`)")
    return RECIPES[name]


def configure(recipe: Recipe, facts: Facts) -> Configuration:
    """The recipe's configuration for these facts; UserError where it does not take such data."""
    if facts.space.kind not in recipe.modalities:
        raise UserError(f"recipe {recipe.name} takes {' or '.join(recipe.modalities)}, not {facts.space.kind}")
    if recipe.labelled and not facts.space.labels:
        raise UserError(f"recipe {recipe.name} needs labels and the data have none: sort pictures into one folder a label, or add labels.csv")
    return recipe.make(facts)
