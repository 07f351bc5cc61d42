"""What a schema says of rows holds for every generated one, whatever the game says of it, and data that break it are refused."""

import datetime
import json
import re
import uuid

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
import yaml
from tests.games.test_asking import untrained
from tests.running import in_process

import sparring
from sparring.base.errors import UserError
from sparring.games.asking import Asking
from sparring.games.table_settings import TableVAE
from sparring.modalities.kinds import load_codec, save_codec
from sparring.modalities.settings import Tables
from sparring.modalities.table_source import from_frame, open_table
from sparring.modalities.tables import fit
from sparring.networks.table_settings import RowPerceptron, TableEncoder
from sparring.play.watching import sample

N = 3000
DRAW = np.random.default_rng(0)
SMALL = {
    "batch": 32, "watching.items": 60, "watching.judge": 6, "hardware.threads": 1, "encoder.width": 16, "decoder.width": 16, "latent": 4,
    "watching.metrics": "shapes",
}  # fmt: skip
ROWS = ["start <= end", "low < high", "b >= a", "i < j", "j <= k", "i <= k", "17 <= age", "high < 10000", "part < whole"]
SCHEMA = {"constraints": [*ROWS, {"together": ["city", "country"]}, {"unique": ["id"]}, {"unique": "uuid"}, {"unique": ["customer"]}]}


def some_missing(values, share=0.1):
    return [None if drop else value for value, drop in zip(list(values), DRAW.random(len(values)) < share)]


def made_up(n=N):
    start = np.datetime64("2020-01-01") + DRAW.integers(0, 900, n).astype("timedelta64[D]")
    end = start + DRAW.integers(0, 60, n).astype("timedelta64[D]")
    low, a, i, city = np.round(DRAW.gamma(3, 100, n), 2), DRAW.normal(size=n), DRAW.integers(0, 1000, n), DRAW.integers(0, 40, n)
    j = i + 1 + DRAW.integers(0, 500, n)
    return pa.table({
        "id": np.arange(n) + 1, "start": some_missing(start.astype(object)), "end": some_missing(end.astype(object)), "low": low,
        "high": some_missing(np.round(low + DRAW.gamma(2, 20, n) + 0.01, 2)), "b": a + DRAW.exponential(size=n), "a": a, "i": i,
        "j": some_missing(j), "k": j + DRAW.integers(0, 9, n), "city": some_missing([f"c{c}" for c in city]),
        "uuid": [str(uuid.UUID(bytes=DRAW.bytes(16), version=4)) for _ in range(n)], "country": [f"l{c % 4}" for c in city ^ (DRAW.random(n) < 0.1)],
        "customer": [f"CUST-{c:05d}" for c in DRAW.permutation(n)], "age": DRAW.integers(17, 90, n), "part": DRAW.random(n), "whole": np.ones(n),
    })  # fmt: skip


def schema_at(folder, schema):
    (folder / "schema.yaml").write_text(yaml.safe_dump(schema))
    return str(folder / "schema.yaml")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    opened = from_frame(made_up(), "made up")
    codec = fit(opened, Tables(bins=16, few=80, schema=schema_at(tmp_path_factory.mktemp("schemas"), SCHEMA)))
    return codec.items(opened), codec


@pytest.fixture(scope="module")
def unasked(made, autoencoder):
    return made[1].decode(sample(autoencoder, 20_000, 7))


@pytest.fixture(scope="module")
def autoencoder(made):
    return untrained(TableVAE(latent=4, encoder=TableEncoder(width=16), decoder=RowPerceptron(width=16, depth=1)).build(space=made[1].space))


def broken(rows):
    """How often rows (a frame) break what SCHEMA says."""
    pairs = [("start", "end"), ("a", "b"), ("j", "k"), ("i", "k")]
    strict = [("low", "high"), ("i", "j"), ("part", "whole")]
    wrong = sum((rows[a] > rows[b]).sum() for a, b in pairs) + sum((rows[a] >= rows[b]).sum() for a, b in strict)
    return wrong + (rows["age"] < 17).sum() + (rows["high"] >= 10_000).sum()


def test_rows_come_back(made):
    opened, codec = made
    assert {span.column for span in codec.space.choices} >= {"end - start", "high - low", "k - j, i", "city, country"}
    assert [column.name for column in codec.columns] == opened.table.column_names
    back = codec.decode(codec.expand(codec.encode(opened))["x"])
    assert back.schema.equals(opened.table.schema)
    for name in back.column_names:
        if name in ("a", "b", "part"):
            assert np.allclose(back[name].to_numpy(), opened.table[name].to_numpy(), atol=1e-5)
        else:
            assert back[name].equals(opened.table[name]), name


def test_no_generated_row_breaks_a_constraint(made):
    opened, codec = made
    rows = codec.decode(torch.rand(20_000, *codec.space.shape, generator=torch.Generator().manual_seed(0)) * 2 - 1)
    assert broken(rows.to_pandas()) == 0 and broken(opened.table.to_pandas()) == 0
    pairs = lambda table: set(zip(table["city"].to_pylist(), table["country"].to_pylist()))
    assert pairs(rows) <= pairs(opened.table)
    for name in rows.column_names:
        assert bool(rows[name].null_count) == bool(opened.table[name].null_count), name
        if not pa.types.is_string(rows[name].type):
            ends = [pa.compute.min_max(table[name]).as_py() for table in (opened.table, rows)]
            assert ends[0]["min"] <= ends[1]["min"] and ends[1]["max"] <= ends[0]["max"], name
    assert np.array_equal(rows["high"].drop_null().to_numpy(), np.round(rows["high"].drop_null().to_numpy(), 2))
    assert not (rows["end"].drop_null().cast(pa.int64()).to_numpy() % (86_400 * 10**6)).any()


def test_the_codec_is_kept(made, tmp_path):
    opened, codec = made
    save_codec(codec, tmp_path / "codec")
    again = load_codec(tmp_path / "codec")
    assert again.constraints == codec.constraints and again.space == codec.space and again.columns == codec.columns
    x = codec.encode(opened)["x"]
    assert torch.equal(again.compact(opened.table), x)
    dense = codec.expand({"x": x[:500]})["x"]
    assert again.decode(dense).equals(codec.decode(dense))


def test_other_rows_are_held_to_it(made):
    opened, codec = made
    at, row = opened.table.column_names.index("age"), opened.table.slice(0, 4)
    with pytest.raises(UserError, match=r"2 of 4 rows break the constraint 'age >= 17', the first is row 2 \(age=16\)"):
        codec.compact(row.set_column(at, "age", pa.array([20, 16, 40, 1])))
    with pytest.raises(UserError, match="'city, country' has the value 'c1,nowhere'"):
        swapped = row.set_column(row.column_names.index("country"), "country", pa.array(["nowhere"] * 4))
        codec.compact(swapped.set_column(row.column_names.index("city"), "city", pa.array(["c1"] * 4)))


# ---- keys


def test_keys_are_made_anew(made):
    _, codec = made
    rows = codec.decode(torch.rand(700, *codec.space.shape))
    parts = lambda seed: [*codec.numbered([rows.slice(0, 300), rows.slice(300)], seed)]
    whole = pa.concat_tables(parts(5))
    assert whole.column_names == [column.name for column in codec.written] == made_up(2).column_names
    assert whole["id"].to_pylist() == list(range(N + 1, N + 701)) and whole["customer"][-1].as_py() == f"CUST-{N + 699:05d}"
    assert len(set(whole["uuid"].to_pylist())) == 700 and {uuid.UUID(one).version for one in whole["uuid"].to_pylist()} == {4}
    assert next(iter(codec.numbered([rows.slice(0, 40)], 5, start=660)))["uuid"].to_pylist() == whole["uuid"].to_pylist()[660:]
    assert not set(whole["uuid"].to_pylist()) & set(pa.concat_tables(parts(6))["uuid"].to_pylist())
    assert codec.handed(whole)["id"].dtype == "Int64"
    with pytest.raises(UserError, match="'id' is a key"):
        codec.asked(["id=4"])


@pytest.mark.parametrize(
    ("values", "first"),
    [
        ([f"A-{i}" for i in range(95, 105)], "A-105"), ([f"{2020 + i // 4}/{i % 4 + 1:03d}x" for i in range(8)], "2021/005x"), ([7, 3, 40], 41),
        ([f"{i:04d}" for i in range(30)], "0030"), ([f"{i}-2024" for i in range(8, 12)], "12-2024"), ([2.0, 5.0], 6.0), (["x1", "x3"], "x4"),
    ],
)  # fmt: skip
def test_the_patterns_of_keys(tmp_path, values, first):
    frame = {"key": values, "x": DRAW.normal(size=len(values))}
    codec = fit(from_frame(frame), Tables(schema=schema_at(tmp_path, {"constraints": [{"unique": "key"}]})))
    rows = codec.decode(torch.rand(3, *codec.space.shape))
    keyed = codec.handed(next(iter(codec.numbered([rows], 0))))
    assert keyed["key"][0] == first and len(set(keyed["key"])) == 3


def test_a_text_file_gets_its_keys(tmp_path):
    (tmp_path / "t.csv").write_text("id,name,x\n" + "".join(f"{i:03d},{'ab'[i % 2]},{i / 7:.3f}\n" for i in range(50)))
    codec = fit(open_table(tmp_path / "t.csv"), Tables(schema=schema_at(tmp_path, {"columns": {"id": "key"}})))
    codec.write_parts(codec.numbered([codec.decode(torch.rand(2, *codec.space.shape))], 0), tmp_path / "out.csv")
    assert [line[:4] for line in (tmp_path / "out.csv").read_text().splitlines()] == ["id,n", "050,", "051,"]


# ---- what cannot be


@pytest.mark.parametrize(
    ("constraints", "said"),
    [
        (["x <= y"], r"1 of 40 rows break the constraint 'x <= y', the first is row 8 \(x=9, y=3\): correct or leave out"),
        (["x >= 1"], r"4 of 40 rows break the constraint 'x >= 1', the first is row 1 \(x=0\)"),
        (["day > 2024-01-01"], r"the first is row 1 \(day=2024-01-01\)"),
        (["xx <= y"], "is compared with a number, not 'xx'; did you mean 'x'"), (["xx <= yy"], "a column 'xx' that is not there; did you mean 'x'"),
        (["x"], "a constraint is like"), (["x <= day"], "two different columns"), (["x <= x"], "two different columns"),
        (["word <= 3"], "word', which is category"), (["id <= 3"], "'id', which is left out: an identifier"),
        (["a <= b", "b <= a"], "round in a circle"), ([{"together": ["x"]}], "a constraint is like"), ([{"apart": ["x"]}], "a constraint is like"),
        ([{"together": ["word", "z"]}], "names a column 'z'"), ([{"together": ["word", "x"]}, {"together": ["x", "y"]}], "make them one"),
        ([{"together": ["real", "x"]}], "40 combinations in 40 rows|generated rows would be copies"),
        (["a <= b", {"together": ["word", "b"]}], "put 'a' there too"), ([{"unique": ["word", "x"]}], r"unique: \[word, x\]', the first is row 10"),
        ([{"unique": ["word"]}], r"unique: \[word\]', the first is row 3 \(u again\)"), ([{"unique": ["idd"]}], "names a column 'idd'"),
        ([{"unique": ["gaps"]}], r"the first is row 5 \(no value\)"), ([{"unique": ["day"]}], "row 2"),
        ([{"unique": ["real"]}], "neither whole numbers"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said_in_one_line(tmp_path, constraints, said):
    x, day = np.arange(40) % 10, [datetime.date(2024, 1, 1 + i // 2) for i in range(40)]
    x = np.where(np.arange(40) == 7, 9, x)
    frame = {
        "id": range(40), "x": x, "y": np.where(np.arange(40) == 7, 3, x + 1), "a": np.zeros(40, int) + np.arange(40) % 3,
        "b": np.arange(40) % 3, "word": ["u", "v"] * 20, "day": day, "real": [f"{i}e{i % 7}w" * (1 + i % 2) for i in range(40)],
        "gaps": [None if i == 4 else f"k{i}" for i in range(40)],
    }  # fmt: skip
    if "together" in str(constraints) and "real" in str(constraints):
        frame = {"real": DRAW.normal(size=200), "x": np.arange(200) % 10}
    with pytest.raises(UserError) as error:
        fit(from_frame(frame), Tables(schema=schema_at(tmp_path, {"constraints": constraints})))
    assert re.search(said, str(error.value)) and "\n" not in str(error.value)


def test_nothing_is_modelled_twice_where_ranges_or_combinations_say_it(tmp_path):
    x = DRAW.integers(0, 5, 400)
    frame = {"x": x, "y": x + 10, "p": x, "q": x + DRAW.integers(0, 3, 400)}
    codec = fit(from_frame(frame), Tables(schema=schema_at(tmp_path, {"constraints": ["x < y", "p <= q", {"together": ["p", "q"]}]})))
    assert not codec.constraints.gaps
    rows = codec.decode(torch.rand(900, *codec.space.shape)).to_pandas()
    assert (rows["x"] < rows["y"]).all() and (rows["p"] <= rows["q"]).all()


# ---- conditions


@pytest.mark.parametrize(
    "where",
    [
        ["end>=2021-06-01"], ["end="], ["end<2020-06-01", "start!="], ["high>600"], ["k>=690", "k<=720", "i>=20"], ["country=l2"],
        ["city=c7", "country!=l2"], ["b>0", "b<=0.3"], ["j!=500", "age>=60"],
    ],
)  # fmt: skip
def test_asked_rows_are_those_that_obey_anyway(made, autoencoder, unasked, where):
    _, codec = made
    conditions = codec.asked(where)
    expected = unasked.filter(pa.array(conditions.hold(unasked))).to_pandas()
    rows = codec.decode(Asking(autoencoder, conditions, codec.decode).rows(1024, 3))
    assert conditions.hold(rows).all() and broken(frame := rows.to_pandas()) == 0
    if len(expected) > 300:
        slack = 3.5 / np.sqrt(min(len(expected), 1024)) + 0.04
        for name in ("low", "b", "i", "k", "age"):
            points = np.quantile(expected[name], [0.1, 0.5, 0.9])
            below = [np.array([(table[name] <= point).mean() for point in points]) for table in (frame, expected)]
            assert np.abs(below[0] - below[1]).max() < slack, name


@pytest.mark.parametrize(
    ("where", "said"),
    [("end>2030-01-01", "'end' goes from 2020-"), ("k<0", "'k' goes from"), ("k=", "'k' is never missing"), ("country=l9", "no value 'l9'")],
)
def test_impossible_conditions(made, where, said):
    with pytest.raises(UserError, match=said):
        made[1].asked([where])


# ---- runs


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder, n = tmp_path_factory.mktemp("constraints"), 600
    pairs = DRAW.permutation(40 * 40)[:n]
    frame = pd.DataFrame({
        "id": np.arange(n) + 10, "first": pairs // 40, "last": [f"name {p % 40}" for p in pairs], "begin": DRAW.integers(0, 50, n),
    }).assign(end=lambda f: f["begin"] + DRAW.integers(0, 9, n))  # fmt: skip
    schema = schema_at(folder, {"constraints": ["begin <= end", {"unique": ["id"]}, {"unique": ["first", "last"]}]})
    return sparring.fit(frame, "table-vae", rounds=8, settings=SMALL | {"encoding.schema": schema}, run=folder / "run")


def test_rows_of_a_run_are_unique_and_depend_on_their_number_alone(run):
    frame = run.sample(400, seed=2)
    assert list(frame.columns) == ["id", "first", "last", "begin", "end"] and list(frame["id"]) == list(range(610, 1010))
    assert not frame.duplicated(["first", "last"]).any() and (frame["begin"] <= frame["end"]).all()
    text = frame.astype(str)
    assert run.sample(30, seed=2).astype(str).equals(text[:30]) and run.sample(20, seed=2, start=250).reset_index(drop=True).astype(str).equals(
        text[250:270].reset_index(drop=True)
    )
    asked = run.sample(25, where=["first<20", "end>=20"])
    assert not asked.duplicated(["first", "last"]).any() and asked["end"].min() >= 20
    with pytest.raises(UserError, match="ask for fewer"):
        run.sample(1700)
    assert run.measure(metrics=("shapes",))["metrics"]["shapes"]["value"] > 0
    assert len(run.encode(frame[:10])[0]) == 10


def test_the_command_line(run, capsys, tmp_path):
    call = lambda *arguments: in_process(capsys, *arguments)
    assert call("sample", run.path, "-n", 90, "--out", tmp_path / "rows.csv").code == 0
    assert pd.read_csv(tmp_path / "rows.csv")["id"].tolist() == list(range(610, 700))
    assert "one --seed" in call("sample", run.path, "--seeds", "0-3").complaint
    (tmp_path / "asked.csv").write_text("first\n<20\n>=20\n")
    assert "one kind at a time" in call("sample", run.path, "--conditions", tmp_path / "asked.csv").complaint
    schema = schema_at(tmp_path, {"constraints": ["begin <= end", "begin >= 0", {"unique": ["id"]}]})
    told = json.loads(call("inspect", tmp_path / "rows.csv", "--schema", schema, "--json").out)
    assert told["constraints"] == {"begin <= end": "as a distance", "begin >= 0": "by the data's range", "id": "unique: made anew, from 700 on"}
    assert "a key" in told["dropped"]["id"]
    wrong = schema_at(tmp_path, {"constraints": ["end < begin"]})
    assert "rows break the constraint" in call("inspect", tmp_path / "rows.csv", "--schema", wrong).complaint
