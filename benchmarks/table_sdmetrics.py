"""Our shapes and pairs beside those of SDMetrics: the same numbers where its definition is right, other ones where it is wrong.

    python -m benchmarks.table_sdmetrics --adult FOLDER --peer-python PYTHON [--samples FILE] [-n 10000]

PYTHON is that of an environment with `sdmetrics`. n training rows of Adult stand beside each of: test rows, independent columns, and the rows of
--samples (of any program) where given.

agreement   every column by KSComplement or TVComplement, every pair of numbers by CorrelationSimilarity, every other pair by
            ContingencySimilarity, where SDMetrics is handed numbers as the ten bins of the real column. Rows with a missing value are left
            out of a column or pair, since SDMetrics does not count them and we do.
unit        rows in which one number is x -> 1000 x + 5000 (test rows, and the real rows themselves), by the pairs of SDMetrics' quality report,
            which bins each side by its own range, and by ours. A correlation has no unit, so pairs of numbers cannot tell; those of that
            number with categories must. Pairs are those that SDMetrics counts: it leaves out what goes together weakly in the real rows.
"""

import argparse
import itertools
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from benchmarks.machine import write_result
from benchmarks.peers import Peer
from sparring.metrics.table_rows import is_number, some
from sparring.metrics.table_sets import Sets, replaced
from sparring.metrics.table_shapes import bins, pairs, shapes
from sparring.modalities.table_columns import Column
from sparring.modalities.table_source import open_table

NUMBER = "age"


class Asked:
    """What SDMetrics is asked, a score each, beside ours."""

    def __init__(self, peer: Peer):
        self.peer, self.questions, self.ours = peer, [], []

    def add(self, how: str, real: pa.Table, synthetic: pa.Table, ours: float, words: list[str]) -> None:
        files = {side: str(self.peer.file(f"{len(self.questions)}-{side}.csv")) for side in ("real", "synthetic")}
        for side, rows in (("real", real), ("synthetic", synthetic)):
            csv.write_csv(rows, files[side])
        self.questions.append({"how": how, "words": words, **files})
        self.ours.append(ours)

    def answers(self) -> tuple[str, dict]:
        """By metric: how many scores, and how far they are from ours at most."""
        answer = self.peer.ask("compare", asked=self.questions)
        apart: dict[str, list[float]] = {}
        for question, ours, value in zip(self.questions, self.ours, answer["values"]):
            apart.setdefault(question["how"], []).append(abs(ours - value))
        return answer["program"], {how: {"scores": len(found), "furthest apart": float(f"{max(found):.2g}")} for how, found in apart.items()}


def known(rows: pa.Table, columns: list[Column]) -> pa.Table:
    """The rows of these columns that have all values, words as text."""
    return rows.select([column.name for column in columns]).drop_null()


def agreement(peer: Peer, real: pa.Table, synthetic: pa.Table, columns: tuple[Column, ...]) -> tuple[str, dict]:
    asked = Asked(peer)
    for column in columns:
        a, b = known(real, [column]), known(synthetic, [column])
        words = [] if is_number(column) else [column.name]
        asked.add("TVComplement" if words else "KSComplement", a, b, shapes(a, b, [column])[column.name], words)
    for pair in itertools.combinations(columns, 2):
        a, b = known(real, list(pair)), known(synthetic, list(pair))
        ours = float(pairs(a, b, pair)[0, 1])
        if all(is_number(column) for column in pair):
            asked.add("CorrelationSimilarity", a, b, ours, [])
        else:
            asked.add("ContingencySimilarity", in_bins(a, a, pair), in_bins(a, b, pair), ours, [column.name for column in pair])
    return asked.answers()


def in_bins(real: pa.Table, rows: pa.Table, columns: tuple[Column, ...]) -> pa.Table:
    """Words as they are, numbers as the bins of the real column."""
    number = lambda table, name: table.column(name).cast(pa.float64()).to_numpy()
    of = lambda c: pa.array(bins(number(real, c.name), number(rows, c.name))[0]).cast(pa.string()) if is_number(c) else rows.column(c.name)
    return pa.table({column.name: of(column) for column in columns})


def unit(peer: Peer, real: pa.Table, test: pa.Table, columns: tuple[Column, ...]) -> list[dict]:
    """The mean of the pairs of `NUMBER` with categories and with numbers, before and after it changes its unit, and of all pairs."""
    real, test = real.drop_null(), test.drop_null()
    spoilt, how = lambda rows: replaced(rows, NUMBER, pc.add(pc.multiply(rows.column(NUMBER), 1000), 5000)), f"{NUMBER} -> 1000 {NUMBER} + 5000"
    words, names, found = [column.name for column in columns if not is_number(column)], [column.name for column in columns], []
    for what, synthetic in (("test rows", test), (f"test rows, {how}", spoilt(test)), (f"the real rows, {how}", spoilt(real))):
        files = {side: peer.file(f"report-{side}.csv") for side in ("real", "synthetic")}
        csv.write_csv(real, files["real"])
        csv.write_csv(synthetic, files["synthetic"])
        said = peer.ask("report", words=words, **{side: str(file) for side, file in files.items()})
        theirs = {frozenset(pair[:2]): pair[3] for pair in said["pairs"] if pair[3] is not None}
        matrix = pairs(real, synthetic, columns)
        ours = {frozenset((names[i], names[j])): float(matrix[i, j]) for i, j in itertools.combinations(range(len(names)), 2)}
        parts = {
            f"{NUMBER} with categories": [frozenset((NUMBER, name)) for name in words],
            f"{NUMBER} with numbers": [frozenset((NUMBER, name)) for name in names if name not in (NUMBER, *words)],
            "all pairs": list(ours),
        }  # fmt: skip
        for part, wanted in parts.items():
            both = [pair for pair in wanted if pair in theirs]
            mean = lambda scores: round(float(np.mean([scores[pair] for pair in both])), 4)
            if both:
                found.append({"rows": what, "pairs": part, "how many": len(both), "SDMetrics": mean(theirs), "ours": mean(ours)})
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--adult", type=Path, required=True, help="a folder with train.csv and test.csv")
    parser.add_argument("--peer-python", type=Path, required=True)
    parser.add_argument("--samples", type=Path, help="rows that some program made of train.csv")
    parser.add_argument("-n", type=int, default=10_000)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/table-sdmetrics.json"))
    options = parser.parse_args()
    training = open_table(options.adult / "train.csv")
    columns = training.columns
    test = open_table(options.adult / "test.csv").like(columns).table
    sets = Sets(training.table, test, columns, options.n, None, 0)
    compared = {"test rows": sets.real, "independent columns": sets.independent}
    if options.samples:
        compared["samples"] = some(open_table(options.samples).like(columns).table, options.n, "samples")
    with Peer(options.peer_python) as peer:
        found = {}
        for what, rows in compared.items():
            program, found[what] = agreement(peer, sets.reference, rows, columns)
            print(what, found[what], flush=True)
        spoilt = unit(peer, sets.reference, sets.real, columns)
    write_result(str(options.out), {"data": "Adult, official split", "n": options.n, "program": program, "agreement": found, "unit": spoilt})


if __name__ == "__main__":
    main()
