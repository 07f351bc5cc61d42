"""A game: who plays, what each player minimises, and in what order they move."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from sparring.base.clock import Clock
from sparring.base.seeding import generator
from sparring.base.space import Space
from sparring.play.optimizers import Optimizer

Batch = dict[str, Tensor]
Terms = dict[str, Tensor]
"""Named scalars. A player minimises their sum; each is logged as `player/term`."""
Loss = Callable[[Batch], Terms]

BLOCK = 64
"""Noise is drawn, and items are rendered, in blocks of this many (or `Generates.block`): item i is a function of (seed, i)."""


@dataclass(frozen=True)
class Player:
    """Networks that move together under one optimizer. Two players may share a network."""

    networks: Sequence[nn.Module]
    optimizer: Optimizer

    def parameters(self) -> list[nn.Parameter]:
        return list(dict.fromkeys(p for network in self.networks for p in network.parameters()))


@dataclass(frozen=True)
class Turn:
    """One move, or several, of one player."""

    player: str
    loss: Loss
    every: int = 1
    """played in rounds divisible by this (a lazy regulariser)"""
    times: int = 1
    """moves in a row, each on a new batch"""
    gain: float = 1.0
    """factor on the loss: `every`, for a lazy regulariser"""
    fresh: bool = False
    """draw a new batch first"""
    compiles: bool = False
    """torch.compile can take the loss: it has no gradients of gradients"""


@dataclass(frozen=True)
class Stage:
    """Turns that are played in order, for a number of rounds or until the end."""

    turns: Sequence[Turn]
    rounds: int | None = None


class Follower(nn.Module):
    """A module whose state stands in the state dict and is moved by no optimizer.

    Its buffers are averaged over processes at the end of every round, before it follows, unless `local` names them.
    """

    local: ClassVar[tuple[str, ...]] = ()
    """names of buffers that differ between processes (an image pool)"""
    guarded: ClassVar[tuple[str, ...]] = ()
    """names of buffers that take up nothing that is not finite: a skipped move need not put them back"""

    def follow(self, clock: Clock) -> None:
        """Called at the end of every round on every process, with the clock after it. Children follow before parents."""


class Game(Follower):
    """Owns every network and every piece of training state: one state dict is the whole game."""

    conditional: bool = False
    """whether `render` and `score` want a condition"""
    adversarial_alone: ClassVar[bool] = False
    """whether the generator knows the data only through the discriminator"""

    def __init__(self, space: Space):
        super().__init__()
        self.space = space
        self.clock = Clock()
        self.seen: dict[str, Tensor] = {}

    @property
    def coupled(self) -> str | None:
        """Why a batch in k chunks is not the same as one batch; None where it is."""
        return "batch norm" if any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in self.modules()) else None

    def players(self) -> dict[str, Player]:
        raise NotImplementedError

    def stages(self) -> Sequence[Stage]:
        raise NotImplementedError

    def watch(self, **seen: Tensor) -> None:
        """Reports what is not a loss (scores, an augmentation's strength) to the log: scalars on the device."""
        self.seen.update({name: value.detach() for name, value in seen.items()})


# ---- what a game can do, asked with isinstance


class Generates(ABC):
    """Makes items from noise. `noise` and `render` together are a sample; render alone is a function."""

    noise_shape: tuple[int, ...]
    """shape of one item's noise"""
    block: int = BLOCK
    """so many items are rendered at a time: more, where one is little work"""

    def noise(self, n: int, seed: int, start: int = 0) -> Tensor:
        """Noise for items start .. start + n - 1, (n, *noise_shape) on the CPU. Item i depends on (seed, i) alone."""
        blocks = range(start // self.block, (start + n - 1) // self.block + 1)
        drawn = [torch.randn(self.block, *self.noise_shape, generator=generator("noise", seed, block)) for block in blocks]
        return torch.cat(drawn)[start % self.block :][:n]

    @abstractmethod
    def render(self, noise: Tensor, label: Tensor | None = None) -> Tensor:
        """Items (n, *shape) from noise (n, *noise_shape) and conditions: class numbers (n,) or attributes (n, d). Deterministic: no draws."""
