import json
import sys
from types import SimpleNamespace

import pytest
import torch

from sparring.base.errors import UserError
from sparring.extractors.classifier import classifier
from sparring.extractors.extractor import Numbers
from sparring.extractors.settings import Classifier
from sparring.metrics.catalogue import FEATURES, METRICS, named
from sparring.metrics.judge import Judge
from sparring.modalities.image_source import PictureArray
from sparring.modalities.kinds import fit
from sparring.modalities.open import open_data
from sparring.modalities.settings import Images, Points
from sparring.modalities.split import Split, split


@pytest.fixture(scope="session")
def pictures():
    """8x8 digits judged by a classifier; the roles of slow extractors are played by pixels."""
    try:
        source = open_data("digits8")
    except UserError as error:
        pytest.skip(str(error))
    codec = fit(source, Images())
    parts = split(source.hashes(), Split(validation=0.25, test=0.25))
    training, fresh, held_out = (codec.encode(source, parts[name]) for name in ("train", "validation", "test"))
    own = classifier("cnn-digits8", codec.space.shape, 10, training, held_out, codec.expand, Classifier(steps=250))
    numbers = Numbers(codec.space.shape)
    extractors = {"own": own, "numbers": numbers, "efficientnet": numbers, "inception": numbers}
    names = [name for name, metric in METRICS.items() if metric.views or "labels" in metric.needs]
    judge = Judge(codec, training, held_out, extractors, names=names)
    return SimpleNamespace(judge=judge, report=judge.judge(fresh), fresh=fresh, training=training, held_out=held_out, codec=codec)


@pytest.fixture(scope="session")
def points():
    source = open_data("ring")
    codec = fit(source, Points())
    x = codec.encode(source)["x"]
    training, held_out, fresh = {"x": x[:20_000]}, {"x": x[20_000:23_000]}, {"x": x[23_000:26_000]}
    numbers = Numbers(codec.space.shape)
    judge = Judge(codec, training, held_out, {"own": numbers, "numbers": numbers}, density=source.density)
    return SimpleNamespace(judge=judge, report=judge.judge(fresh), fresh=fresh, training=training, held_out=held_out, codec=codec)


@pytest.fixture(scope="session")
def large():
    """Smooth pictures of 32 pixels."""
    noise = torch.randn(300, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    x = (torch.nn.functional.avg_pool2d(noise, 5, 1, 2) * 200 + 128).clamp(0, 255).permute(0, 2, 3, 1).to(torch.uint8).numpy()
    source = PictureArray("smooth", x)
    codec = fit(source, Images())
    training, held_out, fresh = ({"x": codec.encode(source)["x"][i : i + 100]} for i in (0, 100, 200))
    numbers = Numbers(codec.space.shape)
    judge = Judge(codec, training, held_out, {"own": numbers, "numbers": numbers}, names=["checkerboard"])
    return SimpleNamespace(judge=judge, report=judge.judge(fresh))


@pytest.fixture(params=[name for name, metric in METRICS.items() if metric.of == "items"])
def judged(request):
    needs = set(METRICS[request.param].needs)
    data = request.getfixturevalue("points" if {"modes", "points"} & needs else "large" if "places" in needs else "pictures")
    return METRICS[request.param], data.report["metrics"][request.param]


def worse(metric, value, than, floor):
    if metric.better == "floor":
        return abs(value - floor) > abs(than - floor)
    return value < than if metric.better == "higher" else value > than


def test_every_metric_notices_what_it_must(judged):
    metric, entry = judged
    assert worse(metric, entry["control"], entry["floor"], entry["floor"])
    assert worse(metric, entry["control"], entry["value"], entry["floor"])


def test_every_metric_puts_real_items_above_the_trivial_generator(judged):
    metric, entry = judged
    if metric.name in ("copies", "checkerboard"):
        assert "skill" not in entry, "noise copies nothing either, and has no grid"
    elif metric.name in ("modes", "kl", "js"):
        assert not worse(metric, entry["floor"], entry["baseline"], entry["floor"]), "independent coordinates also hit each mode of the ring"
    else:
        assert worse(metric, entry["baseline"], entry["floor"], entry["floor"])
        assert entry["skill"] == pytest.approx(1, abs=0.15), "fresh real items are a perfect generator"


def test_the_document_is_json_and_carries_its_protocol(pictures, points):
    for report in (pictures.report, points.report):
        assert json.loads(json.dumps(report, allow_nan=False)).keys() == {"n", "seconds", "metrics", "skipped"}
        assert not report["skipped"]
        for entry in report["metrics"].values():
            assert {"value", "better", "floor", "baseline", "control", "protocol"} <= entry.keys()
            assert entry["protocol"]["n_fake"] == report["n"]
    fd = pictures.report["metrics"]["fd"]
    assert fd["protocol"]["extractor"] == "cnn-digits8"
    assert fd["per_label"].keys() == set("0123456789")
    assert {"value", "floor", "n_fake", "n_real", "n_floor"} == fd["per_label"]["3"].keys()
    assert pictures.report["metrics"]["kid"]["std"] > 0


def test_a_collapsed_generator(pictures, points):
    one = {name: rows[:1].expand_as(rows) for name, rows in pictures.fresh.items()}
    metrics = pictures.judge.judge(one)["metrics"]
    assert metrics["coverage"]["value"] < 0.05
    assert metrics["coverage"]["skill"] < 0.1
    assert metrics["recall"]["value"] < 0.05
    assert points.judge.judge({"x": points.fresh["x"][:1].repeat(2500, 1)})["metrics"]["modes"]["value"] == 1


def test_training_items_are_called_copies(pictures):
    assert pictures.judge.judge(pictures.training)["metrics"]["copies"]["value"] == 1
    assert pictures.report["metrics"]["copies"]["floor"] < 0.05


def test_judging_twice_gives_the_same_and_draws_nothing_from_the_global_state(pictures):
    state = torch.get_rng_state()
    again = pictures.judge.judge(pictures.fresh)
    assert again["metrics"] == pictures.report["metrics"]
    assert torch.equal(state, torch.get_rng_state())


def test_what_cannot_be_computed_is_skipped_with_a_reason(pictures, points):
    unlabelled = pictures.judge.judge({"x": pictures.fresh["x"]})
    assert unlabelled["skipped"] == {"label_accuracy": "the items were not asked for by label"}
    assert "per_label" not in unlabelled["metrics"]["fd"]

    few = pictures.judge.judge({name: rows[:5] for name, rows in pictures.fresh.items()})
    assert few["skipped"]["fd"] == "needs at least 8 items of every set, there are 5"
    assert "precision" in few["metrics"]

    none = {name: rows[:0] for name, rows in pictures.held_out.items()}
    nothing = Judge(pictures.codec, pictures.training, none, pictures.judge.extractors).judge(pictures.fresh)
    assert nothing["metrics"] == {}
    assert nothing["skipped"].keys() >= {"fd", "coverage", "label_accuracy"}

    only_own = {role: pictures.judge.extractors[role] for role in ("own", "numbers")}
    asked = Judge(pictures.codec, pictures.training, pictures.held_out, only_own, names=["fid", "modes"]).judge(pictures.fresh)
    assert asked["metrics"] == {}
    assert "--inception FILE" in asked["skipped"]["fid"]

    far = points.judge.judge({"x": points.fresh["x"] + 100})
    assert far["skipped"].keys() == {"kl", "js"}


def test_points_without_known_modes(points):
    training = {"x": points.training["x"][:4000]}
    judge = Judge(points.codec, training, points.held_out, points.judge.extractors, n=500)
    report = judge.judge(points.fresh)
    assert report["metrics"].keys() == {"wasserstein", "fd", "kid", "precision", "recall", "density", "coverage", "copies"}
    assert report["metrics"]["copies"]["value"] < 0.05
    assert report["metrics"]["fd"]["protocol"]["extractor"] == "coordinates"


def test_a_classifier_beside_the_extractor_sees_the_labels_alone(pictures):
    """As where items of a label are too few for it to say how far pictures are from each other."""
    seer, numbers = pictures.judge.extractors["own"], pictures.judge.extractors["numbers"]
    beside = {"own": numbers, "numbers": numbers, "labels": seer}
    metrics = Judge(pictures.codec, pictures.training, pictures.held_out, beside).judge(pictures.fresh)["metrics"]
    assert metrics["label_accuracy"] == pictures.report["metrics"]["label_accuracy"]
    assert metrics["fd"]["protocol"]["extractor"] == numbers.name != seer.name


def test_an_extractor_that_is_given_is_used(pictures):
    numbers = pictures.judge.extractors["numbers"]
    extractors = {"own": numbers, "numbers": numbers, "inception": numbers}
    judge = Judge(pictures.codec, pictures.training, pictures.held_out, extractors)
    assert [metric.name for metric in judge.metrics] == [*FEATURES, "fid"]


def test_an_unknown_metric_is_named_with_the_nearest():
    assert named(["label-accuracy"])[0].name == "label_accuracy"
    with pytest.raises(UserError, match="did you mean 'coverage'"):
        named(["covrage"])


def test_the_catalogue_needs_no_torch():
    import subprocess

    code = "import sys, sparring.metrics.catalogue, sparring.extractors.settings; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
