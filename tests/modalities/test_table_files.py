"""Tables of every kind of file and frame are read to the same columns."""

import datetime
import gzip
import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest

from sparring.base.errors import UserError
from sparring.modalities.open import open_data, open_named
from sparring.modalities.table_source import from_frame, open_table

N = 30
ROWS = pa.table(
    {
        "n": [i % 7 for i in range(N)],
        "r": [i / 8 for i in range(N)],
        "w": ["naïve", 'a "b"', None, "c, d", "two\nlines"] * 6,
        "t": [True, False] * 15,
        "d": [datetime.datetime(2020, 1, 1 + i % 9, 10, 30) for i in range(N)],
    }
)


def write_csv(path, delimiter=",", end="\n", **how):
    frame = ROWS.to_pandas()
    path.write_text(frame.to_csv(index=False, sep=delimiter, lineterminator=end), newline="", **how)


def write_lines(path, text=lambda line: line):
    path.write_text("".join(text(json.dumps(row, default=lambda d: d.isoformat(sep=" "), ensure_ascii=False)) + "\n" for row in ROWS.to_pylist()))


FILES = {
    "csv": lambda p: write_csv(p / "t.csv"),
    "semicolons": lambda p: write_csv(p / "t.csv", ";"),
    "tabs": lambda p: write_csv(p / "t.tsv", "\t"),
    "bars": lambda p: write_csv(p / "t.csv", "|"),
    "Windows": lambda p: write_csv(p / "t.csv", end="\r\n", encoding="utf-8-sig"),
    "UTF-16": lambda p: write_csv(p / "t.csv", "\t", encoding="utf-16"),
    "announced delimiter": lambda p: (write_csv(p / "t.csv", ";"), (p / "t.csv").write_text("sep=;\n" + (p / "t.csv").read_text())),
    "gz": lambda p: (write_csv(p / "u"), (p / "t.csv.gz").write_bytes(gzip.compress((p / "u").read_bytes())), (p / "u").unlink()),
    "parquet": lambda p: pa.parquet.write_table(ROWS, p / "t.parquet"),
    "feather": lambda p: pa.feather.write_feather(ROWS, p / "t.feather"),
    "arrow": lambda p: write_stream(p / "t.arrow"),
    "lines": lambda p: write_lines(p / "t.jsonl"),
}


def write_stream(path):
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, ROWS.schema) as writer:
        writer.write_table(ROWS)


@pytest.mark.parametrize("write", FILES.values(), ids=FILES)
def test_files(tmp_path, write):
    write(tmp_path)
    source = open_data(str(next(tmp_path.iterdir())))
    assert source.kind == "tables" and source.name == "t" and not source.problems
    assert [c.kind for c in source.columns] == ["integer", "real", "category", "boolean", "date"]
    assert source.table.to_pylist() == ROWS.to_pylist()
    assert source.hashes() == from_frame(ROWS).hashes()


def polars_frame():
    return pytest.importorskip("polars").from_arrow(ROWS)


FRAMES = {
    "pandas": lambda: ROWS.to_pandas(),
    "pandas of arrow": lambda: ROWS.to_pandas(types_mapper=pd.ArrowDtype),
    "polars": polars_frame,
    "arrow": lambda: ROWS,
    "batch": lambda: ROWS.combine_chunks().to_batches()[0],
    "dict": lambda: {"n": np.array(ROWS["n"]), "r": ROWS["r"].to_pylist(), "w": ROWS["w"], "t": ROWS["t"].to_pylist(), "d": ROWS["d"].to_pandas()},
}


@pytest.mark.parametrize("make", FRAMES.values(), ids=FRAMES)
def test_frames(make):
    source = from_frame(make(), "mine")
    assert source.table.to_pylist() == ROWS.to_pylist() and source.name == "mine" and not source.problems


WRONG_FRAMES = {
    "list": ([1, 2], "not list"),
    "series": (pd.Series([1, 2]), "not Series"),
    "unequal": ({"a": [1, 2], "b": [1]}, "equally long.*a 2, b 1"),
    "matrix": ({"a": np.zeros((2, 2))}, "column a must be a list"),
    "empty": (pd.DataFrame(), "0 rows and 0 columns"),
    "no rows": (pd.DataFrame({"a": []}), "0 rows and 1 columns"),
    "one value": ({"a": 5}, "column a must be a list"),
}


@pytest.mark.parametrize("frame, line", WRONG_FRAMES.values(), ids=WRONG_FRAMES)
def test_what_is_no_frame(frame, line):
    with pytest.raises(UserError, match=line):
        from_frame(frame)


def test_an_index_and_mixed_columns_are_said():
    frame = pd.DataFrame({"a": [1, "x", None, 2.5] * 9, "b": [1, 2, 3, 4] * 9}, index=pd.Index(range(36), name="key"))
    source = from_frame(frame)
    assert "index 'key' is left out" in source.problems[0] and "column a holds" in source.problems[1] and "read as text" in source.problems[1]
    assert source.table.column("a").to_pylist()[:4] == ["1", "x", None, "2.5"]


TEXTS = {  # text -> names, rows, what is said
    "no names": ("39,State,77\n50,Self,83\n", ["column1", "column2", "column3"], 2, "the first line holds numbers (39, 77) and is taken for a row"),
    "numbers among names": ("150,4,setosa\n5.1,x,1.4\n4.9,y,1.5\n", ["150", "4", "setosa"], 2, ""),
    "comments before": ("# from, here\n#\na,b,c\nx,1,2\ny,3,4\n", ["a", "b", "c"], 2, "2 lines of comment"),
    "years as names": ("country,2019,2020\nFrance,1,2\nItaly,3,4\n", ["country", "2019", "2020"], 2, ""),
    "numbered names": ("0,1,2\nx,3,4\ny,5,6\n", ["0", "1", "2"], 2, ""),
    "an unnamed index": (",w,v\n0,x,1\n1,y,2\n", ["column1", "w", "v"], 2, "column 1, which has no name, is called 'column1'"),
    "equal names": ("a,a,a.2,b\n1,x,2,3\n4,y,5,6\n", ["a", "a.3", "a.2", "b"], 2, "a second column 'a' is called 'a.3'"),
    "spaces around": ("a , b\n x , 1\n y , 2\n", ["a", "b"], 2, ""),
    "spaces before quotes": ('a, b\nx, "1, 2"\ny, "3, 4"\n', ["a", "b"], 2, ""),
    "escaped quotes": ('a,b\n"x \\"y\\", z",2\n"u",3\n', ["a", "b"], 2, ""),
    "quotes in cells": ('a,b\n5" nails,1\n6" nails,2\n', ["a", "b"], 2, ""),
    "names of rows": ('"a","b"\n"1","x",5\n"2","y",6\n', ["row", "a", "b"], 2, "rows have one cell more than there are names"),
    "delimiters at the end": ("a,b\nx,5,\ny,6,\n", ["a", "b", "column3"], 2, "rows end in a delimiter"),
    "ragged": ("a,b\nx,5\ny\nz,6,7\nu,8\nv,9\n", ["a", "b"], 3, "left out 2 of 5 rows, which have not 2 cells: line 3 (1), line 4 (3)"),
    "names of two lines": ('"a\nb",c\nx,1\ny,2\n', ["a b", "c"], 2, "is called 'a b'"),
    "old Mac": ("a,b\rx,1\ry,2\r", ["a", "b"], 2, ""),
    "blank lines in a column": ("a\nx\n\ny\n\n", ["a"], 2, "1 blank lines are no rows"),
}


@pytest.mark.parametrize("text, names, rows, said", TEXTS.values(), ids=TEXTS)
def test_csv_as_people_have_it(tmp_path, text, names, rows, said):
    (tmp_path / "t.csv").write_bytes(text.encode())
    source = open_table(tmp_path / "t.csv")
    assert source.raw().table.column_names == names and len(source) == rows
    assert {*source.table.column_names, *source.dropped} == {*names}
    problems = [p for p in source.problems if "is left out" not in p]
    assert any(said in p for p in problems) if said else not problems, problems


@pytest.mark.parametrize("encoding, said", [("cp1252", "read as cp1252"), ("latin-1", "read as latin-1"), ("utf-8", "1 letters became")])
def test_other_encodings_are_said(tmp_path, encoding, said):
    letters = {"cp1252": "Zoë€", "latin-1": "Zoë\x81", "utf-8": "Zoë"}[encoding]
    spoilt = b"v\xe9,3\n" if encoding == "utf-8" else b""
    (tmp_path / "t.csv").write_bytes(f"a,b\n{letters},1\ny,2\n{letters},4\n".encode(encoding) + spoilt)
    source = open_table(tmp_path / "t.csv")
    assert source.table.column("a")[0].as_py() == letters and said in source.problems[0]


REFUSED = {
    "empty.csv": (b"", "is empty"),
    "names.csv": (b"a,b\n", "a line of names and no rows"),
    "zero.csv": (b"a,b\n1,\x00\n", "line 2 holds a zero byte"),
    "bytes.csv": (bytes(range(1, 256)) * 9, "is no text"),
    "really.csv": (b"PAR1....", "is a Parquet file: call it .parquet"),
    "excel.csv": (b"PK\x03\x04....", "an Excel sheet: save it as CSV"),
    "quotes.csv": (b'a,b\n1,2\n"x,3\n4,5\n', "line 3: quotes are not balanced"),
    "inside.csv": (b'a,b\n1,2\n"x" y,3\n4,5\n', "line 3: quotes are not balanced"),
    "most.csv": (b"a,b,c\nx,1,1\nx\ny\n", "3 names in its first line and 1 cells in most rows"),
    "gzip.csv.gz": (gzip.compress(b"a,b\nx,1\n" * 99)[:-9], "cannot read .*gzip.csv.gz as csv"),
    "word.jsonl": (b"hello\n", "JSON lines have one object"),
    "nothing.jsonl": (b"\n", "is empty"),
    "what.parquet": (b"a,b\n", "cannot read .* as parquet"),
    "what.arrow": (b"a,b\n", "cannot read .* as arrow"),
    "ids.parquet": (None, "no column that can be modelled: k is an identifier"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_is_refused_in_one_line(tmp_path, name):
    content, line = REFUSED[name]
    if content is None:
        pa.parquet.write_table(pa.table({"k": range(100)}), tmp_path / name)
    else:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=line) as caught:
        open_named(str(tmp_path / name), ("tables",))
    assert "\n" not in str(caught.value)


def test_a_folder_and_an_absent_file_are_no_tables(tmp_path):
    for path in (tmp_path, tmp_path / "absent.csv", tmp_path / "x.doc"):
        with pytest.raises(UserError):
            open_table(path)


def test_a_row_longer_than_a_block(tmp_path, monkeypatch):
    monkeypatch.setattr("sparring.modalities.table_delimited.BLOCK", 1000)
    (tmp_path / "t.csv").write_text("a,b\n" + "".join(f"{'xy'[i % 2] * (3000 if i == 500 else 1)},{i % 9}\n" for i in range(900)))
    source = open_table(tmp_path / "t.csv")
    assert len(source) == 900 and source.table.column("b").to_pylist() == [i % 9 for i in range(900)]


def test_json_of_several_types_and_nested(tmp_path):
    lines = ['{"a": 1, "b": "x", "c": {"d": 1}}', '{"a": "one", "c": {"d": 2}}', "broken", '{"b": "y", "a": 3}'] * 5
    (tmp_path / "t.jsonl").write_text("\n".join(lines))
    source = open_table(tmp_path / "t.jsonl")
    assert len(source) == 15 and "left out 5 of 20 lines, which are no JSON objects: line 3, 7, 11" in source.problems[0]
    assert source.table.column("a").to_pylist()[:3] == ["1", "one", "3"] and source.table.column("b").to_pylist()[:3] == ["x", None, "y"]
    assert "c" in source.dropped


# ---- points or a table

KINDS = {
    "numbers": ("x,y\n1,2\n3,4\n", {(): "points", ("points", "images"): "points", ("tables",): "tables", ("points", "tables"): "points"}),
    "numbers and a label": ("x,label\n1,a\n3,b\n", {(): "points", ("points",): "points", ("tables",): "tables"}),
    "words": ("x,y\n1,a\n3,b\n", {(): "tables", ("tables",): "tables", ("points", "tables"): "tables", ("images",): "tables"}),
    "numbers and dates": ("x,y\n1,2020-01-01\n", {(): "tables"}),
    "another delimiter": ("x;y\n1;2\n3;4\n", {(): "tables"}),
}


@pytest.mark.parametrize("text, kinds", KINDS.values(), ids=KINDS)
def test_points_or_a_table(tmp_path, text, kinds):
    (tmp_path / "t.csv").write_text(text)
    assert {asked: open_data(str(tmp_path / "t.csv"), asked).kind for asked in kinds} == kinds
    (tmp_path / "t.tsv").write_text(text.replace(",", "\t"))
    assert open_data(str(tmp_path / "t.tsv"), ("points",)).kind == "tables"


def test_words_are_no_points(tmp_path):
    (tmp_path / "t.csv").write_text("x,y\n1,a\n")
    with pytest.raises(UserError, match="'a' is no number.*table"):
        open_data(str(tmp_path / "t.csv"), ("points",))


def test_tables_are_read_without_torch(tmp_path):
    (tmp_path / "t.csv").write_text("x,y\n1,a\n2,b\n")
    code = f"""
import sys
from sparring.service import inspect
inspect({str(tmp_path / "t.csv")!r})
assert not {{"torch", "sklearn", "polars"}} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_absent_arrow_is_named(tmp_path):
    (tmp_path / "t.parquet").write_bytes(b"")
    code = f"""
import sys
sys.modules["pyarrow"] = None
from sparring.base.errors import UserError
from sparring.modalities.open import open_data
try:
    open_data({str(tmp_path / "t.parquet")!r})
except UserError as error:
    assert 'pip install "sparring[tables]"' in str(error), error
else:
    raise AssertionError
"""
    subprocess.run([sys.executable, "-c", code], check=True)
