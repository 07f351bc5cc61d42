"""Latent tools, truncation, tags and attributes as users call them."""

import json
import shlex

import numpy as np
import pytest
import torch
from PIL import Image

import sparring
from tests.running import THREAD, short_extractors

SMALL = [
    "--noise", "8", "--generator.style", "8", "--generator.base", "64", "--generator.width", "8", "--discriminator.base", "64",
    "--discriminator.width", "8", "--discriminator.style", "8", "--batch", "8", *THREAD,
]  # fmt: skip


@pytest.fixture(scope="session")
def styled_run(data, tmp_path_factory):
    from sparring.cli import main

    folder = tmp_path_factory.mktemp("styled") / "run"
    with short_extractors(60):
        command = ["train", "stylegan2", "--data", str(data / "digits.npz"), "--rounds", "6", *SMALL, "--watching.preview", "2"]
        assert main([*command, "--quiet", "--run", str(folder)]) == 0
    return folder


TOOLS = {
    "interpolate --frames 3 --formats gif,mp4": ("interpolation.gif", "interpolation.mp4", "interpolation.png"),
    "interpolate --frames 2 --space z --way line --label 3": ("interpolation.gif",),
    "mix --rows 0-1 --columns 5-6": ("mixing-coarse.png", "mixing-middle.png", "mixing-fine.png"),
    "directions -k 2": ("01 closed form 1.png", "effects.json"),
    "directions --how pca -k 1 --layers coarse": ("01 component 1.png",),
    "directions --how labels -k 2": ("01 0.png", "02 1.png"),
    "directions --how steepest -k 2": ("01 steepest 1.png", "effects.json"),
    "vary -n 4": ("variations.png",),
    "traverse --numbers 2 --steps 3": ("traversal.png",),
    "gallery --truncation 0.7": ("samples.png", "training.gif"),
}


@pytest.mark.parametrize("line, expected", TOOLS.items(), ids=TOOLS)
def test_tools_write_what_they_name(line, expected, styled_run, call, tmp_path):
    outcome = call("explore", styled_run, *shlex.split(line), "--out", tmp_path / "out", "--json")
    assert outcome.code == 0, outcome.err
    document = json.loads(outcome.out)
    for file in document["files"]:
        assert (tmp_path / file).stat().st_size > 0
    assert set(expected) <= {p.name for p in (tmp_path / "out").iterdir()}


def test_a_traversal_along_directions_found_before(styled_run, call, tmp_path):
    assert call("explore", styled_run, "directions", "-k", "2", "--out", tmp_path / "found").code == 0
    outcome = call("explore", styled_run, "traverse", "--along", tmp_path / "found", "--steps", "3", "--out", tmp_path / "out", "--json")
    assert json.loads(outcome.out)["directions"] == ["closed form 1", "closed form 2"] and (tmp_path / "out" / "traversal.png").exists()
    wrong = call("explore", styled_run, "traverse", "--along", tmp_path, "--out", tmp_path / "out")
    assert wrong.code == 2 and "explore" in wrong.err and "directions" in wrong.err


def test_directions_say_what_they_change(styled_run, call, tmp_path):
    document = json.loads(call("explore", styled_run, "directions", "-k", "1", "--out", tmp_path / "out", "--json").out)
    (entry,) = document["from -3 to +3 deviations, mean of 64 items"]
    assert set(entry["changes"]) == set("0123456789") and entry["leak"] >= 0 and entry["changes most"] in entry["changes"]
    assert abs(sum(entry["changes"].values())) < 1e-2                              # probabilities: what one label gains others lose


@pytest.mark.parametrize("space", ["z", "w+"])
def test_project(space, styled_run, data, call, tmp_path):
    given = ["--input", data / "pictures", "--space", space, "--steps", "4"]
    outcome = call("explore", styled_run, "project", *given, "--out", tmp_path / "o", "--json")
    assert outcome.code == 0, outcome.err
    document = json.loads(outcome.out)
    assert document["projected"] == f"16 of {len(list((data / 'pictures').rglob('*.png')))} pictures" and len(document["items"]) == 16
    assert all("label" in e for e in document["items"]) == (space == "z")
    assert all(e["perceptual distance"] >= 0 for e in document["items"])
    assert {"projection.png", "projection.gif", "result.png", "projection.safetensors"} == {p.name for p in (tmp_path / "o").iterdir()}


def test_films_have_their_frames(styled_run, call, tmp_path):
    call("explore", styled_run, "interpolate", "--seeds", "0-2", "--frames", "5", "--formats", "gif,mp4", "--out", tmp_path)
    with Image.open(tmp_path / "interpolation.gif") as film:
        shown = 0                                                                   # equal frames in a row are merged into a longer one
        for frame in range(film.n_frames):
            film.seek(frame)
            shown += film.info["duration"]
        assert shown == pytest.approx(15 * 1000 / 24, rel=0.05)
    import av

    with av.open(str(tmp_path / "interpolation.mp4")) as film:
        assert sum(1 for _ in film.decode(video=0)) == 15


def test_truncation_lowers_variety(styled_run, call):
    from sparring.runs.run import Run

    run = Run(styled_run)
    free, cut = (run.sample(64, seed=0, label="3", truncation=t).astype(float) for t in (None, 0.2))
    assert cut.std(0).mean() < 0.5 * free.std(0).mean()
    assert np.abs(run.sample(64, seed=0, label="3", truncation=1.0) - free).max() <= 1


@pytest.mark.parametrize(
    "line, words",
    {
        "explore RUN interpolate --seeds 3": "two seeds or more",
        "explore RUN mix --rows 9-1": "range like 0-9",
        "explore RUN project --input absent": "there is no data",
        "explore RUN vary --amount 2": "between 0",
        "explore RUN vary -n 0": "-n must be at least 1",
        "explore RUN interpolate --frames 0": "--frames must be at least 1",
        "explore RUN traverse --steps 1": "--steps must be at least 2",
        "explore RUN traverse --numbers 0": "--numbers must be at least 1",
        "compare RUN DCGAN --grid made.xyz": r"end the name in \.png",
        "explore RUN interpolate --formats avi": r"\.gif or \.mp4",
        "explore DCGAN mix": "no styles",
        "explore DCGAN directions --how sefa": "no styles",
        "explore RUN directions -k 5000": r"1 to \d+ directions .* not 5000",
        "explore RUN directions --how labels -k 11": "1 to 10 directions",
        "explore POINTS gallery": "latent tools show pictures",
        "sample RUN --truncation 0 --where a=1": "not told attributes",
        "sample RUN --where a": "NAME=VALUE",
        "sample DCGAN --truncation 0": "above 0",
    }.items(),
    ids=str,
)
def test_wrong_input_gets_one_line(line, words, styled_run, digits_run, points_run, call):
    import re

    names = {"RUN": styled_run, "DCGAN": digits_run, "POINTS": points_run}
    outcome = call(*(names.get(word, word) for word in shlex.split(line)))
    assert outcome.code == 2 and re.search(words, outcome.complaint), outcome.err


def test_metrics_that_ask_the_game(styled_run, call):
    with short_extractors(60):
        outcome = call("measure", styled_run, "--metrics", "ppl,gap,gan_train", "--json")
    metrics = json.loads(outcome.out)["metrics"]
    assert metrics["ppl"]["value"] < metrics["ppl"]["control"] and metrics["ppl"]["baseline"] > 0 and "floor" not in metrics["ppl"]
    assert abs(metrics["gap"]["floor"]) < metrics["gap"]["control"]
    assert metrics["gan_train"]["control"] < metrics["gan_train"]["floor"] and metrics["gan_train"]["baseline"] < metrics["gan_train"]["floor"]


# ---- conditions of several kinds

SMALL_DCGAN = ["--generator.width", "4", "--discriminator.width", "4", "--batch", "8", *THREAD]


def folder_of(path, labels):
    """Pictures whose brightness and colour are attributes, with a labels file."""
    path.mkdir()
    draw = np.random.default_rng(0)
    for i in range(60):
        grey = np.full((8, 8, 3), 60 + 2 * i, np.uint8)
        Image.fromarray((grey + draw.integers(0, 8, (8, 8, 3))).astype(np.uint8)).save(path / f"{i:02d}.png")
    name, text = labels
    (path / name).write_text(text)
    return path


def lines(head, line):
    return head + "\n" + "".join(f"{i:02d}.png,{line(i)}\n" for i in range(60))


LABELS = {
    "tags in csv": ("labels.csv", lines("file,label", lambda i: ("bright|" if i > 30 else "") + ("odd" if i % 2 else "even"))),
    "tags in json": ("labels.json", json.dumps({f"{i:02d}.png": ["bright"] * (i > 30) + ["even"] * (i % 2 == 0) for i in range(60)})),
    "attributes in csv": ("labels.csv", lines("file,light,parity", lambda i: f"{60 + 2 * i},{i % 2}")),
    "attributes in json": ("dataset.json", json.dumps({"labels": [[f"{i:02d}.png", [60 + 2.5 * i, i % 2]] for i in range(60)]})),
}  # fmt: skip


@pytest.mark.parametrize("name", LABELS)
def test_several_conditions_a_picture(name, call, tmp_path):
    folder_of(tmp_path / "pictures", LABELS[name])
    inspected = json.loads(call("inspect", tmp_path / "pictures", "--json").out)
    assert len(inspected["attributes"]) in (2, 3) and not inspected["labels"]
    small = ["--rounds", "4", "--watching.judge", "0", *SMALL_DCGAN]
    outcome = call("train", "dcgan", "--data", tmp_path / "pictures", *small, "--run", "run", "--quiet")
    assert outcome.code == 0, outcome.err
    asked = ["--label", "bright"] if "tags" in name else ["--where", f"{next(iter(inspected['attributes']))}=80"]
    assert call("sample", "run", "-n", "4", "--out", "made", *asked).code == 0
    assert len(list((tmp_path / "made").glob("*.png"))) == 4
    assert call("sample", "run", "-n", "4", "--grid", "--out", "made.png").code == 0
    run = sparring.load("run")
    known = run.codec.space.attributes
    if "tags" in name:
        told, bright = run.conditions(3, "bright"), [a.name == "bright" for a in known]
        both = run.conditions(1, "bright,even")[0]
        assert [value > 0 for value in both.tolist()] == [a.name in ("bright", "even") for a in known]
        assert [value > 0 for value in told[0].tolist()] == bright and torch.equal(told[0], told[2])
    else:
        first = known[0]
        told = run.conditions(2, where={first.name: 80})
        assert told[:, 0].tolist() == pytest.approx([(80 - first.mean) / first.deviation] * 2) and len(told[0]) == len(known)
    assert (run.sample(4, start=5) == run.sample(9)[5:]).all(), "drawn conditions do not depend on how many are asked for"
    wrong = call("sample", "run", "--where", "lihgt=3")
    assert wrong.code == 2 and "no attribute" in wrong.complaint


BROKEN = {
    "an attribute that is no number": ("labels.csv", lines("file,light", lambda i: "dark" if i == 7 else i), "must be numbers"),
    "unequal attributes": ("labels.json", json.dumps({f"{i:02d}.png": {"a": i} if i else {"b": 1} for i in range(60)}), "the same attributes"),
    "two kinds": ("labels.json", json.dumps({f"{i:02d}.png": {"a": i} if i else "cat" for i in range(60)}), "some pictures have a label"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_broken_conditions_get_one_line(name, call, tmp_path):
    file, text, words = BROKEN[name]
    folder_of(tmp_path / "pictures", (file, text))
    outcome = call("inspect", tmp_path / "pictures")
    assert outcome.code == 2 and words in outcome.complaint, outcome.err


def test_few_pictures_a_label_start_unconditional(data, call):
    document = json.loads(call("train", "stylegan2", "--data", data / "digits.npz", "--dry-run", "--json").out)
    strength = document["configuration"]["game"]["condition_strength"]
    assert (strength["start"], strength["end"]) == (0.0, 1.0)


def test_fine_tuning_takes_what_fits(data, styled_run, call, tmp_path):
    """New pictures with other labels: the embeddings are new, the rest goes on."""
    from sparring.runs.run import Run

    folder = tmp_path / "two"
    for label in ("left", "right"):
        (folder / label).mkdir(parents=True)
        for i in range(12):
            Image.fromarray(np.random.default_rng(i).integers(0, 256, (8, 8), dtype=np.uint8)).save(folder / label / f"{i}.png")
    short = ["--rounds", "1", *SMALL, "--watching.judge", "0"]
    outcome = call("train", "stylegan2", "--data", folder, "--from", styled_run, *short, "--run", "tuned", "--quiet")
    assert outcome.code == 0, outcome.err
    old, new = Run(styled_run, "last"), Run(tmp_path / "tuned", "last")
    a, b = (r.game.generator.synthesis.constant for r in (old, new))
    assert (a - b).abs().max() < 0.1 and len(new.codec.space.labels) == 2
    assert "embedding" in json.loads((tmp_path / "tuned" / "recipe.json").read_text())["why"]["from"]


def test_compare_draws_samples_side_by_side(digits_run, styled_run, call, tmp_path):
    outcome = call("compare", digits_run, styled_run, "--grid", tmp_path / "both.png", "--json")
    assert outcome.code == 0, outcome.err
    assert json.loads(outcome.out)["picture"] == str(tmp_path / "both.png")
    with Image.open(tmp_path / "both.png") as picture:
        assert picture.width > 2 * picture.height / 3                               # three columns of five pictures


def test_labels_with_few_items_are_named(data, call, tmp_path):
    folder = tmp_path / "rare"
    for label, n in (("many", 40), ("rare", 4)):
        (folder / label).mkdir(parents=True)
        for i in range(n):
            Image.fromarray(np.random.default_rng(i).integers(0, 256, (8, 8), dtype=np.uint8)).save(folder / label / f"{i}.png")
    outcome = call("train", "dcgan", "--data", folder, "--rounds", "1", "--watching.judge", "0", *SMALL_DCGAN, "--run", "run")
    assert outcome.code == 0 and "fewer than 20 training items of rare" in outcome.err
