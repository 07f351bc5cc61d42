"""Metrics made of nearest neighbours: does each item lie where the other set lies? All distances in blocks, so memory stays bounded.

Precision and recall: Kynkäänniemi et al. 2019, https://arxiv.org/abs/1904.06991. Density and coverage: Naeem et al. 2020,
https://arxiv.org/abs/2002.09797.
"""

from collections.abc import Iterator

import numpy as np
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


def nearest_two(x: Tensor, y: Tensor, without: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Distances (n, 2) from the rows of x to the two nearest rows of y, and which those are (n, 2); row `without[i]` of y is not there for x_i."""
    distances, indices = [], []
    for start, block in zip(range(0, len(x), BLOCK), distance_blocks(x, y)):
        if without is not None:
            block.scatter_(1, without[start : start + BLOCK, None], float("inf"))
        found = block.topk(2, largest=False)
        distances.append(found.values)
        indices.append(found.indices)
    return torch.cat(distances), torch.cat(indices)


# closeness(x) = |x - r| / |r - r'|, r the training item nearest to x, r' the one nearest to r
def closeness(training: Tensor, judged: Tensor) -> Tensor:
    """How near judged items (n, d) are to a training item, measured by how lonely that item is: (n,), about 1 for fresh items."""
    distance, index = nearest_two(judged, training)
    loneliness, _ = nearest_two(training[index[:, 0]], training, without=index[:, 0])
    return _ratio(distance[:, 0], loneliness[:, 0])


def closeness_among(training: Tensor, rows: Tensor) -> Tensor:
    """The same for some training items (n,) as if they were not in the training set: what fresh items would get."""
    distance, index = nearest_two(training[rows], training, without=rows)
    loneliness, others = nearest_two(training[index[:, 0]], training, without=index[:, 0])
    return _ratio(distance[:, 0], torch.where(others[:, 0] == rows, loneliness[:, 1], loneliness[:, 0]))


def distinct(views: list[Tensor]) -> Tensor:
    """Places (m,) of the items that equal no earlier one in any view; each view holds one row of features an item. Of an item with a twin nobody
    could say whether it was copied: its own to the next is no distance. All places where fewer than three items are distinct."""
    first = torch.ones(len(views[0]), dtype=torch.bool)
    for view in views:
        _, places = np.unique([hash(row.tobytes()) for row in view.cpu().numpy()], return_index=True)
        alone = torch.zeros_like(first)
        alone[places] = True
        first &= alone
    places = first.nonzero().squeeze(1)
    return places if len(places) > 2 else torch.arange(len(first))


def _ratio(distance: Tensor, loneliness: Tensor) -> Tensor:
    tiny = 1e-6 * loneliness.median().clamp(min=1e-12)  # duplicates in the training set have no distance at all
    return (distance + tiny) / (loneliness + tiny)


def copies(training: list[Tensor], judged: list[Tensor], seed: int = 0) -> float:
    """Share of judged items that are closer to a training item than 99 % of training items are to another one.

    Both arguments hold one feature matrix for each way to look (a network's features, pixels); closeness is the geometric mean over
    them. A plain distance would be fooled: it calls typical items copies, which lie in crowded places, and misses copies of rare ones.
    Equal training items count once. The threshold comes from up to 2,000 of them. Needs at least three.
    """
    kept = distinct(training)
    training = [known[kept] for known in training]
    rows = torch.randperm(len(training[0]), generator=generator("copies", seed))[:CALIBRATION]
    fresh = torch.stack([closeness_among(known, rows).log() for known in training]).mean(0)
    seen = torch.stack([closeness(known, fakes).log() for known, fakes in zip(training, judged)]).mean(0)
    return (seen <= fresh.quantile(COPIES)).double().mean().item()
