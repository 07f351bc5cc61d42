"""Distances that follow what is seen rather than pixels."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Maps = Callable[[Tensor], Sequence[Tensor]]
"""pictures (n, c, h, w) to maps (n, c_l, h_l, w_l) of a feature network"""


# sum_l 1/(h_l w_l) sum_hw | f_l(x) / |f_l(x)| - f_l(y) / |f_l(y)| |^2
def perceptual(a: Sequence[Tensor], b: Sequence[Tensor]) -> Tensor:
    """Distance (n,) of two lists of maps: at every place the squared distance of the channels as unit vectors, the mean over places and layers.

    Zhang et al. 2018 (LPIPS), https://arxiv.org/abs/1801.03924, Eq. 1, with equal weights for all channels.
    """
    return torch.stack([(unit(x) - unit(y)).square().sum(1).mean((1, 2)) for x, y in zip(a, b)]).mean(0)


# mean_i E |f_i(x) - f_i(y)|
def mismatch(a: Sequence[Tensor], b: Sequence[Tensor]) -> Tensor:
    """How far the maps of a discriminator's layers lie apart for made and true pictures, a scalar.

    Wang et al. 2017 (pix2pixHD), https://arxiv.org/abs/1711.11585, Eq. 4: feature matching.
    """
    return torch.stack([(x - y).abs().float().mean() for x, y in zip(a, b)]).mean()


def unit(x: Tensor) -> Tensor:
    """Channels at every place as unit vectors."""
    x = x.float()
    return x / (x.square().sum(1, keepdim=True) + 1e-8).sqrt()
