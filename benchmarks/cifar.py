"""Families on CIFAR-10, 32 px, with labels: the same minutes for each, judged by two classifiers of CIFAR-10 and by EfficientNet-Lite0.

    python -m benchmarks.cifar --cifar FILE [--recipes dcgan biggan stylegan2 r3gan projected] [--seeds 0 1] [--minutes 25] [--threads auto]

FILE is an .npz with `jpeg` (bytes of all pictures), `offsets` and `labels`. Each run trains on about 31,000 pictures and is judged at its best
checkpoint: 5,000 generated pictures against 5,000 training pictures on the features of a classifier, 1,500 on EfficientNet's (which is no judge
of `projected`, whose loss looks through it; --efficientnet 5000 is a finer ruler, and eight minutes a run). The classifier that every run has
learns for a minute and is right about 68 % of held-out pictures; the same network after four times as many steps is right about 79 %. They order
runs that are close differently: so both judge.
With --threads 1 two runs can share two cores; the result says how many each had.
"""

import argparse
import io
import json
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import sparring
from benchmarks.machine import write_result
from sparring.modalities.images import grid

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
OWN = ("fd", "kid", "precision", "recall", "density", "coverage", "label_accuracy", "copies")
LONGER = 6000
"""steps of the second classifier"""
OTHER = ("fd_efficientnet", "kid_efficientnet")


def unpack(file: Path, out: Path) -> None:
    """The JPEGs as arrays x (n, 32, 32, 3), y, classes."""
    packed = np.load(file)
    content, offsets = packed["jpeg"].tobytes(), packed["offsets"]
    x = np.stack([np.asarray(Image.open(io.BytesIO(content[a:b])).convert("RGB")) for a, b in zip(offsets, offsets[1:])])
    np.savez(out, x=x, y=packed["labels"].astype(np.int64)[: len(x)], classes=np.array(CLASSES))


def values(metrics: dict) -> dict:
    kept = ("value", "floor", "baseline", "control", "skill")
    return {name: {k: round(m[k], 4) for k in kept if k in m} | {"n": m["protocol"]["n_fake"]} for name, m in metrics.items()}


def one(recipe: str, seed: int, options: argparse.Namespace, data: Path, folder: Path) -> dict:
    start = time.perf_counter()
    settings = {"split.test": 0.15, "hardware.threads": options.threads, "watching.metrics": "fd"}
    settings |= dict(s.split("=", 1) for s in options.set)
    run = sparring.train(recipe, str(data), run=folder / f"{recipe}-{seed}", seed=seed, minutes=options.minutes, settings=settings)
    seconds = time.perf_counter() - start
    found = values(run.measure(metrics=OWN, n=5000)["metrics"])
    longer = values(run.measure(metrics=OWN[:-1], n=5000, judge_steps=LONGER)["metrics"])
    if recipe != "projected" and options.efficientnet:
        found |= values(run.measure(metrics=OTHER, n=options.efficientnet)["metrics"])
    sheet = grid(run.sample(100, seed=0, label=[c for c in CLASSES for _ in range(10)]), np.arange(10).repeat(10))
    options.sheets.mkdir(parents=True, exist_ok=True)
    Image.fromarray(sheet).save(options.sheets / f"{recipe}-{seed}.png", optimize=True)
    events = run.folder.events()
    return {
        "recipe": recipe, "seed": seed, "seconds": round(seconds), "rounds": run.status["round"], "batch": run.configuration.batch,
        "threads": run.configuration.hardware.threads, "checkpoint": run.checkpoint.name, "verdict": run.doctor()["verdict"], "set": options.set,
        "images a second": round(sum(e["speed"]["images"] for e in events) / len(events)), "metrics": found,
        "metrics by the classifier that learnt longer": longer,
        "fd on validation": {e["round"]: round(e["metrics"]["fd"]["value"], 3) for e in events if "fd" in e["metrics"]},
    }  # fmt: skip


def joined(options: argparse.Namespace, row: dict) -> list[dict]:
    """The rows of earlier calls of as many minutes and this one, which replaces the one of the same recipe and seed: the table may be
    made in several calls, two at a time."""
    out = Path(options.out)
    before = json.loads(out.read_text())["result"] if out.exists() else {"minutes": options.minutes, "rows": []}
    rows = before["rows"] if before["minutes"] == options.minutes else []
    kept = [r for r in rows if (r["recipe"], r["seed"], r["set"]) != (row["recipe"], row["seed"], row["set"])]
    return sorted([*kept, row], key=lambda r: (r["recipe"], r["set"], r["seed"]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cifar", type=Path, required=True)
    parser.add_argument("--recipes", nargs="+", default=["dcgan", "biggan", "stylegan2", "r3gan", "projected"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--minutes", type=float, default=25)
    parser.add_argument("--threads", default="auto")
    parser.add_argument("--set", nargs="*", default=[], help="settings, path=value")
    parser.add_argument("--efficientnet", type=int, default=1500, metavar="N", help="pictures that EfficientNet judges; 0: none")
    parser.add_argument("--keep", type=Path, help="a folder that keeps the runs")
    parser.add_argument("--sheets", type=Path, default=Path("benchmarks/results/cifar"))
    parser.add_argument("--out", default="benchmarks/results/cifar.json")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "cifar.npz"
        unpack(options.cifar, data)
        for recipe in options.recipes:
            for seed in options.seeds:
                row = one(recipe, seed, options, data, options.keep or Path(folder))
                print(json.dumps(row), flush=True)
                write_result(options.out, {"data": "CIFAR-10, 32 px, labels, JPEG copy", "minutes": options.minutes, "rows": joined(options, row)})


if __name__ == "__main__":
    main()
