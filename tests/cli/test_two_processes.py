"""A whole training on two processes, as users launch it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("sklearn")

PROGRAM = """
import sys
from sparring.cli import main
from tests.running import short_extractors

with short_extractors(60):
    sys.exit(main())
"""
"""`sparring`, whose judge learns for a moment: one process trains it while the other waits"""
ROOT = Path(__file__).parents[2]


def test_torchrun_trains_saves_and_judges(tmp_path):
    (tmp_path / "program.py").write_text(PROGRAM)
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(tmp_path / "program.py")]
    small = ["--generator.width", "4", "--discriminator.width", "4", "--hardware.threads", "1", "--watching.judge", "0", "--quiet"]
    command = [*launch, "train", "dcgan", "--data", "digits8", "--rounds", "12", "--outdir", str(tmp_path / "run"), *small]
    paths = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    done = subprocess.run(command, env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": paths}, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads((tmp_path / "run" / "status.json").read_text())["state"] == "finished"
    assert json.loads((tmp_path / "run" / "recipe.json").read_text())["world"] == 2
    assert len((tmp_path / "run" / "events.jsonl").read_text().splitlines()) == 12
