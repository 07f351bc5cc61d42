"""Are generated rows copies of training rows? Smoke tests, no guarantee: what they do not see may still be there.

The distance of two rows is the sum over columns of: 0 or 1 for categories; |a - b| over the range of the central 98 % of the training
column, at most 1, for numbers; 1 for a value and a missing one. All in blocks, so memory stays bounded.

Rows that were made without the training rows are as near to those as to held-out ones: it is chance which of the real rows were held out. So
`dcr` and `membership` are then 0.5 but for chance, however few rows are held out, and how much chance does is known.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from sparring.metrics.table_rows import FINITE, aligned, auc, is_number, random
from sparring.modalities.table_columns import Column

PAIRS = 100_000_000
"""distances that a measure is made of, at most"""
FEWEST = 100
"""generated rows that are looked at, however many real ones there are"""
CELLS = 1 << 19
"""distances that are worked on at a time: what stays in a processor's cache"""
TIE = 1e-5
CENTRE = (0.01, 0.99)
FAR, MISSING = 1e4, 1e6
"""where scaled numbers end, and where missing ones are: further from any number than 1 and at no distance from each other"""


@dataclass(frozen=True)
class Nearness:
    """A number that is 0.5 where nothing was copied and more where something was; chance: its standard deviation there, for these rows; and how many
    rows it is made of."""

    value: float
    chance: float
    generated: int
    training: int
    held_out: int


# (p / N) / (p / N + q / H)
def dcr(training: pa.Table, held_out: pa.Table, synthetic: pa.Table, columns: Sequence[Column], *, seed: int = 0) -> Nearness:
    """How often the real row that is nearest to a generated one is a training row, and not a held-out one, were there as many of both.

    p and q are the shares of generated rows whose nearest real row is one of the N training and one of the H held-out rows; rows at the same
    distance share it. All training rows are looked at: among as few of them as are held out there would be next to none of those that were copied.
    Of more held-out rows as many random ones are taken as there are training rows, and as many generated rows as `PAIRS` allows.
    """
    a, b, x, of = prepared(columns, training, held_out, synthetic)
    draw = random("dcr", seed)
    b = b[draw.permutation(len(b))[: len(a)]]
    x = x[draw.permutation(len(x))[: max(FEWEST, PAIRS // (len(a) + len(b)))]]
    near, _ = nearest(of(x), of(real := np.concatenate([a, b])))
    p, q = (part.sum() / len(part) for part in np.split(near, [len(a)]))
    # q is all that chance moves; at q = H / (N + H)
    spread = len(real) / (4 * np.sqrt(len(a) * len(b))) * np.sqrt(((near - 1 / len(real)) ** 2).sum())
    return Nearness(float(p / (p + q)), float(spread), len(x), len(a), len(b))


def membership(training: pa.Table, held_out: pa.Table, synthetic: pa.Table, columns: Sequence[Column], *, seed: int = 0) -> Nearness:
    """AUC of the attack that takes a row for a training row the nearer a generated one is; 0.5 is best.

    All generated rows are looked at, since the more of what was copied is among them the more is seen, and as many random real rows as `PAIRS`
    allows, at most half of them held out.
    """
    a, b, x, of = prepared(columns, training, held_out, synthetic)
    draw, most = random("membership", seed), max(2 * FEWEST, PAIRS // len(x))
    b = b[draw.permutation(len(b))[: most // 2]]
    a = a[draw.permutation(len(a))[: most - len(b)]]
    _, distance = nearest(of(x), of(real := np.concatenate([a, b])))
    distance = np.round(distance / TIE)                                                      # equal distances are ties whatever rounding says
    ordered = np.sort(distance)
    rank = (np.searchsorted(ordered, distance, "left") + np.searchsorted(ordered, distance, "right")) / 2 / len(real)
    spread = np.sqrt(((rank - 0.5) ** 2).sum() / (len(a) * len(b)))
    return Nearness(auc(-distance, np.arange(len(real)) < len(a)), float(spread), len(x), len(a), len(b))


def copies(training: pa.Table, rows: pa.Table, columns: Sequence[Column]) -> float:
    """Share of rows that equal a training row in every column."""
    known, seen = (_keys(x) for x in aligned(columns, training, rows))
    return float(np.isin(seen, known).mean())


def _keys(x: np.ndarray) -> np.ndarray:
    """A number (n,) for each row of (n, d), the same for equal ones."""
    keys = np.zeros(len(x), dtype=np.uint64)
    for value in x.T:
        keys = _mixed(keys ^ np.where(np.isnan(value), np.nan, value).view(np.uint64))
    return keys


def _mixed(x: np.ndarray) -> np.ndarray:
    """64 bits, well mixed and one to one: the finaliser of splitmix64 (Steele et al. 2014, https://doi.org/10.1145/2660193.2660195)."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


# ---- distances


def prepared(columns: Sequence[Column], *tables: pa.Table) -> tuple:
    """Tables as `aligned` has them, and how rows of those are scaled by the first."""
    found = aligned(columns, *tables)
    numbers = np.array([is_number(column) for column in columns], dtype=bool)
    low, scale = _ranges(found[0][:, numbers])
    return *found, lambda x: _Scaled.of(x, numbers, low, scale)


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
    """For each row of y the share of the rows of x that it is the nearest to, ties shared, and its distance to the nearest row of x (m,)."""
    most = max(int(side.categories.max(initial=0)) for side in (x, y))
    kind = next(kind for kind in (np.uint8, np.uint16, np.uint32) if most <= np.iinfo(kind).max)
    a, b = x.categories.astype(kind), y.categories.astype(kind)
    count = np.uint8 if len(a) < 256 else np.uint16
    near, distance = np.zeros(len(y)), np.full(len(y), np.inf, np.float32)
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
        row, place = np.nonzero(total <= total.min(1, keepdims=True) + TIE)
        near += np.bincount(place, 1 / np.bincount(row)[row], len(y))
        np.minimum(distance, total.min(0), out=distance)
    return near / len(x), distance
