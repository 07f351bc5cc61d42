"""What `make demo` reaches: the same command on several seeds, judged on the 1,500 test digits.

    python -m benchmarks.demo [--seeds 0 1 2] [--jobs 1] [--minutes 4.2] [--out benchmarks/results/demo.json]

Every seed trains its extractor anew (an empty cache), as on a fresh machine; `seconds` is the wall time of the whole command. With
--jobs 2 two seeds share the machine, so each gets about half of the rounds that it would have alone.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import sparring
from benchmarks.machine import write_result
from sparring.modalities.images import grid


def picture(path: Path, out: Path) -> None:
    """Generated digits beside real test digits, ten of each label, nothing picked: the picture of the README."""
    run = sparring.load(path)
    test = run.data.part("test")
    rows = torch.cat([(test["y"] == label).nonzero()[:10, 0] for label in range(10)])
    labels = np.arange(10).repeat(10)
    made = grid(run.sample(100, seed=0, label=labels), labels)
    real = grid(run.codec.decode(run.codec.expand({"x": test["x"][rows]})["x"]), labels)
    gap = np.full((made.shape[0], 24, 3), 255, np.uint8)
    colour = lambda a: np.repeat(a[..., None], 3, 2) if a.ndim == 2 else np.repeat(a, 3, 2) if a.shape[2] == 1 else a
    out.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.concatenate([colour(made), gap, colour(real)], 1)).save(out, optimize=True)


def one(seed: int, minutes: float, drawn: Path | None) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "digits"
        what = ["--data", "digits", "--minutes", str(minutes), "--seed", str(seed), "--run", str(run)]
        start = time.perf_counter()
        environment = os.environ | {"SPARRING_CACHE": f"{folder}/cache"}
        subprocess.run([sys.executable, "-m", "sparring", "train", "dcgan", *what], check=True, env=environment, stdout=subprocess.DEVNULL)
        seconds = time.perf_counter() - start
        metrics = json.loads((run / "measure.json").read_text())["metrics"]
        recipe = json.loads((run / "recipe.json").read_text())
        if drawn:
            picture(run, drawn)
    return {
        "seed": seed, "seconds": round(seconds, 1), "rounds": recipe["rounds"], "threads": recipe["configuration"]["hardware"]["threads"],
        "fd over floor": round(metrics["fd"]["value"] / metrics["fd"]["floor"], 3),
        "extractor accuracy": round(metrics["label_accuracy"]["protocol"]["extractor_accuracy"], 4),
        **{name: {k: round(m[k], 4) for k in ("value", "floor", "baseline", "control")} for name, m in metrics.items()},
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=4.2)
    parser.add_argument("--out", default="benchmarks/results/demo.json")
    parser.add_argument("--picture", type=Path, default=Path("docs/images/digits.png"))
    options = parser.parse_args()
    with ThreadPoolExecutor(options.jobs) as pool:
        drawn = [options.picture if seed == 0 else None for seed in options.seeds]
        rows = list(pool.map(one, options.seeds, [options.minutes] * len(options.seeds), drawn))
    write_result(options.out, {"data": "digits: 3,000 training, 500 validation, 1,500 test", "jobs": options.jobs, "rows": rows})


if __name__ == "__main__":
    main()
