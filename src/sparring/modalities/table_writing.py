"""Rows as files, a part at a time: any number of rows in the memory of one part."""

import contextlib
import json
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from sparring.base import files
from sparring.base.errors import UserError
from sparring.modalities.table_columns import Column
from sparring.modalities.table_types import as_text, restored

Write = Callable[[pa.Table], None]
Columns = tuple[Column, ...]
ROWS = 16_384
"""rows that become text at a time"""


def write_parts(parts: Iterable[pa.Table], columns: Columns, out: Path) -> None:
    """Writes parts, one after the other, in the format that `out` is named for; the file is there once all are."""
    suffix = out.suffix.lower()
    if suffix not in WRITERS:
        raise UserError(f"rows cannot be written to {out}: end the name in {', '.join(WRITERS)}")
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    try:
        with WRITERS[suffix](temporary, columns) as write:
            for part in parts:
                write(part)
        os.replace(temporary, out)
    except OSError as error:
        raise files.full_disk(error, out) from error
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def separated(path: Path, columns: Columns, delimiter: str = ",") -> Iterator[Write]:
    names = pa.table({column.name: [column.name] for column in columns})
    with open(path, "wb") as file:
        file.write(joined(names, delimiter))
        yield lambda part: file.writelines(joined(as_text(some, columns), delimiter) for some in stretches(part))


def stretches(table: pa.Table) -> Iterator[pa.Table]:
    return (table.slice(first, ROWS) for first in range(0, len(table), ROWS))


def joined(text: pa.Table, delimiter: str) -> bytes:
    """Rows of string columns as lines, quoted where that is needed."""
    cells = [quoted(column.combine_chunks().cast(pa.string()).fill_null(""), delimiter) for column in text.columns]
    if len(cells) == 1:                                                     # an empty line would be no row
        cells = [pc.replace_with_mask(cells[0], pc.equal(cells[0], ""), pa.scalar('""', pa.string()))]
    rows = pc.binary_join_element_wise(*cells, pa.scalar(delimiter, pa.string()))
    whole = pa.ListArray.from_arrays(pa.array([0, len(rows)], pa.int32()), rows)
    return (pc.binary_join(whole, "\n")[0].as_py() + "\n").encode()


def quoted(cells: pa.Array, delimiter: str) -> pa.Array:
    needs = pc.match_substring_regex(cells, f'["\r\n{delimiter}]')
    if not pc.any(needs).as_py():
        return cells
    mark = pa.scalar('"', pa.string())
    return pc.if_else(needs, pc.binary_join_element_wise(mark, pc.replace_substring(cells, '"', '""'), mark, ""), cells)


@contextlib.contextmanager
def tabbed(path: Path, columns: Columns) -> Iterator[Write]:
    with separated(path, columns, "\t") as write:
        yield write


@contextlib.contextmanager
def parquet(path: Path, columns: Columns) -> Iterator[Write]:
    with contextlib.ExitStack() as stack:
        writers = []

        def write(part: pa.Table) -> None:
            table = restored(part, columns)
            if not writers:                                                             # the first part has the schema
                writers.append(stack.enter_context(pa.parquet.ParquetWriter(str(path), table.schema)))
            writers[0].write_table(table)

        yield write


@contextlib.contextmanager
def lines(path: Path, columns: Columns) -> Iterator[Write]:
    """JSON, an object a line; dates as text, a value that is infinite as a word."""
    with open(path, "w", encoding="utf-8") as file:
        plain = lambda value: value if value is None or isinstance(value, (str, int, float, bool)) else str(value)
        finite = lambda value: str(value) if isinstance(value, float) and value - value != 0 else value
        yield lambda part: file.writelines(
            json.dumps({name: finite(plain(value)) for name, value in row.items()}, ensure_ascii=False) + "\n"
            for some in stretches(restored(part, columns))
            for row in some.to_pylist()
        )


WRITERS = {".csv": separated, ".tsv": tabbed, ".parquet": parquet, ".jsonl": lines}
