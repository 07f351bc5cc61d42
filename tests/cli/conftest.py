"""One tiny run of each kind for all tests of the command line."""

import shutil

import numpy as np
import pytest

from sparring.modalities.open import open_data
from tests.running import PICTURES, POINTS, in_process, pictures, points, short_extractors


@pytest.fixture
def call(capsys, tmp_path, monkeypatch):
    """Runs a command in an empty folder of its own."""
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: in_process(capsys, *arguments)


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    """Data as users have them."""
    folder = tmp_path_factory.mktemp("data")
    points(folder / "points.csv")
    points(folder / "labelled.csv", labels=True)
    pictures(folder / "pictures")
    digits = open_data("digits8")
    np.savez(folder / "digits.npz", x=digits.array[:500], y=digits.labels[:500])
    return folder


def _train(folder, *arguments):
    from sparring.cli import main

    assert main(["train", *map(str, arguments), "--quiet", "--run", str(folder)]) == 0
    return folder


@pytest.fixture(scope="session")
def points_run(data, tmp_path_factory):
    return _train(tmp_path_factory.mktemp("runs") / "points", "gan", "--data", data / "points.csv", "--rounds", "4", *POINTS)


@pytest.fixture(scope="session")
def labelled_run(data, tmp_path_factory):
    return _train(tmp_path_factory.mktemp("runs") / "labelled", "cgan", "--data", data / "labelled.csv", "--rounds", "4", *POINTS)


@pytest.fixture(scope="session")
def digits_run(data, tmp_path_factory):
    """Pictures with labels: their extractor is trained here, once and briefly."""
    with short_extractors(60):
        return _train(tmp_path_factory.mktemp("runs") / "digits", "dcgan", "--data", data / "digits.npz", "--rounds", "12", *PICTURES)


@pytest.fixture
def run(points_run, tmp_path):
    """A copy of the points run to be damaged."""
    return shutil.copytree(points_run, tmp_path / "run")
