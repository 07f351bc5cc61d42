"""Translating pictures as users call it: from pairs of label maps and pictures, and between two collections without pairs."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from tests.running import THREAD, short_extractors

SMALL = ["--discriminator.width", "4", "--discriminator.layers", "1", "--batch", "4", "--watching.items", "20", *THREAD]
PIX2PIX = ["--generator.width", "4", "--generator.levels", "2", "--penalty.every", "2", *SMALL]
CYCLEGAN = ["--translator.width", "4", "--translator.blocks", "1", "--pool", "5", *SMALL]


def pair(draw, side=24):
    """A label map of three classes, as grey class numbers, and its picture."""
    labels = np.zeros((side, side), np.uint8)
    x, y = draw.integers(2, side // 2, 2)
    labels[y : y + 8, x : x + 10] = 1
    labels[-4:] = 2
    colours = np.array([[120, 180, 230], [200, 60, 40], [60, 120, 50]])[labels] + draw.integers(-20, 20, (side, side, 3))
    return labels, colours.clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    folder, draw = tmp_path_factory.mktemp("town"), np.random.default_rng(0)
    for name in ("maps", "photos", "other"):
        (folder / name).mkdir()
    for i in range(44):
        labels, colours = pair(draw)
        Image.fromarray(labels).save(folder / "maps" / f"{i:02d}.png")
        Image.fromarray(colours).save(folder / "photos" / f"{i:02d}.jpg", quality=95)
        if i < 40:
            Image.fromarray(255 - colours).save(folder / "other" / f"inverted {i}.png")
    return folder


def _trained(run, *arguments):
    from sparring.cli import main

    with short_extractors(10):
        given = ["--rounds", "6", "--split.test", "0.3", "--quiet", "--run", str(run)]
        assert main(["train", *arguments, *given]) == 0
    return run


@pytest.fixture(scope="module")
def pix2pix(town, tmp_path_factory):
    run = tmp_path_factory.mktemp("pix2pix") / "run"
    return _trained(run, "pix2pix", "--data", f"{town / 'maps'}::{town / 'photos'}", "--resolution", "16", *PIX2PIX)


@pytest.fixture(scope="module")
def cyclegan(town, tmp_path_factory):
    run = tmp_path_factory.mktemp("cyclegan") / "run"
    return _trained(run, "cyclegan", "--data", f"{town / 'photos'}::{town / 'other'}", "--resolution", "16", *CYCLEGAN)


def test_pairs_are_judged_by_their_targets(pix2pix, call):
    measured = json.loads((pix2pix / "measure.json").read_text())
    assert {"psnr", "ssim", "perceptual", "fd"} <= set(measured["metrics"]) and "cycle" not in measured["metrics"]
    assert not {"cycle", "fd_b2a", "content", "inversion", "label_kept"} & (measured["metrics"].keys() | measured["skipped"].keys())
    assert (pix2pix / "report.html").stat().st_size > 10_000 and list((pix2pix / "previews").glob("*.png"))
    assert "its true counterpart" in (pix2pix / "report.html").read_text()
    assert json.loads(call("measure", pix2pix, "--json").out)["metrics"]["psnr"]["value"] == pytest.approx(measured["metrics"]["psnr"]["value"])


def test_collections_without_pairs_are_judged_by_distance_and_cycle(cyclegan):
    measured = json.loads((cyclegan / "measure.json").read_text())
    assert {"fd", "cycle"} <= set(measured["metrics"]) and "psnr" not in measured["metrics"]
    cycle = measured["metrics"]["cycle"]
    assert cycle["value"] > 0 and cycle["baseline"] > 0 and cycle["floor"] == 0 and "skill" not in cycle
    there, back = measured["metrics"]["fd"], measured["metrics"]["fd_b2a"]
    assert back["protocol"]["extractor"] == "ssl-photos" and there["protocol"]["extractor"] == "ssl-photos-other"
    assert 0 < back["floor"] < back["control"] and back["floor"] < back["value"] and back["baseline"] > back["floor"] and "skill" in back
    content, inversion = measured["metrics"]["content"], measured["metrics"]["inversion"]
    assert 0 <= content["value"] <= content["floor"] == 1 and content["baseline"] == 1 / content["protocol"]["n"] and "skill" not in content
    assert abs(inversion["value"]) < 1.001 and inversion["baseline"] == pytest.approx(1) and inversion["control"] == pytest.approx(-1)
    assert inversion["floor"] < -0.5                                                   # these are the negatives of those
    assert "label_kept" not in measured["metrics"]
    assert measured["metrics"]["fd"]["protocol"]["n_fake"] == 12                       # 30 % of 40: the smaller of the two test parts
    facts = json.loads((cyclegan / "data.json").read_text())
    assert sum(facts["split"].values()) == 40 and sum(facts["given split"].values()) == 44
    report = (cyclegan / "report.html").read_text()
    assert "translated back" in report and "Fréchet distance, the other way" in report and "Content kept" in report and "colour inversion" in report


def test_labels_of_both_sides_are_measured_while_it_learns(tmp_path):
    draw = np.random.default_rng(3)
    for i in range(80):
        label, side = ("dark", "light")[i % 2], "ab"[i // 40]
        grey = draw.integers(90, 130, (16, 16)) + 90 * (i % 2)
        (tmp_path / side / label).mkdir(parents=True, exist_ok=True)
        Image.fromarray(grey.astype(np.uint8)).save(tmp_path / side / label / f"{i}.png")
    run = _trained(tmp_path / "run", "cyclegan", "--data", f"{tmp_path / 'a'}::{tmp_path / 'b'}", "--inputs", "picture", "--split.validation", "0.3",
                   *CYCLEGAN)  # fmt: skip
    kept = json.loads((run / "measure.json").read_text())["metrics"]["label_kept"]
    assert 0 <= kept["value"] <= 1 and 0.5 <= kept["baseline"] < 1 and kept["control"] == pytest.approx(1 - kept["value"]) and kept["floor"] >= 0.5
    logged = [json.loads(line)["metrics"] for line in (run / "events.jsonl").read_text().splitlines()]
    measured = [metrics for metrics in logged if metrics]
    assert measured and all({"fd_b2a", "content", "inversion", "label_kept"} <= metrics.keys() for metrics in measured)
    assert all({"value", "floor"} <= metrics["inversion"].keys() for metrics in measured)


def test_label_maps_become_pictures(pix2pix, town, call, tmp_path):
    outcome = call("transform", pix2pix, town / "maps", "--out", tmp_path / "out", "--json")
    assert outcome.code == 0, outcome.err
    document = json.loads(outcome.out)
    assert document["direction"] == "a2b" and len(document["files"]) == 44
    with Image.open(tmp_path / "out" / "00.png") as made:
        assert made.size == (24, 24) and made.mode == "RGB"
    strange = np.zeros((9, 14), np.uint8)
    strange[3, 4] = 77
    Image.fromarray(strange).save(tmp_path / "strange.png")
    outcome = call("transform", pix2pix, tmp_path / "strange.png", "--out", tmp_path / "made.png")
    assert outcome.code == 2 and "strange.png has the colour grey 77" in outcome.complaint


def test_both_directions(cyclegan, town, call, tmp_path):
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (37, 21, 3), dtype=np.uint8)).save(tmp_path / "a.png")
    made = []
    for direction in (["--direction", "a2b"], ["--direction", "b2a"], []):
        outcome = call("transform", cyclegan, tmp_path / "a.png", "--out", tmp_path / "made.png", "--json", *direction)
        assert outcome.code == 0, outcome.err
        with Image.open(tmp_path / "made.png") as picture:
            made.append(np.asarray(picture))
    assert made[0].shape == (37, 21, 3) and (made[0] == made[2]).all() and (made[0] != made[1]).any()


def test_pictures_become_label_maps(town, call, tmp_path):
    """Both ways with label maps on one side: what is written has their colours and no others."""
    run = _trained(tmp_path / "run", "cyclegan", "--data", f"{town / 'maps'}::{town / 'photos'}", "--resolution", "16", "--pairing", "unpaired",
                   *CYCLEGAN)  # fmt: skip
    outcome = call("transform", run, town / "photos", "--out", tmp_path / "out", "--direction", "b2a", "--json")
    assert outcome.code == 0, outcome.err
    files = sorted((tmp_path / "out").glob("[!.]*"))
    assert len(files) == 44 and all(file.suffix == ".png" for file in files)            # a .jpg would spoil colours that are signs
    with Image.open(files[0]) as made:
        assert made.mode == "L" and set(np.unique(made)) <= {0, 1, 2}
    outcome = call("transform", run, town / "photos" / "00.jpg", "--out", tmp_path / "o.jpg", "--direction", "b2a")
    assert outcome.code == 2 and ".png" in outcome.complaint


def test_resuming_equals_never_having_stopped(cyclegan, tmp_path):
    """Law 2 for a whole run: streams of both sides and the pools come back."""
    from sparring.service import resume
    from tests.running import fingerprint

    copy = shutil.copytree(cyclegan, tmp_path / "run")
    for name in sorted(p.name for p in (copy / "checkpoints").iterdir())[1:]:
        shutil.rmtree(copy / "checkpoints" / name)
    (copy / "status.json").write_text(json.dumps(json.loads((copy / "status.json").read_text()) | {"state": "interrupted", "round": 0}))
    (copy / "last").write_text("000000\n")
    (copy / "best").unlink(missing_ok=True)
    resume(copy)
    assert fingerprint(copy) == fingerprint(cyclegan)


def test_wrong_input_is_told(pix2pix, cyclegan, town, call, tmp_path):
    photos, other = town / "photos", town / "other"
    for wrong, word in (
        (["transform", pix2pix, photos, "--out", "o", "--direction", "b2a"], "a2b only"),
        (["transform", cyclegan, photos, "--out", "o", "--mask", photos], "--mask"),
        (["transform", cyclegan, photos, "--out", "o", "--scale", "2"], "--scale"),
        (["transform", cyclegan, photos, "--out", "o", "--direction", "sideways"], "a2b"),
        (["sample", pix2pix, "-n", "2"], "sparring transform"),
        (["score", pix2pix, photos], "photos"),
        (["explore", cyclegan, "vary"], "sparring transform"),
        (["train", "pix2pix", "--data", f"{photos}::{other}"], "cyclegan"),
        (["train", "pix2pix", "--data", f"{photos}::{other}", "--pairing", "paired"], "00"),
        (["train", "pix2pix", "--data", photos], "images"),
        (["train", "dcgan", "--data", f"{photos}::{other}"], "pairs"),
        (["train", "cyclegan", "--data", f"{photos}::nowhere"], "nowhere"),
        (["train", "cyclegan", "--data", f"{photos}::ring"], "ring"),
        (["train", "cyclegan", "--data", f"::{photos}"], "A::B"),
    ):
        outcome = call(*wrong)
        assert outcome.code == 2 and word in outcome.complaint, (wrong, outcome)


def test_inspect_tells_both_sides(town, call):
    document = json.loads(call("inspect", f"{town / 'maps'}::{town / 'photos'}", "--json").out)
    assert document["kind"] == "pairs" and document["paired"] and "44 of 44" in document["why"]
    assert document["A, what is given"]["label maps"] == "3 classes" and document["B, what is made"]["count"] == 44
    outcome = call("inspect", f"{town / 'photos'}::{town / 'other'}")
    assert outcome.code == 0 and "paired: no" in outcome.out
