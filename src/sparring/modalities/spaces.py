"""Spaces of single modalities, which the core does not know."""

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from sparring.base.settings import Settings
from sparring.base.space import Space


class Span(Settings):
    """A stretch of an item's numbers."""

    column: str
    """the column that it belongs to"""
    kind: Literal["choice", "value"]
    """choice: probabilities, of real rows a 1 among zeros; value: one number in [-1, 1], the place within a bin"""
    start: int
    size: int = Field(gt=0)
    bins: int = 0
    """of a choice, how many of its first possibilities are bins of numbers, whose place within the bin the column's value tells"""
    shares: tuple[float, ...] = ()
    """of a choice, how often each possibility occurs in the data; empty where all are as frequent"""


class TableSpace(Space):
    """Rows of a table, shape (width,): first all choices, then all values, each in the order of the columns. The value of a column is 0 where its
    choice is no bin."""

    kind: ClassVar[str] = "tables"
    fine: ClassVar[bool] = False
    """not: a value is a place within a bin, and last layers are exact (`networks.tables.Exact`)"""

    spans: tuple[Span, ...]

    @model_validator(mode="after")
    def _is_in_order(self):
        place = 0
        for span in (*self.choices, *self.values):
            if span.start != place or (span.kind == "value" and span.size != 1) or (span.shares and len(span.shares) != span.size):
                raise ValueError(f"the span of {span.column!r} at {span.start} does not fit: choices come first, then values, without gaps")
            place += span.size
        if (place,) != self.shape or [s.column for s in self.values] != [s.column for s in self.choices if s.bins]:
            raise ValueError("spans must fill the shape, and every choice with bins have a value")
        return self

    @property
    def choices(self) -> tuple[Span, ...]:
        return tuple(span for span in self.spans if span.kind == "choice")

    @property
    def values(self) -> tuple[Span, ...]:
        return tuple(span for span in self.spans if span.kind == "value")

    def _items(self, n, draw):
        import torch

        x, value = torch.zeros(n, *self.shape), iter(self.values)
        for span in self.choices:
            chosen = torch.randint(span.size, (n,), generator=draw)
            x[torch.arange(n), span.start + chosen] = 1
            if span.bins:
                x[:, next(value).start] = (torch.rand(n, generator=draw) * 2 - 1) * (chosen < span.bins)
        return x
