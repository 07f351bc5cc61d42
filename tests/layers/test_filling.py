"""Holes filled from around."""

import pytest
import torch

from sparring.layers.filling import filled


def hole(n=1, side=32, at=(8, 20)):
    mask = torch.zeros(n, 1, side, side)
    mask[:, :, at[0] : at[1], at[0] : at[1]] = 1
    return mask


@pytest.mark.parametrize("smooth", [0, 4])
def test_what_is_known_is_kept_and_flat_pictures_become_whole(smooth):
    mask = hole()
    x = torch.randn(1, 3, 32, 32)
    assert torch.equal(torch.where(mask > 0, 0, filled(x, mask, 5, smooth)), torch.where(mask > 0, 0, x))
    flat = torch.tensor([0.2, -0.7, 1.0]).view(1, 3, 1, 1).expand(1, 3, 32, 32)
    assert torch.allclose(filled(flat, mask, 5, smooth), flat, atol=1e-6)


def test_it_does_not_look_into_the_hole():
    mask, x = hole(), torch.randn(1, 3, 32, 32)
    assert torch.equal(filled(x, mask, 5, 4), filled(torch.where(mask > 0, 9.0, x), mask, 5, 4))


def test_slopes_are_continued_better_than_by_the_mean():
    mask = hole()
    x = torch.linspace(-1, 1, 32).view(1, 1, 1, 32).expand(1, 1, 32, 32)
    error = lambda y: float(((y - x) * mask).abs().sum() / mask.sum())
    mean = torch.where(mask > 0, (x * (1 - mask)).sum() / (1 - mask).sum(), x)
    assert error(filled(x, mask, 5, 8)) < 0.4 * error(mean)


def test_beyond_reach_of_anything_known_it_is_the_mean_of_that():
    mask = torch.ones(1, 2, 64, 64)[:, :1]
    mask[..., :2, :4] = 0
    x = torch.ones(1, 2, 64, 64)
    x[:, 0, :, 2:] = 0
    y = filled(x, mask, 2, 0)
    assert y[0, :, 0, 0].tolist() == [1, 1] and y[0, :, 40, 40].tolist() == [0.5, 1]
    assert not filled(x, torch.ones(1, 1, 64, 64), 2, 0).any(), "nothing is known"


def test_slopes_go_through_it():
    mask, x = hole(side=16, at=(4, 9)), torch.randn(1, 2, 16, 16, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: filled(x, mask.double(), 3, 2), (x,))
