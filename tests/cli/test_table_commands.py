"""Tables as users call them: trained on a file, sampled into files of any length, measured, resumed and reported."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
import torch

from sparring.play.checkpoint import read_tensors
from tests.running import THREAD

N = 700
FAST = ["--rounds", "12", "--batch", "32", "--watching.items", "60", "--watching.judge", "6", *THREAD]
SMALL = {
    "table-vae": ["--encoder.width", "16", "--decoder.width", "16", "--latent", "4"],
    "table-gan": ["--generator.width", "16", "--discriminator.width", "16", "--noise", "4"],
}


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    draw = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("tables") / "people.csv"
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["age", "town", "born", "pay", "member"])
        for _ in range(N):
            age = int(draw.integers(18, 70))
            pay = "" if draw.random() < 0.1 else f"{900 + 30 * age + draw.normal(0, 200):.2f}"
            born = f"{2024 - age}-{draw.integers(1, 13):02d}-{draw.integers(1, 29):02d}"
            writer.writerow([age, draw.choice(["Ulm", "Köln, am Rhein", "Aalen"]), born, pay, "yes" if age > 40 else "no"])
    return path


@pytest.fixture(scope="module", params=list(SMALL))
def trained(request, people, tmp_path_factory):
    from sparring.cli import main

    run = tmp_path_factory.mktemp(request.param) / "run"
    assert main(["train", request.param, "--data", str(people), *FAST, *SMALL[request.param], "--quiet", "--run", str(run)]) == 0
    return request.param, run


def read(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_run_is_whole(trained):
    _, run = trained
    events = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
    assert {"pairs", "c2st"} <= events[-1]["metrics"].keys() and (run / "best").exists()
    assert json.loads((run / "measure.json").read_text())["metrics"]["pairs"]["floor"] > 0.5
    report = (run / "report.html").read_text(encoding="utf-8")
    assert "Generated rows" in report and "Köln, am Rhein" in report and "Not shown" not in report.split("Training</h2>")[0]
    assert "rows" in (run / "card.md").read_text(encoding="utf-8")
    assert len(list((run / "previews").glob("*.png"))) > 1


def test_rows_are_written_as_the_file_has_them(call, trained, people):
    _, run = trained
    out = call("sample", run, "-n", "300", "--out", "rows.csv")
    assert out.code == 0, out.err
    rows, known = read("rows.csv"), read(people)
    assert len(rows) == 300 and list(rows[0]) == list(known[0])
    assert {row["town"] for row in rows} <= {row["town"] for row in known} and {row["member"] for row in rows} <= {"yes", "no"}
    for row in rows:
        assert row["age"].isdecimal() and (not row["pay"] or len(row["pay"].partition(".")[2]) == 2)
        assert len(row["born"].split("-")) == 3 and len(row["born"]) == 10


def test_the_same_seed_gives_the_same_rows_whatever_the_number_and_the_parts(call, trained, monkeypatch):
    from sparring.modalities.tables import TableCodec

    _, run = trained
    for name, n in (("all.csv", 3000), ("few.csv", 37)):
        assert call("sample", run, "-n", n, "--seed", 5, "--out", name).code == 0
    monkeypatch.setattr(TableCodec, "part", 700)                               # no multiple of what is rendered at a time
    assert call("sample", run, "-n", 3000, "--seed", 5, "--out", "parts.csv").code == 0
    assert call("sample", run, "-n", 37, "--seed", 6, "--out", "others.csv").code == 0
    assert read("all.csv") == read("parts.csv") and read("all.csv")[:37] == read("few.csv") != read("others.csv")


def test_parquet_has_the_types(call, trained):
    _, run = trained
    assert call("sample", run, "-n", 50, "--out", "rows.parquet").code == 0
    types = {field.name: str(field.type) for field in pyarrow.parquet.read_schema("rows.parquet")}
    assert types["age"] == "int64" and types["pay"] == "double" and types["town"] == "string"
    assert call("sample", run, "--seeds", "3-5", "--out", "seeds.csv").code == 0 and len(read("seeds.csv")) == 3
    assert call("sample", run, "--out", "rows.xlsx").complaint.endswith("end the name in .csv, .tsv, .parquet, .jsonl")


def test_score_and_measure(call, trained, people):
    name, run = trained
    out = call("score", run, people, "--json")
    if name == "table-vae":
        assert "no discriminator" in out.complaint
    else:
        assert len(json.loads(out.out)) == N and all(0 <= item["real"] <= 1 for item in json.loads(out.out))
    measured = json.loads(call("measure", run, "--metrics", "shapes,pairs", "--json").out)
    assert measured["metrics"].keys() == {"shapes", "pairs"}
    assert "did you mean 'shapes'" in call("measure", run, "--metrics", "shape").complaint
    assert call("sample", run, "-n", 200, "--out", "rows.csv").code == 0
    beside = json.loads(call("measure", "rows.csv", "--data", people, "--metrics", "shapes", "--json").out)
    assert 0 < beside["metrics"]["shapes"]["value"] <= 1


def test_a_table_of_numbers_is_judged_as_one(call, tmp_path):
    """Where a target, a metric of tables, a schema or --kind says so; a .csv of numbers alone holds points."""
    draw = np.random.default_rng(0)
    for name in ("real.csv", "made.csv"):
        x = draw.normal(size=(300, 2))
        (tmp_path / name).write_text("x,y,v\n" + "".join(f"{a:.2f},{b:.2f},{int(a + b > 0)}\n" for a, b in x))
    (tmp_path / "s.yaml").write_text("columns:\n  v: category\n")
    judge = lambda *more: call("measure", "made.csv", "--data", "real.csv", *more, "--json")
    for more in ("--metrics shapes", "--target v --metrics tstr", "--kind tables --metrics shapes", "--schema s.yaml --metrics shapes"):
        found = judge(*more.split())
        assert found.code == 0 and {"shapes", "tstr"} & json.loads(found.out)["metrics"].keys(), found.complaint
    assert "fd" in json.loads(judge("--kind", "points", "--metrics", "fd").out)["metrics"]
    (tmp_path / "w.csv").write_text("x,w\n" + "1,a\n2,b\n" * 50)
    assert "others are tables" in call("measure", "made.csv", "--data", "w.csv", "--kind", "points").complaint


def test_resuming_equals_never_having_stopped(call, people):
    given = ["--data", people, "--seed", 3, *FAST, *SMALL["table-vae"], "--quiet"]
    assert call("train", "table-vae", *given, "--run", "whole").code == 0
    assert call("train", "table-vae", *given, "--run", "half").code == 0
    half = Path("half")
    shutil.rmtree(half / "checkpoints" / "000012")                             # as if it had been killed after the one before
    status = json.loads((half / "status.json").read_text())
    (half / "status.json").write_text(json.dumps(status | {"state": "interrupted"}))
    assert call("resume", "half").code == 0
    for name in ("weights", "optimizers"):
        one, other = (read_tensors(run / "checkpoints" / "000012" / f"{name}.safetensors") for run in (Path("whole"), half))
        assert one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize("name", list(SMALL))
def test_a_dry_run_says_what_it_would_do(call, people, name):
    said = json.loads(call("train", name, "--data", people, "--dry-run", "--json").out)
    assert said["configuration"]["encoding"]["kind"] == "tables" and all(count > 0 for count in said["parameters"].values())


def test_other_data_are_refused(call, trained, people, data):
    _, run = trained
    assert "takes tables" in call("train", "table-vae", "--data", data / "pictures").complaint
    out = call("measure", run, "--data", data / "points.csv").complaint
    assert "column" in out


def test_conditions(call, trained):
    _, run = trained
    done = call("sample", run, "-n", 1100, "--where", "town=Köln, am Rhein", "--where", "age>=60", "--out", "asked.csv")
    assert done.code == 0 and done.err.startswith("acceptance ") and done.err.count("\n") == 1
    rows = read("asked.csv")
    assert len(rows) == 1100 and {row["town"] for row in rows} == {"Köln, am Rhein"} and min(int(row["age"]) for row in rows) >= 60
    assert {row["member"] for row in rows} == {"yes"}                          # age tells it
    assert "did you mean 'Aalen'" in call("sample", run, "--where", "town=Alen").complaint
    assert "leave those out" in call("sample", run, "--where", "town=Ulm", "--truncation", "0.5").complaint


def test_targets(call, trained, people, points_run):
    _, run = trained
    measured = json.loads(call("measure", run, "--metrics", "tstr", "--target", "member", "--json").out)
    assert measured["metrics"].keys() == {"tstr"}
    assert "did you mean 'member'" in call("measure", run, "--metrics", "tstr", "--target", "membre").complaint
    assert "leave --target out" in call("measure", points_run, "--target", "x").complaint
    assert call("sample", run, "-n", 200, "--out", "rows.csv").code == 0
    beside = call("measure", "rows.csv", "--data", people, "--metrics", "tstr,shapes", "--target", "member", "--json")
    assert json.loads(beside.out)["metrics"].keys() == {"tstr", "shapes"}


def test_a_file_of_conditions(call, trained, tmp_path, points_run):
    _, run = trained
    (tmp_path / "asked.csv").write_text("town,age,n\nUlm,>=50,30\nAalen,,20\n!=Ulm,40,\nUlm,>=50,5\n", encoding="utf-8")
    done = call("sample", run, "-n", 7, "--conditions", "asked.csv", "--where", "age>20", "--out", "rows.csv")
    assert done.code == 0 and done.err.count("acceptance") == 3
    rows = read("rows.csv")
    assert len(rows) == 62 and all(int(row["age"]) > 20 for row in rows)
    assert all(row["town"] == "Ulm" and int(row["age"]) >= 50 for row in rows[:35])
    assert all(row["town"] == "Aalen" for row in rows[35:55]) and all(row["town"] != "Ulm" and row["age"] == "40" for row in rows[55:])
    wrong = {"town,n\nUlm,0\n": "line 2: n is how many", "town\n": "no line", "twon\nUlm\n": "did you mean 'town'", "age,town\n1\n": "cells"}
    for text, said in wrong.items():
        (tmp_path / "asked.csv").write_text(text)
        assert said in call("sample", run, "--conditions", "asked.csv").complaint
    assert "nothing there" in call("sample", run, "--conditions", "nothing there").complaint
    assert "leave it out" in call("sample", points_run, "--conditions", "asked.csv").complaint
