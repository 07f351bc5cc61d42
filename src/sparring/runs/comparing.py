"""Samples and runs beside others, judged on the same data by the same protocol."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparring.base.errors import UserError

if TYPE_CHECKING:
    from sparring.runs.run import Run


def measure_samples(
    samples: str, data: str, *, metrics: Iterable[str] = (), n: int | None = None, inception: str | None = None, target: str | None = None,
    judge_steps: int | None = None, kind: str | None = None, schema: str | Path | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Judges a file or folder of samples (of any program) against data, by the same protocol as a run.

    kind: points or tables, for a .csv of numbers, which can be both; without, a table where a target, a schema or a metric of tables is asked
    for. schema: a file that says what columns of a table are.
    """
    from sparring.metrics import table_catalogue
    from sparring.modalities.kinds import fit
    from sparring.modalities.open import open_named
    from sparring.modalities.settings import Encoding
    from sparring.modalities.split import Split
    from sparring.runs.data import prepare
    from sparring.runs.judging import FEWEST, judge_for, judge_source

    metrics = tuple(metrics)
    table = target is not None or schema is not None or not table_catalogue.METRICS.keys().isdisjoint(metrics)
    kinds = (kind,) if kind else ("tables",) if table else ()
    full, source = open_named(data, kinds)
    if kind and source.kind != kind:
        raise UserError(f"{data} holds {source.kind}, not {kind}")
    if schema and source.kind != "tables":
        raise UserError(f"{data} holds {source.kind}, and a schema is for tables: leave --schema out")
    made_full, made = open_named(samples, (source.kind,))
    if made.kind != source.kind:
        raise UserError(f"{samples} holds {made.kind}, {data} holds {source.kind}: they cannot be compared")
    codec = fit(source, Encoding.named(source.kind)(**({"schema": str(schema)} if schema else {})))
    held = prepare(full, source, codec, Split())
    judge = judge_for(held, "test", names=metrics, n=n, inception=inception, target=target, judge_steps=judge_steps)
    if judge is None:
        raise UserError(f"{data} has {held.count('test')} held-out items, measuring needs at least {FEWEST}: give more data")
    return {"run": None, "samples": made_full, "data": full, **judge_source(judge, codec, made)}


def compare(paths: Iterable[str | Path], picture: str | Path | None = None, judge_steps: int | None = None) -> dict[str, Any]:
    """Runs side by side, judged on the same data (those of the first) by the same protocol: all on the smallest of their test parts,
    since metrics of unequal numbers of items cannot be compared. Its items are in every run's test part, where the data are the same.

    judge_steps: as of `Run.measure`; picture: a file to draw every run's samples in, a column a run, with real held-out items as the last column.
    """
    from sparring.modalities.split import held_out
    from sparring.runs.run import Run

    runs = [Run(p) for p in paths]
    if len(runs) < 2:
        raise UserError("compare takes two runs or more")
    kinds = {(r.codec.space.kind, r.codec.space.shape) for r in runs}
    if len(kinds) > 1:
        raise UserError("these runs make items of different kinds or sizes: " + ", ".join(f"{k} {s}" for k, s in sorted(kinds, key=str)))
    if picture is not None:                                                 # before minutes of measuring
        from sparring.modalities.images import PICTURES
        from sparring.runs.explore import pictures

        for run in runs:
            pictures(run)
        if Path(picture).suffix.lower() not in PICTURES:
            raise UserError(f"samples cannot be drawn in {picture}: end the name in .png, .jpg or .webp")
    data = runs[0].data.text
    parts = min((run.configuration.split for run in runs), key=lambda parts: held_out(len(runs[0].data.source), parts)[1])
    found = [
        run.measure(data=data, split=parts, judge_steps=judge_steps)
        | {"recipe": run.folder.recipe()["recipe"], "rounds": run.status["round"], "verdict": run.doctor()["verdict"]}
        for run in runs
    ]
    drawn = {"picture": side_by_side(runs, Path(picture))} if picture is not None else {}
    return {"data": data, "runs": found} | drawn


def side_by_side(runs: "list[Run]", out: Path) -> str:
    """Samples of several runs of pictures as one file."""
    import numpy as np

    from sparring.modalities.images import grid
    from sparring.runs.explore import write_picture

    each, columns = 50, []
    for run in runs:
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
