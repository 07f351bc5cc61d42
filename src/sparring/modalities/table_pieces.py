"""Parquet and Arrow files in pieces: a block of rows at a time, or the rows of some numbers, so that a file may be larger than memory."""

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa

from sparring.base import files
from sparring.modalities.table_raw import ARROW, kind_of, readable, unique_names

CELLS = 2**21
"""cells of a block"""
BUFFER = 2**20
"""bytes of a column that are read in one go"""


class Pieces(ABC):
    """A file of row groups. Every pass opens it anew and reads no group twice."""

    def __init__(self, path: Path):
        self.path = path
        with readable(path):
            schema, self.groups, self.bytes = self._opened()
        names, self.problems = unique_names(schema.names)
        self.schema = pa.schema([field.with_name(name) for field, name in zip(schema, names)])
        self.plain = len(set(schema.names)) == len(names) and names == schema.names

    @abstractmethod
    def _opened(self) -> tuple[pa.Schema, np.ndarray, int]:
        """The columns as the file calls them, the rows of every group, and bytes when nothing is compressed."""

    @abstractmethod
    def _read(self, groups: Sequence[int], names: list[str] | None) -> Iterator[pa.Table]:
        """The rows of these groups in order, however cut; names: the only columns that are needed."""

    @property
    def names(self) -> list[str]:
        return self.schema.names

    @cached_property
    def rows(self) -> int:
        return int(self.groups.sum())

    @property
    def block(self) -> int:
        """Rows of a block."""
        return max(1, CELLS // len(self.names))

    @property
    def size(self) -> int:
        """Bytes of the table in memory, at least."""
        return max(self.bytes, 8 * self.rows * len(self.names))

    @property
    def key(self) -> str:
        """The identity of the file: where it is, its size and time."""
        stat = self.path.stat()
        return files.hash_bytes(f"{self.path.resolve()}\0{stat.st_size}\0{stat.st_mtime_ns}".encode("utf-8", "surrogateescape"))

    def blocks(self, names: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """All rows, `block` at a time wherever groups end, of some columns or all."""
        waiting: list[pa.Table] = []
        for table in self._tables(range(len(self.groups)), names):
            waiting.append(table)
            while (held := sum(map(len, waiting))) >= self.block:
                whole = pa.concat_tables(waiting)
                yield whole.slice(0, self.block)
                waiting = [whole.slice(self.block)] if held > self.block else []
        if waiting:
            yield pa.concat_tables(waiting)

    def picked(self, rows: np.ndarray, names: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """The rows of these numbers, ascending; groups that hold none of them are not read."""
        ends = np.cumsum(self.groups)
        for group in np.unique(np.searchsorted(ends, rows, "right")):
            start = int(ends[group] - self.groups[group])
            for table in self._tables([int(group)], names):
                low, high = np.searchsorted(rows, (start, start + len(table)))
                if high > low:
                    yield table.take(pa.array(rows[low:high] - start))
                start += len(table)

    def _tables(self, groups: Sequence[int], names: Sequence[str] | None) -> Iterator[pa.Table]:
        wanted = list(self.names if names is None else names)
        tables = self._read(groups, wanted if names is not None and self.plain else None)
        while True:
            with readable(self.path):                           # what the reader of the rows raises is not the file's fault
                if (table := next(tables, None)) is None:
                    return
                table = table if self.plain else table.rename_columns(self.names)
                table = table.select(wanted)
                table.validate(full=True)                       # text that is no UTF-8
            if len(table):
                yield table


class ParquetPieces(Pieces):
    def _opened(self):
        import pyarrow.parquet as pq

        with pq.ParquetFile(self.path) as file:
            groups = [file.metadata.row_group(i) for i in range(file.metadata.num_row_groups)]
            return file.schema_arrow, np.array([g.num_rows for g in groups], np.int64), sum(g.total_byte_size for g in groups)

    def _read(self, groups, names):
        import pyarrow.parquet as pq

        with pq.ParquetFile(self.path, buffer_size=BUFFER) as file:             # without a buffer a group's columns are read whole
            for batch in file.iter_batches(self.block, row_groups=list(groups), columns=names):
                yield pa.Table.from_batches([batch])


class ArrowPieces(Pieces):
    """An Arrow file, which is Feather too (a stream is none: no part of it can be read alone)."""

    @contextlib.contextmanager
    def _reader(self, fields: list[int] | None = None):
        with pa.memory_map(str(self.path)) as file, pa.ipc.open_file(file, options=pa.ipc.IpcReadOptions(included_fields=fields)) as reader:
            yield reader

    def _opened(self):
        with self._reader() as reader:
            schema = reader.schema
        with self._reader([0] if len(schema) else None) as reader:
            rows = [reader.get_batch(i).num_rows for i in range(reader.num_record_batches)]
        return schema, np.array(rows, np.int64), self.path.stat().st_size

    def _read(self, groups, names):
        with self._reader(None if names is None else [self.names.index(name) for name in names]) as reader:
            for group in groups:
                table = pa.Table.from_batches([reader.get_batch(group)])
                for start in range(0, len(table), self.block):
                    yield table.slice(start, self.block)


def pieces(path: Path) -> Pieces | None:
    """The file in pieces; None where it is not of a kind that can be. UserError when it is damaged."""
    kind = kind_of(path)
    if kind not in (".parquet", *ARROW) or path.is_dir():
        return None
    with readable(path):
        if kind == ".parquet":
            return ParquetPieces(path)
        with open(path, "rb") as file:
            return ArrowPieces(path) if file.read(6) == b"ARROW1" else None
