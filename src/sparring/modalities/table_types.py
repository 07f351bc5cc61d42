"""The kinds of columns, found by themselves, and back: values as the file has them.

A column of text is looked at by its different words, so that a million rows of ten words cost ten looks.
"""

import re
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sparring.modalities.table_columns import Column, Told
from sparring.modalities.table_dates import find_format, parse_dates, write_dates

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
KEY = r"(^|[^a-zA-Z])(?i:id|uuid|guid|key|index)$|[a-z](Id|ID)$"
"""names of columns that number the rows"""
NOTHING = "all values are missing"
MOST = 0.9
"""share of the values that must be numbers, or dates, for the others to be taken for missing"""
FEW = 128
"""different values up to which numbers and words together stay words"""
SOME = 50
"""different words up to which they are categories, however few the rows"""
ROWS = 20
"""rows below which nothing is said to be an identifier or free text"""
EXACT = 2**53
LEFT_OUT = {"drop": "the schema drops it", "key": "a key, which is made anew for every generated row"}


@dataclass(frozen=True)
class Found:
    """A column as it is modelled, or why it is not."""

    column: Column | None
    values: pa.Array | None
    dropped: str = ""
    problems: tuple[str, ...] = ()

    def without_values(self) -> "Found":
        return replace(self, values=None)


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
        return ", ".join(f"{_short(self.words[int(i)].as_py())} {counts[i]:,}" for i in order)


def find(name: str, column: pa.ChunkedArray, *, text: bool, told: Told | None = None) -> Found:
    """What a column holds. text: it is of a text file. told: what a schema says of it; dropped where that is impossible."""
    if told and told.kind in LEFT_OUT:
        return Found(None, None, LEFT_OUT[told.kind])
    missing, told = told.missing if told else None, told if told and told.kind else None
    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        column = pa.chunked_array([chunk.storage for chunk in column.chunks], kind.storage_type)
        kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.cast(kind.value_type)
    words = is_text(column.type) or pa.types.is_time(column.type)
    if pa.types.is_uint64(column.type) and column.null_count < len(column):
        words = pc.max(column).as_py() >= 2**63                 # beyond what integers here hold
    if not words and not pa.types.is_null(kind) and told and (told.kind == "category" or (told.kind == "date" and not pa.types.is_temporal(kind))):
        words = not pa.types.is_nested(kind) and not is_binary(kind)
    if words:
        found = _of_words(_words(name, column, text, missing), text, told, str(kind))
    else:
        if missing and not pa.types.is_nested(kind) and not is_binary(kind):
            column = pc.if_else(pc.is_in(column.cast(pa.string()), pa.array(missing)), pa.scalar(None, column.type), column)
        found = _of_values(name, column, told, str(kind))
    return found if found.column is None else replace(found, column=found.column.model_copy(update={"absent": missing}))


def is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)


def is_binary(kind: pa.DataType) -> bool:
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind) or pa.types.is_binary_view(kind)


def _words(name: str, column: pa.ChunkedArray, text: bool, missing: tuple[str, ...] | None) -> Words:
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
        return found.without(pc.is_in(found.words, pa.array([*missing, *[""] * text], pa.string())).to_numpy(zero_copy_only=False))
    if not text:
        return found
    gone = pc.is_in(found.words, pa.array(sorted(NULL_WORDS), pa.string())).to_numpy(zero_copy_only=False).copy()
    if "NA" in (listed := found.words.to_pylist() if len(found.words) < 1000 else []):      # Namibia among codes of countries
        others = [word for word in listed if word not in NULL_WORDS]
        gone[listed.index("NA")] = not (len(others) > 5 and all(re.fullmatch("[A-Z]{2}", word) for word in others))
    return found.without(gone)


# ---- text


def _of_words(v: Words, text: bool, told: Told | None, kind: str) -> Found:
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
    column = Column(name=v.name, kind="boolean", why=_why(told, f"only {' and '.join(map(_short, spelt))}", v), type=result, words=spelt, **_null(v))
    return Found(column, v.rows(pa.array(true)))


def _number(v: Words, told: Told | None, text: bool, kind: str) -> Found | None:
    """Numbers in text; None when they are not numbers for the most part."""
    v = v.without(_in_lower(v, NULL_NUMBERS))
    if not v.present:
        return Found(None, None, NOTHING)
    real = v.matches(REAL) & ~v.matches(CODES) if not told else v.matches(REAL)
    comma = text and _comma(v)
    grouped = text and not comma and bool((g := v.matches(GROUPED)).any()) and _share(v, g | real) >= MOST
    if comma or grouped:
        v = replace(v, words=pc.replace_substring(v.words, ",", "." if comma else ""))
        real = v.matches(REAL) & ~v.matches(CODES)
    infinite = v.matches(INFINITE)
    number = real | infinite
    if not real.any() or (not told and (_share(v, number) < MOST or (not number.all() and len(v.words) <= min(FEW, max(v.present / 2, SOME))))):
        return None
    problems = ()
    if not number.all():
        lost = int(v.counts[~number].sum())
        problems = (f"column {v.name}: {lost:,} of {v.present:,} values are no numbers ({v.listed(~number)}) and taken for missing",)
        v, real, infinite = v.without(~number), real[number], infinite[number]
    whole = v.matches(INTEGER if not told else r"^[+-]?[0-9]{1,18}$").all()
    digits = pc.utf8_length(pc.replace_substring_regex(v.words.filter(pa.array(real)), r"^[^.]*\.?", "")).to_numpy()
    scientific = v.matches("[eE]").any() and not infinite.all()
    decimals, least = (None, 0) if scientific or digits.max() > 15 else (int(digits.max()), int(digits.min()))
    if whole:
        values = pc.replace_substring_regex(v.words, r"^\+", "").cast(pa.int64())
    else:
        values = pc.replace_substring_regex(v.words, r"^\+|\.$", "").cast(pa.float64())
        if not infinite.any() and _are_whole(values):
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
    found = _numbers(v.name, v.rows(values), _counted(values, v.counts), whole, column, note, told, _null_note(v))
    return replace(found, problems=(*problems, *found.problems))


def _comma(v: Words) -> bool:
    """Whether numbers are written with a comma for the point. 1,234 could be a thousand: some must have other than three digits behind."""
    comma = v.matches(COMMA)
    if not comma.any() or v.matches(r"\.").any() or _share(v, comma | v.matches(REAL)) < MOST:
        return False
    return bool((comma & ~v.matches(r",[0-9]{3}$")).any())


def _date_digits(v: Words, told: Told | None, text: bool, kind: str) -> Found | None:
    """20240131: whole numbers that are all dates."""
    dates = len(v.words) >= 5 and v.matches(r"^(19|20)\d{6}$").all() and parse_dates(v.words, "%Y%m%d").null_count == 0
    return _date(v, told, text, kind, "%Y%m%d") if dates else None


def _date(v: Words, told: Told | None, text: bool, kind: str, format: str | None = None) -> Found | None:
    """Dates in text, of this format or one that is found; None when they are not dates for the most part."""
    v = v.without(_in_lower(v, NULL_NUMBERS))
    if not v.present:
        return Found(None, None, NOTHING)
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
        why=_why(told, f"all like {style.format}, {_distinct(rows, pc.count_distinct(rows, mode='only_valid').as_py())}", v), **_null(v),
    )  # fmt: skip
    return Found(*_constant(column, rows), problems=problems)


def _text(v: Words, text: bool, kind: str) -> Found:
    """Words that are no numbers, truths or dates: categories, identifiers or free text."""
    k, n = len(v.words), v.present
    numbers = v.matches(REAL) & ~v.matches(CODES)
    if len(v.codes) >= ROWS:
        if n == k and v.matches(UUID).all():
            return Found(None, None, "an identifier: all different, UUIDs")
        length = float(np.average(pc.utf8_length(v.words).to_numpy(), weights=v.counts))
        gaps = float(np.average(pc.count_substring(v.words, " ").to_numpy(), weights=v.counts))
        example = _short(v.words[0].as_py())
        if n == k and len(pc.unique(_pattern(v.words))) == 1 and not v.matches(" ").any():
            return Found(None, None, f"an identifier: all different, of one pattern like {example}")
        many = k == n or k > max(n / 2, SOME)
        if many and _share(v, numbers) > 0.5:
            return Found(None, None, f"numbers and words ({v.listed(~numbers)}), {k:,} different; say real in a schema to take the words for missing")
        if many or (length >= 50 and gaps >= 5 and k > n / 5):
            if gaps >= 2 or length >= 30:
                return Found(None, None, f"free text: {k:,} different texts in {n:,} rows, {length:.0f} letters on average, like {example}; "
                             "make categories or numbers of it, or say category in a schema")  # fmt: skip
            return Found(None, None, f"{'all' if k == n else f'{k:,} of {n:,}'} values different, like {example}: names, not categories; "
                         "say category in a schema to keep it")  # fmt: skip
    once = int((v.counts == 1).sum())
    note = f"{k:,} different words" if not numbers.any() else f"numbers and words ({v.listed(~numbers)}), {k:,} different"
    if v.matches(CODES).any() and numbers.sum() + v.matches(CODES).sum() == k:
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
    return Found(*_constant(column, v.rows(words)))


def _why(told: Told | None, note: str, v: Words) -> str:
    return "".join(("the schema says so: " if told else "", note, _null_note(v)))


def _null_note(v: Words) -> str:
    words = {w: n for w, n in v.null.items() if w}
    return f"; missing: {', '.join(f'{_short(w)} {n:,}' for w, n in list(words.items())[:3])}" if words else ""


def _null(v: Words) -> dict:
    """How a column says that values are missing."""
    word = max(v.null, key=v.null.__getitem__) if v.null else ""
    return {"missing": v.present < len(v.codes), "null": word if word.lower() in NULL_NUMBERS else ""}


def _in_lower(v: Words, words: frozenset) -> np.ndarray:
    return pc.is_in(pc.utf8_lower(v.words), pa.array(sorted(words), v.words.type)).to_numpy(zero_copy_only=False)


def _share(v: Words, mask: np.ndarray) -> float:
    return float(v.counts[mask].sum() / v.present)


def _short(word: str) -> str:
    return repr(word if len(word) <= 30 else word[:27] + "...")


# ---- values with a type


def _of_values(name: str, column: pa.ChunkedArray, told: Told | None, kind: str) -> Found:
    of = column.type
    if pa.types.is_nested(of) or is_binary(of):
        return Found(None, None, f"values of type {of}: a cell holds one number, word or date")
    if not pa.types.is_null(of) and pa.types.is_floating(of):
        column = column.cast(pa.float64())
        column = pc.if_else(pc.is_nan(column), pa.scalar(None, pa.float64()), column)
    if column.null_count == len(column):
        return Found(None, None, NOTHING)
    values = column.combine_chunks()
    missing = values.null_count > 0
    if pa.types.is_boolean(of):
        if told and told.kind != "boolean":
            return Found(None, None, "it holds true and false: say boolean or category")
        return Found(*_constant(Column(name=name, kind="boolean", why=f"of type {kind}", type=kind, missing=missing), values))
    if pa.types.is_timestamp(of) or pa.types.is_date(of):
        if told and told.kind != "date":
            return Found(None, None, f"it holds dates ({kind}): say date or category")
        values = values.cast(pa.timestamp("us", of.tz if pa.types.is_timestamp(of) else None), safe=False).cast(pa.timestamp("us"))
        why = f"of type {kind}, {_distinct(values, pc.count_distinct(values, mode='only_valid').as_py())}"
        return Found(*_constant(Column(name=name, kind="date", why=why, type=kind, missing=missing), values))
    if told and told.kind not in ("integer", "real"):
        return Found(None, None, f"it holds numbers ({kind}): say integer, real or category")
    if pa.types.is_duration(of):
        values, of = values.cast(pa.int64()), pa.int64()
    extra = {"type": kind, "missing": missing}
    if pa.types.is_integer(of):
        whole = not (told and told.kind == "real")
        return _numbers(name, values := values.cast(pa.int64() if whole else pa.float64()), _counts(values), whole, extra, f"of type {kind}", told)
    if pa.types.is_decimal(of):
        extra |= {"decimals": of.scale}
        values = values.cast(pa.float64())
    if not pa.types.is_floating(values.type):
        return Found(None, None, f"values of type {of}: a cell holds one number, word or date")
    finite = pc.fill_null(pc.is_finite(values), False)
    whole = pc.all(finite).as_py() or missing and not pc.any(pc.is_inf(values)).as_py()
    whole = bool(whole) and _are_whole(values)
    if told and told.kind == "integer" and not whole:
        return Found(None, None, "it has values that are not whole: say real")
    if whole and not (told and told.kind == "real"):
        values = values.cast(pa.int64())
        return _numbers(name, values, _counts(values), True, extra | {"decimals": None}, f"whole numbers of type {kind}", told)
    if "decimals" not in extra:
        extra["decimals"] = _decimals(values.filter(finite), pa.types.is_float32(of) or pa.types.is_float16(of))
    return _numbers(name, values, _counts(values), False, extra, f"of type {kind}", told)


def _are_whole(values: pa.Array) -> bool:
    """Whether finite numbers are whole, and exact as such."""
    return float(pc.max(pc.abs(values)).as_py()) < EXACT and bool(pc.all(pc.equal(values, pc.floor(values))).as_py())


def _counts(values: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Different numbers (n,), and their rows."""
    counted = values.drop_null().value_counts()
    return counted.field("values").to_numpy(), counted.field("counts").to_numpy()


def _decimals(values: pa.Array, single: bool) -> int | None:
    """The digits after the point that all numbers have at most; None for more than 6 (4 in single precision)."""
    numbers = values.to_numpy()
    for digits in range(5 if single else 7):
        rounded = np.round(numbers, digits)
        if np.array_equal(rounded.astype(np.float32), numbers.astype(np.float32)) if single else np.array_equal(rounded, numbers):
            return digits
    return None


# ---- numbers, however they came


def _counted(values: pa.Array, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Different numbers and their rows, of values (k,) with so many rows each: 1 and 1.0 are one number."""
    different, at = np.unique(values.to_numpy(), return_inverse=True)
    return different, np.bincount(at, weights=counts, minlength=len(different))


def _numbers(name: str, values: pa.Array, counted, whole: bool, column: dict, note: str, told: Told | None, more: str = "") -> Found:
    """Numbers (n,), int64 or float64, as a column; whole numbers that only number the rows are dropped. counted: the different ones, and
    how often each is there."""
    different, counts = counted
    k, n = len(different), len(values) - values.null_count
    unique = k == n == len(values) >= ROWS
    if whole and not told and unique and (why := numbering(name, values.to_numpy(), (different.min(), different.max()), n)):
        return Found(None, None, f"an identifier: {why}")
    infinite = not whole and bool(np.isinf(different).any())
    why = f"{note}, {_distinct(values, k)}"
    if k > ROWS and (share := counts.max() / n) >= 0.3:
        spike = different[counts.argmax()]
        why += f"; a spike and a tail: {spike:g} in {share:.0%}, the rest {k - 1:,} others"
    if infinite:
        why += f"; {int(counts[np.isinf(different)].sum()):,} infinite"
    why = ("the schema says so: " if told else "") + why + more
    made = Column(name=name, kind="integer" if whole else "real", why=why, infinite=infinite, **column)
    return Found(*_constant(made, values))


def _distinct(values: pa.Array, k: int) -> str:
    n = len(values) - values.null_count
    if k == n > ROWS:
        return "all different"
    return f"{k:,} different{', nearly unique' if k > 0.9 * n and n > ROWS else ''}"


def numbering(name: str, numbers: np.ndarray, ends: tuple[int, int], rows: int) -> str:
    """Why whole numbers that are all different number so many rows; empty when they measure something. ends: the least and the greatest;
    numbers: all, or some of them in order."""
    span = int(ends[1]) - int(ends[0]) + 1
    if re.search("(?i)year", name):
        return ""
    if span == rows:
        return f"all different, the whole numbers from {ends[0]} to {ends[1]}"
    if span <= 10 * rows and (np.diff(numbers) > 0).all():
        return "all different, in order"
    return f"all different whole numbers, and the name {name!r}" if re.search(KEY, name) else ""


def _constant(column: Column, values: pa.Array) -> tuple[Column, pa.Array]:
    """A column of one value, without a missing one, is a constant."""
    if values.null_count or len(values.slice(0, 100).unique()) > 1 or len(values.unique()) > 1:
        return column, values
    value = values[0].cast(pa.string()).as_py()
    return column.model_copy(update={"kind": "constant", "why": f"only {_short(value)}", "value": value}), values


# ---- and back


def arrow_type(text: str) -> pa.DataType:
    """The type that `str(type)` was written from; text for what has no name of one line."""
    try:
        return pa.type_for_alias(text)
    except ValueError:
        pass
    if found := re.fullmatch(r"timestamp\[(\w+), tz=(.+)\]", text):
        return pa.timestamp(*found.groups())
    if found := re.fullmatch(r"decimal(32|64|128|256)\((\d+), (-?\d+)\)", text):
        return getattr(pa, f"decimal{found[1]}")(int(found[2]), int(found[3]))
    if found := re.fullmatch(r"dictionary<values=(.+), indices=(\w+), ordered=([01])>", text):
        return pa.dictionary(pa.type_for_alias(found[2]), arrow_type(found[1]), found[3] == "1")
    return pa.string()


def restored(table: pa.Table, columns: tuple[Column, ...]) -> pa.Table:
    """A table as `TableSource.table` has it, with the types that the file had (`Column.type`) and numbers rounded to its decimals."""
    return pa.table([_restored(table.column(c.name), c) for c in columns], names=[c.name for c in columns])


def _restored(values: pa.ChunkedArray, column: Column) -> pa.ChunkedArray:
    to = arrow_type(column.type)
    inner = to.value_type if pa.types.is_dictionary(to) else to
    if pa.types.is_floating(values.type) and column.decimals is not None:
        values = pc.round(values, column.decimals)
    if is_text(inner):
        values = _as_text(values, column).cast(inner)
    elif pa.types.is_time(inner):
        values = values.cast(inner, safe=False)
    elif pa.types.is_timestamp(inner) and inner.tz:
        values = values.cast(pa.timestamp("us", "UTC")).cast(inner)
    elif pa.types.is_duration(inner):
        values = values.cast(pa.int64()).cast(inner)
    else:
        values = values.cast(inner, safe=not pa.types.is_temporal(inner) and not pa.types.is_floating(inner))
    return values.dictionary_encode().cast(to) if pa.types.is_dictionary(to) else values


def as_text(table: pa.Table, columns: tuple[Column, ...]) -> pa.Table:
    """The same as text: every column a string column, written as the file wrote it (decimals, format, words, null); for .csv and .tsv."""
    texts = [pc.fill_null(_as_text(table.column(c.name), c), c.null) for c in columns]
    return pa.table(texts, names=[c.name for c in columns])


def _as_text(values: pa.ChunkedArray, column: Column) -> pa.ChunkedArray:
    """Missing values stay missing."""
    kind = values.type
    if pa.types.is_boolean(kind):
        no, yes = column.words or ("false", "true")
        return pc.if_else(values, yes, no)
    if pa.types.is_timestamp(kind):
        return write_dates(values, column.format or "%Y-%m-%d" + "T%H:%M:%S" * ("date" not in column.type), column.decimals or 0, column.least)
    if pa.types.is_integer(kind):
        text = _grouped(values.cast(pa.string())) if column.grouped else values.cast(pa.string())
        return pc.binary_join_element_wise(text, "0" * column.least, ".") if column.least and column.decimals else text
    if not pa.types.is_floating(kind):
        return values.cast(pa.string())
    if column.decimals is not None:
        values = pc.round(values, column.decimals)
    text = values.cast(pa.string())
    if column.least:
        point = pc.match_substring_regex(text, r"^-?[0-9]+$")
        text = pc.if_else(point, pc.binary_join_element_wise(text, "0" * column.least, "."), text)
        short = pc.subtract(column.least, pc.utf8_length(pc.replace_substring_regex(text, r"^[^.]*\.", "")))
        short = pc.if_else(pc.match_substring_regex(text, r"^-?[0-9]+\.[0-9]+$"), pc.max_element_wise(short, 0), 0)
        text = pc.binary_join_element_wise(text, pc.binary_repeat("0", short), "")
    return pc.replace_substring(text, ".", ",") if column.comma else _grouped(text) if column.grouped else text


def _grouped(text: pa.ChunkedArray) -> pa.ChunkedArray:
    """Numbers with a comma before every thousand."""
    for _ in range(6):
        text = pc.replace_substring_regex(text, r"^(-?[0-9]+)([0-9]{3})($|[,.])", r"\1,\2\3", max_replacements=1)
    return text
