"""Multilayer perceptrons, for points and for flattened pictures."""

import math

import torch
from torch import Tensor, nn

from sparring.base.space import Space
from sparring.layers.conditioning import LabelConcatenation, LabelProjection, Logit
from sparring.networks import settings


def hidden(inputs: int, width: int, depth: int) -> nn.Sequential:
    """`depth` layers of `width` units, each followed by LeakyReLU(0.2): (n, inputs) -> (n, width)."""
    sizes = [inputs, *[width] * depth]
    return nn.Sequential(*(layer for a, b in zip(sizes, sizes[1:]) for layer in (nn.Linear(a, b), nn.LeakyReLU(0.2))))


class Waves(nn.Module):
    """x beside sin(2^k pi x) and cos(2^k pi x) for k < octaves: a perceptron on x alone is blind to detail much finer than x's range.

    Tancik et al. 2020, https://arxiv.org/abs/2006.10739, section 6.1 (positional encoding).
    """

    def __init__(self, octaves: int):
        super().__init__()
        self.frequencies = [2.0**k * math.pi for k in range(octaves)]

    def outputs(self, numbers: int) -> int:
        return numbers * (1 + 2 * len(self.frequencies))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, *(wave(f * x) for f in self.frequencies for wave in (torch.sin, torch.cos))], 1)


class Generator(nn.Module):
    def __init__(self, settings: settings.MLPGenerator, *, space: Space, noise: int, labels: int = 0):
        super().__init__()
        self.shape, self.uniform = space.shape, settings.uniform
        self.label = LabelConcatenation(labels, (noise,)) if labels else None
        inputs = noise + (self.label.added[0] if labels else 0)
        self.hidden = hidden(inputs, settings.width, settings.depth)
        self.out = nn.Linear(settings.width if settings.depth else inputs, space.numbers)
        self.squash = nn.Tanh() if settings.output == "tanh" else nn.Identity()

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        if self.uniform:
            z = math.sqrt(3) * torch.erf(z / math.sqrt(2))                      # Phi(z) is uniform, and 2 Phi(z) - 1 = erf(z / sqrt 2)
        if self.label is not None:
            z = self.label(z, label)
        return self.squash(self.out(self.hidden(z))).view(-1, *self.shape)


class Discriminator(nn.Module):
    def __init__(self, settings: settings.MLPDiscriminator, *, space: Space, labels: int = 0):
        super().__init__()
        concatenates, projects = (bool(labels) and settings.label == way for way in ("concatenation", "projection"))
        self.label = LabelConcatenation(labels, (space.numbers,)) if concatenates else None
        self.waves = Waves(settings.octaves)
        inputs = self.waves.outputs(space.numbers) + (self.label.added[0] if concatenates else 0)
        width = settings.width if settings.depth else inputs
        self.hidden = hidden(inputs, settings.width, settings.depth)
        self.logit = Logit(nn.Linear(width, 1), LabelProjection(labels, width) if projects else None)

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        x = self.waves(x.flatten(1))                      # (n, numbers * (1 + 2 octaves))
        if self.label is not None:
            x = self.label(x, label)
        return self.logit(self.hidden(x), label)          # (n, width) -> (n,)


class Encoder(nn.Module):
    def __init__(self, settings: settings.MLPEncoder, *, space: Space, outputs: int):
        super().__init__()
        self.hidden = hidden(space.numbers, settings.width, settings.depth)
        self.out = nn.Linear(settings.width, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.hidden(x.flatten(1))).float()          # (n, outputs)


