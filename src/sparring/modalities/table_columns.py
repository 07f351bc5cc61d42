"""What a column of a table holds, as settings. No torch, no arrow."""

from typing import Literal

from sparring.base.settings import Settings

Kind = Literal["category", "boolean", "integer", "real", "date", "constant"]


class Column(Settings):
    """A column that is modelled."""

    name: str
    kind: Kind
    why: str = ""
    """the reason for the kind, in words"""
    missing: bool = False
    """whether values are missing somewhere"""
    infinite: bool = False
    """whether a real number is infinite somewhere"""
    type: str = ""
    """the arrow type that the file has, as text; results have it again"""
    decimals: int | None = None
    """digits after the point of real numbers that are written with a fixed number of them"""
    format: str | None = None
    """how dates are written, as strptime has it; None for those of a binary file"""
