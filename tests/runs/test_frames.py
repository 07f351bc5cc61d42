"""Tables as Python's users have them: frames in, a run that knows its data, frames out."""

import json
import shutil

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import sparring
from sparring.base.errors import UserError

N = 600
SMALL = {
    "batch": 32, "watching.items": 60, "watching.judge": 6, "hardware.threads": 1, "encoder.width": 16, "decoder.width": 16, "latent": 4,
    "watching.metrics": "shapes",
}  # fmt: skip


def people(seed=0, n=N):
    draw = np.random.default_rng(seed)
    age = draw.integers(18, 70, n)
    return pd.DataFrame({
        "age": age,
        "town": draw.choice(["Ulm", "Köln", "Aalen"], n),
        "size": pd.Categorical(draw.choice(["S", "M", "L"], n), ["S", "M", "L"]),
        "rooms": pd.array([None if u < 0.1 else int(10 * u) for u in draw.random(n)], "Int16"),
        "born": pd.Timestamp("2024-01-01") - pd.to_timedelta(365 * age + draw.integers(0, 365, n), "D"),
        "pay": np.where(draw.random(n) < 0.1, np.nan, np.round(900 + 30 * age + draw.normal(0, 200, n), 2)),
        "member": age > 40,
        "who": [f"person number {i} of {seed}" for i in range(n)],
    })  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return sparring.fit(people(), "table-vae", target="member", rounds=12, seed=1, settings=SMALL, run=tmp_path_factory.mktemp("frames") / "run")


def test_rows_come_as_a_frame_with_the_types_of_the_data(run):
    frame, given = run.sample(40), people()
    assert isinstance(frame, pd.DataFrame) and list(frame.columns) == [name for name in given.columns if name != "who"]
    types = {name: str(kind) for name, kind in frame.dtypes.items()}
    assert types["age"] == "Int64" and types["rooms"] == "Int16" and types["member"] == "boolean" and types["pay"] == "float64"
    assert types["size"] == "category" and types["born"].startswith("datetime64") and isinstance(frame["town"][0], str)
    assert set(frame["town"]) <= set(given["town"]) and frame["rooms"].dropna().between(1, 9).all()
    assert np.allclose(frame["pay"].dropna() * 100, np.round(frame["pay"].dropna() * 100))
    assert run.sample(5, start=3).astype(str).equals(frame[3:8].reset_index(drop=True).astype(str))


def test_conditions_on_frames(run):
    frame = run.sample(300, where=["town=Ulm", "age>=50"])
    assert set(frame["town"]) == {"Ulm"} and frame["age"].min() >= 50 and frame["member"].all()
    assert (run.sample(10, where={"size": "S"})["size"] == "S").all()
    assert 0 < run.asking(["town=Ulm", "age>=50"]).acceptance < 1


def test_the_run_keeps_what_it_models_and_nothing_else(run):
    assert pa.parquet.read_table(run.path / "data.parquet").column_names == [name for name in people().columns if name != "who"]
    saved = json.loads((run.path / "data.json").read_text())
    assert saved["data"] == "data.parquet" and saved["count"] == N


def test_it_goes_on_and_is_measured_wherever_it_lies(run, tmp_path):
    moved = shutil.copytree(run.path, tmp_path / "moved")
    assert sparring.resume(moved, rounds=14).status["round"] == 14
    document = sparring.load(moved).measure(metrics=("shapes", "tstr"))
    assert document["metrics"].keys() == {"shapes", "tstr"} and document["data"] == str(moved / "data.parquet")


@pytest.mark.parametrize("as_given", [lambda f: f, pl.from_pandas, lambda f: pa.Table.from_pandas(f, preserve_index=False)])
def test_other_frames_measure_it(run, as_given):
    document = run.measure(as_given(people(3)), metrics=("shapes",))
    assert document["data"] == "frame" and 0 < document["metrics"]["shapes"]["value"] <= 1


def test_targets(run, tmp_path):
    told = run.measure(metrics=("tstr",))["metrics"]["tstr"]
    other = run.measure(metrics=("tstr",), target="town")["metrics"]["tstr"]
    assert told["value"] != other["value"]
    with pytest.raises(UserError, match="no column is called 'twon'; did you mean 'town'"):
        run.measure(metrics=("tstr",), target="twon")
    with pytest.raises(UserError, match="there is no column 'membre' to predict; did you mean 'member'"):
        sparring.fit(people(), "table-vae", target="membre", rounds=1, run=tmp_path / "none")
    with pytest.raises(UserError, match="takes images, and frame holds tables"):
        sparring.fit(people(), "stylegan2", rounds=1, run=tmp_path / "none")


def test_rows_are_handed_back(run):
    frame = run.sample(20)
    mean, deviation = run.encode(frame)
    assert len(mean) == 20 and np.array_equal(mean, run.encode(run.items(20))[0])


@pytest.mark.parametrize("as_given", [pl.from_pandas, pa.Table.from_pandas, lambda f: {name: f[name].tolist() for name in f}])
def test_whatever_frame_it_was_it_is_found_again(as_given, tmp_path):
    run = sparring.fit(as_given(people()), "table-vae", rounds=2, settings=SMALL, run=tmp_path / "run")
    assert run.data.source.columns == run.codec.columns
    assert len(sparring.load(tmp_path / "run").sample(3)) == 3
