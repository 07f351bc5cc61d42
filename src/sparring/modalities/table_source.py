"""Tables: columns of numbers, words and dates. Torch-free; arrow is imported by those who open one."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from sparring.base.errors import UserError, nearest
from sparring.modalities.source import Source
from sparring.modalities.table_columns import Column, TableSchema, Told
from sparring.modalities.table_files import Raw, read_file, read_frame
from sparring.modalities.table_types import NOTHING, arrow_type, as_text, find

SHOWN = 3
"""most frequent values that are shown"""


@dataclass
class TableSource(Source):
    """A table as it is modelled, whole in memory."""

    name: str
    table: pa.Table
    """the modelled columns in the file's order: category -> string, boolean -> bool, integer -> int64, real -> float64 (NaN is null, infinite
    values stay), date -> timestamp[us] without a zone (UTC where there was one), constant -> that of its value"""
    columns: tuple[Column, ...]
    """of `table`, in the same order"""
    dropped: dict[str, str] = field(default_factory=dict)
    """columns that are not modelled (identifiers, free text, nothing but missing values) and why"""
    problems: tuple[str, ...] = ()
    left_out: int = 0
    """rows of the file that could not be read"""
    loose: bool = False
    raw: Callable[[], Raw] | None = None
    """reads the columns as they came, to find their kinds anew"""
    kind: str = field(default="tables", init=False)

    def __len__(self) -> int:
        return self.table.num_rows

    def hashes(self) -> list[str]:
        return self._hashes

    @cached_property
    def _hashes(self) -> list[str]:
        return hash_rows(self.table)

    def describe(self) -> dict[str, Any]:
        kinds = [c.kind for c in self.columns]
        return {
            "kind": "tables", "name": self.name, "count": len(self), "rows left out": self.left_out,
            "types": {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)},
            "columns": [_described(column, self.table.column(column.name)) for column in self.columns],
            "dropped": dict(self.dropped), "duplicates": len(self) - len(set(self.hashes())),
            "problems": [p for p in self.problems if p not in {_left_out(*pair) for pair in self.dropped.items()}],
        }  # fmt: skip

    def told(self, schema: TableSchema) -> "TableSource":
        """The same data with the kinds of some columns from a schema (`table_columns.read_schema`)."""
        return replace(_found(self.raw(), self.name, schema, self.raw), loose=self.loose)

    def like(self, columns: tuple[Column, ...]) -> "TableSource":
        """The same data with exactly these columns, by the kinds, formats and words that a codec was fitted to; UserError when one is
        not there. This source itself where nothing differs. Values may be missing or new where none was before."""
        written = lambda column: column.model_dump(include={"name", "kind", "type", "format", "words", "absent", "value"})
        if [written(c) for c in columns] == [written(c) for c in self.columns]:
            return self
        raw = self.raw()
        if absent := [c.name for c in columns if c.name not in raw.table.column_names]:
            raise UserError(f"{self.name} has no column {absent[0]!r}{nearest(absent[0], raw.table.column_names)}")
        arrays, problems = [], list(raw.problems)
        for column in columns:
            array, said = _like(column, raw)
            arrays.append(array)
            problems += said
        names = [c.name for c in columns]
        rest = {n: "not a column that was trained on" for n in raw.table.column_names if n not in names}
        return TableSource(self.name, pa.table(arrays, names=names), tuple(columns), rest, tuple(problems), raw.left_out, self.loose, self.raw)

    def keep(self, path: Path) -> None:
        """The modelled columns as they came, as Parquet."""
        pyarrow.parquet.write_table(self.raw().table.select(self.table.column_names), path)


def open_table(path: str | Path, schema: TableSchema | None = None) -> TableSource:
    """A .csv, .tsv, .parquet, .arrow, .feather or .jsonl file (text files also .gz); UserError in one line when it cannot be read."""
    path = Path(path)
    raw = lambda: read_file(path)
    return _found(raw(), path.name.partition(".")[0] or path.name, schema, raw, str(path))


def from_frame(frame: Any, name: str = "frame", schema: TableSchema | None = None) -> TableSource:
    """A pandas or polars frame, a pyarrow.Table, or a dict of arrays."""
    raw = read_frame(frame)
    return replace(_found(raw, name, schema, lambda: raw), loose=True)


def _found(raw: Raw, name: str, schema: TableSchema | None, again: Callable[[], Raw], where: str = "") -> TableSource:
    """The kinds of all columns."""
    told = schema.columns if schema else {}
    if unknown := [n for n in told if n not in raw.table.column_names]:
        raise UserError(f"the schema names a column {unknown[0]!r} that {where or name} has not{nearest(unknown[0], raw.table.column_names)}")
    columns, arrays, dropped, problems = [], [], {}, list(raw.problems)
    for title, column in zip(raw.table.column_names, raw.table.columns):
        found = find(title, column, text=raw.text, told=told.get(title))
        problems += found.problems
        if found.column is None and title in told and told[title].kind not in (None, "drop"):
            raise UserError(f"column {title} cannot be {told[title].kind}, as the schema says: {found.dropped}")
        if found.column is None:
            dropped[title] = found.dropped
            if title not in told or told[title].kind is None:
                problems.append(_left_out(title, found.dropped))
        else:
            columns.append(found.column)
            arrays.append(found.values)
    if not columns:
        raise UserError(f"{where or name} has no column that can be modelled: {'; '.join(f'{n} is {why}' for n, why in list(dropped.items())[:3])}")
    return TableSource(name, pa.table(arrays, names=[c.name for c in columns]), tuple(columns), dropped, tuple(problems), raw.left_out, raw=again)


def _left_out(name: str, why: str) -> str:
    return f"column {name} is left out: {why}"


def _like(column: Column, raw: Raw) -> tuple[pa.Array, list[str]]:
    """The values of a column that is to be like a known one."""
    given = raw.table.column(column.name)
    if column.kind == "constant":
        array = pa.array([column.value], pa.string()).cast(_constant_type(column)).take(pa.array(np.zeros(len(given), np.int64)))
        same = given.drop_null().cast(pa.string()).unique().to_pylist() if not pa.types.is_nested(given.type) else []
        written = as_text(pa.table([array.slice(0, 1)], names=[column.name]), (column,)).column(0)[0].as_py()
        return array, [] if set(same) <= {column.value, written} else [f"column {column.name} was always {written} in training and is not here"]
    told = Told(kind=column.kind, format=column.format, words=column.words, missing=column.absent)
    found = find(column.name, given, text=raw.text, told=told)
    if found.values is None and found.dropped != NOTHING:
        raise UserError(f"column {column.name} cannot be {column.kind}, as it was in training: {found.dropped}")
    return pa.nulls(len(given), _modelled(column)) if found.values is None else found.values.cast(_modelled(column)), [*found.problems]


def _constant_type(column: Column) -> pa.DataType:
    """Of what a constant column has in `TableSource.table`, by how it is written in the file."""
    kind = arrow_type(column.type)
    if pa.types.is_integer(kind) or pa.types.is_duration(kind):
        return pa.int64()
    if column.format or pa.types.is_temporal(kind):
        return pa.timestamp("us")
    return pa.bool_() if pa.types.is_boolean(kind) else pa.float64() if pa.types.is_floating(kind) or pa.types.is_decimal(kind) else pa.string()


def _modelled(column: Column) -> pa.DataType:
    """The type that a kind has in `TableSource.table`."""
    return {"category": pa.string(), "boolean": pa.bool_(), "integer": pa.int64(), "real": pa.float64(), "date": pa.timestamp("us")}[column.kind]


# ---- hashes


def hash_rows(table: pa.Table) -> list[str]:
    """128 bits of each row's content, as text: sums over the columns of mixed values, so that their order does not matter. A function
    of names and values alone, the same on every machine."""
    sums = np.zeros((2, table.num_rows), np.uint64)
    for name, column in zip(table.column_names, table.columns):
        values = _bits(column)                                                          # (n,) uint64
        for i, key in enumerate(np.frombuffer(hashlib.sha256(name.encode()).digest()[:16], "<u8")):
            sums[i] += _mix(_mix(values + key) ^ key)
    text = sums.T.astype(">u8").tobytes().hex()
    return [text[i : i + 32] for i in range(0, len(text), 32)]


def _mix(x: np.ndarray) -> np.ndarray:
    """A bijection of 64 bits in which every bit depends on every other: the finaliser of splitmix64 (Steele et al. 2014, Figure 17)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _bits(column: pa.ChunkedArray) -> np.ndarray:
    """Values as numbers of 64 bits, (n,): equal ones for equal values, and one of their own for missing ones."""
    missing = column.is_null().to_numpy()
    if pa.types.is_string(column.type):
        encoded = column.combine_chunks().dictionary_encode()
        words = (hashlib.blake2b(word.encode(), digest_size=8).digest() for word in encoded.dictionary.to_pylist() or [""])
        bits = np.frombuffer(b"".join(words), "<u8")[encoded.indices.fill_null(0).to_numpy()]
    elif pa.types.is_floating(column.type):
        bits = (pc.fill_null(column, 0.0).to_numpy() + 0.0).view(np.uint64)              # -0.0 becomes 0.0
    else:
        column = column.cast(pa.int64()) if not pa.types.is_boolean(column.type) else column.cast(pa.int8()).cast(pa.int64())
        bits = pc.fill_null(column, 0).to_numpy().view(np.uint64)
    return np.where(missing, np.uint64(0x9E3779B97F4A7C15), bits)


# ---- what `inspect` shows


def _described(column: Column, values: pa.ChunkedArray) -> dict[str, Any]:
    """A column as JSON values: numbers and dates with the least and the greatest, others with the most frequent."""
    given = values.drop_null()
    row: dict[str, Any] = {
        "name": column.name, "kind": column.kind, "missing": round(values.null_count / max(len(values), 1), 6),
        "unique": pc.count_distinct(given).as_py(),
    }  # fmt: skip
    text = lambda array: as_text(pa.table([array], names=[column.name]), (column,)).column(0).to_pylist()
    if column.kind in ("integer", "real", "date") and len(given):
        ends = pc.min_max(given.filter(pc.is_finite(given)) if column.kind == "real" else given)
        if column.kind == "date":
            least, greatest = text(pa.chunked_array([pa.array([ends["min"].as_py(), ends["max"].as_py()], values.type)]))
            row |= {"min": least, "max": greatest}
        else:
            row |= {"min": ends["min"].as_py(), "max": ends["max"].as_py()}
    else:
        counted = given.value_counts()
        counts = counted.field("counts").to_numpy()
        order = np.argsort(-counts, kind="stable")[:SHOWN]
        shown = text(pa.chunked_array([counted.field("values").take(pa.array(order))]))
        row["frequent"] = dict(zip(shown, counts[order].tolist()))
    return row | {"why": column.why}
