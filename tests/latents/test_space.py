"""Latent tools: closed forms, and that each does to a small model what it says."""

import math

import pytest
import torch

from sparring.base.errors import UserError
from sparring.base.space import ImageSpace
from sparring.latents import directions, space
from sparring.latents.projection import project, structure
from sparring.losses.perceptual import perceptual
from sparring.play.watching import settle
from sparring.recipes.recipe import RECIPES

SPACE = ImageSpace(shape=(1, 16, 16), labels=("a", "b", "c"))


@pytest.fixture(scope="module")
def styled():
    torch.manual_seed(0)
    game = RECIPES["stylegan2"].tiny(SPACE).build(space=SPACE).eval()
    settle(game)
    return game


@pytest.fixture(scope="module")
def plain():
    torch.manual_seed(0)
    return RECIPES["dcgan"].tiny(SPACE).build(space=SPACE).eval()


def maps(x):
    return [x.float(), torch.nn.functional.avg_pool2d(x.float(), 2)]


def test_truncated_noise_is_a_truncated_normal():
    z = torch.randn(200_000, generator=torch.Generator().manual_seed(0))
    for threshold in (0.5, 1.0, 2.0):
        cut = space.truncated_noise(z, threshold)
        assert cut.abs().max() <= threshold
        low = math.exp(-(threshold**2) / 2) / math.sqrt(math.tau)
        mass = math.erf(threshold / 2**0.5)
        variance = 1 - 2 * threshold * low / mass                          # of a normal distribution cut at +-threshold
        assert float(cut.var()) == pytest.approx(variance, rel=0.02)
        assert (cut.argsort()[::1000] == z.argsort()[::1000]).all()        # the same order: the same character
    assert torch.allclose(space.truncated_noise(z, 8.0), z, atol=1e-3)
    with pytest.raises(UserError):
        space.truncated_noise(z, 0.0)


def test_truncated_styles_lie_between_mean_and_style(styled):
    z, y = styled.noise(5, 0), SPACE.some_conditions(5, 0)
    w = space.latents(styled, z, y, "w")
    for told in (None, y):
        assert torch.allclose(space.truncated_styles(styled, w, told, 1.0), w, atol=1e-6)
        assert torch.allclose(space.truncated_styles(styled, w, told, 0.0, layers=2)[:, 2:], w[:, 2:])
    assert torch.allclose(space.truncated_styles(styled, w, None, 0.0), space.centre(styled).expand_as(w))
    ends = space.truncated_styles(styled, w, y, 0.0)
    for i in range(5):
        own = space.latents(styled, styled.noise(1024, 0), y[i : i + 1].expand(1024), "w").mean(0)
        assert torch.allclose(ends[i], own, atol=1e-5), "an item ends as the mean of its label"


def test_paths():
    a, b = torch.tensor([3.0, 0.0]), torch.tensor([0.0, 3.0])
    circle = space.sphere(a, b, torch.linspace(0, 1, 9))
    assert torch.allclose(circle.norm(dim=1), torch.full((9,), 3.0), atol=1e-5)
    assert torch.allclose(circle[4], torch.tensor([3.0, 3.0]) / 2**0.5, atol=1e-5)
    assert torch.allclose(space.line(a, b, torch.tensor([0.5]))[0], torch.tensor([1.5, 1.5]))
    keys = torch.stack([a, b])
    closed = space.path(keys, 4, "line")
    assert len(closed) == 8 and torch.equal(closed[0], a) and torch.equal(closed[4], b)
    assert len(space.path(keys, 4, "sphere", closed=False)) == 5


def test_rendering_styles_is_rendering_noise(styled):
    z, y = styled.noise(3, 1), SPACE.some_conditions(3, 1)
    with torch.no_grad():
        assert torch.allclose(styled.render(z, y), styled.paint(space.latents(styled, z, y, "w")), atol=1e-6)


def test_bands_cover_every_layer_once(styled):
    for layers in (4, 6, 8, 10, 14, 18):
        assert [i for band in space.bands(layers).values() for i in band] == list(range(layers))


def test_mixing_takes_the_layers_of_the_other(styled):
    w = space.latents(styled, styled.noise(2, 0), SPACE.some_conditions(2, 0), "w")
    mixed = space.mixed(w[:1], w[1:], range(2))
    assert torch.equal(mixed[:, :2], w[1:, :2]) and torch.equal(mixed[:, 2:], w[:1, 2:])


def test_models_without_styles_say_so(plain):
    for tool in (lambda: space.centre(plain), lambda: directions.closed_form(plain, 1, range(2)), lambda: space.latents(plain, None, None, "w")):
        with pytest.raises(UserError, match="no styles"):
            tool()


def test_variations_keep_the_length_of_noise():
    z = torch.randn(1, 4000, generator=torch.Generator().manual_seed(0))
    for amount in (0.1, 0.5, 0.9):
        assert space.near(z, 3, amount).square().mean() == pytest.approx(1, abs=0.1)
    assert torch.allclose(space.near(z, 2, 0.0), z.expand(2, -1))


@pytest.mark.parametrize("which", ["z", "w", "w+"])
def test_projection_comes_back_to_an_item_of_the_model(styled, which):
    """The target is the model's own picture, so it can be reached. (In z the start is the best of 256 items already.)"""
    y = SPACE.some_conditions(2, 3)
    with torch.no_grad():
        x = styled.render(styled.noise(2, 9), y)
    found = project(styled, x, y, maps, space=which, steps=60)
    start, end = (sum(d) for d in (found.distances[0], found.distances[-1]))
    assert end < (0.95 if which == "z" else 0.5) * start, (start, end)
    assert found.items.shape == x.shape and len(found.frames) > 5


def test_structure_tells_noise_from_pictures():
    noise = torch.randn(1, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    drawn = torch.linspace(-1.7, 1.7, 64).expand(1, 1, 64, 64)
    assert structure(noise) < 0.1 < 1 < structure(drawn)


def test_perceptual_distance():
    x = torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    assert perceptual([x], [x]).max() < 1e-6
    assert torch.allclose(perceptual([x], [3 * x]), torch.zeros(4), atol=1e-5)             # only the direction of the channels counts
    assert torch.allclose(perceptual([x], [-x]), torch.full((4,), 4.0), atol=1e-4)


# ---- directions


def test_closed_form_finds_what_the_layers_read(styled):
    """A first layer that reads one number of w ten times as strongly as the rest: that number is the first direction."""
    with torch.no_grad():
        weight = styled.average.mean.synthesis.second[0].affine.weight
        kept = weight.clone()
        weight.mul_(0.01)
        weight[:, 1] = 1.0
    (found,) = directions.closed_form(styled, 1, range(1))
    with torch.no_grad():
        weight.copy_(kept)
    assert found.vector[0].abs().argmax() == 1 and not found.vector[1:].any()


def test_components_are_orthogonal_and_sorted(styled):
    found = directions.components(styled, 3, range(styled.layers))
    flat = torch.stack([d.vector[0] for d in found])
    lengths = flat.norm(dim=1)
    assert (lengths[:-1] >= lengths[1:]).all()
    cosines = flat @ flat.T / lengths[:, None] / lengths[None]
    assert torch.allclose(cosines, torch.eye(3), atol=1e-4)


def test_steepest_directions_are_the_axes_of_a_linear_model(plain, monkeypatch):
    slopes = 2.0 ** torch.arange(math.prod(plain.noise_shape)).roll(1)
    monkeypatch.setattr(plain, "render", lambda noise, y: noise * slopes)
    with torch.no_grad():
        found = torch.stack([d.vector for d in directions.steepest(plain, 3)])
    assert found.abs().argmax(1).tolist() == slopes.argsort(descending=True)[:3].tolist() and torch.allclose(found @ found.T, torch.eye(3), atol=1e-5)


def test_supervised_finds_a_known_direction(plain):
    """A predictor that reads one number of the latent through the items' mean brightness is found by its effect."""
    predict = lambda x: torch.stack([x.mean((1, 2, 3)), -x.mean((1, 2, 3))], 1)
    found = directions.supervised(plain, predict, ("bright", "dark"), "z")
    told = directions.effect(plain, found[0], predict, ("bright", "dark"))
    assert told["changes"]["bright"] > 0 > told["changes"]["dark"] and told["leak"] == pytest.approx(1, abs=1e-3)
    rest = directions.conditioned_on(
        directions.Direction("a", "z", torch.tensor([1.0, 1.0])), [directions.Direction("b", "z", torch.tensor([0.0, 2.0]))]
    )
    assert rest.vector[1].abs() < 1e-6


def test_strip_goes_from_one_side_to_the_other(plain):
    direction = directions.Direction("first", "z", torch.eye(4)[0])
    shown = directions.strip(plain, direction, 5, *directions.some_latents(plain, 3, direction.space))
    assert shown.shape == (15, 1, 16, 16)
    latent, y = directions.some_latents(plain, 3, "z")
    with torch.no_grad():
        assert torch.allclose(shown[2::5], plain.render(latent, y), atol=1e-5)             # the middle is the item itself
