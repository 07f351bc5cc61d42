"""Tables: columns of numbers, words and dates. Torch-free; arrow is imported by those who open one."""

import hashlib
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from sparring.base.errors import UserError, nearest
from sparring.modalities.source import Source
from sparring.modalities.table_columns import Column, TableSchema, Told
from sparring.modalities.table_files import read_file
from sparring.modalities.table_finding import LEFT_OUT, find
from sparring.modalities.table_found import NOTHING, Found
from sparring.modalities.table_frames import read_frame
from sparring.modalities.table_pieces import pieces
from sparring.modalities.table_raw import Raw
from sparring.modalities.table_types import as_text, constant_type

if TYPE_CHECKING:
    from sparring.modalities.tables import TableCodec

SHOWN = 3
"""most frequent values that are shown"""
AT_ONCE = 2**16
"""hashes that are text at a time"""
UNASKED = "not a column that was trained on"
LARGE = 2**30
"""bytes of a table in memory from which one is read in pieces"""


class Rows(Source):
    """A table as it is modelled, in memory or on disk (`table_disk.TableFile`)."""

    columns: tuple[Column, ...]
    """that are modelled, in the file's order"""
    dropped: Mapping[str, str]
    """columns that are not modelled (identifiers, free text, nothing but missing values) and why"""
    codes: np.ndarray | None = None
    """compact rows that lie in the cache, mapped; None where they are made when they are asked for"""

    @cached_property
    @abstractmethod
    def keys(self) -> np.ndarray:
        """`row_keys` of all rows."""

    def hashes(self) -> Sequence[str]:
        """Equal rows count as different ones. Where a table has few columns they are different people, and rows that stay together would
        leave a whole combination of values to one part: of 28 combinations of four columns training kept nine."""
        return Hashes(self.keys, equal_before(self.keys))

    def content(self) -> str:
        digest, ordered = hashlib.sha256(), np.sort(self.keys)
        for start in range(0, len(ordered), AT_ONCE):
            digest.update(ordered[start : start + AT_ONCE].tobytes().hex().encode())
        return digest.hexdigest()

    def holds(self, rows: np.ndarray, table: pa.Table) -> np.ndarray:
        """Whether each row of a table is equal to one of those of these numbers."""
        return np.isin(row_keys(table.select([column.name for column in self.columns])), self.keys[rows])

    @abstractmethod
    def take(self, rows: np.ndarray) -> pa.Table:
        """The rows of these numbers, in their order, as `TableSource.table` has them."""

    @abstractmethod
    def blocks(self, names: Sequence[str]) -> Iterator[pa.Table]:
        """Some columns of all rows, as many rows at a time as memory takes well."""

    @abstractmethod
    def values(self, name: str) -> pa.Array:
        """What stands for a column when it is learnt how to code it: every value, or a sample."""

    @property
    @abstractmethod
    def titles(self) -> Sequence[str]:
        """The names of all columns, modelled or not, in the file's order."""

    @abstractmethod
    def came(self, names: Sequence[str]) -> Raw:
        """Some columns, modelled or not, as they came, whole."""

    @abstractmethod
    def like(self, columns: tuple[Column, ...]) -> "Rows":
        """The same data with exactly these columns, by the kinds, formats and words that a codec was fitted to; UserError when one is
        not there. This source itself where nothing differs. Values may be missing or new where none was before."""

    def coded_by(self, codec: "TableCodec") -> "Rows":
        """The same data, whose `codes` are those of a codec, where they lie on disk."""
        return self


@dataclass
class TableSource(Rows):
    """A table whole in memory."""

    name: str
    table: pa.Table
    """the modelled columns in the file's order: category -> string, boolean -> bool, integer -> int64, real -> float64 (NaN is null, infinite
    values stay), date -> timestamp[us] without a zone (UTC where there was one), constant -> that of its value"""
    columns: tuple[Column, ...]
    """of `table`, in the same order"""
    dropped: dict[str, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    left_out: int = 0
    """rows of the file that could not be read"""
    loose: bool = False
    raw: Callable[[], Raw] | None = None
    """reads the columns as they came, to find their kinds anew"""
    kind: str = field(default="tables", init=False)

    def __len__(self) -> int:
        return self.table.num_rows

    @cached_property
    def keys(self) -> np.ndarray:
        return row_keys(self.table)

    def take(self, rows: np.ndarray) -> pa.Table:
        return self.table.take(pa.array(rows))

    def blocks(self, names: Sequence[str]) -> Iterator[pa.Table]:
        yield self.table.select(list(names))

    def values(self, name: str) -> pa.Array:
        column = self.table[name]
        return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()

    @property
    def titles(self) -> Sequence[str]:
        return self.raw().table.column_names

    def came(self, names: Sequence[str]) -> Raw:
        raw = self.raw()
        return replace(raw, table=raw.table.select(list(names)))

    def describe(self) -> dict[str, Any]:
        counted = (self.table.column(column.name).value_counts() for column in self.columns)
        return description(self, [(of.field("values"), of.field("counts").to_numpy()) for of in counted])

    def told(self, schema: TableSchema) -> "TableSource":
        """The same data with the kinds of some columns from a schema (`table_columns.read_schema`)."""
        return replace(_found(self.raw(), self.name, schema, self.raw), loose=self.loose)

    def like(self, columns: tuple[Column, ...]) -> "TableSource":
        if [written(c) for c in columns] == [written(c) for c in self.columns]:
            return self
        raw = self.raw()
        require(columns, raw.table.column_names, self.name)
        arrays, problems = [], list(raw.problems)
        for column in columns:
            array, said = like(column, raw)
            arrays.append(array)
            problems += said
        names = [c.name for c in columns]
        rest = {n: UNASKED for n in raw.table.column_names if n not in names}
        return TableSource(self.name, pa.table(arrays, names=names), tuple(columns), rest, tuple(problems), raw.left_out, self.loose, self.raw)

    def keep(self, path: Path) -> None:
        """The modelled columns as they came, as Parquet."""
        pyarrow.parquet.write_table(self.raw().table.select(self.table.column_names), path)


def open_table(path: str | Path, schema: TableSchema | None = None, memory: str = "auto") -> Rows:
    """A .csv, .tsv, .parquet, .arrow, .feather or .jsonl file (text files also .gz); UserError in one line when it cannot be read. memory:
    ram, disk (read in pieces, which Parquet and Arrow files can be), or auto for disk where it is `LARGE`."""
    path = Path(path)
    name = path.name.partition(".")[0] or path.name
    if memory != "ram" and (file := pieces(path)) and file.rows and (memory == "disk" or file.size > LARGE):
        from sparring.modalities.table_disk import TableFile

        return TableFile(file, name, schema)
    if memory == "disk":
        raise UserError(f"{path} cannot be read in pieces: save it as Parquet, or leave --encoding.memory disk out")
    raw = lambda: read_file(path)
    return _found(raw(), name, schema, raw, str(path))


def from_frame(frame: Any, name: str = "frame", schema: TableSchema | None = None) -> TableSource:
    """A pandas or polars frame, a pyarrow.Table, or a dict of arrays."""
    raw = read_frame(frame)
    return replace(_found(raw, name, schema, lambda: raw), loose=True)


def _found(raw: Raw, name: str, schema: TableSchema | None, again: Callable[[], Raw], where: str = "") -> TableSource:
    """The kinds of all columns."""
    look = lambda title, told: find(title, raw.table.column(title), text=raw.text, told=told)
    columns, arrays, dropped, problems = kinds(raw.table.column_names, look, schema, where or name)
    table = pa.table(arrays, names=[c.name for c in columns])
    return TableSource(name, table, columns, dropped, (*raw.problems, *problems), raw.left_out, raw=again)


def kinds(
    names: Sequence[str], look: Callable[[str, Told | None], Found], schema: TableSchema | None, where: str
) -> tuple[tuple[Column, ...], list[pa.Array], dict[str, str], list[str]]:
    """(columns that are modelled, what `look` says of the values of each, the others and why, what to say)."""
    told = schema.told if schema else {}
    if unknown := [n for n in told if n not in names]:
        raise UserError(f"the schema names a column {unknown[0]!r} that {where} has not{nearest(unknown[0], names)}")
    columns, arrays, dropped, problems = [], [], {}, []
    for name in names:
        found = look(name, told.get(name))
        problems += found.problems
        if found.column is None and name in told and told[name].kind not in (None, *LEFT_OUT):
            raise UserError(f"column {name} cannot be {told[name].kind}, as the schema says: {found.dropped}")
        if found.column is None:
            dropped[name] = found.dropped
            if name not in told or told[name].kind is None:
                problems.append(_left_out(name, found.dropped))
        else:
            columns.append(found.column)
            arrays.append(found.values)
    if not columns:
        raise UserError(f"{where} has no column that can be modelled: {'; '.join(f'{n} is {why}' for n, why in list(dropped.items())[:3])}")
    return tuple(columns), arrays, dropped, problems


def _left_out(name: str, why: str) -> str:
    return f"column {name} is left out: {why}"


def require(columns: Sequence[Column], names: Sequence[str], where: str) -> None:
    """UserError where a column is not among the names."""
    if absent := [c.name for c in columns if c.name not in names]:
        raise UserError(f"{where} has no column {absent[0]!r}{nearest(absent[0], names)}")


def written(column: Column) -> dict[str, Any]:
    """What of a column says how its values are read."""
    return column.model_dump(include={"name", "kind", "type", "format", "words", "absent", "value"})


def like(column: Column, raw: Raw) -> tuple[pa.Array, list[str]]:
    """The values of a column that is to be like a known one."""
    given = raw.table.column(column.name)
    if column.kind == "constant":
        array = pa.array([column.value], pa.string()).cast(constant_type(column)).take(pa.array(np.zeros(len(given), np.int64)))
        same = given.drop_null().cast(pa.string()).unique().to_pylist() if not pa.types.is_nested(given.type) else []
        written = as_text(pa.table([array.slice(0, 1)], names=[column.name]), (column,)).column(0)[0].as_py()
        return array, [] if set(same) <= {column.value, written} else [f"column {column.name} was always {written} in training and is not here"]
    told = Told(kind=column.kind, format=column.format, words=column.words, missing=column.absent)
    found = find(column.name, given, text=raw.text, told=told)
    if found.values is None and found.dropped != NOTHING:
        raise UserError(f"column {column.name} cannot be {column.kind}, as it was in training: {found.dropped}")
    return pa.nulls(len(given), _modelled(column)) if found.values is None else found.values.cast(_modelled(column)), [*found.problems]


def _modelled(column: Column) -> pa.DataType:
    """The type that a kind has in `TableSource.table`."""
    return {"category": pa.string(), "boolean": pa.bool_(), "integer": pa.int64(), "real": pa.float64(), "date": pa.timestamp("us")}[column.kind]


# ---- hashes


def hash_rows(table: pa.Table) -> list[str]:
    """`row_keys` as text."""
    return [key.hex() for key in row_keys(table).view("V16").tolist()]


def row_keys(table: pa.Table) -> np.ndarray:
    """128 bits of each row's content, (n,) of 16 bytes: sums over the columns of mixed values, so that their order does not matter. A function
    of names and values alone, the same on every machine."""
    sums = np.zeros((2, table.num_rows), np.uint64)
    for name, column in zip(table.column_names, table.columns):
        values = _bits(column)                                                          # (n,) uint64
        for i, key in enumerate(np.frombuffer(hashlib.sha256(name.encode()).digest()[:16], "<u8")):
            sums[i] += _mix(_mix(values + key) ^ key)
    return np.ascontiguousarray(sums.T.astype(">u8")).view("S16").ravel()


class Hashes(Sequence):
    """Keys of rows and how many equal ones come before them as text, each made when it is asked for: 5 million texts would need more
    memory than the rows."""

    def __init__(self, keys: np.ndarray, before: np.ndarray):
        self.keys, self.before = keys, before

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, at: int) -> str:
        return _text(self.keys[[at]].tobytes().hex(), self.before[at])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    def __iter__(self) -> Iterator[str]:
        for start in range(0, len(self.keys), AT_ONCE):
            text = self.keys[start : start + AT_ONCE].tobytes().hex()
            yield from (_text(text[32 * i : 32 * i + 32], n) for i, n in enumerate(self.before[start : start + AT_ONCE].tolist()))


def _text(key: str, before: int) -> str:
    return f"{key} {before}" if before else key


def equal_before(keys: np.ndarray) -> np.ndarray:
    """How many equal ones each key has before it, (n,)."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    first = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]])[: len(keys)])
    before = np.empty(len(keys), np.int64)
    before[order] = np.arange(len(keys)) - np.repeat(first, np.diff(np.append(first, len(keys))))
    return before


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


def description(source: Rows, counted: Sequence[tuple[pa.Array, np.ndarray]]) -> dict[str, Any]:
    """A table as JSON values; counted: of each column its different values and their rows."""
    every = [c.kind for c in source.columns]
    return {
        "kind": "tables", "name": source.name, "count": len(source), "rows left out": source.left_out,
        "types": {kind: every.count(kind) for kind in dict.fromkeys(every)},
        "columns": [_described(column, *of) for column, of in zip(source.columns, counted)],
        "dropped": dict(source.dropped), "duplicates": len(source) - len(np.unique(source.keys)),
        "problems": [p for p in source.problems if p not in {_left_out(*pair) for pair in source.dropped.items()}],
    }  # fmt: skip


def _described(column: Column, values: pa.Array, counts: np.ndarray) -> dict[str, Any]:
    """A column as JSON values: numbers and dates with the least and the greatest, others with the most frequent."""
    missing = values.is_null().to_numpy(zero_copy_only=False)
    given, rows = values.drop_null(), counts[~missing]
    row: dict[str, Any] = {
        "name": column.name, "kind": column.kind, "missing": round(float(counts[missing].sum() / max(counts.sum(), 1)), 6), "unique": len(given),
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
        order = np.argsort(-rows, kind="stable")[:SHOWN]
        shown = text(pa.chunked_array([given.take(pa.array(order))]))
        row["frequent"] = dict(zip(shown, rows[order].tolist()))
    return row | {"why": column.why}
