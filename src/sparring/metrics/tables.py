"""Judging generated rows of a table. Every number stands beside the same of three other sets, taken with the same real rows and the same n.

floor: held-out rows (of tstr: training rows; of dcr and membership no rows at all: one half), what a perfect generator would get
baseline: independent marginals, training rows with every column shuffled on its own
control: real rows spoilt in the way that the metric must notice
skill = (value - baseline) / (floor - baseline) where independent marginals are the worse: they have the right columns, and copy nothing
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from sparring.metrics import table_detection, table_efficacy, table_privacy, table_shapes
from sparring.metrics.catalogue import Metric, named
from sparring.metrics.items import NotComputable, Score
from sparring.metrics.judge import entry_of
from sparring.metrics.table_catalogue import METRICS
from sparring.metrics.table_rows import is_number, some
from sparring.metrics.table_sets import Sets
from sparring.modalities.table_columns import Column

ROWS = 10_000
EVEN = 0.5
"""what measures of nearness are where training and held-out rows are as near"""
CLEAR = 5
"""times the standard deviation by chance that copied training rows must be above that, or the measure could not have seen copies"""
WORST = 20
"""pairs and categories that an entry lists, at most"""


def measure(
    training: pa.Table, held_out: pa.Table, synthetic: pa.Table, columns: Sequence[Column], *, target: str | None = None,
    names: Iterable[str] | None = None, n: int | None = None, seed: int = 0,
) -> dict[str, dict[str, Any]]:  # fmt: skip
    """Entries by name, as `measure --json` has them; what cannot be computed is absent. See `TableJudge`, which says why."""
    return TableJudge(training, held_out, columns, target=target, names=names, n=n, seed=seed).judge(synthetic)["metrics"]


class TableJudge:
    """Judges generated rows, again and again, against one training table and one held-out table.

    columns: those that are judged. target: the column that `tstr` and `augmented` predict. names: metrics, by default all.
    n: the most rows of each set, by default 10,000. copies: the share of rows that equal a training row, where `training` holds only some of
    those. Floors, baselines and controls are computed once for each n.
    """

    def __init__(
        self, training: pa.Table, held_out: pa.Table, columns: Sequence[Column], *, target: str | None = None,
        names: Iterable[str] | None = None, n: int | None = None, seed: int = 0, copies: Callable[[pa.Table], float] | None = None,
    ):  # fmt: skip
        self.training, self.held_out, self.columns, self.copies = training, held_out, tuple(columns), copies
        self.target, self.n, self.seed = target, n or ROWS, seed
        self.metrics = named(METRICS if names is None else names, METRICS)
        if target is not None:
            table_efficacy.target_of(self.columns, target)
        self._sets: dict[int, Sets] = {}
        self._beside: dict[tuple[str, int], dict[str, Score]] = {}

    def judge(self, synthetic: pa.Table) -> dict[str, Any]:
        """{"n", "seconds", "metrics": {name: entry}, "skipped": {name: why}} of as many rows as there are generated, training and held-out
        ones and `self.n`, whichever is least. UserError where `synthetic` lacks a column or has one of another type."""
        start = time.perf_counter()
        most = min(self.n, len(synthetic))
        if most not in self._sets:
            self._sets[most] = Sets(self.training, self.held_out, self.columns, most, self.target, self.seed, self.copies)
        sets, metrics, skipped = self._sets[most], {}, {}
        rows = some(synthetic, sets.most, "synthetic", self.seed)
        for metric in self.metrics:
            try:
                metrics[metric.name] = self._entry(metric, sets, rows)
            except NotComputable as reason:
                skipped[metric.name] = str(reason)
        return {"n": sets.n, "seconds": round(time.perf_counter() - start, 2), "metrics": metrics, "skipped": skipped}

    def beside(self, name: str, sets: Sets) -> dict[str, Score]:
        """Floor, baseline and control of a metric."""
        if (name, sets.most) not in self._beside:
            how = HOW[name]
            floor = Score(EVEN) if how.floor.rows is None else how.of(sets, how.floor.rows(sets))
            found = {"floor": floor, "baseline": how.of(sets, sets.independent), "control": how.of(sets, how.control.rows(sets))}
            self._beside[name, sets.most] = found
        return self._beside[name, sets.most]

    def _entry(self, metric: Metric, sets: Sets, rows: pa.Table) -> dict[str, Any]:
        if sets.n < metric.least:
            raise NotComputable(f"needs at least {metric.least} rows of every set, there are {sets.n}")
        how = HOW[metric.name]
        beside = self.beside(metric.name, sets)
        if how.floor is HALF and (copied := beside["control"]).value - EVEN < CLEAR * copied.std:
            raise NotComputable(f"too few held-out or generated rows to see copying: copied training rows get {copied.value:.2f} ± {copied.std:.2f}")
        score = how.of(sets, rows)
        entry = entry_of(metric, score, {column: of.value for column, of in beside.items()})
        parts = _worst(score.parts, beside["floor"].parts, metric.better)
        if columns := [{"column": part} | row for part, row in parts if isinstance(part, str)]:
            entry["per_column"] = columns
        if couples := [{"columns": list(part)} | row for part, row in parts if not isinstance(part, str)]:
            entry["per_pair"] = couples[:WORST]
        entry |= score.more
        protocol = {"n": sets.n, "seed": sets.seed} | score.protocol
        protocol |= {"floor": how.floor.words, "baseline": "independent marginals", "control": how.control.words, "n_fake": protocol["n"]}
        return entry | {"protocol": protocol}


def _worst(parts: Mapping[Any, float], floors: Mapping[Any, float], better: str) -> list[tuple[Any, dict[str, float]]]:
    """A metric's parts beside those of real rows, the furthest behind them first."""
    sign = 1 if better == "lower" else -1
    rows = [(part, {"value": value, "floor": floors.get(part)}) for part, value in parts.items()]
    behind = lambda row: sign * (row["value"] - row["floor"]) if row["floor"] is not None else 0.0
    return sorted(rows, key=lambda pair: -behind(pair[1]))


def worst(metrics: Mapping[str, Mapping[str, Any]], k: int = 10) -> dict[str, list[dict[str, Any]]]:
    """The columns and pairs of a measurement that a report shows, the worst first: {"columns": [{"column", "detection", "shape",
    "shape_floor"}], "pairs": [{"columns", "value", "floor"}]}, as far as `detection`, `shapes` and `pairs` were asked for."""
    shape, detected = ({row["column"]: row for row in metrics.get(name, {}).get("per_column", [])} for name in ("shapes", "detection"))
    columns = []
    for name in list(dict.fromkeys([*detected, *shape]))[:k]:
        row = {"detection": detected[name]["value"]} if name in detected else {}
        row |= {"shape": shape[name]["value"], "shape_floor": shape[name]["floor"]} if name in shape else {}
        columns.append({"column": name} | row)
    return {"columns": columns, "pairs": list(metrics.get("pairs", {}).get("per_pair", []))[:k]}


# ---- the metrics, each of a table of rows beside the sets


def shapes(sets: Sets, rows: pa.Table) -> Score:
    parts = table_shapes.shapes(sets.reference, rows, sets.columns)
    rule = {"numbers": "Kolmogorov-Smirnov, missing values below nothing", "categories": "total variation, missing is a category"}
    return Score(float(np.mean(list(parts.values()))), parts=parts, protocol=rule)


def pairs(sets: Sets, rows: pa.Table) -> Score:
    matrix, names = table_shapes.pairs(sets.reference, rows, sets.columns), [column.name for column in sets.columns]
    parts = {(names[i], names[j]): float(matrix[i, j]) for i in range(len(names)) for j in range(i + 1, len(names)) if np.isfinite(matrix[i, j])}
    if not parts:
        raise NotComputable("needs two columns that are not constant")
    rule = {"numbers": "Pearson", "others": f"contingency, numbers in {table_shapes.BINS} bins of the real rows", "pairs": len(parts)}
    return Score(float(np.mean(list(parts.values()))), parts=parts, protocol=rule)


def c2st(sets: Sets, rows: pa.Table) -> Score:
    folds = table_detection.c2st(sets.reference, rows, sets.columns, seed=sets.seed)
    model = f"HistGradientBoostingClassifier, {table_detection.ITERATIONS} trees"
    return Score(float(np.mean(folds)), float(np.std(folds)), protocol={"model": model, "folds": table_detection.FOLDS})


def detection(sets: Sets, rows: pa.Table) -> Score:
    parts = table_detection.detection(sets.reference, rows, sets.columns, seed=sets.seed)
    rule = {"model": "share of generated rows by category or cell of up to 255", "folds": table_detection.FOLDS, "of": "the worst column"}
    return Score(max(parts.values()), parts=parts, protocol=rule)


def rare_recall(sets: Sets, rows: pa.Table) -> Score:
    rare = table_shapes.rare_categories(sets.reference, rows, sets.columns)
    if not rare:
        raise NotComputable(f"no category has less than 1 % but at least {table_shapes.RARE_COUNT} of {sets.n:,} real rows")
    real, made = (sum(getattr(r, side) for r in rare) for side in ("real", "synthetic"))
    absent = [{"column": r.column, "category": r.category, "real": r.real} for r in rare if not r.synthetic][:WORST]
    more = {"frequency": {"real": real, "synthetic": made, "ratio": made / real}, "absent": absent}
    rule = {"rare": f"less than 1 %, at least {table_shapes.RARE_COUNT} real rows", "categories": len(rare)}
    return Score(table_shapes.rare_recall(rare), more=more, protocol=rule)


def tstr(sets: Sets, rows: pa.Table) -> Score:
    _require_target(sets, sets.real)
    scores = table_efficacy.efficacy(rows, sets.real, sets.columns, sets.target, seed=sets.seed)
    return _learnt(sets, scores, {"tested on": f"{sets.n:,} held-out rows"})


def augmented(sets: Sets, rows: pa.Table) -> Score:
    _require_target(sets, sets.unseen)
    more = rows.slice(0, sets.half)
    scores = table_efficacy.augmented(sets.reference, more, sets.unseen, sets.columns, sets.target, seed=sets.seed)
    gains = {model: [a - b for a, b in zip(scores[model], sets.alone[model])] for model in scores}
    alone = {"alone": float(np.mean(sets.alone["boosting"])), "together": float(np.mean(scores["boosting"]))}
    protocol = {"real": sets.n, "n": sets.half, "tested on": f"{len(sets.unseen):,} held-out rows"}
    return _learnt(sets, gains, protocol, alone)


def _require_target(sets: Sets, test: pa.Table) -> None:
    if sets.target is None:
        raise NotComputable("needs a target: the name of a column to predict")
    if len(sets.columns) < 2:
        raise NotComputable("needs a column to predict the target from")
    if len(test.column(sets.target).drop_null().unique()) < 2:
        raise NotComputable(f"the target {sets.target!r} has fewer than two values in the held-out rows")


def _learnt(sets: Sets, scores: Mapping[str, list[float]], protocol: Mapping[str, Any], more: Mapping[str, Any] | None = None) -> Score:
    by = {model: {"value": float(np.mean(values)), "std": float(np.std(values))} for model, values in scores.items()}
    column = sets.columns[table_efficacy.target_of(sets.columns, sets.target)]
    kind = "R^2" if table_efficacy.is_regression(column, sets.real) else "AUC, mean of one against the rest"
    protocol = {"target": sets.target, "score": kind, "models": "HistGradientBoosting; logistic or ridge regression",
                "seeds": table_efficacy.SEEDS, "value of": "boosting"} | dict(protocol)  # fmt: skip
    return Score(by["boosting"]["value"], by["boosting"]["std"], more={**(more or {}), "per_model": by}, protocol=protocol)


def dcr(sets: Sets, rows: pa.Table) -> Score:
    return _nearness(table_privacy.dcr(sets.training, sets.held_out, rows, sets.columns, seed=sets.seed))


def membership(sets: Sets, rows: pa.Table) -> Score:
    return _nearness(table_privacy.membership(sets.training, sets.held_out, rows, sets.columns, seed=sets.seed))


def _nearness(found: table_privacy.Nearness) -> Score:
    compared = f"{found.training:,} training and {found.held_out:,} held-out rows"
    return Score(found.value, found.chance, protocol={"n": found.generated, "compared with": compared, "std": "by chance", "guarantee": "none"})


def exact_copies(sets: Sets, rows: pa.Table) -> Score:
    if sets.copies is not None:
        return Score(sets.copies(rows), protocol={"n": len(rows), "compared with": "the hashes of all training rows"})
    share = table_privacy.copies(sets.training, rows, sets.columns)
    return Score(share, protocol={"n": len(rows), "compared with": f"all {len(sets.training):,} training rows"})


@dataclass(frozen=True)
class Beside:
    """A set that stands beside the generated rows, in words and as a function of the sets; without rows, what every metric of nearness is at best."""

    words: str
    rows: Callable[[Sets], pa.Table] | None = None


@dataclass(frozen=True)
class How:
    """How a metric is taken, what a perfect generator's rows would be, and what must lose."""

    score: Callable[[Sets, pa.Table], Score]
    floor: Beside
    control: Beside
    many: bool = False
    """whether all rows are looked at, not only as many as are held out"""

    def of(self, sets: Sets, rows: pa.Table) -> Score:
        return self.score(sets, rows if self.many else rows.slice(0, sets.n))


HELD_OUT = Beside("held-out rows", lambda sets: sets.real)
HALF = Beside("one half, by symmetry: what rows get that know neither training nor held-out rows")
FRESH = Beside("the other half of the held-out rows", lambda sets: sets.fresh)
TRAINING = Beside("training rows", lambda sets: sets.reference)
SPOILT = Beside("held-out rows, a number times 1,000 (without numbers: a column always its most frequent value)", lambda sets: sets.spoilt)
UNRELATED = Beside(                                                                          # correlations do not change with the unit
    SPOILT.words + "; of numbers alone: one row again and again",
    lambda sets: sets.collapsed if all(is_number(column) or column.kind == "constant" for column in sets.columns) else sets.spoilt,
)
COLLAPSED = Beside("one held-out row again and again", lambda sets: sets.collapsed)
COPIED = Beside("training rows, drawn with replacement", lambda sets: sets.copied)

HOW = {
    "shapes": How(shapes, HELD_OUT, SPOILT),
    "pairs": How(pairs, HELD_OUT, UNRELATED),
    "c2st": How(c2st, HELD_OUT, SPOILT),
    "detection": How(detection, HELD_OUT, SPOILT),
    "rare_recall": How(rare_recall, HELD_OUT, COLLAPSED),
    "tstr": How(tstr, TRAINING, Beside("training rows under wrong labels", lambda sets: sets.mislabelled(sets.reference))),
    "augmented": How(augmented, FRESH, Beside("held-out rows under wrong labels", lambda sets: sets.mislabelled(sets.fresh))),
    "dcr": How(dcr, HALF, COPIED, many=True),
    "membership": How(membership, HALF, COPIED, many=True),
    "exact_copies": How(exact_copies, HELD_OUT, COPIED, many=True),
}
