"""A discriminator's verdicts mean what they say."""

import pytest
import torch

from sparring.metrics.calibration import accuracy, calibrate


def normal(mean: float, n: int, seed: int) -> torch.Tensor:
    return mean + torch.randn(n, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("real", "fake"), [(1.0, -1.0), (7.0, 6.0), (0.5, -2.5)])
def test_the_logits_of_two_normal_distributions(real, fake):
    """Log N(x; a, 1) - log N(x; b, 1) = (a - b) x + (b^2 - a^2) / 2, whatever the number of items on either side."""
    found = calibrate(normal(real, 40_000, 0), normal(fake, 20_000, 1), "test")
    assert found.scale == pytest.approx(real - fake, rel=0.05) and found.on == "test"
    assert -found.shift / found.scale == pytest.approx((real + fake) / 2, abs=0.03), "undecided half way"
    assert found(torch.tensor([fake - 3])) < 0.1 < 0.9 < found(torch.tensor([real + 3]))


def test_a_verdict_the_wrong_way_round_says_nothing():
    found = calibrate(normal(-1, 500, 0), normal(1, 500, 1), "test")
    assert (found(torch.tensor([-9.0, 0.0, 9.0])) == 0.5).all()


def test_logits_that_are_not_finite_are_left_out():
    real, fake = normal(1, 2000, 0), normal(-1, 2000, 1)
    spoilt = torch.cat([real, torch.tensor([torch.inf, torch.nan])])
    assert calibrate(spoilt, fake, "test") == calibrate(real, fake, "test")
    assert (calibrate(spoilt[-2:], fake, "test")(fake) == 0.5).all(), "nothing is left"


def test_accuracy_is_measured_on_other_items_than_the_threshold():
    """Deviation 1, two apart: a threshold half way is right about P(z < 1) = 84 % of both."""
    told = accuracy(normal(1, 20_000, 0), normal(-1, 20_000, 1))
    assert told["accuracy/real"] == pytest.approx(0.841, abs=0.01) and told["accuracy/fake"] == pytest.approx(0.841, abs=0.01)
    half = torch.tensor([5.0, -5.0]).repeat(500)                              # those of one half are no guide for the other
    assert accuracy(half, -half)["accuracy/real"] == 0 and accuracy(torch.ones(1), torch.ones(9)) == {}
