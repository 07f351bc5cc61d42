"""Tables that stay in their files: the same as in memory where all rows are looked at, and nothing overlooked where a sample stands for them."""

import json
import os

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
import torch
from tests.running import THREAD, fingerprint, in_process

from sparring.base.errors import UserError
from sparring.modalities import table_digests, table_disk, table_pieces, table_source
from sparring.modalities.settings import Tables
from sparring.modalities.split import Split, split
from sparring.modalities.table_columns import TableSchema
from sparring.modalities.table_disk import TableFile
from sparring.modalities.table_source import Hashes, open_table, row_keys
from sparring.modalities.tables import TableCodec, fit
from sparring.runs import judging
from sparring.runs.data import prepare
from sparring.runs.judging import judge_for

N = 3000
TINY = ["--watching.metrics", "shapes", "--encoder.width", "16", "--decoder.width", "16", "--latent", "4", "--batch", "50", *THREAD]


def table(n: int = N) -> pa.Table:
    """Every kind of column, with missing values, categories that a sample hardly sees and a column that another tells."""
    draw = np.random.default_rng(0)
    town = draw.integers(0, 40, n)
    rare = np.where(np.arange(n) % 1000 == 999, np.arange(n), 0)
    return pa.table({
        "real": pa.array(draw.normal(size=n), mask=draw.random(n) < 0.1),
        "price": np.exp(draw.normal(size=n)).round(2),
        "single": pa.array(draw.normal(size=n).astype(np.float32)),
        "whole": draw.integers(-(2**62), 2**62, n),
        "few": pa.array(draw.integers(0, 9, n), pa.int8()),
        "day": pa.array(draw.integers(0, 20_000, n).astype(np.int32), pa.date32()),
        "time": pa.array(draw.integers(0, 10**15, n), pa.timestamp("ns")),
        "text day": [f"2024-{1 + i % 12:02}-{1 + i % 28:02}T10:00:00{'+02:00' if i < n // 2 else '+01:00'}" for i in range(n)],
        "text number": [f"{i % 700}.5" if i % 50 else "unknown" for i in range(n)],
        "town": pa.array([f"town {k}" for k in range(40)]).take(pa.array(town)).dictionary_encode(),
        "country": pa.array([f"land {k % 7}" for k in range(40)]).take(pa.array(town)),
        "rare": [f"r{k}" if k else None if i == 500 else "common" for i, k in enumerate(rare)],
        "flag": pa.array(draw.random(n) < 0.3),
        "spelt": ["yes" if k % 3 else "no" for k in range(n)],
        "same": [1.5] * n,
        "id": np.arange(n),
        "uuid": [f"{k:08x}-0000-4000-8000-{k:012x}" for k in draw.permutation(n)],
        "list": [[1, 2]] * n,
        "nothing": pa.nulls(n),
    })  # fmt: skip


@pytest.fixture
def small(monkeypatch):
    """Blocks of 128 rows, which ignore where row groups end."""
    monkeypatch.setattr(table_pieces, "CELLS", 128 * len(table(1).column_names))


@pytest.fixture
def sampling(small, monkeypatch):
    """A sample of 400 rows, and 100 different numbers that are counted."""
    for module in (table_digests, table_disk):
        monkeypatch.setattr(module, "SAMPLE", 400)
    monkeypatch.setattr(table_digests, "NUMBERS", 100)
    monkeypatch.setattr(table_digests, "WORDS", 1500)


def written(path, rows: pa.Table, group: int = 700):
    if path.suffix == ".parquet":
        pq.write_table(rows, path, row_group_size=group)
    elif path.suffix == ".feather":
        pyarrow.feather.write_feather(rows, path, chunksize=group)
    else:
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, rows.schema) as writer:
            writer.write_table(rows, max_chunksize=group)
    return path


# ---- the same as in memory


@pytest.mark.parametrize("name", ["t.parquet", "t.feather", "t.arrow"])
def test_a_file_that_is_read_in_pieces_is_the_same_table(tmp_path, small, name):
    path = written(tmp_path / name, table())
    ram, disk = (open_table(path, memory=memory) for memory in ("ram", "disk"))
    assert isinstance(disk, TableFile) and len(disk) == N
    assert (disk.columns, disk.dropped, disk.problems) == (ram.columns, ram.dropped, ram.problems)
    a, b = (fit(source, Tables()) for source in (ram, disk))
    assert a.space == b.space and [c.arrays() for c in a.codings] == [c.arrays() for c in b.codings]
    kept = b.items(disk)
    assert list(kept.hashes()) == list(ram.hashes()) and kept.content() == ram.content()
    assert torch.equal(a.encode(ram)["x"], b.encode(kept)["x"])
    rows = np.array([2999, 3, 1500, 3, 0])
    assert kept.take(rows).equals(ram.take(rows)) and torch.equal(b.encode(kept, rows)["x"], a.encode(ram, rows)["x"])
    assert json.dumps(disk.describe()) == json.dumps(ram.describe())
    assert kept.holds(np.arange(10), ram.table.slice(5, 10)).tolist() == [True] * 5 + [False] * 5


def test_a_codec_that_is_loaded_again_finds_what_is_kept(tmp_path, small, monkeypatch):
    path = written(tmp_path / "t.parquet", table())
    codec = fit(source := open_table(path, memory="disk"), Tables())
    whole, keys = codec.encode(codec.items(source))["x"], codec.items(source).hashes()
    codec.save(tmp_path)
    monkeypatch.setattr(TableFile, "_fill", None)                                           # a pass would fail
    again = TableCodec.load(tmp_path)
    source = again.items(open_table(path, memory="disk"))
    assert torch.equal(again.encode(source)["x"], whole) and list(source.hashes()) == list(keys)
    monkeypatch.undo()
    os.utime(path, (1, 1))
    assert list(again.items(open_table(path, memory="disk")).hashes()) == list(keys), "a file with another time is read again"


def test_names_are_made_different_as_in_memory(tmp_path):
    rows = pa.Table.from_arrays([pa.array(range(50)), pa.array([k % 3 for k in range(50)]), pa.array(["x", "y"] * 25)], ["a", "a", ""])
    for memory in ("ram", "disk"):
        source = open_table(written(tmp_path / "t.parquet", rows), memory=memory)
        assert [c.name for c in source.columns] == ["a.2", "column3"] and source.take(np.array([1])).to_pylist() == [{"a.2": 1, "column3": "y"}]


def test_size_decides_where_rows_are(tmp_path, monkeypatch):
    path = written(tmp_path / "t.parquet", table(200))
    assert not isinstance(open_table(path), TableFile)
    monkeypatch.setattr(table_source, "LARGE", 1000)
    assert isinstance(open_table(path), TableFile) and not isinstance(open_table(path, memory="ram"), TableFile)


# ---- a sample stands for all


def test_a_sample_overlooks_nothing(tmp_path, sampling):
    rows = table()
    odd = {"real": {2000: float("inf")}, "price": {2500: -7.125}, "whole": {1100: None, 1200: -(2**62) - 5}, "time": {2999: None}}
    for name, cells in odd.items():
        values = rows[name].to_pylist()
        for row, value in cells.items():
            values[row] = value
        rows = rows.set_column(rows.column_names.index(name), name, pa.array(values, rows[name].type))
    path = written(tmp_path / "t.parquet", rows)
    ram, disk = (open_table(path, memory=memory) for memory in ("ram", "disk"))
    told = lambda column: (column.name, column.kind, column.missing, column.infinite, column.decimals, column.type, column.format)
    assert list(map(told, disk.columns)) == list(map(told, ram.columns)) and any("stand for all" in p for p in disk.problems)
    assert set(disk.dropped) == set(ram.dropped) and "identifier" in disk.dropped["id"] and "too many" in disk.dropped["uuid"]
    codec = fit(disk, Tables(few=20))
    kept = codec.items(disk)
    assert kept.content() == ram.content(), "rows are the same whatever stands for them"
    x = codec.encode(kept)["x"]
    assert len(x) == N
    back = codec.decode(codec.expand({"x": x})["x"])
    for column in ("few", "town", "country", "rare", "flag", "spelt", "text day", "text number", "same"):
        assert back[column].equals(ram.table[column]), column
    assert back["whole"][1100].as_py() is None and back["real"][2000].as_py() == float("inf") and back["price"][2500].as_py() == -7.125
    shown, exact = ({c["name"]: c for c in source.describe()["columns"]} for source in (disk, ram))
    assert shown.keys() == exact.keys() and all(shown[name].keys() == exact[name].keys() for name in shown)
    for name in ("whole", "price", "time", "day"):
        assert (shown[name]["min"], shown[name]["max"]) == (exact[name]["min"], exact[name]["max"])
    assert shown["rare"]["frequent"] == exact["rare"]["frequent"] and shown["rare"]["missing"] == exact["rare"]["missing"]
    bins = next(c for c in codec.codings if c.column.name == "price")
    held = np.bincount(x[:, codec.groups[codec.codings.index(bins)][0]].numpy(), minlength=bins.bins)[: bins.bins] / N
    assert held.max() < 4 / bins.bins, "bins that are cut by the sample hold about as many rows each"


def test_rare_categories_in_number_are_all_there(tmp_path, sampling):
    """1,200 categories, most of them once, in 3,000 rows of which 400 are a sample."""
    words = [f"w{k if k < 1200 else 0}" for k in np.random.default_rng(1).permutation(N)]
    path = written(tmp_path / "t.parquet", pa.table({"w": words, "x": np.random.default_rng(2).normal(size=N)}))
    codec = fit(source := open_table(path, memory="disk"), Tables())
    assert len(codec.codings[0].values) == 1200 and source.describe()["columns"][0]["unique"] == 1200


def test_rows_that_contradict_late_are_seen(tmp_path, sampling):
    """Whole numbers but for one, one spelling of truth but for one, and a derived column but for one row."""
    draw = np.random.default_rng(0)
    number = draw.integers(0, 10**6, N).astype(float)
    truth = ["yes" if k % 2 else "no" for k in range(N)]
    town = draw.integers(0, 20, N)
    land = town % 5
    number[2990], truth[2991], land[2992] = 0.5, "perhaps", (town[2992] + 1) % 5
    rows = pa.table({"number": number, "truth": truth, "town": [f"t{k}" for k in town], "land": [f"l{k}" for k in land]})
    codec = fit(source := open_table(written(tmp_path / "t.parquet", rows), memory="disk"), Tables())
    assert [c.kind for c in source.columns] == ["real", "category", "category", "category"] and source.columns[0].decimals == 1
    assert all(type(coding).__name__ != "Derived" for coding in codec.codings)
    assert len(codec.encode(codec.items(source))["x"]) == N


def test_texts_whose_values_no_block_tells_alone(tmp_path, sampling):
    """Numbers as text, sorted so that the last blocks hold nothing but a word."""
    rows = pa.table({"n": [f"{k % 900}.25" for k in range(2750)] + ["none given"] * 250, "x": np.random.default_rng(0).normal(size=N)})
    source = open_table(written(tmp_path / "t.parquet", rows), memory="disk")
    codec = fit(source, Tables())
    taken = codec.items(source).take(np.array([1, 2749, 2750, 2999]))
    assert taken["n"].to_pylist() == [1.25, 49.25, None, None] and any("taken for missing" in p for p in source.problems)
    again = open_table(written(tmp_path / "t.parquet", rows), memory="disk").like(codec.columns)
    assert again.take(np.array([2750]))["n"].to_pylist() == [None] and list(again.hashes()) == list(codec.items(source).hashes())


# ---- bad input


def test_bad_input(tmp_path, small, sampling):
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    with pytest.raises(UserError, match=r"t\.csv cannot be read in pieces: save it as Parquet"):
        open_table(tmp_path / "t.csv", memory="disk")
    path = written(tmp_path / "t.parquet", table())
    schema = TableSchema(columns={"uuid": {"kind": "category"}})
    with pytest.raises(UserError, match="column uuid cannot be category, as the schema says: more than 1,500 different texts"):
        _ = open_table(path, schema, memory="disk").columns
    codec = fit(open_table(path, memory="disk"), Tables())
    other = table(200).set_column(table(1).column_names.index("town"), "town", pa.array(["nowhere"] * 200))
    source = codec.items(open_table(written(tmp_path / "o.parquet", other), memory="disk"))
    with pytest.raises(UserError, match="column 'town' has the value 'nowhere', which it had not"):
        codec.encode(source)
    with pytest.raises(UserError, match=r"o has no column 'town'"):
        codec.items(open_table(written(tmp_path / "o.parquet", table(200).drop_columns(["town"])), memory="disk"))
    data = bytearray(path.read_bytes())
    data[4:3000] = b"\xff" * 2996
    path.write_bytes(data)
    with pytest.raises(UserError, match=r"cannot read .*t\.parquet as parquet .*: save it anew"):
        fit(open_table(path, memory="disk"), Tables())


# ---- runs


def test_a_run_is_the_same_wherever_rows_are(tmp_path, capsys, small):
    path, runs = written(tmp_path / "t.parquet", table()), {}
    for memory in ("ram", "disk"):
        runs[memory] = tmp_path / memory
        command = ["train", "table-vae", "--data", path, "--run", runs[memory], "--rounds", 20, "--encoding.memory", memory, *TINY]
        assert in_process(capsys, *command).code == 0
    told = [json.loads((run / "data.json").read_text()) for run in runs.values()]
    assert told[0] == told[1] and told[0]["split"]["train"] < N == told[0]["count"]
    assert fingerprint(runs["ram"]) == fingerprint(runs["disk"])
    assert in_process(capsys, "resume", runs["disk"], "--rounds", 30).code == 0
    written(path, table().slice(1))
    assert "the data at" in in_process(capsys, "resume", runs["disk"], "--rounds", 40).complaint


def test_a_judge_of_many_rows_has_some_before_it_and_finds_all_copies(tmp_path, small, monkeypatch):
    monkeypatch.setattr(judging, "COMPARED", 300)
    path = written(tmp_path / "t.parquet", table())
    found = {}
    for memory in ("ram", "disk"):
        source = open_table(path, memory=memory)
        data = prepare("t", source, fit(source, Tables()), Split())
        judge = judge_for(data, "test", names=("exact_copies", "shapes"))
        assert len(judge.training) == 300 < len(data.rows["train"])
        made = data.source.take(np.concatenate([data.rows["train"][-200:], data.rows["test"][:100]]))
        found[memory] = judge.judge(made)["metrics"]
    copies = found["disk"]["exact_copies"]
    assert found["ram"] == found["disk"] and copies["value"] == pytest.approx(2 / 3) and (copies["floor"], copies["control"]) == (0, 1)


def test_the_split_needs_no_list_of_texts():
    keys = row_keys(table().select(["real", "country"]))
    texts = [key.tobytes().hex() for key in keys.reshape(-1, 1)]
    hashes = Hashes(keys, np.zeros(len(keys), int))
    assert list(hashes) == texts and hashes[7] == texts[7]
    assert all(np.array_equal(a, b) for a, b in zip(split(texts, Split()).values(), split(hashes, Split()).values()))
