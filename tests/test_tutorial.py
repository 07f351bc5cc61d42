"""What the tutorial of tables says to type works as it stands, on a small table of the same columns and with short trainings."""

import re
import shlex
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import sparring
from tests.running import THREAD, in_process

PAGE = Path(__file__).parents[1] / "docs" / "tutorial-tables.md"
BLOCK = re.compile(r"^```(.*)\n((?:.*\n)*?)```$", re.MULTILINE)
ROUNDS = 40
SHORT = ["--batch", "64", "--encoder.width", "32", "--decoder.width", "32", "--watching.judge", "40", "--watching.preview", "40", *THREAD]
N = 500


def diamonds(path: Path) -> None:
    draw = np.random.default_rng(0)
    carat = np.round(draw.lognormal(-0.4, 0.5, N), 2).clip(0.2, 4)
    carat[::9] = 0.5
    side = 6.4 * carat ** (1 / 3)
    price = 4000 * carat**1.8 * draw.lognormal(0, 0.3, N)
    lines = ["carat,cut,color,clarity,depth,table,price,x,y,z"]
    for i in range(N):
        words = draw.choice(["Fair", "Good", "Ideal"]), draw.choice(["D", "E", "J"]), draw.choice(["SI1", "VS2"])
        sizes = ",".join(f"{side[i] * part:.2f}" if draw.random() > 0.01 else "0.0" for part in (1, 1.01, 0.62))
        lines.append(f"{carat[i]:.2f},{','.join(words)},{draw.normal(61, 1):.1f},{draw.integers(53, 63)},{price[i]:.0f},{sizes}")
    path.write_text("\n".join(lines) + "\n")


def test_every_command_of_the_tables_tutorial(tmp_path, monkeypatch, capsys):
    pytest.importorskip("pandas")
    monkeypatch.chdir(tmp_path)
    diamonds(tmp_path / "diamonds.csv")
    short = {name.removeprefix("--"): value for name, value in zip(SHORT[::2], SHORT[1::2])}
    monkeypatch.setattr(sparring, "fit", partial(sparring.fit, rounds=ROUNDS, settings=short))
    commands = 0
    for kind, text in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        if kind == "":
            for line in text.splitlines():
                program, *arguments = shlex.split(line, comments=True)
                assert program == "sparring"
                outcome = in_process(capsys, *arguments, *(["--rounds", ROUNDS, *SHORT] if arguments[0] == "train" else []))
                assert outcome.code == 0, (line, outcome.err)
                commands += 1
        elif kind == "python":
            exec(text, {})
        elif kind != "python setup":
            (tmp_path / kind.split()[1]).write_text(text)
    assert commands >= 7
    wanted = (tmp_path / "wanted-rows.csv").read_text().splitlines()
    assert len(wanted) == 1 + 500 + 200 + 100 and all(line.startswith(("0.50,", "0.5,")) for line in wanted[-100:])
    large = [line.split(",") for line in (tmp_path / "large.csv").read_text().splitlines()[1:]]
    assert len(large) == 1000 and all(float(row[0]) >= 1 and row[1] == "Ideal" for row in large)
