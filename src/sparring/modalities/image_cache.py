"""Pixels that are kept: cache entries, and arrays of them on disk, memory-mapped. No torch."""

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np

from sparring.base import files
from sparring.base.devices import free_memory
from sparring.base.errors import WorkError


def cached(key: str, fill: Callable[[Path], None], room: str = "images") -> Path:
    """The cache entry of that key, filled if it is not there."""
    entry = files.cache() / room / key
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


def write_header(file: BinaryIO, shape: tuple[int, ...], of: str = "|u1") -> None:
    """The head of an .npy file of bytes, or numbers of another type; its rows may follow in pieces."""
    np.lib.format.write_array_header_1_0(file, {"descr": of, "fortran_order": False, "shape": shape})
