"""What is found of a column, and what is said of its numbers, however they came."""

import re
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sparring.modalities.table_columns import Column, Told

KEY = r"(^|[^a-zA-Z])(?i:id|uuid|guid|key|index)$|[a-z](Id|ID)$"
"""names of columns that number the rows"""
NOTHING = "all values are missing"
ROWS = 20
"""rows below which nothing is said to be an identifier or free text"""
EXACT = 2**53


@dataclass(frozen=True)
class Found:
    """A column as it is modelled, or why it is not."""

    column: Column | None
    values: pa.Array | None
    dropped: str = ""
    problems: tuple[str, ...] = ()

    def without_values(self) -> "Found":
        return replace(self, values=None)


def of_numbers(name: str, values: pa.Array, counted, whole: bool, column: dict, note: str, told: Told | None, more: str = "") -> Found:
    """Numbers (n,), int64 or float64, as a column; whole numbers that only number the rows are dropped. counted: the different ones, and
    how often each is there."""
    different, counts = counted
    k, n = len(different), len(values) - values.null_count
    unique = k == n == len(values) >= ROWS
    if whole and not told and unique and (why := numbering(name, values.to_numpy(), (different.min(), different.max()), n)):
        return Found(None, None, f"an identifier: {why}")
    infinite = not whole and bool(np.isinf(different).any())
    why = f"{note}, {distinct(values, k)}"
    if k > ROWS and (share := counts.max() / n) >= 0.3:
        spike = different[counts.argmax()]
        why += f"; a spike and a tail: {spike:g} in {share:.0%}, the rest {k - 1:,} others"
    if infinite:
        why += f"; {int(counts[np.isinf(different)].sum()):,} infinite"
    why = ("the schema says so: " if told else "") + why + more
    made = Column(name=name, kind="integer" if whole else "real", why=why, infinite=infinite, **column)
    return Found(*constant(made, values))


def distinct(values: pa.Array, k: int) -> str:
    n = len(values) - values.null_count
    if k == n > ROWS:
        return "all different"
    return f"{k:,} different{', nearly unique' if k > 0.9 * n and n > ROWS else ''}"


def numbering(name: str, numbers: np.ndarray, ends: tuple[int, int], rows: int) -> str:
    """Why whole numbers that are all different number so many rows; empty when they measure something. ends: the least and the greatest;
    numbers: all, or some of them in order."""
    span = int(ends[1]) - int(ends[0]) + 1
    if re.search("(?i)year", name):
        return ""
    if span == rows:
        return f"all different, the whole numbers from {ends[0]} to {ends[1]}"
    if span <= 10 * rows and (np.diff(numbers) > 0).all():
        return "all different, in order"
    return f"all different whole numbers, and the name {name!r}" if re.search(KEY, name) else ""


def constant(column: Column, values: pa.Array) -> tuple[Column, pa.Array]:
    """A column of one value, without a missing one, is a constant."""
    if values.null_count or len(values.slice(0, 100).unique()) > 1 or len(values.unique()) > 1:
        return column, values
    value = values[0].cast(pa.string()).as_py()
    return column.model_copy(update={"kind": "constant", "why": f"only {short(value)}", "value": value}), values


def are_whole(values: pa.Array) -> bool:
    """Whether finite numbers are whole, and exact as such."""
    return float(pc.max(pc.abs(values)).as_py()) < EXACT and bool(pc.all(pc.equal(values, pc.floor(values))).as_py())


def short(word: str) -> str:
    return repr(word if len(word) <= 30 else word[:27] + "...")
