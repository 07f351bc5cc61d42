"""A generator of tables as scikit-learn's users know estimators: parameters, `fit`, `sample`, `score`, `clone` and pickles."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparring.base.errors import UserError

try:
    import pyarrow as pa
    from sklearn.base import BaseEstimator
    from sklearn.utils.validation import check_is_fitted
except ModuleNotFoundError as error:
    raise UserError(f'sparring.Synthesizer needs {error.name}, which is not installed: pip install "sparring[tables]"') from None

import numpy as np

from sparring import service
from sparring.metrics.tables import TableJudge
from sparring.modalities.table_frames import as_array, read_frame
from sparring.modalities.table_source import from_frame
from sparring.runs.judging import compared, mean_skill

if TYPE_CHECKING:
    import pandas

    from sparring.runs.run import Run, Where


SCORED = ("pairs", "c2st")
"""metrics that a score is of"""


class Synthesizer(BaseEstimator):
    """Learns a table, samples rows like it, and scores itself against other rows of the same table.

        made = sparring.Synthesizer("table-gan", minutes=5).fit(X, y).sample(1000, where=["age>=60"])

    recipe, rounds, minutes, seed, settings, run: as of `sparring.fit`. target: the column that others predict, by default y's.
    After `fit`: run_ is the run, run_path_ its folder. A pickle holds the folder's path and not its files: move both or neither. Searches and
    clones fit many times, so leave `run` out there: every fit makes a folder in runs/.
    """

    def __init__(
        self, recipe: str = "table-vae", *, target: str | None = None, rounds: int | None = None, minutes: float | None = None, seed: int = 0,
        settings: Mapping[str, Any] | None = None, run: str | Path | None = None,
    ):  # fmt: skip
        self.recipe, self.target, self.rounds, self.minutes = recipe, target, rounds, minutes
        self.seed, self.settings, self.run = seed, settings, run

    def fit(self, X: Any, y: Any = None) -> "Synthesizer":
        """X (n, d): a frame (pandas, polars, arrow), a dict of columns, or an array, whose columns become x0, x1 ...; y (n,) or nothing: one column
        more, called as it is or else y, which is the target."""
        table, target = _table(X, y)
        made = service.fit(
            table, self.recipe, target=self.target or target, seed=self.seed, minutes=self.minutes, rounds=self.rounds, settings=self.settings,
            run=self.run,
        )  # fmt: skip
        self.run_path_, self._run = str(made.path.resolve()), made
        self.n_features_in_ = table.num_columns - (y is not None)
        self.feature_names_in_ = np.array(table.column_names[: self.n_features_in_], dtype=object)
        return self

    @property
    def run_(self) -> "Run":
        check_is_fitted(self, "run_path_")
        if not hasattr(self, "_run"):
            self._run = service.load_run(self.run_path_)
        return self._run

    def sample(self, n: int = 1, seed: int = 0, where: "Where | None" = None) -> "pandas.DataFrame":
        """n rows with the columns of `fit` that are modelled, y's among them, and their types. Row i is a function of (seed, i)."""
        return self.run_.sample(n, seed=seed, where=where)

    def score(self, X: Any, y: Any = None) -> float:
        """How near generated rows are to X, which `fit` should not have seen: the mean skill in the metrics `pairs` and `c2st`, 0 for independent
        columns, 1 for rows that are as near to the training rows as X is. Higher is better."""
        run, given = self.run_, from_frame(_table(X, y)[0], "X")
        held_out, training = run.codec.items(given).table, run.data.source.take(compared(run.data.rows["train"]))
        judge = TableJudge(training, held_out, run.codec.columns, names=SCORED)
        document = judge.judge(run.items(min(judge.n, len(held_out)), seed=1))
        for name, why in document["skipped"].items():
            raise UserError(f"X has {len(held_out)} rows and {held_out.num_columns} columns, and {name}, of which the score is a mean, {why}")
        return mean_skill(document["metrics"])

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "run_path_")

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in super().__getstate__().items() if name != "_run"}


def _table(X: Any, y: Any) -> tuple[pa.Table, str | None]:
    """(all columns, what y is called)."""
    if isinstance(X, (np.ndarray, list, tuple)):
        array = np.asarray(X)
        if array.ndim != 2:
            raise UserError(f"X has the shape {array.shape}: give a table (n, d), or a frame")
        X = {f"x{i}": values.tolist() if array.dtype == object else values for i, values in enumerate(array.T)}
    table = read_frame(X).table
    if y is None:
        return table, None
    target, values = str(getattr(y, "name", None) or "y"), np.asarray(y)
    if target in table.column_names:
        raise UserError(f"X has a column called {target!r} already: give y another name, or leave it out")
    if values.shape != (len(table),):
        raise UserError(f"y has the shape {values.shape}: give one value for each of {len(table)} rows")
    return table.append_column(target, as_array(target, values, [])), target
