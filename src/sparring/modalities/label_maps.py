"""Label maps: pictures of a few exact colours, each the sign of a class. Torch-free.

They are never smoothed: a colour between two classes is a third one. So they are kept as class numbers and resized to the nearest.
"""

import colorsys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from sparring.base import files
from sparring.base.errors import UserError
from sparring.modalities.image_cache import cached, mapped, write_header
from sparring.modalities.image_source import ImageSource

MOST = 64
"""colours above which pictures are no label maps"""
SAMPLE = 50
"""pictures that are looked at to tell whether a collection is one of label maps"""
DARK = 64
"""grey values that are all below it are class numbers, which nobody can tell apart by eye"""


class Palette:
    """The colours of label maps, in the order of their numbers: class i has colour i."""

    def __init__(self, colours: np.ndarray):
        """`colours` (classes, 3) uint8, all different."""
        self.colours = np.asarray(colours, np.uint8).reshape(-1, 3)
        codes = _codes(self.colours)
        self._order = np.argsort(codes)
        self._sorted = codes[self._order]

    def __len__(self) -> int:
        return len(self.colours)

    @property
    def grey(self) -> bool:
        return bool((self.colours == self.colours[:, :1]).all())

    @property
    def shown(self) -> np.ndarray:
        """(classes, 3) uint8: its colours, or, where they are class numbers written as dark grey, colours that can be told apart."""
        if not self.grey or self.colours.max() >= DARK or len(self) < 2:
            return self.colours
        turn = lambda i: colorsys.hsv_to_rgb(i * 0.618034 % 1, 0.55 + 0.4 * (i % 2), 0.95 - 0.3 * (i % 3) / 2)      # golden-ratio steps: far apart
        return np.array([[round(255 * c) for c in turn(i)] for i in range(len(self))], np.uint8)

    def numbers(self, picture: np.ndarray, name: str) -> np.ndarray:
        """(h, w, 3) uint8 -> class numbers (h, w) uint8. UserError for a colour that is not in the palette."""
        codes = _codes(picture)
        places = np.searchsorted(self._sorted, codes).clip(max=len(self) - 1)
        strange = self._sorted[places] != codes
        if strange.any():
            code = int(codes[strange][0])
            colour = f"grey {code & 255}" if code == 0x10101 * (code & 255) else f"#{code:06x}"
            raise UserError(f"{name} has the colour {colour} and the label maps this was made for do not: use their {len(self)} colours only")
        return self._order[places].astype(np.uint8)


def _codes(colours: np.ndarray) -> np.ndarray:
    """(..., 3) uint8 -> (...) one number a colour."""
    return colours.astype(np.int32) @ np.array([65536, 256, 1], np.int32)


def _colours(pictures: Iterator[np.ndarray]) -> np.ndarray | None:
    """The codes of all colours in pictures (3, h, w), ascending; None as soon as there are more than a palette holds."""
    found = np.zeros(0, np.int32)
    for picture in pictures:
        found = np.union1d(found, _codes(picture.transpose(1, 2, 0)))                       # (3, h, w) -> (h, w, 3)
        if len(found) > MOST:
            return None
    return found


def looks_like_labels(source: ImageSource) -> bool:
    """Whether the pictures have at most 64 colours in all, and more than one; a sample tells it of most photographs."""
    rows = np.unique(np.linspace(0, len(source) - 1, min(SAMPLE, len(source))).astype(int))
    if _colours(source.pictures(3, rows)) is None:
        return False
    codes = _every_colour(source)
    return codes is not None and len(codes) > 1


def palette_of(source: ImageSource) -> Palette:
    """The palette of all the pictures. UserError where they have one colour or more than 64."""
    codes = _every_colour(source)
    if codes is None:
        raise UserError(f"the pictures of {source.name} have more than {MOST} colours, so they are no label maps: give --inputs picture")
    if len(codes) == 1:
        raise UserError(f"all label maps of {source.name} are of one colour: save class numbers as 8 bits, not 16, or as colours")
    return Palette([[code >> 16, code >> 8 & 255, code & 255] for code in codes])


def _every_colour(source: ImageSource) -> list[int] | None:
    """The codes of all colours, looked for once and cached; None for more than a palette holds."""

    def fill(folder: Path) -> None:
        codes = _colours(source.pictures(3))
        files.write_json(folder / "palette.json", {"codes": None if codes is None else codes.tolist()})

    return files.read_json(cached(_key(source, "palette"), fill) / "palette.json")["codes"]


def number_maps(source: ImageSource, palette: Palette, size: tuple[int, int], fit: str) -> np.ndarray:
    """Every label map at (height, width) as class numbers, (n, 1, height, width) uint8, memory-mapped from the cache."""

    def fill(folder: Path) -> None:
        with open(folder / "pixels.npy", "wb") as file:
            write_header(file, (len(source), 1, *size))
            for name, picture in zip(source.names, source.pictures(3)):
                file.write(placed(palette.numbers(picture.transpose(1, 2, 0), name), size, fit).tobytes())

    return mapped(cached(_key(source, f"labels {size} {fit} {palette.colours.tolist()}"), fill) / "pixels.npy")


def _key(source: ImageSource, what: str) -> str:
    return files.hash_bytes(what.encode(), *(item.encode() for item in source.hashes()))


def placed(numbers: np.ndarray, size: tuple[int, int], fit: str) -> np.ndarray:
    """Class numbers (h, w) at (height, width), where `image_pixels.fitted` would put a picture; each from the nearest. Bars are of class 0."""
    rows, columns = (_sources(side, target, scale) for side, target, scale in zip(numbers.shape, size, _scales(numbers.shape, size, fit)))
    made = numbers[rows.clip(min=0)][:, columns.clip(min=0)]
    return np.where((rows < 0)[:, None] | (columns < 0), 0, made).astype(np.uint8)


def _scales(given: tuple[int, int], size: tuple[int, int], fit: str) -> tuple[float, float]:
    """Target pixels to a source pixel, along height and width."""
    ratios = tuple(target / side for side, target in zip(given, size))
    if fit == "stretch":
        return ratios
    return (max(ratios),) * 2 if fit == "crop" else (min(ratios),) * 2


def _sources(side: int, target: int, scale: float) -> np.ndarray:
    """(target,) the source pixel that each target pixel's middle lies in, both centred on each other; -1 outside."""
    inner = max(1, round(side * scale))
    if inner < target:                                                                      # bars, as wide as `fitted` makes them
        place = np.arange(target) - (target - inner) // 2
        return np.where((place < 0) | (place >= inner), -1, ((place + 0.5) * side / inner).astype(int).clip(0, side - 1))
    first = (side - target / scale) / 2
    return (first + (np.arange(target) + 0.5) / scale).astype(int).clip(0, side - 1)
