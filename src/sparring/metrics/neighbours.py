"""Metrics made of nearest neighbours: does each item lie where the other set lies? All distances in blocks, so memory stays bounded.

Precision and recall: Kynkäänniemi et al. 2019, https://arxiv.org/abs/1904.06991. Density and coverage: Naeem et al. 2020,
https://arxiv.org/abs/2002.09797.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from sparring.base.seeding import generator

BLOCK = 1024
CALIBRATION = 2000
COPIES = 0.01


def distance_blocks(x: Tensor, y: Tensor) -> Iterator[Tensor]:
    """Euclidean distances of the rows of x (n, d) to all of y (m, d): blocks (<= 1024, m) in float64."""
    y = y.double()
    for rows in x.split(BLOCK):
        yield torch.cdist(rows.double(), y)


def radii(x: Tensor, k: int) -> Tensor:
    """Distance of each item to its k-th nearest other item of the same set: (n,)."""
    return torch.cat([block.kthvalue(k + 1, dim=1).values for block in distance_blocks(x, x)])  # the nearest is the item itself


def nearest(x: Tensor, y: Tensor) -> Tensor:
    """Distance of each row of x to the nearest row of y: (n,)."""
    return torch.cat([block.amin(1) for block in distance_blocks(x, y)])


# precision = 1/M sum_j 1[exists i: |f_j - r_i| <= radius_k(r_i)]
def precision(reference: Tensor, judged: Tensor, k: int = 3) -> float:
    """Share of judged items inside at least one reference item's k-neighbour ball. Needs more than k reference items."""
    balls = radii(reference, k)
    return torch.cat([(block <= balls).any(1) for block in distance_blocks(judged, reference)]).double().mean().item()


def recall(reference: Tensor, judged: Tensor, k: int = 3) -> float:
    """Share of reference items inside at least one judged item's k-neighbour ball: precision with the sets exchanged."""
    return precision(judged, reference, k)


# density = 1/(k M) sum_j sum_i 1[|f_j - r_i| < radius_k(r_i)]
def density(reference: Tensor, judged: Tensor, k: int = 5) -> float:
    """How many reference balls hold a judged item, over k; about 1 for a perfect generator, and it may exceed 1."""
    balls = radii(reference, k)
    return torch.cat([(block < balls).sum(1) for block in distance_blocks(judged, reference)]).double().mean().item() / k


# coverage = 1/N sum_i 1[min_j |r_i - f_j| < radius_k(r_i)]
def coverage(reference: Tensor, judged: Tensor, k: int = 5) -> float:
    """Share of reference items whose k-neighbour ball holds a judged item."""
    return (nearest(reference, judged) < radii(reference, k)).double().mean().item()


def copy_threshold(training: Tensor, seed: int = 0) -> float:
    """The distance below which an item of training features (n, d) is as near to another one as only 1 % of them are.

    Estimated on up to 2,000 of them. Training data with many duplicates have threshold zero but for rounding.
    """
    some = torch.randperm(len(training), generator=generator("copies", seed))[:CALIBRATION]
    others = torch.cat([block.kthvalue(2, dim=1).values for block in distance_blocks(training[some], training)])
    return max(others.quantile(COPIES).item(), 1e-6 * others.median().item())


def copies(training: list[Tensor], judged: list[Tensor], seed: int = 0) -> float:
    """Share of judged items that are nearer to some training item than 99 % of training items are to each other.

    Both arguments hold one feature matrix for each way to look (a network's features, pixels), and an item is a copy only when it
    is too near in all of them: typical items lie close together in one view, copies in every one.
    """
    near = [nearest(fakes, known) <= copy_threshold(known, seed) for known, fakes in zip(training, judged)]
    return torch.stack(near).all(0).double().mean().item()
