"""Are generated rows copies of training rows? Smoke tests, no guarantee: what they do not see may still be there.

The distance of two rows is the sum over columns of: 0 or 1 for categories; |a - b| over the range of the central 98 % of the training
column, at most 1, for numbers; 1 for a value and a missing one. All in blocks, so memory stays bounded.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from sparring.metrics.table_rows import FINITE, aligned, array_of, auc, codes, is_number, random
from sparring.modalities.table_columns import Column

CELLS = 1 << 19
"""distances that are worked on at a time: what stays in a processor's cache"""
TIE = 1e-5
CENTRE = (0.01, 0.99)
FAR, MISSING = 1e4, 1e6
"""where scaled numbers end, and where missing ones are: further from any number than 1 and at no distance from each other"""


@dataclass(frozen=True)
class Distances:
    """Distances to the nearest: of generated rows to a training row and to a held-out one (n,), and of as many training rows as held-out
    ones to a generated row (m,)."""

    to_training: np.ndarray
    to_held_out: np.ndarray
    of_training: np.ndarray
    of_held_out: np.ndarray


def distances(training: pa.Table, held_out: pa.Table, synthetic: pa.Table, columns: Sequence[Column], *, seed: int = 0) -> Distances:
    """What `dcr` and `membership` are made of. Of the longer of the two real tables as many random rows are taken as the shorter has: among
    more rows the nearest is nearer."""
    a, b, x = aligned(columns, training, held_out, synthetic)
    numbers = np.array([is_number(column) for column in columns], dtype=bool)
    low, scale = _ranges(a[:, numbers])
    m, draw = min(len(a), len(b)), random("distances", seed)
    a, b = (rows[draw.permutation(len(rows))[:m]] for rows in (a, b))
    a, b, x = (_Scaled.of(rows, numbers, low, scale) for rows in (a, b, x))
    to_training, of_training = nearest(x, a)
    to_held_out, of_held_out = nearest(x, b)
    return Distances(to_training, to_held_out, of_training, of_held_out)


# 1/n sum_i 1[d_i < d'_i] + 1/2 1[d_i = d'_i]
def dcr(found: Distances) -> float:
    """Share of generated rows that are nearer to a training row than to a held-out one, ties counting half; 0.5 is best, more is copying."""
    difference = found.to_training - found.to_held_out
    return float((difference < -TIE).mean() + (np.abs(difference) <= TIE).mean() / 2)


def membership(found: Distances) -> float:
    """AUC of the attack that takes a row for a training row the nearer a generated one is; 0.5 is best."""
    rounded = np.round(np.concatenate([found.of_training, found.of_held_out]) / TIE)         # equal distances are ties whatever rounding says
    return auc(-rounded, np.arange(len(rounded)) < len(found.of_training))


def copies(training: pa.Table, rows: pa.Table, columns: Sequence[Column]) -> float:
    """Share of rows that equal a training row in every column."""
    known, seen = (np.zeros(len(table), dtype=np.uint64) for table in (training, rows))
    for column in columns:
        arrays = [array_of(table, column) for table in (training, rows)]
        values = aligned([column], training, rows) if is_number(column) else codes(arrays)[0]
        for keys, value in zip((known, seen), values):
            keys[:] = _mixed(keys ^ np.where(np.isnan(value), np.nan, value).ravel().view(np.uint64))
    return float(np.isin(seen, known).mean())


def _mixed(x: np.ndarray) -> np.ndarray:
    """64 bits, well mixed and one to one: the finaliser of splitmix64 (Steele et al. 2014, https://doi.org/10.1145/2660193.2660195)."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


# ---- distances


@dataclass(frozen=True)
class _Scaled:
    """Rows as distances want them: numbers (k, n) in ranges, categories (c, n) as the smallest integers that hold them."""

    numbers: np.ndarray
    categories: np.ndarray

    @classmethod
    def of(cls, x: np.ndarray, numbers: np.ndarray, low: np.ndarray, scale: np.ndarray) -> "_Scaled":
        with np.errstate(over="ignore"):
            values = np.clip((x[:, numbers] - low) / scale, -FAR, FAR)
        levels = np.nan_to_num(x[:, ~numbers] + 1).astype(np.uint32)                         # 0 is missing
        return cls(np.ascontiguousarray(np.where(np.isnan(values), MISSING, values).T, np.float32), np.ascontiguousarray(levels.T))

    def __len__(self):
        return self.numbers.shape[1]


def _ranges(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the centre of each column begins and how wide it is; the whole column's width where the centre is one value, 1 where that is too."""
    low, scale = np.zeros(x.shape[1]), np.ones(x.shape[1])
    for i, column in enumerate(x.T):
        known = np.clip(np.sort(column[np.isfinite(column)]), -FINITE, FINITE)               # their difference is finite too
        if len(known):
            first, last = known[[round(q * (len(known) - 1)) for q in CENTRE]]
            low[i], scale[i] = first, (last - first) or (known[-1] - known[0]) or 1.0
    return low, scale


def nearest(x: _Scaled, y: _Scaled) -> tuple[np.ndarray, np.ndarray]:
    """Distance of each row of x to the nearest of y (n,), and of each row of y to the nearest of x (m,)."""
    most = max(int(side.categories.max(initial=0)) for side in (x, y))
    kind = next(kind for kind in (np.uint8, np.uint16, np.uint32) if most <= np.iinfo(kind).max)
    a, b = x.categories.astype(kind), y.categories.astype(kind)
    count = np.uint8 if len(a) < 256 else np.uint16
    rows, columns = np.empty(len(x), np.float32), np.full(len(y), np.inf, np.float32)
    size = max(1, CELLS // max(len(y), 1))
    for start in range(0, len(x), size):
        some = slice(start, start + size)
        shape = (min(size, len(x) - start), len(y))
        other, unequal = np.zeros(shape, count), np.empty(shape, bool)
        for left, right in zip(a[:, some], b):
            np.not_equal(left[:, None], right, out=unequal)
            other += unequal
        total, part = other.astype(np.float32), np.empty(shape, np.float32)
        for left, right in zip(x.numbers[:, some], y.numbers):
            np.subtract(left[:, None], right, out=part)
            np.abs(part, out=part)
            np.minimum(part, 1, out=part)
            total += part
        rows[some] = total.min(1)
        np.minimum(columns, total.min(0), out=columns)
    return rows, columns
