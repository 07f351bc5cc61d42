"""What stands for a column of a file that is larger than memory: its different values with their rows, or of numbers that hardly repeat a
sample and the values that decide what the column is."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from sparring.base.seeding import seed_of
from sparring.modalities.table_codings import MONTH, STEPS, off_step
from sparring.modalities.table_columns import Column, Told
from sparring.modalities.table_finding import LEFT_OUT, find
from sparring.modalities.table_found import Found, numbering
from sparring.modalities.table_types import is_binary, is_text

SAMPLE = 2**20
"""rows that stand for all; no more are nothing but themselves"""
WORDS, NUMBERS = SAMPLE, 2**17
"""different values that are counted, at most"""
DECIMALS = 6
"""digits after the point that are looked for, at most"""


def sampled(start: int, length: int, rows: int) -> np.ndarray:
    """Which rows of a block, ascending, are in the sample of so many rows: an even share, drawn by the block's place."""
    if rows <= SAMPLE:
        return np.arange(length)
    share = (start + length) * SAMPLE // rows - start * SAMPLE // rows
    return np.sort(np.random.default_rng(seed_of("rows", start)).permutation(length)[:share])


class Digest:
    """One column, block by block."""

    def __init__(self, field: pa.Field, rows: int):
        """rows: of the whole file."""
        kind = field.type.storage_type if isinstance(field.type, pa.BaseExtensionType) else field.type
        self.name, self.kind, self.rows = field.name, kind, rows
        self.type = stored_type(kind)
        self.words = is_text(self.type) or pa.types.is_time(self.type)
        self.opaque = any(of(self.type) for of in (pa.types.is_nested, is_binary, pa.types.is_null, pa.types.is_interval))
        self.numbers = not (self.words or self.opaque or pa.types.is_boolean(self.type))
        self.counted: tuple[pa.Array, np.ndarray] | None = pa.array([], self.type), np.array([], np.int64)
        self._listed: dict[str, None] | None = {} if pa.types.is_dictionary(kind) and is_text(self.type) else None
        self._waiting: list[tuple[pa.Array, np.ndarray]] = []
        self._sample: list[pa.Array] = []
        self._ends: list[pa.Array] = []
        self._fine: list[pa.Array] = []

    @property
    def whole(self) -> bool:
        """Whether all values are known: all different ones, or all rows."""
        return self.counted is not None or (self.numbers and self.rows <= SAMPLE)

    def add(self, column: pa.ChunkedArray, chosen: np.ndarray) -> None:
        """The next block, of which these rows are in the sample."""
        values = stored(column)
        if self._listed is not None:
            self._listed |= dict.fromkeys(word for chunk in column.chunks for word in chunk.dictionary.to_pylist())
        if self.opaque:                                         # its type says all
            self._sample = self._sample or [values.take(pa.array(range(min(len(values), 100))))]
            return
        if self.counted is not None:
            counted = values.value_counts()
            self._waiting.append((counted.field("values"), counted.field("counts").to_numpy()))
            if sum(len(values) for values, _ in self._waiting) > self.limit:
                self.settle()
        if self.numbers:
            self._sample.append(values.take(pa.array(chosen)))
            if self.rows > SAMPLE:
                self._decide(values)

    @property
    def limit(self) -> int:
        return NUMBERS if self.numbers else WORDS

    def settle(self) -> None:
        """Counts what waits to be counted; gives up on more different values than are counted."""
        if self.counted is None or not self._waiting:
            return
        self.counted = merged(*zip(self.counted, *self._waiting))
        self._waiting = []
        if len(self.counted[0]) > self.limit:
            self.counted = None

    def _decide(self, values: pa.Array) -> None:
        """Keeps a missing value, infinite ones, the least, the greatest, and one that is finer than all before."""
        values = pa.concat_arrays([*self._ends, values])
        missing = values.is_null(nan_is_null=True).to_numpy(zero_copy_only=False)
        numbers = self._plain(values)
        finite = ~missing & np.isfinite(numbers)
        ends = [int(mask.argmax()) for mask in (missing, numbers == np.inf, numbers == -np.inf) if mask.any()]
        if finite.any():
            known = np.flatnonzero(finite)
            ends += [int(known[numbers[known].argmin()]), int(known[numbers[known].argmax()])]
        self._ends = [values.take(pa.array(ends, pa.int64()))]
        while len(self._fine) <= DECIMALS and (finer := finite & self._finer(numbers)).any():
            self._fine.append(values.take(pa.array([int(finer.argmax())])))

    def _plain(self, values: pa.Array) -> np.ndarray:
        """Numbers (n,), dates in their unit, int64 where that is exact, and 0 for missing ones."""
        if pa.types.is_temporal(self.type):
            values = values.cast(pa.int32() if self.type.bit_width == 32 else pa.int64())
        exact = pa.types.is_integer(values.type) and not pa.types.is_uint64(values.type)
        return values.cast(pa.int64() if exact else pa.float64()).fill_null(0).to_numpy()

    def _finer(self, numbers: np.ndarray) -> np.ndarray:
        """Which numbers have more digits after the point, or of dates a smaller step, than the finest known one."""
        if pa.types.is_timestamp(self.type) or pa.types.is_date(self.type):
            units = {"s": 10**6, "ms": 10**3, "us": 1, "ns": 1}
            unit = units[self.type.unit] if pa.types.is_timestamp(self.type) else 86_400 * 10**6 if self.type.bit_width == 32 else 10**3
            numbers = numbers // 1000 if self.type == pa.timestamp("ns", getattr(self.type, "tz", None)) else numbers * unit
            steps = (MONTH, *STEPS)
            return off_step(numbers, steps[min(len(self._fine), len(STEPS))])
        if numbers.dtype != np.float64:
            return np.zeros(len(numbers), bool)
        rounded = np.round(numbers, len(self._fine))
        return rounded.astype(np.float32) != numbers.astype(np.float32) if pa.types.is_float32(self.type) else rounded != numbers

    # ---- what it is

    def column(self) -> pa.ChunkedArray:
        """Values that stand for the whole column: the sample with the decisive ones, or each different value in proportion, once at least."""
        if self.opaque or (self.numbers and (self.rows <= SAMPLE or self.counted is None)):
            return pa.chunked_array([*self._sample, *self._ends, *self._fine], self.type)
        values, counts = self.counted
        share = min(1.0, max(SAMPLE, 8 * len(values)) / self.rows)                          # of 8 at least, so that many stay many
        repeated = np.repeat(np.arange(len(values)), np.maximum(1, np.rint(counts * share)).astype(np.int64))
        return pa.chunked_array([values.take(pa.array(repeated))], self.type)

    def found(self, told: Told | None) -> Found:
        """What the column holds, as `table_types.find` says it; the values are those of `column`."""
        if told and told.kind in LEFT_OUT:
            return find(self.name, pa.chunked_array([], self.type), text=False, told=told)
        if self.words and not self.whole:
            return Found(None, None, self._too_many("texts"))
        found = find(self.name, self.column(), text=False, told=told)
        if found.column is None:
            return found
        listed = tuple(self._listed) if self._listed is not None and found.column.kind in ("category", "boolean", "constant") else None
        column = found.column.model_copy(update={"type": str(self.kind), "categories": listed})
        if not self.whole:
            if column.kind in ("category", "boolean") or (column.kind == "date" and not pa.types.is_temporal(self.type)):
                return Found(None, None, self._too_many("values"))
            if not told and (why := self._identifier(column)):
                return Found(None, None, f"an identifier: {why}")
        return Found(column, found.values, problems=found.problems)

    def _identifier(self, column: Column) -> str:
        """Why a column of which there is a sample numbers the rows."""
        if column.kind != "integer" or column.missing:
            return ""
        numbers, ends = (pa.chunked_array(arrays).cast(pa.int64()).to_numpy() for arrays in (self._sample, self._ends))
        return numbering(self.name, numbers, (ends.min(), ends.max()), self.rows) if len(np.unique(numbers)) == len(numbers) else ""

    def _too_many(self, what: str) -> str:
        return (f"more than {self.limit:,} different {what}, too many for categories: write numbers and dates as such into the file, or let it be "
                "read whole with --encoding.memory ram")  # fmt: skip


def stored_type(kind: pa.DataType) -> pa.DataType:
    """Without categories or an extension around it."""
    kind = kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def stored(column: pa.ChunkedArray) -> pa.Array:
    """Values of that type, in one piece."""
    if isinstance(column.type, pa.BaseExtensionType):
        column = pa.chunked_array([chunk.storage for chunk in column.chunks], column.type.storage_type)
    return (column.cast(stored_type(column.type)) if pa.types.is_dictionary(column.type) else column).combine_chunks()


def merged(values: Sequence[pa.Array], counts: Sequence[np.ndarray]) -> tuple[pa.Array, np.ndarray]:
    """Values of several arrays, each once in the order in which they came, and their rows."""
    encoded = pa.concat_arrays(values).dictionary_encode(null_encoding="encode")
    held = np.bincount(encoded.indices.to_numpy(), np.concatenate(counts), minlength=len(encoded.dictionary))
    return encoded.dictionary, held.astype(np.int64)
