"""Law 4: ranks never differ. One launch of two gloo processes plays every registered game."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.laws.toys import CASES, play
from tests.laws.two_processes import ROUNDS, flat

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def launch():
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "tests.laws.two_processes"]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.strip().splitlines()[-1])


@pytest.mark.parametrize("name", CASES)
def test_ranks_never_differ(launch, name):
    assert launch["ranks"][name] == 0


def test_without_the_all_reduce_they_do(launch):
    assert all(gap > 0 for gap in launch["without the all-reduce"].values())


@pytest.mark.parametrize("name", ["deterministic", "deterministic-channels-last"])
def test_two_processes_equal_one_on_the_joint_batch(launch, name):
    """2 x 8 items and 1 x 16 give the same weights where nothing is drawn: the stream deals by global index, and averaged gradients
    have the memory layout of their weights."""
    alone = flat(play(CASES[name].trainer(batch=16), ROUNDS).game)
    assert torch.allclose(alone, torch.tensor(launch["joint"][name], dtype=torch.float64), atol=1e-5)


def test_nothing_of_the_group_outlives_it(launch):
    """A thread of the group that is alive when the interpreter ends aborts the process, sometimes, after all work was done."""
    assert launch["threads left"] == 1
