"""Small trainings that tests of the command line and of run folders share."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

THREAD = ["--hardware.threads", "1", "--hardware.precision", "fp32"]
POINTS = ["--generator.width", "4", "--generator.depth", "1", "--discriminator.width", "4", "--discriminator.depth", "1", "--batch", "8", *THREAD]
PICTURES = ["--generator.width", "4", "--discriminator.width", "4", "--batch", "8", *THREAD]


@dataclass(frozen=True)
class Outcome:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str

    @property
    def complaint(self) -> str:
        """The one line of an error; fails when there is more or less."""
        lines = self.err.splitlines()
        assert len(lines) == 1 and lines[0].startswith("error: "), self.err
        return lines[0]

    @property
    def last(self) -> str:
        return self.out.splitlines()[-1]


def in_process(capsys, *arguments) -> Outcome:
    """A command by `sparring.cli.main`."""
    from sparring.cli import main

    capsys.readouterr()
    try:
        code = main([str(a) for a in arguments])
    except SystemExit as stop:                       # --help and --version
        code = stop.code
    out, err = capsys.readouterr()
    return Outcome(code, out, err)


def start(*arguments, cwd: Path, python: tuple[str, ...] = ("-m", "sparring")) -> subprocess.Popen:
    """A command as a process of its own."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, *python, *map(str, arguments)]
    return subprocess.Popen(command, cwd=cwd, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def ended(process: subprocess.Popen) -> Outcome:
    out, err = process.communicate(timeout=120)
    return Outcome(process.returncode, out, err)


def points(path: Path, n: int = 120, labels: bool = False) -> Path:
    """A table of two gaussians, with a label each where wanted."""
    draw = np.random.default_rng(0)
    side = draw.integers(2, size=n)
    rows = draw.standard_normal((n, 2)) + 4 * side[:, None]
    lines = [f"{x:.5f},{y:.5f}" + (f",{['left', 'right'][s]}" if labels else "") for (x, y), s in zip(rows, side)]
    path.write_text("\n".join(["x,y" + (",label" if labels else ""), *lines]) + "\n")
    return path


def pictures(folder: Path, n: int = 24, side: int = 8) -> Path:
    """A folder of grey noise."""
    folder.mkdir()
    draw = np.random.default_rng(0)
    for i in range(n):
        Image.fromarray(draw.integers(0, 256, (side, side), dtype=np.uint8)).save(folder / f"{i:02d}.png")
    return folder


@contextmanager
def short_extractors(steps: int) -> Iterator[None]:
    """Networks that judge learn for so many steps: they are there, and see little."""
    from sparring.extractors import training

    with pytest.MonkeyPatch.context() as patch:
        for module in ("classifier", "selfsupervised"):
            patch.setattr(f"sparring.extractors.{module}.train", lambda *a, **named: training.train(*a, **named | {"steps": steps}))
        yield


def fingerprint(run: Path) -> str:
    """The hash of every trained weight and buffer at a run's last checkpoint."""
    from sparring.play.checkpoint import digest
    from sparring.runs.run import Run

    return digest(Run(run, "last").game)
