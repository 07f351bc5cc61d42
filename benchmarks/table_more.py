"""Tables of other kinds: our recipes, and the TVAE of the `ctgan` package in the time of `table-vae`, each judged by every metric.

    python -m benchmarks.table_more --tables diamonds.csv:price birdstrikes.csv:"Phase of flight" breast-cancer --peer-python PYTHON
        [--recipes table-vae table-gan tvae] [--seeds 0] [--threads 1]

A table is FILE:COLUMN, the column being what `tstr` and `augmented` predict, or breast-cancer, which scikit-learn brings. The others lie in packages:
diamonds.csv in plotnine (PyPI; 53,940 rows of numbers and words), birdstrikes.csv in vega-datasets (npm; 10,000 rows with dates, many words and
missing values). A fifth of the rows, drawn at random, is the test; as many rows as that has, 10,000 at most, are judged. TVAE has the table as
benchmarks/peers.py makes it, and as many epochs as fit into the processor's seconds of `table-vae`, preparation included (or apart, with
`--free-preparation`), at least one.

Beside every value stand real held-out rows (floor) and independent columns (baseline). The verdict asks of each of our rows whether `pairs`, `c2st`
and `tstr` are better than independent columns (whose `shapes` are perfect), and whether they and `shapes` are no worse than TVAE's.
Rows of earlier calls are kept.
"""

import argparse
import itertools
import json
import statistics
import tempfile
from pathlib import Path

import torch

from benchmarks.machine import write_result
from benchmarks.peers import Form, Peer
from benchmarks.table_peers import COMPARED, Task, epochs_in, opening, own, theirs
from sparring.metrics.table_rows import some
from sparring.metrics.tables import TableJudge
from sparring.modalities.table_source import open_table
from sparring.modalities.table_writing import write_parts
from sparring.recipes.recipe import RECIPES

TEST = 5
LEARNT = ("pairs", "c2st", "tstr")


def breast_cancer(folder: Path) -> str:
    from sklearn.datasets import load_breast_cancer

    data = load_breast_cancer(as_frame=True)
    frame = data.data.assign(diagnosis=data.target_names[data.target])
    frame.to_csv(folder / "breast-cancer.csv", index=False)
    return f"{folder / 'breast-cancer.csv'}:diagnosis"


def task_of(text: str, folder: Path, peer: Peer, rows: int | None) -> tuple[str, Task, dict]:
    """The table cut into training and test: its name, what rows are judged by, and what it holds."""
    path, _, target = (breast_cancer(folder) if text == "breast-cancer" else text).rpartition(":")
    whole = open_table(path)
    drawn = some(whole.table, rows or len(whole), "benchmark")
    at, file, test = len(drawn) // TEST, folder / f"{whole.name}-train.csv", folder / f"{whole.name}-test.csv"
    write_parts([drawn.slice(at)], whole.columns, file)
    write_parts([drawn.slice(0, at)], whole.columns, test)
    training = open_table(file)
    held_out = open_table(test).like(training.columns)
    judge = TableJudge(training.table, held_out.table, training.columns, target=target)
    facts = {
        "training rows": len(training), "test rows": len(held_out), "target": target, "columns": training.describe()["types"],
        "missing values": sum(column.null_count for column in training.table.columns), "left out": whole.dropped | training.dropped,
    }  # fmt: skip
    form = Form(training.table, training.columns, peer.file(f"{whole.name}.csv"))
    return whole.name, Task(file, judge, min(len(held_out), judge.n), form), facts


def verdict(rows: list[dict]) -> list[dict]:
    """Of each of our recipes, by medians over seeds: in what it is no better than independent columns, and in what it is worse than TVAE."""
    groups = {model: [row["metrics"] for row in rows if row["model"] == model] for model in dict.fromkeys(row["model"] for row in rows)}
    middle = lambda found, name, of: round(statistics.median(metrics[name][of] for metrics in found), 4)
    values = {model: {name: middle(found, name, "value") for name in COMPARED if all(name in m for m in found)} for model, found in groups.items()}
    tvae, said = values.pop("TVAE", None), []
    for model, mine in values.items():
        graded = [name for name in LEARNT if name in mine and all("skill" in metrics[name] for metrics in groups[model])]
        trivial = {name: mine[name] for name in graded if middle(groups[model], name, "skill") <= 0}
        worse = {name: [mine[name], tvae[name]] for name in mine if tvae and COMPARED[name] * (mine[name] - tvae[name]) < 0}
        row = {"model": model, "seeds": len(groups[model]), "no better than independent columns": trivial, "worse than TVAE": worse}
        said.append(row | {"good": bool(tvae) and not trivial and not worse})
    return said


def joined(rows: list[dict], row: dict) -> list[dict]:
    """The rows with this one, which replaces the one of the same model and seed."""
    return [*(old for old in rows if (old["model"], old["seed"]) != (row["model"], row["seed"])), row]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tables", nargs="+", default=["breast-cancer"], metavar="FILE:COLUMN")
    parser.add_argument("--peer-python", type=Path, required=True)
    parser.add_argument("--recipes", nargs="+", default=[recipe for recipe in ("table-vae", "table-gan", "tvae") if recipe in RECIPES])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--free-preparation", action="store_true", help="TVAE has the seconds for training alone")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rows", type=int, help="of each table, so many at random")
    parser.add_argument("--rounds", type=int, help="of all recipes, instead of their own")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/table-more.json"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    tables = json.loads(options.out.read_text())["result"]["tables"] if options.out.exists() else {}
    with tempfile.TemporaryDirectory() as folder, Peer(options.peer_python, options.threads) as peer:
        for text in options.tables:
            name, task, facts = task_of(text, Path(folder), peer, options.rows)
            before = tables.get(name, {})
            rows = before["rows"] if {k: before.get(k) for k in facts} == facts else []

            def keep(row: dict) -> None:
                rows[:] = joined(rows, row)
                print(name, json.dumps({k: v for k, v in row.items() if k != "worst"}), flush=True)
                tables[name] = facts | {"verdict": verdict(rows), "rows": rows}
                write_result(str(options.out), {"compared with TVAE": list(COMPARED), "tables": tables})

            for seed, recipe in itertools.product(options.seeds, options.recipes):
                keep(own(recipe, task, Path(folder) / name, seed=seed, threads=options.threads, rounds=options.rounds))
                if recipe == "table-vae":
                    preparation, an_epoch = opening("TVAE", task, peer)
                    epochs = epochs_in(rows[-1]["processor seconds"], 0.0 if options.free_preparation else preparation, an_epoch)
                    keep({**theirs("TVAE", task, peer, epochs=epochs, seed=seed), "preparation free": options.free_preparation})


if __name__ == "__main__":
    main()
