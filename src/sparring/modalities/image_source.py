"""Collections of pictures: files, decoded once and cached, or arrays. Torch-free, so that `inspect` answers at once.

Opening files decodes every picture once (in worker processes when there are many) and keeps what was found in the cache: content
hash, size, channels, or what is wrong with it. So length, labels, hashes and problems are settled from the start and stay aligned.
`pixels` gives them at one size, from a cached array that is memory-mapped: written on the way in the first pass, when a sample of a large
collection tells the size that will be derived, and otherwise by decoding again. Cache entries are keyed by the names, sizes and times of
the files and by `CODE`. Nothing is ever written beside the user's files.
"""

import json
import multiprocessing
import os
import statistics
import sys
import types
from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from sparring.base import files
from sparring.base.devices import free_memory
from sparring.base.errors import UserError, WorkError
from sparring.base.settings import dump
from sparring.modalities.image_files import File, Labels, Store, attributes_of, in_order, labels_of, pictures, store_of
from sparring.modalities.image_pixels import Unreadable, bare, content_hash, fitted, pixels_of, survey
from sparring.modalities.settings import AUTO_SIDE, Images
from sparring.modalities.source import Source

CODE = 2
"""raise it when decoding changes, so that old cache entries are not found"""
MANY = 500
"""files from which worker processes pay for their start"""
CHUNK = 64
"""pictures a worker decodes at a time"""
TILE_STEP = 4
"""a tile's side is a multiple of this many pixels"""
TOO_SMALL = 0.05
"""share of the pictures that may be smaller than a tile whose size is derived"""
SAMPLE = 64
"""files that tell in advance which encoding a large collection will get"""
AT_ONCE = 2**30
"""bytes of pixels up to which they are written in the first pass, when nobody has asked for them yet"""


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


def derive(sizes: np.ndarray, channels: np.ndarray, encoding: Images) -> tuple[Images, dict[str, str]]:
    """The encoding for pictures of these (n, 2) sizes and (n,) channels with everything that says auto filled in, and for each such field the
    reason in words."""
    found, why = {}, {}
    if encoding.resolution == "auto":
        found["resolution"], why["resolution"] = (tile_size if encoding.fit == "tiles" else _resolution)(sizes)
    if encoding.channels == "auto":
        found["channels"] = int(channels.max())
        count = f"{(channels == found['channels']).sum()} of {len(channels)} pictures"
        reasons = {1: "every picture is grey", 3: f"{count} have colour", 4: f"{count} are transparent somewhere"}
        why["channels"] = reasons[found["channels"]]
    return Images.model_validate(dump(encoding) | found), why


def tile_size(sizes: np.ndarray) -> tuple[tuple[int, int], str]:
    """(height, width) of tiles for pictures of these (n, 2) sizes, and why: 64 pixels a side, or less where more pictures are smaller."""
    shorter = float(np.quantile(sizes.min(1), TOO_SMALL, method="lower"))
    side = min(AUTO_SIDE, int(shorter) // TILE_STEP * TILE_STEP)
    if side < TILE_STEP:
        raise UserError(f"the pictures are too small to be cut into tiles: the shorter side is {shorter:.0f} pixels")
    return (side, side), f"pictures are cut into tiles of {side}x{side}"


def _resolution(sizes: np.ndarray) -> tuple[tuple[int, int], str]:
    """(height, width) from (n, 2) sizes, and why."""
    shapes = sizes[:, 0] / sizes[:, 1]
    if shapes.max() <= 1.1 * shapes.min():
        height, width = (int(statistics.median_low(side)) for side in sizes.T.tolist())
        why = f"all pictures are {width}x{height}" if (sizes == sizes[0]).all() else f"the median picture is {width}x{height}"
    else:
        height = width = int(statistics.median_low(sizes.min(1).tolist()))
        why = f"shapes are mixed and the median shorter side is {height}"
    longest = max(height, width)
    if longest > AUTO_SIDE:  # multiples of 4, so that networks can halve twice
        height, width = (max(4, round(side * AUTO_SIDE / longest / 4) * 4) for side in (height, width))
        why += f", brought down to at most {AUTO_SIDE} px"
    return (height, width), why


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
        return {"modes": _modes({1: "grey", 3: "colour", 4: "alpha"}[int(c)] for c in self.channels), "corrupt": []}


# ---- files


class PictureFiles(ImageSource):
    """Picture files in a folder or a zip archive."""

    def __init__(self, path: Path):
        """Decodes every file, or finds in the cache what it found before. UserError when no picture can be used."""
        self.store, self.name = store_of(path), path.resolve().stem
        every = self.store.files()
        found = pictures(self.store, every)
        labels = labels_of(self.store, every, [f.name for f in found])
        self._key = _key(self.store, found)
        facts, self._written = _surveyed(self.store, [f.name for f in found], self._key)
        good = [(f.name, fact) for f, fact in zip(found, facts) if "problem" not in fact]
        self._rows = np.array([i for i, fact in enumerate(facts) if "problem" not in fact])
        self.corrupt = {f.name: fact["problem"] for f, fact in zip(found, facts) if "problem" in fact}
        if not good:
            name, problem = next(iter(self.corrupt.items()))
            raise UserError(f"none of the {len(found)} pictures in {self.store.path} can be read (first: {name}: {problem})")
        self.names, self._facts = [name for name, _ in good], [fact for _, fact in good]
        self.sizes = np.array([fact["size"] for fact in self._facts])
        self.channels = np.array([fact["channels"] for fact in self._facts])
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
        return [fact["hash"] for fact in self._facts]

    def pixels(self, encoding: Images) -> np.ndarray:
        if self._written and self._written[0] == _geometry(encoding):
            every = mapped(self._written[1])
            return gathered(every, self._rows, "disk") if self.corrupt else every
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
        for chunk in by_chunks(_whole_chunk, named, (self.store, channels), "Reading pictures"):
            yield from chunk

    def _origin(self) -> dict[str, Any]:
        return {
            "path": str(self.store.path),
            "formats": _modes(fact["format"] for fact in self._facts),
            "modes": _modes(fact["mode"] for fact in self._facts),
            "labels_from": self._labels_from,
            "corrupt": [{"name": name, "problem": problem} for name, problem in self.corrupt.items()],
        }


def _modes(words) -> dict[str, int]:
    return dict(Counter(words).most_common())


def _key(store: Store, found: list[File]) -> str:
    """The identity of a collection: where it is, and the name, size and time of every picture."""
    listing = json.dumps([[f.name, f.size, f.changed] for f in found])
    return files.hash_bytes(f"{CODE} {store.path} {Image.__version__}".encode(), listing.encode())


Geometry = tuple[tuple[int, int], int, str]
"""what of an encoding makes the pixels: (height, width), channels, fit"""


def _geometry(encoding: Images) -> Geometry:
    return encoding.size, encoding.channels, encoding.fit


@dataclass(frozen=True)
class Target:
    """The array that the first pass writes on its way, one row a file, of zeros where a file cannot be read."""

    geometry: Geometry
    file: Path
    start: int
    """bytes before the first row"""

    def write(self, first: int, pictures: list[Image.Image | None]) -> None:
        """Rows from `first` on; plain writes, so that a full disk is an error and not a crash."""
        (height, width), channels, fit = self.geometry
        rows = [bytes(height * width * channels) if p is None else fitted(p, *self.geometry).tobytes() for p in pictures]
        with open(self.file, "r+b") as file:
            file.seek(self.start + first * height * width * channels)
            file.write(b"".join(rows))


def _surveyed(store: Store, names: list[str], key: str) -> tuple[list[dict], tuple[Geometry, Path] | None]:
    """What `survey` says of each file, or {"problem": why it cannot be used}; and the pixels of all, where they were written on the way."""

    def fill(folder: Path) -> None:
        target = _target(store, names, folder / "pixels.npy")
        facts = [fact for chunk in by_chunks(_survey_chunk, list(enumerate(names)), (store, target), "Reading pictures") for fact in chunk]
        (folder / "survey.json").write_text(json.dumps({"facts": facts, "written": target and target.geometry}), encoding="utf-8")

    entry = cached(key, fill)
    survey = files.read_json(entry / "survey.json")
    if survey["written"] is None:
        return survey["facts"], None
    size, channels, fit = survey["written"]
    return survey["facts"], ((tuple(size), channels, fit), entry / "pixels.npy")


def _target(store: Store, names: list[str], file: Path) -> Target | None:
    """An array for all pictures under the encoding that a sample of them asks for; None for few pictures or for much to write."""
    if len(names) <= MANY:
        return None
    sample = [fact for name in names[:: len(names) // SAMPLE] if "problem" not in (fact := _survey(store, name)[0])]
    if not sample:
        return None
    sizes, channels = np.array([fact["size"] for fact in sample]), np.array([fact["channels"] for fact in sample])
    geometry = _geometry(derive(sizes, channels, Images())[0])
    (height, width), depth, _ = geometry
    if len(names) * height * width * depth > AT_ONCE:
        return None
    with open(file, "wb") as opened:
        write_header(opened, (len(names), depth, height, width))
        start = opened.tell()
        opened.truncate(start + len(names) * height * width * depth)
    return Target(geometry, file, start)


def _survey_chunk(numbered: list[tuple[int, str]], store: Store, target: Target | None) -> list[dict]:
    found = [_survey(store, name) for _, name in numbered]
    if target:
        target.write(numbered[0][0], [picture for _, picture in found])
    return [facts for facts, _ in found]


def _survey(store: Store, name: str) -> tuple[dict, Image.Image | None]:
    try:
        with store.open(name) as file:
            return survey(file)
    except Unreadable as error:
        return {"problem": str(error)}, None
    except OSError as error:
        return {"problem": error.strerror or str(error)}, None


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


# ---- the cache and the workers


def cached(key: str, fill: Callable[[Path], None]) -> Path:
    """The cache entry of that key, filled if it is not there."""
    entry = files.cache() / "images" / key
    if not entry.exists():
        files.trim_cache()  # before and not after, or one larger than the cache would be removed while it is new
        try:
            with files.new_folder(entry) as folder:
                fill(folder)
        except WorkError:
            if not entry.exists():  # another process of the same launch was faster
                raise
    files.touch(entry)
    return entry


def mapped(file: Path) -> np.ndarray:
    """An .npy file as a memory map; writing to it changes the memory of this process only."""
    return np.load(file, mmap_mode="c", allow_pickle=False)


def gathered(pixels: np.ndarray, rows: np.ndarray | None, memory: str = "auto") -> np.ndarray:
    """Those rows of a map: in memory, or as a map of its own in the cache. `auto` leaves a whole map as it is and takes disk for rows that need
    more than half of the free memory."""
    size = (len(pixels) if rows is None else len(rows)) * pixels[0].nbytes
    disk = memory == "disk" or (memory == "auto" and (rows is None or size > free_memory() / 2))
    if not isinstance(pixels, np.memmap) or not disk:
        return np.array(pixels, order="C") if rows is None else np.ascontiguousarray(pixels[rows])
    if rows is None:
        return pixels

    def fill(folder: Path) -> None:
        with open(folder / "pixels.npy", "wb") as file:
            write_header(file, (len(rows), *pixels.shape[1:]))
            for start in range(0, len(rows), 1024):
                file.write(pixels[rows[start : start + 1024]].tobytes())

    whole = Path(pixels.filename)
    return mapped(cached(files.hash_bytes(f"{whole} {whole.stat().st_mtime_ns}".encode(), rows.tobytes()), fill) / "pixels.npy")


def write_header(file: BinaryIO, shape: tuple[int, ...]) -> None:
    """The head of an .npy file of bytes; its rows may follow in pieces."""
    np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})


def by_chunks(function: Callable, items: list, arguments: tuple, title: str) -> Iterator[Any]:
    """`function(chunk of items, *arguments)` in order, in worker processes when there are many items, under a progress bar."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    chunks = [items[i : i + CHUNK] for i in range(0, len(items), CHUNK)]
    console = Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(title, total=len(items))
        for chunk, result in zip(chunks, _results(function, chunks, arguments)):
            yield result
            progress.advance(task, len(chunk))


def _results(function: Callable, chunks: list[list], arguments: tuple) -> Iterator[Any]:
    workers = min(8, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    done = 0
    if workers > 1 and len(chunks) * CHUNK > MANY:
        try:
            with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
                with _unknown_main():
                    results = pool.map(function, chunks, *([argument] * len(chunks) for argument in arguments))
                for result in results:
                    yield result
                    done += 1
            return
        except BrokenProcessPool:  # no memory for workers: go on here
            pass
    for chunk in chunks[done:]:
        yield function(chunk, *arguments)


@contextmanager
def _unknown_main() -> Iterator[None]:
    """While workers are started they are not told of the user's script: they would run it again, all of it where it has no
    `if __name__ == "__main__"`, and need nothing from it."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
