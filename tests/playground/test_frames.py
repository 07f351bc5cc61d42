"""What is seen of a game: densities against closed forms, pulls against their definition, bytes and back."""

import json
import math
import struct

import numpy as np
import pytest
import torch

from sparring.base.settings import dump
from sparring.playground import frames, measures
from sparring.playground.frames import CELLS, EQUILIBRIUM, Playground, View
from sparring.playground.presets import begun
from sparring.playground.settings import Drawn, Shape

SMALL = {"game.generator.width": 8, "game.discriminator.width": 8, "batch": 16, "points": 500}
KINDS = sorted(Shape.choices())


@pytest.mark.parametrize("kind", KINDS)
def test_shapes_have_the_density_that_their_points_have(kind):
    scene = Shape.named(kind)().build()
    mass = measures.truth(scene, 16)
    counted = measures.shares(scene, scene.sample(200_000, "test"), 16)
    assert float(mass.sum()) == pytest.approx(1, abs=1e-9) and float((mass - counted).abs().sum()) < 0.02
    assert scene.reach >= 1 and scene.sample(5, 1).equal(scene.sample(5, 1))


def test_mass_is_a_product_of_normal_distribution_functions():
    scene = Drawn(places=((0.25, -0.5),), sigma=0.2).build()
    edges = torch.tensor([-1.0, 0.0, 1.0], dtype=torch.float64)
    below = lambda x, mean: 0.5 * (1 + math.erf((x - mean) / 0.2 / math.sqrt(2)))
    right = below(1, 0.25) - below(0, 0.25)
    low = below(0, -0.5) - below(-1, -0.5)
    assert float(scene.mass(edges)[0, 1]) == pytest.approx(right * low, rel=1e-9)


def test_measures_of_real_points_lie_within_their_noise():
    scene = Shape.named("ring")().build()
    noise = measures.floors(scene)
    for seed in range(3):
        for name, value in measures.measure(scene, scene.sample(measures.SAMPLE, "fresh", seed)).items():
            mean, deviation = noise[name]
            assert abs(value - mean) <= 5 * deviation + 1e-9, name


def test_measures_of_one_mode():
    scene = Shape.named("ring")().build()
    found = measures.measure(scene, scene.means[:1].float() + 0.01 * torch.randn(2048, 2))
    assert found["modes"] == 1 and found["hq"] == 1 and found["kl"] > 2 and 0.5 < found["js"] <= math.log(2)


def test_divergences_in_closed_form():
    p, q = torch.tensor([0.5, 0.5, 0.0]), torch.tensor([1.0, 0.0, 0.0])
    assert measures.js(p, p) == pytest.approx(0) and measures.js(torch.tensor([1.0, 0]), torch.tensor([0, 1.0])) == pytest.approx(math.log(2))
    n = 10
    assert measures.kl(p, q, n) == pytest.approx(0.5 * math.log(0.5 * 11.5 / 10.5) + 0.5 * math.log(0.5 * 11.5 / 0.5))


def test_the_best_discriminator_says_one_half_where_densities_are_equal():
    playground = Playground(begun(SMALL))
    half = frames.optimal(playground, playground.scene.sample(200_000, "equal"))
    weight = playground.scene.mass(measures.edges(playground.scene, CELLS)).flatten()
    assert float(((half - 0.5).abs() * weight).sum()) < 0.02
    away = frames.optimal(playground, torch.full((100, 2), 0.01))
    assert float((away * weight).sum()) > 0.98


def test_pulls_are_the_slope_of_the_generators_loss():
    playground = Playground(begun(SMALL | {"game.objective": "non-saturating"}))
    playground.advance(3)
    points = np.random.default_rng(0).normal(size=(5, 2)).astype(np.float32)
    pull = frames.pull(playground, points)
    loss = lambda x: torch.nn.functional.softplus(-playground.game.score(x))
    for i, axis in ((0, 0), (3, 1)):
        step = torch.zeros(5, 2)
        step[i, axis] = 1e-2
        x = torch.from_numpy(points)
        slope = ((loss(x + step) - loss(x - step)) / 2e-2)[i]
        assert float(pull[i, axis]) == pytest.approx(-float(slope), rel=0.05, abs=1e-4)


@pytest.mark.parametrize("objective", sorted(EQUILIBRIUM))
def test_losses_at_the_equilibrium(objective):
    from sparring.losses.adversarial import OBJECTIVES

    zero = torch.zeros(8)
    terms = OBJECTIVES[objective]
    shift = 0.5 if objective == "least-squares" else 0.0                        # half way between the labels 0 and 1
    assert float(terms.discriminator(zero + shift, zero + shift)) == pytest.approx(EQUILIBRIUM[objective]["discriminator"])
    assert float(terms.generator(zero + shift, lambda: zero + shift)) == pytest.approx(EQUILIBRIUM[objective]["generator"])


@pytest.mark.parametrize("family", ["gan", "wgan-gp", "vae"])
def test_frames_are_bytes_and_back(family):
    small = SMALL if family != "vae" else {"batch": 16, "points": 500}
    playground = Playground(begun(small, family))
    frame = playground.frame(playground.advance(3), View(optimal=True, measures=True))
    packed = frame.packed()
    (length,) = struct.unpack("<I", packed[:4])
    head, at = json.loads(packed[4 : 4 + length]), 4 + length
    assert head["round"] == 3 and all(math.isfinite(v) for v in head["losses"].values())
    for told in head["arrays"]:
        n = math.prod(told["shape"]) * (4 if told["type"] == "f4" else 1)
        array = np.frombuffer(packed[at : at + n], "<f4" if told["type"] == "f4" else "u1").reshape(told["shape"])
        assert np.array_equal(array, frame.arrays[told["name"]])
        at += n + -n % 4
    assert at == len(packed) and (("heat" in frame.arrays) == (family != "vae")) and (("codes" in frame.arrays) == (family == "vae"))


def test_looking_changes_nothing():
    one, other = (Playground(begun(SMALL)) for _ in range(2))
    for _ in range(3):
        one.advance(2)
        other.frame(other.advance(2), View(measures=True, optimal=True, averaged=True))
        other.verdicts([(0.0, 0.0)])
    assert all(torch.equal(a, b) for a, b in zip(one.game.state_dict().values(), other.game.state_dict().values()))


def test_verdicts_are_the_heat_map():
    playground = Playground(begun(SMALL))
    playground.advance(5)
    frame, cell = playground.frame([], View()), 100
    x, y = ((v + 0.5) / CELLS * 2 * playground.scene.reach - playground.scene.reach for v in (cell % CELLS, cell // CELLS))
    assert playground.verdicts([(x, y)])[0] == pytest.approx(frame.arrays["heat"][cell] / 255, abs=0.01)


def test_the_command_line_trains_the_same_game(tmp_path):
    from sparring.cli.common import parse_settings
    from sparring.service import train

    playground = Playground(begun(SMALL | {"game.objective": "hinge", "game.penalty.every": 2}))
    words = playground.command().split()
    np.savetxt(tmp_path / "points.csv", playground.data.numpy(), delimiter=",")
    assert words[:5] + words[6:8] == ["sparring", "train", "gan", "--data", "points.csv", "1", "--seed"]
    settings = parse_settings(words[9:])
    run = train("gan", str(tmp_path / "points.csv"), run=tmp_path / "run", rounds=2, settings=settings | {"watching.judge": 0})
    assert dump(run.configuration.game) == dump(playground.play.game)
