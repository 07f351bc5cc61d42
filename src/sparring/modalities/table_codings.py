"""How the values of one column become choices, and a place within a bin, and values again."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from math import ceil, sqrt

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sparring.base.errors import UserError
from sparring.modalities.table_columns import Column

KNOTS = 16
"""places of a bin at which the distribution within it is known"""
SHARED = 8
"""values of which at most one is kept as such a place: a table of few rows must not stand in its codec"""
CHANCES, PROBED = 100, 1000
"""what makes one column told by another; rows that are looked at first"""
NUMBERS = ("integer", "real", "date")
PLAIN = {"integer": pa.int64(), "real": pa.float64(), "date": pa.int64()}
CANONICAL = {"category": pa.string(), "boolean": pa.bool_(), "integer": pa.int64(), "real": pa.float64(), "date": pa.timestamp("us")}
STEPS = [10**6 * s for s in (86_400, 3_600, 60, 1)] + [1_000, 1]
"""steps of dates in microseconds: days, hours, minutes, seconds, milliseconds"""
MONTH = -1
"""the step of dates that are all the first of a month, as which monthly figures are written"""


class Coding(ABC):
    """One column as choices: codes from 0 on for each of `sizes`, and where `bins` > 0 a place in [-1, 1] for codes below it."""

    column: Column
    sizes: tuple[int, ...]
    """possibilities of each choice; none for a column that has one value only"""
    shares: tuple[np.ndarray, ...]
    """how often each possibility occurs, for each choice"""
    bins: int = 0

    @abstractmethod
    def encode(self, array: pa.Array) -> tuple[list[np.ndarray], np.ndarray | None]:
        """Codes (n,) for each choice, and the places within bins (n,). UserError for what the data had not, when it was fitted."""

    @abstractmethod
    def decode(self, codes: Sequence[np.ndarray], within: np.ndarray | None, n: int) -> pa.Array:
        """n values of the column's type."""

    @abstractmethod
    def arrays(self) -> dict[str, pa.Array]:
        """What `load` needs beside the column."""

    @abstractmethod
    def counts(self, array: pa.Array) -> np.ndarray:
        """How many values are of each possibility, in the order in which people look at them: numbers and bins ascending, else as listed."""


class Listed(Coding):
    """Every value is a choice, the most frequent first. More than `factor` of them become two choices: code = a * m + b."""

    def __init__(self, column: Column, values: pa.Array, shares: np.ndarray, factor: int):
        self.column, self.values, self.each, self.factor = column, values, shares, factor
        k = len(values)
        self.size = ceil(sqrt(k)) if k > factor else k
        self.sizes = (ceil(k / self.size), self.size) if k > factor else (k,) if k > 1 else ()
        grid = np.zeros(-(-k // self.size) * self.size)
        grid[:k] = shares
        grid = grid.reshape(-1, self.size)
        self.shares = (grid.sum(1), grid.sum(0)) if k > factor else (shares,) if k > 1 else ()

    @classmethod
    def fit(cls, column: Column, array: pa.Array, factor: int) -> "Listed":
        counted = pc.value_counts(array)
        values, counts = counted.field("values"), counted.field("counts").to_numpy()
        order = np.argsort(-counts, kind="stable")
        return cls(column, values.take(pa.array(order)), counts[order] / max(1, counts.sum()), factor)

    def encode(self, array):
        codes = index_in(array, self.values, self.column.name)
        return list(divmod(codes, self.size)) if len(self.sizes) == 2 else [codes] * len(self.sizes), None

    def counts(self, array):
        held = np.bincount(index_in(array, self.values, self.column.name), minlength=len(self.values))
        ordered = self.column.kind in NUMBERS
        return held[pc.sort_indices(self.values).to_numpy()] if ordered else held

    def decode(self, codes, within, n):
        if not self.sizes:
            return self.values.take(pa.array(np.zeros(n, np.int64)))
        return self.values.take(pa.array(self.joined(codes)))

    def joined(self, codes: Sequence[np.ndarray]) -> np.ndarray:
        """Numbers of values, (n,), from codes of the one choice or the two."""
        code = codes[0] * self.size + codes[1] if len(codes) == 2 else codes[0]
        return np.where(code < len(self.values), code, code - self.size)          # the last stretch of m is not full

    def arrays(self):
        return {"values": self.values, "each": pa.array(self.each)}

    @classmethod
    def load(cls, column: Column, arrays: Mapping[str, pa.Array], factor: int) -> "Listed":
        return cls(column, arrays["values"], arrays["each"].to_numpy(), factor)


class Measured(Coding):
    """Numbers and dates in bins, and beside them values of their own: infinite ones and missing ones at least.

    Numbers that have a step (whole numbers, decimals, days) are counted in it: these are their keys. Those of others are the numbers themselves.
    """

    exact: pa.Array
    """values of their own"""
    unit: int
    """of the step, 0 for none"""

    @abstractmethod
    def ends(self) -> tuple[np.ndarray, np.ndarray]:
        """The least and the greatest number of every bin, (bins,) each; dates as microseconds."""

    @abstractmethod
    def place(self, keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(bin, place within it in [-1, 1]) of keys, (n,) each."""

    @abstractmethod
    def keys(self, code: np.ndarray, within: np.ndarray) -> np.ndarray:
        """Keys (n,) at places within bins."""

    @property
    def own(self) -> pa.Array:
        """Values that are in no bin, of the column's type."""
        return self.exact.cast(CANONICAL[self.column.kind])

    def encode(self, array):
        plain = array.cast(PLAIN[self.column.kind])
        own = pc.index_in(plain, value_set=self.exact, skip_nulls=False)
        is_own = own.is_valid().to_numpy(zero_copy_only=False)
        numbers = plain.fill_null(0).to_numpy(zero_copy_only=False)
        missing = plain.is_null().to_numpy(zero_copy_only=False)
        if (strange := ~is_own & (missing | ~np.isfinite(numbers))).any():
            what = "missing" if missing[strange][0] else numbers[strange][0]
            raise UserError(f"column {self.column.name!r} has the value {what}, which it had not in the data that this was fitted to")
        code, within = self.place(to_keys(np.where(is_own, 0, numbers), self.unit))
        code = np.where(is_own, self.bins + own.fill_null(0).to_numpy(zero_copy_only=False), code)
        return [code], np.where(is_own, 0.0, within)

    def decode(self, codes, within, n):
        numbers = to_numbers(self.keys(np.minimum(codes[0], self.bins - 1), within), self.unit, self.column)
        if not len(self.exact):
            return pa.array(numbers).cast(CANONICAL[self.column.kind])
        is_own, at = codes[0] >= self.bins, np.maximum(codes[0] - self.bins, 0)
        own = self.exact.fill_null(0).to_numpy(zero_copy_only=False)[at]
        missing = is_own & self.exact.is_null().to_numpy(zero_copy_only=False)[at]
        return pa.array(np.where(is_own, own, numbers), mask=missing).cast(CANONICAL[self.column.kind])

    def counts(self, array):
        return np.bincount(self.encode(array)[0][0], minlength=self.sizes[0])


class Binned(Measured):
    """Numbers in bins of about equal shares; values that are more frequent than a bin are of their own too.

    The place within a bin is by rank, not by length: 0.5 of the way is where half of the bin's values are below. So it is uniform
    whatever the distribution, which is kept as the shares below `knots`. Numbers that have a step come back exactly where two knots are less than
    a million steps apart, else to a millionth of that distance; numbers beyond the range of the data become its ends.
    """

    def __init__(self, column: Column, exact: pa.Array, knots: np.ndarray, mass: np.ndarray, starts: np.ndarray, unit: int, shares: np.ndarray):
        """exact: values of their own; knots (k + 1,), mass (k + 1,): the share of values below each; starts (bins + 1,): numbers of the knots
        at which bins begin; unit: of the step, 0 for none."""
        self.column, self.exact, self.knots, self.mass, self.starts, self.unit = column, exact, knots, mass, starts, unit
        self.bins, self.sizes, self.shares = len(starts) - 1, (len(starts) - 1 + len(exact),), (shares,)

    @classmethod
    def fit(cls, column: Column, array: pa.Array, bins: int) -> "Binned | None":
        """None where every value is frequent enough for a choice of its own: more so than a bin."""
        values, counts, numbers, finite = counted(column, array)
        own = ~finite | (counts > max(1, counts.sum() / bins))
        if own.all():
            return None
        unit = unit_of(column, numbers[finite])
        keys, weights = to_keys(numbers[~own], unit), counts[~own]
        order = np.argsort(keys)
        ordered = np.repeat(keys[order], weights[order])                                        # (m,) ascending, without those of their own
        m = len(ordered)
        amount = max(1, min(ceil(bins * m / counts.sum()), m // SHARED))
        knots = np.unique(ordered[np.arange(k := max(1, min(amount * KNOTS, m // SHARED))) * m // k])
        knots = knots[:-1] if len(knots) > 1 and not unit and knots[-1] == ordered[-1] else knots
        end = ordered[-1] if not unit and ordered[-1] > knots[-1] else above(ordered[-1])
        mass = np.append(np.searchsorted(ordered, knots) / m, 1.0)
        starts = np.unique(np.searchsorted(mass[:-1], np.arange(amount) / amount - 1e-9))
        starts = np.append(starts[starts < len(knots)], len(knots))
        coding = cls(column, values.filter(pa.array(own)), np.append(knots, end), mass, starts, unit, np.zeros(len(starts) - 1 + own.sum()))
        bins_of = coding.place(keys)[0]
        held = np.bincount(bins_of, weights, minlength=coding.bins)
        coding.shares = (np.concatenate([held, counts[own]]) / counts.sum(),)
        return coding

    def ends(self):
        low, high = self.knots[self.starts[:-1]], self.knots[self.starts[1:]]
        return tuple(to_numbers(keys, self.unit, self.column) for keys in (low, high - 1 if self.unit else high))

    def place(self, keys):
        knot = np.clip(np.searchsorted(self.knots, keys, "right") - 1, 0, len(self.knots) - 2)
        low, high = self.knots[knot], self.knots[knot + 1]
        keys = np.clip(keys, low, high)
        part = np.clip((distance(keys, low) + (0.5 if self.unit else 0)) / distance(high, low), 0, 1)
        rank = self.mass[knot] + part * (self.mass[knot + 1] - self.mass[knot])
        code = np.searchsorted(self.starts, knot, "right") - 1
        below, above = self.mass[self.starts[code]], self.mass[self.starts[code + 1]]
        return code, np.clip((rank - below) / (above - below), 0, 1) * 2 - 1

    def keys(self, code, within):
        below, above = self.mass[self.starts[code]], self.mass[self.starts[code + 1]]
        rank = below + np.clip((within + 1) / 2, 0, 1) * (above - below)
        knot = np.clip(np.searchsorted(self.mass, rank, "right") - 1, self.starts[code], self.starts[code + 1] - 1)
        part = np.clip((rank - self.mass[knot]) / (self.mass[knot + 1] - self.mass[knot]), 0, 1)
        return along(self.knots[knot], self.knots[knot + 1], part, whole=bool(self.unit))

    def arrays(self):
        return {
            "exact": self.exact, "knots": pa.array(self.knots), "mass": pa.array(self.mass), "starts": pa.array(self.starts),
            "unit": pa.array([self.unit]), "shares": pa.array(self.shares[0]),
        }  # fmt: skip

    @classmethod
    def load(cls, column: Column, arrays: Mapping[str, pa.Array]) -> "Binned":
        numbers = {name: array.to_numpy(zero_copy_only=False) for name, array in arrays.items() if name != "exact"}
        return cls(column, arrays["exact"], numbers["knots"], numbers["mass"], numbers["starts"], int(numbers["unit"][0]), numbers["shares"])


class Derived(Coding):
    """A column that another one tells: every value of that one comes with one value of this one. It needs no choice, and no generated row can
    have a combination that the data never have."""

    sizes, shares = (), ()

    def __init__(self, column: Column, listed: Listed, parent: Listed, told: np.ndarray):
        """listed: the column's own values; told (values of the parent,): the code of this column for every code of the parent."""
        self.column, self.listed, self.parent, self.told = column, listed, parent, told

    def encode(self, array):
        raise TypeError("a derived column has no codes of its own")

    def check(self, array: pa.Array, parents: np.ndarray) -> None:
        """UserError where a value is not the one that the parent's code (n,) tells."""
        codes = index_in(array, self.listed.values, self.column.name)
        if (wrong := codes != self.told[parents]).any():
            row = np.flatnonzero(wrong)[0]
            pair = f"{self.column.name}={array[int(row)]} with {self.parent.column.name}={self.parent.values[int(parents[row])]}"
            raise UserError(f"row {row + 1} has {pair}, which never come together in the data that this was fitted to: leave such rows out")

    def counts(self, array):
        return self.listed.counts(array)

    def decode(self, codes, within, n):
        """`codes` are those of the parent."""
        return self.listed.values.take(pa.array(self.told[self.parent.joined(codes)]))

    def arrays(self):
        return self.listed.arrays() | {"told": pa.array(self.told)}


class Telling:
    """Whether the codes of one column leave no doubt about those of another, over rows that come in blocks."""

    def __init__(self, parents: int):
        self.told = np.full(parents, -1)
        """(parents,) the child's code for every code of the parent; -1 where none came yet"""

    def holds(self, parent: np.ndarray, child: np.ndarray) -> bool:
        """Of further rows, codes (n,) each."""
        for some in (slice(PROBED), slice(None)):
            told = self.told.copy()
            told[parent[some]] = child[some]
            if (told[parent[some]] != child[some]).any() or ((told != self.told) & (self.told >= 0)).any():
                return False
        self.told = told
        return True


# ---- numbers and their steps


def counted(column: Column, array: pa.Array) -> tuple[pa.Array, np.ndarray, np.ndarray, np.ndarray]:
    """Different values of a column of numbers, how often each comes, each as a number, and which are finite; (k,) each."""
    found = pc.value_counts(array.cast(PLAIN[column.kind]))
    values = found.field("values")
    numbers = values.fill_null(0).to_numpy(zero_copy_only=False)
    finite = np.isfinite(numbers) & values.is_valid().to_numpy(zero_copy_only=False)
    return values, found.field("counts").to_numpy(), numbers, finite


def step_of(column: Column, numbers: np.ndarray) -> int:
    """1 for whole numbers, 10^decimals for decimals, the microseconds of the longest step that all dates keep to; 0 for real numbers."""
    if column.kind == "integer":
        return 1
    if column.kind == "date":
        return next(step for step in STEPS if not (numbers % step).any())
    exact = column.decimals is not None and np.abs(numbers).max(initial=0) * 10.0**column.decimals < 2**53
    return 10**column.decimals if exact else 0


def unit_of(column: Column, numbers: np.ndarray) -> int:
    """The step in which numbers are counted: that of `step_of`, or a month, whose length varies."""
    if column.kind == "date" and len(numbers) and not off_step(numbers, MONTH).any():
        return MONTH
    return step_of(column, numbers)


def off_step(numbers: np.ndarray, step: int) -> np.ndarray:
    """Which dates in microseconds do not keep to a step."""
    return numbers != to_months(numbers, back=True) if step == MONTH else numbers % step != 0


def to_months(numbers: np.ndarray, *, back: bool = False) -> np.ndarray:
    """Months since 1970 of dates in microseconds; back: again as dates, the first of each."""
    months = numbers.astype("M8[us]").astype("M8[M]")
    return (months.astype("M8[us]") if back else months).astype(np.int64)


def to_keys(numbers: np.ndarray, unit: int) -> np.ndarray:
    """Numbers counted in their step, int64, or as they are."""
    if not unit:
        return numbers
    if unit == MONTH:
        return to_months(numbers)
    return np.rint(numbers * float(unit)).astype(np.int64) if numbers.dtype == np.float64 else numbers // unit


def to_numbers(keys: np.ndarray, unit: int, column: Column) -> np.ndarray:
    if not unit:
        return keys
    if unit == MONTH:
        return keys.astype("M8[M]").astype("M8[us]").astype(np.int64)
    return keys / unit if column.kind == "real" else keys * unit


def above(key: np.generic) -> np.generic:
    """The next key."""
    if key.dtype == np.float64:
        return np.nextafter(key, np.inf)
    return min(key, np.iinfo(np.int64).max - 1) + np.int64(1)


def distance(high: np.ndarray, low: np.ndarray) -> np.ndarray:
    """high - low >= 0 as float64; of int64 without overflow, exact below 2^53."""
    return high - low if high.dtype == np.float64 else (high.view(np.uint64) - low.view(np.uint64)).astype(np.float64)


def along(low: np.ndarray, high: np.ndarray, part: np.ndarray, whole: bool) -> np.ndarray:
    """A part of the way from low to high, in whole steps below high where keys are whole."""
    length = distance(high, low)
    if not whole:
        return low + part * length
    steps = np.clip(np.floor(part * length), 0, np.maximum(length - 1, 0)).astype(np.uint64)
    return (low.view(np.uint64) + steps).view(np.int64)


def index_in(array: pa.Array, values: pa.Array, name: str) -> np.ndarray:
    """Where each of n values stands among `values`, (n,) int64; UserError that names one that does not."""
    found = pc.index_in(array.cast(values.type), value_set=values, skip_nulls=False)
    if found.null_count:
        stranger = array.filter(found.is_null())[0].as_py()
        what = "missing values" if stranger is None else f"the value {str(stranger)!r}"
        raise UserError(f"column {name!r} has {what}, which it had not in the data that this was fitted to: leave such rows out")
    return found.to_numpy(zero_copy_only=False).astype(np.int64)
