"""What a table's columns and pairs of columns look like, each number 1 where generated rows are distributed as real ones.

Definitions of SDMetrics' quality report (DataCebo, https://docs.sdv.dev/sdmetrics) where they are right. Unlike there, missing values count,
and the bins of a number are those of the real column for both tables: fitted on each side they cannot see x -> 1000 x + 5000.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from sparring.metrics.table_rows import aligned, array_of, codes, is_number
from sparring.modalities.table_columns import Column

BINS = 10
RARE, RARE_COUNT = 0.01, 5


def shapes(real: pa.Table, synthetic: pa.Table, columns: Sequence[Column]) -> dict[str, float]:
    """By column 1 - `kolmogorov` of numbers and dates, 1 - `total_variation` of categories, where missing is a category of its own."""
    a, b = aligned(columns, real, synthetic)
    distance = lambda i: kolmogorov(a[:, i], b[:, i]) if is_number(columns[i]) else total_variation(_whole(a[:, i]), _whole(b[:, i]))
    return {column.name: 1 - distance(i) for i, column in enumerate(columns)}


# sup_t |P(x <= t) - Q(x <= t)|
def kolmogorov(a: np.ndarray, b: np.ndarray) -> float:
    """The Kolmogorov-Smirnov statistic of two samples. A missing value (NaN) is below no t but counts as a row, so the statistic is at least
    the difference of the shares of missing values."""
    f, g = (np.sort(x[~np.isnan(x)]) for x in (a, b))
    t = np.concatenate([f, g])
    if not len(t):
        return 0.0
    return float(np.abs(np.searchsorted(f, t, "right") / len(a) - np.searchsorted(g, t, "right") / len(b)).max())


# 1/2 sum_k |p_k - q_k|
def total_variation(a: np.ndarray, b: np.ndarray) -> float:
    """Total variation distance of the frequencies of whole numbers (n,) and (m,)."""
    levels, ids = np.unique(np.concatenate([a, b]), return_inverse=True)
    p, q = (np.bincount(part, minlength=len(levels)) / len(part) for part in np.split(ids, [len(a)]))
    return float(np.abs(p - q).sum() / 2)


def _whole(x: np.ndarray) -> np.ndarray:
    """Codes as integers, missing ones as -1."""
    return np.where(np.isnan(x), -1, x).astype(np.int64)


# ---- pairs


def pairs(real: pa.Table, synthetic: pa.Table, columns: Sequence[Column]) -> np.ndarray:
    """The matrix (d, d) of how well each two columns go together, NaN on the diagonal and where the real rows say nothing.

    Two numbers: 1 - |rho - rho'| / 2, Pearson's rho of the rows that have both. Else 1 - `total_variation` of the contingency table, numbers
    in `bins`. A column that is constant in the real rows has no pairs; one that is constant in the generated rows alone has rho' = 0.
    """
    a, b = aligned(columns, real, synthetic)
    numbers = np.array([is_number(column) for column in columns], dtype=bool)
    found = np.full((len(columns), len(columns)), np.nan)
    found[np.ix_(numbers, numbers)] = 1 - np.abs(correlations(a[:, numbers]) - np.nan_to_num(correlations(b[:, numbers]))) / 2
    cells = [bins(a[:, i], a[:, i], b[:, i]) if numbers[i] else [_whole(a[:, i]), _whole(b[:, i])] for i in range(len(columns))]
    for i in range(len(columns)):
        for j in range(i):
            if not (numbers[i] and numbers[j]):
                size = max(int(x.max(initial=0)) for x in cells[j]) + 2
                found[i, j] = found[j, i] = 1 - total_variation(*((x + 1) * size + y + 1 for x, y in zip(cells[i], cells[j])))
    alone = np.array([len(np.unique(column)) < 2 for column in a.T], dtype=bool)
    found[alone] = found[:, alone] = np.nan
    np.fill_diagonal(found, np.nan)
    return found


def correlations(x: np.ndarray) -> np.ndarray:
    """Pearson's rho (d, d) of columns (n, d), each over the rows in which both are finite; NaN where one of them is constant there."""
    known = np.isfinite(x)
    x = np.where(known, x, 0)
    x = x / np.maximum(np.abs(x).max(0, initial=0), 1e-300)                                  # squares of large numbers overflow
    rows = np.maximum(known.sum(0), 1)
    x = np.where(known, x - x.sum(0) / rows, 0)
    deviation = np.sqrt((x**2).sum(0) / rows)
    x = np.divide(x, deviation, out=np.zeros_like(x), where=deviation > 1e-14)
    known = known.astype(np.float64)
    n, sums, squares = known.T @ known, x.T @ known, (x**2).T @ known                        # [i, j]: of column i over the rows that have j too
    spread = n * squares - sums**2
    both = np.sqrt(np.maximum(spread, 0) * np.maximum(spread.T, 0))
    return np.divide(n * (x.T @ x) - sums * sums.T, both, out=np.full_like(both, np.nan), where=both > 1e-9 * n**2)


def bins(real: np.ndarray, *samples: np.ndarray) -> list[np.ndarray]:
    """Numbers as bins: 1 to 10 of equal width from the smallest to the largest finite real number, 0 below, 11 above, 12 missing."""
    known = real[np.isfinite(real)]
    low, high = (known.min(), known.max()) if len(known) else (0.0, 0.0)
    t = np.linspace(0, 1, BINS + 1)
    edges = low * (1 - t) + high * t
    edges[[0, -1]] = low, high                                                               # whatever rounding says
    inner = lambda x: np.where(x == high, BINS, np.searchsorted(edges, x, "right"))
    return [np.where(np.isnan(x), BINS + 2, inner(x)).astype(np.int64) for x in samples]


# ---- rare categories


@dataclass(frozen=True)
class Rare:
    """A rare category: its share of the real rows and of the generated ones."""

    column: str
    category: str
    real: float
    synthetic: float


def rare_categories(real: pa.Table, synthetic: pa.Table, columns: Sequence[Column]) -> list[Rare]:
    """The categories of less than 1 % but at least 5 of the real rows, the most frequent ones first."""
    found = []
    for column in columns:
        if column.kind in ("category", "boolean"):
            (a, b), levels = codes([array_of(table, column) for table in (real, synthetic)])
            p, q = (np.bincount(x[~np.isnan(x)].astype(np.int64), minlength=len(levels)) for x in (a, b))
            rare = np.flatnonzero((p >= RARE_COUNT) & (p < RARE * len(a)))
            found += [Rare(column.name, levels[k], float(p[k] / len(a)), float(q[k] / max(len(b), 1))) for k in rare.tolist()]
    return sorted(found, key=lambda rare: (-rare.real, rare.column, rare.category))


def rare_recall(rare: Sequence[Rare]) -> float:
    """Share of rare categories that the generated rows have at all."""
    return sum(r.synthetic > 0 for r in rare) / len(rare)
