"""Halving and doubling pictures (n, c, h, w) through the filter [1, 3, 3, 1], as StyleGAN does, without compiled extensions.

Karras et al. 2019, https://arxiv.org/abs/1912.04958, appendix B; zeros lie beyond the borders, as in the published code. Every form is made of
torch's own operators, so derivatives of derivatives come with them; which form is quickest was measured (benchmarks/operators.py): a depthwise
convolution, but in bf16 torch has no quick strided one, so there doubling repeats pixels first and halving is done in fp32.
"""

from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

from sparring.layers.precision import unchanged


@lru_cache(maxsize=256)
def kernel(taps: tuple[float, ...], gain: float, channels: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """The outer product of taps with themselves, summing to `gain`, once for every channel: (c, 1, k, k)."""
    line = torch.tensor(taps, dtype=torch.float32, device=device) / sum(taps)
    return (gain * torch.outer(line, line)).to(dtype).expand(channels, 1, -1, -1).contiguous()


def depthwise(x: Tensor, taps: tuple[float, ...], stride: int, padding: int, gain: float = 1.0) -> Tensor:
    """Every channel through the filter."""
    with unchanged(x):
        return F.conv2d(x, kernel(taps, gain, x.shape[1], x.dtype, x.device), stride=stride, padding=padding, groups=x.shape[1])


def doubled(x: Tensor) -> Tensor:
    """(n, c, h, w) -> (n, c, 2h, 2w): zeros between the pixels, [1, 3, 3, 1] / 4 both ways. That is [1, 1] * [1, 2, 1]: repeat, smooth."""
    if x.dtype != torch.float32:
        return depthwise(F.interpolate(x, scale_factor=2), (1, 2, 1), 1, 1)
    with unchanged(x):
        return F.conv_transpose2d(x, kernel((1, 3, 3, 1), 4.0, x.shape[1], x.dtype, x.device), stride=2, padding=1, groups=x.shape[1])


def halved(x: Tensor) -> Tensor:
    """(n, c, 2h, 2w) -> (n, c, h, w): [1, 3, 3, 1] / 8 both ways, at every second pixel."""
    return depthwise(x.float(), (1, 3, 3, 1), 2, 1).to(x.dtype)


def doubling_conv(x: Tensor, weight: Tensor) -> Tensor:
    """Zeros between the pixels, a 3x3 convolution, the filter: (n, i, h, w), (o, i, 3, 3) -> (n, o, 2h, 2w)."""
    h = F.conv_transpose2d(x, weight.transpose(0, 1), stride=2)                         # (n, o, 2h + 1, 2w + 1)
    return depthwise(h, (1, 3, 3, 1), 1, 1, gain=4.0)


def halving_conv(x: Tensor, weight: Tensor) -> Tensor:
    """The filter, then a 3x3 convolution at every second pixel: (n, i, 2h, 2w), (o, i, 3, 3) -> (n, o, h, w)."""
    return F.conv2d(depthwise(x, (1, 3, 3, 1), 1, 2), weight, stride=2)
