"""50,000 small JPEGs in nested folders: how quickly a collection is read the first time, beside Pillow alone on as many processes, and how
soon the first round begins the second time.

    python -m benchmarks.decode [--pictures 50000] [--side 64] [--processes 2] [--out benchmarks/results/decode.json]

`inspect` decodes every picture whole, hashes its pixels and writes them at the size of the games; the first `train` does the same where no
`inspect` came before: each has an empty cache of its own. Pillow alone: the same processes, open and load, nothing kept; they are running
already when it begins, so the passes of `inspect` and of the first `train` are timed from their first result to their last, and the whole command
beside it. The three take turns, five times, each time with an empty cache, and the middle ratio counts: a machine's speed changes by a quarter
from one minute to the next, and memory that it has not used before is slow to come by. The second start is timed inside the process that trains,
from before `import sparring` to the first round, and beside the time that `import torch` takes in another, and that with the first step of an
optimizer of torch's own, which imports the compiler too.
"""

import argparse
import itertools
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.machine import write_result

PASS = """
import time; start = time.perf_counter()
from sparring.modalities import workers
real, seen = workers._results, []
def timed(function, chunks, arguments):
    for chunk, result in zip(chunks, real(function, chunks, arguments)):
        seen.append((time.perf_counter(), len(chunk)))
        yield result
workers._results = timed
"""
TRAIN = """
import os, time; start = time.perf_counter()
import sparring
from sparring.play import trainer
def begin(self):
    print("BEGUN", time.perf_counter() - start, flush=True)
    if seen := globals().get("seen"):
        print("PASSED", sum(n for _, n in seen[1:]) / (seen[-1][0] - seen[0][0]), flush=True)
    os._exit(0)
trainer.Trainer.play_round = begin
sparring.train("dcgan", DATA, run=RUN, rounds=1, settings={"watching.judge": 0, "watching.preview": 0, "hardware.threads": 1,
               "conditional": False, "generator.width": 8, "discriminator.width": 8})
"""
INSPECT = """
from sparring.cli import main
main(["inspect", DATA])
print("PASSED", sum(n for _, n in seen[1:]) / (seen[-1][0] - seen[0][0]))
"""
OPTIMIZER = """
import time; start = time.perf_counter()
import torch
weight = torch.zeros(1, requires_grad=True)
weight.sum().backward()
torch.optim.Adam([weight]).step()
print("BEGUN", time.perf_counter() - start)
"""
TORCH = "import time; start = time.perf_counter(); import torch; print('BEGUN', time.perf_counter() - start)"


def write(job: tuple[str, int, int, int]) -> None:
    """One folder of pictures: smooth colours and noise, which compress as photographs do."""
    folder, first, count, side = job
    Path(folder).mkdir(parents=True, exist_ok=True)
    draw = np.random.default_rng(first)
    for i in range(first, first + count):
        small = draw.integers(0, 256, (6, 6, 3), dtype=np.uint8)
        noise = draw.normal(0, 12, (side, side, 3))
        pixels = np.asarray(Image.fromarray(small).resize((side, side), Image.Resampling.BICUBIC)) + noise
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(f"{folder}/{i:06d}.jpg", quality=88)


def load(paths: list[str]) -> int:
    for path in paths:
        with Image.open(path) as picture:
            picture.load()
    return len(paths)


def seconds(work) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def told(code: str, environment: dict, word: str = "BEGUN") -> float:
    """The number that the code prints after this word."""
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return next(float(line.split()[1]) for line in done.stdout.splitlines() if line.startswith(word))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pictures", type=int, default=50_000)
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--out", default="benchmarks/results/decode.json")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as root, ProcessPoolExecutor(options.processes) as pool:
        each = 500
        jobs = [(f"{root}/data/{i // 10:02d}/{i % 10}", i * each, each, options.side) for i in range(options.pictures // each)]
        list(pool.map(write, jobs))
        paths = sorted(str(p) for p in Path(root, "data").rglob("*.jpg"))
        chunks = [paths[i : i + 64] for i in range(0, len(paths), 64)]
        list(pool.map(load, chunks))                                        # the files are in the system's cache for everyone
        environment = os.environ | {"SPARRING_CACHE": f"{root}/cache", "OMP_NUM_THREADS": "1"}
        sparring = [sys.executable, "-m", "sparring"]
        inspect = lambda: subprocess.run([*sparring, "inspect", f"{root}/data"], env=environment, stdout=subprocess.DEVNULL, check=True)
        first, again = seconds(inspect), seconds(inspect)
        number = itertools.count()
        inspect_code = lambda: INSPECT.replace("DATA", repr(f"{root}/data"))
        train_code = lambda: TRAIN.replace("DATA", repr(f"{root}/data")).replace("RUN", repr(f"{root}/run{next(number)}"))

        def passing(code: str) -> float:
            """Pictures a second from the first result to the last, with an empty cache."""
            shutil.rmtree(f"{root}/cache")
            return told(PASS + code, environment, "PASSED")

        alone = lambda: len(paths) / seconds(lambda: list(pool.map(load, chunks)))
        rates = [(alone(), passing(inspect_code()), passing(train_code())) for _ in range(5)]
        pillow, inspecting, training = (statistics.median(column) for column in zip(*rates))
        shares = [[round(row[i] / row[0], 3) for row in rates] for i in (1, 2)]
        shutil.rmtree(f"{root}/cache")
        one = told(train_code(), environment)
        two = [told(train_code(), environment) for _ in range(3)]
        torch, optimizer = (statistics.median(told(code, environment) for _ in range(3)) for code in (TORCH, OPTIMIZER))
    write_result(options.out, {
        "pictures": len(paths), "side": options.side, "processes": options.processes, "pillow alone, pictures a second": round(pillow),
        "inspect, pictures a second while it decodes": round(inspecting),
        "share of pillow's speed while it decodes": statistics.median(shares[0]), "five times": shares[0],
        "inspect, pictures a second (whole command)": round(len(paths) / first),
        "inspect again, seconds": round(again, 2), "first train, seconds to the first round": round(one, 2),
        "first train, pictures a second while it decodes": round(training),
        "first train's share of pillow's speed while it decodes": statistics.median(shares[1]), "its five times": shares[1],
        "second train, seconds to the first round": [round(s, 2) for s in two], "import torch, seconds": round(torch, 2),
        "second train beyond torch's import, seconds": round(statistics.median(two) - torch, 2),
        "import torch and an optimizer's step, seconds": round(optimizer, 2),
        "second train beyond both, seconds": round(statistics.median(two) - optimizer, 2),
    })  # fmt: skip


if __name__ == "__main__":
    main()
