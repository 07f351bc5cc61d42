"""Holes filled from what is known around them, from coarse to fine, without anything learnt.

Pull and push: Gortler et al. 1996 (The Lumigraph), https://doi.org/10.1145/237170.237200, section 3.4.2.
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def filled(x: Tensor, hole: Tensor, levels: int, smooth: int) -> Tensor:
    """x (n, c, h, w) with what lies around where hole (n, 1, h, w) is 1; sides must be multiples of 2^levels. What is further than that from all
    that is known becomes its mean. Then the hole is smoothed so many times, which takes the seams of the levels away."""
    known = 1 - hole
    values, weights = [x * known], [known]
    for _ in range(levels):                                                             # pull: means of what is known, (n, c, h / 2^i, w / 2^i)
        share = F.avg_pool2d(weights[-1], 2)
        values.append(F.avg_pool2d(values[-1] * weights[-1], 2) / share.clamp(min=1e-6))
        weights.append((4 * share).clamp(max=1))                                        # one known pixel of four is enough
    mean = (x * known).sum((2, 3), keepdim=True) / known.sum((2, 3), keepdim=True).clamp(min=1)
    fill = values[-1] * weights[-1] + mean * (1 - weights[-1])
    for value, weight in zip(values[-2::-1], weights[-2::-1]):                          # push: from around where nothing is known
        up = F.interpolate(fill, value.shape[2:], mode="bilinear", align_corners=False)
        fill = value * weight + up * (1 - weight)
    kernel = fill.new_tensor([[1.0, 2, 1], [2, 4, 2], [1, 2, 1]]).div(16).expand(x.shape[1], 1, 3, 3)
    for _ in range(smooth):
        around = F.conv2d(F.pad(fill, (1, 1, 1, 1), mode="replicate"), kernel, groups=x.shape[1])
        fill = torch.where(hole > 0.5, around, fill)
    return fill
