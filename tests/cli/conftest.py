"""One tiny run of each kind for all tests of the command line."""

import shutil

import pytest

from tests.running import PICTURES, POINTS, in_process, pictures, points


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
def digits_run(tmp_path_factory):
    """Pictures with labels: its extractor is trained here, once."""
    brief = ["--watching.judge", "0", "--watching.preview", "6", "--watching.tick", "3"]
    return _train(tmp_path_factory.mktemp("runs") / "digits", "dcgan", "--data", "digits8", "--rounds", "12", *PICTURES, *brief)


@pytest.fixture
def run(points_run, tmp_path):
    """A copy of the points run to be damaged."""
    return shutil.copytree(points_run, tmp_path / "run")
