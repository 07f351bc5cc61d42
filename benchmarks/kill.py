"""`kill -9` at 20 random moments of a training, each followed by `resume`: the final weights are those of an undisturbed run, bit for bit.

    python -m benchmarks.kill [--kills 20] [--rounds 200] [--seed 0] [--out benchmarks/results/kill.json]

A conditional DCGAN on digits8 that saves every quarter of a second. Moments: a few before round 1, a few while a checkpoint is being
written, the others anywhere between the start of the process and its end. Where no run folder is there yet, the run is trained again.
"""

import argparse
import random
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


def moments(kills: int, seconds: float, rounds: int, draw: random.Random) -> list[Callable[[Path, float], bool]]:
    """When to kill, by the run folder and the seconds since the start of the process."""
    early = [lambda run, now: bool(list(run.parent.glob(f".{run.name}.*.tmp"))), lambda run, now: (run / "recipe.json").exists()]
    early += [lambda run, now: (run / "status.json").exists()]

    def saving(after: int):
        return lambda run, now: bool(list(run.glob("checkpoints/.*.tmp"))) and Folder(run).events_size() > 0 and Folder(run).events()[-1]["round"] >= after

    saves = [saving(draw.randrange(rounds)) for _ in range(min(6, kills // 3))]
    times = [draw.uniform(0, seconds) for _ in range(kills - len(early) - len(saves))]
    return [*early, *saves, *(lambda run, now, at=at: now >= at for at in times)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--out", default="benchmarks/results/kill.json")
    options = parser.parse_args()
    draw, rows = random.Random(options.seed), []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        train(folder / "warm-up", 2).wait()                                  # the extractor comes into the cache
        began = time.perf_counter()
        assert train(folder / "undisturbed", options.rounds).wait() == 0
        seconds = time.perf_counter() - began
        right = bits(folder / "undisturbed")
        for number, moment in enumerate(moments(options.kills, seconds, options.rounds, draw)):
            run, began = folder / str(number), time.perf_counter()
            process = train(run, options.rounds)
            while process.poll() is None and not moment(run, time.perf_counter() - began):
                time.sleep(0.001)
            process.kill()
            killed = process.wait() != 0
            where = state(run) if killed else "it had ended"
            again = sparring("resume", str(run), "--quiet") if (run / "recipe.json").exists() else train(run, options.rounds)
            code = again.wait()
            rows.append({"killed": where, "exit code afterwards": code, "identical": code == 0 and bits(run) == right})
            print(f"{number + 1:3} {where}: {'identical' if rows[-1]['identical'] else 'DIFFERENT'}", flush=True)
    identical = sum(row["identical"] for row in rows)
    write_result(options.out, {"rounds": options.rounds, "kills": len(rows), "identical": identical, "rows": rows})
    print(f"{identical} of {len(rows)} are identical to the undisturbed run")
    sys.exit(identical != len(rows))


if __name__ == "__main__":
    main()
