"""The objectives in numbers, where real and generated items are told apart."""

from math import exp, log1p

import pytest
import torch

from sparring.losses.adversarial import OBJECTIVES

REAL, FAKE = (2.0, -0.5), (-1.0, 0.25)
plus = lambda x: log1p(exp(x))
mean = lambda *values: sum(values) / len(values)
LOGISTIC = mean(plus(-2.0), plus(0.5)) + mean(plus(-1.0), plus(0.25))
BY_HAND = {
    "minimax": (LOGISTIC, -mean(plus(-1.0), plus(0.25))),
    "non-saturating": (LOGISTIC, mean(plus(1.0), plus(-0.25))),
    "least-squares": ((mean(1.0, 2.25) + mean(1.0, 0.0625)) / 2, mean(4.0, 0.5625) / 2),
    "hinge": (mean(0.0, 1.5) + mean(0.0, 1.25), mean(1.0, -0.25)),
    "wasserstein": (mean(-1.0, 0.25) - mean(2.0, -0.5), mean(1.0, -0.25)),
    "relativistic": (mean(plus(-1.0 - 2.0), plus(0.25 + 0.5)), mean(plus(2.0 + 1.0), plus(-0.5 - 0.25))),
}


@pytest.mark.parametrize("name", sorted(OBJECTIVES))
def test_an_objective_by_hand(name):
    real, fake = torch.tensor(REAL), torch.tensor(FAKE)
    discriminator, generator = BY_HAND[name]
    assert float(OBJECTIVES[name].discriminator(real, fake)) == pytest.approx(discriminator, rel=1e-6)
    assert float(OBJECTIVES[name].generator(fake, lambda: real)) == pytest.approx(generator, rel=1e-6)


@pytest.mark.parametrize("name", sorted(OBJECTIVES))
def test_each_player_wants_what_it_is_there_for(name):
    """The discriminator real items up and generated ones down, the generator its own up."""
    real, fake = (torch.tensor(logits, requires_grad=True) for logits in ((0.4, 0.2), (0.3, 0.1)))
    of_real, of_fake = torch.autograd.grad(OBJECTIVES[name].discriminator(real, fake), (real, fake))
    (own,) = torch.autograd.grad(OBJECTIVES[name].generator(fake, lambda: real.detach()), fake)
    assert (of_real < 0).all() and (of_fake > 0).all() and (own < 0).all()
