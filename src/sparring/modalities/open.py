"""The front door of data: what a user gives after `--data` becomes a Source. Torch-free."""

import csv
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from sparring.base.errors import UserError, nearest
from sparring.modalities.builtins import BUILTINS, open_builtin
from sparring.modalities.source import Source

PICTURE_KEYS = ("x", "images", "arr_0")
LABEL_KEYS = ("y", "labels")
FRAME = "frame"
"""what data are called that lie in no file"""
PAIR, HALVES = "::", "halves"
TABLES = (".parquet", ".arrow", ".feather", ".jsonl", ".ndjson", ".tsv", ".csv.gz", ".tsv.gz", ".jsonl.gz", ".ndjson.gz")


def open_data(text: str, kinds: Sequence[str] = (), memory: str = "auto") -> Source:
    """The built-in of that name, or what lies at that path (write ./digits for a folder called like a built-in); A::B are two collections of
    pictures, and PATH::halves one whose left halves are A and whose right halves are B.

    Folders, .zip and single picture files are pictures; .npy and .npz by their contents; .parquet, .arrow, .feather, .jsonl, .tsv and
    compressed ones are tables. A .csv is what `kinds` has, the kinds of data that the caller takes: points or a table. Where that leaves a
    choice it is points if it holds nothing but numbers (and perhaps a column `label`), else a table. `memory` says where a table's rows are
    (`table_source.open_table`). UserError, in one line, when there is nothing or nothing that can be used.
    """
    if text in BUILTINS:
        return open_builtin(text)
    if sides := _sides(text):
        return _open_pairs(*sides)
    path = Path(text).expanduser()
    if not path.exists():
        known = nearest(text, BUILTINS) if path.name == text and not path.suffix else ""
        raise UserError(f"there is no data at {text}: give a folder, a .zip, .npz, .npy, .csv or .parquet, or the name of a built-in{known}")
    kind = path.suffix.lower()
    if path.is_file() and (path.name.lower().endswith(TABLES) or (kind == ".csv" and _is_table(path, kinds))):
        return _table_code().open_table(path, memory=memory)
    if kind == ".csv":
        from sparring.modalities.points import open_points

        return open_points(path)
    if kind in (".npy", ".npz"):
        return _open_array(path)

    from sparring.modalities.image_files import is_picture
    from sparring.modalities.image_source import PictureFiles

    if path.is_dir() or kind == ".zip" or is_picture(path.name):
        return PictureFiles(path)
    raise UserError(f"{text} is of no known kind: give a folder of pictures, a picture, a .zip, .npz, .npy, .csv or .parquet")


def open_named(text: str, kinds: Sequence[str] = (), memory: str = "auto") -> tuple[str, Source]:
    """The source, and its full name: that of a built-in stays, a path becomes absolute."""
    source = open_data(text, kinds, memory)
    sides = _sides(text)
    return PAIR.join(map(_full_name, sides)) if sides else _full_name(text), source


def opened(data: Any, kinds: Sequence[str] = (), memory: str = "auto") -> tuple[str, Source]:
    """The same of a frame too (pandas, polars, arrow, or a dict of arrays), whose name is then FRAME."""
    if isinstance(data, (str, os.PathLike)):
        return open_named(str(data), kinds, memory)
    if memory == "disk":
        raise UserError("a frame is in memory already: leave memory disk out, or save it as Parquet and give the file")
    return FRAME, _table_code().from_frame(data, FRAME)


def _full_name(text: str) -> str:
    path = Path(text).expanduser()
    return str(path.resolve()) if path.exists() and os.sep in str(path.resolve()) and text not in (*BUILTINS, HALVES) else text


def _sides(text: str) -> tuple[str, str] | None:
    """A and B of A::B."""
    if PAIR not in text or Path(text).expanduser().exists():
        return None
    a, _, b = text.partition(PAIR)
    if not a or not b or PAIR in b:
        raise UserError(f"{text} is not two collections: write A::B, what is given and what is made from it, or PATH::halves")
    return a, b


def _open_pairs(a: str, b: str) -> Source:
    from sparring.modalities.pair_source import Half, PairSource

    opened = [open_data(text) for text in ((a,) if b == HALVES else (a, b))]
    for text, source in zip((a, b), opened):
        if source.kind != "images":
            raise UserError(f"{text} holds {source.kind}, and pairs are of pictures: give folders of pictures, .zip, .npz or .npy")
    if b == HALVES:
        return PairSource(Half(opened[0], right=False), Half(opened[0], right=True), halves=True)
    return PairSource(*opened)


def _is_table(path: Path, kinds: Sequence[str]) -> bool:
    """Whether a .csv is a table, for a caller that takes these kinds of data."""
    if ("tables" in kinds) != ("points" in kinds):
        return "tables" in kinds
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            rows = (row for row in csv.reader(file) if row)
            names = next(rows, [])
            if all(map(_is_number, names)):                         # points may come without names, tables do not
                return False
            labels = [name.strip().lower() in ("label", "class") for name in names]
            return not all(_is_number(cell) for row in rows for cell, label in zip(row, [*labels, *[False] * len(row)]) if not label)
    except (OSError, UnicodeDecodeError, csv.Error):
        return True


def _is_number(cell: str) -> bool:
    try:
        float(cell.strip() or "nan")
    except ValueError:
        return False
    return True


def _table_code() -> ModuleType:
    try:
        from sparring.modalities import table_source
    except ModuleNotFoundError as error:
        raise UserError(f'tables need {error.name}, which is not installed: pip install "sparring[tables]"') from None
    return table_source


def _open_array(path: Path) -> Source:
    """Pictures (n, h, w), (n, h, w, c) or (n, c, h, w) of uint8, or points (n, d)."""
    array, labels, names = _read_array(path)
    if array.ndim == 2:
        from sparring.modalities.points import from_array

        return from_array(array, path.stem, str(path))
    if array.ndim not in (3, 4):
        raise UserError(f"{path} holds an array of shape {array.shape}: pictures are (n, h, w) or (n, h, w, c), points (n, d)")
    if array.dtype != np.uint8:
        raise UserError(f"{path} holds pictures as {array.dtype}: save them as uint8, from 0 for black to 255 for white")
    if not array.size:
        raise UserError(f"{path} holds no pictures, its array is of shape {array.shape}: save at least one")

    from sparring.modalities.image_source import PictureArray

    return PictureArray(path.stem, _channels_last(array, path), *_numbered(labels, names, len(array), path))


def _read_array(path: Path) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
    """(items, labels or None, names of the classes or None). A single .npy is memory-mapped. Pickled objects are never loaded."""
    try:
        if path.suffix.lower() == ".npy":
            return np.load(path, mmap_mode="c", allow_pickle=False), None, None
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(f"cannot read {path} ({error}): save it anew with numpy, as an array of numbers") from None
    labels = next((arrays[key] for key in LABEL_KEYS if key in arrays), None)
    items = next((arrays[key] for key in PICTURE_KEYS if key in arrays), None)
    if items is None:
        raise UserError(f"{path} holds {', '.join(arrays) or 'nothing'}: call the array of items x or images, the labels y or labels")
    return items, labels, arrays.get("classes")


def _channels_last(array: np.ndarray, path: Path) -> np.ndarray:
    """(n, h, w), (n, h, w, c) or (n, c, h, w) as (n, h, w, c)."""
    if array.ndim == 3:
        return array[..., None]
    if array.shape[3] in (1, 3, 4):
        return array
    if array.shape[1] in (1, 3, 4):
        return array.transpose(0, 2, 3, 1)
    raise UserError(f"{path} holds an array of shape {array.shape}: pictures have 1, 3 or 4 channels, first or last")


def _numbered(labels: np.ndarray | None, names: np.ndarray | None, n: int, path: Path) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """Labels of any values as (class numbers (n,) int64, names of the classes)."""
    if labels is None:
        return None, ()
    labels = labels.reshape(len(labels), -1) if labels.ndim else labels[None, None]
    if labels.shape != (n, 1) or labels.dtype.kind not in "iuUSb":
        given = f"labels of shape {labels.shape} and type {labels.dtype}"
        raise UserError(f"{path} has {n} pictures but {given}: give one whole number or word for each")
    values, numbers = np.unique(labels[:, 0], return_inverse=True)
    if names is not None and labels.dtype.kind in "iu" and values[0] >= 0 and values[-1] < len(names):
        return labels[:, 0].astype(np.int64), tuple(str(name) for name in names)
    return numbers.astype(np.int64), tuple(str(value) for value in values)
