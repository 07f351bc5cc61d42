"""Whether a collection of pictures stays what it is when pictures are mirrored: a question to the data, not to the user."""

import torch
from torch import Tensor
from torch.nn import functional as F

from sparring.base.seeding import generator

LOOKED_AT = 2000
SIDE = 16
TOLD_APART = 0.6
"""share of held-out pictures told from their mirror images above which mirroring changes the collection"""
FEWEST = 40


def told_from_mirror_images(x: Tensor) -> float:
    """The share of held-out pictures (n, c, h, w) that a linear classifier tells from their mirror images; 0.5 where there is no handedness.

    It looks at the left half of x - mirror(x), which turns its sign with mirroring, so that one half of the pictures is enough to fit
    it (ridge regression to 1) and the other to test it; both halves take both parts.
    """
    rows = torch.randperm(len(x), generator=generator("mirror"))[:LOOKED_AT]
    small = F.adaptive_avg_pool2d(x[rows].float(), tuple(min(SIDE, side) for side in x.shape[2:]))
    turned = (small - small.flip(3))[..., : small.shape[3] // 2].flatten(1).double()                # (n, numbers)
    if not turned.any():
        return 0.5
    shares, half = [], len(turned) // 2
    for fit, held in ((turned[:half], turned[half:]), (turned[half:], turned[:half])):
        moment = fit.T @ fit / len(fit)
        ridge = (0.1 * moment.trace() / len(moment)).clamp(min=1e-9) * torch.eye(len(moment), dtype=torch.float64)
        weight = torch.linalg.solve(moment + ridge, fit.mean(0))
        side = held @ weight                                                            # 0: their own mirror images
        shares.append(((side > 0).double() + (side == 0).double() / 2).mean().item())
    return sum(shares) / 2


def mirrors(x: Tensor) -> bool:
    """Whether mirrored pictures could be some of the pictures x; no, where there are too few to tell."""
    return len(x) >= FEWEST and told_from_mirror_images(x) < TOLD_APART
