"""A whole training on two processes, as users launch it."""

import json
import os
import subprocess
import sys

import pytest

pytest.importorskip("sklearn")


def test_torchrun_trains_saves_and_judges(tmp_path):
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "sparring"]
    small = ["--generator.width", "4", "--discriminator.width", "4", "--hardware.threads", "1", "--watching.judge", "0", "--quiet"]
    command = [*launch, "train", "dcgan", "--data", "digits8", "--rounds", "12", "--outdir", str(tmp_path / "run"), *small]
    done = subprocess.run(command, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads((tmp_path / "run" / "status.json").read_text())["state"] == "finished"
    assert json.loads((tmp_path / "run" / "recipe.json").read_text())["world"] == 2
    assert len((tmp_path / "run" / "events.jsonl").read_text().splitlines()) == 12
