"""Tables as matrices on one common scale: numbers as they are, categories as codes. No torch."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sparring.base.errors import UserError
from sparring.base.seeding import seed_of
from sparring.modalities.table_columns import Column

FINITE = 1e300
"""what infinite numbers are to models and bins, which want finite ones"""


def random(*key: object) -> np.random.Generator:
    """A generator of random numbers that depends on what it is for."""
    return np.random.default_rng(seed_of("tables", *key))


def some(table: pa.Table, n: int, *key: object) -> pa.Table:
    """n rows (all when there are fewer) in a random order that depends on the key."""
    return table.take(random(*key).permutation(len(table))[:n])


def is_number(column: Column) -> bool:
    """Whether a column's values have an order and distances; a date is a number of microseconds."""
    return column.kind in ("integer", "real", "date")


def aligned(columns: Sequence[Column], *tables: pa.Table) -> list[np.ndarray]:
    """Each table as (n, d) float64, one column for each of `columns`, NaN where a value is missing.

    Categories (booleans and constants too) become codes that all tables share: 0 is the most frequent in all of them together; an order by the
    frequency in one of them would tell which table a rare category is from. UserError where a table lacks a column or its values are of
    another type.
    """
    matrices = [np.empty((len(table), len(columns))) for table in tables]
    for i, column in enumerate(columns):
        arrays = [array_of(table, column) for table in tables]
        values = [_floats(array) for array in arrays] if is_number(column) else codes(arrays)[0]
        for matrix, value in zip(matrices, values):
            matrix[:, i] = value
    return matrices


def array_of(table: pa.Table, column: Column) -> pa.Array:
    """A column's values in one piece: float64 (of dates microseconds since 1970) or string."""
    if column.name not in table.column_names:
        raise UserError(f"a table has no column {column.name!r}: give tables with the columns of the training data")
    array = table.column(column.name).combine_chunks()
    try:
        if column.kind == "date":
            array = array.cast(pa.timestamp("us"), safe=False).cast(pa.int64())
        return array.cast(pa.float64(), safe=False) if is_number(column) else array.cast(pa.string())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise UserError(f"column {column.name!r} holds {array.type}, not values of the kind {column.kind}: read it with the same schema") from None


def _floats(array: pa.Array) -> np.ndarray:
    return array.to_numpy(zero_copy_only=False).astype(np.float64) + 0.0                     # a negative zero is a zero


def codes(arrays: Sequence[pa.Array]) -> tuple[list[np.ndarray], list[str]]:
    """Codes of string arrays as floats, NaN for missing, and the categories by code, the most frequent ones first."""
    encoded = pc.dictionary_encode(pa.chunked_array(arrays, pa.string()).combine_chunks())
    levels, indices = encoded.dictionary.to_pylist(), encoded.indices.fill_null(-1).to_numpy()
    counts = np.bincount(indices[indices >= 0], minlength=len(levels))
    order = sorted(range(len(levels)), key=lambda k: (-counts[k], levels[k]))
    rank = np.full(len(levels) + 1, np.nan)                                                  # its last entry is that of the missing
    rank[order] = np.arange(len(levels))
    return np.split(rank[indices], np.cumsum([len(array) for array in arrays])[:-1]), [levels[k] for k in order]


def one_thread():
    """A context in which models have one thread: they are small, more would wait for each other beside other work, and bits would depend on
    how many there are."""
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1)


def for_trees(x: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows to learn from and others as sklearn's histogram trees take them: no infinite numbers, no column without a value to learn from."""
    known = ~np.isnan(x).all(0)
    return tuple(np.where(known, np.clip(rows, -FINITE, FINITE), 0) for rows in (x, others))


def auc(scores: np.ndarray, positive: np.ndarray) -> float:
    """Area under the ROC curve: the chance that a positive row scores higher than a negative one, ties counting half; NaN without both."""
    high, low = scores[positive], np.sort(scores[~positive])
    if not len(high) or not len(low):
        return float("nan")
    below, upto = (np.searchsorted(low, high, side) for side in ("left", "right"))
    return float((below + upto).mean() / 2 / len(low))
