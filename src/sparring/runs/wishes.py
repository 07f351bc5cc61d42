"""What can be asked of a run that is explored, as plain values: checked where they come in, without torch."""

from typing import Annotated, Literal

from pydantic import Field

from sparring.base.settings import Settings

DIRECTIONS = 32
"""principal directions, at most"""
PICTURES, ROWS = 256, 1000
"""pictures in one sheet and rows in one answer, at most"""
FRAMES = 240
"""between two items of a path, at most"""

Number = Annotated[int, Field(ge=0, lt=2**53)]
Kept = Annotated[str, Field(pattern="^p[0-9a-f]{12}$")]
"""the name of a picture that was projected or encoded"""
Name = Annotated[str, Field(max_length=200)]
Where = Annotated[tuple[Name, ...], Field(max_length=64)]
Offsets = Annotated[tuple[Annotated[float, Field(ge=-20, le=20)], ...], Field(max_length=DIRECTIONS)]


class Origin(Settings):
    """An item that is steered by itself."""

    seed: Number | Kept = 0
    label: Name | None = None
    """without, that of the wish"""
    where: Where = ()
    """without, that of the wish"""
    offsets: Offsets = ()
    """beside those of the wish"""


class Item(Origin):
    """An item with styles of others."""

    bands: dict[Name, Number | Kept | Origin] = Field({}, max_length=64)
    """what gives the styles of some layers: `coarse`, `middle`, `fine`, or numbers of layers like 4 and 4-7"""


Seed = Number | Kept | Item
"""what an item is made from: the number of a seed, the name of a picture that was projected or encoded, or one of these, steered and mixed"""


class Wish(Settings):
    checkpoint: Literal["best", "last"] = "best"
    page: Name = ""
    """who asks: a newer wish of the same kind replaces an older one of the same page and run that was not begun, which is answered with 409"""


class Told(Wish):
    """What a model is told of the items that it is to make."""

    label: Name | None = None
    """of all items; tags with commas between"""
    where: Where = ()
    """NAME=VALUE of attributes; of tables, conditions that every row obeys"""
    truncation: float | None = Field(None, ge=0, le=100)
    """psi of styles (0.7), or the largest number of the noise (1.5)"""


class Drawn(Told):
    """What is common to all that is drawn from seeds and can be steered."""

    label: Name | tuple[Name, ...] | None = None
    """of all items, or of each; tags with commas between"""
    offsets: Offsets = ()
    """steps along the principal directions, the first first, in deviations"""


class Sample(Drawn):
    """Items of several seeds, or several of one."""

    seeds: tuple[Seed, ...] = Field((), max_length=PICTURES)
    """one item of each"""
    seed: Number = 0
    """without `seeds`: of which seed"""
    start: Number = 0
    """without `seeds`: the number of its first item"""
    n: int = Field(1, ge=1, le=ROWS)
    """without `seeds`: how many"""
    columns: int | None = Field(None, ge=1, le=PICTURES)
    """of the sheet"""


class Mix(Drawn):
    """An item with styles of others."""

    seed: Seed = 0
    bands: dict[Name, Number | Kept | Origin] = Field(min_length=1, max_length=64)
    """as items have them"""


class Mixtures(Drawn):
    """Items with styles of others, as a table: the columns' with some of the rows'."""

    columns: tuple[Seed, ...] = Field(min_length=1, max_length=8)
    rows: tuple[Seed, ...] = Field(min_length=1, max_length=8)
    styles: Name = "coarse"
    """of the rows: a band, or numbers of layers"""


class Path(Drawn):
    """A way through items."""

    seeds: tuple[Seed, ...] = Field(min_length=2, max_length=16)
    frames: int = Field(24, ge=1, le=FRAMES)
    """from one item to the next"""
    way: Literal["line", "sphere"] = "sphere"
    space: Literal["z", "w"] | None = None
    """noise or styles; without, styles where there are some"""
    closed: bool = True
    """whether it leads back to the first item"""

    @property
    def length(self) -> int:
        return len(self.seeds) * self.frames if self.closed else (len(self.seeds) - 1) * self.frames + 1


class Frame(Path):
    frame: Number = 0
    """its number, from 0 on"""


class Film(Path):
    format: Literal["gif", "mp4"] = "gif"
    rate: int = Field(24, ge=1, le=60)
    """frames a second"""


class Traverse(Drawn):
    """An item that is changed in one way a row, from one side to the other."""

    seed: Seed = 0
    along: Literal["noise", "directions"] = "noise"
    """numbers of the noise, which alone go from -reach to +reach; or steps of so many deviations along principal directions"""
    first: Number = 0
    rows: int = Field(1, ge=1, le=16)
    steps: int = Field(9, ge=2, le=15)
    reach: float = Field(2.5, gt=0, le=20)


class Download(Told):
    """Items as files, the same as `sparring sample` makes."""

    seed: Number = 0
    n: int = Field(64, ge=1, le=1_000_000)
    format: Literal["zip", "npz", "csv", "parquet"] | None = None
    """of pictures zip or npz, of points csv or npz, of rows csv or parquet; without, the first of these"""


class Reconstruct(Wish):
    """A picture through the bottleneck and back."""

    beside: bool = False
    """whether the given picture, as the model sees it, stands beside"""


class Encode(Wish):
    """A picture as noise, by the encoder."""


class Project(Wish):
    """A picture as a latent, by search."""

    space: Literal["auto", "z", "w", "w+"] = "auto"
    steps: int = Field(300, ge=1, le=2000)
    label: Name | None = None


class Projected(Wish):
    """What became of a projected picture."""

    name: str
    shown: Literal["made", "given", "both"] = "made"


class Transform(Wish):
    """A picture as the network makes it."""

    direction: Literal["a2b", "b2a"] | None = None
    scale: int | None = Field(None, ge=1, le=64)
    """to be sure of it: a run enlarges as it was trained to"""
