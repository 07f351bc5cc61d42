"""The public functions behind `import sparring`, the command line and the studio: typed, and without a terminal's habits."""

import json
import time
from collections.abc import Collection, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sparring.recipes  # noqa: F401 - registers
from sparring.base import files
from sparring.base.errors import UserError, nearest
from sparring.base.settings import Row, dump, rows
from sparring.playground.opening import playground, playground_catalogue, playground_preset, playground_settings, playground_view  # noqa: F401
from sparring.recipes.recipe import RECIPES, Configuration, Facts, configure, find
from sparring.runs.comparing import compare, measure_samples  # noqa: F401 - public from here
from sparring.runs.machine import cache_contents, machine  # noqa: F401
from sparring.runs.planning import carry_out, check_length, conclude, concluded, example_space, gather, plan

if TYPE_CHECKING:
    from sparring.runs.exploring import Exploration
    from sparring.runs.exploring_latents import Projected
    from sparring.runs.progress import Display
    from sparring.runs.run import Run

# ---- the catalogue


def catalogue(what: str = "recipes") -> list[dict[str, Any]]:
    """Recipes, games, data or metrics, a dict each."""
    if what == "recipes":
        return [
            {"name": r.name, "task": r.task, "takes": list(r.modalities), "needs labels": r.labelled, "summary": r.summary, "papers": list(r.papers)}
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

    display, began = display or Quiet(), time.perf_counter()
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
        if not concluded(folder.path, data.count("test")):                    # it was stopped after the last round
            with folder.lock:
                folder.sweep()
            return conclude(folder.path, display)
        rounds_played = folder.status().get("stopped") or f"{done} rounds"
        display.note(f"{path} is finished ({rounds_played}): give --rounds to go on, or use `sparring sample`")
        return Run(path)
    display.begin(total, done)
    Playing(folder, data, display).play(stop_after=None if minutes is None else 60 * minutes - (time.perf_counter() - began))
    if folder.status()["state"] != "finished":
        display.note(f"stopped at round {folder.status()['round']:,} of {total:,}: `sparring resume {path}` goes on")
        return Run(path)
    return conclude(folder.path, display)


def environment_of(saved: Mapping[str, Any]) -> str:
    """What differs between where a run began and here, of the things that bits depend on."""
    from sparring.runs.machine import environment

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
    direction: str | None = None, tile: int | None = None, display: "Display | None" = None,
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


def to_json(document: Any) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)


# ---- runs at a glance, without torch


def runs(folder: str | Path = "runs", names: Collection[str] = ()) -> list[dict[str, Any]]:
    """The runs in a folder, the latest first (`runs.listing.glance`). `names`: only these."""
    from sparring.runs.listing import listed

    return listed(Path(folder), names)


def glance(path: str | Path) -> dict[str, Any]:
    """One run at a glance."""
    from sparring.runs import listing

    return listing.glance(Path(path))


def overview(path: str | Path) -> dict[str, Any]:
    """A run at a glance, with its settings as rows, what was derived and why, its last measurement, findings with advice, previews, checkpoints."""
    from sparring.runs import health, listing
    from sparring.runs.folder import Folder

    folder = Folder.existing(path)
    saved = folder.recipe()
    return glance(path) | {
        "seed": saved["seed"], "why": saved["why"], "settings": [asdict(row) for row in setting_rows(folder.configuration())],
        "about": files.read_json(folder.path / "data.json"), "measurement": folder.measured(), "previews": listing.previews(folder.path),
        "diagnosis": health.diagnosis(str(path), folder.events(), folder.status()), "report": (folder.path / "report.html").is_file(),
        "checkpoints": [checkpoint.name for checkpoint in folder.checkpoints()],
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
