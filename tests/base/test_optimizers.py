"""A step is the same whatever the order in which weights lie in memory."""

import pytest
import torch

from sparring.play.optimizers import Adam


@pytest.mark.parametrize("gradient", [torch.channels_last, torch.contiguous_format])
def test_channels_last_takes_the_same_steps(gradient):
    found = []
    for layout, of in ((torch.channels_last, gradient), (torch.contiguous_format, torch.contiguous_format)):
        torch.manual_seed(0)
        weight = torch.nn.Parameter(torch.randn(8, 4, 3, 3).to(memory_format=layout))
        moves = Adam().make([weight, torch.nn.Parameter(torch.zeros(3))])
        for _ in range(3):
            weight.grad = torch.randn(8, 4, 3, 3).to(memory_format=of)
            moves.step()
        found.append((weight.detach(), moves.state_dict()["state"][0]))
    (weight, state), (expected, plain) = found
    assert torch.allclose(weight, expected, atol=1e-7) and weight.is_contiguous(memory_format=torch.channels_last)
    assert all(torch.allclose(v, plain[k], atol=1e-7) and v.shape == plain[k].shape for k, v in state.items())
