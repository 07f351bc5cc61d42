"""One picture file to pixels: every mode that Pillow reads, upright, as 8 bits. No torch: this runs in worker processes."""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, NamedTuple

import numpy as np
from PIL import Image

from sparring.base.files import hash_bytes

Image.init()
COMMON = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
"""tried first: Pillow asks one format after the other"""
FORMATS = COMMON + tuple(sorted(set(Image.OPEN) - {*COMMON, "EPS", "WMF", "MPEG", "HDF5", "GRIB", "BUFR", "FITS"}))
"""what is opened: not those that Pillow hands to another program or only knows the header of"""
SUFFIXES = frozenset(suffix for suffix, format in Image.registered_extensions().items() if format in FORMATS)

MODES = {1: "L", 3: "RGB", 4: "RGBA"}
WORDS = {1: "grey", 3: "colour", 4: "alpha"}
KINDS = {"I": "16-bit grey", "F": "float grey", "C": "CMYK", "P": "palette"}
"""words for modes by their first letter; the others are named by what their pixels hold"""


class Unreadable(Exception):
    """A picture that cannot be used, and why, in a few words."""


@contextmanager
def opened(file: BinaryIO | str) -> Iterator[Image.Image]:
    """An open picture; whatever goes wrong with it, opening or decoding, becomes `Unreadable`."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(file, formats=FORMATS) as picture:
                yield picture
    except Unreadable:
        raise
    except Image.UnidentifiedImageError:
        raise Unreadable("not a picture, whatever its name says") from None
    except Image.DecompressionBombError:
        raise Unreadable(f"over {2 * Image.MAX_IMAGE_PIXELS / 1e6:.0f} megapixels: refused, it may be a decompression bomb") from None
    except Exception as error:  # on damaged files decoders raise anything
        raise Unreadable(" ".join(str(error).split()) or type(error).__name__) from None


TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE, 8: Image.Transpose.ROTATE_90,
}  # fmt: skip
"""what turns a picture upright, by the orientation that its EXIF data tell (tag 0x0112)"""


def standard(picture: Image.Image) -> Image.Image:
    """The first frame, turned upright as its EXIF data say, as mode L, RGB or RGBA; it may be the picture itself.

    Pillow's own exif_transpose also writes the EXIF data anew, which fails where a camera's cannot be written.
    """
    picture.load()
    turn = TURNS.get(picture.getexif().get(0x0112))
    picture = picture if turn is None else picture.transpose(turn)
    if picture.mode.startswith(("I", "F")):
        return Image.fromarray(_eight_bits(picture))
    if picture.has_transparency_data:
        return in_mode(picture, "RGBA")
    return in_mode(picture, "L" if picture.mode in ("1", "L") else "RGB")


def in_mode(picture: Image.Image, mode: str) -> Image.Image:
    """The picture itself where it has the mode, since converting would copy it."""
    return picture if picture.mode == mode else picture.convert(mode)


def _eight_bits(picture: Image.Image) -> np.ndarray:
    """Grey of more than 8 bits scaled to 0..255, (h, w) uint8. Clipping, Pillow's own way, would turn 16-bit pictures white."""
    pixels = np.asarray(picture)
    low, high = pixels.min(), pixels.max()
    white = 1.0 if picture.mode == "F" else 65535
    if not (low >= 0 and high <= white):
        raise Unreadable(f"{picture.mode} pixels from {low} to {high}, where 0 to {white:g} is expected: convert it to 8 or 16 bits")
    return np.round(pixels * (255 / white)).astype(np.uint8)


def bare(pixels: np.ndarray) -> np.ndarray:
    """Pixels (h, w) or (h, w, 1|3|4) without empty channels, (h, w, 1|3|4) uint8: no alpha where all is opaque, no colour where all is grey."""
    pixels = pixels[:, :, None] if pixels.ndim == 2 else pixels
    if pixels.shape[2] == 4 and (pixels[..., 3] == 255).all():
        pixels = pixels[..., :3]
    grey = lambda some: (some[..., 0] == some[..., 1]).all() and (some[..., 1] == some[..., 2]).all()
    if pixels.shape[2] == 3 and grey(pixels[:1]) and grey(pixels):          # the first row of most colour pictures tells
        pixels = pixels[..., :1]
    return pixels


def content_hash(pixels: np.ndarray) -> str:
    """The identity of a bare picture, whatever file or format it came in."""
    return hash_bytes(repr(pixels.shape).encode(), np.ascontiguousarray(pixels).data)


def fitted(picture: Image.Image, size: tuple[int, int], channels: int, fit: str) -> np.ndarray:
    """A standard picture at (height, width), (channels, height, width) uint8. One that has the size already keeps its pixels."""
    picture = _with_channels(picture, channels)
    (h, w), (height, width) = (picture.height, picture.width), size
    if (h, w) != size:
        if fit == "stretch":
            picture = _resized(picture, size)
        elif fit == "crop":
            scale = max(height / h, width / w)
            top, left = (h - height / scale) / 2, (w - width / scale) / 2
            picture = _resized(picture, size, (left, top, w - left, h - top))
        else:
            scale = min(height / h, width / w)
            inner = max(1, round(h * scale)), max(1, round(w * scale))
            bars = Image.new(picture.mode, (width, height))
            bars.paste(_resized(picture, inner), ((width - inner[1]) // 2, (height - inner[0]) // 2))
            picture = bars
    return np.asarray(picture).reshape(height, width, channels).transpose(2, 0, 1)  # (h, w, c) -> (c, h, w)


def _with_channels(picture: Image.Image, channels: int) -> Image.Image:
    if picture.mode == "RGBA" and channels < 4:  # what was transparent becomes white: under it anything may lie hidden
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    return in_mode(picture, MODES[channels])


def _resized(picture: Image.Image, size: tuple[int, int], box: tuple[float, ...] | None = None) -> Image.Image:
    """Lanczos with an antialiasing support; whole-number reduction first where a picture is much larger, for speed."""
    height, width = size
    return picture.resize((width, height), Image.Resampling.LANCZOS, box=box, reducing_gap=3.0)


# ---- what worker processes do with one file


class Facts(NamedTuple):
    """What a picture file holds."""

    hash: str
    size: tuple[int, int]
    """height, width"""
    channels: int
    format: str
    mode: str


def survey(file: BinaryIO) -> tuple[Facts, np.ndarray]:
    """Decodes a picture once, whole: its facts and its pixels, (h, w) or (h, w, 3|4) uint8. Raises Unreadable."""
    if (picture := small_jpeg(file)) is not None:
        format, mode, whole = "JPEG", picture.mode, pixels_in(picture)
    else:
        file.seek(0)
        with opened(file) as picture:
            format, mode, whole = picture.format, picture.mode, pixels_in(standard(picture))
    pixels = bare(whole)
    (height, width), channels = pixels.shape[:2], pixels.shape[2]
    return Facts(content_hash(pixels), (height, width), channels, format, KINDS.get(mode[0]) or WORDS[channels]), whole


def pixels_in(picture: Image.Image) -> np.ndarray:
    """(h, w) or (h, w, 3|4) uint8 of a standard picture; through its bytes, in half of the time that numpy's own way takes."""
    pixels = np.frombuffer(picture.tobytes(), np.uint8)
    return pixels.reshape(picture.height, picture.width, *([len(picture.mode)] if picture.mode != "L" else []))


SMALL = 2**20
"""bytes of a file, and pixels of a picture, below which opening it takes as long as decoding it"""
FRAMES = {0xC0, 0xC1, 0xC2}
"""baseline, extended and progressive Huffman coding"""


def small_jpeg(file: BinaryIO) -> Image.Image | None:
    """A small JPEG without anything about it that asks for care, by Pillow's decoder without its reading of the file's head, which would
    take longer than the decoding. None for every other file, and for one that does not decode: `opened` says what is wrong with it.

    ITU-T T.81, annex B: segments are FF, a marker, two bytes of length, and so many less two of content; a frame's are precision, height (2),
    width (2) and channels.
    """
    if file.seek(0, os.SEEK_END) > SMALL:
        return None
    file.seek(0)
    data = file.read()
    if data[:3] != b"\xff\xd8\xff":
        return None
    at, end = 2, len(data) - 9
    while at < end and data[at] == 0xFF:
        marker, length = data[at + 1], data[at + 2] << 8 | data[at + 3]
        if marker in FRAMES:
            height, width, channels = data[at + 5] << 8 | data[at + 6], data[at + 7] << 8 | data[at + 8], data[at + 9]
            mode = MODES.get(channels)
            if data[at + 4] != 8 or mode not in ("L", "RGB") or not 0 < width * height <= SMALL:
                return None
            try:
                return Image.frombytes(mode, (width, height), data, "jpeg", mode, "")
            except ValueError:
                return None
        # EXIF data may turn it (E1), it may hold several pictures (E2 with MPF); what is no segment, or comes before a frame in no plain file
        if marker == 0xE1 or data[at + 4 : at + 7] == b"MPF" or marker < 0xC4 or marker in (0xD8, 0xD9, 0xDA, 0xFF):
            return None
        at += 2 + length
    return None


def pixels_of(file: BinaryIO | str, size: tuple[int, int], channels: int, fit: str) -> np.ndarray:
    """A picture file as (channels, height, width) uint8. Raises Unreadable."""
    with opened(file) as picture:
        side = 3 * max(size)
        picture.draft(None, (side, side))  # JPEG decodes at a half, a quarter, an eighth in a fraction of the time
        return fitted(standard(picture), size, channels, fit)
