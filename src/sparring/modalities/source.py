"""What every modality gives: a Source (items as people know them), an Encoding (settings), a Codec (items <-> tensors).

    open(path) -> Source        fit(source, encoding) -> Codec        codec.encode(source, rows) -> compact tensors
    codec.expand(compact) -> what games see        codec.decode(x) -> items as people know them        codec.preview(...) -> file
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sparring.base import files
from sparring.base.errors import UserError
from sparring.base.space import Space
from sparring.modalities.settings import Encoding

if TYPE_CHECKING:
    from torch import Tensor


class Source(ABC):
    """A collection of items. Opening one looks at names and headers; pixels are read by `Codec.encode`."""

    kind: str
    """the modality: points, images ..."""
    name: str
    """short name for run folders"""
    labels: np.ndarray | None = None
    """(n,) class numbers"""
    classes: tuple[str, ...] = ()
    """names of the classes"""
    values: np.ndarray | None = None
    """(n, d) float32 attributes, for items that have several tags or numbers instead of one label"""
    attributes: tuple[str, ...] = ()
    """names of the attributes"""
    loose: bool = False
    """whether it lies in no file, so that a run keeps a copy of what it models (`keep`)"""
    problems: tuple[str, ...] = ()
    """one line for each thing a user should know (a corrupt file, by name)"""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def hashes(self) -> Sequence[str]:
        """A hash of each item's content: equal items have equal hashes, but for rows of tables. The split is made from these."""

    def given_hashes(self) -> list[str] | None:
        """Of what items are made from, where it is a collection of its own that is not paired with them; else None."""
        return None

    def content(self) -> str:
        """A hash of all items, whatever their order."""
        return files.hash_bytes(*(h.encode() for h in [*sorted(self.hashes()), *sorted(self.given_hashes() or ())]))

    def keep(self, path: Path) -> None:
        """Writes a loose source into a file that can be opened."""
        raise NotImplementedError("items of this kind lie in files")

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """What `inspect` prints: kind, count, sizes, labels with counts, types, corrupt and duplicate items (JSON values)."""


class Codec(ABC):
    """A fitted encoding. `space` is what games see."""

    space: Space
    encoding: Encoding
    file_name: str
    """what samples are called when nobody says: a folder's or a file's name"""
    part: int | None = None
    """so many samples are made and written at a time (`write_parts`), where there may be more than memory holds; None: all at once"""

    @abstractmethod
    def encode(self, source: Source, rows: np.ndarray | None = None) -> dict[str, "Tensor"]:
        """Items (all, or those rows) as compact tensors {"x": ..., "y": ...}: what is kept in memory (images: uint8)."""

    def numbers(self, source: Source) -> np.ndarray:
        """The source's class numbers in this codec's order, by the classes' names, (n,) int64. UserError for a class that it does not know."""
        unknown = [name for name in source.classes if name not in self.space.labels]
        if unknown:
            known = ", ".join(self.space.labels[:20]) or "none"
            raise UserError(f"{source.name} has labels that this model was not trained with ({', '.join(unknown[:5])}): it knows {known}")
        return np.array([self.space.labels.index(name) for name in source.classes], dtype=np.int64)[source.labels]

    def items(self, source: Source) -> Source:
        """The source whose items are encoded: the one given, or, of pictures that are cut into tiles, their tiles."""
        return source

    def given(self, source: Source, rows: np.ndarray | None = None) -> "Tensor":
        """What items are made from (all, or those rows) as compact rows, for data that have it; games see it as "given"."""
        raise NotImplementedError("items of this kind are not made from others")

    def facts(self, source: Source) -> dict[str, Any]:
        """What recipes may ask about the data beyond their space: fields of `recipes.recipe.Facts`."""
        return {}

    @abstractmethod
    def expand(self, batch: dict[str, "Tensor"]) -> dict[str, "Tensor"]:
        """Compact rows as the floats that games see; vectorised, on the batch's device."""

    @abstractmethod
    def decode(self, x: "Tensor") -> np.ndarray:
        """Generated floats as items people know: images uint8 (n, h, w, c), points in the data's own units."""

    @abstractmethod
    def compact(self, items: np.ndarray) -> "Tensor":
        """Items as people know them as compact rows: the inverse of `decode`, for `score` and `measure` of given items."""

    def handed(self, items: Any) -> Any:
        """Items as Python's users are handed them, where that is not how they are here."""
        return items

    def received(self, items: Any) -> Any:
        """Items that users hand over, as they are here."""
        return items

    def numbered(self, parts: Iterable[Any], seed: int, start: int = 0) -> Iterable[Any]:
        """Items that come in parts, beginning with number `start`, with what is made from their numbers (keys of tables)."""
        return parts

    @property
    def unique(self) -> tuple[tuple[str, ...], ...]:
        """Columns of rows of which no two may have the same combination of values."""
        return ()

    def distinct(self, parts: Iterable[Any]) -> Iterable[Any]:
        """Items that come in parts, without those that repeat an earlier one in what is to be unique."""
        return parts

    @abstractmethod
    def write(self, items: np.ndarray, out: Path, labels: np.ndarray | None = None) -> None:
        """Samples as files of the usual format: a folder of PNGs (labels become sub-folders) or .npz, .csv, .npy, by `out`'s name."""

    def write_parts(self, parts: Iterable[Any], out: Path) -> None:
        """The same of items that come in parts, one after the other."""
        raise NotImplementedError("items of this kind are written at once")

    def joined(self, parts: list[Any]) -> Any:
        """Items of several parts as one."""
        return np.concatenate(parts)

    @abstractmethod
    def preview(self, items: np.ndarray, path: Path, labels: np.ndarray | None = None, **drawn) -> None:
        """One file to look at (a grid, one row a label; a scatter plot)."""

    @abstractmethod
    def baseline(self, compact: "Tensor", n: int, seed: int) -> "Tensor":
        """n compact items from a trivial generator fitted to training items: independent numbers from their marginals."""

    @abstractmethod
    def spoil(self, compact: "Tensor", seed: int) -> "Tensor":
        """Real items damaged so much that every honest measure of quality must notice: the negative control."""

    @abstractmethod
    def save(self, folder: Path) -> None:
        """What `load` needs, as JSON and arrays; never training data."""

    @classmethod
    @abstractmethod
    def load(cls, folder: Path) -> "Codec": ...
