"""Metrics of points against a mixture of Gaussians whose means (m, d) and standard deviation sigma are known.

The protocol of Lin et al. 2018 (PacGAN), https://arxiv.org/abs/1712.04086: 2,500 points; one is of high quality when it lies within
3 sigma of its nearest mean; a mode is found when at least one such point belongs to it. Never read modes alone: shrunken modes raise
the high-quality share, which is why `radius` stands beside it (of true points in two dimensions: sqrt(2 ln 2) = 1.1774 sigma).
"""

import torch
from torch import Tensor

from sparring.base.seeding import generator

PROTOCOL_ITEMS = 2500
PROJECTIONS = 128


def nearest_mode(points: Tensor, means: Tensor) -> tuple[Tensor, Tensor]:
    """Distance to the nearest mean and its index, for points (n, d): (n,), (n,)."""
    distance, index = torch.cdist(points.double(), means.double()).min(1)
    return distance, index


def captured(points: Tensor, means: Tensor, sigma: float) -> Tensor:
    """High-quality points of each mode: counts (m,)."""
    distance, index = nearest_mode(points, means)
    return torch.bincount(index[distance < 3 * sigma], minlength=len(means))


def modes(points: Tensor, means: Tensor, sigma: float) -> int:
    """Number of modes with at least one high-quality point."""
    return int((captured(points, means, sigma) > 0).sum())


def high_quality(points: Tensor, means: Tensor, sigma: float) -> float:
    """Share of points within 3 sigma of their nearest mean (of true points in two dimensions: 1 - exp(-9/2) = 0.9889)."""
    return (nearest_mode(points, means)[0] < 3 * sigma).double().mean().item()


# KL(p || u) = sum_i p_i ln(p_i m), u uniform over m modes
def kl_from_uniform(counts: Tensor) -> float:
    """KL(captured || uniform over all modes) in nats, of counts (m,) that are not all zero. One mode alone gives ln m."""
    p = counts.double() / counts.sum()
    return torch.special.xlogy(p, p * len(p)).sum().item()


# JS(p, u) = KL(p || (p+u)/2) / 2 + KL(u || (p+u)/2) / 2
def js_from_uniform(counts: Tensor) -> float:
    """Jensen-Shannon divergence of captured counts (m,) and the uniform distribution, in nats: between 0 and ln 2."""
    p = counts.double() / counts.sum()
    u = torch.full_like(p, 1 / len(p))
    middle = (p + u) / 2
    return ((torch.special.xlogy(p, p / middle) + torch.special.xlogy(u, u / middle)).sum() / 2).item()


def median_radius(points: Tensor, means: Tensor, sigma: float) -> float:
    """Median distance to the nearest mean, in sigmas."""
    return nearest_mode(points, means)[0].quantile(0.5).item() / sigma


# mean over directions of W1 = integral |F(t) - G(t)| dt
def sliced_wasserstein(reference: Tensor, judged: Tensor, seed: int = 0) -> float:
    """Mean Wasserstein-1 distance of points (n, d) and (m, d) along 128 fixed random directions, in the points' own units.

    Bonneel et al. 2015, https://doi.org/10.1007/s10851-014-0506-3; exact on each line, for any n and m.
    """
    directions = torch.randn(reference.shape[1], PROJECTIONS, generator=generator("wasserstein", seed), dtype=torch.float64)
    directions /= directions.norm(dim=0)
    a, b = ((points.double() @ directions).T.contiguous().sort(1).values for points in (reference, judged))  # (128, n), (128, m)
    t = torch.cat([a, b], 1).sort(1).values  # (128, n + m)
    f, g = (torch.searchsorted(s, t[:, :-1].contiguous(), right=True).double() / s.shape[1] for s in (a, b))
    return ((f - g).abs() * t.diff(dim=1)).sum(1).mean().item()
