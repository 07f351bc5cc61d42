"""Dates in text: which format they have, and back.

Formats are strptime's, with glibc's %-d for a number without a leading zero and %^b for a month in capitals. A format fits a text only if
writing the date gives that text again: so 31/02/2024 is no date, and what is written is what was read.
"""

import re
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

DAYS = (
    "%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y", "%m/%d/%y", "%d/%m/%y", "%d.%m.%y",
    "%d %b %Y", "%d-%b-%Y", "%d-%b-%y", "%b %d, %Y", "%b %d %Y", "%d %B %Y", "%B %d, %Y", "%B %d %Y", "%Y-%m",
)  # fmt: skip
TIMES = ("%H:%M", "%H:%M:%S", "%I:%M %p", "%I:%M:%S %p")
FORMATS = (*DAYS, *(f"{day}{gap}{time}" for day in DAYS for gap in (" ", "T") for time in TIMES), *TIMES)
ISO = r"^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)?$"
MICRO = pa.timestamp("us")
SAMPLE = 200


@dataclass(frozen=True)
class Style:
    """How dates are written, and what they are."""

    format: str
    values: pa.Array
    """(k,) timestamp[us]; null for what is no date of that format"""
    decimals: int = 0
    """most digits of a second's fraction"""
    least: int = 0
    """fewest"""
    problems: tuple[str, ...] = ()


def find_format(words: pa.Array, counts: np.ndarray, told: str | None, share: float) -> Style | None:
    """The format of different texts (k,) that occur so often (k,); None when fewer than this share of them are dates."""
    words = words.cast(pa.string())
    if told:
        if (style := _iso(words)) and style.format == told:
            return style
        values = parse_dates(words, told)
        return Style(told, values) if values.null_count < len(words) else None
    fits = lambda values: float(counts[values.is_valid().to_numpy(zero_copy_only=False)].sum()) >= max(share, 1e-9) * counts.sum()
    if (style := _iso(words)) and fits(style.values):
        return style
    step = max(1, len(words) // SAMPLE)
    sample = words.take(pa.array(np.arange(0, len(words), step)))
    if not pc.any(pc.match_substring_regex(sample, r"^[A-Za-z]*[ ]?\d{1,4}[-/., :]")).as_py():
        return None
    found = []
    for format in _spellings(sample):
        likely = parse_dates(sample, format)
        if likely.null_count > (1 - share / 2) * len(sample) or not fits(values := parse_dates(words, format)):
            continue
        found.append(Style(format, values))
    if not found:
        return None
    best = min(found, key=lambda style: style.values.null_count)                # the first of equals
    other = next((s for s in found if s is not best and s.values.null_count == best.values.null_count and not s.values.equals(best.values)), None)
    if other:
        line = f"dates could be {best.format} or {other.format} and are read as {best.format}; a schema says which"
        return Style(best.format, best.values, problems=(line,))
    return best


def _spellings(sample: pa.Array) -> list[str]:
    """The formats, and their relatives without leading zeros and with capitals, that could be meant."""
    letters = {re.sub(r"[0-9]+", "9", re.sub(r"[A-Za-z]+", "a", text)) for text in sample.slice(0, 20).to_pylist()}
    shape = lambda format: re.sub(r"%[bBp]", "a", re.sub(r"%[YmdyHIMS]", "9", format)).replace("T", "a")
    out = []
    for format in FORMATS:
        if shape(format) in letters:
            capital = format.replace("%b", "%^b").replace("%B", "%^B")
            for spelt in dict.fromkeys((format, capital)):
                out += dict.fromkeys((spelt, re.sub(r"%([mdHI])", r"%-\1", spelt), re.sub(r"%([md])", r"%-\1", spelt)))
    return out


def parse_dates(words: pa.Array, format: str) -> pa.Array:
    """Texts (k,) as timestamp[us]; null for those that the format does not write."""
    values = pc.strptime(words, format=re.sub(r"%[-^]", "%", format), unit="us", error_is_null=True)
    again = write_dates(values, format)
    return pc.if_else(pc.fill_null(pc.equal(again, words), False), values, pa.scalar(None, MICRO))


def write_dates(values: pa.Array, format: str, decimals: int = 0, least: int = 0) -> pa.Array:
    """Timestamps as text of a format; decimals: most digits of a second's fraction, least: fewest."""
    second = values.cast(pa.timestamp("s"), safe=False)
    if not decimals:
        return _unpadded(second, format)
    fraction = pc.subtract(values.cast(pa.int64()), pc.multiply(second.cast(pa.int64()), 1_000_000))              # in [0, 1e6) after 1970
    before = pc.less(fraction, 0)
    second = pc.if_else(before, pc.subtract(second, pa.scalar(1, pa.duration("s"))), second)
    fraction = pc.if_else(before, pc.add(fraction, 1_000_000), fraction).cast(pa.string())
    digits = pc.utf8_slice_codeunits(pc.utf8_lpad(fraction, 6, "0"), 0, decimals)
    digits = pc.if_else(pc.equal(decimals, least), digits, pc.utf8_rpad(pc.utf8_rtrim(digits, "0"), least, "0")) if least != decimals else digits
    digits = pc.if_else(pc.equal(digits, ""), "", pc.binary_join_element_wise(".", digits, ""))
    head, _, tail = format.partition("%S")
    parts = [_unpadded(second, head + "%S"), digits]
    return pc.binary_join_element_wise(*parts, *([_unpadded(second, tail)] if "%" in tail else [tail]), "")


def _unpadded(values: pa.Array, format: str) -> pa.Array:
    """strftime with %-d and %^b, which arrow does not have: they are marked by a letter that dates do not hold, and mended."""
    if "%-" not in format and "%^" not in format:
        return pc.strftime(values, format=format)
    text = pc.strftime(values, format=format.replace("%-", "\x01%").replace("%^", "%"))
    text = pc.replace_substring(pc.replace_substring_regex(text, "\x010?", "\x01"), "\x01", "")
    return pc.utf8_upper(text) if "%^" in format else text


def _iso(words: pa.Array) -> Style | None:
    """ISO 8601 with seconds, and perhaps with fractions and zones."""
    good = pc.match_substring_regex(words, ISO)
    if not pc.any(good).as_py():
        return None
    texts = pc.if_else(good, words, pa.scalar(None, pa.string()))
    parts = pc.extract_regex(texts, r"^(?P<day>[^T ]+)(?P<gap>[T ])(?P<time>[^.Z+-]+)(?P<fraction>\.\d+)?(?P<zone>Z|[+-].*)?$")
    part = lambda name: pc.struct_field(parts, name)
    gaps, zones = (pc.unique(part(name).drop_null()).to_pylist() for name in ("gap", "zone"))
    if len(gaps) > 1:
        return None
    digits = pc.utf8_length(part("fraction")).to_numpy(zero_copy_only=False)
    digits = np.maximum(np.nan_to_num(digits[good.to_numpy(zero_copy_only=False)]).astype(int) - 1, 0)
    naive = pc.binary_join_element_wise(part("day"), "T", part("time"), pc.utf8_slice_codeunits(part("fraction"), 0, 7), "")
    problems = (f"fractions of {digits.max()} digits are cut to microseconds",) if digits.max() > 6 else ()
    if len(zones) > 1:
        colon = pc.replace_substring_regex(part("zone"), r"^([+-]\d\d):?(\d\d)$", r"\1:\2")
        values = _cast(pc.binary_join_element_wise(naive, pc.if_else(pc.equal(colon, ""), "Z", colon), ""), pa.timestamp("us", "UTC"))
        zones, problems = ["+00:00"], (*problems, f"dates of several zones ({', '.join(z or 'none' for z in zones[:3])}) are brought to UTC")
    else:
        values = _cast(naive, MICRO)
    if values is None:
        return None
    return Style(f"%Y-%m-%d{gaps[0]}%H:%M:%S{zones[0]}", values.cast(MICRO), min(6, int(digits.max())), min(6, int(digits.min())), problems)


def _cast(texts: pa.Array, kind: pa.DataType) -> pa.Array | None:
    try:
        return texts.cast(kind)
    except pa.ArrowInvalid:                                     # an impossible one, 2024-02-31
        return None
