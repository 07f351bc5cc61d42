"""A source of a table: hashes of rows, what `inspect` says, and the same columns again for other data."""

import datetime
import json
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from tests.running import in_process

from sparring.base.errors import UserError
from sparring.base.settings import dump, load
from sparring.modalities.split import Split, split
from sparring.modalities.table_columns import Column
from sparring.modalities.table_source import from_frame, hash_rows, open_table

ADULT = Path(__file__).parents[3] / "shared" / "data" / "adult"
HASHES = ["c64cc877b1dca1b394f7165f262422a2", "9eab074a53bf8fdfe8bc9ee28e475061"]


def test_equal_rows_have_equal_hashes():
    rows = [
        (1, 0.5, "a", True), (1, 0.5, "a", True), (2, 0.5, "a", True), (1, None, "a", True), (1, 0.0, "a", True), (1, -0.0, "a", True),
        (None, 0.5, "a", True), (1, 0.5, None, True), (1, 0.5, "", True), (1, 0.5, "a", None), (0, 0.5, "a", True), (1, 0.5, "a", False),
        (1, float("inf"), "a", True),
    ]  # fmt: skip
    table = pa.table([list(column) for column in zip(*rows)], names=["i", "r", "w", "t"])
    hashes = hash_rows(table)
    assert all(len(h) == 32 and int(h, 16) >= 0 for h in hashes)
    assert hashes[0] == hashes[1] and hashes[4] == hashes[5] and len(set(hashes)) == len(rows) - 2
    assert hash_rows(table.select(["w", "t", "r", "i"])) == hashes, "the order of columns does not matter"
    assert hash_rows(table.rename_columns(["r", "i", "w", "t"])) != hashes, "their names do"
    assert hash_rows(pa.concat_tables([table.slice(6), table.slice(0, 6)])) == hashes[6:] + hashes[:6], "nor how they are cut and ordered"


def test_hashes_are_the_same_on_every_machine():
    """Runs recorded these: a change of the hash moves items between the parts of every old run."""
    days = pa.array([0, None], pa.timestamp("us"))
    table = pa.table({"i": [7, None], "r": [0.25, float("-inf")], "w": ["naïve", None], "t": [True, None], "d": days})
    assert hash_rows(table) == HASHES


def test_a_million_rows_are_hashed_in_seconds():
    draw = np.random.default_rng(0)
    words = pa.array([f"word {i}" for i in range(20_000)])
    table = pa.table({"r": draw.normal(size=10**6), "i": draw.integers(0, 99, 10**6), "w": words.take(pa.array(draw.integers(0, 20_000, 10**6)))})
    began = time.process_time()
    hashes = hash_rows(table)
    assert time.process_time() - began < 3 and len(set(hashes)) == 10**6


def test_a_split_of_few_combinations_leaves_each_to_every_part():
    """A table of four columns with 28 combinations, of which the most frequent is a third of all rows."""
    draw = np.random.default_rng(0)
    chances = draw.dirichlet(np.full(28, 0.7))
    kind = draw.choice(28, 2201, p=chances)
    source = from_frame({"class": kind % 4, "sex": [("f", "m")[k // 4 % 2] for k in kind], "other": [str(k // 8) for k in kind]})
    parts = split(source.hashes(), Split())
    assert {name: len(rows) for name, rows in parts.items()} == {"train": 2201 - 220 - 660, "validation": 220, "test": 660}
    shares = {name: np.bincount(kind[rows], minlength=28) / len(rows) for name, rows in parts.items()}
    assert max(np.abs(share - np.bincount(kind, minlength=28) / 2201).max() for share in shares.values()) < 0.05
    turned = np.random.default_rng(1).permutation(2201)
    again = split(from_frame({name: source.table[name].take(pa.array(turned)) for name in source.table.column_names}).hashes(), Split())
    assert all(sorted(kind[parts[name]]) == sorted(kind[turned][again[name]]) for name in parts), "the order of the rows does not matter"
    assert len(set(source.hashes())) == 2201 and source.hashes()[2200] == list(source.hashes())[2200]


def test_describe():
    days = pa.array([86400 * 10**6 * (i % 5) for i in range(40)], pa.timestamp("us"))
    words, numbers = ["a", "b", "a", None] * 10, [0.5, float("inf"), None, 2.0] * 10
    source = from_frame({"n": [i % 8 for i in range(40)], "w": words, "r": numbers, "d": days, "c": [1] * 40, "id": range(40)})
    told = source.describe()
    json.dumps(told, allow_nan=False)
    assert (told["kind"], told["count"], told["duplicates"], told["rows left out"]) == ("tables", 40, 0, 0)
    assert told["types"] == {"integer": 1, "category": 1, "real": 1, "date": 1, "constant": 1} and "identifier" in told["dropped"]["id"]
    n, w, r, d, c = told["columns"]
    assert (n["min"], n["max"], n["unique"], n["missing"]) == (0, 7, 8, 0) and n["why"]
    assert w["frequent"] == {"a": 20, "b": 10} and w["missing"] == 0.25 and c["frequent"] == {"1": 40}
    assert (r["min"], r["max"]) == (0.5, 2.0) and "10 infinite" in r["why"] and d["max"].startswith("1970-01-05")
    assert from_frame({"a": [1, 1, 2, 1], "b": ["x", "x", "y", "z"]}).describe()["duplicates"] == 1


def test_inspect_shows_a_table(tmp_path, capsys):
    (tmp_path / "t.csv").write_text("id,age,word\n" + "".join(f"{i},{i % 9},{'ab'[i % 2]}\n" for i in range(40)) + "1\n")
    (tmp_path / "n.csv").write_text("x,y\n1,2\n3,4\n")
    (tmp_path / "s.yaml").write_text("columns: {id: integer, word: drop}")
    call = lambda *arguments: in_process(capsys, "inspect", *arguments)
    lines = [" ".join(line.split()) for line in call(tmp_path / "t.csv").out.splitlines()]
    assert "name kind missing unique frequent min max why" in lines and "age integer 0 9 0 8 whole numbers, 9 different" in lines
    assert "word category 0 2 a 20, b 20 2 different words" in lines and "rows left out: 1" in lines
    assert "id: an identifier: all different, the whole numbers from 0 to 39" in lines
    assert "left out 1 of 41 rows, which have not 3 cells: line 42 (1)" in lines
    told = json.loads(call(tmp_path / "t.csv", "--schema", tmp_path / "s.yaml", "--json").out)
    assert [c["name"] for c in told["columns"]] == ["id", "age"] and told["dropped"] == {"word": "the schema drops it"}
    assert "kind: points" in call(tmp_path / "n.csv").out and "kind: tables" in call(tmp_path / "n.csv", "--kind", "tables").out
    for wrong in (("ring", "--kind", "tables"), ("ring", "--schema", tmp_path / "s.yaml"), (tmp_path / "t.csv", "--schema", tmp_path / "absent")):
        outcome = call(*wrong)
        assert outcome.code == 2 and outcome.err.startswith("error: ") and outcome.err.count("\n") == 1


# ---- the columns that a codec was fitted to


def csv(path, text):
    path.write_text(text)
    return open_table(path)


def test_like_gives_the_same_columns(tmp_path):
    """Other rows of the same table, which by themselves would be of other kinds."""
    rows = (f"{i % 9},{'ab'[i % 2]},{1 + i % 28:02}/01/2020,{i}.5,{'yn'[i % 2]},5,{i % 7:05}\n" for i in range(60))
    fitted = csv(tmp_path / "a.csv", "n,w,d,r,t,c,z\n" + "".join(rows))
    assert [c.kind for c in fitted.columns] == ["integer", "category", "date", "real", "boolean", "constant", "category"]
    columns = tuple(load(Column, dump(c)) for c in fitted.columns)                    # as a codec keeps them
    assert fitted.like(columns) is fitted
    other = csv(tmp_path / "b.csv", "more,z,w,n,d,r,t,c\n1,00001,7,3,02/01/2020,4,y,5\n2,00002,8,,03/01/2020,,,5\n").like(columns)
    assert other.columns == columns and other.table.schema == fitted.table.schema
    assert other.dropped == {"more": "not a column that was trained on"} and not other.problems and other.like(columns) is other
    first, second = other.table.to_pylist()
    assert first == {"n": 3, "w": "7", "d": datetime.datetime(2020, 1, 2), "r": 4.0, "t": True, "c": 5, "z": "00001"}
    assert (second["n"], second["r"], second["t"]) == (None, None, None)
    empty = csv(tmp_path / "d.csv", "n,w,d,r,t,c,z\n,,,,,5,\n").like(columns)
    assert empty.table.schema == fitted.table.schema and {**empty.table.to_pylist()[0]} == dict.fromkeys("nwdrtcz") | {"c": 5}
    assert "column c was always 5 in training" in csv(tmp_path / "c.csv", "n,w,d,r,t,c,z\n1,a,01/01/2020,4,y,6,1\n").like(columns).problems[0]


UNLIKE = [
    ("w\na\n", "no column 'n'"),
    ("n,w\n1.5,a\n2,b\n", "column n cannot be integer, as it was in training: .* not whole"),
    ("n,w\nx,a\ny,b\n", "no value is one"),
]


@pytest.mark.parametrize("text, line", UNLIKE)
def test_like_refuses_what_does_not_fit(tmp_path, text, line):
    fitted = csv(tmp_path / "a.csv", "n,w\n" + "".join(f"{i % 9},{'ab'[i % 2]}\n" for i in range(40)))
    with pytest.raises(UserError, match=line):
        csv(tmp_path / "b.csv", text).like(fitted.columns)


@pytest.mark.skipif(not ADULT.exists(), reason="the Adult data are not here")
def test_adult():
    train, test = (open_table(ADULT / f"{part}.csv") for part in ("train", "test"))
    assert (len(train), len(test)) == (32_561, 16_281) and not train.problems and not train.dropped
    kinds = {c.name: c.kind for c in train.columns}
    assert [n for n, k in kinds.items() if k == "integer"] == ["age", "fnlwgt", "education-num", "capital-gain", "capital-loss", "hours-per-week"]
    assert {c.name for c in train.columns if c.missing} == {"workclass", "occupation", "native-country"}
    assert {*kinds.values()} == {"integer", "category"}
    assert "a spike and a tail: 0 in 92%" in train.columns[10].why and train.describe()["duplicates"] == 24
    assert test.like(train.columns).table.schema == train.table.schema
