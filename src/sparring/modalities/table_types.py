"""Types of columns, and values as their file has them."""

import re

import pyarrow as pa
import pyarrow.compute as pc

from sparring.modalities.table_columns import Column
from sparring.modalities.table_dates import write_dates


def is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)


def is_binary(kind: pa.DataType) -> bool:
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind) or pa.types.is_binary_view(kind)


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
