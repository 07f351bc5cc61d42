"""Gradient penalties. Gradients may run in low precision; their norms are always taken in fp32."""

from collections.abc import Callable

import torch
from torch import Tensor


def slope(score: Tensor, x: Tensor) -> Tensor:
    """grad_x D(x) of every item, (n, numbers of an item), in fp32 and differentiable again.

    `x` must require a gradient and `score` must have been computed from it: (n,), or (n, places), whose mean is an item's. Only x is
    differentiated: no weight's gradient moves here.
    """
    (gradient,) = torch.autograd.grad(score.reshape(len(score), -1).mean(1).sum(), x, create_graph=True)
    return gradient.float().flatten(1)


def zero_centered(score: Tensor, x: Tensor) -> Tensor:
    """E |grad_x D(x)|^2 / 2: R1 on real items, R2 on generated ones.

    Mescheder et al. 2018, https://arxiv.org/abs/1801.04406, Eq. 9 and 10, without gamma.
    """
    return 0.5 * slope(score, x).square().sum(1).mean()


def one_centered(discriminator: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """E (|grad_x D(x)| - 1)^2 at points between real and generated items.

    Gulrajani et al. 2017, https://arxiv.org/abs/1704.00028, Eq. 3, without lambda.
    """
    x = x.detach().requires_grad_(True)
    return (slope(discriminator(x), x).norm(dim=1) - 1).square().mean()


def between(a: Tensor, b: Tensor) -> Tensor:
    """A point on the line from a[i] to b[i] for every i, (n, *shape): where the one-centered penalty looks."""
    t = torch.rand(len(a), *[1] * (a.ndim - 1), device=a.device)
    return torch.lerp(a.detach(), b.detach().to(a.dtype), t)


# ---- on the generator


# |J_w^T y|, y ~ N(0, 1) / sqrt(pixels)
def path_lengths(items: Tensor, w: Tensor) -> Tensor:
    """How far items (n, *shape), computed from styles w (n, layers, d), move in a random direction for a step of w: (n,), differentiable
    again. The mean square over layers, as in the published code.

    Karras et al. 2019, https://arxiv.org/abs/1912.04958, Eq. 4.
    """
    places = items.shape[2:].numel() if items.ndim == 4 else items[0].numel()
    y = torch.randn_like(items) / places**0.5
    (gradient,) = torch.autograd.grad((items * y).sum(), w, create_graph=True)
    return gradient.float().square().sum(2).mean(1).sqrt()


# |W W^T o (1 - I)|^2_F
def orthogonality(weight: Tensor) -> Tensor:
    """How far the rows of a weight (o, ...) are from orthogonal.

    Brock et al. 2018, https://arxiv.org/abs/1809.11096, Eq. 3, without beta.
    """
    rows = weight.flatten(1)
    products = rows @ rows.T
    return (products - products.diag().diag()).square().sum()


# ---- as a discriminator's loss asks for them: the score function, real and generated items, and their scores so far

Score = Callable[[Tensor], Tensor]


def _none(score: Score, real: Tensor, fake: Tensor, real_score: Tensor, fake_score: Tensor) -> dict[str, Tensor]:
    return {}


def _r1(score: Score, real: Tensor, fake: Tensor, real_score: Tensor, fake_score: Tensor) -> dict[str, Tensor]:
    return {"r1": zero_centered(real_score, real)}


def _r1_r2(score: Score, real: Tensor, fake: Tensor, real_score: Tensor, fake_score: Tensor) -> dict[str, Tensor]:
    return {"r1": zero_centered(real_score, real), "r2": zero_centered(fake_score, fake)}


def _interpolated(score: Score, real: Tensor, fake: Tensor, real_score: Tensor, fake_score: Tensor) -> dict[str, Tensor]:
    return {"gradient penalty": one_centered(score, between(real, fake))}


PENALTIES = {"none": _none, "one-centered": _interpolated, "r1": _r1, "r1+r2": _r1_r2}
AT_ITEMS = {"r1", "r1+r2"}
"""those that look at the slope at the items themselves"""
