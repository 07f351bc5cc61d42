"""Collections of pictures: files, decoded once and cached, or arrays. Torch-free, so that `inspect` answers at once.

Opening files decodes every picture once (in worker processes when there are many) and keeps what was found in the cache: content
hash, size, channels, or what is wrong with it. So length, labels, hashes and problems are settled from the start and stay aligned.
`pixels` gives them at one size, from a cached array that is memory-mapped: written on the way in the first pass, when a sample of a large
collection tells the size that will be derived, and otherwise by decoding again. Cache entries are keyed by the names, sizes and times of
the files. Nothing is ever written beside the user's files.
"""

import json
from abc import abstractmethod
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from sparring.base import files
from sparring.base.errors import UserError
from sparring.base.settings import dump
from sparring.modalities.image_cache import cached, gathered, mapped, write_header
from sparring.modalities.image_files import Labels, Store, attributes_of, in_order, labels_of, pictures, store_of
from sparring.modalities.image_pixels import WORDS, Unreadable, bare, content_hash, fitted, pixels_of
from sparring.modalities.image_size import derive
from sparring.modalities.image_survey import geometry, key_of, surveyed
from sparring.modalities.settings import Images
from sparring.modalities.source import Source
from sparring.modalities.workers import CHUNK, by_chunks

AT_ONCE = 2**24
"""pixels of whole pictures that a worker reads at a time"""


class ImageSource(Source):
    """Pictures with their sizes and, it may be, labels."""

    kind = "images"
    names: list[str]
    """what each picture is called"""
    sizes: np.ndarray
    """(n, 2) heights and widths, upright"""
    channels: np.ndarray
    """(n,) 1, 3 or 4: what each picture's pixels need"""

    def __len__(self) -> int:
        return len(self.names)

    @abstractmethod
    def pixels(self, encoding: Images) -> np.ndarray:
        """Every picture under a fitted encoding, (n, channels, height, width) uint8; may be memory-mapped, then changes stay private."""

    @abstractmethod
    def pictures(self, channels: int, rows: np.ndarray | None = None) -> Iterator[np.ndarray]:
        """Every picture, or those of these numbers, at its own size, one by one, (channels, h, w) uint8."""

    @abstractmethod
    def _origin(self) -> dict[str, Any]:
        """What only this kind of source can tell `inspect`: formats, modes, corrupt files, where labels come from."""

    def describe(self) -> dict[str, Any]:
        heights, widths = self.sizes.T
        common = Counter(f"{w}x{h}" for h, w in self.sizes).most_common(5)
        derived, why = derive(self.sizes, self.channels, Images())
        return {
            "kind": self.kind,
            "name": self.name,
            "count": len(self),
            **self._origin(),
            "sizes": {
                "width": {"min": int(widths.min()), "median": float(np.median(widths)), "max": int(widths.max())},
                "height": {"min": int(heights.min()), "median": float(np.median(heights)), "max": int(heights.max())},
                "most_frequent": dict(common),
            },
            "labels": {name: int((self.labels == i).sum()) for i, name in enumerate(self.classes)},
            "attributes": {name: _spread(column) for name, column in zip(self.attributes, self.values.T)} if self.attributes else {},
            "duplicates": self._duplicates(),
            "derived": {name: {"value": dump(getattr(derived, name)), "why": reason} for name, reason in why.items()},
            "problems": list(self.problems),
        }

    def _duplicates(self) -> dict[str, Any]:
        """Pictures whose pixels equal an earlier one's, and up to five groups of them by name."""
        groups: dict[str, list[str]] = {}
        for name, item in zip(self.names, self.hashes()):
            groups.setdefault(item, []).append(name)
        repeated = [names for names in groups.values() if len(names) > 1]
        return {"count": len(self) - len(groups), "examples": [names[:5] for names in repeated[:5]]}


def _spread(column: np.ndarray) -> dict[str, float]:
    """What `inspect` says of an attribute."""
    return {"min": float(column.min()), "mean": round(float(column.mean()), 4), "max": float(column.max())}


def tiny(sizes: np.ndarray) -> tuple[str, ...]:
    """A remark when every one of the (n, 2) sizes is 1x1."""
    return ("every picture is a single pixel: a model can learn their colours and nothing else",) if (sizes == 1).all() else ()


# ---- arrays


class PictureArray(ImageSource):
    """Pictures in memory or memory-mapped, all of one size."""

    def __init__(self, name: str, array: np.ndarray, labels: np.ndarray | None = None, classes: tuple[str, ...] = ()):
        """`array` (n, h, w, 1|3|4) uint8; `labels` (n,) numbers of `classes`."""
        self.name, self.array, self.labels, self.classes = name, array, labels, classes
        self.names = [str(i) for i in range(len(array))]
        self.sizes = np.tile(array.shape[1:3], (len(array), 1))
        self._bare = [bare(item) for item in array]
        self.channels = np.array([item.shape[2] for item in self._bare])
        self.problems = tiny(self.sizes)

    def hashes(self) -> list[str]:
        return [content_hash(item) for item in self._bare]

    def pixels(self, encoding: Images) -> np.ndarray:
        n, h, w, c = self.array.shape
        if encoding.size == (h, w) and encoding.channels == c:
            return self.array.transpose(0, 3, 1, 2)  # (n, h, w, c) -> (n, c, h, w), a view: the array may be a map
        pictures = (Image.fromarray(item[..., 0] if c == 1 else item) for item in self.array)
        return np.stack([fitted(picture, encoding.size, encoding.channels, encoding.fit) for picture in pictures])

    def pictures(self, channels: int, rows: np.ndarray | None = None) -> Iterator[np.ndarray]:
        for item in self.array if rows is None else (self.array[i] for i in rows):
            picture = Image.fromarray(item[..., 0] if item.shape[2] == 1 else item)
            yield fitted(picture, item.shape[:2], channels, "crop")

    def _origin(self) -> dict[str, Any]:
        return {"modes": dict(Counter(WORDS[int(c)] for c in self.channels).most_common()), "corrupt": []}


# ---- files


class PictureFiles(ImageSource):
    """Picture files in a folder or a zip archive."""

    def __init__(self, path: Path):
        """Decodes every file, or finds in the cache what it found before. UserError when no picture can be used."""
        self.store, self.name = store_of(path), path.resolve().stem
        every = self.store.files()
        found = pictures(self.store, every)
        labels = labels_of(self.store, every, [f.name for f in found])
        self._key = key_of(self.store, found)
        self._survey = seen = surveyed(self.store, [f.name for f in found], self._key)
        self.corrupt = {found[i].name: problem for i, problem in seen.problems.items()}
        if not len(seen.rows):
            name, problem = next(iter(self.corrupt.items()))
            raise UserError(f"none of the {len(found)} pictures in {self.store.path} can be read (first: {name}: {problem})")
        self.names = [found[i].name for i in seen.rows]
        self.sizes, self.channels = seen.sizes, seen.channels
        self._label(labels)
        skipped = tuple(f"skipped {name}: {problem}" for name, problem in self.corrupt.items())
        self.problems = skipped + ((labels.remark,) if labels.remark else ()) + tiny(self.sizes)

    def _label(self, labels: Labels) -> None:
        self._labels_from = labels.origin
        if labels.of is not None:
            given = [labels.of[name] for name in self.names]
            if not isinstance(given[0], str):
                try:
                    self.attributes, rows = attributes_of(given)
                except ValueError as error:
                    raise UserError(f"the labels in {self.store.path}/{labels.origin} are not understood: {error}") from None
                self.values = np.array(rows, dtype=np.float32)
                return
            self.classes = in_order(set(given))
            number = {name: i for i, name in enumerate(self.classes)}
            self.labels = np.array([number[label] for label in given], dtype=np.int64)

    def hashes(self) -> list[str]:
        return [row.tobytes().hex() for row in self._survey.hashes]

    def pixels(self, encoding: Images) -> np.ndarray:
        if self._survey.written == geometry(encoding):
            every = mapped(self._survey.pixels)
            return gathered(every, self._survey.rows, "disk") if self.corrupt else every
        key = files.hash_bytes(self._key.encode(), json.dumps(dump(encoding)).encode())
        shape = (len(self), encoding.channels, *encoding.size)

        def fill(folder: Path) -> None:
            # plain writes in order, not a memory map: a full disk is then an error and not a crash
            with open(folder / "pixels.npy", "wb") as file:
                write_header(file, shape)
                arguments = (self.store, encoding.size, encoding.channels, encoding.fit)
                for block in by_chunks(_encode_chunk, self.names, arguments, "Resizing pictures"):
                    file.write(block.tobytes())

        return mapped(cached(key, fill) / "pixels.npy")

    def pictures(self, channels: int, rows: np.ndarray | None = None) -> Iterator[np.ndarray]:
        named = list(zip(self.names, self.sizes.tolist()))
        named = named if rows is None else [named[i] for i in rows]
        size = max(1, min(CHUNK, AT_ONCE // max((h * w for _, (h, w) in named), default=1)))
        for chunk in by_chunks(_whole_chunk, named, (self.store, channels), "Reading pictures", size):
            yield from chunk

    def _origin(self) -> dict[str, Any]:
        return {
            "path": str(self.store.path),
            "formats": self._survey.words["format"],
            "modes": self._survey.words["mode"],
            "labels_from": self._labels_from,
            "corrupt": [{"name": name, "problem": problem} for name, problem in self.corrupt.items()],
        }


def _encode_chunk(names: list[str], store: Store, size: tuple[int, int], channels: int, fit: str) -> np.ndarray:
    return np.stack([_encode(store, name, size, channels, fit) for name in names])


def _whole_chunk(named: list[tuple[str, list[int]]], store: Store, channels: int) -> list[np.ndarray]:
    return [_encode(store, name, (size[0], size[1]), channels, "crop") for name, size in named]


def _encode(store: Store, name: str, size: tuple[int, int], channels: int, fit: str) -> np.ndarray:
    try:
        with store.open(name) as file:
            return pixels_of(file, size, channels, fit)
    except (Unreadable, OSError) as error:
        raise UserError(f"{name} in {store.path} changed while it was being read ({error}): try again when it is at rest") from None
