"""A training before it starts and around it: from what a user asked for to a resolved plan, a run folder, and a measured end."""

import contextlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparring.base import devices, files, ranks
from sparring.base.errors import UserError
from sparring.base.settings import dump, load, override, read
from sparring.base.space import ImageSpace, PairSpace, PointSpace, Space
from sparring.recipes.recipe import Configuration, Facts, Recipe, configure, find

if TYPE_CHECKING:
    from sparring.runs.data import Data
    from sparring.runs.progress import Display
    from sparring.runs.run import Run

FEW_OF_A_LABEL = 20
"""training items below which a label is hardly learnt"""
LATE = 1.1
"""times the minutes asked for: who waits longer is told"""
EXAMPLE_SPANS = (("choice", 10, 64, 64), ("value", 74, 1, 0))
"""of a column of numbers beside one of 10 categories"""


def example_space(recipe: Recipe) -> Space:
    """The space that `show` and `--help` assume when no data are given."""
    if "pairs" in recipe.modalities:
        return PairSpace(shape=(3, 64, 64), given=(3, 64, 64))
    if "tables" in recipe.modalities:
        from sparring.modalities.spaces import Span, TableSpace

        number = [Span(column="number", kind=kind, start=start, size=size, bins=bins) for kind, start, size, bins in EXAMPLE_SPANS]
        return TableSpace(shape=(75,), spans=(Span(column="category", kind="choice", start=0, size=10), *number))
    if "images" in recipe.modalities:
        return ImageSpace(shape=(1, 28, 28), labels=tuple("0123456789") if recipe.labelled or recipe.name == "dcgan" else ())
    return PointSpace(shape=(2,))


def gather(data: Any, recipe: Recipe, encoding: Mapping[str, Any] | None = None) -> tuple[Facts, Any, str, Any]:
    """(facts, source, full name, codec) of data (a text or a frame) for a recipe; `encoding` overrides parts of the default encoding."""
    from sparring.modalities.kinds import fit
    from sparring.modalities.open import opened
    from sparring.modalities.settings import Encoding

    asked = {**recipe.encoding, **(encoding or {})}
    full, source = opened(data, recipe.modalities, asked.get("memory", "auto"))
    if source.kind not in recipe.modalities:
        raise UserError(f"recipe {recipe.name} takes {' or '.join(recipe.modalities)}, and {full} holds {source.kind}")
    wanted = override(Encoding.named(source.kind)(), asked)
    codec = fit(source, wanted)
    source = codec.items(source)
    import numpy as np

    counts = tuple(int(c) for c in np.bincount(source.labels, minlength=len(source.classes))) if source.labels is not None else ()
    return Facts(codec.space, len(source), counts, **codec.facts(source)), source, full, codec


@dataclass
class Plan:
    """A training that is ready to start: everything resolved, nothing written."""

    recipe: Recipe
    configuration: Configuration
    why: dict[str, str]
    data: "Data"
    seed: int
    path: Path
    numbered: bool
    """whether the path was chosen here: the next number is as good"""

    def describe(self) -> dict[str, Any]:
        """What `--dry-run` prints."""
        import torch

        with torch.device("meta"):
            game = self.configuration.game.build(space=self.data.codec.space)
        players = {name: sum(p.numel() for p in player.parameters()) for name, player in game.players().items()}
        state = sum(p.numel() * 4 for p in game.parameters()) + sum(8 * n for n in players.values())
        kept = [*self.data.whole().values(), *([self.data.given("whole")] if self.data.source.kind == "pairs" else [])]
        held = sum(t.numel() * t.element_size() for t in kept)
        return {
            "recipe": self.recipe.name, "run": str(self.path), "data": self.data.text, "seed": self.seed, "rounds": self.configuration.rounds,
            "items": self.configuration.rounds * self.configuration.batch, "configuration": dump(self.configuration), "derived": self.why,
            "parameters": players, "memory": {"weights and moments, bytes": state, "data, bytes": held},
        }  # fmt: skip


def plan(
    recipe_name: str,
    data: Any,
    *,
    run: str | Path | None = None,
    rounds: int | None = None,
    seed: int = 0,
    settings: Mapping[str, Any] | None = None,
    config: str | Path | None = None,
    device: str | None = None,
) -> Plan:
    """Resolves a training on data (a text or a frame): the recipe's configuration for these data, then the file `config`, then `settings`
    (dotted paths), then what is still `auto`. Raises UserError for anything wrong before anything is written."""
    import torch

    from sparring.modalities.settings import Encoding
    from sparring.runs.data import prepare
    from sparring.runs.folder import claim, new_run_path
    from sparring.runs.judging import metrics_of

    recipe = find(recipe_name)
    settings = dict(settings or {})
    from_file = _configuration_part(read(Path(config))) if config else None
    check_names(recipe, settings, from_file, str(config))
    encoding = {k.removeprefix("encoding."): v for k, v in _flat(from_file.get("encoding", {}) if from_file else {}).items()}
    names = {field for kind in recipe.modalities for field in Encoding.named(kind).model_fields}       # --resolution for --encoding.resolution
    typed = {k.replace("-", "_"): v for k, v in settings.items()}
    encoding |= {k.removeprefix("encoding."): v for k, v in typed.items() if k.startswith("encoding.") or k in names}
    facts, source, full, codec = gather(data, recipe, encoding)
    configuration = configure(recipe, facts)
    if from_file:
        configuration = load(Configuration, _merged(dump(configuration), from_file), str(config))
    changes = settings | ({"hardware.device": device} if device else {}) | ({"rounds": rounds} if rounds is not None else {})
    configuration = override(configuration, changes)
    metrics_of(source.kind, configuration.watching.metrics)
    hardware, why = devices.resolve(configuration.hardware, pictures=facts.space.pictures, fine=facts.space.fine)
    torch.set_num_threads(hardware.threads)
    why = {f"hardware.{k}": v for k, v in why.items()} | {f"encoding.{k}": v for k, v in getattr(codec, "why", {}).items()}
    configuration = configuration.model_copy(update={"hardware": hardware, "encoding": codec.encoding})
    prepared = prepare(full, source, codec, configuration.split)
    path = Path(run) if run is not None else new_run_path(Path("runs"), recipe.name, source.name)
    claim(path)
    return Plan(recipe, configuration, why, prepared, seed, path, numbered=run is None)


def check_names(recipe: Recipe, settings: Mapping[str, Any], from_file: Mapping | None, name: str) -> None:
    """Unknown settings are refused before data are read, on the recipe's example."""
    configuration = configure(recipe, Facts(example_space(recipe)))
    if from_file:
        configuration = load(Configuration, _merged(dump(configuration), from_file), name)
    from sparring.modalities.settings import Encoding

    for kind in recipe.modalities:
        try:
            override(configuration.model_copy(update={"encoding": Encoding.named(kind)()}), dict(settings))
            return
        except UserError as error:
            problem = error
    raise problem


def _configuration_part(document: dict) -> dict:
    """A run's recipe.json and `show --json` hold the configuration inside; a plain file is one."""
    return document["configuration"] if isinstance(document.get("configuration"), dict) else document


def _merged(base: Any, above: Any) -> Any:
    if isinstance(base, dict) and isinstance(above, dict) and above.get("kind", base.get("kind")) == base.get("kind"):
        return base | {k: _merged(base[k], v) if k in base else v for k, v in above.items()}
    return above


def _flat(mapping: Mapping, prefix: str = "") -> dict[str, Any]:
    return {f"{prefix}{k}": v for k, v in mapping.items() if k != "kind"}


def start(plan: Plan, from_run: str | Path | None = None) -> None:
    """Makes the run folder, whole or not at all: recipe.json, data.json, codec/ and a checkpoint at round 0 (with the weights of
    `from_run`, where it is given)."""
    from sparring.play.checkpoint import load_fitting, save_local, save_trainer
    from sparring.runs.data import save
    from sparring.runs.folder import Folder, claim, reserve
    from sparring.runs.machine import environment
    from sparring.runs.playing import make_trainer

    trainer = make_trainer(plan.configuration, plan.data, plan.seed)
    if from_run is not None:
        new = load_fitting(trainer.game, Folder.existing(from_run).checkpoint("best"))
        plan.why |= {"from": f"the weights of {from_run}" + (f"; not there, or of another shape: {', '.join(new[:8])}" if new else "")}
    if ranks.rank() == 0:
        plan.path = reserve(plan.path, plan.numbered)
        with _removed_on_failure(plan.path), files.new_folder(plan.path) as folder:
            document = Folder.recipe_document(
                plan.recipe.name, plan.configuration, plan.why, plan.seed, plan.configuration.rounds, **environment()
            )
            files.write_json(folder / "recipe.json", document)
            save(plan.data, folder)
            first = folder / "checkpoints" / "000000"
            first.mkdir(parents=True)
            save_trainer(trainer, first, {"seconds": 0.0, "skill": None, "best": None, "calibration": None, "stale": 0, "stopped": None, "events": 0})
            save_local(trainer.game, first)
            files.write(folder / "last", "000000\n")
            claim(plan.path)                                # another process may have begun there meanwhile
    plan.path = Path(ranks.of_leader(str(plan.path)))           # its number may have been taken meanwhile


@contextlib.contextmanager
def _removed_on_failure(empty: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):
            empty.rmdir()
        raise


def rounds_for(plan: Plan, minutes: float, elapsed: float) -> tuple[int, float]:
    """How many rounds fit into `minutes` of wall time of the whole command, of which `elapsed` seconds are gone, and how many seconds the
    command will take. At least half of the minutes are for rounds, whatever preparing and measuring take beside.

    A rehearsal in a folder that is thrown away measures the speed of rounds and what each kind of watching costs; that is set aside.
    """
    import tempfile

    from sparring.runs.folder import Folder
    from sparring.runs.judging import FEWEST
    from sparring.runs.looking import occasions
    from sparring.runs.playing import Playing
    from sparring.runs.progress import Quiet

    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        rehearsal = replace(plan, path=Path(folder) / "rehearsal")
        start(rehearsal)
        playing = Playing(Folder(rehearsal.path), plan.data, Quiet())
        costs = playing.rehearse()
        ending = 2.0
        if plan.data.count("test") >= FEWEST:
            conclude(rehearsal.path, Quiet())              # fills the cache of real features ...
            start_of_end = time.perf_counter()
            conclude(rehearsal.path, Quiet())              # ... so that this one costs what the last one will
            ending += 1.2 * (time.perf_counter() - start_of_end)
    around = elapsed + time.perf_counter() - began + ending
    watching = lambda n: sum(times * costs[kind] for kind, times in occasions(plan.configuration.watching, n).items())
    left, n, seen = 60 * minutes - around, 1, 0.0
    for _ in range(8):                                     # how often is watched depends on the length, and the length on that
        n = max(1, int(max(left - seen, 60 * minutes / 2) / costs["round"]))
        seen = watching(n)
    return n, around + n * costs["round"] + seen


def check_length(rounds: int | None, minutes: float | None) -> None:
    if rounds is not None and rounds < 1:
        raise UserError("--rounds must be at least 1")
    if minutes is not None and not 0 < minutes < float("inf"):
        raise UserError("--minutes must be above 0")


def carry_out(planned: Plan, *, minutes: float | None, began: float, from_run: str | Path | None = None, display: "Display | None" = None) -> "Run":
    """Starts a plan and plays it to its end."""
    if minutes is not None and ranks.world() > 1:             # each would measure a speed of its own
        raise UserError("--minutes is for a training on one process, this is one of several: give --rounds")
    from sparring.runs.folder import Folder
    from sparring.runs.playing import Playing
    from sparring.runs.progress import Quiet

    display = display or Quiet()
    if minutes is not None:
        n, seconds = rounds_for(planned, minutes, time.perf_counter() - began)
        planned.configuration = planned.configuration.model_copy(update={"rounds": n})
        display.note(f"{minutes:g} minutes are about --rounds {n}")
        if seconds > 60 * minutes * LATE:
            display.warn(
                f"preparing and measuring leave too little of {minutes:g} minutes: half of them are played all the same, "
                f"and the command takes about {seconds / 60:.2g} minutes"
            )
    for problem in planned.data.source.problems:
        display.warn(problem)
    told = getattr(planned.configuration.game, "conditional", False)                  # a game that has no such setting is told nothing
    if few := told and few_of_a_label(planned.data):
        display.warn(few)
    start(planned, from_run)
    display.note(f"run folder {planned.path}")
    display.begin(planned.configuration.rounds, 0)
    Playing(Folder(planned.path), planned.data, display).play()
    return conclude(planned.path, display)


def few_of_a_label(data: "Data") -> str:
    """A warning when labels have so few training items that they are better merged or left out; empty when none has."""
    import torch

    labels, names = data.whole().get("y"), data.codec.space.labels
    if labels is None or not names:
        return ""
    counts = torch.bincount(labels[data.rows["train"]], minlength=len(names)).tolist()
    few = [f"{name} ({count})" for name, count in zip(names, counts) if count < FEW_OF_A_LABEL]
    if not few:
        return ""
    listed = ", ".join(few[:5]) + (f" and {len(few) - 5} more" if len(few) > 5 else "")
    return f"fewer than {FEW_OF_A_LABEL} training items of {listed}: merge such labels, or leave labels out with --conditional false"


def concluded(path: Path, held_out: int) -> bool:
    """Whether what `conclude` writes is there and of the last round."""
    from sparring.runs.judging import FEWEST

    last = (path / "status.json").stat().st_mtime_ns
    needed = ["report.html"] + ["measure.json"] * (held_out >= FEWEST)
    return all((path / name).exists() and (path / name).stat().st_mtime_ns >= last for name in needed)


def conclude(path: Path, display: "Display") -> "Run":
    """Measures the finished run on its test part and writes measure.json, the report and the card."""
    from sparring.runs.judging import FEWEST
    from sparring.runs.run import Run

    run = Run(path)
    if ranks.rank() == 0:
        if run.data.count("test") >= FEWEST:
            measured = run.measure(metrics=run.configuration.watching.metrics)
            files.write_json(path / "measure.json", measured)
            for name, entry in measured["metrics"].items():
                floor = f"  (real items {entry['floor']:.4g})" if "floor" in entry else ""
                display.note(f"  {name:15} {entry['value']:.4g}{floor}")
        display.note(f"report {run.report()}")
    return run
