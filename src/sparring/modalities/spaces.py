"""Spaces of single modalities, which the core does not know."""

from typing import ClassVar, Literal

from pydantic import Field

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


class TableSpace(Space):
    """Rows of a table, shape (width,): spans of probabilities and values side by side."""

    kind: ClassVar[str] = "tables"

    spans: tuple[Span, ...]

    def _items(self, n, draw):
        import torch

        x = torch.zeros(n, *self.shape)
        for span in self.spans:
            if span.kind == "value":
                x[:, span.start] = torch.rand(n, generator=draw) * 2 - 1
            else:
                x[torch.arange(n), span.start + torch.randint(span.size, (n,), generator=draw)] = 1
        return x
