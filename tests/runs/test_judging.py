"""Judging translations, of translators that are known to be right or wrong: two collections of which one holds negatives."""

import numpy as np
import pytest
import torch
from torch import nn

from sparring.games.capabilities import Translates
from sparring.modalities.kinds import fit
from sparring.modalities.open import open_named
from sparring.modalities.settings import Pairs
from sparring.modalities.split import Split
from sparring.play.game import Game
from sparring.runs.data import prepare
from sparring.runs.judging import judge_for, judged
from tests.running import short_extractors

NEW = {"fd_b2a", "content", "inversion", "label_kept", "cycle"}


class Translator(Game, Translates):
    """x -> factor x, either way."""

    def __init__(self, space, factor, directions=("a2b", "b2a")):
        super().__init__(space)
        self.factor, self.directions = nn.Parameter(torch.tensor(float(factor))), directions

    def translate(self, given, direction="a2b"):
        assert direction in self.directions
        return self.factor * given


class Shuffler(Translator):
    """Right pictures of the wrong ones."""

    def translate(self, given, direction="a2b"):
        return super().translate(given, direction).roll(1, 0)


def discs(n, seed):
    """Grey discs on black, each in the upper or the lower half, (n, 16, 16), and the half (n,)."""
    draw = np.random.default_rng(seed)
    lower, y, x = draw.integers(2, size=n), draw.uniform(3, 5, n), draw.uniform(3, 12, n)
    radius, grey = draw.uniform(1.5, 3.5, n), draw.integers(150, 256, n)
    rows, columns = np.mgrid[:16, :16]
    inside = (rows - (y + 7 * lower)[:, None, None]) ** 2 + (columns - x[:, None, None]) ** 2 < (radius**2)[:, None, None]
    return (inside * grey[:, None, None]).astype(np.uint8), lower


def made(folder, **changed):
    """A::B as data: discs, and negatives of others."""
    for name, n, seed in (("a", 330, 0), ("b", 300, 1)):
        x, lower = discs(n, seed)
        np.savez(folder / f"{name}.npz", x=x if name == "a" else 255 - x, y=lower, classes=np.array(changed.get(name, ["upper", "lower"])))
    text, source = open_named(f"{folder / 'a.npz'}::{folder / 'b.npz'}")
    return prepare(text, source, fit(source, Pairs(inputs="picture")), Split(test=0.4))


@pytest.fixture(scope="module")
def quick():
    with short_extractors(60):
        yield


@pytest.fixture(scope="module")
def data(quick, tmp_path_factory):
    return made(tmp_path_factory.mktemp("discs"))


@pytest.fixture(scope="module")
def judge(data):
    return judge_for(data, "test", game=Translator(data.codec.space, -1))


def measured(judge, data, game):
    with torch.no_grad():
        return judged(judge, data, game, "test", judge.n, seed=1)


def test_the_right_translation(judge, data):
    document = measured(judge, data, Translator(data.codec.space, -1))
    metrics = document["metrics"]
    assert metrics.keys() >= NEW and not NEW & document["skipped"].keys()
    for name in ("fd", "fd_b2a"):
        entry = metrics[name]
        assert entry["value"] < 2 * entry["floor"] < entry["baseline"] / 5 and entry["control"] > 3 * entry["floor"] and entry["skill"] > 0.9, entry
        assert entry["protocol"]["n_fake"] == 120
    assert metrics["fd_b2a"]["protocol"]["extractor"] == "ssl-a" and metrics["fd"]["protocol"]["extractor"] == "cnn-a-b"
    assert metrics["content"]["value"] > 0.8 and metrics["content"]["floor"] > 0.95 and metrics["content"]["control"] < 0.05
    assert metrics["inversion"]["value"] == pytest.approx(-1) and metrics["inversion"]["floor"] < -0.9
    kept = metrics["label_kept"]
    assert kept["value"] > 0.95 and kept["floor"] > 0.95 and kept["control"] < 0.05 and 0.4 < kept["baseline"] < 0.7 and kept["skill"] > 0.9


def test_copies_are_far_from_the_other_side_and_keep_everything(judge, data):
    metrics = measured(judge, data, Translator(data.codec.space, 1))["metrics"]
    for name in ("fd", "fd_b2a"):
        assert metrics[name]["value"] > 5 * metrics[name]["floor"] and metrics[name]["skill"] < 0.3, metrics[name]
    assert metrics["content"]["value"] == metrics["content"]["floor"] and metrics["inversion"]["value"] == pytest.approx(1)
    assert metrics["cycle"]["value"] < 1e-3


def test_right_pictures_of_wrong_ones_keep_nothing(judge, data):
    """Which no distance between sets notices."""
    metrics = measured(judge, data, Shuffler(data.codec.space, -1))["metrics"]
    assert metrics["fd"]["value"] < 2 * metrics["fd"]["floor"] and metrics["fd_b2a"]["value"] < 2 * metrics["fd_b2a"]["floor"]
    assert metrics["content"]["value"] < 0.05 and metrics["label_kept"]["value"] < 0.7 and metrics["inversion"]["value"] > -0.8


def test_one_way_is_judged_one_way(data):
    game = Translator(data.codec.space, -1, directions=("a2b",))
    judge = judge_for(data, "test", game=game)
    document = measured(judge, data, game)
    assert judge.back is None and not {"fd_b2a", "cycle"} & (document["metrics"].keys() | document["skipped"].keys())
    assert {"content", "inversion", "label_kept"} <= document["metrics"].keys()
    asked = judge_for(data, "test", names=["fd_b2a"], game=game)
    assert "both ways" in measured(asked, data, game)["skipped"]["fd_b2a"]


def test_metrics_that_are_asked_for(data):
    game = Translator(data.codec.space, -1)
    judge = judge_for(data, "test", names=["content"], game=game)
    metrics = measured(judge, data, game)["metrics"]
    assert judge.back is None and "content" in metrics and not {"fd", "fd_b2a", "inversion"} & metrics.keys()


def test_other_labels_are_not_kept(quick, tmp_path):
    data = made(tmp_path, a=["up", "down"])
    assert data.given_labels("test") is None
    game = Translator(data.codec.space, -1)
    document = measured(judge_for(data, "test", names=["label_kept", "fd"], game=game), data, game)
    assert "same labels" in document["skipped"]["label_kept"] and "label_kept" not in document["metrics"]


def test_labels_of_either_side_are_numbered_alike(quick, tmp_path):
    data, plain = made(tmp_path, a=["lower", "upper"]), discs(330, 0)[1]
    assert data.codec.space.labels == ("upper", "lower")
    assert (data.given_labels("test").numpy() == 1 - plain[data.given_rows["test"]]).all()
    assert len(data.given_labels("test")) == len(data.given("test"))
