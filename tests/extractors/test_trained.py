import sys
from types import SimpleNamespace

import pytest
import torch

from sparring.base import files
from sparring.base.errors import UserError
from sparring.base.space import ImageSpace, PointSpace
from sparring.extractors.choice import extractors_for
from sparring.extractors.classifier import ClassifierExtractor, classifier
from sparring.extractors.extractor import Numbers, extract, extract_cached
from sparring.extractors.network import Backbone, augment
from sparring.extractors.selfsupervised import contrast, selfsupervised
from sparring.extractors.settings import Augmentation, Classifier, SelfSupervised
from sparring.extractors.training import one_cycle
from sparring.modalities.kinds import fit
from sparring.modalities.open import open_data
from sparring.modalities.settings import Images
from sparring.modalities.split import Split, split

NO_CHANGE = Augmentation(rotation=0, scale=0, stretch=0, shear=0, shift=0)


def expand(batch):
    return batch | {"x": batch["x"].float() / 127.5 - 1}


def noise(n, *shape):
    return torch.randint(256, (n, *shape), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


@pytest.fixture(scope="module")
def digits():
    try:
        source = open_data("digits")
    except UserError as error:
        pytest.skip(str(error))
    codec = fit(source, Images())
    parts = split(source.hashes(), Split())
    return codec, codec.encode(source, parts["train"]), codec.encode(source, parts["test"])


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 8, 8), (1, 28, 28), (3, 64, 64), (4, 33, 70), (3, 200, 120)])
def test_pictures_of_any_size_become_128_numbers(shape):
    backbone = Backbone(*shape).eval()
    features = backbone(torch.zeros(2, *shape))
    assert features.shape == (2, 128)
    assert (features >= 0).all()


def test_augmentation_that_changes_nothing_and_one_that_does():
    x = expand({"x": noise(4, 3, 9, 12)})["x"]
    assert torch.allclose(augment(x, NO_CHANGE), x, atol=1e-5)
    changed = augment(x, Augmentation())
    assert changed.shape == x.shape
    assert not torch.allclose(changed, x, atol=0.1)


def test_one_cycle_rises_once_and_ends_at_zero():
    rates = [one_cycle(t / 100) for t in range(1, 101)]
    assert max(rates) == rates[24] == 1
    assert rates[:25] == sorted(rates[:25])
    assert rates[24:] == sorted(rates[24:], reverse=True)
    assert rates[-1] == 0


def test_contrast_against_its_formula():
    z = torch.randn(6, 5, generator=torch.Generator().manual_seed(1))
    unit = z / z.norm(dim=1, keepdim=True)
    e = (unit @ unit.T / 0.3).exp()
    pairs = [(i, (i + 3) % 6) for i in range(6)]
    formula = -sum((e[i, j] / (e[i].sum() - e[i, i])).log() for i, j in pairs) / 6
    assert contrast(z, 0.3).item() == pytest.approx(formula.item(), rel=1e-5)


def test_a_short_training_learns_digits_and_comes_back_from_the_cache(digits, monkeypatch):
    codec, training, held_out = digits
    settings = Classifier(steps=120)
    state = torch.get_rng_state()
    own = classifier("cnn-digits", codec.space.shape, 10, training, held_out, codec.expand, settings)
    assert own.test_accuracy > 0.95
    assert torch.equal(state, torch.get_rng_state())
    monkeypatch.setattr("sparring.extractors.classifier.train", lambda *_, **__: pytest.fail("trained again"))
    again = classifier("cnn-digits", codec.space.shape, 10, training, held_out, codec.expand, settings)
    assert again.hash == own.hash
    assert again.test_accuracy == own.test_accuracy


def test_training_is_a_function_of_data_settings_and_seed(tmp_path, monkeypatch):
    data = {"x": noise(40, 1, 8, 8), "y": torch.arange(40) % 2}
    none = {name: rows[:0] for name, rows in data.items()}
    make = lambda seed=0, steps=4: classifier("cnn", (1, 8, 8), 2, data, none, expand, Classifier(steps=steps), seed).hash
    first = make()
    monkeypatch.setenv("SPARRING_CACHE", str(tmp_path))  # nothing to be found there
    assert make() == first
    assert make(seed=1) != first
    assert make(steps=5) != first


def test_a_damaged_cache_entry_is_made_anew(tmp_path, monkeypatch):
    monkeypatch.setenv("SPARRING_CACHE", str(tmp_path))
    numbers, x = Numbers((1, 8, 8)), noise(10, 1, 8, 8)
    features = extract_cached(numbers, expand, x)
    (file,) = files.cache().glob("features/*/tensors.safetensors")
    file.write_bytes(file.read_bytes()[:20])
    assert torch.equal(extract_cached(numbers, expand, x), features)


def test_features_do_not_depend_on_the_mode_the_network_was_left_in():
    network = ClassifierExtractor("cnn", (1, 8, 8), 3, Classifier())
    x = noise(30, 1, 8, 8)
    features = extract(network.train(), expand, x)
    assert torch.equal(features, extract(network.eval(), expand, x))
    assert torch.equal(network.head(features), network.classify(expand({"x": x})["x"]))


def test_self_supervised_features_know_more_about_digits_than_pixels_and_which_are_bent(digits):
    """Accuracy of a linear probe (ridge regression onto the labels) after an eighth of the usual length, on half of the data."""
    codec, training, held_out = digits
    some = {name: rows[::2] for name, rows in training.items()}
    learned = selfsupervised("ssl", codec.space.shape, some, codec.expand, SelfSupervised(steps=50))

    def probe(extractor):
        known, asked = (extract(extractor, codec.expand, batch["x"]).double() for batch in (some, held_out))
        known, asked = ((f - known.mean(0)) / (known.std(0) + 1e-3) for f in (known, asked))
        target = torch.nn.functional.one_hot(some["y"]).double() - 0.1
        weights = torch.linalg.solve(known.T @ known + 100 * torch.eye(known.shape[1]), known.T @ target)
        return ((asked @ weights).argmax(1) == held_out["y"]).double().mean().item()

    assert probe(learned) > probe(Numbers(codec.space.shape)) + 0.02
    held = codec.expand({"x": held_out["x"]})["x"]
    logit = lambda x: learned.bent(learned.features(x))[:, 0]
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        bent, straight = (logit(augment(held, Augmentation(), bending)) for bending in (0.25, 0.0))
    surer = (bent[:, None] > straight).double().mean()
    assert surer > 0.65
    assert learned.classify(codec.expand({"x": held_out["x"][:2]})["x"]) is None


def test_the_choice_follows_the_data(monkeypatch, tmp_path):
    monkeypatch.setattr("sparring.extractors.classifier.train", lambda *_, **__: None)
    monkeypatch.setattr("sparring.extractors.selfsupervised.train", lambda *_, **__: None)
    x, y = noise(40, 1, 8, 8), torch.arange(40) % 2
    labelled = SimpleNamespace(space=ImageSpace(shape=(1, 8, 8), labels=("a", "b")), expand=expand)
    plain = SimpleNamespace(space=ImageSpace(shape=(1, 8, 8)), expand=expand)
    points = SimpleNamespace(space=PointSpace(shape=(2,)), expand=lambda batch: batch)
    none = {"x": x[:0], "y": y[:0]}

    chosen = extractors_for(labelled, "things", {"x": x, "y": y}, none)
    assert {role: extractor.name for role, extractor in chosen.items()} == {"own": "cnn-things", "numbers": "pixels"}
    few = extractors_for(labelled, "things", {"x": x[:30], "y": y[:30]}, none)                  # a classifier would know them by heart
    assert {role: extractor.name for role, extractor in few.items()} == {"own": "ssl-things", "labels": "cnn-things", "numbers": "pixels"}
    assert extractors_for(plain, "things", {"x": x}, none)["own"].name == "ssl-things"
    longer = [extractors_for(codec, "things", {"x": x, "y": y}, none, steps=7)["own"] for codec in (labelled, plain)]
    assert [(extractor.name, extractor.settings.steps) for extractor in longer] == [("cnn-things-7", 7), ("ssl-things-7", 7)]
    coordinates = extractors_for(points, "ring", {"x": torch.zeros(9, 2)}, {"x": torch.zeros(0, 2)})["own"]
    assert coordinates.name == "coordinates"
    assert coordinates.features(torch.ones(3, 2)).shape == (3, 2)
    with pytest.raises(UserError, match="there is no file"):
        extractors_for(plain, "things", {"x": x}, none, inception=tmp_path / "absent.pth")
    monkeypatch.setitem(sys.modules, "efficientnet_lite_pytorch", None)
    with pytest.raises(UserError, match="pip install"):
        extractors_for(plain, "things", {"x": x}, none, names=["fd-efficientnet"])


def test_numbers_shrink_pictures_by_averaging():
    numbers = Numbers((3, 32, 20))
    assert numbers.dimension == 3 * 16 * 16
    assert torch.allclose(numbers.features(torch.ones(2, 3, 32, 20)), torch.ones(2, 768))
