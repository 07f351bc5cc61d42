"""Rounds a second with `hardware.compile` and without, as ratios over interleaved blocks, and the seconds until the first compiled round.

    python -m benchmarks.compiling RECIPE=DATA ... [--set path=value ...] [--blocks 8] [--seconds 2] [--threads 1]

Times are of the processor, since another process may be running.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from benchmarks.machine import write_result
from sparring.play.trainer import Trainer
from sparring.runs.planning import plan
from sparring.runs.playing import make_trainer

PERIOD = 8
"""rounds that hold every kind of round: penalties are due in every eighth at the latest"""


def trainer(recipe: str, data: str, settings: dict, folder: Path) -> Trainer:
    planned = plan(recipe, data, run=folder / f"{recipe}-{settings['hardware.compile']}", settings=settings, rounds=10**6)
    return make_trainer(planned.configuration, planned.data, 0)


def seconds(trainer: Trainer, periods: int) -> float:
    """Of a round."""
    start = time.process_time()
    for _ in trainer.rounds(periods * PERIOD, every=10**6):
        pass
    return (time.process_time() - start) / (periods * PERIOD)


def row(recipe: str, data: str, options: argparse.Namespace, folder: Path) -> dict:
    settings = {"hardware.threads": options.threads} | dict(s.split("=", 1) for s in options.set)
    plain, quick = (trainer(recipe, data, settings | {"hardware.compile": on}, folder) for on in (False, True))
    first = [seconds(side, 2) * 2 * PERIOD for side in (plain, quick)]
    periods = max(1, round(options.seconds / (seconds(plain, 1) * PERIOD)))
    times = []
    for i in range(options.blocks):
        both = {side: seconds(side, periods) for side in (plain, quick)[:: 1 if i % 2 else -1]}
        times.append((both[plain], both[quick]))
    ratios = [a / b for a, b in times]
    low, middle, high = statistics.quantiles(ratios, n=4)
    return {
        "recipe": recipe, "data": Path(data).name, "batch": plain.data.batch, "ratio": round(middle, 2), "quartiles": [round(low, 2), round(high, 2)],
        "milliseconds a round": {name: round(1000 * statistics.median(t), 2) for name, t in zip(("plain", "compiled"), zip(*times))},
        "seconds of compiling": round(first[1] - first[0], 1), "blocks": options.blocks, "rounds a block": periods * PERIOD,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", nargs="+", help="RECIPE=DATA")
    parser.add_argument("--set", nargs="*", default=[], help="settings, path=value")
    parser.add_argument("--blocks", type=int, default=8)
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
