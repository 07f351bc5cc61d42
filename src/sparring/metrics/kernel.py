"""Kernel distance (KID): the squared maximum mean discrepancy under a cubic polynomial kernel.

Bińkowski et al. 2018, https://arxiv.org/abs/1801.01401. Unbiased, so that small negative values are normal: never clipped.
"""

import torch
from torch import Tensor

from sparring.base.seeding import generator

BLOCK = 2048
SUBSETS = 100


def cubic(x: Tensor, y: Tensor) -> Tensor:
    """k(x, y) = (x.y / d + 1)^3 between all rows: (n, m)."""
    return (x @ y.T / x.shape[1] + 1) ** 3


# MMD^2 = sum_{i != j} k(x_i, x_j) / n(n-1)  +  sum_{i != j} k(y_i, y_j) / n(n-1)  -  2 sum_{ij} k(x_i, y_j) / n^2
def kernel_distance(reference: Tensor, judged: Tensor, seed: int = 0) -> tuple[float, float, int]:
    """Mean, standard deviation and size of 100 random subsets of features (n, d) and (m, d); at least four items each.

    A subset has min(1000, half the items) of each set. The sums over all subsets come from one pass over the kernel:
    with rows of zeros and ones that say who is in a subset, sum k = a K b.
    """
    size = min(1000, len(reference) // 2, len(judged) // 2)
    x, y = reference.double(), judged.double()
    draw = generator("kid", seed)
    a, b = members(len(x), size, draw), members(len(y), size, draw)  # (subsets, n), (subsets, m)
    within = sum(forms(s, z, s, z) - s @ cubic_of_itself(z) for s, z in ((a, x), (b, y)))
    distances = within / (size * (size - 1)) - 2 * forms(a, x, b, y) / size**2  # (subsets,)
    return distances.mean().item(), distances.std(correction=0).item(), size


def members(n: int, size: int, draw: torch.Generator) -> Tensor:
    """(subsets, n) zeros and ones: each row marks `size` items drawn without replacement."""
    chosen = torch.stack([torch.randperm(n, generator=draw)[:size] for _ in range(SUBSETS)])
    return torch.zeros(SUBSETS, n, dtype=torch.float64).scatter_(1, chosen, 1.0)


def cubic_of_itself(x: Tensor) -> Tensor:
    return (x.square().sum(1) / x.shape[1] + 1) ** 3


def forms(a: Tensor, x: Tensor, b: Tensor, y: Tensor) -> Tensor:
    """a_s K(x, y) b_s for every subset s, in blocks of rows: (subsets,)."""
    return sum((rows * (b @ cubic(y, part))).sum(1) for rows, part in zip(a.split(BLOCK, 1), x.split(BLOCK)))
