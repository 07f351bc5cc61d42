"""The sets of real, trivial and spoilt rows that stand beside generated rows of a table. No torch."""

from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sparring.base.errors import UserError
from sparring.metrics import table_efficacy
from sparring.metrics.table_rows import array_of, is_number, random, some
from sparring.modalities.table_columns import Column

FACTOR = 1000.0


class Sets:
    """Real rows that generated ones are compared with, and what stands beside those. Nothing is made before it is asked for.

    most: how many generated rows there are, and no more than training rows; n: as many of them as are held out.
    """

    def __init__(
        self, training: pa.Table, held_out: pa.Table, columns: Sequence[Column], n: int, target: str | None, seed: int,
        copies: Callable[[pa.Table], float] | None = None,
    ):  # fmt: skip
        names = [column.name for column in columns]
        for table, what in ((training, "training"), (held_out, "held-out")):
            if missing := [name for name in names if name not in table.column_names]:
                raise UserError(f"the {what} table has no column {missing[0]!r}: give tables of the same columns")
        self.training, self.held_out = training.select(names), some(held_out.select(names), len(held_out), "held out", seed)
        self.most = min(n, len(training))
        self.n = min(self.most, len(held_out))
        self.columns, self.target, self.seed, self.copies = tuple(columns), target, seed, copies

    @cached_property
    def reference(self) -> pa.Table:
        """n training rows, which every set is compared with."""
        return some(self.training, self.n, "reference", self.seed)

    @cached_property
    def real(self) -> pa.Table:
        """n held-out rows."""
        return self.held_out.slice(0, self.n)

    @property
    def half(self) -> int:
        """How many rows are judged where held-out ones are needed for the comparison too."""
        return min(self.n, len(self.held_out) // 2)

    @cached_property
    def fresh(self) -> pa.Table:
        """The half of the held-out rows that is judged,"""
        return self.held_out.slice(0, self.half)

    @cached_property
    def unseen(self) -> pa.Table:
        """and that which it is compared with."""
        return self.held_out.slice(len(self.held_out) - self.half)

    @cached_property
    def independent(self) -> pa.Table:
        """Independent marginals: training rows, every column shuffled on its own."""
        shuffled = lambda name: some(self.training.select([name]), self.most, "independent", name, self.seed).column(0)
        return pa.table({column.name: shuffled(column.name) for column in self.columns})

    @cached_property
    def copied(self) -> pa.Table:
        """What a generator makes that copies: training rows, drawn with replacement."""
        return self.training.take(random("copied", self.seed).integers(0, len(self.training), self.most))

    @cached_property
    def collapsed(self) -> pa.Table:
        """One row n times."""
        return self.real.take(np.zeros(self.n, dtype=np.int64))

    @cached_property
    def spoilt(self) -> pa.Table:
        """Held-out rows with one column spoilt: the number that is seldomest zero or missing times 1,000; in tables without numbers the column
        whose most frequent value is the least frequent becomes that value."""
        numbers = {c.name: array_of(self.real, c) for c in self.columns if c.kind in ("integer", "real")}
        if numbers:
            name = max(numbers, key=lambda name: pc.sum(pc.not_equal(numbers[name], 0.0)).as_py() or 0)
            return replaced(self.real, name, pc.multiply(numbers[name], FACTOR))
        modes = {c.name: _mode(self.real.column(c.name)) for c in self.columns}
        name = min(modes, key=lambda name: modes[name][1])
        return replaced(self.real, name, pa.repeat(modes[name][0], self.n))

    def mislabelled(self, rows: pa.Table) -> pa.Table:
        """The rows under wrong labels: each class is called the next one, a number is mirrored at the middle of its range."""
        column = self.columns[table_efficacy.target_of(self.columns, self.target)]
        array = array_of(rows, column)
        if is_number(column):
            ends = pc.min_max(array.filter(pc.fill_null(pc.is_finite(array), False))).as_py()
            mirrored = pc.subtract((ends["min"] or 0.0) + (ends["max"] or 0.0), array)
            return replaced(rows, column.name, mirrored.cast(pa.int64(), safe=False).cast(pa.timestamp("us")) if column.kind == "date" else mirrored)
        encoded = array.dictionary_encode()
        return replaced(rows, column.name, encoded.dictionary.take(_following(encoded.indices, len(encoded.dictionary))))

    @cached_property
    def alone(self) -> dict[str, list[float]]:
        """How well models predict the target of unseen rows that learn from the reference alone."""
        return table_efficacy.efficacy(self.reference, self.unseen, self.columns, self.target, seed=self.seed)


def replaced(table: pa.Table, name: str, array: pa.Array) -> pa.Table:
    return table.set_column(table.column_names.index(name), name, array)


def _mode(column: pa.ChunkedArray) -> tuple[pa.Scalar, int]:
    counts = pc.value_counts(column.combine_chunks())
    at = int(np.argmax(counts.field("counts").to_numpy()))
    return counts.field("values")[at], counts.field("counts")[at].as_py()


def _following(indices: pa.Array, of: int) -> pa.Array:
    return pc.if_else(pc.equal(indices, of - 1), 0, pc.add(indices, 1)).cast(pa.int32())
