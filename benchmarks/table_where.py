"""Rows that are asked for, over every category of every column of Adult: do they obey, and how real are they?

    python -m benchmarks.table_where --adult FOLDER [--recipes table-vae table-gan] [-n 1000] [--few 50] [--seed 0] [--threads 1]

For each category n rows are drawn with that condition (`sample --where column=category`; missing values are a category too). All must have it.
Then boosted trees tell them from real rows of that category (C2ST: AUC of metrics/table_detection.py, 0.5 is best) without that column, and the
same of what overwriting would give: rows drawn without a condition, the column replaced. Real rows are those of both files, at most n of
them; of categories with fewer than --few only the first question is asked. Rows of earlier calls with other recipes are kept.
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import torch

import sparring
from benchmarks.machine import write_result
from benchmarks.table_peers import shortened
from sparring.base.errors import UserError
from sparring.metrics.table_detection import c2st
from sparring.metrics.table_rows import some
from sparring.metrics.table_sets import replaced
from sparring.modalities.table_columns import Column
from sparring.modalities.table_source import open_table
from sparring.modalities.table_types import as_text

WORST = 10


def categories(table: pa.Table, columns: tuple[Column, ...]) -> list[tuple[Column, pa.Scalar, str]]:
    """Every value of every column of words or truth values, and how it is written; nothing for missing ones."""
    found = []
    for column in columns:
        if column.kind in ("category", "boolean"):
            values = pc.unique(table.column(column.name))
            texts = as_text(pa.table([values], names=[column.name]), (column,)).column(0).to_pylist()
            found += [(column, value, text if value.is_valid else "") for value, text in zip(values, texts)]
    return found


def has(rows: pa.Table, name: str, value: pa.Scalar) -> pa.ChunkedArray:
    column = rows.column(name)
    return pc.equal(column, value).fill_null(False) if value.is_valid else column.is_null()


def auc(real: pa.Table, rows: pa.Table, columns: list[Column]) -> float:
    return round(statistics.mean(c2st(real, rows, columns)), 4)


def one(run: sparring.Run, column: Column, value: pa.Scalar, text: str, real: pa.Table, free: pa.Table, options: argparse.Namespace) -> dict:
    """A category. real: all real rows that have it; free: rows of the run without a condition."""
    where, start = (f"{column.name}={text}",), time.perf_counter()
    row = {"category": where[0], "real rows": len(real)}
    try:
        rows = pa.concat_tables(run.parts(options.n, seed=1, where=where))
    except UserError as reason:
        return row | {"satisfied": 0, "refused": str(reason)}
    row |= {"satisfied": pc.sum(has(rows, column.name, value)).as_py(), "seconds": round(time.perf_counter() - start, 2)}
    row |= {"acceptance": float(f"{run.asking(where).acceptance:.4g}")}
    if len(real) < options.few:
        return row
    others = [other for other in run.codec.columns if other.name != column.name]
    overwritten = replaced(free, column.name, pa.repeat(value, len(free)))
    real = some(real, options.n, "where", where)
    return row | {"c2st": auc(real, rows, others), "c2st overwritten": auc(real, overwritten, others)}


def summary(rows: list[dict], n: int) -> dict:
    measured = [row for row in rows if "c2st" in row]
    middle = lambda name: round(statistics.median(row[name] for row in measured), 4) if measured else None
    ahead = lambda row: row["c2st"] - row["c2st overwritten"]
    return {
        "categories": len(rows), "in which all rows obey": sum(row["satisfied"] == n for row in rows),
        "refused": [row["category"] for row in rows if "refused" in row], "measured": len(measured),
        "in which asking is better": sum(ahead(row) < 0 for row in measured),
        "median c2st": middle("c2st"), "median c2st overwritten": middle("c2st overwritten"),
        "worst": sorted(measured, key=lambda row: -row["c2st"])[:WORST],
        "overwriting is no worse": sorted((row for row in measured if ahead(row) >= 0), key=ahead, reverse=True)[:WORST],
        "too few real rows to measure": [row for row in rows if "c2st" not in row],
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--adult", type=Path, required=True)
    parser.add_argument("--recipes", nargs="+", default=["table-vae", "table-gan"])
    parser.add_argument("-n", type=int, default=1000, help="rows of each category, and most real ones")
    parser.add_argument("--few", type=int, default=50, help="real rows below which a category is not measured")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rows", type=int, help="of each file, the first so many")
    parser.add_argument("--rounds", type=int, help="of all recipes, instead of their own")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/table-where.json"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    before = json.loads(options.out.read_text())["result"] if options.out.exists() else {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file, test = (shortened(options.adult / part, options.rows, folder / part) for part in ("train.csv", "test.csv"))
        training = open_table(file)
        real = pa.concat_tables([training.table, open_table(test).like(training.columns).table])
        head = {"data": "Adult, official split", "n": options.n, "few": options.few, "real rows": len(real)}
        result = head | {"recipes": before.get("recipes", {}) if {k: before.get(k) for k in head} == head else {}}
        for recipe in options.recipes:
            settings = {"hardware.threads": options.threads}
            run = sparring.train(recipe, str(file), run=folder / recipe, seed=options.seed, rounds=options.rounds, settings=settings)
            start, free, rows = time.perf_counter(), pa.concat_tables(run.parts(options.n, seed=2)), []
            for column, value, text in categories(training.table, run.codec.columns):
                rows.append(one(run, column, value, text, real.filter(has(real, column.name, value)), free, options))
                print(recipe, rows[-1], flush=True)
            found = {"rounds": run.status["round"], "seed": options.seed, "seconds": round(time.perf_counter() - start), **summary(rows, options.n)}
            result["recipes"][recipe] = found | {"rows": rows}
            write_result(str(options.out), result)


if __name__ == "__main__":
    main()
