"""Files to columns as they came: every cell of a text file as text, columns of other files by the types that they have.

No row is lost in silence: what cannot be read is refused in one line, or left out, counted and said.
"""

import json
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.json  # not part of `import pyarrow`

from sparring.base.errors import UserError
from sparring.modalities.table_delimited import read_delimited
from sparring.modalities.table_frames import as_array
from sparring.modalities.table_raw import ARROW, Raw, kind_of, readable, unique_names
from sparring.modalities.table_text import BLOCK, content


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
            raw = read_delimited(path)
        else:
            raise UserError(f"{path} is no table: give a .csv, .tsv, .parquet, .arrow, .feather or .jsonl")
    names, problems = unique_names(raw.table.column_names)
    raw = Raw(raw.table.rename_columns(names), raw.text, (*raw.problems, *problems), raw.left_out)
    if not raw.table.num_columns or not raw.table.num_rows:
        what = "no columns" if not raw.table.num_columns else "a line of names and no rows" if raw.text else "no rows"
        left_out = "".join(f"; {p}" for p in raw.problems) if raw.left_out else ""
        raise UserError(f"{path} holds {what}{left_out}: a table has a line of names and a row an item")
    return raw


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


# ---- JSON lines


def _json_lines(path: Path) -> Raw:
    data, problems = content(path)
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
