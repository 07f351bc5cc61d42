"""What rows of a table are asked to be: `education=Doctorate`, `age>=60`, `paid!=` (not missing)."""

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sparring.base.errors import UserError, nearest
from sparring.modalities.table_codings import NUMBERS, Coding, Derived, Listed, Measured
from sparring.modalities.table_columns import Column
from sparring.modalities.table_dates import parse_dates
from sparring.modalities.table_types import as_text, constant_type, kind_of

SIGNS = {"=": np.equal, "!=": np.not_equal, "<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal}
SIGN = re.compile(r"[!<>=]=|[<>=]")
ZONE = re.compile(r"([+-])(\d\d):?(\d\d)$")
"""of a format of dates"""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Condition:
    """column sign value. Without a value, = and != are of missing ones; a missing value obeys no other condition but !=."""

    column: Column
    sign: str
    text: str

    def __str__(self) -> str:
        return f"{self.column.name}{self.sign}{self.text}"

    @cached_property
    def kind(self) -> str:
        """That of the column's values: a constant number is a number."""
        return kind_of(constant_type(self.column)) if self.column.kind == "constant" else self.column.kind

    @cached_property
    def value(self) -> str | bool | int | float:
        """The value of a column's type, dates as microseconds; UserError when it is none."""
        kind, text = self.kind, self.text
        if kind == "boolean":
            no, yes = self.column.words or ("false", "true")
            truths = {"false": False, "true": True, no: False, yes: True}
            if text not in truths:
                raise UserError(f"column {self.column.name!r} is {yes} or {no}, not {text!r}")
            return truths[text]
        if kind not in NUMBERS:
            return text
        try:
            return self._date() if kind == "date" else int(text) if re.fullmatch(r"[-+]?\d+", text) else float(text)
        except ValueError:
            what = f"a date like {self.column.format or '2024-12-31'}" if kind == "date" else "a number"
            raise UserError(f"column {self.column.name!r} is compared with {what}, not {text!r}") from None

    def _date(self) -> int:
        if self.column.format and (parsed := parse_dates(pa.array([self.text]), self.column.format))[0].is_valid:
            return parsed.cast(pa.int64())[0].as_py()
        moment = datetime.fromisoformat(self.text)
        if (zone := ZONE.search(self.column.format or "")) and moment.tzinfo:                   # kept as the clock on the wall of that zone
            moment = moment.astimezone(timezone(timedelta(hours=int(zone[1] + zone[2]), minutes=int(zone[1] + zone[3])))).replace(tzinfo=UTC)
        span = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - EPOCH
        return (span.days * 86_400 + span.seconds) * 10**6 + span.microseconds

    def holds(self, array: pa.Array) -> np.ndarray:
        """Which of n values of the column obey, (n,)."""
        missing = array.is_null().to_numpy(zero_copy_only=False)
        if not self.text:
            return missing if self.sign == "=" else ~missing
        if self.kind not in (*NUMBERS, "boolean"):
            return pc.equal(array.cast(pa.string()), self.text).fill_null(False).to_numpy(zero_copy_only=False) == (self.sign == "=")
        plain = array.cast(pa.int64()) if self.kind == "date" else array
        given = plain.fill_null(False if self.kind == "boolean" else 0).to_numpy(zero_copy_only=False)
        return np.where(missing, self.sign == "!=", SIGNS[self.sign](given, self.value))

    def reaches(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Whether some number from low (n,) to high, both included, may obey, (n,)."""
        if not self.text:
            return np.full(len(low), self.sign == "!=")
        if self.sign == "=":
            return (low <= self.value) & (self.value <= high)
        return ~((low == self.value) & (high == self.value)) if self.sign == "!=" else SIGNS[self.sign](low if "<" in self.sign else high, self.value)


def read_conditions(asked: Mapping[str, object] | Iterable[str], columns: Sequence[Column]) -> tuple[Condition, ...]:
    """Conditions from texts (`age>=60`), or from values by column (all =; None and what pandas has for it are missing). UserError for a column
    or a value that cannot be."""
    by_name = {column.name: column for column in columns}
    if isinstance(asked, Mapping):
        return tuple(_of_value(name, value, by_name) for name, value in asked.items())
    return tuple(_condition(text, by_name) for text in ([asked] if isinstance(asked, str) else asked))


def _of_value(name: str, value: object, columns: Mapping[str, Column]) -> Condition:
    if name not in columns:
        raise UserError(f"there is no column {name!r}{nearest(name, columns)}")
    missing = value is None or (not isinstance(value, str) and str(value) in ("nan", "NaT", "<NA>"))
    text = "" if missing else str(value)
    if isinstance(value, (bool, np.bool_)) and Condition(columns[name], "=", text).kind == "boolean":
        text = (columns[name].words or ("false", "true"))[bool(value)]
    return _checked(Condition(columns[name], "=", text))


def read_asked(path: Path, columns: Sequence[Column], n: int) -> dict[tuple[str, ...], int]:
    """Conditions and how many rows are to obey them, of each line of a CSV file: its cells are values, or signs and values, of the columns that
    its first line names; `n` holds the numbers of rows. Lines that ask for the same are one."""
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            names, *lines = list(csv.reader(file)) or [[]]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"cannot read {path} ({error}): conditions are a CSV file with names of columns in its first line") from None
    by_name, asked = {column.name: column for column in columns}, {}
    if not any(lines):
        raise UserError(f"{path} has no line below its first: give the conditions of some rows in each")
    for number, line in enumerate(lines, 2):
        if not line:
            continue
        if len(line) != len(names):
            raise UserError(f"{path}, line {number}, has more or fewer cells than there are names")
        cells, count = [(name.strip(), cell.strip()) for name, cell in zip(names, line)], n
        for told in (cell for name, cell in cells if name == "n" and "n" not in by_name and cell):
            if not told.isdecimal() or int(told) < 1:
                raise UserError(f"{path}, line {number}: n is how many rows, at least 1, not {told!r}")
            count = int(told)
        texts = tuple(_cell(name, cell, by_name) for name, cell in cells if cell and (name != "n" or "n" in by_name))
        asked[texts] = asked.get(texts, 0) + count
    return asked


def _cell(name: str, cell: str, columns: Mapping[str, Column]) -> str:
    signs = ("!=", "=", "<", ">") if name in columns and columns[name].kind in NUMBERS else ("!=", "=")
    return name + cell if cell.startswith(signs) else f"{name}={cell}"


def _condition(text: str, columns: Mapping[str, Column]) -> Condition:
    parts = [(text[: sign.start()].strip(), sign[0], text[sign.end() :].strip()) for sign in SIGN.finditer(text)]
    if not parts:
        raise UserError(f"a condition is like age>=60 or town=Ulm, not {text!r}")
    known = [part for part in parts if part[0] in columns]                        # names may hold such signs too
    if not known:
        raise UserError(f"there is no column {parts[0][0]!r}{nearest(parts[0][0], columns)}")
    name, sign, value = known[-1]
    column, sign = columns[name], "=" if sign == "==" else sign
    condition = Condition(column, sign, value)
    if sign not in ("=", "!=") and condition.kind not in NUMBERS:
        raise UserError(f"column {name!r} is {column.kind}, which has no order: ask with {name}={value or 'VALUE'} or {name}!={value or 'VALUE'}")
    if sign not in ("=", "!=") and not value:
        raise UserError(f"{text!r} compares with nothing: write {name}{sign}NUMBER")
    return _checked(condition)


def _checked(condition: Condition) -> Condition:
    if condition.text:
        _ = condition.value
    return condition


@dataclass(frozen=True)
class Allowed:
    """What conditions leave of the choices of one column. A column of one choice is here as if it had a first one of one possibility."""

    spans: tuple[int, ...]
    """numbers of its choices, one or two"""
    shares: np.ndarray
    """(first, second): how often each pair of codes occurs in the data"""
    mask: np.ndarray
    """(first, second): which may be; of a bin that a threshold cuts, not all numbers"""

    def told(self) -> tuple[float, int, np.ndarray]:
        """(how often the data have what is left of it, number, shares of possibilities) of the choice that leaves least."""
        left = self.shares * self.mask
        each = [(span, left.sum(1 - axis), self.shares.sum(1 - axis)) for axis, span in zip((0, 1) if len(self.spans) == 2 else (1,), self.spans)]
        return min(((float(whole[part > 0].sum()), span, part) for span, part, whole in each), key=lambda found: found[:2])


@dataclass(frozen=True)
class Conditions:
    """Several conditions that a row obeys together."""

    conditions: tuple[Condition, ...]
    allowed: tuple[Allowed, ...]

    def __str__(self) -> str:
        return " and ".join(map(str, self.conditions))

    def hold(self, rows: pa.Table) -> np.ndarray:
        """Which of n rows obey, (n,)."""
        kept = np.ones(len(rows), bool)
        for condition in self.conditions:
            kept &= condition.holds(rows.column(condition.column.name).combine_chunks())
        return kept


def compiled(conditions: tuple[Condition, ...], codings: Sequence[Coding]) -> Conditions:
    """Conditions as what they leave of the choices of each column; UserError for those that nothing in the data obeys."""
    place, spans = 0, {}
    for coding in codings:
        spans[coding] = tuple(range(place, place + len(coding.sizes)))
        place += len(coding.sizes)
    by_name, left = {coding.column.name: coding for coding in codings}, {}
    for condition in conditions:
        coding = by_name[condition.column.name]
        mask = possible(coding, condition)
        if not mask.any():
            raise UserError(_nothing(condition, coding))
        root = coding.parent if isinstance(coding, Derived) else coding
        left[root] = mask & left.get(root, True)
        if not left[root].any():
            raise UserError(f"nothing in the data obeys {' and '.join(map(str, conditions))}: ask for less")
    return Conditions(conditions, tuple(_allowed(root, mask, spans[root]) for root, mask in left.items() if spans[root]))


def as_spelt(conditions: tuple[Condition, ...], codings: Sequence[Coding]) -> tuple[Condition, ...]:
    """With words as the data have them: those of frames may have spaces around them, which are cut from conditions."""
    by_name, found = {coding.column.name: coding for coding in codings}, []
    for condition in conditions:
        coding = by_name.get(condition.column.name)
        if condition.text and coding is not None and condition.kind not in (*NUMBERS, "boolean"):
            words = (coding.listed if isinstance(coding, Derived) else coding).values.drop_null().cast(pa.string()).to_pylist()
            spelt = [word for word in words if word.strip() == condition.text]
            if condition.text not in words and len(spelt) == 1:
                condition = replace(condition, text=spelt[0])
        found.append(condition)
    return tuple(found)


def possible(coding: Coding, condition: Condition) -> np.ndarray:
    """Which values of a list, or bins and values beside them, may obey, (k,); of a column that another tells, those of that one."""
    if isinstance(coding, Derived):
        return condition.holds(coding.listed.values)[coding.told]
    if isinstance(coding, Listed):
        return condition.holds(coding.values)
    low, high = coding.ends()
    return np.concatenate([condition.reaches(low, high), condition.holds(coding.own)])


def _allowed(root: Listed | Measured, mask: np.ndarray, spans: tuple[int, ...]) -> Allowed:
    if len(spans) == 1:
        return Allowed(spans, root.shares[0][None], mask[None])
    value = root.joined(np.divmod(np.arange(root.sizes[0] * root.sizes[1]), root.sizes[1]))           # of every pair of codes
    first = np.arange(len(value)) < len(root.values)                                                  # the rest says some of them again
    return Allowed(spans, np.where(first, root.each[value], 0).reshape(root.sizes), mask[value].reshape(root.sizes))


def _nothing(condition: Condition, coding: Coding) -> str:
    """Why nothing obeys, and what there is."""
    column, name = condition.column, condition.column.name
    if not condition.text:
        return f"column {name!r} {'is never' if condition.sign == '=' else 'is always'} missing in the data"
    values = coding.own if isinstance(coding, Measured) else (coding.listed if isinstance(coding, Derived) else coding).values
    if condition.kind not in NUMBERS:
        known = as_text(pa.table([values.drop_null()], names=[name]), (column,)).column(0).to_pylist()
        return f"column {name!r} has no value {condition.text!r}{nearest(condition.text, known)}"
    ends = values.drop_null()
    if isinstance(coding, Measured):
        low, high = coding.ends()
        ends = pa.concat_arrays([ends, pa.array(np.array([low.min(), high.max()])).cast(ends.type)])
    ends = pc.min_max(ends)
    shown = as_text(pa.table([pa.array([ends["min"].as_py(), ends["max"].as_py()], values.type)], names=[name]), (column,)).column(0).to_pylist()
    return f"nothing in the data obeys {condition}: column {name!r} goes from {shown[0]} to {shown[1]}"
