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


def constant_type(column: Column) -> pa.DataType:
    """Of what a constant column has in `TableSource.table`, by how it is written in the file."""
    kind = arrow_type(column.type)
    if pa.types.is_integer(kind) or pa.types.is_duration(kind):
        return pa.int64()
    if column.format or pa.types.is_temporal(kind):
        return pa.timestamp("us")
    if pa.types.is_boolean(kind) or column.words:
        return pa.bool_()
    return pa.float64() if pa.types.is_floating(kind) or pa.types.is_decimal(kind) else pa.string()


def kind_of(values: pa.DataType) -> str:
    """What a column of such values is where it is not a constant; constant for words."""
    if pa.types.is_boolean(values):
        return "boolean"
    if pa.types.is_integer(values) or pa.types.is_duration(values):
        return "integer"
    if pa.types.is_floating(values) or pa.types.is_decimal(values):
        return "real"
    return "date" if pa.types.is_date(values) or pa.types.is_timestamp(values) else "constant"


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
        if is_text(values.type):                                                        # times of few kinds are words
            values = pc.binary_join_element_wise("1970-01-01", values, "T").cast(pa.timestamp("us")).cast(pa.time64("us"))
        values = values.cast(inner, safe=False)
    elif pa.types.is_timestamp(inner) and inner.tz:
        values = values.cast(pa.timestamp("us", "UTC")).cast(inner)
    elif pa.types.is_duration(inner):
        values = values.cast(pa.int64()).cast(inner)
    else:
        values = values.cast(inner, safe=not pa.types.is_temporal(inner) and not pa.types.is_floating(inner))
    return _listed(values, to, column.categories) if pa.types.is_dictionary(to) else values


def _listed(values: pa.ChunkedArray, to: pa.DictionaryType, categories: tuple[str, ...] | None) -> pa.ChunkedArray:
    """With the file's list of words, in its order; without one in that of their coming, which is none."""
    if categories is None:
        return values.dictionary_encode().cast(pa.dictionary(to.index_type, to.value_type))
    words = pa.array(categories, to.value_type)
    of = lambda chunk: pa.DictionaryArray.from_arrays(pc.index_in(chunk, words).cast(to.index_type), words, ordered=to.ordered)
    return pa.chunked_array([of(chunk) for chunk in values.chunks], to)


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
        format = "%Y-%m-%d" if "date" in column.type else "%Y-%m-%dT%H:%M:%S" + "Z" * ("tz=" in column.type)
        return write_dates(values, column.format or format, column.decimals or 0, column.least)
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
