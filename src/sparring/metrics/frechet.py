"""Fréchet distance between two sets of features, read as Gaussians.

Heusel et al. 2017, https://arxiv.org/abs/1706.08500. On the published Inception's features it is called FID, on every other network `fd`.
"""

import torch
from torch import Tensor


def moments(features: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (d,) and covariance (d, d) with divisor N-1, in float64."""
    x = features.double()
    mean = x.mean(0)
    centred = x - mean
    return mean, centred.T @ centred / (len(x) - 1)


def square_root(matrix: Tensor) -> Tensor:
    """The symmetric root of a positive semidefinite matrix."""
    values, vectors = torch.linalg.eigh(matrix)
    return (vectors * values.clamp(min=0).sqrt()) @ vectors.T


# ||m1 - m2||^2 + Tr(S1 + S2) - 2 Tr((S1 S2)^1/2), where S1 S2 and S1^1/2 S2 S1^1/2 share their eigenvalues
def gaussian_distance(m1: Tensor, s1: Tensor, m2: Tensor, s2: Tensor) -> Tensor:
    """Squared Fréchet distance of N(m1, S1) and N(m2, S2). The second form is symmetric, so nothing complex can appear."""
    root = square_root(s1)
    cross = torch.linalg.eigvalsh(root @ s2 @ root).clamp(min=0).sqrt().sum()
    return (m1 - m2).square().sum() + s1.trace() + s2.trace() - 2 * cross


def frechet_distance(reference: Tensor, judged: Tensor) -> float:
    """Of features (n, d) and (m, d); at least two items each. Biased upwards, the more the fewer items: compare at one n only."""
    return gaussian_distance(*moments(reference), *moments(judged)).item()


def frechet_distance_infinity(reference: Tensor, judged: Tensor, points: int = 15) -> float:
    """Extrapolated to infinitely many judged items: the distance is nearly linear in 1/N, so the line's value at 1/N = 0.

    Chong and Forsyth 2020, https://arxiv.org/abs/1911.07023, with their 15 sizes from N/10 to N. The items must be in random
    order: each size takes the first ones. What the finite reference adds to the bias stays.
    """
    sizes = torch.linspace(max(2, len(judged) // 10), len(judged), points).long()
    mean, covariance = moments(reference)
    distances = torch.stack([gaussian_distance(mean, covariance, *moments(judged[:n])) for n in sizes.tolist()])
    line = torch.stack([torch.ones(points, dtype=torch.float64), 1 / sizes.double()], 1)  # (points, 2)
    return torch.linalg.lstsq(line, distances[:, None]).solution[0].item()
