"""What is sampled, judged and exported: averaged weights, and statistics that fit them."""

import pytest
import torch
from torch import nn

from sparring.base.clock import Clock, constant
from sparring.play.average import Average
from sparring.play.game import BLOCK
from sparring.play.watching import SETTLING_BLOCKS, settle, watching
from tests.laws.toys import CASES, play


@pytest.mark.parametrize("warm_up", [1e9, 0.05])
def test_an_average_in_closed_form(warm_up):
    """Weights 1, 2, 3 ... after rounds of 10 images, a half-life of 40 of them, which warm-up shortens at first."""
    network = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(network.weight)
    average, expected = Average(network, constant(40), warm_up), 0.0
    for round in range(1, 30):
        nn.init.constant_(network.weight, float(round))
        images = 10 * round
        average.follow(Clock(round=round, images=images, drawn=10, rounds=30))
        beta = 0.5 ** (10 / min(40.0, warm_up * images))
        expected = beta * expected + (1 - beta) * round
        assert average.mean.weight.item() == pytest.approx(expected, rel=1e-5)
    assert 0 < average.mean.weight.item() < 29 == network.weight.item()
    assert not any(p is q for p in average.mean.parameters() for q in network.parameters())


def test_buffers_are_those_of_the_source():
    network = nn.BatchNorm1d(3)
    average = Average(network, constant(40), 1.0)
    network(torch.randn(50, 3) + 5)
    average.follow(Clock(round=1, images=10, drawn=10, rounds=30))
    assert torch.equal(average.mean.running_mean, network.running_mean) and average.mean.running_mean.abs().min() > 0


def test_standing_statistics_are_those_of_the_averaged_weights():
    """Batch norm's mean and variance are of what comes in over a fixed set of noise, and afterwards all is as it was."""
    game = play(CASES["dcgan-batchnorm"].trainer(), 6).game
    norms = [m for a in game.modules() if isinstance(a, Average) for m in a.mean.modules() if isinstance(m, nn.BatchNorm2d)]
    assert norms
    seen, before = [], [m.running_mean.clone() for m in norms]
    with watching(game):
        settled = norms[0].running_mean.clone(), norms[0].running_var.clone()
        hook = norms[0].register_forward_pre_hook(lambda module, given: seen.append(given[0].double()))
        settle(game)
        hook.remove()
        assert torch.equal(settled[0], norms[0].running_mean), "settling twice is settling once"
        assert len(seen) == SETTLING_BLOCKS and len(seen[0]) == BLOCK
        means = torch.stack([x.mean((0, 2, 3)) for x in seen])
        variances = torch.stack([x.var((0, 2, 3)) for x in seen])
        assert torch.allclose(settled[0].double(), means.mean(0), atol=1e-5) and torch.allclose(settled[1].double(), variances.mean(0), rtol=1e-3)
    assert all(torch.equal(m.running_mean, old) for m, old in zip(norms, before)) and not torch.equal(settled[0], before[0])
