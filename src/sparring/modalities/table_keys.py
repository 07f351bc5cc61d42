"""Keys of a table: identifiers that say nothing of a row, so that they are not learnt but made anew."""

import math
import re
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sparring.base.errors import UserError
from sparring.base.seeding import seed_of
from sparring.base.settings import Settings
from sparring.modalities.table_columns import Column, Told
from sparring.modalities.table_finding import find
from sparring.modalities.table_raw import Raw
from sparring.modalities.table_source import row_keys
from sparring.modalities.table_words import INTEGER

WIDE = ("int64", "uint64", "int32", "uint32", "double", "string", "large_string")
"""types of columns that have room for more numbers than the data have"""
BITS = 64
"""of chance that drawn keys need: of ten million rows two are equal once in 400,000 files"""
TRIED, FEWEST = 100_000, 0.01
"""rows after which at least such a share must be new"""
WORDS = 4
"""numbers of 64 bits that Philox makes at once"""


class Counted(Settings):
    """Whole numbers, or words with one in them (CUST-00017), that go on behind the data's last."""

    column: Column
    before: str = ""
    first: int
    width: int = 0
    """least digits of the number, with zeros in front"""
    behind: str = ""

    def made(self, n: int, seed: int, start: int) -> pa.Array:
        """The keys of rows start .. start + n - 1; they are the same for every seed."""
        numbers = pa.array(np.arange(self.first + start, self.first + start + n))
        if self.column.kind == "integer":
            return numbers
        return pc.binary_join_element_wise(self.before, pc.utf8_lpad(numbers.cast(pa.string()), self.width, "0"), self.behind, "")


class Drawn(Settings):
    """Words of one length without order, like UUIDs: every letter is one of those that the data have in its place."""

    column: Column
    letters: tuple[str, ...]

    def made(self, n: int, seed: int, start: int) -> pa.Array:
        """The keys of rows start .. start + n - 1, each a function of (seed, row): bytes of Philox, which can begin anywhere."""
        steps = -(-len(self.letters) // (8 * WORDS))                                            # a byte a letter
        draw = np.random.Philox(key=seed_of("key", self.column.name, seed)).advance(start * steps)
        chances = draw.random_raw(n * steps * WORDS).astype("<u8").view(np.uint8).reshape(n, 8 * steps * WORDS)
        words = np.stack([np.array(list(some))[chance % len(some)] for some, chance in zip(self.letters, chances.T)], 1)        # (n, letters)
        return pa.array(np.ascontiguousarray(words).view(f"U{len(self.letters)}")[:, 0])


Key = Counted | Drawn


def fit_key(name: str, raw: Raw, told: Told | None) -> Key:
    """How keys are made that look like those of a column; UserError where it holds none."""
    column, missing = raw.table.column(name), told.missing if told else None
    words = find(name, column, text=raw.text, told=Told(kind="category", missing=missing))
    if words.values is None:
        raise UserError(f"column {name!r} is to be unique, and {words.dropped}: take it out of the schema's constraints")
    values = words.values.combine_chunks() if isinstance(words.values, pa.ChunkedArray) else words.values
    refuse(f"unique: [{name}]", values.is_null().to_numpy(zero_copy_only=False), lambda row: "no value")
    codes = values.dictionary_encode().indices.to_numpy()
    refuse(f"unique: [{name}]", repeated(codes), lambda row: f"{values[row].as_py()} again")
    found = find(name, column, text=raw.text)
    if found.column is not None and found.column.kind == "date":
        raise UserError(f"column {name!r} is to be unique, and dates cannot be made anew: take it out of the schema's constraints")
    plain = words.column.model_copy(update={"kind": "category", "missing": False, "null": "", "value": None})
    return _counted(plain, values, raw.text) or _drawn(plain, values) or _none(name, values)


def repeated(codes: np.ndarray) -> np.ndarray:
    """Which of n values are those of an earlier one, (n,)."""
    wrong = np.ones(len(codes), bool)
    wrong[np.unique(codes, return_index=True)[1]] = False
    return wrong


def distinct(parts: Iterable[pa.Table], unique: Iterable[tuple[str, ...]]) -> Iterator[pa.Table]:
    """The rows that repeat none of those before in any of the combinations of columns. UserError where hardly any is new."""
    seen: dict[tuple[str, ...], set[bytes | None]] = {names: set() for names in unique}
    tried = kept = 0
    for part in parts:
        new = np.zeros(len(part), bool)
        for row, combined in enumerate(zip(*(hashed(part, names) for names in seen))):
            new[row] = all(one is None or one not in held for one, held in zip(combined, seen.values()))
            if new[row]:
                for one, held in zip(combined, seen.values()):
                    held.add(one)
        tried, kept = tried + len(part), kept + int(new.sum())
        if tried >= TRIED and kept < FEWEST * tried:
            what = " and ".join(", ".join(names) for names in seen)
            raise UserError(f"of {tried:,} rows of this run only {kept:,} differ in {what}: ask for fewer")
        yield part.filter(pa.array(new))


def hashed(table: pa.Table, names: tuple[str, ...]) -> list[bytes | None]:
    """What is equal for rows that have the same values in some columns; None where one is missing: such a row repeats no other."""
    some = table.select(names)
    missing = np.any([column.is_null().to_numpy() for column in some.columns], axis=0)
    return [None if gone else one for one, gone in zip(row_keys(some).tolist(), missing)]


def refuse(constraint: str, wrong: np.ndarray, shown: Callable[[int], str]) -> None:
    """UserError where rows (n,) break a constraint. shown: what the first of them has."""
    if wrong.any():
        row = int(wrong.argmax())
        rows = f"{wrong.sum():,} of {len(wrong):,} rows break the constraint {constraint!r}, the first is row {row + 1} ({shown(row)})"
        raise UserError(f"{rows}: correct or leave out such rows, or take the constraint out of the schema")


def _none(name: str, words: pa.Array) -> Key:
    kinds = "whole numbers, words of one pattern like CUST-00017, nor random ones of one length like UUIDs"
    raise UserError(f"column {name!r} is to be unique, and its values, like {words[0].as_py()!r}, are neither {kinds}: say drop in the schema")


def _counted(column: Column, words: pa.Array, text: bool) -> Counted | None:
    """None where words differ in more than their digits."""
    if pc.all(pc.match_substring_regex(words, INTEGER)).as_py():
        kind = "int64" if text or column.type not in WIDE else column.type
        return Counted(column=column.model_copy(update={"kind": "integer", "type": kind}), first=pc.max(words.cast(pa.int64())).as_py() + 1)
    patterns = pc.unique(pc.replace_substring_regex(words, "[0-9]+", "0"))
    if len(patterns) > 1 or "0" not in (pattern := patterns[0].as_py()):
        return None
    between = pattern.split("0")                                                        # what stands around the numbers
    regex = "".join(re.escape(part) + f"(?P<r{i}>[0-9]+)" for i, part in enumerate(between[:-1])) + re.escape(between[-1])
    runs = pc.extract_regex(words, f"^{regex}$").flatten()
    at = max((i for i, run in enumerate(runs) if len(pc.unique(run)) > 1), default=len(runs) - 1)
    last = max(zip(*(run.to_pylist() for run in runs)), key=lambda texts: tuple(map(int, texts)))
    lengths = pc.unique(pc.utf8_length(runs[at]))
    padded = len(lengths) == 1 or pc.any(pc.match_substring_regex(runs[at], "^0[0-9]")).as_py()
    before = "".join(part + run for part, run in zip(between, last[:at])) + between[at]
    behind = "".join(run + part for run, part in zip(["", *last[at + 1 :]], between[at + 1 :]))
    if len(last[at]) > 18:
        return None
    return Counted(column=column, before=before, first=int(last[at]) + 1, width=len(last[at]) if padded else 0, behind=behind)


def _drawn(column: Column, words: pa.Array) -> Drawn | None:
    """None where words have several lengths, or so few letters in each place that two could be equal."""
    if len(pc.unique(pc.utf8_length(words))) > 1 or not (size := len(words[0].as_py())):
        return None
    letters = [pc.unique(pc.utf8_slice_codeunits(words, i, i + 1)).to_pylist() for i in range(size)]
    if sum(math.log2(len(some)) for some in letters) < BITS:
        return None
    return Drawn(column=column, letters=tuple("".join(sorted(some)) for some in letters))
