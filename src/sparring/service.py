"""The public functions behind `import sparring`, the command line and the studio: typed, and without a terminal's habits."""

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import sparring.recipes  # noqa: F401 - registers
from sparring.base import devices, files
from sparring.base.errors import UserError, nearest
from sparring.base.settings import Row, dump, rows
from sparring.recipes.recipe import RECIPES, Configuration, Facts, configure, find
from sparring.runs.planning import carry_out, check_length, conclude, example_space, gather, plan

if TYPE_CHECKING:
    from sparring.playground.frames import Playground, View
    from sparring.playground.settings import Play
    from sparring.runs.exploring import Exploration, Projected
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
        from sparring.metrics.table_catalogue import METRICS as TABLES

        every = [*METRICS.values(), *TABLES.values()]
        return [{"name": m.name, "better": m.better, "summary": m.about, "source": m.source} for m in every]
    raise UserError(f"there is no catalogue of {what!r}: recipes, games, data or metrics")


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


def inspect(data: str, kind: str | None = None, schema: str | Path | None = None) -> dict[str, Any]:
    """What is in a collection: kind, count, sizes, labels, types, corrupt and duplicate items.

    kind: points or tables, for a .csv of numbers, which can be both. schema: a file that says what columns of a table are.
    """
    from sparring.modalities.open import open_named
    from sparring.modalities.split import Split, held_out

    full, source = open_named(data, (kind,) if kind else ("tables",) if schema else ())
    kept = {}
    if kind and source.kind != kind:
        raise UserError(f"{data} holds {source.kind}, not {kind}")
    if schema:
        if source.kind != "tables":
            raise UserError(f"{data} holds {source.kind}, and a schema is for tables: leave --schema out")
        from sparring.modalities.table_columns import read_schema
        from sparring.modalities.table_rules import fit_constraints

        said = read_schema(schema)
        source = source.told(said)
        kept = {"constraints": fit_constraints(said, source).described()} if said.rules else {}
    validation, test = held_out(len(source), Split())
    return {"data": full, **source.describe(), **kept, "split": {"train": len(source) - validation - test, "validation": validation, "test": test}}


# ---- training


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


def fit(
    frame: Any,
    recipe: str = "table-gan",
    *,
    target: str | None = None,
    seed: int = 0,
    minutes: float | None = None,
    rounds: int | None = None,
    settings: Mapping[str, Any] | None = None,
    run: str | Path | None = None,
    display: "Display | None" = None,
) -> "Run":
    """Trains a recipe of tables on a frame (pandas, polars, a pyarrow.Table, or a dict of arrays) and returns the finished run.

    The columns that are modelled are kept in the run folder as data.parquet, so that the run can be resumed and measured: who has the folder
    has the data. target: the column that `tstr` and `augmented` predict when it is measured. The rest as for `train`.
    """
    began = time.perf_counter()
    if rounds is not None and minutes is not None:
        raise UserError("give rounds or minutes, not both")
    check_length(rounds, minutes)
    told = {} if target is None else {"encoding.target": target}
    planned = plan(recipe, frame, run=run, rounds=rounds, seed=seed, settings=told | dict(settings or {}))
    return carry_out(planned, minutes=minutes, began=began, display=display)


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
        rounds_played = folder.status().get("stopped") or f"{done} rounds"
        display.note(f"{path} is finished ({rounds_played}): give --rounds to go on, or use `sparring sample`")
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


def exploration(path: str | Path, checkpoint: str = "best", projected: "dict[str, Projected] | None" = None) -> "Exploration":
    """A run as pages explore it: what they ask for (`runs.wishes`) as pictures and rows. `projected`: pictures that were projected before."""
    from sparring.runs.exploring import Exploration
    from sparring.runs.run import Run

    return Exploration(Run(path, checkpoint), {} if projected is None else projected)


def transform(
    path: str | Path, given: str | Path, out: str | Path, *, mask: str | Path | None = None, scale: int | None = None,
    direction: str | None = None, tile: int = 256, display: "Display | None" = None,
) -> dict[str, Any]:  # fmt: skip
    """What a run makes of a picture, or of every picture of a folder: enlarges, fills in, cleans, colours, translates. See
    `runs.transforming`.

    `mask`: white where a picture is to be filled in. `scale`: to be sure of it; a run enlarges as it was trained to. `direction`: a2b, or
    b2a for runs that translate both ways. `tile`: side in pixels of what the network sees at once.
    """
    from sparring.runs import applying

    mask = None if mask is None else Path(mask)
    return applying.transform(load_run(path), Path(given), Path(out), mask=mask, scale=scale, direction=direction, tile=tile, display=display)


def score(path: str | Path, items: str) -> list[dict[str, Any]]:
    """The probability that each item of a file or folder is real, with its name."""
    from sparring.modalities.open import open_named

    run = load_run(path)
    full, source = open_named(items, (run.codec.space.kind,))
    if source.kind != run.codec.space.kind:
        raise UserError(f"{items} holds {source.kind}, the run was trained on {run.codec.space.kind}")
    labelled = run.codec.space.labels and source.labels is not None and set(source.classes) <= set(run.codec.space.labels)
    labels = [source.classes[y] for y in source.labels] if labelled and run.game.conditional else None
    from sparring.runs.explore import without_labels

    x = run.codec.encode(without_labels(source))["x"]
    names = getattr(source, "names", None) or range(len(source))
    return [{"item": str(n), "real": round(float(p), 6)} for n, p in zip(names, run.score_compact(x, labels))]


def measure_samples(
    samples: str, data: str, *, metrics: Iterable[str] = (), n: int | None = None, inception: str | None = None, target: str | None = None
) -> dict[str, Any]:
    """Judges a file or folder of samples (of any program) against data, by the same protocol as a run."""
    from sparring.modalities.kinds import fit
    from sparring.modalities.open import open_named
    from sparring.modalities.settings import Encoding
    from sparring.modalities.split import Split
    from sparring.runs.data import prepare
    from sparring.runs.judging import FEWEST, judge_for, judge_source

    full, source = open_named(data)
    made_full, made = open_named(samples, (source.kind,))
    if made.kind != source.kind:
        raise UserError(f"{samples} holds {made.kind}, {data} holds {source.kind}: they cannot be compared")
    codec = fit(source, Encoding.named(source.kind)())
    held = prepare(full, source, codec, Split())
    judge = judge_for(held, "test", names=metrics, n=n, inception=inception, target=target)
    if judge is None:
        raise UserError(f"{data} has {held.count('test')} held-out items, measuring needs at least {FEWEST}: give more data")
    return {"run": None, "samples": made_full, "data": full, **judge_source(judge, codec, made)}


def compare(paths: Iterable[str | Path], picture: str | Path | None = None) -> dict[str, Any]:
    """Runs side by side, judged on the same data (those of the first) by the same protocol: all on the smallest of their test parts,
    since metrics of unequal numbers of items cannot be compared. Its items are in every run's test part, where the data are the same.

    picture: a file to draw every run's samples in, a column a run, with real held-out items as the last column.
    """
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
    drawn = {"picture": side_by_side(runs, Path(picture))} if picture is not None else {}
    return {"data": data, "runs": found} | drawn


def side_by_side(runs: "list[Run]", out: Path) -> str:
    """Samples of several runs of pictures as one file."""
    import numpy as np

    from sparring.modalities.images import grid
    from sparring.runs.explore import pictures, write_picture

    each, columns = 50, []
    for run in runs:
        pictures(run)
        names = run.codec.space.labels if run.game.conditional else ()
        columns.append(run.sample(each, seed=0, label=[names[i * len(names) // each] for i in range(each)] if names else None))
    test = runs[0].data.part("test")
    rows = test["y"].argsort(stable=True) if "y" in test and test["y"].ndim == 1 else np.arange(len(test["x"]))
    chosen = rows[np.linspace(0, len(rows) - 1, min(each, len(rows))).astype(int)]
    columns.append(runs[0].codec.decode(runs[0].codec.expand({"x": test["x"][chosen]})["x"]))
    sheets = [grid(column, np.arange(len(column)) // 5) for column in columns]
    height = max(sheet.shape[0] for sheet in sheets)
    padded = [np.pad(s, ((0, height - s.shape[0]), (0, 24)) + ((0, 0),) * (s.ndim - 2), constant_values=255) for s in sheets]
    return write_picture(np.concatenate(padded, 1), out)


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


# ---- runs at a glance, without torch


def runs(folder: str | Path = "runs") -> list[dict[str, Any]]:
    """The runs in a folder, the latest first (`runs.listing.glance`)."""
    from sparring.runs.listing import listed

    return listed(Path(folder))


def glance(path: str | Path) -> dict[str, Any]:
    """One run at a glance."""
    from sparring.runs import listing

    return listing.glance(Path(path))


def overview(path: str | Path) -> dict[str, Any]:
    """A run at a glance, with its settings as rows, what was derived and why, its last measurement, findings with advice, and previews."""
    from sparring.runs import health, listing
    from sparring.runs.folder import Folder

    folder = Folder.existing(path)
    saved = folder.recipe()
    return glance(path) | {
        "seed": saved["seed"], "why": saved["why"], "settings": [asdict(row) for row in setting_rows(folder.configuration())],
        "about": files.read_json(folder.path / "data.json"), "measurement": folder.measured(), "previews": listing.previews(folder.path),
        "diagnosis": health.diagnosis(str(path), folder.events()), "report": (folder.path / "report.html").is_file(),
    }  # fmt: skip


def log(path: str | Path, after: int = 0) -> tuple[list[dict[str, Any]], int, str]:
    """Events of a run's log from a byte on, where the next piece begins, and the run's state."""
    from sparring.runs.folder import Folder
    from sparring.runs.listing import events_after

    return *events_after(Path(path), after), Folder(path).status()["state"]


def previews(path: str | Path) -> list[str]:
    """Names of a run's previews, by round."""
    from sparring.runs import listing

    return listing.previews(Path(path))


def run_name(folder: str | Path, recipe: str, data: str) -> str:
    """The first name of the form recipe-data-number that is free in a folder."""
    from sparring.runs.folder import new_run_path

    return new_run_path(Path(folder), find(recipe).name, Path(data.partition("::")[0]).stem).name


# ---- the playground


def playground(
    history: Mapping[str, Any] | None = None,
    *,
    preset: str | None = None,
    step: int | None = None,
    family: str = "gan",
    settings: Mapping[str, Any] | None = None,
    seed: int = 0,
) -> "Playground":
    """A game in the plane: at a state that `history` told, or begun from a preset, a step of the course, or a family with settings by path."""
    from sparring.playground.frames import Playground
    from sparring.playground.presets import COURSE, begun

    if history is not None:
        return Playground.at(history)
    if preset is not None:
        return Playground(begun(playground_preset(preset)["begin"], seed=seed))
    if step is not None:
        if not 0 <= step < len(COURSE):
            raise UserError(f"the course has {len(COURSE)} steps, from 0 on")
        at = Playground(begun(COURSE[step].begin, COURSE[step].family, seed))
        at.travel(COURSE[step].rounds)
        return at
    return Playground(begun(dict(settings or {}), family, seed))


def playground_preset(name: str) -> dict[str, Any]:
    from sparring.playground.presets import PRESETS

    found = {preset.name: preset for preset in PRESETS}
    if name not in found:
        raise UserError(f"there is no preset {name!r}{nearest(name, found)}")
    return dump(found[name])


def playground_view(view: Mapping[str, Any]) -> "View":
    """What of a game is drawn; UserError for what cannot be."""
    from sparring.base.settings import load
    from sparring.playground.frames import View

    return load(View, dict(view), "the view")


def playground_settings(play: "Play") -> dict[str, Any]:
    """Of a game: all of its settings as plain values, and as rows for a form."""
    return {"play": dump(play), "rows": [asdict(row) for row in rows(play)]}


def playground_catalogue() -> dict[str, Any]:
    """What a playground offers, without torch: families, shapes, failures with their cures, and the course."""
    from sparring.games.settings import ObjectiveName
    from sparring.playground.presets import COURSE, PRESETS
    from sparring.playground.settings import FAMILIES, Play, Shape

    return {
        "families": dict(FAMILIES), "shapes": {kind: (c.__doc__ or "").strip().split("\n")[0] for kind, c in Shape.choices().items()},
        "objectives": list(get_args(ObjectiveName)), "presets": [dump(p) for p in PRESETS], "course": [dump(s) for s in COURSE],
        **playground_settings(Play()),
    }  # fmt: skip
