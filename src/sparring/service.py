"""The public functions behind `import sparring`, the command line and the studio: typed, and without a terminal's habits."""

import contextlib
import json
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sparring.recipes  # noqa: F401 - registers
from sparring.base import devices, files, ranks
from sparring.base.errors import UserError, nearest
from sparring.base.settings import Row, dump, load, override, read, rows
from sparring.base.space import ImageSpace, PointSpace, Space
from sparring.recipes.recipe import RECIPES, Configuration, Facts, Recipe, configure, find

if TYPE_CHECKING:
    from sparring.runs.data import Data
    from sparring.runs.progress import Display
    from sparring.runs.run import Run

# ---- the catalogue


def catalogue(what: str = "recipes") -> list[dict[str, Any]]:
    """Recipes, games, data or metrics, a dict each."""
    if what == "recipes":
        return [
            {"name": r.name, "task": r.task, "takes": list(r.modalities), "summary": r.summary, "papers": list(r.papers)}
            for r in sorted(RECIPES.values(), key=lambda r: r.name)
        ]
    if what == "games":
        from sparring.games.settings import GameSettings

        return [{"name": k, "summary": (c.__doc__ or "").split("\n")[0]} for k, c in sorted(GameSettings.choices().items())]
    if what == "data":
        from sparring.modalities.builtins import BUILTINS

        return [{"name": b.name, "takes": [b.modality], "summary": b.about} for b in BUILTINS.values()]
    if what == "metrics":
        from sparring.metrics.catalogue import METRICS

        return [{"name": m.name, "better": m.better, "summary": m.about, "source": m.source} for m in METRICS.values()]
    raise UserError(f"there is no catalogue of {what!r}: recipes, games, data or metrics")


def example_space(recipe: Recipe) -> Space:
    """The space that `show` and `--help` assume when no data are given."""
    if "images" in recipe.modalities:
        return ImageSpace(shape=(1, 28, 28), labels=tuple("0123456789") if recipe.labelled or recipe.name == "dcgan" else ())
    return PointSpace(shape=(2,))


def show(recipe_name: str, data: str | None = None) -> dict[str, Any]:
    """A recipe with every setting: path, type, value, help and, for `auto`, its rule."""
    recipe = find(recipe_name)
    facts = Facts(example_space(recipe)) if data is None else gather(data, recipe)[0]
    configuration = configure(recipe, facts)
    return {
        "recipe": recipe.name, "summary": recipe.summary, "task": recipe.task, "takes": list(recipe.modalities), "needs labels": recipe.labelled,
        "papers": list(recipe.papers), "for": dump(facts.space), "settings": [asdict(row) for row in setting_rows(configuration)],
        "configuration": dump(configuration),
    }  # fmt: skip


def setting_rows(configuration: Configuration) -> list[Row]:
    return list(rows(configuration))


def cite(recipe_name: str) -> str:
    """BibTeX of what a recipe uses."""
    entries = []
    for paper in find(recipe_name).papers:
        who, _, url = paper.partition(", ")
        author, _, year = who.rpartition(" ")
        key = "".join(c for c in author.split(" ")[0].lower() if c.isalpha()) + year
        names = author.replace(" et al.", " and others").replace(" & ", " and ")
        entries.append(f"@misc{{{key},\n  author = {{{names}}},\n  year = {{{year}}},\n  url = {{{url}}}\n}}")
    return "\n\n".join(entries) + "\n"


# ---- data


def inspect(data: str) -> dict[str, Any]:
    """What is in a collection: kind, count, sizes, labels, types, corrupt and duplicate items."""
    from sparring.modalities.split import Split, held_out
    from sparring.runs.data import open_

    full, source = open_(data)
    validation, test = held_out(len(source), Split())
    return {"data": full, **source.describe(), "split": {"train": len(source) - validation - test, "validation": validation, "test": test}}


def gather(text: str, recipe: Recipe, encoding: Mapping[str, Any] | None = None) -> tuple[Facts, Any, str, Any]:
    """(facts, source, full name, codec) of data for a recipe; `encoding` overrides parts of the default encoding."""
    from sparring.modalities.kinds import fit
    from sparring.modalities.settings import Encoding
    from sparring.runs.data import open_

    full, source = open_(text)
    if source.kind not in recipe.modalities:
        raise UserError(f"recipe {recipe.name} takes {' or '.join(recipe.modalities)}, and {text} holds {source.kind}")
    wanted = Encoding.named(source.kind)()
    if encoding:
        wanted = override(wanted, dict(encoding))
    codec = fit(source, wanted)
    import numpy as np

    counts = tuple(int(c) for c in np.bincount(source.labels, minlength=len(source.classes))) if source.labels is not None else ()
    return Facts(codec.space, len(source), counts, **codec.facts(source)), source, full, codec


# ---- training


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
        held = sum(t.numel() * t.element_size() for t in self.data.part("train").values())
        return {
            "recipe": self.recipe.name, "run": str(self.path), "data": self.data.text, "seed": self.seed, "rounds": self.configuration.rounds,
            "items": self.configuration.rounds * self.configuration.batch, "configuration": dump(self.configuration), "derived": self.why,
            "parameters": players, "memory": {"weights and moments, bytes": state, "data, bytes": held},
        }  # fmt: skip


def plan(
    recipe_name: str,
    data: str,
    *,
    run: str | Path | None = None,
    rounds: int | None = None,
    seed: int = 0,
    settings: Mapping[str, Any] | None = None,
    config: str | Path | None = None,
    device: str | None = None,
) -> Plan:
    """Resolves a training: the recipe's configuration for these data, then the file `config`, then `settings` (dotted paths), then
    what is still `auto`. Raises UserError for anything wrong before anything is written."""
    import torch

    from sparring.metrics.catalogue import named
    from sparring.modalities.settings import Encoding
    from sparring.runs.data import prepare
    from sparring.runs.folder import claim, new_run_path

    recipe = find(recipe_name)
    settings = dict(settings or {})
    from_file = _configuration_part(read(Path(config))) if config else None
    check_names(recipe, settings, from_file, str(config))
    encoding = {k.removeprefix("encoding."): v for k, v in _flat(from_file.get("encoding", {}) if from_file else {}).items()}
    names = {field for kind in recipe.modalities for field in Encoding.named(kind).model_fields}       # --resolution for --encoding.resolution
    encoding |= {k.removeprefix("encoding."): v for k, v in settings.items() if k.startswith("encoding.") or k in names}
    facts, source, full, codec = gather(data, recipe, encoding)
    configuration = configure(recipe, facts)
    if from_file:
        configuration = load(Configuration, _merged(dump(configuration), from_file), str(config))
    changes = settings | ({"hardware.device": device} if device else {}) | ({"rounds": rounds} if rounds is not None else {})
    configuration = override(configuration, changes)
    named(configuration.watching.metrics)
    hardware, why = devices.resolve(configuration.hardware, pictures=isinstance(facts.space, ImageSpace))
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
    from sparring.runs.folder import Folder, reserve
    from sparring.runs.playing import environment, make_trainer

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
            save_trainer(trainer, first, {"seconds": 0.0, "skill": None, "best": None, "calibration": None, "events": 0})
            save_local(trainer.game, first)
            files.write(folder / "last", "000000\n")
    plan.path = Path(ranks.of_leader(str(plan.path)))           # its number may have been taken meanwhile


@contextlib.contextmanager
def _removed_on_failure(empty: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):
            empty.rmdir()
        raise


def rounds_for(plan: Plan, minutes: float, elapsed: float) -> int:
    """How many rounds fit into `minutes` of wall time of the whole command, of which `elapsed` seconds are gone.

    A rehearsal in a folder that is thrown away measures the speed of rounds and what each kind of watching costs; that is set aside.
    """
    import tempfile

    from sparring.runs.folder import Folder
    from sparring.runs.judging import FEWEST
    from sparring.runs.playing import Playing, occasions
    from sparring.runs.progress import Quiet

    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        rehearsal = replace(plan, path=Path(folder) / "rehearsal")
        start(rehearsal)
        playing = Playing(Folder(rehearsal.path), plan.data, Quiet())
        costs = playing.rehearse()
        ending = 0.0
        if len(plan.data.rows["test"]) >= FEWEST:
            conclude(rehearsal.path, Quiet())              # fills the cache of real features ...
            start_of_end = time.perf_counter()
            conclude(rehearsal.path, Quiet())              # ... so that this one costs what the last one will
            ending = 1.2 * (time.perf_counter() - start_of_end)
    left = 60 * minutes - elapsed - (time.perf_counter() - began) - ending - 2.0
    watching = {kind: seconds for kind, seconds in costs.items() if kind != "round"}
    n = max(1, int(left / costs["round"]))
    for _ in range(8):                                     # how often is watched depends on the length, and the length on that
        times = occasions(plan.configuration.watching, n)
        n = max(1, int((left - sum(times[kind] * seconds for kind, seconds in watching.items())) / costs["round"]))
    return n


def train(
    recipe: str,
    data: str,
    *,
    run: str | Path | None = None,
    rounds: int | None = None,
    minutes: float | None = None,
    seed: int = 0,
    settings: Mapping[str, Any] | None = None,
    config: str | Path | None = None,
    device: str | None = None,
    from_run: str | Path | None = None,
    display: "Display | None" = None,
) -> "Run":
    """Trains a recipe on data and returns the finished run.

    data: a path or the name of a built-in. rounds or minutes: the length (default: the recipe's). settings: dotted paths to values,
    as the command line's flags. from_run: start from the weights of another run of the same shape. UserError for wrong input.
    """
    began = time.perf_counter()
    if rounds is not None and minutes is not None:
        raise UserError("give --rounds or --minutes, not both")
    check_length(rounds, minutes)
    planned = plan(recipe, data, run=run, rounds=rounds, seed=seed, settings=settings, config=config, device=device)
    return carry_out(planned, minutes=minutes, began=began, from_run=from_run, display=display)


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
        n = rounds_for(planned, minutes, time.perf_counter() - began)
        planned.configuration = planned.configuration.model_copy(update={"rounds": n})
        display.note(f"{minutes:g} minutes are about --rounds {n}")
    for problem in planned.data.source.problems:
        display.warn(problem)
    start(planned, from_run)
    display.note(f"run folder {planned.path}")
    display.begin(planned.configuration.rounds, 0)
    Playing(Folder(planned.path), planned.data, display).play()
    return conclude(planned.path, display)


def conclude(path: Path, display: "Display") -> "Run":
    """Measures the finished run on its test part and writes measure.json, the report and the card."""
    from sparring.runs.judging import FEWEST
    from sparring.runs.run import Run

    run = Run(path)
    if ranks.rank() == 0:
        if len(run.data.rows["test"]) >= FEWEST:
            measured = run.measure(metrics=run.configuration.watching.metrics)
            files.write_json(path / "measure.json", measured)
            for name, entry in measured["metrics"].items():
                floor = f"  (real items {entry['floor']:.4g})" if "floor" in entry else ""
                display.note(f"  {name:15} {entry['value']:.4g}{floor}")
        display.note(f"report {run.report()}")
    return run


def resume(
    path: str | Path, *, rounds: int | None = None, minutes: float | None = None, display: "Display | None" = None
) -> "Run":
    """Finishes a run's recorded length, to the same bits as if it had not stopped. `rounds` is a new total; `minutes` stops earlier."""
    from sparring.runs.data import reopen
    from sparring.runs.folder import Folder
    from sparring.runs.playing import Playing
    from sparring.runs.progress import Quiet
    from sparring.runs.run import Run

    display = display or Quiet()
    check_length(rounds, minutes)
    folder = Folder.existing(path)
    saved = folder.recipe()
    done = folder.status()["round"]
    total = rounds if rounds is not None else saved["rounds"]
    if total < done:
        raise UserError(f"{path} has played {done} rounds already: --rounds is a new total and must not be less")
    here = environment_of(saved)
    if here:
        display.warn(f"this is not the machine or version it began on ({here}): the run goes on, but not bit for bit")
    data = reopen(folder.path, folder.configuration().split)
    if total != saved["rounds"]:
        with folder.lock:
            files.write_json(folder.path / "recipe.json", saved | {"rounds": total})
    if folder.status()["state"] == "finished" and total == saved["rounds"]:
        if not (folder.path / "report.html").exists():                        # it was killed after the last round
            with folder.lock:
                folder.sweep()
            return conclude(folder.path, display)
        display.note(f"{path} is finished ({done} rounds): give --rounds to go on, or use `sparring sample`")
        return Run(path)
    display.begin(total, done)
    Playing(folder, data, display).play(stop_after=None if minutes is None else 60 * minutes)
    return conclude(folder.path, display)


def environment_of(saved: Mapping[str, Any]) -> str:
    """What differs between where a run began and here, of the things that bits depend on."""
    from sparring.runs.playing import environment

    here = environment()
    return ", ".join(f"{k} {saved[k]} there, {here[k]} here" for k in ("torch", "machine", "world") if k in saved and saved[k] != here[k])


# ---- what runs are for


def load_run(path: str | Path) -> "Run":
    """A run folder as a Run; nothing in the folder is executed."""
    from sparring.runs.run import Run

    return Run(path)


def explore(path: str | Path, tool: str, out: str | Path | None = None, **settings: Any) -> dict[str, Any]:
    """A latent tool on a run (see `runs.explore`): writes pictures or films into `out` and returns what it found."""
    from sparring.runs.explore import TOOLS

    if tool not in TOOLS:
        raise UserError(f"there is no tool {tool!r}{nearest(tool, TOOLS)}")
    run = load_run(path)
    folder = Path(out) if out is not None else run.path / "explore" / tool
    return {"run": str(path), "tool": tool, **TOOLS[tool](run, folder, **settings)}


def score(path: str | Path, items: str) -> list[dict[str, Any]]:
    """The probability that each item of a file or folder is real, with its name."""
    from sparring.runs.data import open_

    run = load_run(path)
    full, source = open_(items)
    if source.kind != run.codec.space.kind:
        raise UserError(f"{items} holds {source.kind}, the run was trained on {run.codec.space.kind}")
    labelled = run.codec.space.labels and source.labels is not None and set(source.classes) <= set(run.codec.space.labels)
    labels = [source.classes[y] for y in source.labels] if labelled and run.game.conditional else None
    from sparring.runs.explore import without_labels

    x = run.codec.encode(without_labels(source))["x"]
    names = getattr(source, "names", None) or range(len(source))
    return [{"item": str(n), "real": round(float(p), 6)} for n, p in zip(names, run.score_compact(x, labels))]


def measure_samples(samples: str, data: str, *, metrics: Iterable[str] = (), n: int | None = None, inception: str | None = None) -> dict[str, Any]:
    """Judges a file or folder of samples (of any program) against data, by the same protocol as a run."""
    from sparring.modalities.kinds import fit
    from sparring.modalities.settings import Encoding
    from sparring.modalities.split import Split
    from sparring.runs.data import open_, prepare
    from sparring.runs.judging import FEWEST, judge_for

    full, source = open_(data)
    made_full, made = open_(samples)
    if made.kind != source.kind:
        raise UserError(f"{samples} holds {made.kind}, {data} holds {source.kind}: they cannot be compared")
    codec = fit(source, Encoding.named(source.kind)())
    held = prepare(full, source, codec, Split())
    judge = judge_for(held, "test", names=metrics, n=n, inception=inception)
    if judge is None:
        raise UserError(f"{data} has {len(held.rows['test'])} held-out items, measuring needs at least {FEWEST}: give more data")
    return {"run": None, "samples": made_full, "data": full, **judge.judge(codec.encode(made))}


def compare(paths: Iterable[str | Path]) -> dict[str, Any]:
    """Runs side by side, judged on the same data (those of the first) by the same protocol: all on the smallest of their test parts,
    since metrics of unequal numbers of items cannot be compared. Its items are in every run's test part, where the data are the same."""
    from sparring.modalities.split import held_out

    runs = [load_run(p) for p in paths]
    if len(runs) < 2:
        raise UserError("compare takes two runs or more")
    kinds = {(r.codec.space.kind, r.codec.space.shape) for r in runs}
    if len(kinds) > 1:
        raise UserError("these runs make items of different kinds or sizes: " + ", ".join(f"{k} {s}" for k, s in sorted(kinds, key=str)))
    data = runs[0].data.text
    parts = min((run.configuration.split for run in runs), key=lambda parts: held_out(len(runs[0].data.source), parts)[1])
    found = [
        run.measure(data=data, split=parts)
        | {"recipe": run.folder.recipe()["recipe"], "rounds": run.status["round"], "verdict": run.doctor()["verdict"]}
        for run in runs
    ]
    return {"data": data, "runs": found}


def machine() -> dict[str, Any]:
    """This machine and installation, for `doctor` without a run."""
    import importlib.metadata
    import importlib.util
    import os

    import torch

    device = devices.best_device()
    threads, speeds = devices.probe_threads()
    extras = {"demo": "mlxtend", "judge": "efficientnet_lite_pytorch", "track": "tensorboardX"}
    findings = []
    if importlib.util.find_spec("torchvision") is not None:
        cause = "torchvision is installed: a build that does not match torch breaks other packages at import, and Sparring does not use it."
        advice = ["pip uninstall torchvision"]
        findings.append({"code": "torchvision", "severity": "warning", "since_round": 0, "evidence": {}, "cause": cause, "advice": advice})
    return {
        "run": None, "verdict": "warning" if findings else "healthy", "findings": findings, "sparring": sparring.__version__,
        "torch": torch.__version__, "device": device, "cores": os.cpu_count(), "fastest threads": threads,
        "thread probe, ms": {str(n): round(1000 * s, 2) for n, s in speeds.items()}, "bf16": devices.has_bf16(device),
        "free memory, bytes": devices.free_memory(), "cache": str(files.cache()),
        "extras": {name: importlib.util.find_spec(module) is not None for name, module in extras.items()},
    }  # fmt: skip


def cache_contents(clear: bool = False) -> dict[str, Any]:
    """The cache's entries; `clear` removes them."""
    import shutil

    entries = files.cache_entries()
    if clear:
        for entry, _, _ in entries:
            shutil.rmtree(entry, ignore_errors=True) if entry.is_dir() else entry.unlink(missing_ok=True)
    return {
        "cache": str(files.cache()), "bytes": sum(size for _, size, _ in entries), "limit": files.CACHE_BYTES, "cleared": clear,
        "entries": [{"name": f"{e.parent.name}/{e.name}", "bytes": size} for e, size, _ in entries],
    }  # fmt: skip


def to_json(document: Any) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
