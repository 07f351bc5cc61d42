"""Synthetic rows of the Adult census, official split: how alike real rows they are, and what a model learns from them.

    python -m benchmarks.tables --adult FOLDER [--recipes table-vae table-gan] [--seeds 0 1 2] [--threads 1] [--set path=value ...]

FOLDER holds train.csv and test.csv. Each recipe trains on the training file for its own number of rounds. As many rows as the test file has are
then judged by the metrics of tables: beside training rows (shapes, pairs, C2ST), and on the test rows, by a model of `income` that learnt
from them. The rows `held-out` and `marginals` say what perfect rows and independent columns get. Seconds are of the whole training,
reading and judging at ticks included; the processor's are beside them, since another process may be running.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import pyarrow as pa
import torch

import sparring
from benchmarks.machine import write_result
from sparring.metrics.tables import TableJudge, worst
from sparring.modalities.table_source import open_table

TARGET = "income"
BARS = {
    "table-vae": {"seconds": 60, "shapes": 0.98, "pairs": 0.955, "tstr": 0.90, "c2st": 0.66},
    "table-gan": {"seconds": 150, "shapes": 0.978, "pairs": 0.955, "tstr": 0.885, "c2st": 0.70},
}


def one(recipe: str, seed: int, options: argparse.Namespace, judge: TableJudge, n: int, folder: Path) -> dict:
    start, processor = time.perf_counter(), time.process_time()
    settings = {"hardware.threads": options.threads} | dict(s.split("=", 1) for s in options.set)
    run = sparring.train(recipe, str(options.adult / "train.csv"), run=folder / f"{recipe}-{seed}", seed=seed, settings=settings)
    seconds = {"seconds": round(time.perf_counter() - start, 1), "processor seconds": round(time.process_time() - processor, 1)}
    start = time.perf_counter()
    rows = pa.concat_tables(run.parts(n, seed=1))
    rate = round(n / (time.perf_counter() - start))
    metrics = judge.judge(rows)["metrics"]
    return {
        "recipe": recipe, "seed": seed, "rounds": run.status["round"], "batch": run.configuration.batch, **seconds, "rows drawn a second": rate,
        "checkpoint": run.checkpoint.name, "verdict": run.doctor()["verdict"], "set": options.set,
        "metrics": {name: {k: round(m[k], 4) for k in ("value", "floor", "baseline", "control", "skill") if k in m} for name, m in metrics.items()},
        "worst": worst(metrics, 3),
    }  # fmt: skip


def reached(rows: list[dict]) -> dict:
    """The median over seeds beside the bar of each recipe."""
    found = {}
    for recipe, bars in BARS.items():
        some = [row for row in rows if row["recipe"] == recipe]
        value = lambda row, name: row["processor seconds"] if name == "seconds" else row["metrics"][name]["value"]
        if some:
            found[recipe] = {name: [round(statistics.median(value(row, name) for row in some), 4), bar] for name, bar in bars.items()}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--adult", type=Path, required=True)
    parser.add_argument("--recipes", nargs="+", default=list(BARS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--threads", default="1")
    parser.add_argument("--set", nargs="*", default=[], help="settings, path=value")
    parser.add_argument("--out", default="benchmarks/results/tables-adult.json")
    options = parser.parse_args()
    torch.set_num_threads(1)
    training = open_table(options.adult / "train.csv")
    test = open_table(options.adult / "test.csv").like(training.columns)
    judge, rows = TableJudge(training.table, test.table, training.columns, target=TARGET, n=len(test)), []
    with tempfile.TemporaryDirectory() as folder:
        for recipe in options.recipes:
            for seed in options.seeds:
                rows.append(one(recipe, seed, options, judge, len(test), Path(folder)))
                print({name: rows[-1][name] for name in ("recipe", "seed", "processor seconds")}, rows[-1]["metrics"], flush=True)
    result = {"data": "Adult, official split", "columns": len(training.columns), "n": len(test), "target": TARGET}
    write_result(options.out, result | {"median and bar": reached(rows), "rows": rows})


if __name__ == "__main__":
    main()
