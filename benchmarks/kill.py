"""`kill -9` at 20 random moments of a training, each followed by `resume`: the final weights are those of an undisturbed run, bit for bit.

    python -m benchmarks.kill [--kills 20] [--rounds 100] [--seed 0] [--out benchmarks/results/kill.json]

A conditional DCGAN on digits8 that saves every quarter of a second. Moments: a few before round 1, a few while a checkpoint is being
written, the others anywhere between the start of the process and its end. Where no run folder is there yet, the run is trained again.
"""

import argparse
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.machine import write_result
from sparring.base.files import hash_bytes
from sparring.play.checkpoint import read_tensors
from sparring.runs.folder import Folder

TINY = ["--generator.width", "8", "--discriminator.width", "8", "--hardware.threads", "1", "--watching.tick", "2", "--watching.judge", "50"]
TRAIN = ["train", "dcgan", "--data", "digits8", "--quiet", *TINY, "--watching.checkpoint-minutes", "0.004"]


def sparring(*arguments: str) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-m", "sparring", *arguments], stdout=subprocess.DEVNULL)


def train(run: Path, rounds: int) -> subprocess.Popen:
    return sparring(*TRAIN, "--rounds", str(rounds), "--run", str(run))


def bits(run: Path) -> str:
    """A hash of everything in the last checkpoint that a later round depends on: weights, buffers, averages, moments."""
    last = Folder(run).checkpoint("last")
    tensors = [read_tensors(last / f"{part}.safetensors") for part in ("weights", "optimizers")]
    return hash_bytes(*(name.encode() + t.numpy().tobytes() for part in tensors for name, t in sorted(part.items())))


def state(run: Path) -> str:
    """Where the run was when it was killed."""
    if not (run / "recipe.json").exists():
        return "before the run folder was there"
    if list(run.glob("checkpoints/.*.tmp")):
        return "during a save"
    events = Folder(run).events()
    return f"after round {events[-1]['round']}" if events else "before round 1"


Moment = Callable[[Path, float], bool]
"""Whether to kill now: the run folder, and the seconds since it is there (-1 before)."""


def moments(kills: int, seconds: float, rounds: int, draw: random.Random) -> list[Moment]:
    making = lambda run, now: bool(list(run.parent.glob(f".{run.name}.*.tmp")))
    early = [making, lambda run, now: now >= 0, lambda run, now: (run / "status.json").exists()]
    saves = [saving(draw.randrange(rounds)) for _ in range(kills // 3)]
    times = [draw.uniform(0, seconds) for _ in range(kills - len(early) - len(saves))]
    return [*early, *saves, *map(later, times)]


def later(seconds: float) -> Moment:
    return lambda run, now: now >= seconds


def saving(after: int) -> Moment:
    """While a checkpoint is being written, from some round on."""

    def now_saving(run: Path, now: float) -> bool:
        return bool(list(run.glob("checkpoints/.*.tmp"))) and any(event["round"] >= after for event in Folder(run).events()[-1:])

    return now_saving


def killed(run: Path, rounds: int, moment: Moment) -> str:
    """Trains until the moment, kills, and says where that was; "" when the training was faster."""
    process, there = train(run, rounds), None
    while process.poll() is None:
        if there is None and (run / "recipe.json").exists():
            there = time.perf_counter()
        if moment(run, -1 if there is None else time.perf_counter() - there):
            break
        time.sleep(0.001)
    process.kill()
    return state(run) if process.wait() != 0 else ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--out", default="benchmarks/results/kill.json")
    options = parser.parse_args()
    draw, rows = random.Random(options.seed), []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        train(folder / "warm-up", 2).wait()                                  # the extractor comes into the cache
        undisturbed = folder / "undisturbed"
        assert train(undisturbed, options.rounds).wait() == 0
        seconds = time.time() - (undisturbed / "recipe.json").stat().st_mtime
        waiting = moments(options.kills, seconds, options.rounds, draw)
        while waiting:
            run, moment = folder / str(len(rows)), waiting.pop(0)
            where = killed(run, options.rounds, moment)
            if not where:                                                    # it had ended: another moment instead
                shutil.rmtree(run)
                waiting.append(later(draw.uniform(0, seconds / 2)))
                continue
            again = sparring("resume", str(run), "--quiet") if (run / "recipe.json").exists() else train(run, options.rounds)
            code = again.wait()
            rows.append({"killed": where, "exit code afterwards": code, "identical": code == 0 and bits(run) == bits(undisturbed)})
            print(f"{len(rows):3} {where}: {'identical' if rows[-1]['identical'] else 'DIFFERENT'}", flush=True)
    identical = sum(row["identical"] for row in rows)
    write_result(options.out, {"rounds": options.rounds, "kills": len(rows), "identical": identical, "rows": rows})
    print(f"{identical} of {len(rows)} are identical to the undisturbed run")
    sys.exit(identical != len(rows))


if __name__ == "__main__":
    main()
