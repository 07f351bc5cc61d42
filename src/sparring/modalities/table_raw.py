"""Columns as they came, and what all ways of reading them need."""

import contextlib
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from sparring.base.errors import UserError

ARROW = (".arrow", ".feather", ".ipc")


@dataclass(frozen=True)
class Raw:
    """Columns as they came."""

    table: pa.Table
    text: bool
    """whether cells are text of a file: words stand for missing values, spaces around a value do not count"""
    problems: tuple[str, ...] = ()
    left_out: int = 0
    """rows that could not be read"""


def kind_of(path: Path) -> str:
    """The end of a file's name that says what it holds, `.csv` of t.csv.gz."""
    return next((s for s in map(str.lower, reversed(path.suffixes)) if s != ".gz"), "")


@contextlib.contextmanager
def readable(path: Path) -> Iterator[None]:
    """What goes wrong while a file is read is said in one line."""
    try:
        yield
    except (OSError, pa.ArrowException, EOFError, zlib.error, MemoryError) as error:
        raise UserError(f"cannot read {path} as {kind_of(path).lstrip('.')} ({one_line(error)}): save it anew") from None


def unique_names(names: Iterable[Any]) -> tuple[list[str], list[str]]:
    """Names that are all different and not empty, and what was changed."""
    names = list(map(str, names))
    given = [" ".join(name.split()) for name in names]
    taken, out, problems = set(given), [], []
    for i, (name, whole) in enumerate(zip(given, names)):
        fresh = name or f"column{i + 1}"
        number = 2
        while fresh in out or (fresh != name and fresh in taken):
            fresh = f"{name or f'column{i + 1}'}.{number}"
            number += 1
        if fresh == name != whole.strip(" "):
            problems.append(f"column {whole!r} is called {name!r}")
        if fresh != name:
            problems.append(f"{f'a second column {name!r}' if name else f'column {i + 1}, which has no name,'} is called {fresh!r}")
        out.append(fresh)
    return out, problems[:5] + ([f"{len(problems) - 5} more columns got another name"] if len(problems) > 5 else [])


def one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
