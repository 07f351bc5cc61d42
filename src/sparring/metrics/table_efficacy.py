"""Can generated rows stand in for real ones when a model is trained to predict one column from the others?

Train on synthetic, test on real (TSTR): Esteban et al. 2017, https://arxiv.org/abs/1706.02633.
"""

import warnings
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from sparring.base.errors import UserError, nearest
from sparring.metrics.table_rows import FINITE, aligned, auc, for_trees, is_number, one_thread, random
from sparring.modalities.table_columns import Column

SEEDS = 3
SHARE = 0.9
CLASSES = 20
ITERATIONS = 100
ONE_HOT = 100
LARGEST = 1e6
MODELS = ("boosting", "linear")


def target_of(columns: Sequence[Column], target: str) -> int:
    """Which column a target is; UserError when there is none of that name."""
    names = [column.name for column in columns]
    if target not in names:
        raise UserError(f"no column is called {target!r}{nearest(target, names)}")
    return names.index(target)


def is_regression(column: Column, real: pa.Table) -> bool:
    """Whether a target is a number to be met (R^2), not a class (AUC): numbers and dates of more than two real values."""
    return is_number(column) and len(real.column(column.name).drop_null().unique()) > 2


def efficacy(train: pa.Table, test: pa.Table, columns: Sequence[Column], target: str, *, seed: int = 0) -> dict[str, list[float]]:
    """How well models that learn from `train` predict the target of `test`: {"boosting": one value for each of three seeds, "linear": ...}.

    Classes: the mean over classes of the one-against-the-rest AUC (the 20 most frequent classes; all others are one). Numbers and dates: R^2;
    a number of two values is a class. Each seed trains on another random 90 % of the rows. Rows whose target is missing or infinite do not
    count. boosting: sklearn's HistGradientBoosting, 100 trees; linear: logistic or ridge regression.
    """
    return _learnt([train], test, columns, target, seed)


def augmented(real: pa.Table, more: pa.Table, test: pa.Table, columns: Sequence[Column], target: str, *, seed: int = 0) -> dict[str, list[float]]:
    """`efficacy` of real and generated rows together."""
    return _learnt([real, more], test, columns, target, seed)


def _learnt(parts: Sequence[pa.Table], test: pa.Table, columns: Sequence[Column], target: str, seed: int) -> dict[str, list[float]]:
    at = target_of(columns, target)
    tested, *trained = aligned(columns, test, *parts)
    tested, trained = (x[np.isfinite(x[:, at])] for x in (tested, np.concatenate(trained)))
    rest = [i for i in range(len(columns)) if i != at]
    numbers = np.array([is_number(columns[i]) for i in rest], dtype=bool)
    classes = not is_regression(columns[at], test)
    if classes:
        values, counts = np.unique(tested[:, at], return_counts=True)
        kept = np.sort(values[np.argsort(-counts, kind="stable")[:CLASSES]])
        label = lambda y: np.where(np.isin(y, kept), np.searchsorted(kept, y), CLASSES).astype(np.int64)
    else:
        label = lambda y: _in_units_of(tested[:, at], y)
    y = label(tested[:, at])
    found: dict[str, list[float]] = {model: [] for model in MODELS}
    with one_thread():
        for number in range(SEEDS):
            rows = random("efficacy", seed, number).permutation(len(trained))[: max(1, round(SHARE * len(trained)))]
            x, known = trained[rows][:, rest], label(trained[rows, at])
            for model in MODELS:
                found[model].append(_score(model, classes, x, known, tested[:, rest], y, numbers, seed + number))
    return found


def _in_units_of(real: np.ndarray, y: np.ndarray) -> np.ndarray:
    """A number over the largest real one, at most a million of it: squares of large numbers overflow, and R^2 has no unit."""
    with np.errstate(over="ignore"):
        return np.clip(y / (np.abs(real).max(initial=0) or 1.0), -LARGEST, LARGEST)


def _score(model: str, classes: bool, x, y, tested, truth, numbers, seed: int) -> float:
    if not len(x) or (classes and len(np.unique(y)) < 2):                                    # nothing to learn: one answer for all
        answer = y.mean() if len(y) else 0.0
        return 0.5 if classes else _r2(truth, np.full(len(truth), answer))
    x, tested = for_trees(x, tested) if model == "boosting" else _linear(x, tested, numbers)
    fitted = _model(model, classes, seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")                                                      # of a linear model that has not quite converged
        fitted.fit(x, y)
    if not classes:
        return _r2(truth, fitted.predict(tested))
    chances = np.zeros((len(truth), CLASSES + 1))
    chances[:, fitted.classes_] = fitted.predict_proba(tested)
    return float(np.mean([auc(chances[:, k], truth == k) for k in np.unique(truth)]))


def _model(model: str, classes: bool, seed: int):
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.linear_model import LogisticRegression, Ridge

    if model == "boosting":
        return (HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor)(
            max_iter=ITERATIONS, early_stopping=False, random_state=seed
        )
    return LogisticRegression(max_iter=200) if classes else Ridge()


# R^2 = 1 - sum (y - f)^2 / sum (y - mean y)^2
def _r2(truth: np.ndarray, predicted: np.ndarray) -> float:
    return float(1 - ((truth - predicted) ** 2).sum() / max(((truth - truth.mean()) ** 2).sum(), 1e-300))


def _linear(x: np.ndarray, tested: np.ndarray, numbers: np.ndarray):
    """Sparse features: numbers standardised by the training rows within their central 99.8 %, whether they are missing, and categories one-hot,
    the 100 most frequent each and all others together."""
    from scipy.sparse import csr_array

    low, high, mean, deviation = [], [], [], []
    for column in x.T[numbers]:
        known = np.sort(column[~np.isnan(column)]) if not np.isnan(column).all() else np.zeros(1)
        edges = np.clip(known[[round(q * (len(known) - 1)) for q in (0.001, 0.999)]], -FINITE**0.4, FINITE**0.4)
        inside = np.clip(known, *edges)
        for into, value in zip((low, high, mean, deviation), (*edges, inside.mean(), inside.std() or 1.0)):
            into.append(value)
    k, c = int(numbers.sum()), int((~numbers).sum())
    where = np.concatenate([np.arange(2 * k), 2 * k + (ONE_HOT + 1) * np.arange(c)])         # the first feature of each entry of a row

    def features(rows):
        values, levels = rows[:, numbers], rows[:, ~numbers]
        missing = np.isnan(values)
        scaled = np.where(missing, 0, (np.clip(values, low, high) - mean) / deviation)
        data = np.concatenate([scaled, missing, ~np.isnan(levels)], 1).astype(np.float64)
        at = np.broadcast_to(where, data.shape).copy()
        at[:, 2 * k :] += np.minimum(np.nan_to_num(levels), ONE_HOT).astype(np.int64)
        width = 2 * k + (ONE_HOT + 1) * c
        return csr_array((data.ravel(), at.ravel(), np.arange(len(rows) + 1) * data.shape[1]), shape=(len(rows), width))

    return features(x), features(tested)
