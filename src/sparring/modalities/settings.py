"""How items become numbers, as settings. Torch-free, so that `show` and `--help` answer at once."""

import operator
import warnings
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field

from sparring.base.settings import Auto, Component, Rule
from sparring.base.space import Space


class Encoding(Component):
    """How items become numbers. `kind` is the modality; fields that say auto are filled by `fit` from the data."""


LARGEST_SIDE = 8192
AUTO_SIDE = 64
"""what `resolution: auto` brings larger pictures down to, in pixels"""


def _resolution(value):
    """`64`, `"64"`, `"48x64"`, (48, 64) or auto; a square becomes one number."""
    if value == "auto":
        return value
    given = value.lower().split("x") if isinstance(value, str) else value if isinstance(value, (list, tuple)) else [value]
    try:
        sides = [operator.index(int(side) if isinstance(side, str) else side) for side in given]
    except (TypeError, ValueError):
        sides = []
    if len(sides) not in (1, 2) or not all(1 <= side <= LARGEST_SIDE for side in sides):
        raise ValueError(f"a resolution is one side (64), HEIGHTxWIDTH (48x64) or auto, sides from 1 to {LARGEST_SIDE}; got {value!r}")
    return sides[0] if len(set(sides)) == 1 else tuple(sides)


def _channels(value):
    return int(value) if isinstance(value, str) and value.isdigit() else value


class Images(Encoding):
    """Pictures as uint8 (channels, height, width), seen by games in [-1, 1]."""

    kind: ClassVar[str] = "images"

    resolution: Annotated[
        int | tuple[int, int] | Auto,
        BeforeValidator(_resolution),
        Rule(f"median height and width (a square where shapes are mixed), at most {AUTO_SIDE} px"),
    ] = "auto"
    """side of a square, or HEIGHTxWIDTH, in pixels"""
    fit: Literal["crop", "pad", "stretch", "tiles"] = "crop"
    """how a picture of another shape is fitted: cut at the centre, black (with alpha: transparent) bars, distorted; or all of it, in tiles"""
    channels: Annotated[
        Literal[1, 3, 4] | Auto,
        BeforeValidator(_channels),
        Rule("1 if every picture is grey, 4 if one is really transparent, else 3"),
    ] = "auto"
    """1 grey, 3 colour, 4 colour and alpha; where alpha is dropped, what was transparent becomes white"""

    memory: Annotated[Literal["ram", "disk"] | Auto, Rule("training reads mapped files; judges copy, in ram up to half of what is free")] = "auto"
    """where decoded files are kept: as arrays in memory, or memory-mapped in the cache"""

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of a fitted encoding, whose resolution is no longer auto."""
        return (self.resolution, self.resolution) if isinstance(self.resolution, int) else self.resolution


class Pairs(Encoding):
    """Two collections of pictures, A::B: B is made from A. Games see both in [-1, 1]."""

    kind: ClassVar[str] = "pairs"

    resolution: Annotated[
        int | tuple[int, int] | Auto, BeforeValidator(_resolution), Rule(f"median height and width of B, at most {AUTO_SIDE} px")
    ] = "auto"
    """side of a square, or HEIGHTxWIDTH, in pixels, of both"""
    fit: Literal["crop", "pad", "stretch"] = "crop"
    """how a picture of another shape is fitted: cut at the centre, black bars, distorted"""
    channels: Annotated[
        Literal[1, 3, 4] | Auto, BeforeValidator(_channels), Rule("1 if every picture of B is grey, 4 if one is really transparent, else 3")
    ] = "auto"
    """of B: 1 grey, 3 colour, 4 colour and alpha"""
    given_channels: Annotated[
        Literal[1, 3, 4] | Auto, BeforeValidator(_channels), Rule("1 if every picture of A is grey, 4 if one is really transparent, else 3")
    ] = "auto"
    """of A, where it holds no label maps"""
    memory: Annotated[Literal["ram", "disk"] | Auto, Rule("training reads mapped files; judges copy, in ram up to half of what is free")] = "auto"
    """where decoded files are kept: as arrays in memory, or memory-mapped in the cache"""
    pairing: Annotated[Literal["paired", "unpaired"] | Auto, Rule("paired if file names match, or arrays have as many pictures")] = "auto"
    """whether pictures of A and B of the same name belong together"""
    inputs: Annotated[Literal["picture", "labels"] | Auto, Rule("labels if 50 pictures of A have at most 64 colours in all")] = "auto"
    """what A holds: pictures, or label maps, whose every colour is a class"""
    swapped: bool = False
    """make A from B"""

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of a fitted encoding, whose resolution is no longer auto."""
        return self.made().size

    def made(self) -> Images:
        """The encoding of B."""
        return Images(resolution=self.resolution, fit=self.fit, channels=self.channels, memory=self.memory)

    def taken(self) -> Images:
        """The encoding of A, where it holds pictures."""
        return Images(resolution=self.resolution, fit=self.fit, channels=self.given_channels, memory=self.memory)


class Points(Encoding):
    """Rows of numbers."""

    kind: ClassVar[str] = "points"

    standardise: bool = True
    """bring the rows to mean 0 and root mean square 1, all columns by one factor, so that distances keep their meaning"""


with warnings.catch_warnings():                                  # pydantic has a deprecated method called schema, which nobody calls here
    warnings.simplefilter("ignore", UserWarning)

    class Tables(Encoding):
        """Columns of numbers, words and dates. Every column becomes a choice: among its values, or among bins with a place within the bin."""

        kind: ClassVar[str] = "tables"

        schema: str | None = None
        """a YAML or JSON file that says what columns are: {columns: {age: integer, id: drop, when: {kind: date, format: "%d/%m/%Y"}}}, and
        what rows obey: {constraints: ["start <= end", {together: [city, country]}, {unique: [id]}]}"""
        target: str | None = None
        """the column that others are to predict: what `tstr` and `augmented` measure"""
        numbers: Literal["quantiles", "mixtures"] = "quantiles"
        """what numbers and dates with many values are cut into: bins of equal counts with places by rank, or modes of a Gaussian mixture with places
        by distance (as published with ctgan and tvae)"""
        bins: Annotated[Annotated[int, Field(ge=2, le=4096)] | Auto, Rule("one for every 40 rows, from 8 to 64")] = "auto"
        """of quantiles: bins of equal counts"""
        modes: int = Field(10, ge=1, le=100)
        """of mixtures: most modes of a column"""
        few: int = Field(128, ge=0)
        """numbers and dates with at most so many different values are chosen among these"""
        factor: int = Field(1000, ge=4)
        """columns with more categories than this are chosen in two steps"""
        memory: Annotated[Literal["ram", "disk"] | Auto, Rule("disk for Parquet and Arrow files of more than 1 GiB in memory")] = "auto"
        """where rows are: in memory, or in their file and, encoded, memory-mapped in the cache"""


def encoding_for(space: Space) -> Encoding:
    """The default encoding of a modality, by its space's kind."""
    return Encoding.named(space.kind)()
