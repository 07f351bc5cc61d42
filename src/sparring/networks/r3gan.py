"""The networks of R3GAN: residual blocks without normalisation, most of whose work is done by grouped convolutions.

Huang et al. 2024, https://arxiv.org/abs/2501.05441, section 4 (configuration E): 1x1 up to twice the width, 3x3 in groups of a few channels,
1x1 back, leaky_relu between, the last weight of a block zero at the start, the others scaled by (number of blocks)^(-1/4); resampling is
bilinear, with a 1x1 where the width changes; the generator starts from a learnt 4x4 basis, the discriminator ends with a 4x4 depthwise
convolution. Written from the paper. Not in it: the largest level may see blocks of p x p pixels as one place with p^2 times the channels,
which leaves out the stages at full size, the dearest ones; then one 3x3 convolution looks across the places' borders at the end.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sparring.base.space import Space
from sparring.layers.conditioning import Embedding, LabelProjection, Logit
from sparring.layers.places import Pixels
from sparring.layers.resampling import doubled, halved
from sparring.networks import settings
from sparring.networks.dcgan import levels, places

FINE = 16
"""channels of a pixel where places become pixels again"""
GAIN = math.sqrt(2 / (1 + 0.2**2))
EXPANSION = 2


def widths(width: int, most: int, k: int) -> list[int]:
    """Channels from the smallest level to the full size, halved with every doubling."""
    return [min(most, width * 2**i) for i in range(k, -1, -1)]


def scaled_init(weight: Tensor, gain: float) -> None:
    """He's initialisation, times `gain`."""
    nn.init.normal_(weight, std=gain / math.sqrt(weight[0].numel()))


class Block(nn.Module):
    """(n, c, h, w) -> the same."""

    def __init__(self, width: int, group: int, blocks: int):
        super().__init__()
        inner = EXPANSION * width
        groups = next(g for g in range(max(1, inner // group), 0, -1) if inner % g == 0)
        self.expand = nn.Conv2d(width, inner, 1)
        self.mix = nn.Conv2d(inner, inner, 3, padding=1, groups=groups)
        self.reduce = nn.Conv2d(inner, width, 1, bias=False)
        for conv in (self.expand, self.mix):
            scaled_init(conv.weight, GAIN * blocks**-0.25)
            nn.init.zeros_(conv.bias)
        nn.init.zeros_(self.reduce.weight)

    def forward(self, x: Tensor) -> Tensor:
        h = F.leaky_relu(self.mix(F.leaky_relu(self.expand(x), 0.2)), 0.2)
        return x + self.reduce(h)


def between(a: int, b: int) -> nn.Module:
    """A 1x1 convolution where the width changes."""
    if a == b:
        return nn.Identity()
    conv = nn.Conv2d(a, b, 1, bias=False)
    scaled_init(conv.weight, 1.0)
    return conv


class Generator(nn.Module):
    def __init__(self, settings: settings.R3GANGenerator, *, space: Space, noise: int, labels: int = 0):
        super().__init__()
        self.size = space.shape[1:]
        k, start = levels(places(space.shape, settings.patch))
        width, blocks = widths(settings.width, settings.most, k), settings.blocks
        # A label as long as the noise draws the pictures in its place: those of a label became one. Of length 1 it leaves room.
        self.embedding = Embedding(labels, noise, std=noise**-0.5) if labels else None
        self.basis = nn.Parameter(torch.randn(width[0], *start))
        self.first = nn.Linear(noise * (2 if labels else 1), width[0], bias=False)
        scaled_init(self.first.weight, 1.0)
        make = lambda c: nn.Sequential(*(Block(c, settings.group, blocks * (k + 1)) for _ in range(blocks)))
        self.stages = nn.ModuleList(make(c) for c in width)
        self.change = nn.ModuleList(between(a, b) for a, b in zip(width, width[1:]))
        fine = settings.patch > 1
        self.fine = nn.Sequential(Pixels(width[-1], FINE, settings.patch, side=1), nn.LeakyReLU(0.2)) if fine else nn.Identity()
        inputs, side = (FINE, 3) if fine else (width[-1], 1)
        self.last = nn.Conv2d(inputs, space.shape[0], side, padding=side // 2, bias=False)
        scaled_init(self.last.weight, 1.0)

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        if self.embedding is not None:
            z = torch.cat([z, self.embedding(label)], 1)
        h = self.basis * self.first(z)[:, :, None, None]                        # (n, c, h / 2^k, w / 2^k)
        h = self.stages[0](h.contiguous(memory_format=torch.channels_last))
        for change, stage in zip(self.change, self.stages[1:]):
            h = stage(doubled(change(h)))                                       # (n, c', 2 h, 2 w)
        x = self.last(self.fine(h))                                             # (n, channels, >= h, >= w)
        return x[..., : self.size[0], : self.size[1]].float()


class Discriminator(nn.Module):
    def __init__(self, settings: settings.R3GANDiscriminator, *, space: Space, labels: int = 0):
        super().__init__()
        self.patch = settings.patch
        k, (h, w) = levels(places(space.shape, settings.patch))
        width, blocks = widths(settings.width, settings.most, k)[::-1], settings.blocks
        self.pad = (0, self.patch * w * 2**k - space.shape[2], 0, self.patch * h * 2**k - space.shape[1])
        self.first = nn.Conv2d(space.shape[0] * self.patch**2, width[0], 1, bias=False)
        scaled_init(self.first.weight, 1.0)
        make = lambda c: nn.Sequential(*(Block(c, settings.group, blocks * (k + 1)) for _ in range(blocks)))
        self.stages = nn.ModuleList(make(c) for c in width)
        self.change = nn.ModuleList(between(a, b) for a, b in zip(width, width[1:]))
        self.basis = nn.Conv2d(width[-1], width[-1], (h, w), groups=width[-1], bias=False)
        scaled_init(self.basis.weight, 1.0)
        out = nn.Linear(width[-1], 1, bias=False)
        scaled_init(out.weight, 1.0)
        self.logit = Logit(out, LabelProjection(labels, width[-1]) if labels else None)

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        x = F.pixel_unshuffle(F.pad(x, self.pad) if any(self.pad) else x, self.patch)
        h = self.stages[0](self.first(x))
        for change, stage in zip(self.change, self.stages[1:]):
            h = stage(change(halved(h)))                                        # (n, c', h / 2, w / 2)
        return self.logit(self.basis(h).flatten(1), label)                      # (n, c) -> (n,)
