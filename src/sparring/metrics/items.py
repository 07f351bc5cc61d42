"""Sets of items as metrics see them, and what a metric says about a set."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from sparring.extractors.extractor import Extractor, extract, extract_cached
from sparring.modalities.source import Codec


class NotComputable(Exception):
    """This metric has no value for these items; the message says why, in words for a report."""


@dataclass(frozen=True)
class Score:
    """One metric of one set. parts: what it is of each label, column or pair of columns; more: what else an entry says."""

    value: float
    std: float | None = None
    parts: Mapping[Any, Any] = field(default_factory=dict)
    more: Mapping[str, Any] = field(default_factory=dict)
    protocol: Mapping[str, Any] = field(default_factory=dict)


class Items:
    """One set of items. What metrics ask for is computed once, when it is first asked for.

    x: (n, ...) compact rows; labels: (n,) the class each item has or was asked for, or None; density: the mixture that the items
    come from, where it is known (`.means` (m, d), `.sigma`); kept: whether the features are worth a place in the cache (items that are judged again
    beside every run of the same data).
    """

    def __init__(self, batch: Mapping[str, Tensor], codec: Codec, extractors: Mapping[str, Extractor], *, density: Any = None, kept: bool = False):
        self.x, self.labels, self.density = batch["x"], batch.get("y") if codec.space.labels else None, density
        self.codec, self.extractors, self.kept = codec, extractors, kept
        self._features: dict[str, Tensor] = {}

    def __len__(self):
        return len(self.x)

    def features(self, role: str) -> Tensor:
        """(n, d) by the extractor in this role."""
        if role not in self._features:
            how = extract_cached if self.kept else extract
            self._features[role] = how(self.extractors[role], self.codec.expand, self.x).cpu()
        return self._features[role]

    @cached_property
    @torch.no_grad()
    def predicted(self) -> Tensor | None:
        """(n,) the classes that the extractor of labels sees, or the own one; None when it is no classifier."""
        role = "labels" if "labels" in self.extractors else "own"
        scores = self.extractors[role].head(self.features(role))
        return None if scores is None else scores.argmax(1)

    @cached_property
    def points(self) -> Tensor:
        """(n, d) points in the data's own units."""
        return torch.from_numpy(self.codec.decode(self.codec.expand({"x": self.x})["x"])).double()

    @property
    def mixture(self) -> tuple[Tensor, float] | None:
        """Means (m, d) and standard deviation of the modes behind the items, where they are known."""
        means = getattr(self.density, "means", None)
        return None if means is None else (torch.as_tensor(means).double(), float(self.density.sigma))
