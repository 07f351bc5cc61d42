"""200 malformed files and frames: each is read right or refused in one line; no row is lost in silence."""

import csv
import gzip
import io
import json
import random

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest

from sparring.base.errors import UserError
from sparring.modalities.table_source import from_frame, open_table
from sparring.modalities.table_types import as_text
from sparring.modalities.table_words import NULL_WORDS

WORDS = (
    "red", "a,b", 'so "called"', "tab\there", "two\nlines", "naïve", "日本", "semi;colon", "x|y", "O'Neil", "  wide", "-", "None", "1", "NA", "?",
    "ü" * 30,
)  # fmt: skip


def cells(draw, n):
    """A column as text."""
    kind = draw.randrange(8)
    if kind == 0:
        return [str(draw.randrange(-50, 50)) for _ in range(n)]
    if kind == 1:
        return [f"{draw.gauss(0, 9):.{draw.randrange(1, 4)}f}" for _ in range(n)]
    if kind == 2:
        return [draw.choice(("true", "false", "")) for _ in range(n)]
    if kind == 3:
        return [f"20{draw.randrange(10, 30)}-{draw.randrange(1, 13):02}-{draw.randrange(1, 29):02}" for _ in range(n)]
    if kind == 4:
        return [draw.choice((*WORDS[:3], str(draw.randrange(9)), f"{draw.random():.2f}")) for _ in range(n)]          # of mixed types
    if kind == 5:
        return [""] * n if draw.random() < 0.5 else [draw.choice(("", "NA", "5"))] * n
    if kind == 6:
        return [f"{i:05}" for i in range(n)]
    return [draw.choice(WORDS) for _ in range(n)]


def table(draw):
    n, width = draw.choice((0, 1, 2, 30, 40)), draw.randrange(1, 7)
    names = [draw.choice(("a", "b", "age", "", "größe", "with, comma", f"c{i}")) for i in range(width)]
    return names, [list(row) for row in zip(*(cells(draw, n) for _ in range(width)))]


def written(names, rows, draw, delimiter):
    out = io.StringIO(newline="")
    quoting = draw.choice((csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC))
    csv.writer(out, delimiter=delimiter, quoting=quoting, lineterminator=draw.choice(("\n", "\r\n"))).writerows([names, *rows])
    return out.getvalue()


def ragged(text, names, rows, draw, delimiter):
    """Some rows get or lose a cell."""
    kept, lines = [], []
    for row in rows:
        bad = draw.random() < 0.2
        lines.append((row + ["more"] if draw.random() < 0.5 or len(row) < 3 else row[:-1]) if bad else row)
        kept += [] if bad else [row]
    return written(names, lines, draw, delimiter), kept


def nul(text, names, rows, draw, delimiter):
    at = draw.randrange(len(text) + 1)
    return text[:at] + "\0" + text[at:], None


def unclosed(text, names, rows, draw, delimiter):
    lines = written(names, rows, random.Random(draw.random()), delimiter).split("\n")
    at = draw.randrange(len(lines))
    lines[at] = '"' + lines[at]
    return "\n".join(lines), None


def garbled(text, names, rows, draw, delimiter):
    """Letters anywhere are replaced."""
    letters = list(text)
    for _ in range(draw.randrange(1, 6)):
        letters[draw.randrange(len(letters))] = draw.choice('",;\t\n\r|x\x01é')
    return "".join(letters), ...


def cut(text, names, rows, draw, delimiter):
    return text[: draw.randrange(len(text) + 1)], ...


def nothing(text, names, rows, draw, delimiter):
    return draw.choice(("", "\n", " \n\n", text.split("\n")[0], "\ufeff")), ...


def blank(text, names, rows, draw, delimiter):
    """Blank lines before, between and behind."""
    if any("\n" in cell for row in [names, *rows] for cell in row) or len(names) == 1:
        return "\n" + text + "\n\n", rows
    return "\n\n" + text.replace("\n", "\n\n"), rows


def fine(text, names, rows, draw, delimiter):
    return text, rows


ENCODINGS = ("utf-8", "utf-8", "utf-8-sig", "utf-16", "cp1252")


def check(source, rows, width, strict=True):
    """Every row is there or counted; every cell of a modelled column is what it was."""
    assert all("\n" not in p for p in source.problems)
    assert len(source) == len(rows)
    assert source.left_out == 0 or any(f"left out {source.left_out:,} of {len(rows) + source.left_out:,}" in p for p in source.problems)
    assert len(source.columns) + len(source.dropped) == width
    text = as_text(source.table, source.columns)
    places = {name: i for i, name in enumerate(source.raw().table.column_names)}
    for column in source.columns:
        want = [row[places[column.name]].strip() for row in rows]
        lost = any(column.name in p and "taken for missing" in p for p in source.problems)
        for value, got, cell in zip(source.table.column(column.name).to_pylist(), text.column(column.name).to_pylist(), want):
            if value is None:
                assert cell in NULL_WORDS or lost or cell.lower() in ("-", "none"), (column, cell)
            elif column.kind in ("real", "integer"):
                assert float(got.replace(",", ".")) == float(cell.replace(",", ".") if column.comma else cell), (column, cell, got)
            else:
                assert got == cell, (column, cell, got)


@pytest.mark.parametrize("seed", range(140))
def test_text(tmp_path, seed):
    draw = random.Random(seed)
    names, rows = table(draw)
    delimiter = draw.choice(",,,;\t|")
    harm = draw.choice((fine, fine, ragged, ragged, nul, unclosed, garbled, cut, nothing, blank))
    text, kept = harm(written(names, rows, draw, delimiter), names, rows, draw, delimiter)
    encoding = draw.choice(ENCODINGS)
    content = text.encode(encoding, errors="replace")
    packed = draw.random() < 0.1
    path = tmp_path / ("t.csv.gz" if packed else "t.csv")
    path.write_bytes(gzip.compress(content)[: None if draw.random() < 0.5 else -5] if packed else content)
    try:
        source = open_table(path)
    except UserError as error:
        assert "\n" not in str(error) and len(str(error)) < 600
        readable = harm in (fine, blank, ragged) and rows and len(names) > 1 and not packed and kept and len(kept) > len(rows) / 2
        assert not readable or "no column that can be modelled" in str(error), error
        return
    assert kept is not None, f"{harm.__name__} was not noticed"
    as_read = text.encode(encoding, errors="replace").decode(encoding).removeprefix("\ufeff")
    if kept is ...:                                                 # what a strict reader finds
        records = [r for r in csv.reader(io.StringIO(as_read, newline=""), delimiter=delimiter, strict=True) if r]
        counted = len(source) + source.left_out
        assert counted in (len(records), len(records) - 1), (records, source)
        return
    if encoding == "cp1252":
        kept = [[cell.encode(encoding, errors="replace").decode(encoding) for cell in row] for row in kept]
    if any("is taken for a row" in p for p in source.problems):
        kept = [names, *kept]
    check(source, kept, len(names))


@pytest.mark.parametrize("seed", range(25))
def test_json_lines(tmp_path, seed):
    draw = random.Random(seed)
    values = lambda: draw.choice((1, 2.5, "a", None, True, "2020-01-02", [1], {"b": 2}, "", -3))
    regular = draw.random() < 0.5
    row = lambda i: {f"k{j}": float(j) * i if regular else values() for j in range(3) if regular or draw.random() < 0.9}
    rows = [row(i) for i in range(draw.choice((0, 1, 40)))]
    lines = [json.dumps(row) for row in rows]
    bad = ['{"k0": ', "[1, 2]", "word", '{"k0": NaN}{', "{'k0': 1}"]
    spoilt = [draw.choice(bad) for _ in range(draw.choice((0, 0, 3)))]
    for line in spoilt:
        lines.insert(draw.randrange(len(lines) + 1), line)
    (tmp_path / "t.jsonl").write_text("\n".join(lines) + draw.choice(("", "\n", "\n\n")))
    try:
        source = open_table(tmp_path / "t.jsonl")
    except UserError as error:
        assert "\n" not in str(error)
        assert len(rows) <= len(spoilt) or "no column that can be modelled" in str(error)
        return
    assert (len(source), source.left_out) == (len(rows), len(spoilt))
    assert not spoilt or f"left out {len(spoilt)} of {len(rows) + len(spoilt)} lines" in source.problems[0]
    for column in source.columns:
        if regular:
            assert source.table.column(column.name).to_pylist() == [row[column.name] for row in rows]


@pytest.mark.parametrize("seed", range(10))
def test_binary_files(tmp_path, seed):
    """Cut, empty or foreign."""
    draw = random.Random(seed)
    made = pa.table({"x": [float(i % 7) for i in range(50)], "y": ["a", "b"] * 25})
    path = tmp_path / ("t.parquet" if seed % 2 else "t.feather")
    (pa.parquet.write_table if seed % 2 else pa.feather.write_feather)(made, path)
    if seed > 1:
        content = path.read_bytes()
        path.write_bytes(draw.choice((content[: draw.randrange(len(content))], b"", draw.randbytes(500), b"a,b\n1,2\n")))
        with pytest.raises(UserError, match="cannot read .*save it anew") as caught:
            open_table(path)
        assert "\n" not in str(caught.value)
    else:
        assert open_table(path).table.num_rows == 50


@pytest.mark.parametrize("seed", range(25))
def test_frames(seed):
    draw = random.Random(seed)
    n = draw.choice((0, 1, 5, 40))
    makers = (
        lambda: [draw.choice((1, "a", None, 2.5)) for _ in range(n)],
        lambda: [draw.choice((float("nan"), float("inf"), 1.25)) for _ in range(n)],
        lambda: pd.Categorical([draw.choice("ab") for _ in range(n)]),
        lambda: pd.to_datetime([draw.choice(("2020-01-02", None)) for _ in range(n)]),
        lambda: [draw.choice(("x", float("nan"), pd.NA)) for _ in range(n)],
        lambda: pd.array([draw.choice((1, None)) for _ in range(n)], dtype="Int8"),
        lambda: [object()] * n,
        lambda: [draw.choice((True, None)) for _ in range(n)],
        lambda: [2**70] * n,
        lambda: [complex(1, 2)] * n,
        lambda: [[1, 2]] * n,
        lambda: [None] * n,
        lambda: np.arange(n, dtype=np.uint8),
        lambda: ["\ud800 half a letter"] * n,
    )
    columns = [draw.choice(makers)() for _ in range(draw.randrange(0, 6))]
    frame = pd.concat([pd.Series(c, dtype=None if not isinstance(c, list) else object) for c in columns], axis=1) if columns else pd.DataFrame()
    frame.columns = [draw.choice(("a", "b", 3, "", ("x", "y"))) for _ in columns]
    try:
        source = from_frame(frame)
    except UserError as error:
        assert "\n" not in str(error) and (not n or not columns or "no column that can be modelled" in str(error))
        return
    assert len(source) == n and len(source.columns) + len(source.dropped) == len(columns) and len(source.hashes()) == n
    json.dumps(source.describe(), allow_nan=False)
