"""What is between the values of a row, or between one and a constant: what a constraint is, and what keeps it."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sparring.base.settings import Settings
from sparring.modalities.table_codings import CANONICAL
from sparring.modalities.table_columns import Column
from sparring.modalities.table_conditions import Condition
from sparring.modalities.table_types import as_text
from sparring.modalities.table_writing import quoted

Number = int | float
"""of dates, microseconds"""


class Order(Settings):
    """lower <= upper, or lower < upper, in rows that have both values."""

    lower: Column
    upper: Column
    strict: bool

    def __str__(self) -> str:
        return f"{self.lower.name} {'<' if self.strict else '<='} {self.upper.name}"

    @property
    def columns(self) -> tuple[Column, ...]:
        return (self.lower, self.upper)

    def broken(self, table: pa.Table) -> np.ndarray:
        """Which rows break it, (n,)."""
        (a, no_a), (b, no_b) = (numbers(table[column.name]) for column in self.columns)
        return ~(no_a | no_b | (a < b if self.strict else a <= b))


class Bound(Settings):
    """A column and a constant, in rows that have a value."""

    column: Column
    sign: str
    text: str
    """the constant"""

    def __str__(self) -> str:
        return f"{self.column.name} {self.sign} {self.text}"

    @property
    def columns(self) -> tuple[Column, ...]:
        return (self.column,)

    def broken(self, table: pa.Table) -> np.ndarray:
        array = table[self.column.name].combine_chunks()
        return array.is_valid().to_numpy(zero_copy_only=False) & ~Condition(self.column, self.sign, self.text).holds(array)


class Range(Settings):
    """The least and the greatest value that a column has in the data; None where that is infinite. Constraints that hold there hold within."""

    name: str
    least: Number | None
    greatest: Number | None

    def clipped(self, array: pa.ChunkedArray) -> pa.ChunkedArray:
        plain = pa.int64() if pa.types.is_temporal(array.type) else array.type
        for end, inside in ((self.least, pc.max_element_wise), (self.greatest, pc.min_element_wise)):
            if end is not None:
                array = inside(array, pa.scalar(end, plain).cast(array.type), skip_nulls=False)
        return array


class Gap(Settings):
    """upper = min(base + gap, greatest),  base = max(least, the least values that lowers allow),  gap >= 0

    least and greatest are those of the upper column in the data. A missing lower allows all, so the gap is missing where upper is, and nowhere
    else. Where lowers are beyond `greatest`, as in the data only in rows without upper, upper is missing. `step` is that of dates in microseconds
    and of whole numbers, 10^decimals of others, 0 where they have none; a number that is to be more than another is so by a step at least.
    """

    upper: Column
    gap: Column
    lowers: tuple[tuple[str, bool], ...]
    """names, and whether upper is more than that"""
    least: Number
    greatest: Number
    step: int
    whole: bool
    """whether all are whole numbers, or all dates"""

    def base(self, table: pa.Table) -> np.ndarray:
        found = np.full(len(table), self.least)
        for name, strict in self.lowers:
            values, missing = numbers(table[name])
            found = np.where(missing, found, np.maximum(found, self.allowed(values, strict)))
        return found

    def allowed(self, values: np.ndarray, strict: bool) -> np.ndarray:
        """The least values of upper's step that are not below (above) given ones, (n,)."""
        if self.whole:
            return (values // self.step + 1) * self.step if strict else -(-values // self.step) * self.step
        values = values.astype(np.float64)
        if not self.step:
            return np.nextafter(values, np.inf) if strict else values
        keys = np.rint(values * self.step)
        short = keys / self.step <= values if strict else keys / self.step < values
        return (keys + short) / self.step

    @property
    def slack(self) -> Number:
        """What rounding may change."""
        return 0 if self.whole else 1 / self.step if self.step else 1e-9 * (abs(self.least) + abs(self.greatest))

    def stepped(self, values: np.ndarray) -> np.ndarray:
        return values if self.whole or not self.step else np.rint(values * self.step) / self.step

    def inward(self, table: pa.Table) -> pa.Array:
        values, missing = numbers(table[self.upper.name])
        return self.array(self.stepped(np.maximum(values - self.base(table), 0)), missing)

    def outward(self, table: pa.Table) -> pa.Array:
        gap, missing = numbers(table[self.gap.name])
        base = self.base(table)
        return self.array(np.minimum(self.stepped(base + gap), self.greatest), missing | (base > self.greatest))

    def array(self, values: np.ndarray, missing: np.ndarray) -> pa.Array:
        """Values of the upper column's type."""
        plain = np.where(missing, 0, values).astype(np.float64 if self.upper.kind == "real" else np.int64)
        return pa.array(plain, mask=missing).cast(CANONICAL[self.upper.kind])


class Joint(Settings):
    """Columns of which only the combinations of the data are made. `column` holds those, as lines of a CSV file."""

    column: Column
    names: tuple[str, ...]

    def inward(self, table: pa.Table) -> pa.Array:
        cells = []
        for name in self.names:
            text = table[name].combine_chunks().cast(pa.string())
            empty = pc.if_else(pc.equal(text, ""), '""', quoted(text, ","))                        # a missing value is an empty cell
            cells.append(empty.fill_null(""))
        return pc.binary_join_element_wise(*cells, ",")


def numbers(array: pa.ChunkedArray) -> tuple[np.ndarray, np.ndarray]:
    """Values, dates in microseconds and 0 for missing ones, and which are missing, (n,) each."""
    array = array.combine_chunks()
    plain = array.cast(pa.int64()) if pa.types.is_temporal(array.type) else array
    return plain.fill_null(0).to_numpy(zero_copy_only=False), array.is_null().to_numpy(zero_copy_only=False)


def described(table: pa.Table, row: int, columns: tuple[Column, ...]) -> str:
    """start=5, end=3"""
    cells = as_text(table.slice(row, 1).select([column.name for column in columns]), columns).to_pylist()[0]
    return ", ".join(f"{name}={cell}" for name, cell in cells.items())


def spelt(value: Number, kind: str) -> str:
    """A number as conditions read it."""
    return str(np.datetime64(int(value), "us")) if kind == "date" else repr(int(value) if isinstance(value, (int, np.integer)) else float(value))
