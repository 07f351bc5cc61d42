"""Columns of text: their kinds, found by themselves.

A column is looked at by its different words, so that a million rows of ten words cost ten looks.
"""

import re
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sparring.modalities.table_columns import Column, Told
from sparring.modalities.table_dates import find_format, parse_dates
from sparring.modalities.table_found import NOTHING, ROWS, Found, are_whole, constant, distinct, of_numbers, short

NULL_WORDS = frozenset(("", "?", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "null", "NULL"))
"""what stands for a missing value among the words of a text file"""
NULL_NUMBERS = frozenset((*map(str.lower, NULL_WORDS), "none", "nat", "-", "--", ".", "missing"))
"""in lower case: among numbers and dates also these"""
TRUTHS = (("false", "true"), ("no", "yes"), ("f", "t"), ("n", "y"))
INTEGER = r"^-?(0|[1-9][0-9]{0,17})$"
REAL = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
GROUPED = r"^[+-]?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+)?$"
COMMA = r"^[+-]?[0-9]+,[0-9]+$"
INFINITE = r"^[+-]?(?i:inf|infinity)$"
CODES = r"^[+-]?(0[0-9]+|[0-9]{19,})$"
"""digits that are no number: leading zeros, or more than a number of 64 bits has"""
UUID = r"^\{?[0-9a-fA-F]{8}-?([0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}\}?$"
MOST = 0.9
"""share of the values that must be numbers, or dates, for the others to be taken for missing"""
FEW = 128
"""different values up to which numbers and words together stay words"""
SOME = 50
"""different words up to which they are categories, however few the rows"""


@dataclass(frozen=True)
class Words:
    """A column of text by its different values."""

    name: str
    words: pa.Array
    """(k,) string, all different"""
    codes: np.ndarray
    """(n,) the number of each row's word, -1 where it is missing"""
    null: dict[str, int] = field(default_factory=dict)
    """words that were taken for missing, with their rows"""

    @property
    def counts(self) -> np.ndarray:
        return np.bincount(self.codes[self.codes >= 0], minlength=len(self.words))

    @property
    def present(self) -> int:
        return int((self.codes >= 0).sum())

    def without(self, gone: np.ndarray) -> "Words":
        """The words of the mask (k,) are missing values."""
        if not gone.any():
            return self
        counts, words = self.counts, self.words.to_pylist() if gone.sum() < 1000 else []
        null = {words[i]: int(counts[i]) for i in np.flatnonzero(gone)} if words else {"...": int(counts[gone].sum())}
        number = np.where(gone, -1, np.cumsum(~gone) - 1)
        codes = np.where(self.codes >= 0, number[self.codes], -1)
        return replace(self, words=self.words.filter(pa.array(~gone)), codes=codes, null=self.null | null)

    def rows(self, values: pa.Array) -> pa.Array:
        """A value a word (k,) as one a row (n,)."""
        return values.take(pa.array(self.codes, mask=self.codes < 0))

    def matches(self, pattern: str) -> np.ndarray:
        return pc.match_substring_regex(self.words, pattern).to_numpy(zero_copy_only=False).astype(bool)

    def listed(self, mask: np.ndarray) -> str:
        """The most frequent words of a mask, with their rows."""
        counts = np.where(mask, self.counts, 0)
        order = np.argsort(-counts, kind="stable")[: min(3, int(mask.sum()))]
        return ", ".join(f"{short(self.words[int(i)].as_py())} {counts[i]:,}" for i in order)


def words_of(name: str, column: pa.ChunkedArray, text: bool, missing: tuple[str, ...] | None) -> Words:
    """A column by its words, without those that stand for missing values: `missing`, or the usual ones of a text file."""
    if pa.types.is_time(column.type):
        column = pc.replace_substring_regex(column.cast(pa.string()), r"\.0+$", "")
    elif not pa.types.is_string(column.type) or column.nbytes > 2**31 - 1:
        column = column.cast(pa.large_string() if column.nbytes > 2**31 - 1 else pa.string())
    encoded = column.combine_chunks().dictionary_encode()       # in one piece: encoded chunks have a dictionary each
    words, codes = encoded.dictionary, encoded.indices.fill_null(-1).to_numpy()
    if text and not (trimmed := pc.utf8_trim_whitespace(words)).equals(words):
        again = trimmed.dictionary_encode()
        words, codes = again.dictionary, np.where(codes >= 0, again.indices.to_numpy()[codes], -1)
    found = Words(name, words, codes.astype(np.int64))
    if missing is not None:
        return found.without(stand_for_missing(found.words, (*missing, *[""] * text)))
    if not text:
        return found
    gone = pc.is_in(found.words, pa.array(sorted(NULL_WORDS), pa.string())).to_numpy(zero_copy_only=False).copy()
    if "NA" in (listed := found.words.to_pylist() if len(found.words) < 1000 else []):      # Namibia among codes of countries
        others = [word for word in listed if word not in NULL_WORDS]
        gone[listed.index("NA")] = not (len(others) > 5 and all(re.fullmatch("[A-Z]{2}", word) for word in others))
    return found.without(gone)


def stand_for_missing(words: pa.Array | pa.ChunkedArray, missing: tuple[str, ...]) -> np.ndarray:
    """Which words are one of those of a schema, (n,): letter by letter, or as numbers, of which 0 may be written 0.0. 007 is no number."""
    same = pc.is_in(words, pa.array(missing, pa.string())).fill_null(False).to_numpy(zero_copy_only=False)
    plain = [float(word) for word in missing if re.match(REAL, word) and not re.match(CODES, word)]
    if not plain:
        return same
    number = pc.and_(pc.match_substring_regex(words, REAL), pc.invert(pc.match_substring_regex(words, CODES)))
    bare = pc.replace_substring_regex(pc.if_else(number, words, None), r"^\+|\.$", "")
    return same | pc.is_in(bare.cast(pa.float64()), pa.array(plain)).fill_null(False).to_numpy(zero_copy_only=False)


# ---- the kinds


def of_words(v: Words, text: bool, told: Told | None, kind: str) -> Found:
    """What text holds: truths, else numbers, else dates, else words."""
    wanted = told.kind if told else None
    if wanted == "category":
        return _category(v, kind, "the schema says so", text)
    if not v.present:
        return Found(None, None, NOTHING)
    if wanted in (None, "boolean") and (found := _boolean(v, told, text, kind)):
        return found
    if wanted == "boolean":
        return Found(None, None, f"it holds {v.listed(np.ones(len(v.words), bool))}; say words: [false word, true word]")
    if wanted in (None, "integer", "real") and (found := _number(v, told, text, kind)):
        return found
    if wanted in (None, "date") and (found := _date(v, told, text, kind)):
        return found
    if wanted:
        return Found(None, None, f"no value is one, the most frequent are {v.listed(np.ones(len(v.words), bool))}")
    return _text(v, text, kind)


def _boolean(v: Words, told: Told | None, text: bool, kind: str) -> Found | None:
    words = v.words.to_pylist() if len(v.words) <= 2 else []
    pair = told.words if told and told.words else next((p for p in TRUTHS if {w.lower() for w in words} == set(p)), None)
    if pair is None or not words or not {w.lower() for w in words} <= {p.lower() for p in pair}:
        return None
    true = [w.lower() == pair[1].lower() for w in words]
    spelt = tuple(next((w for w, t in zip(words, true) if t == wanted), pair[wanted]) for wanted in (False, True))
    result = "bool" if text and pair == ("false", "true") else "string" if text else kind
    column = Column(name=v.name, kind="boolean", why=_why(told, f"only {' and '.join(map(short, spelt))}", v), type=result, words=spelt, **_null(v))
    return Found(column, v.rows(pa.array(true)))


def _number(v: Words, told: Told | None, text: bool, kind: str) -> Found | None:
    """Numbers in text; None when they are not numbers for the most part."""
    v = v.without(_in_lower(v, NULL_NUMBERS))
    if not v.present:
        return Found(None, None, NOTHING)
    real = v.matches(REAL) & ~v.matches(CODES) if not told else v.matches(REAL)
    comma = text and _comma(v)
    grouped = text and not comma and bool((g := v.matches(GROUPED)).any()) and _share(v, g | real) >= MOST
    problems: tuple[str, ...] = ()
    if grouped and not v.matches(r",[0-9]{3},|\.").any():
        problems = (f"column {v.name}: the commas of {v.listed(g)} are taken for those of thousands; write points where they are of fractions",)
    if comma or grouped:
        v = replace(v, words=pc.replace_substring(v.words, ",", "." if comma else ""))
        real = v.matches(REAL) & ~v.matches(CODES)
    infinite = v.matches(INFINITE)
    number = real | infinite
    if not real.any() or (not told and (_share(v, number) < MOST or (not number.all() and len(v.words) <= min(FEW, max(v.present / 2, SOME))))):
        return None
    if not number.all():
        lost = int(v.counts[~number].sum())
        problems += (f"column {v.name}: {lost:,} of {v.present:,} values are no numbers ({v.listed(~number)}) and taken for missing",)
        v, real, infinite = v.without(~number), real[number], infinite[number]
    whole = v.matches(INTEGER if not told else r"^[+-]?[0-9]{1,18}$").all()
    digits = pc.utf8_length(pc.replace_substring_regex(v.words.filter(pa.array(real)), r"^[^.]*\.?", "")).to_numpy()
    scientific = v.matches("[eE]").any() and not infinite.all()
    decimals, least = (None, 0) if scientific or digits.max() > 15 else (int(digits.max()), int(digits.min()))
    if whole:
        values = pc.replace_substring_regex(v.words, r"^\+", "").cast(pa.int64())
    else:
        values = pc.replace_substring_regex(v.words, r"^\+|\.$", "").cast(pa.float64())
        if not infinite.any() and are_whole(values):
            whole, values = True, values.cast(pa.int64())
    if told and told.kind == "integer" and not whole:
        return Found(None, None, "it has values that are not whole: say real")
    if told and told.kind == "real" and whole:
        whole, values = False, values.cast(pa.float64())
    result = ("int64" if whole and not decimals else "double") if text else kind
    note = "whole numbers" if whole else "numbers"
    if not told and whole and not decimals and text and (found := _date_digits(v, told, text, kind)):
        return found
    column = dict(type=result, decimals=decimals if not whole or decimals else None, least=least, comma=comma, grouped=grouped, **_null(v))
    found = of_numbers(v.name, v.rows(values), _counted(values, v.counts), whole, column, note, told, _null_note(v))
    return replace(found, problems=(*problems, *found.problems))


def _comma(v: Words) -> bool:
    """Whether numbers are written with a comma for the point. 1,234 could be a thousand: some must have other than three digits behind, or
    nothing but a zero before."""
    comma = v.matches(COMMA)
    if not comma.any() or v.matches(r"\.").any() or _share(v, comma | v.matches(REAL)) < MOST:
        return False
    return bool((comma & (~v.matches(r",[0-9]{3}$") | v.matches(r"^[+-]?0,"))).any())


def _date_digits(v: Words, told: Told | None, text: bool, kind: str) -> Found | None:
    """20240131: whole numbers that are all dates."""
    dates = len(v.words) >= 5 and v.matches(r"^(19|20)\d{6}$").all() and parse_dates(v.words, "%Y%m%d").null_count == 0
    return _date(v, told, text, kind, "%Y%m%d") if dates else None


def _date(v: Words, told: Told | None, text: bool, kind: str, format: str | None = None) -> Found | None:
    """Dates in text, of this format or one that is found; None when they are not dates for the most part."""
    v = v.without(_in_lower(v, NULL_NUMBERS))
    if not v.present:
        return Found(None, None, NOTHING)
    if told and told.format and re.search("%[zZ]", told.format):
        return Found(None, None, "a format cannot hold a zone: leave it out, and dates like 2024-12-31T12:00:00+02:00 are found with theirs")
    style = find_format(v.words, v.counts, told.format if told else format, 0.0 if told else MOST)
    if style is None:
        return None
    values, problems = style.values, tuple(f"column {v.name}: {p}" for p in style.problems)
    wrong = values.is_null().to_numpy(zero_copy_only=False)
    if wrong.any():
        lost = int(v.counts[wrong].sum())
        problems += (f"column {v.name}: {lost:,} of {v.present:,} values are no dates like {style.format} ({v.listed(wrong)}) and taken for missing",)
        v, values = v.without(wrong), values.drop_null()
    day = "%d" in style.format or "%-d" in style.format
    result = ("timestamp[us]" if "%H" in style.format or "%I" in style.format else "date32[day]") if text and day else "string" if text else kind
    rows = v.rows(values)
    column = Column(
        name=v.name, kind="date", type=result, format=style.format, decimals=style.decimals or None, least=style.least,
        why=_why(told, f"all like {style.format}, {distinct(rows, pc.count_distinct(rows, mode='only_valid').as_py())}", v), **_null(v),
    )  # fmt: skip
    return Found(*constant(column, rows), problems=problems)


def _text(v: Words, text: bool, kind: str) -> Found:
    """Words that are no numbers, truths or dates: categories, identifiers or free text."""
    k, n = len(v.words), v.present
    numeric = v.matches(REAL) & ~v.matches(CODES)
    if len(v.codes) >= ROWS:
        if n == k and v.matches(UUID).all():
            return Found(None, None, "an identifier: all different, UUIDs")
        length = float(np.average(pc.utf8_length(v.words).to_numpy(), weights=v.counts))
        gaps = float(np.average(pc.count_substring(v.words, " ").to_numpy(), weights=v.counts))
        example = short(v.words[0].as_py())
        if n == k and len(pc.unique(_pattern(v.words))) == 1 and not v.matches(" ").any():
            return Found(None, None, f"an identifier: all different, of one pattern like {example}")
        many = k == n or k > max(n / 2, SOME)
        if many and _share(v, numeric) > 0.5:
            return Found(None, None, f"numbers and words ({v.listed(~numeric)}), {k:,} different; say real in a schema to take the words for missing")
        if many or (length >= 50 and gaps >= 5 and k > n / 5):
            if gaps >= 2 or length >= 30:
                return Found(None, None, f"free text: {k:,} different texts in {n:,} rows, {length:.0f} letters on average, like {example}; "
                             "make categories or numbers of it, or say category in a schema")  # fmt: skip
            return Found(None, None, f"{'all' if k == n else f'{k:,} of {n:,}'} values different, like {example}: names, not categories; "
                         "say category in a schema to keep it")  # fmt: skip
    once = int((v.counts == 1).sum())
    note = f"{k:,} different words" if not numeric.any() else f"numbers and words ({v.listed(~numeric)}), {k:,} different"
    if v.matches(CODES).any() and numeric.sum() + v.matches(CODES).sum() == k:
        note = f"{k:,} different codes: digits with leading zeros or more than 18 of them"
    return _category(v, kind, note + (f", {once:,} of them once" if k > 1000 and once > k / 4 else ""), text)


def _pattern(words: pa.Array) -> pa.Array:
    """C0001-x as a9-a: what identifiers of one kind have in common."""
    return pc.replace_substring_regex(pc.replace_substring_regex(words, "[0-9]+", "9"), "[A-Za-z]+", "a")


def _category(v: Words, kind: str, why: str, text: bool) -> Found:
    if not v.present:
        return Found(None, None, NOTHING)
    words = v.words.cast(pa.string())
    column = Column(name=v.name, kind="category", why=_why(None, why, v), type="string" if text else kind, **_null(v))
    return Found(*constant(column, v.rows(words)))


def _why(told: Told | None, note: str, v: Words) -> str:
    return "".join(("the schema says so: " if told else "", note, _null_note(v)))


def _null_note(v: Words) -> str:
    words = {w: n for w, n in v.null.items() if w}
    return f"; missing: {', '.join(f'{short(w)} {n:,}' for w, n in list(words.items())[:3])}" if words else ""


def _null(v: Words) -> dict:
    """How a column says that values are missing."""
    word = max(v.null, key=v.null.__getitem__) if v.null else ""
    return {"missing": v.present < len(v.codes), "null": word if word.lower() in NULL_NUMBERS else ""}


def _in_lower(v: Words, words: frozenset) -> np.ndarray:
    return pc.is_in(pc.utf8_lower(v.words), pa.array(sorted(words), v.words.type)).to_numpy(zero_copy_only=False)


def _share(v: Words, mask: np.ndarray) -> float:
    return float(v.counts[mask].sum() / v.present)


def _counted(values: pa.Array, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Different numbers and their rows, of values (k,) with so many rows each: 1 and 1.0 are one number."""
    different, at = np.unique(values.to_numpy(), return_inverse=True)
    return different, np.bincount(at, weights=counts, minlength=len(different))
