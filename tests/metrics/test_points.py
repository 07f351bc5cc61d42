import math

import pytest
import torch

from sparring.metrics.points import captured, high_quality, js_from_uniform, kl_from_uniform, median_radius, modes, sliced_wasserstein

MEANS = torch.cartesian_prod(*[torch.arange(-2.0, 3.0) * 2] * 2)  # (25, 2)


def draw(n, seed, sigma=0.05):
    g = torch.Generator().manual_seed(seed)
    return MEANS[torch.randint(25, (n,), generator=g)] + sigma * torch.randn(n, 2, generator=g)


def test_true_points_give_the_closed_forms():
    points = draw(100_000, 0)
    assert modes(points, MEANS, 0.05) == 25
    assert high_quality(points, MEANS, 0.05) == pytest.approx(1 - math.exp(-4.5), abs=1e-3)
    assert median_radius(points, MEANS, 0.05) == pytest.approx(math.sqrt(2 * math.log(2)), abs=0.01)
    assert kl_from_uniform(captured(points, MEANS, 0.05)) == pytest.approx(24 / 2 / 100_000, abs=3e-4)


def test_divergences_from_uniform():
    one, half = torch.tensor([7, 0, 0, 0]), torch.tensor([5, 5, 0, 0])
    assert kl_from_uniform(one) == pytest.approx(math.log(4))
    assert kl_from_uniform(half) == pytest.approx(math.log(2))
    assert js_from_uniform(torch.tensor([3, 3, 3, 3])) == pytest.approx(0, abs=1e-12)
    p, u = torch.tensor([0.5, 0.5, 0, 0]).double(), torch.full((4,), 0.25).double()
    m = (p + u) / 2
    formula = 0.5 * (2 * 0.5 * math.log(0.5 / 0.375)) + 0.5 * sum(0.25 * math.log(0.25 / v) for v in m.tolist())
    assert js_from_uniform(half) == pytest.approx(formula)


def test_three_sigma_is_strict_and_far_points_count_nowhere():
    points = torch.tensor([[0.0, 0.0], [0.0, 0.2], [1.0, 1.0]])
    assert captured(points, MEANS, 0.05).sum() == 1
    assert high_quality(points, MEANS, 0.05) == pytest.approx(1 / 3)


def test_shrunken_modes_raise_quality_and_show_in_the_radius():
    points = draw(5000, 1, sigma=0.02)
    assert high_quality(points, MEANS, 0.05) > 0.999
    assert median_radius(points, MEANS, 0.05) == pytest.approx(0.4 * 1.1774, rel=0.05)


def test_wasserstein_of_a_shift_is_the_mean_projection():
    points = draw(400, 2)
    shifted = points + torch.tensor([3.0, 0.0])
    assert sliced_wasserstein(points, shifted) == pytest.approx(3 * 2 / math.pi, rel=0.1)  # E|cos| = 2/pi for Gaussian directions
    assert sliced_wasserstein(points, points) == pytest.approx(0, abs=1e-12)


def test_wasserstein_with_unequal_numbers_equals_scipy():
    stats = pytest.importorskip("scipy.stats")
    g = torch.Generator().manual_seed(3)
    a, b = torch.randn(30, 1, generator=g), torch.randn(47, 1, generator=g) * 2
    theirs = stats.wasserstein_distance(a.flatten().double().numpy(), b.flatten().double().numpy())
    assert sliced_wasserstein(a, b) == pytest.approx(theirs, rel=1e-9)
