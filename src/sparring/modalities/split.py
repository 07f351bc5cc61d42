"""Train, validation and test parts by content hash: the same item always falls on the same side, in every run and every order.

Equal items stay together, but for rows of tables, whose hashes tell them apart.
"""

import hashlib
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, model_validator

from sparring.base.settings import Auto, Rule, Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

SALT = b"sparring split 1:"
"""the order must not be that of the hashes themselves, by which other programs may have chosen the items"""
FEWEST = 20
"""items below which nothing is held out by itself"""

Share = Annotated[float, Field(ge=0, lt=1)]


class Split(Settings):
    """Which share of the items is held out from training: `best` is picked on validation, reports use test."""

    validation: Annotated[Share | Auto, Rule(f"10 %, at most 500; nothing of fewer than {FEWEST}")] = "auto"
    """share of the items that picks the best checkpoint"""
    test: Annotated[Share | Auto, Rule(f"30 % from 2,000 items on, else 10 %, at most 1,500; nothing of fewer than {FEWEST}")] = "auto"
    """share of the items that reports are made with"""

    @model_validator(mode="after")
    def _leaves_something(self):
        shares = [share for share in (self.validation, self.test) if share != "auto"]
        if sum(shares) >= 1:
            raise ValueError("validation and test together must leave something to train on")
        return self


def held_out(n: int, settings: Split) -> tuple[int, int]:
    """How many of n items go to (validation, test), before equal items are kept together."""
    enough = n >= FEWEST
    validation = min(500, n // 10) * enough if settings.validation == "auto" else round(settings.validation * n)
    test = min(1500, n * (3 if n >= 2000 else 1) // 10) * enough if settings.test == "auto" else round(settings.test * n)
    return validation, test


def split(hashes: "Sequence[str]", settings: Split) -> dict[str, "np.ndarray"]:
    """{"train", "validation", "test"} -> item numbers, ascending (int64). Together they are all items, each once.

    Items are ordered by salted content hash and cut in two places. Equal items lie side by side in that order and never fall
    into different parts: a cut that would part them moves to the nearer end of their group.
    """
    import numpy as np

    keys = np.fromiter((hashlib.sha256(SALT + item.encode()).digest()[:16] for item in hashes), "S16", len(hashes))
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    validation, test = held_out(len(keys), settings)
    first, second = _cut(ordered, test), _cut(ordered, test + validation)
    parts = {"train": order[second:], "validation": order[first:second], "test": order[:first]}
    return {name: np.sort(rows).astype(np.int64) for name, rows in parts.items()}


def _cut(ordered: "np.ndarray", place: int) -> int:
    """The place nearest to `place` that lies between two different keys; never the very end, so that training keeps something."""
    start = end = min(place, max(0, len(ordered) - 1))
    while 0 < start < len(ordered) and ordered[start - 1] == ordered[start]:
        start -= 1
    while 0 < end < len(ordered) and ordered[end - 1] == ordered[end]:
        end += 1
    return end if end - place < place - start and end < len(ordered) else start
