"""What data look like to a game: shape, range and labels, never files."""

import math
from typing import ClassVar

from sparring.base.settings import Component


class Space(Component):
    """The space that items live in. Modalities make one from data; games and networks see nothing else."""

    shape: tuple[int, ...]
    """shape of one item"""
    labels: tuple[str, ...] = ()
    """names of the classes, in the order of their numbers; empty without labels"""

    @property
    def numbers(self) -> int:
        """How many numbers an item has."""
        return math.prod(self.shape)

    def example(self, n: int, seed: int) -> dict:
        """n made-up items of this space as a batch: {"x": (n, *shape), "y": (n,) when labelled}."""
        import torch

        from sparring.base.seeding import generator

        draw = generator("example", seed)
        batch = {"x": self._items(n, draw)}
        if self.labels:
            batch["y"] = torch.randint(len(self.labels), (n,), generator=draw)
        return batch

    def _items(self, n, draw):
        raise NotImplementedError


class PointSpace(Space):
    """Real vectors of about unit scale, shape (d,)."""

    kind: ClassVar[str] = "points"

    def _items(self, n, draw):
        import torch

        angle = torch.randint(8, (n, 1), generator=draw) * (math.tau / 8)
        turn = torch.arange(self.shape[0]) * (math.tau / 4)
        return torch.cos(angle - turn) + 0.05 * torch.randn(n, *self.shape, generator=draw)


class ImageSpace(Space):
    """Pictures in [-1, 1], shape (channels, height, width)."""

    kind: ClassVar[str] = "images"

    def _items(self, n, draw):
        import torch

        return torch.rand(n, *self.shape, generator=draw) * 2 - 1
