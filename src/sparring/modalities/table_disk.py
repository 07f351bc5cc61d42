"""A table that stays in its file: what it holds is found in one pass over its row groups, and another writes hashes and compact rows into the
cache, where training maps them. No torch."""

import contextlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sparring.base import files
from sparring.base.errors import UserError
from sparring.modalities.image_cache import cached, mapped, write_header
from sparring.modalities.table_columns import Column, TableSchema
from sparring.modalities.table_digests import SAMPLE, Digest, merged, sampled, stored, stored_type
from sparring.modalities.table_pieces import Pieces
from sparring.modalities.table_raw import Raw
from sparring.modalities.table_source import UNASKED, Rows, description, kinds, like, require, row_keys, written
from sparring.modalities.table_types import is_text

if TYPE_CHECKING:
    from sparring.modalities.tables import TableCodec

CODE = 1
"""raise it when hashes or compact rows change, so that old cache entries are not found"""


class TableFile(Rows):
    """A Parquet or Arrow file, never whole in memory. Nothing is read before it is asked for."""

    kind = "tables"
    left_out = 0
    loose = False

    def __init__(self, file: Pieces, name: str, schema: TableSchema | None = None):
        self.file, self.name, self.schema = file, name, schema
        self.codec: TableCodec | None = None

    def __len__(self) -> int:
        return self.file.rows

    # ---- what is in there

    @cached_property
    def digests(self) -> dict[str, Digest]:
        return self._digested(self.file.names)

    def _digested(self, names: Sequence[str]) -> dict[str, Digest]:
        """One pass: what stands for each of some columns."""
        found = {name: Digest(self.file.schema.field(name), len(self)) for name in names}
        start = 0
        for block in self.file.blocks(names):
            chosen = sampled(start, len(block), len(self))
            for name, digest in found.items():
                digest.add(block[name], chosen)
            start += len(block)
        for digest in found.values():
            digest.settle()
        return found

    @cached_property
    def _kinds(self) -> tuple[tuple[Column, ...], dict[str, str], list[str]]:
        """(columns, those that are left out and why, what to say)."""
        look = lambda name, told: self.digests[name].found(told).without_values()
        columns, _, dropped, problems = kinds(self.file.names, look, self.schema, str(self.file.path))
        stand = f"{SAMPLE:,} of {len(self):,} rows stand for all when numbers of many values are looked at: a schema says what they are"
        return columns, dropped, [*self.file.problems, *problems, *([stand] if len(self) > SAMPLE else [])]

    @property
    def columns(self) -> tuple[Column, ...]:
        return self._kinds[0]

    @property
    def dropped(self) -> Mapping[str, str]:
        return self._kinds[1]

    @property
    def problems(self) -> tuple[str, ...]:
        return tuple(self._kinds[2])

    def values(self, name: str) -> pa.Array:
        column, digest = next(c for c in self.columns if c.name == name), self.digests[name]
        array = self._converted(column, digest.column())
        if column.absent and not digest.whole and not array.null_count:                     # one may be there that is not in the sample
            array = pa.concat_arrays([array, pa.nulls(1, array.type)])
        return array

    def describe(self) -> dict[str, Any]:
        return description(self, [self._counted(column) for column in self.columns])

    def _counted(self, column: Column) -> tuple[pa.Array, np.ndarray]:
        """Different values of a column as it is modelled, and their rows; of one that is not counted those of the sample."""
        digest = self.digests[column.name]
        if digest.counted is not None:
            values, counts = digest.counted
            return merged([self._converted(column, pa.chunked_array([values]))], [counts])
        counted = self.values(column.name).value_counts()
        return counted.field("values"), counted.field("counts").to_numpy() * (len(self) / sum(map(len, digest.column().chunks)))

    def told(self, schema: TableSchema) -> "TableFile":
        other = TableFile(self.file, self.name, schema)
        if "digests" in self.__dict__:
            other.digests = self.digests
        return other

    def like(self, columns: tuple[Column, ...]) -> "TableFile":
        if "_kinds" in self.__dict__ and [written(c) for c in columns] == [written(c) for c in self.columns]:
            return self
        require(columns, self.file.names, self.name)
        other, names = TableFile(self.file, self.name), [c.name for c in columns]
        other._kinds = tuple(columns), {n: UNASKED for n in self.file.names if n not in names}, list(self.file.problems)
        return other

    # ---- rows

    @property
    def titles(self) -> Sequence[str]:
        return self.file.names

    def came(self, names: Sequence[str]) -> Raw:
        return Raw(pa.concat_tables(self.file.blocks(names)), text=False)

    def take(self, rows: np.ndarray) -> pa.Table:
        order = np.argsort(rows, kind="stable")
        picked = [self._modelled(block) for block in self.file.picked(rows[order], [c.name for c in self.columns])]
        back = np.empty(len(rows), np.int64)
        back[order] = np.arange(len(rows))
        return pa.concat_tables(picked).take(pa.array(back))

    def blocks(self, names: Sequence[str]) -> Iterator[pa.Table]:
        return map(self._modelled, self.file.blocks(names))

    def _modelled(self, block: pa.Table) -> pa.Table:
        columns = [c for c in self.columns if c.name in block.column_names]
        return pa.table([self._converted(column, block[column.name]) for column in columns], names=[c.name for c in columns])

    def _converted(self, column: Column, given: pa.ChunkedArray) -> pa.Array:
        """Values as they are modelled. What texts mean that are dates, numbers or truths is known of all of them together only."""
        if column.name in self._meanings:
            texts, means = self._meanings[column.name]
            at = pc.index_in(stored(given), value_set=texts, skip_nulls=False)
            return means.take(at)
        return like(column, Raw(pa.table({column.name: given}), text=False))[0]

    @cached_property
    def _meanings(self) -> dict[str, tuple[pa.Array, pa.Array]]:
        """Of columns of text that hold something else: the different texts, and what each is."""
        text = lambda name: is_text(stored_type(self.file.schema.field(name).type))
        asked = [c for c in self.columns if c.kind in ("boolean", "integer", "real", "date") and text(c.name)]
        digests = self.__dict__.get("digests") or (self._digested([c.name for c in asked]) if asked else {})
        found = {}
        for column in asked:
            if (counted := digests[column.name].counted) is None:
                raise UserError(f"column {column.name!r} of {self.name} has too many different texts: write numbers and dates as such into the file")
            found[column.name] = counted[0], like(column, Raw(pa.table({column.name: counted[0]}), text=False))[0]
        return found

    # ---- what is kept of it

    def coded_by(self, codec: "TableCodec") -> "TableFile":
        if self.codec is codec:
            return self
        other, _ = copy(self), (self._kinds, self._meanings)        # what those need is not kept
        for known in ("digests", "_kept", "keys"):
            other.__dict__.pop(known, None)
        other.codec = codec
        return other

    @cached_property
    def keys(self) -> np.ndarray:
        return mapped(self._kept / "keys.npy")

    @property
    def codes(self) -> np.ndarray:
        """(n, choices + values) int32."""
        return mapped(self._kept / "codes.npy")

    @cached_property
    def _kept(self) -> Path:
        """A folder of the cache with hashes and, where a codec is known, compact rows: made in one pass over the file."""
        columns = [written(column) for column in self.columns]
        key = files.hash_bytes(f"{CODE} {self.file.key} {columns}".encode(), self._codec_key().encode())
        return cached(key, self._fill, "tables")

    def _codec_key(self) -> str:
        if self.codec is None:
            return ""
        with tempfile.TemporaryDirectory() as folder:
            self.codec.save(Path(folder))
            return " ".join(files.hash_file(file) for file in sorted(Path(folder).iterdir()))

    def _fill(self, folder: Path) -> None:
        with contextlib.ExitStack() as stack:
            outs: dict[str, Any] = {}

            def write(name: str, rows: np.ndarray) -> None:
                if name not in outs:
                    outs[name] = stack.enter_context(open(folder / name, "wb"))
                    write_header(outs[name], (len(self), *rows.shape[1:]), rows.dtype.str)
                outs[name].write(rows.tobytes())

            for block in self.blocks([column.name for column in self.columns]):
                write("keys.npy", row_keys(block))
                if self.codec is not None:
                    write("codes.npy", self.codec.compact(block).numpy())
