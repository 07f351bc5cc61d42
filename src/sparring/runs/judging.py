"""Judging a run: which extractors see its items, and the items that are judged."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from sparring.base.seeding import generator
from sparring.extractors.choice import extractors_for
from sparring.metrics.judge import Judge
from sparring.play.game import Game, Generates
from sparring.play.watching import sample
from sparring.runs.data import Data, frequencies

FEWEST = 10
"""held-out items below which nothing is measured"""


def judge_for(
    data: Data, part: str, *, names: Iterable[str] = (), n: int | None = None, inception: str | None = None, density: Any = None
) -> Judge | None:
    """A judge with the training part as reference and `part` as held-out items; None where too few are held out."""
    if len(data.rows[part]) < FEWEST:
        return None
    names = tuple(names)
    extractors = extractors_for(data.codec, data.source.name, data.part("train"), data.part("test"), names=names, inception=inception)
    density = density if density is not None else getattr(data.source, "density", None)
    return Judge(data.codec, data.part("train"), data.part(part), extractors, names=names or None, density=density, n=n)


def asked_labels(data: Data, game: Game, n: int, seed: int) -> Tensor | None:
    """n conditions with the training data's frequencies, labels (n,) or attributes (n, d), for games that are told them; else None."""
    if not game.conditional:
        return None
    if game.space.attributes:
        known = data.part("train")["y"]
        return known[torch.randint(len(known), (n,), generator=generator("asked", seed))]
    return torch.multinomial(frequencies(data.part("train"), len(game.space.labels)), n, True, generator=generator("asked", seed))


def tells(game: Game) -> bool:
    """Whether a game's generator is asked for one of several labels."""
    return bool(game.space.labels) and game.conditional


def fakes(data: Data, game: Game, n: int, seed: int) -> dict[str, Tensor]:
    """n generated items as compact rows, as they would be written to files; the game must be watched or settled."""
    if not isinstance(game, Generates):
        raise TypeError(f"{type(game).__name__} does not generate")
    labels = asked_labels(data, game, n, seed)
    x = data.codec.compact(data.codec.decode(sample(game, n, seed, None if labels is None else game.space.told(labels))))
    return {"x": x} if labels is None else {"x": x, "y": labels}


def mean_skill(metrics: dict[str, dict]) -> float | None:
    """Mean over metrics of skill cut to [0, 1]: what `best` is picked by. 1 is as good as held-out real items, 0 as a trivial generator."""
    skills = [min(1.0, max(0.0, m["skill"])) for m in metrics.values() if "skill" in m]
    return sum(skills) / len(skills) if skills else None
