"""Pairs of collections and tensors: B as pictures are, A as pictures or, one-hot, as label maps."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from sparring.base.files import read_json, write_json
from sparring.base.settings import dump, load
from sparring.base.space import Attribute, PairSpace
from sparring.modalities.image_pixels import MODES
from sparring.modalities.image_source import derive, gathered
from sparring.modalities.images import ImageCodec, attributes
from sparring.modalities.label_maps import Palette, looks_like_labels, number_maps, palette_of
from sparring.modalities.pair_source import PairSource
from sparring.modalities.settings import Pairs
from sparring.modalities.source import Codec


def fit(source: PairSource, encoding: Pairs) -> "PairCodec":
    """A codec for that source; what the encoding leaves auto comes from the pictures. UserError for pairs that are none."""
    source = source.arranged(encoding.pairing, encoding.swapped)
    made, why = derive(source.b.sizes, source.b.channels, encoding.made())
    found = {"resolution": made.resolution, "channels": made.channels, "pairing": "paired" if source.paired else "unpaired"}
    if encoding.pairing == "auto":
        why["pairing"] = source.why
    labels = encoding.inputs == "labels" or (encoding.inputs == "auto" and looks_like_labels(source.a))
    palette = palette_of(source.a) if labels else None
    found["inputs"] = "labels" if labels else "picture"
    if encoding.inputs == "auto":
        why["inputs"] = f"all pictures of {source.a.name} have {len(palette)} colours" if palette else f"{source.a.name} has many colours"
    if palette is None:
        taken, of_given = derive(source.a.sizes, source.a.channels, encoding.taken().model_copy(update={"resolution": made.resolution}))
        found["given_channels"] = taken.channels
        why |= {f"given_{name}": reason for name, reason in of_given.items()}
    return PairCodec(Pairs.model_validate(dump(encoding) | found), source.classes, why, attributes(source.b), palette)


class Given(ABC):
    """One way of seeing what is given: compact rows, what games see, and pictures to look at and to write."""

    codec: ImageCodec | None
    """of what is given as pictures; None for label maps"""
    channels: int
    """that games see"""
    classes: int
    """of label maps; 0 for pictures"""
    read_channels: int
    """of a picture as `read` makes it"""

    @abstractmethod
    def encode(self, source: PairSource, rows: np.ndarray | None) -> Tensor:
        """Compact rows, (n, c, h, w) uint8."""

    @abstractmethod
    def expand(self, compact: Tensor) -> Tensor:
        """(n, c, h, w) uint8 -> (n, channels, h, w) in [-1, 1]."""

    @abstractmethod
    def shown(self, x: Tensor) -> np.ndarray:
        """What games see, or make of their kind, as pictures to look at, (n, h, w, 1|3|4) uint8."""

    @abstractmethod
    def read(self, picture: Image.Image, name: str) -> np.ndarray:
        """A standard picture of a user as compact pixels (h, w, read_channels) uint8. UserError where it cannot be given."""


class GivenPictures(Given):
    """Pictures as items are."""

    classes = 0

    def __init__(self, encoding: Pairs):
        self.codec = ImageCodec(encoding.taken())
        self.channels = self.read_channels = encoding.given_channels

    def encode(self, source: PairSource, rows: np.ndarray | None) -> Tensor:
        return torch.from_numpy(gathered(source.a.pixels(self.codec.encoding), rows, self.codec.encoding.memory))

    def expand(self, compact: Tensor) -> Tensor:
        return self.codec.expand({"x": compact})["x"]

    def shown(self, x: Tensor) -> np.ndarray:
        return self.codec.decode(x)

    def read(self, picture: Image.Image, name: str) -> np.ndarray:
        return np.array(picture.convert(MODES[self.channels])).reshape(picture.height, picture.width, self.channels)


class GivenLabels(Given):
    """Label maps: class numbers in memory, a channel a class before the games."""

    codec = None
    read_channels = 1

    def __init__(self, encoding: Pairs, palette: Palette):
        self.encoding, self.palette = encoding, palette
        self.channels = self.classes = len(palette)

    def encode(self, source: PairSource, rows: np.ndarray | None) -> Tensor:
        maps = number_maps(source.a, self.palette, self.encoding.size, self.encoding.fit)
        return torch.from_numpy(gathered(maps, rows, self.encoding.memory))

    def expand(self, compact: Tensor) -> Tensor:
        hot = F.one_hot(compact[:, 0].long(), self.classes)                         # (n, 1, h, w) -> (n, h, w, classes)
        return hot.permute(0, 3, 1, 2).float().mul_(2).sub_(1)                      # (n, classes, h, w) of 1 and -1

    def shown(self, x: Tensor) -> np.ndarray:
        return self.palette.shown[x.detach().argmax(1).cpu().numpy()]               # (n, classes, h, w) -> (n, h, w, 3)

    def read(self, picture: Image.Image, name: str) -> np.ndarray:
        return self.palette.numbers(np.asarray(picture.convert("RGB")), name)[..., None]

    def written(self, x: Tensor) -> Tensor:
        """(classes, h, w), the largest where it belongs, as a label map to be written to a file, (1|3, h, w) uint8."""
        colours = torch.from_numpy(self.palette.colours)[x.argmax(0).cpu()]         # (classes, h, w) -> (h, w, 3)
        return colours[..., :1 if self.palette.grey else 3].permute(2, 0, 1)


class PairCodec(Codec):
    """Items are pictures of B, which `made` encodes; `taken` encodes what is given, of A."""

    space: PairSpace
    encoding: Pairs
    file_name = "pictures"

    def __init__(
        self, encoding: Pairs, classes: tuple[str, ...] = (), why: dict[str, str] | None = None, attributes: tuple[Attribute, ...] = (),
        palette: Palette | None = None,
    ):  # fmt: skip
        """`encoding` has nothing left to derive; `palette` of label maps, where they are given."""
        self.encoding, self.why, self.palette = encoding, why or {}, palette
        self.made = ImageCodec(encoding.made(), classes, None, attributes)
        self.taken = GivenPictures(encoding) if palette is None else GivenLabels(encoding, palette)
        self.space = PairSpace(
            shape=self.made.space.shape, labels=classes, attributes=attributes, given=(self.taken.channels, *encoding.size),
            classes=self.taken.classes, paired=encoding.pairing == "paired",
        )  # fmt: skip

    def items(self, source: PairSource) -> PairSource:
        return source.arranged(self.encoding.pairing, self.encoding.swapped)

    def facts(self, source: PairSource) -> dict[str, Any]:
        return self.made.facts(source.b)

    def encode(self, source: PairSource, rows: np.ndarray | None = None) -> dict[str, Tensor]:
        """Items of B: {"x": (n, c, h, w) uint8, "y" where both sides have labels}."""
        return self.made.encode(source.b, rows)

    def given(self, source: PairSource, rows: np.ndarray | None = None) -> Tensor:
        """(n, c, h, w) uint8 of A: pixels, or class numbers (n, 1, h, w)."""
        return self.taken.encode(source, rows)

    def given_labels(self, source: PairSource, rows: np.ndarray | None = None) -> Tensor | None:
        """(n,) class numbers of A in the items' classes; None where the two sides do not have the same ones."""
        if not self.space.labels or set(source.a.classes) != set(self.space.labels):
            return None
        y = self.made.numbers(source.a)
        return torch.from_numpy(y if rows is None else y[rows])

    def expand(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        given = {"given": self.taken.expand(batch["given"])} if "given" in batch else {}
        return (self.made.expand(batch) if "x" in batch else batch) | given

    def decode(self, x: Tensor) -> np.ndarray:
        return self.made.decode(x)

    def compact(self, items: np.ndarray) -> Tensor:
        return self.made.compact(items)

    def shown(self, given: Tensor) -> Tensor:
        """What is given, as games see it, as compact items: pictures in B's channels. How it is shown, and the answer that needs no learning."""
        return self.compact(recoloured(self.taken.shown(given), self.space.shape[0]))

    def write(self, items: np.ndarray, out: Path, labels: np.ndarray | None = None) -> None:
        self.made.write(items, out, labels)

    def preview(self, items: np.ndarray, path: Path, labels: np.ndarray | None = None, **drawn) -> None:
        self.made.preview(items, path, labels, **drawn)

    def baseline(self, compact: Tensor, n: int, seed: int) -> Tensor:
        return self.made.baseline(compact, n, seed)

    def spoil(self, compact: Tensor, seed: int) -> Tensor:
        return self.made.spoil(compact, seed)

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        told = {"labels": list(self.space.labels), "attributes": dump(self.space.attributes)}
        palette = None if self.palette is None else self.palette.colours.tolist()
        write_json(folder / "codec.json", {"encoding": dump(self.encoding), **told, "palette": palette, "why": self.why})

    @classmethod
    def load(cls, folder: Path) -> "PairCodec":
        saved, file = read_json(folder / "codec.json"), str(folder / "codec.json")
        attributes = tuple(load(Attribute, a, file) for a in saved["attributes"])
        palette = None if saved["palette"] is None else Palette(saved["palette"])
        return cls(load(Pairs, saved["encoding"], file), tuple(saved["labels"]), saved["why"], attributes, palette)


def recoloured(items: np.ndarray, channels: int) -> np.ndarray:
    """Pictures (n, h, w, c) uint8 in another number of channels, (n, h, w, channels)."""
    n, h, w, c = items.shape
    if c == channels:
        return items
    if not n:
        return np.zeros((0, h, w, channels), np.uint8)
    pictures = (Image.fromarray(item[..., 0] if c == 1 else item) for item in items)
    return np.stack([np.asarray(picture.convert(MODES[channels])).reshape(h, w, channels) for picture in pictures])
