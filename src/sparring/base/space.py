"""What data look like to a game: shape, range and conditions, never files."""

import math
from typing import ClassVar

from pydantic import Field

from sparring.base.settings import Component, Settings


class Attribute(Settings):
    """A number that every item has beside itself: a tag (0 or 1) or a measurement. Games see it standardised."""

    name: str
    mean: float = 0.0
    deviation: float = Field(1.0, gt=0)
    """games see (value - mean) / deviation"""
    tag: bool = False
    """whether its only values are 0 and 1"""
    least: float = -1.0
    greatest: float = 1.0
    values: tuple[float, ...] = (-1.0, 1.0)
    """those of some training items, of the same ones for every attribute: what is drawn from when nobody says a value"""


class Space(Component):
    """The space that items live in. Modalities make one from data; games and networks see nothing else.

    Items may come with a condition y: one class each, (n,) numbers of `labels`; or several attributes each, (n, d) standardised floats.
    """

    pictures: ClassVar[bool] = False
    """whether items are pictures, (channels, height, width) in [-1, 1]"""
    fine: ClassVar[bool] = True
    """whether the 8 bits of bf16 would blur what networks say of items"""

    shape: tuple[int, ...]
    """shape of one item"""
    labels: tuple[str, ...] = ()
    """names of the classes, in the order of their numbers; empty without labels"""
    attributes: tuple[Attribute, ...] = ()
    """what (n, d) conditions hold, in the order of their columns; empty with labels or without conditions"""

    @property
    def numbers(self) -> int:
        """How many numbers an item has."""
        return math.prod(self.shape)

    @property
    def conditions(self) -> int:
        """Length of a condition as a vector: the number of labels or of attributes, 0 for data without."""
        return len(self.labels) or len(self.attributes)

    def vector(self, y):
        """Conditions (n,) or (n, d) as vectors (n, d): labels become one-hot."""
        import torch

        return y if y.ndim == 2 else torch.nn.functional.one_hot(y, len(self.labels)).float()

    def told(self, y):
        """Conditions as games see them: class numbers as they are, attribute values (n, d) standardised."""
        import torch

        if not self.attributes:
            return y
        mean, deviation = (torch.tensor([getattr(a, what) for a in self.attributes], device=y.device) for what in ("mean", "deviation"))
        return (y - mean) / deviation

    def some_conditions(self, n: int, *key: object):
        """n made-up conditions, the i-th a function of the key and i: labels evenly, attributes as a training item has them; None without."""
        import torch

        from sparring.base.seeding import generator

        draw = generator("conditions", *key)
        if self.labels:
            return torch.randint(len(self.labels), (n,), generator=draw)
        if not self.attributes:
            return None
        item = torch.rand(n, generator=draw)
        values = [torch.tensor(attribute.values) for attribute in self.attributes]
        return self.told(torch.stack([v[(item * len(v)).long()] for v in values], 1))                               # (n, d)

    def example(self, n: int, seed: int) -> dict:
        """n made-up items of this space as a batch: {"x": (n, *shape), "y": their conditions, if any}."""
        from sparring.base.seeding import generator

        batch = {"x": self._items(n, generator("example", seed))}
        if self.conditions:
            batch["y"] = self.some_conditions(n, "example", seed)
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
    pictures: ClassVar[bool] = True
    fine: ClassVar[bool] = False

    def _items(self, n, draw):
        import torch

        return torch.rand(n, *self.shape, generator=draw) * 2 - 1


class PairSpace(ImageSpace):
    """Pictures that are made from other pictures. Batches hold what is given beside the items: "given" (n, *given)."""

    kind: ClassVar[str] = "pairs"

    given: tuple[int, int, int]
    """shape of what an item is made from; label maps have a channel a class, of 1 in its places and -1 elsewhere"""
    classes: int = 0
    """classes of the label maps that are given; 0 where pictures are"""
    paired: bool = True
    """whether the given picture i and the item i of a batch belong together"""

    @property
    def alike(self) -> bool:
        """Whether what is given could be an item, by its shape."""
        return self.given == self.shape and not self.classes

    def example(self, n: int, seed: int) -> dict:
        import torch

        from sparring.base.seeding import generator

        return super().example(n, seed) | {"given": torch.rand(n, *self.given, generator=generator("given", seed)) * 2 - 1}
