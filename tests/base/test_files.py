"""The cache stays below its limit."""

import os

import pytest

from sparring.base import files
from sparring.runs.machine import cache_contents


@pytest.fixture
def room(tmp_path, monkeypatch):
    """A cache of three entries of 1,000 bytes, the last used first."""
    monkeypatch.setenv("SPARRING_CACHE", str(tmp_path))
    for age, name in enumerate(("new", "middle", "old")):
        entry = tmp_path / "images" / name
        entry.mkdir(parents=True)
        (entry / "pixels.npy").write_bytes(bytes(1000))
        for path in (entry / "pixels.npy", entry):
            os.utime(path, (10**9 - age, 10**9 - age))
    return tmp_path / "images"


def test_the_entry_that_was_not_used_the_longest_goes(room):
    _, size, _ = files.cache_entries()[0]
    assert files.trim_cache(2 * size) == size and {entry.name for entry in room.iterdir()} == {"new", "middle"}
    assert files.trim_cache(2 * size) == 0
    files.touch(room / "middle")
    assert files.trim_cache(size) == size and [entry.name for entry in room.iterdir()] == ["middle"], "what is used again is new"


def test_clearing_removes_what_a_killed_process_left_and_not_what_is_being_filled(room):
    for name, when in ((".half.123.tmp", 10**9), (".now.456.tmp", None)):
        (room / name).mkdir()
        (room / name / "pixels.npy").write_bytes(bytes(10))
        for path in (room / name / "pixels.npy", room / name):
            os.utime(path, None if when is None else (when, when))
    assert len(cache_contents()["entries"]) == 3
    assert cache_contents(clear=True)["cleared"] and [entry.name for entry in room.iterdir()] == [".now.456.tmp"]
