"""Files and frames to columns as they came: every cell of a text file as text, columns of other files by the types that they have.

No row is lost in silence: what cannot be read is refused in one line, or left out, counted and said.
"""

import codecs
import contextlib
import csv
import gzip
import io
import json
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.json  # not part of `import pyarrow`

from sparring.base.errors import UserError

ARROW = (".arrow", ".feather", ".ipc")
DELIMITERS = ",\t;|"
HEAD = 2**18
"""bytes that the delimiter and the names are found in"""
RECORDS = 200
"""records of the head that are looked at"""
BLOCK = 2**24
"""bytes of a text file that are parsed in one go"""
FOREIGN = {
    b"PAR1": "a Parquet file: call it .parquet",
    b"ARROW1": "an Arrow file: call it .arrow",
    b"PK\x03\x04": "a zip archive or an Excel sheet: save it as CSV",
    b"\xd0\xcf\x11\xe0": "an old Excel sheet: save it as CSV",
    b"SQLite format": "a database: export its table as CSV",
}


@dataclass(frozen=True)
class Raw:
    """Columns as they came."""

    table: pa.Table
    text: bool
    """whether cells are text of a file: words stand for missing values, spaces around a value do not count"""
    problems: tuple[str, ...] = ()
    left_out: int = 0
    """rows that could not be read"""


def read_file(path: Path) -> Raw:
    """A table by its name's end; UserError in one line."""
    if path.is_dir():
        raise UserError(f"{path} is a folder: give one file, .csv, .tsv, .parquet, .arrow, .feather or .jsonl")
    kind = kind_of(path)
    with readable(path):
        if kind == ".parquet":
            raw = Raw(_parquet(path), text=False)
        elif kind in ARROW:
            raw = Raw(_arrow(path), text=False)
        elif kind in (".jsonl", ".ndjson"):
            raw = _json_lines(path)
        elif kind in (".csv", ".tsv", ".tab"):
            raw = _delimited(path)
        else:
            raise UserError(f"{path} is no table: give a .csv, .tsv, .parquet, .arrow, .feather or .jsonl")
    names, problems = unique_names(raw.table.column_names)
    raw = Raw(raw.table.rename_columns(names), raw.text, (*raw.problems, *problems), raw.left_out)
    if not raw.table.num_columns or not raw.table.num_rows:
        what = "no columns" if not raw.table.num_columns else "a line of names and no rows" if raw.text else "no rows"
        left_out = "".join(f"; {p}" for p in raw.problems) if raw.left_out else ""
        raise UserError(f"{path} holds {what}{left_out}: a table has a line of names and a row an item")
    return raw


def kind_of(path: Path) -> str:
    """The end of a file's name that says what it holds, `.csv` of t.csv.gz."""
    return next((s for s in map(str.lower, reversed(path.suffixes)) if s != ".gz"), "")


@contextlib.contextmanager
def readable(path: Path) -> Iterator[None]:
    """What goes wrong while a file is read is said in one line."""
    try:
        yield
    except (OSError, pa.ArrowException, EOFError, zlib.error, MemoryError) as error:
        raise UserError(f"cannot read {path} as {kind_of(path).lstrip('.')} ({_line(error)}): save it anew") from None


def unique_names(names: Iterable[Any]) -> tuple[list[str], list[str]]:
    """Names that are all different and not empty, and what was changed."""
    given = [" ".join(str(part).split()) for part in names]
    taken, out, problems = set(given), [], []
    for i, name in enumerate(given):
        fresh = name or f"column{i + 1}"
        number = 2
        while fresh in out or (fresh != name and fresh in taken):
            fresh = f"{name or f'column{i + 1}'}.{number}"
            number += 1
        if fresh != name:
            problems.append(f"{f'a second column {name!r}' if name else f'column {i + 1}, which has no name,'} is called {fresh!r}")
        out.append(fresh)
    return out, problems[:5] + ([f"{len(problems) - 5} more columns without a name of their own got one"] if len(problems) > 5 else [])


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


# ---- binary files


def _parquet(path: Path) -> pa.Table:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        table = file.read()
    table.validate(full=True)                                   # text that is no UTF-8
    return table


def _arrow(path: Path) -> pa.Table:
    with pa.OSFile(str(path)) as file:
        try:
            table = pa.ipc.open_file(file).read_all()
        except pa.ArrowInvalid:
            file.seek(0)
            table = pa.ipc.open_stream(file).read_all()
    table.validate(full=True)
    return table


# ---- text


def _content(path: Path) -> tuple[bytes, list[str]]:
    """A text file's bytes as UTF-8 without a byte order mark, and what to say about its encoding. UserError when it is no text."""
    data = path.read_bytes()
    if data.startswith(b"\x1f\x8b"):
        data = gzip.decompress(data)
    for magic, what in FOREIGN.items():
        if data.startswith(magic):
            raise UserError(f"{path} is {what}")
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        try:
            data = data.decode("utf-16").encode()
        except UnicodeError:
            raise UserError(f"{path} begins as UTF-16 and is none: save it as UTF-8") from None
    data = data.removeprefix(codecs.BOM_UTF8)
    at, head = data.find(b"\0"), data[:HEAD]
    if at >= 0:
        raise UserError(f"{path} line {_line_of(data, at)} holds a zero byte: it is no text, or damaged (save it anew as UTF-8)")
    if len(head) - len(head.translate(None, bytes([*range(1, 9), *range(14, 32), 127]))) > len(head) // 50:
        raise UserError(f"{path} is no text: a table is text (CSV, UTF-8), Parquet, Arrow or JSON lines")
    if not data.strip():
        raise UserError(f"{path} is empty: a table has a line of names and a row an item")
    try:
        data.decode()
        return data, []
    except UnicodeDecodeError as error:
        at = error.start
    text = data.decode(errors="replace")
    wrong = text.count("\ufffd")
    if wrong < len(text) - len(text.encode("ascii", "ignore")) - wrong:             # most of what is no ASCII is UTF-8
        return text.encode(), [f"line {_line_of(data, at)} is no UTF-8: {wrong} letters became \ufffd; save the file as UTF-8"]
    for encoding in ("cp1252", "latin-1"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        return text.encode(), [f"line {_line_of(data, at)} is no UTF-8: the file is read as {encoding}; save it as UTF-8 if letters look wrong"]
    raise AssertionError("latin-1 takes every byte")


def _line_of(data: bytes, at: int) -> int:
    return data.count(b"\n", 0, at) + 1


def _delimited(path: Path) -> Raw:
    from pyarrow.csv import ConvertOptions, ParseOptions, ReadOptions, read_csv

    data, problems = _content(path)
    start, delimiter = _announced(data)
    start, comments = _behind_comments(data, start)
    problems += [f"{comments} lines of comment before the names are left out"] if comments else []
    delimiter = delimiter or _delimiter(data[start:], tabs=path.suffix.lower() in (".tsv", ".tab"))
    data, start = _unescaped(path, data, start, delimiter)
    quoted = b'"' in data
    names, start, said = _names(path, data, start, delimiter)
    problems += said
    ragged: list[tuple[int, str]] = []

    def note(row) -> str:
        ragged.append((row.actual_columns, row.text if len(ragged) < 3 else ""))
        return "skip"

    keys = [str(i) for i in range(len(names))]
    parse = ParseOptions(delimiter=delimiter, newlines_in_values=quoted, invalid_row_handler=note)
    convert = ConvertOptions(column_types=dict.fromkeys(keys, pa.string()), strings_can_be_null=False)
    body = pa.py_buffer(data).slice(start)
    if not body.size:
        return Raw(pa.table({name: pa.array([], pa.string()) for name in unique_names(names)[0]}), text=True)
    for block in (BLOCK, max(body.size, BLOCK) + 1):            # the second for a row that is longer than the first
        ragged.clear()
        try:
            table = read_csv(pa.BufferReader(body), ReadOptions(column_names=keys, block_size=min(block, 2**31 - 1)), parse, convert)
            break
        except pa.ArrowInvalid:
            if block > BLOCK:
                raise
    if ragged:
        problems.append(_tell_ragged(path, data, start, ragged, table.num_rows, len(names)))
    lines = bytes(body).replace(b"\r\n", b"\n").rstrip(b"\n") if len(names) == 1 and not quoted else b""
    if blank := len(re.findall(rb"[\r\n][ \t]*(?=[\r\n])", lines)):
        problems.append(f"{blank:,} blank lines are no rows; write a missing value of a single column as \"\" or NA")
    return Raw(table.rename_columns(names), True, tuple(problems), len(ragged))


def _announced(data: bytes) -> tuple[int, str]:
    """Where the text begins, and the delimiter, of a file whose first line is `sep=;`."""
    found = re.match(rb"sep=([,;|\t])\r?\n", data)
    return (found.end(), found[1].decode()) if found else (0, "")


def _behind_comments(data: bytes, start: int) -> tuple[int, int]:
    """Where the names begin, behind lines that begin with # and have other delimiters than the next; and the number of those lines."""
    comments, lines = 0, data[start : start + HEAD].splitlines(keepends=True)
    shape = lambda line: [line.count(d) for d in DELIMITERS.encode()]
    for line, after in zip(lines, lines[1:]):
        if not line.startswith(b"#") or (shape(line) == shape(after) and not after.startswith(b"#")):
            break
        start, comments = start + len(line), comments + 1
    return start, comments


def _records(data: bytes, delimiter: str, n: int = RECORDS, strict: bool = False) -> list[list[str]]:
    """The first records that are not blank, without the last of a head that was cut; strict: up to one whose quotes are wrong."""
    head = data[:HEAD].decode(errors="ignore")
    found = []
    try:
        for record in csv.reader(io.StringIO(head, newline=""), delimiter=delimiter, strict=strict):
            if record:
                found.append(record)
            if len(found) > n:
                break
    except csv.Error:
        pass
    return found[:-1] if len(data) > HEAD and len(found) > 1 and len(found) <= n else found


def _delimiter(data: bytes, tabs: bool) -> str:
    """The one that cuts the first line into several names and most other records into as many cells."""
    if tabs and any(len(record) > 1 for record in _records(data, "\t", 1)):
        return "\t"

    def agreement(delimiter: str) -> tuple[bool, float, int]:
        records = _records(data, delimiter)
        quotes = len(_records(data, delimiter, strict=True)) >= len(records) - (len(data) > HEAD)     # stand around its cells
        first, *rest = map(len, records or [[]])
        return (quotes, sum(n == first for n in rest) / max(len(rest), 1), first) if first > 1 else (False, -1.0, 0)

    return max(DELIMITERS, key=agreement)


def _spaced_quotes(data: bytes, delimiter: str) -> bool:
    """Whether quotes follow spaces that follow delimiters: `a, "b, c"`."""
    return re.search(rb'^[^"\r\n]*' + re.escape(delimiter.encode()) + rb' +"', data[:HEAD], re.MULTILINE) is not None


def _unescaped(path: Path, data: bytes, start: int, delimiter: str) -> tuple[bytes, int]:
    """The text, and where it begins, with quotes as RFC 4180 has them: around whole cells, doubled inside. Rewritten where spaces stand
    before quotes or backslashes do. UserError when a quote is not closed, or closed inside of a cell: the rows up to the next quote would
    become one cell."""
    spaced = _spaced_quotes(data, delimiter)
    if b'"' not in data or (not spaced and _balanced(data, start, delimiter)):
        return data, start
    try:
        if not spaced:
            for _ in _reader(data[start:], delimiter):              # quotes in the midst of a cell (5" nails) are letters
                pass
            return data, start
        return _rewritten(_reader(data[start:], delimiter, skipinitialspace=True), delimiter), 0
    except csv.Error as error:
        problem = error
    if b'\\"' in data:
        with contextlib.suppress(csv.Error):
            return _rewritten(_reader(data[start:], delimiter, skipinitialspace=spaced, escapechar="\\"), delimiter), 0
    last, reader = 0, _reader(data[start:], delimiter, skipinitialspace=spaced)
    with contextlib.suppress(csv.Error):
        for _ in reader:
            last = reader.line_num
    line = last + _line_of(data, start)
    raise UserError(f"{path} line {line}: quotes are not balanced ({_line(problem)}): close every quote, and write a quote inside of quotes twice")


def _reader(data: bytes, delimiter: str, *, skipinitialspace: bool = False, escapechar: str | None = None):
    lines = io.TextIOWrapper(io.BytesIO(data), encoding="utf-8", newline="")
    return csv.reader(lines, delimiter=delimiter, strict=True, skipinitialspace=skipinitialspace, escapechar=escapechar)


def _rewritten(records: Iterable[list[str]], delimiter: str) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, lineterminator="\n").writerows(records)
    return out.getvalue().encode()


def _balanced(data: bytes, start: int, delimiter: str) -> bool:
    """Whether every first quote stands at the beginning of a cell and every second one at its end, or both are one that is doubled."""
    bytes_, before, after = np.frombuffer(data, np.uint8), np.zeros(256, bool), np.zeros(256, bool)
    before[[ord(delimiter), 10, 13, 34]] = after[[ord(delimiter), 10, 13, 34]] = True
    seen, good = 0, True
    for begin in range(start, len(data), BLOCK):
        at = begin + np.flatnonzero(bytes_[begin : begin + BLOCK] == 34)
        opening, closing = at[seen % 2 :: 2], at[1 - seen % 2 :: 2]
        good = good and before[bytes_[opening[opening > start] - 1]].all() and after[bytes_[closing[closing < len(data) - 1] + 1]].all()
        seen += len(at)
    return bool(good) and seen % 2 == 0


def _names(path: Path, data: bytes, start: int, delimiter: str) -> tuple[list[str], int, list[str]]:
    """(names of the columns, where the first row begins, what to say)."""
    records = _records(data[start:], delimiter)
    if not records:
        raise UserError(f"{path} has no line of names that can be read: its first line is longer than {HEAD:,} bytes, or a quote is not closed")
    first, *rest = records
    widths = Counter(map(len, rest))
    usual, often = widths.most_common(1)[0] if widths else (len(first), 0)
    if often <= max(sum(widths.values()) / 2, 1):               # one row alone says nothing
        usual = len(first)
    numbers = [cell for cell in first if _is_number(cell)]
    if numbers and usual == len(first) and not _numbered(numbers) and not _headed(first, rest):
        return [f"column{i + 1}" for i in range(len(first))], start, [
            f"the first line holds numbers ({', '.join(numbers[:3])}) and is taken for a row, columns are called column1, column2 ...: "
            "add a line of names"
        ]  # fmt: skip
    lines = io.TextIOWrapper(io.BytesIO(data[start:]), encoding="utf-8", newline="")
    reader = csv.reader(_counted(lines, ends := [start]), delimiter=delimiter)
    next(record for record in reader if record)                 # the names may hold line ends
    if usual == len(first) + 1:
        cut = [record for record in rest if len(record) == usual]
        if all(not record[-1].strip() for record in cut):
            return [*first, ""], ends[0], ["rows end in a delimiter that the line of names has not"]
        return ["row", *first], ends[0], ["rows have one cell more than there are names: the first is taken for the name of the row"]
    if usual != len(first):
        raise UserError(f"{path} has {len(first)} names in its first line and {usual} cells in most rows: give every column a name")
    return first, ends[0], []


def _headed(first: list[str], rest: list[list[str]]) -> bool:
    """Whether a word of the first line stands above nothing but numbers."""
    below = [[row[i] for row in rest if len(row) == len(first) and row[i].strip()] for i in range(len(first))]
    return any(cell.strip() and not _is_number(cell) and column and all(map(_is_number, column)) for cell, column in zip(first, below))


def _counted(lines: Iterable[str], ends: list[int]) -> Iterable[str]:
    """The lines; ends[0] moves to the byte behind the last one given."""
    for line in lines:
        ends[0] += len(line.encode())
        yield line


def _is_number(cell: str) -> bool:
    return re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", cell.strip()) is not None


def _numbered(cells: list[str]) -> bool:
    """Whether numbers are names: 0, 1, 2 ... as frames without names are written, or years in order."""
    if not all(cell.strip().isdecimal() for cell in cells):
        return False
    numbers = [int(cell) for cell in cells]
    years = all(1800 <= n <= 2200 for n in numbers) and sorted(set(numbers)) == numbers
    return years or (len(numbers) > 1 and numbers == list(range(len(numbers))))


def _tell_ragged(path: Path, data: bytes, start: int, ragged: list[tuple[int, str]], read: int, width: int) -> str:
    """What to say of rows that were left out; UserError when they are the most."""
    shown, behind = [], {}
    for cells, text in ragged[:3]:
        line = re.compile(rb"(?<=[\r\n])" + re.escape(text.encode()) + rb"(?=[\r\n]|\Z)").search(data, behind.get(text, start))
        behind[text] = line.end() if line else start
        shown.append(f"{f'line {_line_of(data, line.start())}' if line else 'one'} ({cells})")
    line = f"left out {len(ragged):,} of {read + len(ragged):,} rows, which have not {width} cells: {', '.join(shown)}" + (
        f" and {len(ragged) - 3:,} more" if len(ragged) > 3 else ""
    )
    if len(ragged) > read:
        raise UserError(f"{path}: {line}; give all rows as many cells as there are names")
    return line


# ---- JSON lines


def _json_lines(path: Path) -> Raw:
    data, problems = _content(path)
    options = pa.json.ReadOptions(block_size=BLOCK)
    try:
        table = pa.json.read_json(pa.BufferReader(data), options)
        if texts := [f.name for f in table.schema if pa.types.is_timestamp(f.type)]:        # dates keep the format that they are written in
            told = pa.json.ParseOptions(explicit_schema=pa.schema([(name, pa.string()) for name in texts]))
            table = pa.json.read_json(pa.BufferReader(data), options, told).select(table.column_names)
        if len(set(table.column_names)) == table.num_columns and table.num_rows == sum(1 for _ in re.finditer(rb"\S[^\n]*", data)):
            return Raw(table, False, tuple(problems))
    except pa.ArrowInvalid:
        pass
    return _json_by_line(path, data, problems)


def _json_by_line(path: Path, data: bytes, problems: list[str]) -> Raw:
    """The slow way, for files with lines that are no objects or columns of several types."""
    columns: dict[str, list] = {}
    count, wrong = 0, []
    for number, line in enumerate(data.decode().split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        if not isinstance(row, dict):
            wrong.append(number)
            continue
        for name, value in row.items():
            columns.setdefault(name, []).extend([None] * (count - len(columns[name])))
            columns[name].append(value)
        count += 1
    if wrong:
        line = f"left out {len(wrong):,} of {count + len(wrong):,} lines, which are no JSON objects: line {', '.join(map(str, wrong[:3]))}"
        if len(wrong) > count:
            raise UserError(f"{path}: {line}; JSON lines have one object {{...}} a line")
        problems.append(line)
    made = {name: values + [None] * (count - len(values)) for name, values in columns.items()}
    arrays = [as_array(name, values, problems) for name, values in made.items()]
    return Raw(pa.table(arrays, names=list(made)), False, tuple(problems), len(wrong))


# ---- frames


def read_frame(frame: Any) -> Raw:
    """A pandas or polars frame, anything that gives an Arrow stream, or a dict of arrays; UserError for others."""
    problems: list[str] = []
    if isinstance(frame, pa.Table):
        table = frame
    elif isinstance(frame, Mapping):
        names, arrays = list(frame), [as_array(name, values, problems) for name, values in frame.items()]
        if len({len(a) for a in arrays}) > 1:
            lengths = ", ".join(f"{n} {len(a)}" for n, a in zip(names[:5], arrays))
            raise UserError(f"the columns of a table are equally long, these are not: {lengths}")
        table = pa.Table.from_arrays([pa.chunked_array([a]) for a in arrays], names=list(map(str, names)))
    elif type(frame).__module__.partition(".")[0] == "pandas" and getattr(frame, "ndim", 0) == 2:
        table = _from_pandas(frame, problems)
    else:
        table = _from_stream(frame)
    names, said = unique_names(table.column_names)
    if not table.num_rows or not table.num_columns:
        raise UserError(f"the frame holds {table.num_rows} rows and {table.num_columns} columns: a table has some of both")
    return Raw(table.rename_columns(names), False, (*problems, *said))


def _from_pandas(frame: Any, problems: list[str]) -> pa.Table:
    if any(name is not None for name in frame.index.names):
        problems.append(f"the frame's index {', '.join(map(repr, frame.index.names))} is left out: frame.reset_index() makes it a column")
    names = [".".join(map(str, name)) if isinstance(name, tuple) else str(name) for name in frame.columns]
    arrays = [as_array(name, frame.iloc[:, i], problems) for i, name in enumerate(names)]
    return pa.Table.from_arrays([pa.chunked_array([a]) if isinstance(a, pa.Array) else a for a in arrays], names=names)


def _from_stream(frame: Any) -> pa.Table:
    try:
        if hasattr(frame, "__arrow_c_stream__"):
            table = pa.table(frame)
            return pa.table([_castable(column) for column in table.columns], names=table.column_names)
        import narwhals

        return narwhals.from_native(frame, eager_only=True).to_arrow()
    except ImportError:
        given = type(frame).__name__
    except (TypeError, ValueError, pa.ArrowException, NotImplementedError) as error:
        given = f"{type(frame).__name__} ({_line(error)})"
    raise UserError(f"a table is a pandas or polars frame (collected), a pyarrow.Table or a dict of arrays, not {given}")


def _castable(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Categories whose words are views, as polars has them, with words that arrow can cast."""
    if not (pa.types.is_dictionary(column.type) and pa.types.is_string_view(column.type.value_type)):
        return column
    plain = pa.dictionary(column.type.index_type, pa.string(), column.type.ordered)
    decode = lambda chunk: pa.DictionaryArray.from_arrays(chunk.indices, chunk.dictionary.cast(pa.string()), ordered=plain.ordered)
    return pa.chunked_array([decode(chunk) for chunk in column.chunks], plain)


def as_array(name: str, values: Sequence, problems: list[str]) -> pa.Array | pa.ChunkedArray:
    """A column of a frame. Values of several types become text."""
    if isinstance(values, (pa.Array, pa.ChunkedArray)):
        return values
    if isinstance(values, (str, bytes)) or not hasattr(values, "__len__") or getattr(values, "ndim", 1) != 1:
        raise UserError(f"column {name} must be a list of values, one a row, not {type(values).__name__}")
    try:
        return pa.array(values, from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        pass
    kinds = Counter(type(value).__name__ for value in values if not _absent(value))
    problems.append(f"column {name} holds {' and '.join(f'{n:,} {kind}' for kind, n in kinds.most_common(3))}: read as text")
    return pa.array([None if _absent(value) else _text(value) for value in values], pa.string())


def _absent(value: Any) -> bool:
    return value is None or type(value).__name__ in ("NAType", "NaTType") or (isinstance(value, float) and value != value)


def _text(value: Any) -> str:
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False, default=str)
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace")
    return str(value).encode(errors="backslashreplace").decode()
