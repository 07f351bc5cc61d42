"""Halving and doubling pictures (n, c, h, w) through the filter [1, 3, 3, 1], as StyleGAN does, without compiled extensions.

Karras et al. 2019, https://arxiv.org/abs/1912.04958, appendix B. Borders are repeated, where the published code pads with zeros, which
darkens a rim. Every form here is made of torch's own operators: derivatives of derivatives come with them.
"""

from torch import Tensor
from torch.nn import functional as F


def doubled(x: Tensor) -> Tensor:
    """(n, c, h, w) -> (n, c, 2h, 2w). Zeros between the pixels, then [1, 3, 3, 1] / 4 both ways: that is bilinear interpolation."""
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


def halved(x: Tensor) -> Tensor:
    """(n, c, 2h, 2w) -> (n, c, h, w). [1, 3, 3, 1] / 8 both ways, every second pixel: [1, 3, 3, 1] = [1, 1] * [1, 1] * [1, 1], so three
    means of neighbours, of which the last keeps every second."""
    x = F.pad(x, (1, 1, 1, 1), mode="replicate")
    return F.avg_pool2d(F.avg_pool2d(F.avg_pool2d(x, 2, 1), 2, 1), 2, 2)


def smoothed(x: Tensor) -> Tensor:
    """[1, 3, 3, 1] / 8 both ways: (n, c, h + 3, w + 3) -> (n, c, h, w)."""
    return F.avg_pool2d(F.avg_pool2d(F.avg_pool2d(x, 2, 1), 2, 1), 2, 1)


def doubling_conv(x: Tensor, weight: Tensor) -> Tensor:
    """Zeros between the pixels, a 3x3 convolution, the filter: (n, i, h, w), (o, i, 3, 3) -> (n, o, 2h, 2w)."""
    return F.conv2d(doubled(x), weight, padding=1)


def halving_conv(x: Tensor, weight: Tensor) -> Tensor:
    """The filter, then a 3x3 convolution at every second pixel: (n, i, 2h, 2w), (o, i, 3, 3) -> (n, o, h, w)."""
    return F.conv2d(smoothed(F.pad(x, (2, 2, 2, 2), mode="replicate")), weight, stride=2)
