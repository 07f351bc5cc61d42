"""Rounds a second with `hardware.compile` and without, as ratios over interleaved blocks, and the seconds until the first compiled round.

    python -m benchmarks.compiling RECIPE=DATA ... [--set path=value ...] [--pairs 8] [--seconds 2] [--threads 1]

torch keeps what it has compiled ($TORCHINDUCTOR_CACHE_DIR): an empty folder there shows how long the first time takes.
"""

import argparse
import tempfile
import time
from pathlib import Path

from benchmarks.machine import write_result
from benchmarks.operators import ratios
from sparring.play.trainer import Trainer
from sparring.runs.planning import plan
from sparring.runs.playing import make_trainer

PERIOD = 8
"""rounds that hold every kind of round: penalties are due in every eighth at the latest"""


def trainer(recipe: str, data: str, settings: dict, folder: Path) -> Trainer:
    planned = plan(recipe, data, run=folder / f"{recipe}-{settings['hardware.compile']}", settings=settings, rounds=10**6)
    return make_trainer(planned.configuration, planned.data, 0)


def play(trainer: Trainer, periods: int) -> float:
    """Seconds that so many periods take."""
    start = time.perf_counter()
    for _ in trainer.rounds(periods * PERIOD, every=10**6):
        pass
    return time.perf_counter() - start


def row(recipe: str, data: str, options: argparse.Namespace, folder: Path) -> dict:
    settings = {"hardware.threads": options.threads} | dict(s.split("=", 1) for s in options.set)
    plain, quick = (trainer(recipe, data, settings | {"hardware.compile": on}, folder) for on in (False, True))
    first = [play(side, 2) for side in (plain, quick)]
    periods = max(1, round(options.seconds / play(plain, 1)))
    facts = {"recipe": recipe, "data": Path(data).name, "batch": plain.data.batch, "rounds a block": periods * PERIOD}
    found = ratios(lambda: play(quick, periods), lambda: play(plain, periods), options.pairs)
    return facts | found | {"seconds of compiling": round(first[1] - first[0], 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", nargs="+", help="RECIPE=DATA")
    parser.add_argument("--set", nargs="*", default=[], help="settings, path=value")
    parser.add_argument("--pairs", type=int, default=8, help="of blocks")
    parser.add_argument("--seconds", type=float, default=2, help="of a block without compiling")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", default="benchmarks/results/compiling.json")
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for what in options.what:
            rows.append(row(*what.split("=", 1), options, Path(folder)))
            print(rows[-1], flush=True)
            write_result(options.out, {"threads": options.threads, "set": options.set, "rows": rows})


if __name__ == "__main__":
    main()
