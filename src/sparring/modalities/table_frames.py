"""Frames to columns: pandas, polars, what gives an Arrow stream, arrays; and values of Python as an array."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from sparring.base.errors import UserError
from sparring.modalities.table_raw import Raw, one_line, unique_names


def read_frame(frame: Any) -> Raw:
    """A pandas or polars frame, anything that gives an Arrow stream, or a dict of arrays; UserError for others."""
    problems: list[str] = []
    if isinstance(frame, pa.Table):
        table = frame
    elif isinstance(frame, Mapping):
        names, arrays = list(frame), [as_array(name, values, problems) for name, values in frame.items()]
        if len({len(a) for a in arrays}) > 1:
            lengths = ", ".join(f"{n} {len(a)}" for n, a in zip(names[:5], arrays))
            raise UserError(f"the columns of a table are equally long, these are not: {lengths}")
        table = pa.Table.from_arrays([pa.chunked_array([a]) for a in arrays], names=list(map(str, names)))
    elif type(frame).__module__.partition(".")[0] == "pandas" and getattr(frame, "ndim", 0) == 2:
        table = _from_pandas(frame, problems)
    else:
        table = _from_stream(frame)
    names, said = unique_names(table.column_names)
    if not table.num_rows or not table.num_columns:
        raise UserError(f"the frame holds {table.num_rows} rows and {table.num_columns} columns: a table has some of both")
    return Raw(table.rename_columns(names), False, (*problems, *said))


def _from_pandas(frame: Any, problems: list[str]) -> pa.Table:
    if any(name is not None for name in frame.index.names):
        problems.append(f"the frame's index {', '.join(map(repr, frame.index.names))} is left out: frame.reset_index() makes it a column")
    names = [".".join(map(str, name)) if isinstance(name, tuple) else str(name) for name in frame.columns]
    arrays = [as_array(name, frame.iloc[:, i], problems) for i, name in enumerate(names)]
    return pa.Table.from_arrays([pa.chunked_array([a]) if isinstance(a, pa.Array) else a for a in arrays], names=names)


def _from_stream(frame: Any) -> pa.Table:
    try:
        if hasattr(frame, "__arrow_c_stream__"):
            table = pa.table(frame)
            return pa.table([_castable(column) for column in table.columns], names=table.column_names)
        import narwhals

        return narwhals.from_native(frame, eager_only=True).to_arrow()
    except ImportError:
        given = type(frame).__name__
    except (TypeError, ValueError, pa.ArrowException, NotImplementedError) as error:
        given = f"{type(frame).__name__} ({one_line(error)})"
    raise UserError(f"a table is a pandas or polars frame (collected), a pyarrow.Table or a dict of arrays, not {given}")


def _castable(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Categories whose words are views, as polars has them, with words that arrow can cast."""
    if not (pa.types.is_dictionary(column.type) and pa.types.is_string_view(column.type.value_type)):
        return column
    plain = pa.dictionary(column.type.index_type, pa.string(), column.type.ordered)
    decode = lambda chunk: pa.DictionaryArray.from_arrays(chunk.indices, chunk.dictionary.cast(pa.string()), ordered=plain.ordered)
    return pa.chunked_array([decode(chunk) for chunk in column.chunks], plain)


def as_array(name: str, values: Sequence, problems: list[str]) -> pa.Array | pa.ChunkedArray:
    """A column of a frame. Values of several types become text."""
    if isinstance(values, (pa.Array, pa.ChunkedArray)):
        return values
    if isinstance(values, (str, bytes)) or not hasattr(values, "__len__") or getattr(values, "ndim", 1) != 1:
        raise UserError(f"column {name} must be a list of values, one a row, not {type(values).__name__}")
    try:
        return pa.array(values, from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        pass
    kinds = Counter(type(value).__name__ for value in values if not _absent(value))
    problems.append(f"column {name} holds {' and '.join(f'{n:,} {kind}' for kind, n in kinds.most_common(3))}: read as text")
    return pa.array([None if _absent(value) else _text(value) for value in values], pa.string())


def _absent(value: Any) -> bool:
    return value is None or type(value).__name__ in ("NAType", "NaTType") or (isinstance(value, float) and value != value)


def _text(value: Any) -> str:
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False, default=str)
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace")
    return str(value).encode(errors="backslashreplace").decode()
