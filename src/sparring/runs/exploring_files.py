"""Pictures and files that come in and go out when pages explore a run."""

import io
import math
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from sparring.base import files
from sparring.base.errors import UserError
from sparring.modalities.image_pixels import Unreadable, opened, standard
from sparring.runs.explore import rows_of

LARGEST = 2**26
"""pixels of a picture that is given: more than cameras make"""
MEDIA = {"zip": "application/zip", "npz": "application/octet-stream", "csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}
FORMATS = {"images": ("zip", "npz"), "pairs": ("zip", "npz"), "points": ("csv", "npz"), "tables": ("csv", "parquet")}

Picture = np.ndarray
"""(h, w) or (h, w, 3|4) uint8"""


def sheet(items: np.ndarray, columns: int | None = None) -> Picture:
    """One picture as it is, several as a grid."""
    if len(items) > 1:
        return rows_of(items, columns or math.ceil(math.sqrt(len(items))))
    return items[0, ..., 0] if items.shape[3] == 1 else items[0]


def png(picture: Picture) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG", compress_level=1)
    return file.getvalue()


def check(picture: Path, largest: int) -> None:
    """UserError for a file that is no picture, or has more pixels than that: its head is read, and nothing is decoded."""
    try:
        with opened(str(picture)) as head:
            width, height = head.size
    except Unreadable as problem:
        raise UserError(f"the picture cannot be used: {problem}") from None
    if width * height > largest:
        raise UserError(f"the picture has {width}x{height} pixels, and {largest / 1e6:.1f} megapixels are the most: make it smaller")


def read(picture: Path) -> Image.Image:
    """An uploaded picture, upright."""
    check(picture, LARGEST)
    try:
        with opened(str(picture)) as found:
            return standard(found)
    except Unreadable as problem:
        raise UserError(f"the picture cannot be used: {problem}") from None


def zipped(folder: Path, out: Path) -> None:
    try:
        with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:                     # pictures are compressed already
            for file in sorted(folder.rglob("*.png")):
                archive.write(file, file.relative_to(folder).as_posix())
    except OSError as error:
        raise files.full_disk(error, out) from error
