"""Collections of picture files as users have them: folders and zip archives, what is in them, and which label each file has. No torch."""

import csv
import io
import json
import math
import os
import re
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, NamedTuple

from sparring.base.errors import UserError
from sparring.modalities.image_pixels import SUFFIXES

LABEL_FILES = ("labels.csv", "labels.json", "dataset.json", "metadata.csv")
FILE_COLUMNS = ("file_name", "filename", "file", "path", "image", "name")
LABEL_COLUMNS = ("label", "labels", "class", "category", "y")
LARGEST_MEMBER = 2**30
SPLITS = {"train", "training", "test", "testing", "val", "valid", "validation"}


class File(NamedTuple):
    """A file by its name inside the collection (with /), its bytes, and when it was changed."""

    name: str
    size: int
    changed: int


class Store(ABC):
    """Where files lie. Small and picklable: worker processes get one and open the files themselves."""

    path: Path

    @abstractmethod
    def files(self) -> list[File]:
        """Every file except hidden ones and what macOS leaves behind, ordered by name."""

    @abstractmethod
    def open(self, name: str) -> BinaryIO:
        """A file's bytes, to be closed by the caller."""

    def text(self, name: str) -> str:
        with self.open(name) as file:
            return file.read().decode("utf-8-sig")


@dataclass(frozen=True)
class Folder(Store):
    path: Path
    only: str | None = None
    """the one file that is meant, for a path that is a picture"""

    def files(self) -> list[File]:
        found: list[File] = []
        self._collect(str(self.path), "", found)
        return sorted(found, key=lambda f: f.name)

    def _collect(self, folder: str, prefix: str, found: list[File]) -> None:
        """Plain strings: paths as objects would take longer than the pictures of a large collection."""
        try:
            entries = list(os.scandir(folder))
        except OSError:                                                     # a folder that may not be read holds nothing to be had
            return
        for entry in entries:
            if not _visible(entry.name):
                continue
            if entry.is_dir(follow_symlinks=False):
                if not self.only:
                    self._collect(entry.path, f"{prefix}{entry.name}/", found)
            elif self.only in (None, entry.name) and not entry.is_dir():
                try:
                    facts = entry.stat()
                except OSError:
                    facts = entry.stat(follow_symlinks=False)               # a dangling link is a file that cannot be read
                found.append(File(prefix + entry.name, facts.st_size, facts.st_mtime_ns))

    def open(self, name: str) -> BinaryIO:
        return open(f"{self.path}/{name}", "rb")


@dataclass(frozen=True)
class Archive(Store):
    path: Path
    changed: int

    def files(self) -> list[File]:
        members = (m for m in _zip(self.path, self.changed).infolist() if not m.is_dir())
        found = {m.filename: File(m.filename, m.file_size, self.changed) for m in members if all(map(_visible, m.filename.split("/")))}
        return [found[name] for name in sorted(found)]

    def open(self, name: str) -> BinaryIO:
        archive = _zip(self.path, self.changed)
        if archive.getinfo(name).file_size > LARGEST_MEMBER:
            raise OSError("unpacks to over 1 GiB: refused")
        try:
            return io.BytesIO(archive.read(name))
        except (RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error) as error:  # encrypted, damaged, of an unknown packing
            raise OSError(f"cannot be unpacked: {error}") from None


@lru_cache(maxsize=1)
def _zip(path: Path, changed: int) -> zipfile.ZipFile:
    """The archive opened once a process: its directory can be long. `changed` makes a replaced file another archive."""
    try:
        return zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile) as error:
        raise UserError(f"cannot read {path} as a zip archive ({error}): unpack it, or pack it anew") from None


def _visible(name: str) -> bool:
    return not name.startswith((".", "__MACOSX")) and name not in ("Thumbs.db", "desktop.ini")


def store_of(path: Path) -> Store:
    """The store at a path: a folder, a zip archive, or the one picture that it names."""
    path = path.resolve()
    if path.is_dir():
        return Folder(path)
    if path.suffix.lower() == ".zip":
        return Archive(path, path.stat().st_mtime_ns)
    return Folder(path.parent, path.name)


def is_picture(name: str) -> bool:
    stem, dot, suffix = name.rpartition(".")
    return bool(stem) and not stem.endswith("/") and dot + suffix.lower() in SUFFIXES


def pictures(store: Store, files: list[File]) -> list[File]:
    """The files that are pictures by their names; UserError when there are none."""
    found = [f for f in files if is_picture(f.name)]
    if not found:
        kinds = Counter(PurePosixPath(f.name).suffix.lower() or "without suffix" for f in files).most_common(3)
        held = f"only {', '.join(f'{count} {kind}' for kind, count in kinds)}" if files else "nothing"
        raise UserError(f"no pictures in {store.path}: there is {held}; give a folder or .zip with pictures, an .npz, .npy or .csv")
    return found


# ---- labels


Condition = str | tuple[str, ...] | dict[str, float]
"""what a file says of a picture: its class, its tags, or its attributes by name"""
TAG_SEPARATORS = re.compile(r"[|;]")


@dataclass(frozen=True)
class Labels:
    """The condition of each picture (by file name), all of one kind, and where it came from; `of` is None for pictures without."""

    of: dict[str, Condition] | None
    origin: str
    remark: str | None = None


def labels_of(store: Store, files: list[File], names: list[str]) -> Labels:
    """Labels of the pictures `names`: a labels file decides if there is one, else the first level of sub-folders."""
    root = _common_folder(names)
    known = {f.name for f in files}
    for label_file in dict.fromkeys(folder + file for folder in ("", root) for file in LABEL_FILES):
        if label_file in known:
            return _from_file(store, label_file, names)
    inner = [name.removeprefix(root) for name in names]
    if not all("/" in name for name in inner):
        return Labels(None, "none")
    of = {name: short.split("/")[0] for name, short in zip(names, inner)}
    classes = sorted(set(of.values()))
    remark = None
    if {c.lower() for c in classes} <= SPLITS:
        remark = f"the sub-folders {', '.join(classes)} were taken for labels: give one of them as the data if they are parts of a set"
    return Labels(of, "sub-folders", remark)


def _common_folder(names: list[str]) -> str:
    """The folder that all pictures are in, as a prefix: archives often hold one outermost folder."""
    folders = {name.rpartition("/")[0] for name in names}
    folder = os.path.commonpath(folders).replace(os.sep, "/") if folders else ""
    return f"{folder}/" if folder not in ("", ".") else ""


def _from_file(store: Store, label_file: str, names: list[str]) -> Labels:
    where = f"{store.path}/{label_file}"
    with _readable(where):
        text = store.text(label_file)
        pairs = _pairs_of_json(json.loads(text)) if label_file.endswith(".json") else _pairs_of_csv(text)
    if pairs is None and label_file.endswith(LABEL_FILES[:2]):
        raise UserError(f"{where} gives no labels: write file_name,label on its first line, then a line for each picture, or remove it")
    if pairs is None:
        return Labels(None, label_file, f"{label_file} gives no labels: the pictures are taken without any")
    folder = label_file.removesuffix(PurePosixPath(label_file).name)
    of = {folder + name.replace("\\", "/").removeprefix("./"): label for name, label in pairs}
    absent, bare = sorted(of.keys() - set(names)), [name for name in names if name not in of]
    if absent:
        raise UserError(f"{where} names {len(absent)} pictures that are not there (first: {absent[0]}): remove their lines or add them")
    if bare and isinstance(next(iter(of.values()), ""), tuple):
        of |= {name: () for name in bare}                                       # a picture without tags has none of them
    elif bare:
        raise UserError(f"{where} has no label for {len(bare)} of {len(names)} pictures (first: {bare[0]}): add their lines or remove them")
    return Labels(of, label_file)


@contextmanager
def _readable(where: str):
    try:
        yield
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, csv.Error) as error:
        raise UserError(f"cannot read the labels in {where}: {error}") from None
    except (TypeError, ValueError) as error:
        raise UserError(f"the labels in {where} are not understood ({error}): give one label for each picture, as in a.png,cat") from None


def _pairs_of_json(data: Any) -> list[tuple[str, Condition]] | None:
    """[["a.png", 3], ...] or {"a.png": 3, ...}, either also inside {"labels": ...}, as StyleGAN's dataset.json has it. Instead of a class a
    picture may have a list of tags, or a mapping or list of numbers: its attributes."""
    if isinstance(data, dict) and "labels" in data:
        data = data["labels"]
    if data is None:
        return None
    return _one_kind([(str(name), _condition(name, value)) for name, value in (data.items() if isinstance(data, dict) else data)])


def _condition(name: str, value: Any) -> Condition:
    number = lambda v: isinstance(v, (int, float)) and not isinstance(v, bool)
    if isinstance(value, (str, int)) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, list) and all(isinstance(v, str) for v in value):
        return tuple(value)
    if isinstance(value, list) and all(map(number, value)):
        return {f"attribute {i}": float(v) for i, v in enumerate(value)}
    if isinstance(value, dict) and all(isinstance(v, bool) or number(v) for v in value.values()):
        return {str(k): float(v) for k, v in value.items()}
    raise ValueError(f"{name} has the label {value!r}")


def _pairs_of_csv(text: str) -> list[tuple[str, Condition]] | None:
    """Columns file and label, in any order under a header, or the first two columns without one. Labels with | or ; in them are tags;
    under a header without a column for labels, all other columns are attributes."""
    rows = [[cell.strip() for cell in row] for row in csv.reader(io.StringIO(text)) if any(row)]
    header = [cell.lower() for cell in rows[0]] if rows else []
    file = next((header.index(c) for c in FILE_COLUMNS if c in header), None)
    label = next((header.index(c) for c in LABEL_COLUMNS if c in header), None)
    if file is None and rows and is_picture(rows[0][0]):
        file, label = 0, 1
    elif file is None:
        return None
    else:
        named, rows = rows[0], rows[1:]
        if label is None:
            return _attributes(named, file, rows)
    if any(len(row) <= max(file, label) for row in rows):
        raise ValueError("a line has too few columns")
    tagged = any(TAG_SEPARATORS.search(row[label]) for row in rows)
    tags = lambda cell: tuple(part.strip() for part in TAG_SEPARATORS.split(cell) if part.strip())
    return [(row[file], tags(row[label]) if tagged else row[label]) for row in rows]


def _attributes(named: list[str], file: int, rows: list[list[str]]) -> list[tuple[str, Condition]] | None:
    columns = [i for i in range(len(named)) if i != file]
    if not columns:
        return None
    if any(len(row) < len(named) for row in rows):
        raise ValueError("a line has too few columns")
    try:
        return [(row[file], {named[i]: float(row[i]) for i in columns}) for row in rows]
    except ValueError as error:
        raise ValueError(f"without a column called label all columns are attributes and must be numbers; {error}") from None


def _one_kind(pairs: list[tuple[str, Condition]]) -> list[tuple[str, Condition]]:
    if len({type(value) for _, value in pairs}) > 1:
        raise ValueError("some pictures have a label and others tags or attributes")
    return pairs


def attributes_of(conditions: list[Condition]) -> tuple[tuple[str, ...], list[list[float]]]:
    """Names and values, a row a picture, of tags (1 where a picture has it) or attributes. ValueError for missing or infinite ones."""
    if isinstance(conditions[0], tuple):
        names = in_order({tag for tags in conditions for tag in tags})
        return names, [[float(name in tags) for name in names] for tags in conditions]
    names = tuple(conditions[0])
    if any(set(c) != set(names) for c in conditions):
        raise ValueError(f"every picture needs the same attributes ({', '.join(names[:5])})")
    rows = [[c[name] for name in names] for c in conditions]
    if not all(math.isfinite(v) for row in rows for v in row):
        raise ValueError("an attribute is not finite")
    return names, rows


def in_order(labels: set[str]) -> tuple[str, ...]:
    """Class names in the order of their numbers: by name, with numbers in them as numbers (s2 before s10)."""
    return tuple(sorted(labels, key=lambda label: [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", label)]))
