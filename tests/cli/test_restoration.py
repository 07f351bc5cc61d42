"""Restoring pictures as users call it: trained on a folder, applied to pictures of any size."""

import json

import numpy as np
import pytest
from PIL import Image

from tests.running import THREAD, short_extractors

SMALL = ["--restorer.width", "8", "--restorer.blocks", "1", "--discriminator.width", "4", "--batch", "8", "--watching.items", "20", *THREAD]
DRAW = np.random.default_rng(3)


def picture(h, w):
    """Smooth colours, as photographs have them."""
    return Image.fromarray(DRAW.integers(0, 256, (5, 5, 3), dtype=np.uint8)).resize((w, h), Image.Resampling.BICUBIC)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    for i in range(40):
        picture(48, 40).save(folder / f"{i:02d}.png")
    return folder


@pytest.fixture(scope="module", params=["super-resolution", "inpaint", "restore", "colorize"])
def trained(request, photos, tmp_path_factory):
    from sparring.cli import main

    run = tmp_path_factory.mktemp(request.param) / "run"
    with short_extractors(10):
        given = ["train", request.param, "--data", str(photos), "--rounds", "6", "--resolution", "20", "--discriminator.layers", "1"]
        assert main([*given, *SMALL, "--split.test", "0.3", "--quiet", "--run", str(run)]) == 0
    return request.param, run


def test_a_run_has_what_every_run_has(trained, call):
    _, run = trained
    measured = json.loads((run / "measure.json").read_text())
    assert {"psnr", "ssim", "perceptual", "fd"} <= set(measured["metrics"])
    assert measured["metrics"]["psnr"]["protocol"]["baseline"] == "the trivial answer"
    data = json.loads((run / "data.json").read_text())
    assert sum(data["split"].values()) == 40 * 4                               # 48x40 pictures hold four tiles of 20x20
    assert (run / "report.html").stat().st_size > 10_000 and list((run / "previews").glob("*.png"))
    outcome = call("sample", run, "-n", "2")
    assert outcome.code == 2 and "generate" in outcome.err


def test_transform_pictures_of_any_size(trained, call, tmp_path):
    recipe, run = trained
    (tmp_path / "in" / "deep").mkdir(parents=True)
    for name, size in (("a.png", (37, 70)), ("deep/b.jpg", (24, 24))):
        picture(*size).save(tmp_path / "in" / name)
    mask = []
    if recipe == "inpaint":
        for name, (h, w) in (("a.png", (37, 70)), ("deep/b.png", (24, 24))):
            hole = np.zeros((h, w), np.uint8)
            hole[5:15, 8:20] = 255
            (tmp_path / "mask" / name).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(hole).save(tmp_path / "mask" / name)
        mask = ["--mask", tmp_path / "mask"]
    outcome = call("transform", run, tmp_path / "in", "--out", tmp_path / "out", *mask, "--json")
    assert outcome.code == 0, outcome.err
    scale = json.loads(outcome.out)["scale"]
    assert scale == (4 if recipe == "super-resolution" else 1)
    with Image.open(tmp_path / "out" / "a.png") as made, Image.open(tmp_path / "in" / "a.png") as given:
        assert made.size == (70 * scale, 37 * scale)
        if recipe == "inpaint":
            same = (np.asarray(made) == np.asarray(given)).all(2)
            assert same[:5].all() and same[15:].all() and not same[5:15, 8:20].all()
    assert (tmp_path / "out" / "deep" / "b.jpg").exists()
    again = json.loads(call("transform", run, tmp_path / "in", "--out", tmp_path / "out", *mask, "--json").out)
    assert again["kept"] == 2 and not again["files"]


def test_wrong_input_is_told(trained, call, tmp_path, photos, points_run):
    recipe, run = trained
    wrong = [["--scale", "3"], ["--out", photos / "inside"]]
    wrong.append([] if recipe == "inpaint" else ["--mask", photos])
    for more in wrong:
        outcome = call("transform", run, photos, "--out", tmp_path / "o", *more)
        assert outcome.code == 2 and outcome.err.startswith("error: ") and outcome.err.count("\n") == 1, (more, outcome)
    outcome = call("transform", points_run, photos, "--out", tmp_path / "o")
    assert outcome.code == 2 and "sparring sample" in outcome.err
