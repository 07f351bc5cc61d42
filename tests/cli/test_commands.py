"""Every command as users call it, on tiny runs."""

import json
import os
import re
import shutil
import time

import numpy as np
import pytest
import yaml
from PIL import Image

import sparring
from sparring.play.checkpoint import read_tensors
from sparring.recipes.recipe import RECIPES
from tests.running import POINTS, ended, fingerprint, start


@pytest.fixture
def document(call):
    """Runs a command with --json: exactly one JSON document on standard output."""

    def run(*arguments):
        outcome = call(*arguments, "--json")
        assert outcome.code == 0, outcome.err
        return json.loads(outcome.out)

    return run


def loaded(path):
    """An array of samples from .npz."""
    with np.load(path) as archive:
        return dict(archive)


# ---- the catalogue


@pytest.mark.parametrize("what, name", [("recipes", "dcgan"), ("games", "stylegan2"), ("data", "digits"), ("metrics", "coverage")])
def test_list(what, name, call, document):
    assert name in [entry["name"] for entry in document("list", what)]
    assert any(line.startswith(name) for line in call("list", what).out.splitlines())


@pytest.mark.parametrize("recipe", RECIPES)
def test_show_and_help_name_every_setting(recipe, call, document):
    shown = document("show", recipe)
    assert shown["recipe"] == recipe and shown["papers"] and all(row["help"] for row in shown["settings"])
    for text in (call("show", recipe).out, call("train", recipe, "--help").out):
        for row in shown["settings"]:
            flags = (row["path"], row["path"].removeprefix("game."))               # `--kind` alone would name several
            assert any(f"  --{flag.replace('_', '-')} " in text for flag in flags)


def test_show_for_data(document, data):
    assert document("show", "gan", "--data", data / "points.csv")["for"]["shape"] == [2]


@pytest.mark.parametrize("recipe", RECIPES)
def test_cite(recipe, call):
    outcome = call("cite", recipe)
    assert outcome.code == 0 and outcome.out.count("@misc{") == len(RECIPES[recipe].papers) == outcome.out.count("url = {https://")


def test_inspect(call, document, data):
    found = document("inspect", data / "pictures")
    assert (found["kind"], found["count"], found["sizes"]["width"]["max"]) == ("images", 24, 8)
    assert document("inspect", data / "labelled.csv")["labels"].keys() == {"left", "right"}
    assert "count: 120" in call("inspect", data / "points.csv").out


def test_cache(call, document, tmp_path, data, monkeypatch):
    monkeypatch.setenv("SPARRING_CACHE", str(tmp_path / "cache"))
    call("inspect", data / "pictures")
    assert [entry["name"].split("/")[0] for entry in document("cache")["entries"]] == ["images"]
    assert "cleared" in call("cache", "--clear").out
    assert document("cache")["entries"] == []


def test_without_a_command_there_is_help(call):
    assert "train a recipe on data" in call().out
    assert call("--version").out.startswith("sparring ")


# ---- training


def test_dry_run_writes_nothing(call, document, data, tmp_path):
    planned = document("train", "gan", "--data", data / "points.csv", "--rounds", "7", "--dry-run", *POINTS)
    assert planned["rounds"] == 7 and planned["items"] == 56 and planned["run"] == "runs/gan-points-1"
    assert set(planned["parameters"]) == {"generator", "discriminator"} and planned["configuration"]["batch"] == 8
    text = call("train", "gan", "--data", data / "points.csv", "--dry-run").out
    assert "derived hardware.device: " in text and "derived hardware.threads: measured 1: " in text
    assert not list(tmp_path.iterdir())


def test_the_last_line_names_the_folder(call, data, tmp_path):
    for number in (1, 2):
        outcome = call("train", "gan", "--data", data / "points.csv", "--rounds", "2", *POINTS)
        assert outcome.code == 0 and outcome.last == f"runs/gan-points-{number}"
        assert "round 2/2" in outcome.err and "D right on real" in outcome.err
    assert {"recipe.json", "data.json", "events.jsonl", "status.json", "checkpoints", "previews", "report.html"} <= {
        f.name for f in (tmp_path / outcome.last).iterdir()
    }
    assert fingerprint(tmp_path / "runs/gan-points-1") == fingerprint(tmp_path / outcome.last), "the same seed gives the same weights"


def test_quiet(call, data):
    outcome = call("train", "gan", "--data", data / "points.csv", "--rounds", "2", "--quiet", "--run", "run", *POINTS)
    assert outcome.out == "run\n" and not outcome.err


def test_another_seed_gives_other_weights(call, data, points_run, tmp_path):
    call("train", "gan", "--data", data / "points.csv", "--rounds", "4", "--seed", "1", "--run", "other", *POINTS)
    assert fingerprint(tmp_path / "other") != fingerprint(points_run)


def test_a_run_is_reproduced_from_its_recipe(call, data, points_run, tmp_path):
    outcome = call("train", "gan", "--data", data / "points.csv", "--config", points_run / "recipe.json", "--run", "again")
    assert outcome.code == 0 and fingerprint(tmp_path / "again") == fingerprint(points_run)


@pytest.mark.parametrize("dump", [json.dumps, yaml.safe_dump])
@pytest.mark.parametrize("recipe", ["gan", "vae"])
def test_what_show_prints_is_a_config(recipe, dump, document, data, tmp_path):
    shown = document("show", recipe, "--data", data / "points.csv")
    (tmp_path / "config").write_text(dump(shown["configuration"]))
    train = ("train", recipe, "--data", data / "points.csv", "--dry-run", "--hardware.threads", "1")
    assert document(*train, "--config", "config")["configuration"] == document(*train)["configuration"]


def test_flags_go_over_the_config(document, data, tmp_path):
    (tmp_path / "config.yaml").write_text("batch: 16\ngame: {noise: 5, penalty: {gamma: 3}}\n")
    train = ("train", "gan", "--data", data / "points.csv", "--dry-run")
    found = document(*train, "--config", "config.yaml", "--noise", "6", "--rounds", "9")["configuration"]
    assert (found["batch"], found["game"]["noise"], found["rounds"]) == (16, 6, 9)
    assert found["game"]["penalty"]["gamma"]["start"] == found["game"]["penalty"]["gamma"]["end"] == 3


@pytest.mark.parametrize("folder", ["--run", "--outdir", "--output-dir", "--output", "--out"])
def test_names_from_other_systems(folder, document, data):
    names = [folder, "there", "--batch", "12", "--gamma", "5", "--resolution", "16", "--mixed-precision", "no"]
    found = document("train", "dcgan", "--data", data / "pictures", "--dry-run", *names)
    assert found["run"] == "there"
    found = found["configuration"]
    assert (found["batch"], found["game"]["penalty"]["gamma"]["start"], found["encoding"]["resolution"]) == (12, 5, 16)
    assert found["hardware"]["precision"] == "fp32"


def test_from_another_run(call, data, points_run, tmp_path):
    arguments = ("train", "gan", "--data", data / "points.csv", "--rounds", "1", "--from", points_run, *POINTS)
    assert call(*arguments, "--run", "more").code == 0
    first = json.loads((tmp_path / "more/checkpoints/000000/clock.json").read_text())
    assert first["clock"]["round"] == 0
    best = points_run / "checkpoints" / (points_run / "best").read_text().strip()
    given, taken = (read_tensors(folder / "weights.safetensors") for folder in (best, tmp_path / "more/checkpoints/000000"))
    assert given.keys() == taken.keys() and all(given[name].equal(taken[name]) for name in given)


def test_resume_lengthens(call, run, document):
    assert "is finished (4 rounds)" in call("resume", run).err
    outcome = call("resume", run, "--rounds", "6")
    assert outcome.code == 0 and outcome.last == str(run)
    status = json.loads((run / "status.json").read_text())
    assert (status["state"], status["round"], status["rounds"]) == ("finished", 6, 6)


def test_resume_for_a_while(call, run, tmp_path):
    """What is not over is said, and not measured: the next `resume` goes on."""
    before = (run / "measure.json").read_bytes()
    outcome = call("resume", run, "--rounds", "5000000", "--minutes", "0.01")
    assert outcome.code == 0 and re.search(r"stopped at round [\d,]+ of 5,000,000: `sparring resume", outcome.err), outcome.err
    status = json.loads((run / "status.json").read_text())
    assert status["state"] == "interrupted" and 4 < status["round"] < 5_000_000 and (run / "measure.json").read_bytes() == before


@pytest.mark.parametrize("gone", ["report.html", "measure.json", None])
def test_resume_finishes_what_was_stopped_while_it_measured(gone, call, run):
    """A run that was lengthened has results already: those of its earlier length."""
    if gone:
        (run / gone).unlink()
    else:
        later = (run / "measure.json").stat().st_mtime + 1
        os.utime(run / "status.json", (later, later))
    assert "is finished" not in call("resume", run).err and (run / "report.html").exists() and (run / "measure.json").exists()


def test_minutes_fix_the_rounds_before_the_first(call, data, tmp_path):
    lengths = {}
    for minutes in ("0.0001", "0.1"):                                           # half of the latter, 3 seconds, are for rounds
        outcome = call("train", "gan", "--data", data / "points.csv", "--minutes", minutes, "--run", minutes, *POINTS)
        said = re.search(rf"{minutes} minutes are about --rounds (\d+)", outcome.err)
        assert outcome.code == 0 and said, outcome.err
        lengths[minutes] = json.loads((tmp_path / minutes / "recipe.json").read_text())["rounds"]
        assert lengths[minutes] == int(said[1])
        assert ("half of them are played all the same, and the command takes about" in outcome.err) or minutes == "0.1"
    assert 1 <= lengths["0.0001"] < lengths["0.1"]


# ---- samples


def test_sample_makes_a_folder(call, digits_run, tmp_path):
    assert call("sample", digits_run, "-n", "20", "--out", "made").last == "made"
    assert sorted(folder.name for folder in (tmp_path / "made").iterdir()) == list("0123456789"), "labels take turns"
    assert len(list((tmp_path / "made").rglob("*.png"))) == 20
    call("sample", digits_run, "--seeds", "3-5", "--outdir", "some")
    assert sorted(f.parent.name for f in (tmp_path / "some").rglob("*.png")) == list("345"), "a seed begins with its own"
    call("sample", digits_run, "-n", "3", "--label", "7", "--out", "sevens")
    assert [f.parent.name for f in (tmp_path / "sevens").rglob("*.png")] == ["7"] * 3


def test_samples_go_into_the_run_by_default(call, run):
    outcome = call("sample", run, "-n", "3")
    assert outcome.last.startswith(str(run / "samples")) and (run / "samples").exists()


def test_the_first_samples_do_not_depend_on_how_many(call, digits_run, tmp_path):
    for n in (5, 50, 70):
        call("sample", digits_run, "-n", n, "--label", "3", "--seed", "2", "--out", f"{n}.npz")
    few, some, many = (loaded(tmp_path / f"{n}.npz")["x"] for n in (5, 50, 70))
    assert few.shape == (5, 8, 8, 1) and few.dtype == np.uint8
    assert (few == some[:5]).all() and (some == many[:50]).all()
    assert len(np.unique(many.reshape(70, -1), axis=0)) > 1
    call("sample", digits_run, "-n", "5", "--label", "3", "--seed", "3", "--out", "other.npz")
    assert (loaded(tmp_path / "other.npz")["x"] != few).any()


def test_samples_from_any_place_on_are_those_of_the_whole(digits_run):
    """Labels that take turns included."""
    run = sparring.load(digits_run)
    assert (run.sample(9, seed=4, start=7) == run.sample(16, seed=4)[7:]).all()


def test_seeds(call, points_run, tmp_path):
    assert call("sample", points_run, "--seeds", "0-9", "--out", "ten.npy").code == 0
    assert call("sample", points_run, "-n", "1", "--seed", "4", "--out", "one.npy").code == 0
    ten = np.load(tmp_path / "ten.npy")
    assert ten.shape == (10, 2) and (ten[4] == np.load(tmp_path / "one.npy")[0]).all()


def test_grid(call, digits_run, points_run, tmp_path):
    assert call("sample", digits_run, "-n", "30", "--grid", "--out", "grid.png").code == 0
    height, width = 10 * (64 + 2) + 2, 3 * (64 + 2) + 2
    assert Image.open(tmp_path / "grid.png").size == (width, height), "a row a label"
    assert call("sample", points_run, "--grid", "--out", "points.png").code == 0
    assert Image.open(tmp_path / "points.png").format == "PNG"


@pytest.mark.parametrize("suffix", ["csv", "npy", "npz"])
def test_points_come_back_in_their_units(suffix, call, document, labelled_run):
    label = ("--label", "left") if suffix != "npy" else ()
    assert call("sample", labelled_run, "-n", "30", *label, "--out", f"made.{suffix}").code == 0
    found = document("inspect", f"made.{suffix}")
    assert (found["kind"], found["count"], found["dimensions"]) == ("points", 30, 2)
    assert found["labels"] == ({"left": 30} if suffix == "csv" else {})


def test_points_keep_their_units(tmp_path):
    """Far from 0 and of unequal spread: what a codec encodes it decodes, also one that was saved."""
    from sparring.modalities.kinds import fit, load_codec, save_codec
    from sparring.modalities.open import open_data
    from sparring.modalities.settings import Points

    rows = np.random.default_rng(0).normal(size=(100, 2)) * [3, 0.01] + [50, -7]
    np.savetxt(tmp_path / "far.csv", rows, delimiter=",")
    source = open_data(str(tmp_path / "far.csv"))
    codec = fit(source, Points())
    save_codec(codec, tmp_path / "codec")
    for one in (codec, load_codec(tmp_path / "codec")):
        x = one.encode(source)["x"]
        assert x.mean(0).abs().max() < 1e-5 and np.allclose(one.decode(x), rows, rtol=1e-5, atol=1e-6)


# ---- verdicts


def test_score(call, document, points_run, data):
    verdicts = document("score", points_run, data / "points.csv")
    assert len(verdicts) == 120 and all(0 <= v["real"] <= 1 for v in verdicts)
    assert "% real" in call("score", points_run, data / "points.csv").out


def test_score_names_files(document, call, digits_run):
    call("sample", digits_run, "-n", "10", "--out", "made")
    assert {v["item"] for v in document("score", digits_run, "made")} == {f"{i}/{i:06d}.png" for i in range(10)}


def test_measure_a_run_and_a_folder_of_samples(call, document, digits_run, data):
    measured = document("measure", digits_run, "-n", "40")
    assert measured["n"] == 40 and {"fd", "coverage", "label_accuracy"} <= measured["metrics"].keys()
    assert all({"value", "better", "protocol"} <= entry.keys() for entry in measured["metrics"].values())
    assert measured["metrics"]["fd"]["floor"] < measured["metrics"]["fd"]["value"]
    call("sample", digits_run, "-n", "40", "--out", "made")
    judged = document("measure", "made", "--data", data / "digits.npz", "-n", "40", "--metrics", "fd,coverage")
    assert judged["metrics"].keys() == {"fd", "coverage"} and judged["metrics"]["fd"]["floor"] == measured["metrics"]["fd"]["floor"]
    assert "fd" in call("measure", digits_run, "-n", "40", "--metrics", "fd").out
    longer = document("measure", digits_run, "-n", "40", "--metrics", "fd", "--judge-steps", "5")["metrics"]["fd"]["protocol"]
    assert longer["extractor"] == measured["metrics"]["fd"]["protocol"]["extractor"] + "-5" and 0 <= longer["extractor_accuracy"] <= 1


def test_measure_on_other_data(document, points_run, data):
    assert document("measure", points_run, "--data", data / "labelled.csv", "-n", "10")["data"].endswith("labelled.csv")


def test_measure_on_data_with_other_labels(call, labelled_run, data, tmp_path):
    """Labels are those of the names, and data without them are refused in a line."""
    lines = (data / "labelled.csv").read_text().splitlines()
    column = lines[0].split(",").index("label")
    first = lines[1].split(",")[column]
    last = next(name for line in lines[1:] if (name := line.split(",")[column]) != first)
    some = [line for line in lines[1:] if line.split(",")[column] == last]
    (tmp_path / "one.csv").write_text("\n".join([lines[0], *some]) + "\n")
    (tmp_path / "none.csv").write_text("\n".join(",".join(c for i, c in enumerate(line.split(",")) if i != column) for line in lines) + "\n")
    from sparring.runs.data import reopen
    from sparring.runs.run import Run

    run = Run(labelled_run)
    codec, source = run.codec, reopen(labelled_run, run.configuration.split, str(tmp_path / "one.csv")).source
    assert set(codec.encode(source)["y"].tolist()) == {codec.space.labels.index(last)}
    outcome = call("measure", labelled_run, "--data", tmp_path / "none.csv", "-n", "10")
    assert outcome.code == 2 and "none of the labels" in outcome.complaint
    (tmp_path / "new.csv").write_text("\n".join([lines[0], *lines[1:]]).replace(last, "strange") + "\n")
    outcome = call("measure", labelled_run, "--data", tmp_path / "new.csv", "-n", "10")
    assert outcome.code == 2 and "was not trained with (strange)" in outcome.complaint
    assert "it is for pictures" in call("measure", labelled_run, "--metrics", "gan_train", "-n", "10").out


def test_compared_runs_are_each_judged_on_the_same_part(call, document, points_run, data, tmp_path):
    """That of the first run's data, as small as the smaller of their test parts."""
    other = ("train", "gan", "--data", data / "points.csv", "--rounds", "3", "--seed", "5", "--split.test", "0.2", *POINTS)
    assert call(*other, "--run", "other").code == 0
    found = document("compare", points_run, "other")["runs"]
    from sparring.modalities.split import held_out
    from sparring.runs.run import Run

    runs = [Run(points_run), Run(tmp_path / "other")]
    parts = min((run.configuration.split for run in runs), key=lambda parts: held_out(len(runs[0].data.source), parts)[1])
    for entry, run in zip(found, runs):
        assert entry["metrics"]["fd"]["value"] == run.measure(data=runs[0].data.text, split=parts)["metrics"]["fd"]["value"]
    assert found[0]["metrics"]["fd"]["value"] != found[1]["metrics"]["fd"]["value"] and found[0]["n"] == found[1]["n"]


def test_compare(call, document, points_run, run):
    document_ = document("compare", points_run, run)
    first, second = document_["runs"]
    assert first["metrics"] == second["metrics"] and first["rounds"] == 4
    assert "verdict" in call("compare", points_run, run).out


def test_doctor(call, document, points_run):
    found = document("doctor", points_run)
    assert found["verdict"] in ("healthy", "warning", "failing") and isinstance(found["findings"], list)
    assert found["verdict"] in call("doctor", points_run).out
    machine = document("doctor")
    assert machine["run"] is None and machine["cores"] >= 1 and "torch" in machine


def test_report(call, run):
    (run / "report.html").unlink()
    assert call("report", run).last == str(run / "report.html")
    assert (run / "report.html").stat().st_size


def test_a_run_can_be_moved_and_read_only_used(call, run, tmp_path):
    moved = shutil.move(run, tmp_path / "elsewhere")
    assert call("sample", moved, "-n", "2", "--out", "two.csv").code == 0


# ---- how fast, and what is imported

QUICK = ["--help", "list", "show dcgan", "train dcgan --help"]
OTHERS = ["list data", "list games", "list metrics", "cite dcgan", *(f"{command} {recipe}" for command in ("show", "cite") for recipe in RECIPES)]
HEAVY = ("torch", "numpy", "pandas", "safetensors", "rich.progress", "fastapi")


def seconds(command, folder):
    """Wall time of a Python process, the best of five."""
    times = []
    for _ in range(5):
        began = time.perf_counter()
        outcome = ended(start(cwd=folder, python=command))
        times.append(time.perf_counter() - began)
        assert outcome.code == 0, outcome.err
    return min(times)


@pytest.mark.parametrize("line", QUICK)
def test_answers_at_once(line, tmp_path):
    assert seconds(("-m", "sparring", *line.split()), tmp_path) < 0.6


def test_imports_at_once(tmp_path):
    assert seconds(("-c", "import sparring"), tmp_path) - seconds(("-c", "pass"), tmp_path) < 0.15


def test_answers_import_nothing_heavy(tmp_path):
    """One process, one command after the other, looking after each at what was imported."""
    program = f"""
import sys
from sparring.cli import main
for line in {[*QUICK, *OTHERS, *(f"train {recipe} --help" for recipe in RECIPES)]!r}:
    try:
        code = main(line.split())
    except SystemExit as stop:
        code = stop.code
    print(line, code, [name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"""
    lines = ended(start(cwd=tmp_path, python=("-c", program))).err.splitlines()
    assert len(lines) > 15 and all(line.endswith(" 0 []") for line in lines), lines
