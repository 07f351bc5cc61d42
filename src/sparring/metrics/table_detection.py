"""Can generated rows be told from real ones? Areas under the ROC curve of classifiers on rows they have not seen: 0.5 is best, 1 worst."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from sparring.metrics.table_rows import aligned, auc, for_trees, is_number, one_thread, random
from sparring.modalities.table_columns import Column

FOLDS = 3
EDGES = 129
ITERATIONS = 100


def c2st(real: pa.Table, synthetic: pa.Table, columns: Sequence[Column], *, seed: int = 0) -> list[float]:
    """A gradient-boosted classifier two-sample test: the AUC of each of three folds.

    Lopez-Paz and Oquab 2017, https://arxiv.org/abs/1610.06545, with sklearn's HistGradientBoostingClassifier (100 trees) on equal numbers of
    rows. Categories are ordinal codes in order of frequency: columns of more than the 255 categories that the trees can tell apart lose only
    the difference between rare ones. Copies of real rows make it less than 0.5: the trees know their twins of the other folds as real.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier

    x, fake, folds = _pooled(real, synthetic, columns, seed)
    found = []
    with one_thread():
        for fold in range(FOLDS):
            model = HistGradientBoostingClassifier(max_iter=ITERATIONS, early_stopping=False, random_state=seed)
            known, unseen = for_trees(x[folds != fold], x[folds == fold])
            model.fit(known, fake[folds != fold])
            found.append(auc(model.predict_proba(unseen)[:, 1], fake[folds == fold]))
    return found


def detection(real: pa.Table, synthetic: pa.Table, columns: Sequence[Column], *, seed: int = 0) -> dict[str, float]:
    """The AUC from each column alone, mean of three folds.

    A row scores the share of generated rows among those of the other folds with the same category, or for numbers in the same of up to 255
    cells: values that are frequent (the ends of 128 quantiles) and what lies between them.
    """
    x, fake, folds = _pooled(real, synthetic, columns, seed)
    return {column.name: _detected(_cells(x[:, i]) if is_number(column) else x[:, i], fake, folds) for i, column in enumerate(columns)}


def _pooled(real: pa.Table, synthetic: pa.Table, columns: Sequence[Column], seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Equal numbers of real and generated rows (2n, d), which are generated (2n,), and folds (2n,) of equal shares of both."""
    a, b = aligned(columns, real, synthetic)
    n, draw = min(len(a), len(b)), random("folds", seed)
    x = np.concatenate([rows[draw.permutation(len(rows))[:n]] for rows in (a, b)])
    return x, np.arange(2 * n) >= n, np.tile(np.arange(n) % FOLDS, 2)


def _cells(x: np.ndarray) -> np.ndarray:
    """Odd numbers for values that end a quantile, even ones for what lies between; NaN stays."""
    ordered = np.sort(x[~np.isnan(x)])
    if not len(ordered):
        return x
    edges = np.unique(ordered[np.linspace(0, len(ordered) - 1, EDGES).round().astype(np.int64)])
    return np.where(np.isnan(x), np.nan, np.searchsorted(edges, x, "left") + np.searchsorted(edges, x, "right"))


def _detected(cells: np.ndarray, fake: np.ndarray, folds: np.ndarray) -> float:
    cells = np.unique(np.where(np.isnan(cells), -1, cells), return_inverse=True)[1]
    counts = np.zeros((FOLDS, 2, cells.max() + 1))
    np.add.at(counts, (folds, fake.astype(np.int64), cells), 1)
    found = []
    for fold in range(FOLDS):
        others = counts.sum(0) - counts[fold]
        share = (others[1] + 1) / (others.sum(0) + 2)                                        # of a cell that was never seen: 1/2
        rows = folds == fold
        found.append(auc(share[cells[rows]], fake[rows]))
    return float(np.mean(found))
