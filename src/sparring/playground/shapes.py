"""Scenes: real points with a known density. Every shape is a mixture of Gaussians, a line one of many close together."""

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from sparring.base.seeding import generator
from sparring.playground import settings

MANY = 128
"""Gaussians of a line"""


@dataclass(frozen=True, eq=False)
class Scene:
    """A mixture of equal Gaussians."""

    means: Tensor
    """(m, 2) float64"""
    sigma: float
    separate: bool
    """whether the Gaussians are modes that can be told apart and counted"""

    def sample(self, n: int, *key: object) -> Tensor:
        """n points (n, 2) float32, a function of the key."""
        draw = generator("scene", *key)
        which = torch.randint(len(self.means), (n,), generator=draw)
        return (self.means[which] + self.sigma * torch.randn(n, 2, generator=draw, dtype=torch.float64)).float()

    def mass(self, edges: Tensor) -> Tensor:
        """The probability of every cell between edges (k + 1,) along both axes, (k, k) of rows y and columns x: products of normal
        distribution functions."""
        low = torch.special.ndtr((edges[:, None] - self.means.T[:, None]) / self.sigma)             # (2, k + 1, m)
        x, y = low.diff(dim=1)                                                                      # (k, m) each
        return y @ x.T / len(self.means)

    @cached_property
    def reach(self) -> float:
        """Half the side of the square about 0 that holds what is of interest."""
        return max(1.0, float(self.means.abs().max()) + 4 * self.sigma)


def _turns(angles: Tensor) -> Tensor:
    return torch.stack([angles.cos(), angles.sin()], 1)


def _along(n: int) -> Tensor:
    """n places in (0, 1), evenly."""
    return (torch.arange(n, dtype=torch.float64) + 0.5) / n


def ring(told: settings.Ring) -> Scene:
    return Scene(told.radius * _turns(2 * math.pi * torch.arange(told.modes, dtype=torch.float64) / told.modes), told.sigma, True)


def grid(told: settings.Grid) -> Scene:
    axis = torch.linspace(-0.8, 0.8, told.side, dtype=torch.float64) if told.side > 1 else torch.zeros(1, dtype=torch.float64)
    return Scene(torch.cartesian_prod(axis, axis), told.sigma, True)


def line(told: settings.Line) -> Scene:
    return Scene((2 * _along(MANY) - 1)[:, None] * torch.tensor([0.75, 0.4], dtype=torch.float64), told.sigma, False)


def spiral(told: settings.Spiral) -> Scene:
    angle = _along(MANY).sqrt() * 2.5 * math.pi                         # as many Gaussians on every stretch of an arm
    radius = (angle / (2.5 * math.pi) * 0.85)[:, None]
    return Scene(torch.cat([radius * _turns(angle), radius * _turns(angle + math.pi)]), told.sigma, False)


def moons(told: settings.Moons) -> Scene:
    arc = _turns(math.pi * _along(MANY)) * 0.55
    shift = torch.tensor([0.275, -0.14], dtype=torch.float64)
    return Scene(torch.cat([arc - shift, shift - arc]), told.sigma, False)


def disjoint(told: settings.Disjoint) -> Scene:
    return Scene(torch.tensor([[-told.distance / 2, 0.0], [told.distance / 2, 0.0]], dtype=torch.float64), told.sigma, True)


def dirac(told: settings.Dirac) -> Scene:
    return Scene(torch.tensor([[told.x, told.y]], dtype=torch.float64), told.sigma, True)


def drawn(told: settings.Drawn) -> Scene:
    return Scene(torch.tensor(told.places, dtype=torch.float64), told.sigma, False)
