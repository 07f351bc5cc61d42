"""Metrics that ask the game itself, on games whose answer is known."""

import pytest
import torch
from torch import nn

from sparring.extractors.extractor import Extractor
from sparring.metrics.items import NotComputable
from sparring.metrics.probing import EPSILON, FUNCTIONS, Subject

SHAPE = (1, 8, 8)


class Pixels(Extractor):
    """Sees pictures as they are, beside a channel of ones, so that their brightness is a direction."""

    name, dimension = "pixels", 64

    def features(self, x):
        return x.flatten(1)

    def maps(self, x):
        return [torch.cat([x, torch.ones_like(x)], 1)]


def batch(n, seed):
    return {"x": torch.rand(n, *SHAPE, generator=torch.Generator().manual_seed(seed))}


def subject(**told):
    nn.Module.__init__(extractor := Pixels.__new__(Pixels))
    usual = {
        "expand": lambda b: b, "extractor": extractor, "shape": SHAPE, "classes": 0, "training": batch(200, 0), "held_out": batch(200, 1),
        "fakes": lambda n: batch(n, 2), "score": None, "steps": None,
    }  # fmt: skip
    return Subject(**usual | told)


def test_ppl_is_the_squared_speed_of_the_features():
    """Pictures whose brightness is the tangent of an angle t: the unit feature (sin t, cos t) turns at speed 1."""
    angle = torch.linspace(-1, 1, 400, dtype=torch.float64).view(-1, 1, 1, 1)
    steps = lambda n, e: tuple(torch.tan(a).float().expand(-1, *SHAPE) for a in (angle, angle + e))
    found = FUNCTIONS["ppl"](subject(steps=steps), 400)
    assert found["value"] == pytest.approx(1, rel=0.05) and found["control"] > 1e3 and found["protocol"]["epsilon"] == EPSILON


def test_a_generator_that_does_not_move_has_no_path_length():
    steps = lambda n, e: (torch.ones(n, *SHAPE), torch.ones(n, *SHAPE))
    assert FUNCTIONS["ppl"](subject(steps=steps), 50)["value"] == 0


def test_gap_of_an_honest_and_of_a_memorising_discriminator():
    honest = lambda b: b["x"].mean((1, 2, 3))
    training = batch(200, 0)["x"].flatten(1)
    memory = lambda b: -torch.cdist(b["x"].flatten(1), training).amin(1)
    fair, heart = (FUNCTIONS["gap"](subject(score=score), 200) for score in (honest, memory))
    assert abs(fair["value"]) < 0.3 < 3 < heart["value"] and heart["control"] == pytest.approx(heart["value"], rel=0.05)
    assert fair["floor"] < 0.4


def test_what_is_not_there_has_a_reason():
    for name, words in {"ppl": "does not generate", "gap": "no discriminator", "gan_train": "no labels"}.items():
        with pytest.raises(NotComputable, match=words):
            FUNCTIONS[name](subject(), 100)
    with pytest.raises(NotComputable, match="20 held-out"):
        FUNCTIONS["gap"](subject(score=lambda b: b["x"].mean((1, 2, 3)), held_out=batch(5, 1)), 100)
