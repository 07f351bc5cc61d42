"""The split: exact counts, equal items together, the same for ever."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparring.base.errors import UserError
from sparring.base.settings import load
from sparring.modalities.open import open_data
from sparring.modalities.split import FEWEST, Split, held_out, split


def counts(parts):
    return {name: len(rows) for name, rows in parts.items()}


def test_digits_are_split_as_promised():
    assert counts(split(open_data("digits").hashes(), Split())) == {"train": 3000, "validation": 500, "test": 1500}


SIZES = {0: (0, 0), FEWEST - 1: (0, 0), FEWEST: (2, 2), 1999: (199, 199), 2000: (200, 600), 10**6: (500, 1500)}


@pytest.mark.parametrize(("n", "wanted"), SIZES.items())
def test_what_is_held_out_by_itself(n, wanted):
    assert held_out(n, Split()) == wanted


def test_what_is_held_out_when_told():
    assert held_out(10, Split(validation=0.2, test="0.3")) == (2, 3)
    with pytest.raises(UserError, match="must leave something to train on"):
        load(Split, {"validation": 0.5, "test": 0.5})


@given(items=st.lists(st.integers(0, 60), max_size=200), validation=st.sampled_from(["auto", 0, 0.2]), test=st.sampled_from(["auto", 0, 0.3]))
def test_laws_of_the_split(items, validation, test):
    hashes, settings = [str(item) for item in items], Split(validation=validation, test=test)
    parts = split(hashes, settings)
    assert sorted(np.concatenate(list(parts.values())).tolist()) == list(range(len(items)))
    assert all((np.diff(rows) > 0).all() and rows.dtype == np.int64 for rows in parts.values())
    contents = [{hashes[i] for i in rows} for rows in parts.values()]
    assert sum(map(len, contents)) == len(set(hashes))  # no item in two parts
    assert not items or len(parts["train"])


@given(st.lists(st.integers(), min_size=1, max_size=100, unique=True), st.randoms(use_true_random=False))
def test_without_duplicates_counts_are_exact_and_order_does_not_matter(items, random):
    hashes = [str(item) for item in items]
    parts = split(hashes, Split())
    assert (len(parts["validation"]), len(parts["test"])) == held_out(len(items), Split())
    shuffled = random.sample(hashes, len(hashes))
    again = split(shuffled, Split())
    assert all({hashes[i] for i in parts[name]} == {shuffled[i] for i in again[name]} for name in parts)


def test_shares_that_come_to_all_items_leave_one_to_train_on():
    parts = split(["a", "b", "c"], Split(validation=0.3, test=0.6))
    assert {name: len(rows) for name, rows in parts.items()} == {"train": 1, "validation": 0, "test": 2}


def test_the_split_is_the_same_in_every_version():
    parts = split([f"item {i}" for i in range(40)], Split())
    assert {name: parts[name].tolist() for name in ("validation", "test")} == {"validation": [12, 21, 29, 38], "test": [3, 8, 24, 33]}
