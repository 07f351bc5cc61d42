"""Two collections of pictures, of which one is made from the other: A::B, or pictures that show both side by side. Torch-free."""

from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from PIL import Image

from sparring.base import files
from sparring.base.errors import UserError
from sparring.modalities.image_pixels import fitted
from sparring.modalities.image_source import ImageSource, PictureArray, cached, gathered, mapped, write_header
from sparring.modalities.label_maps import looks_like_labels, palette_of
from sparring.modalities.settings import Images
from sparring.modalities.source import Source

MATCHING = 0.5
"""share of the smaller collection's names that the other one must have for both to be pairs"""


class Some(ImageSource):
    """Some of a source's pictures, in an order of their own."""

    def __init__(self, whole: ImageSource, rows: Sequence[int]):
        self.whole, self.rows, self.name = whole, np.asarray(rows, np.int64), whole.name
        self.names = [whole.names[i] for i in self.rows]
        self.sizes, self.channels = whole.sizes[self.rows], whole.channels[self.rows]
        self.classes, self.attributes, self.problems = whole.classes, whole.attributes, whole.problems
        self.labels = None if whole.labels is None else whole.labels[self.rows]
        self.values = None if whole.values is None else whole.values[self.rows]

    def hashes(self) -> list[str]:
        every = self.whole.hashes()
        return [every[i] for i in self.rows]

    def pixels(self, encoding: Images) -> np.ndarray:
        return gathered(self.whole.pixels(encoding), self.rows)

    def pictures(self, channels: int, rows: np.ndarray | None = None) -> Iterator[np.ndarray]:
        return self.whole.pictures(channels, self.rows if rows is None else self.rows[rows])

    def _origin(self) -> dict[str, Any]:
        return self.whole._origin()


class Half(ImageSource):
    """The left or the right half of other pictures; of an odd width the middle column belongs to neither."""

    def __init__(self, whole: ImageSource, right: bool):
        self.whole, self.right, self.name, self.names = whole, right, whole.name, whole.names
        self.sizes, self.channels = whole.sizes // np.array([1, 2]), whole.channels
        narrow = np.flatnonzero(self.sizes[:, 1] == 0)
        if len(narrow):
            raise UserError(f"{whole.names[narrow[0]]} is one pixel wide and has no halves: remove it")
        self.classes, self.attributes, self.labels, self.values = whole.classes, whole.attributes, whole.labels, whole.values
        self.problems = whole.problems

    def hashes(self) -> list[str]:
        return [files.hash_bytes(b"right" if self.right else b"left", item.encode()) for item in self.whole.hashes()]

    def pixels(self, encoding: Images) -> np.ndarray:
        what = f"half {encoding.size} {encoding.channels} {encoding.fit}"
        key = files.hash_bytes(what.encode(), *(item.encode() for item in self.hashes()))

        def fill(folder: Path) -> None:
            with open(folder / "pixels.npy", "wb") as file:
                write_header(file, (len(self), encoding.channels, *encoding.size))
                for half in self.pictures(encoding.channels):
                    upright = half.transpose(1, 2, 0)                                       # (c, h, w) -> (h, w, c)
                    picture = Image.fromarray(upright[..., 0] if upright.shape[2] == 1 else np.ascontiguousarray(upright))
                    file.write(fitted(picture, encoding.size, encoding.channels, encoding.fit).tobytes())

        return mapped(cached(key, fill) / "pixels.npy")

    def pictures(self, channels: int, rows: np.ndarray | None = None) -> Iterator[np.ndarray]:
        for picture in self.whole.pictures(channels, rows):
            width = picture.shape[2] // 2
            yield picture[:, :, -width:] if self.right else picture[:, :, :width]

    def _origin(self) -> dict[str, Any]:
        return self.whole._origin()


class PairSource(Source):
    """What is given, A, and what is made from it, B. Its items are those of B; paired ones belong to the given picture of the same number."""

    kind = "pairs"

    def __init__(self, first: ImageSource, second: ImageSource, *, pairing: str = "auto", swapped: bool = False, halves: bool = False):
        """`pairing`: auto, paired or unpaired; `swapped` makes the first from the second. UserError for pairs that are none."""
        self.first, self.second, self.halves = first, second, halves
        self.name = first.name if first.name == second.name else f"{first.name}-{second.name}"
        self.paired, self.why, rows = (True, "halves of the same pictures", None) if halves and pairing != "unpaired" else _matched(
            first, second, pairing)  # fmt: skip
        left_out = ()
        if rows is not None:
            lost = [(s.name, len(s) - len(rows)) for s in (first, second) if len(s) > len(rows)]
            left_out = tuple(f"{n} pictures of {name} have no partner of their name and were left out" for name, n in lost)
            if lost or first.names != second.names:
                first, second = (Some(source, of) for source, of in zip((first, second), zip(*rows)))
        self.a, self.b = (second, first) if swapped else (first, second)
        self.labels, self.classes, self.values, self.attributes = self.b.labels, self.b.classes, self.b.values, self.b.attributes
        self.problems = (*dict.fromkeys([*first.problems, *second.problems]), *left_out)

    def arranged(self, pairing: str, swapped: bool) -> "PairSource":
        """The same collections, paired and swapped as said, whatever they were."""
        return PairSource(self.first, self.second, pairing=pairing, swapped=swapped, halves=self.halves)

    def __len__(self) -> int:
        return len(self.b)

    def hashes(self) -> list[str]:
        """Of pairs, or of B alone where there are none."""
        if not self.paired:
            return self.b.hashes()
        return [files.hash_bytes(a.encode(), b.encode()) for a, b in zip(self.a.hashes(), self.b.hashes())]

    def given_hashes(self) -> list[str] | None:
        return None if self.paired else self.a.hashes()

    def describe(self) -> dict[str, Any]:
        maps = {"label maps": f"{len(palette_of(self.a))} classes"} if looks_like_labels(self.a) else {}
        return {
            "kind": self.kind, "name": self.name, "count": len(self), "paired": self.paired, "why": self.why,
            "A, what is given": self.a.describe() | maps, "B, what is made": self.b.describe(), "problems": list(self.problems),
        }  # fmt: skip


Rows = list[tuple[int, int]]
"""numbers of the pictures that belong together"""


def _matched(a: ImageSource, b: ImageSource, pairing: str) -> tuple[bool, str, Rows | None]:
    """(whether they are pairs, why, which)."""
    if pairing == "unpaired":
        return False, "as was said", None
    if isinstance(a, PictureArray) or isinstance(b, PictureArray):
        return _by_number(a, b, pairing)
    names, others = _stems(a), _stems(b)
    rows = [(i, others[name]) for name, i in names.items() if name in others]
    found = f"{len(rows)} of {len(a)} and {len(b)} file names match"
    if pairing == "paired" and not rows:
        raise UserError(f"{a.name} and {b.name} are no pairs: {b.name} has no picture called {next(iter(names))}; give pairs the same names")
    if pairing == "auto" and len(rows) < MATCHING * min(len(a), len(b)):
        return False, found, None
    return True, found, rows


def _by_number(a: ImageSource, b: ImageSource, pairing: str) -> tuple[bool, str, Rows | None]:
    """Arrays have no names: pictures of the same number belong together, where there are as many of both."""
    if len(a) == len(b) and (pairing == "paired" or type(a) is type(b)):
        return True, f"both are {len(a)} pictures in order", [(i, i) for i in range(len(a))]
    if pairing == "paired":
        raise UserError(f"{a.name} has {len(a)} pictures and {b.name} {len(b)}: arrays are pairs when they have as many")
    return False, f"{len(a)} and {len(b)} pictures without names of their own", None


def _stems(source: ImageSource) -> dict[str, int]:
    """Relative path without its suffix -> number; the first of several pictures of one name."""
    found: dict[str, int] = {}
    for i, name in enumerate(source.names):
        found.setdefault(str(PurePosixPath(name).with_suffix("")), i)
    return found
