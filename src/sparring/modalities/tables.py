"""Tables: rows as codes that are kept, and as the numbers that games see."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from sparring.base import files
from sparring.base.errors import UserError, nearest
from sparring.base.seeding import generator
from sparring.base.settings import dump, load
from sparring.modalities.settings import Tables
from sparring.modalities.source import Codec
from sparring.modalities.spaces import Span, TableSpace
from sparring.modalities.table_codings import Coding, Derived, Listed, fit_coding, load_coding, told_by
from sparring.modalities.table_columns import Column, read_schema
from sparring.modalities.table_conditions import Conditions, compiled, read_asked, read_conditions
from sparring.modalities.table_source import TableSource, from_frame
from sparring.modalities.table_types import restored

if TYPE_CHECKING:
    import pandas

PLACES = 2**30
"""steps from the middle of a bin to its end, as compact rows count them"""
ROWS = 16_384
"""rows that are decoded, and written, at a time"""


class TableCodec(Codec):
    """Rows as choices and values. A column that another tells has none of its own (`table_codings.Derived`), nor has a constant one.

    Compact rows are int32 (n, choices + values): the code of every choice, then places within bins in steps of a `PLACES`th. Games see
    (n, width) floats: a 1 for every choice, then the places in [-1, 1]. Items are `pyarrow.Table`s as `TableSource.table` has them.
    """

    file_name = "rows.csv"
    part = ROWS

    def __init__(self, encoding: Tables, codings: tuple[Coding, ...]):
        self.encoding, self.codings = encoding, codings
        self.columns = tuple(coding.column for coding in codings)
        self.space = space_of(codings)
        choices, values = self.space.choices, self.space.values
        self.width = sum(span.size for span in choices)
        self.starts = torch.tensor([span.start for span in choices])
        place, self.groups = 0, []
        within = iter(range(len(choices), len(choices) + len(values)))
        for coding in codings:                                                                      # numbers of a column's compact columns
            self.groups.append([*range(place, place + len(coding.sizes)), *([next(within)] if coding.bins else [])])
            place += len(coding.sizes)
        at = {coding: group for coding, group in zip(codings, self.groups)}
        self.read = [at[coding.parent] if isinstance(coding, Derived) else group for coding, group in zip(codings, self.groups)]

    def items(self, source: TableSource) -> TableSource:
        """The source with the columns that this was fitted to, by the same kinds."""
        return source.like(self.columns)

    def encode(self, source: TableSource, rows: np.ndarray | None = None) -> dict[str, Tensor]:
        table = source.like(self.columns).table
        return {"x": self.compact(table if rows is None else table.take(pa.array(rows)))}

    def compact(self, items: pa.Table) -> Tensor:
        if tuple(items.column_names) != tuple(column.name for column in self.columns):
            raise UserError(f"rows must have the columns {', '.join(c.name for c in self.columns)}, not {', '.join(items.column_names)}")
        x = torch.empty(items.num_rows, len(self.starts) + len(self.space.values), dtype=torch.int32)
        for coding, group, array in zip(self.codings, self.groups, items.columns):
            if isinstance(coding, Derived):
                continue
            codes, within = coding.encode(whole(array))
            for at, code in zip(group, codes):
                x[:, at] = torch.from_numpy(code.astype(np.int32))
            if within is not None:
                x[:, group[-1]] = torch.from_numpy(np.rint(within * PLACES).astype(np.int32))
        for coding, group, array in zip(self.codings, self.read, items.columns):
            if isinstance(coding, Derived):
                coding.check(whole(array), coding.parent.joined([x[:, at].numpy() for at in group]))
        return x

    def expand(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        x, choices = batch["x"], len(self.starts)
        dense = torch.zeros(len(x), *self.space.shape, device=x.device)
        dense.scatter_(1, x[:, :choices] + self.starts.to(x.device), 1.0)
        dense[:, self.width :] = x[:, choices:].float() / PLACES
        return batch | {"x": dense}

    def decode(self, x: Tensor) -> pa.Table:
        """The most probable choices of (n, width) floats; values within the bins that they are in."""
        parts = [self._decoded(rows) for rows in x.detach().cpu().split(ROWS)]
        return pa.concat_tables(parts) if len(parts) > 1 else parts[0]

    def _decoded(self, x: Tensor) -> pa.Table:
        codes = [span.argmax(1).numpy() for span in x[:, : self.width].split([s.size for s in self.space.choices], 1)]
        numbers = [*codes, *x[:, self.width :].double().T.numpy()]
        arrays = []
        for coding, group in zip(self.codings, self.read):
            mine = [numbers[at] for at in group]
            codes, within = (mine[:-1], mine[-1]) if coding.bins else (mine, None)
            arrays.append(coding.decode(codes, within, len(x)))
        return pa.table(arrays, names=[column.name for column in self.columns])

    def asked(self, where: Mapping[str, Any] | Iterable[str]) -> Conditions:
        """Conditions on rows, `age>=60` or values by column, as what they leave of choices; UserError for those that nothing obeys."""
        return compiled(read_conditions(where, self.columns), self.codings)

    def asked_by(self, path: Path, n: int) -> dict[tuple[str, ...], int]:
        """What a CSV file of conditions asks for (`table_conditions.read_asked`): conditions, and how many rows, n where it does not say."""
        return read_asked(path, self.columns, n)

    # ---- as users have them

    def handed(self, items: pa.Table) -> "pandas.DataFrame":
        """Rows with the types that the data have: whole numbers and truth values with pandas' missing ones, words, dates as datetime64."""
        import pandas as pd

        whole = (pd.Int8Dtype, pd.Int16Dtype, pd.Int32Dtype, pd.Int64Dtype, pd.UInt8Dtype, pd.UInt16Dtype, pd.UInt32Dtype, pd.UInt64Dtype)
        types = {pa.type_for_alias(kind.name.lower()): kind() for kind in whole} | {pa.bool_(): pd.BooleanDtype()}
        return restored(items, self.columns).to_pandas(types_mapper=types.get, date_as_object=False)

    def received(self, items: Any) -> pa.Table:
        """Rows from a frame; a table that `decode` made stays as it is."""
        if isinstance(items, pa.Table) and items.schema.equals(self.decode(torch.zeros(1, *self.space.shape)).schema):
            return items
        return from_frame(items).like(self.columns).table

    # ---- files

    def write(self, items: pa.Table, out: Path, labels: np.ndarray | None = None) -> None:
        self.write_parts([items], out)

    def write_parts(self, parts: Iterable[pa.Table], out: Path) -> None:
        """Rows as .csv, .tsv, .parquet or .jsonl, a part at a time, with the types and formats of the data."""
        from sparring.modalities.table_writing import write_parts

        write_parts(parts, self.columns, out)

    def joined(self, parts: list[pa.Table]) -> pa.Table:
        return pa.concat_tables(parts)

    def preview(self, items: pa.Table, path: Path, labels: np.ndarray | None = None, real: pa.Table | None = None, score: Any = None) -> None:
        """How often every value and bin of every column occurs, as bars; of `real` rows behind those."""
        from sparring.modalities.table_picture import draw

        tables, columns = [table for table in (real, items) if table is not None], {}
        for coding, name in zip(self.codings, items.column_names):
            if coding.sizes or isinstance(coding, Derived):
                columns[name] = [coding.counts(whole(table[name])) for table in tables]
        files.write(path, draw(columns, compared=real is not None))

    # ---- beside what a game makes

    def baseline(self, compact: Tensor, n: int, seed: int) -> Tensor:
        """Every column drawn by itself from the training rows."""
        draw = generator("baseline", seed)
        made = compact.new_empty(n, compact.shape[1])
        for group in self.groups:
            made[:, group] = compact[torch.randint(len(compact), (n, 1), generator=draw), torch.tensor(group, dtype=torch.long)]
        return made

    def spoil(self, compact: Tensor, seed: int) -> Tensor:
        """Every column pressed into the first half of its choices: each share is wrong, and much of what columns say of each other."""
        spoilt = compact.clone()
        spoilt[:, : len(self.starts)] //= 2
        return spoilt

    # ---- kept

    def save(self, folder: Path) -> None:
        """Columns and settings as JSON; values of choices and distributions within bins, sorted by frequency or size, as arrow arrays."""
        parents = {i: self.codings.index(coding.parent) for i, coding in enumerate(self.codings) if isinstance(coding, Derived)}
        content = {"encoding": dump(self.encoding), "columns": dump(self.columns), "derived": parents}
        files.write_json(folder / "codec.json", content)
        arrays = {f"{i}/{name}": array for i, coding in enumerate(self.codings) for name, array in coding.arrays().items()}
        lists = {name: pa.ListArray.from_arrays(pa.array([0, len(array)], pa.int32()), array) for name, array in arrays.items()}
        with pa.OSFile(str(folder / "codec.arrow"), "wb") as file, pa.ipc.new_file(file, pa.table(lists).schema) as writer:
            writer.write_table(pa.table(lists))

    @classmethod
    def load(cls, folder: Path) -> "TableCodec":
        saved = files.read_json(folder / "codec.json")
        encoding, columns = load(Tables, saved["encoding"]), [load(Column, column) for column in saved["columns"]]
        try:
            with pa.OSFile(str(folder / "codec.arrow"), "rb") as file:
                row = pa.ipc.open_file(file).read_all()
        except (OSError, pa.ArrowInvalid) as error:
            raise UserError(f"{folder / 'codec.arrow'} is missing or damaged ({error}): restore it or start a new run") from None
        arrays: dict[str, dict[str, pa.Array]] = {}
        for name in row.column_names:
            number, _, what = name.partition("/")
            arrays.setdefault(number, {})[what] = row[name].chunk(0).flatten()
        codings = [load_coding(column, arrays[str(i)], encoding.factor) for i, column in enumerate(columns)]
        for i, parent in saved["derived"].items():
            codings[int(i)] = Derived(columns[int(i)], codings[int(i)], codings[parent], arrays[i]["told"].to_numpy())
        return cls(encoding, tuple(codings))


def fit(source: TableSource, encoding: Tables) -> TableCodec:
    """Choices for every column; UserError when there is nothing to choose."""
    told = source.told(read_schema(encoding.schema)) if encoding.schema else source
    if not len(told):
        raise UserError(f"{source.name} has no rows: a model needs some to learn from")
    how = {"bins": encoding.bins, "few": encoding.few, "factor": encoding.factor}
    codings = derived([fit_coding(column, whole(told.table[column.name]), **how) for column in told.columns], told.table)
    names = [column.name for column in told.columns]
    if encoding.target is not None and encoding.target not in names:
        raise UserError(f"there is no column {encoding.target!r} to predict{nearest(encoding.target, names)}")
    if not any(coding.sizes for coding in codings):
        raise UserError(f"{source.name} has the same value in every row of each column that can be modelled: there is nothing to learn")
    return TableCodec(encoding, codings)


def derived(codings: list[Coding], table: pa.Table) -> tuple[Coding, ...]:
    """The codings, with those of columns that an earlier one tells, or else a later one, derived from it."""
    listed = {i: coding for i, coding in enumerate(codings) if isinstance(coding, Listed) and coding.sizes}
    codes = {i: coding.joined(coding.encode(whole(table.column(i)))[0]) for i, coding in listed.items()}
    for child in reversed(listed):
        for parent in listed:
            a, b = codings[parent], listed[child]
            if parent == child or isinstance(a, Derived) or len(a.values) < len(b.values):
                continue
            if (told := told_by(codes[parent], codes[child], (len(a.values), len(b.values)))) is not None:
                codings[child] = Derived(b.column, b, a, told)
                break
    return tuple(codings)


def whole(array: pa.ChunkedArray) -> pa.Array:
    """One array of a column's chunks."""
    return array.chunk(0) if array.num_chunks == 1 else array.combine_chunks()


def space_of(codings: tuple[Coding, ...]) -> TableSpace:
    """Spans of all choices, then of all values."""
    spans, place = [], 0
    for coding in codings:
        for size, shares in zip(coding.sizes, coding.shares):
            shares = tuple(float(share) for share in shares)
            spans.append(Span(column=coding.column.name, kind="choice", start=place, size=size, bins=coding.bins, shares=shares))
            place += size
    for coding in codings:
        if coding.bins:
            spans.append(Span(column=coding.column.name, kind="value", start=place, size=1))
            place += 1
    return TableSpace(shape=(place,), spans=tuple(spans))
