"""Pictures cut into tiles: what networks that work on places, not on whole pictures, are trained with. Torch-free."""

from pathlib import Path
from typing import Any

import numpy as np

from sparring.base import files
from sparring.base.errors import UserError
from sparring.modalities.image_cache import cached, mapped, write_header
from sparring.modalities.image_source import ImageSource
from sparring.modalities.settings import Images


class Tiles(ImageSource):
    """The tiles of other pictures, side by side from the centre, as items of their own. What is left at the edges, and every picture smaller
    than a tile, is not used. A tile has its picture's hash, so that one picture's tiles never part between training and test."""

    def __init__(self, whole: ImageSource, size: tuple[int, int]):
        """UserError when every picture is smaller than a tile."""
        self.whole, self.size, self.name = whole, size, whole.name
        self.counts = whole.sizes // np.array(size)                             # (pictures, 2) tiles down and across
        each = self.counts.prod(1)
        owner = np.repeat(np.arange(len(whole)), each)
        if not len(owner):
            raise UserError(f"every picture of {whole.name} is smaller than a tile of {size[1]}x{size[0]}: give a smaller --resolution")
        self.owner = owner
        within = np.arange(len(owner)) - np.repeat(np.cumsum(each) - each, each)
        self.names = [f"{whole.names[o]} tile {i}" for o, i in zip(owner, within)]
        self.sizes, self.channels = np.tile(size, (len(owner), 1)), whole.channels[owner]
        self.classes, self.attributes = whole.classes, whole.attributes
        self.labels = None if whole.labels is None else whole.labels[owner]
        self.values = None if whole.values is None else whole.values[owner]
        small = int((each == 0).sum())
        left_out = (f"{small} pictures are smaller than a tile of {size[1]}x{size[0]} and were left out",) if small else ()
        self.problems = whole.problems + left_out

    def hashes(self) -> list[str]:
        every = self.whole.hashes()
        return [every[o] for o in self.owner]

    def pixels(self, encoding: Images) -> np.ndarray:
        if encoding.size != self.size:
            raise ValueError(f"tiles of {self.size} were asked for at {encoding.size}")
        key = files.hash_bytes(f"tiles {self.size} {encoding.channels}".encode(), *(h.encode() for h in self.whole.hashes()))

        def fill(folder: Path) -> None:
            with open(folder / "pixels.npy", "wb") as file:
                write_header(file, (len(self), encoding.channels, *self.size))
                for picture, (down, across) in zip(self.whole.pictures(encoding.channels), self.counts):
                    file.write(cut(picture, self.size, down, across).tobytes())

        return mapped(cached(key, fill) / "pixels.npy")

    def pictures(self, channels: int, rows: np.ndarray | None = None) -> Any:
        raise NotImplementedError("tiles are not cut again")

    def _origin(self) -> dict[str, Any]:
        return self.whole._origin()


def cut(picture: np.ndarray, size: tuple[int, int], down: int, across: int) -> np.ndarray:
    """(c, h, w) -> (down * across, c, *size), row by row, from the centre of the picture."""
    c, h, w = picture.shape
    height, width = size
    top, left = (h - down * height) // 2, (w - across * width) // 2
    middle = picture[:, top : top + down * height, left : left + across * width]
    tiles = middle.reshape(c, down, height, across, width)
    return tiles.transpose(1, 3, 0, 2, 4).reshape(-1, c, height, width)
