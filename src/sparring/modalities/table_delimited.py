"""Delimited text to columns of text: where the names are, what stands between cells, and which quotes are letters."""

import contextlib
import csv
import io
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa

from sparring.base.errors import UserError
from sparring.modalities.table_raw import Raw, one_line, unique_names
from sparring.modalities.table_text import BLOCK, HEAD, content, line_of
from sparring.modalities.table_words import NULL_NUMBERS

DELIMITERS = ",\t;|"
RECORDS = 200
"""records of the head that are looked at"""


def read_delimited(path: Path) -> Raw:
    """A text file of cells and delimiters; UserError for text whose quotes do not close, or most of whose rows have other cells than names."""
    from pyarrow.csv import ConvertOptions, ParseOptions, ReadOptions, read_csv

    data, problems = content(path)
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
    line = last + line_of(data, start)
    raise UserError(f"{path} line {line}: quotes are not balanced ({one_line(problem)}): close every quote, and write a quote inside of quotes twice")


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
    word = lambda cell: cell.strip().lower() not in NULL_NUMBERS and not _is_number(cell)
    return any(word(cell) and column and all(map(_is_number, column)) for cell, column in zip(first, below))


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
        shown.append(f"{f'line {line_of(data, line.start())}' if line else 'one'} ({cells})")
    line = f"left out {len(ragged):,} of {read + len(ragged):,} rows, which have not {width} cells: {', '.join(shown)}" + (
        f" and {len(ragged) - 3:,} more" if len(ragged) > 3 else ""
    )
    if len(ragged) > read:
        raise UserError(f"{path}: {line}; give all rows as many cells as there are names")
    return line
