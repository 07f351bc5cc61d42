"""A table of a million rows and more: memory, the time to the first round, and what is read from the file, with the rows in memory and on disk.

    python -m benchmarks.table_scale [--rows 1000000] [--more 5000000] [--rounds 200] [--out benchmarks/results/table_scale.json]

The table has 30 columns: numbers of several kinds, dates, missing values, words, and one column of 20,000 categories. It is made from a seed
as Parquet, a part at a time, in a temporary folder. Each training (`table-vae`) is a process of its own with an empty cache: its peak memory is
what the kernel says (VmHWM, which counts pages of mapped files that were touched), and beside it that without those pages (RssAnon, looked at
every 50 ms). Seconds count from the start of the process to the first round; bytes are what it asked the system to read (rchar) after
what it imports, until then and in all, in times of the file's size: how often the file is read.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.machine import write_result

CATEGORIES = 20_000
PART = 250_000
"""rows that are made at a time"""
TRAIN = """
import sys, time
START = time.time()
import sklearn.ensemble, torch.optim
import sparring, sparring.metrics.tables, sparring.modalities.table_disk, sparring.modalities.tables, sparring.runs.report
from sparring.play import trainer
read = lambda: int(open("/proc/self/io").read().split()[1])
IMPORTED = read()
real, began = trainer.Trainer.play_round, []
def play_round(self):
    if not began:
        began.append(time.time())
        print("BEGUN", time.time() - START, read() - IMPORTED, flush=True)
    real(self)
trainer.Trainer.play_round = play_round
data, memory, rounds, run = sys.argv[1:]
settings = {"encoding.memory": memory, "hardware.threads": 1, "watching.metrics": ["shapes", "pairs"]}
run = sparring.train("table-vae", data, run=run, rounds=int(rounds), settings=settings)
status = open("/proc/self/status").read()
peak = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
print("ENDED", time.time() - START, read() - IMPORTED, peak, flush=True)
"""


def part(first: int, n: int) -> pa.Table:
    """Rows first ... of 30 columns that say something of each other."""
    draw = np.random.default_rng((7, first))
    z = draw.normal(size=(n, 3))
    columns: dict[str, pa.Array] = {}
    for i in range(8):
        values = z[:, i % 3] * (1 + i) + draw.normal(size=n)
        columns[f"real {i}"] = pa.array(values if i % 2 else values.round(2), mask=draw.random(n) < (0.05 if i < 3 else 0))
    for i in range(5):
        columns[f"whole {i}"] = pa.array((np.exp(z[:, i % 3]) * 10.0**i).astype(np.int64) + draw.integers(0, 5, n))
    columns["price"] = pa.array(np.exp(z[:, 0] + draw.normal(size=n)).round(2))
    for i in range(3):
        columns[f"day {i}"] = pa.array((19_000 + 500 * z[:, i]).astype(np.int32) + draw.integers(0, 9, n).astype(np.int32), pa.date32())
    columns["time"] = pa.array((1_600_000_000 + draw.integers(0, 10**8, n)) * 10**6, pa.timestamp("us"), mask=draw.random(n) < 0.02)
    words = pa.array([f"product {k:05d}" for k in range(CATEGORIES)])
    columns["product"] = words.take(pa.array((draw.random(n) ** 2 * CATEGORIES).astype(np.int64)))
    for i in range(8):
        k = 3 + 9 * i
        place = np.clip((z[:, i % 3] + 3) / 6 * k + draw.normal(size=n), 0, k - 1).astype(np.int64)
        columns[f"word {i}"] = pa.array([f"word {j}" for j in range(k)]).take(pa.array(place, mask=draw.random(n) < (0.03 if i == 2 else 0)))
    columns["flag"] = pa.array(z[:, 1] > 0.5)
    columns["answer"] = pa.array(["no", "yes"]).take(pa.array((z[:, 2] + draw.normal(size=n) > 0).astype(np.int64)))
    columns["id"] = pa.array(np.arange(first, first + n))
    return pa.table(columns)


def make(path: Path, rows: int) -> None:
    with pq.ParquetWriter(path, part(0, 1).schema) as file:
        for first in range(0, rows, PART):
            file.write_table(part(first, min(PART, rows - first)), row_group_size=PART // 2)


def anonymous(process: subprocess.Popen, found: list[int]) -> None:
    """The most memory of its own that a process has while it runs, in KiB."""
    while process.poll() is None:
        try:
            lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
            found.append(max(found[-1], next((int(line.split()[1]) for line in lines if line.startswith("RssAnon")), 0)))
        except OSError:
            return
        time.sleep(0.05)


def measure(data: Path, memory: str, rounds: int, folder: Path) -> dict:
    """One training."""
    environment = os.environ | {"SPARRING_CACHE": str(folder / f"cache-{memory}"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", TRAIN, str(data), memory, str(rounds), str(folder / f"run-{memory}")]
    process, own = subprocess.Popen(command, env=environment, text=True, stdout=subprocess.PIPE), [0]
    watcher = threading.Thread(target=anonymous, args=(process, own))
    watcher.start()
    out, _ = process.communicate()
    watcher.join()
    if process.returncode:
        raise SystemExit(f"the training with memory={memory} failed: see above")
    told = {line.split()[0]: line.split()[1:] for line in out.splitlines() if line.startswith(("BEGUN", "ENDED"))}
    (begun, read), (ended, all_read, peak) = told["BEGUN"], told["ENDED"]
    size = data.stat().st_size
    kept = sum(f.stat().st_size for f in (folder / f"cache-{memory}").rglob("*") if f.is_file())
    return {
        "peak memory, MB": round(int(peak) / 1024), "of its own, MB": round(own[-1] / 1024), "seconds to the first round": round(float(begun), 1),
        "seconds in all": round(float(ended), 1), "file is read before the first round, times": round(int(read) / size, 2),
        "file is read in all, times": round(int(all_read) / size, 2), "cache, MB": round(kept / 2**20),
    }  # fmt: skip


def scale(rows: int, memories: list[str], rounds: int) -> dict:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(data := folder / "table.parquet", rows)
        found = {"rows": rows, "columns": len(pq.read_schema(data)), "file, MB": round(data.stat().st_size / 2**20, 1)}
        return found | {f"memory {memory}": measure(data, memory, rounds, folder) for memory in memories}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--more", type=int, default=0, help="rows of a second table, on disk alone")
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--out", default="benchmarks/results/table_scale.json")
    args = parser.parse_args()
    tables = [scale(args.rows, ["ram", "disk"], args.rounds)]
    if args.more:
        tables.append(scale(args.more, ["disk"], args.rounds))
    write_result(args.out, {"rounds": args.rounds, "batch": "the recipe's", "tables": tables})


if __name__ == "__main__":
    main()
