"""The kinds of columns, found by themselves."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sparring.modalities.table_columns import Column, Told
from sparring.modalities.table_found import NOTHING, Found, are_whole, constant, distinct, of_numbers
from sparring.modalities.table_types import is_binary, is_text
from sparring.modalities.table_words import of_words, stand_for_missing, words_of

LEFT_OUT = {"drop": "the schema drops it", "key": "a key, which is made anew for every generated row"}


def find(name: str, column: pa.ChunkedArray, *, text: bool, told: Told | None = None) -> Found:
    """What a column holds. text: it is of a text file. told: what a schema says of it; dropped where that is impossible."""
    if told and told.kind in LEFT_OUT:
        return Found(None, None, LEFT_OUT[told.kind])
    missing, told = told.missing if told else None, told if told and told.kind else None
    kind, categories = column.type, None
    if isinstance(kind, pa.BaseExtensionType):
        column = pa.chunked_array([chunk.storage for chunk in column.chunks], kind.storage_type)
        kind = column.type
    if pa.types.is_dictionary(kind):
        if is_text(kind.value_type) and column.num_chunks:
            categories = tuple(column.unify_dictionaries().chunk(0).dictionary.to_pylist())
        column = column.cast(kind.value_type)
    words = is_text(column.type) or pa.types.is_time(column.type)
    if pa.types.is_uint64(column.type) and column.null_count < len(column):
        words = pc.max(column).as_py() >= 2**63                 # beyond what integers here hold
    if not words and not pa.types.is_null(kind) and told and (told.kind == "category" or (told.kind == "date" and not pa.types.is_temporal(kind))):
        words = not pa.types.is_nested(kind) and not is_binary(kind)
    if words:
        found = of_words(words_of(name, column, text, missing), text, told, str(kind))
    else:
        if missing and not pa.types.is_nested(kind) and not is_binary(kind):
            column = pc.if_else(pa.array(stand_for_missing(column.cast(pa.string()), missing)), pa.scalar(None, column.type), column)
        found = _of_values(name, column, told, str(kind))
    if found.column is None:
        return found
    listed = categories if found.column.kind in ("category", "boolean", "constant") else None      # numbers and dates are made that no list has
    return replace(found, column=found.column.model_copy(update={"absent": missing, "categories": listed}))


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
        return Found(*constant(Column(name=name, kind="boolean", why=f"of type {kind}", type=kind, missing=missing), values))
    if pa.types.is_timestamp(of) or pa.types.is_date(of):
        if told and told.kind != "date":
            return Found(None, None, f"it holds dates ({kind}): say date or category")
        values = values.cast(pa.timestamp("us", of.tz if pa.types.is_timestamp(of) else None), safe=False).cast(pa.timestamp("us"))
        why = f"of type {kind}, {distinct(values, pc.count_distinct(values, mode='only_valid').as_py())}"
        digits = _second_digits(values)
        return Found(*constant(Column(name=name, kind="date", why=why, type=kind, missing=missing, decimals=digits or None), values))
    if told and told.kind not in ("integer", "real"):
        return Found(None, None, f"it holds numbers ({kind}): say integer, real or category")
    if pa.types.is_duration(of):
        values, of = values.cast(pa.int64()), pa.int64()
    extra = {"type": kind, "missing": missing}
    if pa.types.is_integer(of):
        whole = not (told and told.kind == "real")
        return of_numbers(name, values := values.cast(pa.int64() if whole else pa.float64()), _counts(values), whole, extra, f"of type {kind}", told)
    if pa.types.is_decimal(of):
        extra |= {"decimals": of.scale}
        values = values.cast(pa.float64())
    if not pa.types.is_floating(values.type):
        return Found(None, None, f"values of type {of}: a cell holds one number, word or date")
    finite = pc.fill_null(pc.is_finite(values), False)
    whole = pc.all(finite).as_py() or missing and not pc.any(pc.is_inf(values)).as_py()
    whole = bool(whole) and are_whole(values)
    if told and told.kind == "integer" and not whole:
        return Found(None, None, "it has values that are not whole: say real")
    if whole and not (told and told.kind == "real"):
        values = values.cast(pa.int64())
        return of_numbers(name, values, _counts(values), True, extra | {"decimals": None}, f"whole numbers of type {kind}", told)
    if "decimals" not in extra:
        extra["decimals"] = _decimals(values.filter(finite), pa.types.is_float32(of) or pa.types.is_float16(of))
    return of_numbers(name, values, _counts(values), False, extra, f"of type {kind}", told)


def _counts(values: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Different numbers (n,), and their rows."""
    counted = values.drop_null().value_counts()
    return counted.field("values").to_numpy(), counted.field("counts").to_numpy()


def _second_digits(values: pa.Array) -> int:
    """Most digits of the fractions of seconds of timestamp[us]."""
    rest = np.abs(values.drop_null().cast(pa.int64()).to_numpy()) % 10**6
    return next(digits for digits in range(7) if not (rest % 10 ** (6 - digits)).any())


def _decimals(values: pa.Array, single: bool) -> int | None:
    """The digits after the point that all numbers have at most; None for more than 6 (4 in single precision)."""
    numbers = values.to_numpy()
    for digits in range(5 if single else 7):
        rounded = np.round(numbers, digits)
        if np.array_equal(rounded.astype(np.float32), numbers.astype(np.float32)) if single else np.array_equal(rounded, numbers):
            return digits
    return None
