"""Convolutional networks after Radford et al. 2015, https://arxiv.org/abs/1511.06434, for pictures of any size.

A picture is halved (or doubled) k times; sizes that 2^k does not divide are generated a little larger and cropped.
With batch norm, weights start from N(0, 0.02) as published; without it, from torch's default, which keeps the scale.
"""

import math

from torch import Tensor, nn

from sparring.base.space import Space
from sparring.layers.conditioning import LabelConcatenation, LabelProjection, Logit
from sparring.networks import settings


def levels(shape: tuple[int, ...], smallest: int = 4) -> tuple[int, tuple[int, int]]:
    """How often a picture (c, h, w) is halved until its longer side is below twice `smallest`, and the size then."""
    k = max(1, math.floor(math.log2(max(shape[1:]) / smallest)))
    return k, (-(-shape[1] // 2**k), -(-shape[2] // 2**k))


def places(shape: tuple[int, ...], patch: int) -> tuple[int, int, int]:
    """The shape (c, h, w) of a picture whose blocks of pixels are places."""
    return shape[0] * patch**2, -(-shape[1] // patch), -(-shape[2] // patch)


def channels(width: int, k: int) -> list[int]:
    """Channels from the largest level to the smallest."""
    return [width * min(2**i, 8) for i in range(k)]


def normal_init(network: nn.Module) -> None:
    """Section 4: N(0, 0.02) for convolutions, N(1, 0.02) for batch norm's gain."""
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            nn.init.normal_(module.weight, std=0.02)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, mean=1.0, std=0.02)


class Generator(nn.Module):
    def __init__(self, settings: settings.DCGANGenerator, *, space: Space, noise: int, labels: int = 0):
        super().__init__()
        self.size = space.shape[1:]
        k, self.start = levels(space.shape)
        width = channels(settings.width, k)[::-1]
        normed = settings.norm == "batch"
        self.label = LabelConcatenation(labels, (noise,)) if labels else None
        self.first = nn.Linear(noise + (self.label.added[0] if labels else 0), width[0] * math.prod(self.start))
        self.up = nn.Sequential(_norm(normed, width[0]), nn.ReLU())
        for a, b in zip(width, width[1:]):
            self.up.extend([nn.ConvTranspose2d(a, b, 4, 2, 1, bias=not normed), _norm(normed, b), nn.ReLU()])
        self.last = nn.ConvTranspose2d(width[-1], space.shape[0], 4, 2, 1)
        self.squash = nn.Tanh() if settings.output == "tanh" else nn.Identity()
        if normed:
            normal_init(self)

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        if self.label is not None:
            z = self.label(z, label)
        h = self.first(z).unflatten(1, (-1, *self.start))                     # (n, c, h / 2^k, w / 2^k)
        x = self.squash(self.last(self.up(h)))                                # (n, channels, >= h, >= w)
        return x[..., : self.size[0], : self.size[1]].float()


class Trunk(nn.Sequential):
    """Strided convolutions: (n, c, h, w) -> (n, features)."""

    def __init__(self, inputs: int, shape: tuple[int, ...], width: int, normed: bool):
        k, (h, w) = levels(shape)
        sizes = [inputs, *channels(width, k)]
        layers: list[nn.Module] = []
        for i, (a, b) in enumerate(zip(sizes, sizes[1:])):
            here = normed and i > 0
            layers += [nn.Conv2d(a, b, 4, 2, 1, bias=not here), _norm(here, b), nn.LeakyReLU(0.2)]
        pad = [(-shape[2]) % 2**k, (-shape[1]) % 2**k]
        super().__init__(nn.ZeroPad2d((0, pad[0], 0, pad[1])), *layers, nn.Flatten())
        self.features = sizes[-1] * h * w


class Discriminator(nn.Module):
    def __init__(self, settings: settings.DCGANDiscriminator, *, space: Space, labels: int = 0):
        super().__init__()
        normed = settings.norm == "batch"
        concatenates, projects = (bool(labels) and settings.label == way for way in ("concatenation", "projection"))
        self.label = LabelConcatenation(labels, space.shape) if concatenates else None
        self.trunk = Trunk(space.shape[0] + int(concatenates), space.shape, settings.width, normed)
        projection = LabelProjection(labels, self.trunk.features) if projects else None
        self.logit = Logit(nn.Linear(self.trunk.features, 1), projection)
        if normed:
            normal_init(self)

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        if self.label is not None:
            x = self.label(x, label)
        return self.logit(self.trunk(x), label)                               # (n, features) -> (n,)


class Encoder(nn.Module):
    def __init__(self, settings: settings.DCGANEncoder, *, space: Space, outputs: int):
        super().__init__()
        self.trunk = Trunk(space.shape[0], space.shape, settings.width, settings.norm == "batch")
        self.out = nn.Linear(self.trunk.features, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.trunk(x)).float()                                # (n, outputs)


def _norm(normed: bool, width: int) -> nn.Module:
    return nn.BatchNorm2d(width) if normed else nn.Identity()
