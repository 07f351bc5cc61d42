"""The networks of StyleGAN2, for pictures of any size: Karras et al. 2019, https://arxiv.org/abs/1912.04958 (configuration F), with the
channels of StyleGAN2-ADA, https://arxiv.org/abs/2006.06676.

z -> mapping -> w, one a layer; synthesis grows from a learnt constant, each level adding a picture to the doubled one below it ("skip");
the discriminator halves residual blocks and looks at the spread of a group of items before its end.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sparring.base.space import Space
from sparring.layers.conditioning import UnitEmbedding
from sparring.layers.equalized import Conv2d, Linear
from sparring.layers.modulation import StyledConv, ToPicture
from sparring.layers.precision import exact
from sparring.layers.resampling import doubled, halved, halving_conv
from sparring.layers.statistics import MinibatchDeviation
from sparring.networks import settings
from sparring.networks.dcgan import levels


def widths(largest: tuple[int, int], k: int, base: int, most: int) -> list[int]:
    """Channels of every level, from the smallest to the full size: `base` over the longer side, at most `most`."""
    side = max(largest)
    return [min(most, max(8, base * 2**i // side)) for i in range(k, -1, -1)]


class Mapping(nn.Module):
    """z, y -> w (n, d): normalised, then fully connected layers that learn a hundred times more slowly. A label is told with length `loudness`."""

    def __init__(self, noise: int, labels: int, width: int, depth: int, loudness: float = 1.0):
        super().__init__()
        self.embedding, self.loudness = UnitEmbedding(labels, width) if labels else None, loudness
        sizes = [noise + (width if labels else 0), *[width] * depth]
        self.layers = nn.Sequential(*(Linear(a, b, leaky=True, speed=0.01) for a, b in zip(sizes, sizes[1:])))

    def forward(self, z: Tensor, label: Tensor | None) -> Tensor:
        z = normalised(z)
        if self.embedding is not None:
            z = torch.cat([z, self.loudness * self.embedding(label)], 1)
        return self.layers(z).float()


def normalised(z: Tensor) -> Tensor:
    """To mean square 1, per item."""
    return z * (z.square().mean(1, keepdim=True) + 1e-8).rsqrt()


class Synthesis(nn.Module):
    """w (n, layers, d) -> pictures. Layer 0 and 1 are the coarsest: a convolution and the way to the picture share the style after theirs."""

    def __init__(self, shape: tuple[int, ...], style: int, base: int, most: int):
        super().__init__()
        self.size = shape[1:]
        k, (h, w) = levels(shape)
        width = widths((h * 2**k, w * 2**k), k, base, most)
        self.constant = nn.Parameter(torch.randn(1, width[0], h, w))
        size = lambda i: (h * 2**i, w * 2**i)
        self.first = nn.ModuleList(StyledConv(width[i - 1], width[i], style, size=size(i), double=True) for i in range(1, k + 1))
        self.second = nn.ModuleList(StyledConv(width[i], width[i], style, size=size(i)) for i in range(k + 1))
        self.picture = nn.ModuleList(ToPicture(width[i], shape[0], style) for i in range(k + 1))
        self.layers = 2 * k + 2

    def forward(self, w: Tensor, fresh: bool) -> Tensor:
        h = self.second[0](self.constant.expand(len(w), -1, -1, -1), w[:, 0], fresh)         # (n, c, h / 2^k, w / 2^k)
        x = self.picture[0](h, w[:, 1])
        for i, (double, conv, picture) in enumerate(zip(self.first, self.second[1:], self.picture[1:])):
            h = conv(double(h, w[:, 2 * i + 1], fresh), w[:, 2 * i + 2], fresh)              # (n, c', 2 h, 2 w)
            x = doubled(x) + picture(h, w[:, 2 * i + 3])
        return x[..., : self.size[0], : self.size[1]]


    def style_matrices(self) -> list[Tensor]:
        read: list[list[Tensor]] = [[] for _ in range(self.layers)]
        for i, (second, picture) in enumerate(zip(self.second, self.picture)):
            read[2 * i].append(second.affine.weight)
            read[2 * i + 1].append(picture.affine.weight)
        for i, first in enumerate(self.first):
            read[2 * i + 1].append(first.affine.weight)
        return [torch.cat(weights) for weights in read]


class Generator(nn.Module):
    """z, y -> pictures, through w: `style` and `paint` are its two halves.

    Labels are told with length 1: as loud as z, as published, they drowned it (on CIFAR-10 recall ended at 0.55; two seeds are at a Frechet
    distance on validation of 2.2 and 2.7 after 1,300 and 1,400 rounds, and were at 6.7 and 4.3 after 1,100 and 1,200).
    """

    def __init__(self, settings: settings.StyleGAN2Generator, *, space: Space, noise: int, labels: int = 0):
        super().__init__()
        self.mapping = Mapping(noise, labels, settings.style, settings.mapping)
        self.synthesis = Synthesis(space.shape, settings.style, settings.base, settings.width)

    @property
    def layers(self) -> int:
        """Styles that one picture takes."""
        return self.synthesis.layers

    def style(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        """w (n, d)."""
        return self.mapping(z, label)

    def paint(self, w: Tensor, fresh: bool = False) -> Tensor:
        """Pictures from styles (n, layers, d); `fresh` noise, or always the same."""
        return self.synthesis(w, fresh)

    def style_matrices(self) -> list[Tensor]:
        """For every layer the weights (outputs, d) that read its style; a layer may be read by a convolution and by the way to the picture."""
        return self.synthesis.style_matrices()

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        return self.paint(self.style(z, label)[:, None].expand(-1, self.layers, -1))


class Block(nn.Module):
    """Two convolutions, of which the second halves, beside a halved 1x1: (n, inputs, 2h, 2w) -> (n, outputs, h, w)."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        half = math.sqrt(0.5)
        self.first = Conv2d(inputs, inputs, 3, leaky=True)
        self.second = HalvingConv2d(inputs, outputs, gain=half)
        self.skip = Conv2d(inputs, outputs, 1, bias=False, gain=half)

    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.first(x)) + self.skip(halved(x))


class HalvingConv2d(Conv2d):
    """The filter, a 3x3 convolution at every second pixel, leaky_relu."""

    def __init__(self, inputs: int, outputs: int, *, gain: float):
        super().__init__(inputs, outputs, 3, leaky=True, gain=gain)

    def forward(self, x: Tensor) -> Tensor:
        y = halving_conv(x, self.weight * self.scale)
        return F.leaky_relu(y + (self.bias * self.gain).to(y.dtype)[:, None, None], 0.2)


class Discriminator(nn.Module):
    """psi(phi(x)) + <chi(phi(x)), mapping(y)> / sqrt(d): section 3 of ADA has the second term alone, with which a discriminator that is told
    nothing yet (`condition_strength`) would say nothing (Shahbazi et al. 2022, https://arxiv.org/abs/2201.06578)."""

    def __init__(self, settings: settings.StyleGAN2Discriminator, *, space: Space, labels: int = 0):
        super().__init__()
        k, (h, w) = levels(space.shape)
        width = widths((h * 2**k, w * 2**k), k, settings.base, settings.width)[::-1]
        self.pad = (0, w * 2**k - space.shape[2], 0, h * 2**k - space.shape[1])
        self.first = Conv2d(space.shape[0], width[0], 1, leaky=True)
        self.blocks = nn.Sequential(*(Block(a, b) for a, b in zip(width, width[1:])))
        self.deviation = MinibatchDeviation(settings.group)
        self.conv = Conv2d(width[-1] + 1, width[-1], 3, leaky=True)
        self.hidden = Linear(width[-1] * h * w, width[-1], leaky=True)
        self.out = Linear(width[-1], 1)
        self.told = Linear(width[-1], settings.style) if labels else None
        self.mapping = Mapping(0, labels, settings.style, settings.mapping, loudness=math.sqrt(settings.style)) if labels else None

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        h = self.blocks(self.first(F.pad(x, self.pad) if any(self.pad) else x))              # (n, c, h / 2^k, w / 2^k)
        h = self.hidden(self.conv(self.deviation(h)).flatten(1)).float()                     # (n, c)
        with exact(h):
            out = self.out(h)                                                                # (n, 1)
            if self.mapping is not None:
                label = self.mapping(h[:, :0], label)                                        # (n, d)
                out = out + (self.told(h) * label).sum(1, keepdim=True) / math.sqrt(label.shape[1])
        return out.squeeze(1)
