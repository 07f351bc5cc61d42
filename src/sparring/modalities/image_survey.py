"""The first pass over a collection of picture files: every file is decoded once, whole, and what was found is kept in the cache, with the
pixels where a sample tells the size that will be asked for. No torch: this runs in worker processes.

The files are what takes time, so a picture's pixels are taken from Pillow once, for its hash and for the array that is written.
"""

import errno
import json
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from PIL import Image

from sparring.base import files
from sparring.modalities import workers
from sparring.modalities.image_cache import cached, write_header
from sparring.modalities.image_files import File, Store
from sparring.modalities.image_pixels import Facts, Unreadable, fitted, survey
from sparring.modalities.image_size import derive
from sparring.modalities.settings import Images

CODE = 3
"""raise it when decoding or what is kept changes, so that old cache entries are not found"""
SAMPLE = 64
"""files that tell in advance which encoding a large collection will get"""
AT_ONCE = 2**30
"""bytes of pixels up to which they are written in the first pass, when nobody has asked for them yet"""

Geometry = tuple[tuple[int, int], int, str]
"""what of an encoding makes the pixels: (height, width), channels, fit"""


def geometry(encoding: Images) -> Geometry:
    return encoding.size, encoding.channels, encoding.fit


class Part(NamedTuple):
    """What was found in some files, in columns as `Survey` has them: what workers send takes time of a core that one of them could have."""

    rows: np.ndarray
    hashes: np.ndarray
    sizes: np.ndarray
    channels: np.ndarray
    problems: dict[int, str]
    words: dict[str, Counter]

    @classmethod
    def of(cls, numbers: list[int], facts: list[Facts | str]) -> "Part":
        good = [fact for fact in facts if isinstance(fact, Facts)]
        return cls(
            np.array([i for i, fact in zip(numbers, facts) if isinstance(fact, Facts)], dtype=np.int64),
            np.frombuffer(bytes.fromhex("".join(fact.hash for fact in good)), dtype=np.uint8).reshape(-1, 32),
            np.array([fact.size for fact in good], dtype=np.int64).reshape(-1, 2),
            np.array([fact.channels for fact in good], dtype=np.int64),
            {i: fact for i, fact in zip(numbers, facts) if isinstance(fact, str)},
            {word: Counter(getattr(fact, word) for fact in good) for word in ("format", "mode")},
        )


@dataclass
class Survey:
    """What was found, in columns: 50,000 dictionaries would take longer to read than everything else at a second start."""

    rows: np.ndarray
    """(n,) which of the files can be used"""
    problems: dict[int, str]
    """why each of the others cannot"""
    hashes: np.ndarray
    """(n, 32) uint8"""
    sizes: np.ndarray
    """(n, 2) heights and widths"""
    channels: np.ndarray
    """(n,)"""
    words: dict[str, dict[str, int]]
    """how many files are of each "format" and of each "mode", most frequent first"""
    written: Geometry | None
    """the encoding of the pixels that were written on the way, if any, one row a file"""
    pixels: Path

    COLUMNS = ("rows", "hashes", "sizes", "channels")

    @classmethod
    def of(cls, parts: list[Part], written: Geometry | None, pixels: Path) -> "Survey":
        columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in cls.COLUMNS}
        problems = {row: why for part in parts for row, why in part.problems.items()}
        words = {word: dict(sum((part.words[word] for part in parts), Counter()).most_common()) for word in ("format", "mode")}
        return cls(**columns, problems=problems, words=words, written=written, pixels=pixels)

    @classmethod
    def read(cls, entry: Path) -> "Survey":
        told = files.read_json(entry / "survey.json")
        with np.load(entry / "survey.npz", allow_pickle=False) as kept:
            columns = {name: kept[name] for name in cls.COLUMNS}
        written = told["written"] and (tuple(told["written"][0]), *told["written"][1:])
        problems = {int(i): why for i, why in told["problems"].items()}
        return cls(problems=problems, words=told["words"], written=written, pixels=entry / "pixels.npy", **columns)

    def write(self, entry: Path) -> None:
        np.savez(entry / "survey.npz", **{name: getattr(self, name) for name in self.COLUMNS})
        told = {"problems": self.problems, "words": self.words, "written": self.written}
        (entry / "survey.json").write_text(json.dumps(told), encoding="utf-8")


@dataclass(frozen=True)
class Target:
    """The array that the first pass writes on its way, one row a file, of zeros where a file cannot be read."""

    geometry: Geometry
    file: Path
    start: int
    """bytes before the first row"""

    def write(self, first: int, pictures: list[np.ndarray | None]) -> None:
        """Rows from `first` on, pictures `at_size`; plain writes, so that a full disk is an error and not a crash."""
        (height, width), channels, _ = self.geometry
        rows = np.zeros((len(pictures), channels, height, width), dtype=np.uint8)
        for row, picture in zip(rows, pictures):
            if picture is not None:
                row[:] = picture
        with open(self.file, "r+b", buffering=0) as file:
            file.seek(self.start + first * rows[0].nbytes)
            if file.write(rows) != rows.nbytes:
                raise OSError(28, "the disk took a part only")

    def at_size(self, pixels: np.ndarray) -> np.ndarray:
        """(h, w) or (h, w, 3|4) -> (channels, height, width)"""
        size, channels, _ = self.geometry
        if pixels.shape == (*size, channels):
            return pixels.transpose(2, 0, 1)
        return fitted(Image.fromarray(pixels), *self.geometry)


def key_of(store: Store, found: list[File]) -> str:
    """The identity of a collection: where it is, and the name, size and time of every picture."""
    listing = "\0".join(f"{name}\0{size}\0{changed}" for name, size, changed in found)
    return files.hash_bytes(f"{CODE} {store.path} {Image.__version__}".encode(), listing.encode("utf-8", "surrogateescape"))


def surveyed(store: Store, names: list[str], key: str) -> Survey:
    """What the files hold, from the cache if they were seen before."""

    def fill(folder: Path) -> None:
        target = _target(store, names, folder / "pixels.npy")
        parts = [*workers.by_chunks(_survey_chunk, list(enumerate(names)), (store, target), "Reading pictures")]
        Survey.of(parts, target and target.geometry, folder).write(folder)

    return Survey.read(cached(key, fill))


def _target(store: Store, names: list[str], file: Path) -> Target | None:
    """An array for all pictures under the encoding that a sample of them asks for; None for few pictures or for much to write."""
    if len(names) <= workers.MANY:
        return None
    sample = [fact for name in names[:: len(names) // SAMPLE] if isinstance(fact := _survey(store, name)[0], Facts)]
    if not sample:
        return None
    sizes, channels = np.array([fact.size for fact in sample]), np.array([fact.channels for fact in sample])
    wanted = geometry(derive(sizes, channels, Images())[0])
    (height, width), depth, _ = wanted
    if len(names) * height * width * depth > AT_ONCE:
        return None
    with open(file, "wb") as opened:
        write_header(opened, (len(names), depth, height, width))
        start = opened.tell()
        room = len(names) * height * width * depth
        _make_room(opened, start + room)
    return Target(wanted, file, start)


def _make_room(file: BinaryIO, size: int) -> None:
    """A file of that size whose room is there at once where the system can: writing in one of holes takes three times as long, and two writers wait
    for each other. OSError where the disk has not so much."""
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(file.fileno(), 0, size)
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):             # what file systems say that cannot
                raise
    file.truncate(size)


def _survey_chunk(numbered: list[tuple[int, str]], store: Store, target: Target | None) -> Part:
    found, small = [], []
    for _, name in numbered:
        facts, picture = _survey(store, name)                       # whole photographs are not kept: 64 of them are gigabytes
        found.append(facts)
        small.append(None if target is None or picture is None else target.at_size(picture))
    if target:
        target.write(numbered[0][0], small)
    return Part.of([number for number, _ in numbered], found)


def _survey(store: Store, name: str) -> tuple[Facts | str, np.ndarray | None]:
    """A picture's facts and pixels, or why it cannot be used."""
    try:
        with store.open(name) as file:
            return survey(file)
    except Unreadable as error:
        return str(error), None
    except OSError as error:
        return error.strerror or str(error), None
