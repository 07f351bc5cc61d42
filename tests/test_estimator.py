"""The estimator as scikit-learn's users call it: parameters, clones, pickles, searches."""

import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV

import sparring
from sparring.base.errors import UserError

SMALL = {
    "batch": 32, "watching.items": 60, "watching.judge": 6, "hardware.threads": 1, "encoder.width": 16, "decoder.width": 16, "latent": 4,
    "watching.metrics": "shapes",
}  # fmt: skip


def people(seed=0, n=400):
    draw = np.random.default_rng(seed)
    age = draw.integers(18, 70, n)
    frame = pd.DataFrame({"age": age, "town": draw.choice(["Ulm", "Aalen"], n), "pay": np.round(900 + 30 * age + draw.normal(0, 90, n), 2)})
    return frame, pd.Series(np.where(age > 40, "yes", "no"), name="member")


def estimator(**changes):
    return sparring.Synthesizer("table-vae", **{"rounds": 12, "settings": SMALL} | changes)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    return estimator(run=tmp_path_factory.mktemp("estimators") / "run").fit(*people())


def test_rows_have_the_columns_and_types_of_fit(fitted):
    X, y = people()
    frame = fitted.sample(30, seed=3)
    assert list(frame.columns) == [*X.columns, y.name] and set(frame["town"]) <= {"Ulm", "Aalen"}
    assert frame.astype(str).equals(fitted.sample(50, seed=3)[:30].astype(str)) and len(fitted.sample()) == 1
    assert set(fitted.sample(20, where=["town=Ulm", "age>=50"])["town"]) == {"Ulm"}
    assert list(fitted.feature_names_in_) == list(X.columns) and fitted.n_features_in_ == 3
    assert fitted.run_.codec.encoding.target == "member"


def test_a_score_is_higher_where_rows_are_better(fitted, tmp_path):
    X, y = people(1)
    larger = SMALL | {"encoder.width": 64, "decoder.width": 64, "batch": 64, "latent": 8}
    better = estimator(rounds=400, settings=larger, run=tmp_path / "run").fit(*people(n=800))
    assert 0 <= fitted.score(X, y) < better.score(X, y) <= 1
    assert better.score(X, y) == better.score(X.assign(member=y)), "y is a column like others"
    with pytest.raises(UserError, match="no column 'member'"):
        fitted.score(X)
    with pytest.raises(UserError, match="needs at least 30 rows"):
        fitted.score(X[:20], y[:20])


def test_a_pickle_finds_the_run_again(fitted):
    content = pickle.dumps(fitted)
    assert len(content) < 4000
    again = pickle.loads(content)
    assert again.get_params() == fitted.get_params() and again.sample(9).astype(str).equals(fitted.sample(9).astype(str))


def test_parameters_and_clones(fitted):
    other = clone(fitted)
    assert other.get_params() == fitted.get_params() and not hasattr(other, "run_path_")
    with pytest.raises(NotFittedError):
        other.sample(1)
    assert other.set_params(rounds=3, recipe="table-gan").rounds == 3
    with pytest.raises(ValueError, match="Invalid parameter"):
        other.set_params(epochs=3)
    assert "Synthesizer(" in repr(other)


def test_arrays(tmp_path):
    draw = np.random.default_rng(0)
    made = estimator(rounds=2, run=tmp_path / "run").fit(draw.normal(size=(200, 2)), draw.integers(0, 2, 200))
    assert list(made.sample(5).columns) == ["x0", "x1", "y"] and made.run_.codec.encoding.target == "y"
    with pytest.raises(UserError, match=r"shape \(3,\)"):
        estimator().fit(np.zeros(3))
    with pytest.raises(UserError, match="one value for each of 200 rows"):
        estimator().fit(draw.normal(size=(200, 2)), [1, 2])
    with pytest.raises(UserError, match="a column called 'x1' already"):
        estimator().fit(draw.normal(size=(200, 2)), pd.Series(np.zeros(200), name="x1"))


def test_searches(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    search = GridSearchCV(estimator(rounds=2), {"rounds": [1, 2]}, cv=2, refit=False).fit(*people(n=200))
    assert search.best_params_["rounds"] in (1, 2) and np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert len(list((tmp_path / "runs").iterdir())) == 4


def test_importing_it_is_for_those_who_use_it():
    code = "import sparring, sys; told = 'Synthesizer' in dir(sparring); sys.exit(not told or 'sklearn' in sys.modules or 'torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
