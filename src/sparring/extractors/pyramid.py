"""EfficientNet-Lite0's maps at four scales, as a frozen part of a loss: differentiable in the picture, without statistics of its own."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

from sparring.extractors.efficientnet import EfficientNetLite0, colour
from sparring.layers.precision import unchanged
from sparring.losses.perceptual import perceptual

ENDS = (2, 4, 10, 15)
"""the last block before each further halving, and the last of all: strides 4, 8, 16, 32"""
CHANNELS = (24, 40, 112, 320)


class Pyramid(nn.Module):
    """Pictures (n, 1|3|4, h, w) in [-1, 1] -> maps (n, 24|40|112|320, side / 4|8|16|32, ...), the finest `scales` of them, seen at `side` pixels.

    Batch norm and padding are folded into the convolutions: same function, half the passes. UserError when the extra `judge` is not installed.
    """

    def __init__(self, side: int, scales: int = 4):
        super().__init__()
        self.side = side
        with torch.random.fork_rng(devices=[]):                     # weights that are drawn before they are read
            whole = EfficientNetLite0().network
            self.stem = folded(whole._conv_stem, whole._bn0)
            self.blocks = nn.ModuleList(Block(block) for block in whole._blocks[: ENDS[scales - 1] + 1])
        self.requires_grad_(False).eval().to(memory_format=torch.channels_last)

    def forward(self, x: Tensor) -> list[Tensor]:
        x = colour(x)
        if x.shape[2:] != (self.side, self.side):
            x = F.interpolate(x, (self.side, self.side), mode="bilinear", align_corners=False)
        x = F.relu6(self.stem(((127.5 * x + 0.5) / 128).contiguous(memory_format=torch.channels_last)))
        maps = []
        for i, block in enumerate(self.blocks):
            x = block(x)
            if i in ENDS:
                maps.append(x)
        return maps


class PerceptualDistance:
    """Of two batches of pictures (n, c, h, w) in [-1, 1], (n,): `losses.perceptual.perceptual` through a pyramid. No module: the network is part of
    no game's state, and is loaded when it first looks."""

    def __init__(self, side: int, scales: int = 3):
        """`side`: of the pictures, about."""
        self.side, self.scales, self.pyramid = max(32, min(256, 32 * round(side / 32))), scales, None

    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        if self.pyramid is None:
            self.pyramid = Pyramid(self.side, self.scales).to(a.device)
        return perceptual(self.pyramid(a), self.pyramid(b))


def folded(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> nn.Conv2d:
    """The package's convolution and its batch norm as one convolution that pads by itself, alike on all sides, without a padded copy of the maps:
    where the package pads one pixel more at the end than at the start, the kernel begins with a row and a column of zeros."""
    fused = fuse_conv_bn_eval(conv, norm)
    before, after = getattr(conv.static_padding, "padding", (0, 0))[:2]
    more, (h, w) = after - before, fused.kernel_size
    plain = nn.Conv2d(fused.in_channels, fused.out_channels, (h + more, w + more), tuple(fused.stride), after, groups=fused.groups)
    plain.weight, plain.bias = nn.Parameter(F.pad(fused.weight, (more, 0, more, 0))), fused.bias
    return plain


class Block(nn.Module):
    """An inverted bottleneck: 1x1 up, depthwise, 1x1 down, beside the input where the shape stays."""

    def __init__(self, block: nn.Module):
        super().__init__()
        expands = block._block_args.expand_ratio != 1
        self.expand = folded(block._expand_conv, block._bn0) if expands else None
        self.depthwise = folded(block._depthwise_conv, block._bn1)
        self.reduce = folded(block._project_conv, block._bn2)
        given = block._block_args
        self.residual = given.id_skip and given.stride in (1, [1]) and given.input_filters == given.output_filters

    def forward(self, x: Tensor) -> Tensor:
        h = F.relu6(self.expand(x)) if self.expand is not None else x
        h = self.reduce(F.relu6(self.strided(h) if self.depthwise.stride != (1, 1) else self.depthwise(h)))
        return h + x if self.residual else h

    def strided(self, h: Tensor) -> Tensor:
        """In fp32: in bf16 the derivative of a strided depthwise convolution takes ten times as long."""
        with unchanged(h):
            return self.depthwise(h.float()).to(h.dtype)
