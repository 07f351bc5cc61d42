"""`sparring transform` of photographs of several megapixels by a super-resolution network: peak memory and time, a process a picture.

    python -m benchmarks.transform --data FOLDER | --run RUN [--rounds 300] [--megapixels 3 6 12] [--times 1] [--tile 256] [--threads auto]
        [--format jpg] [--out benchmarks/results/transform.json]

FOLDER holds photographs: the recipe learns to double them for --rounds, which does not matter here, and the large pictures are made of them, enlarged
and with noise; without it they are smooth colours and noise. Each is transformed by a fresh process, as a user would: its peak resident memory, the
seconds that it says the work took, and those of the whole command. The first row starts the program and transforms 64 x 64 pixels: what Python
and torch cost before any picture.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import sparring
from benchmarks.machine import write_result

BOUND = 3.0
"""GB of peak memory that a 12-megapixel photograph may take"""


def photograph(width: int, height: int, files: list[Path], seed: int) -> Image.Image:
    """A mosaic of 2 x 2 enlarged photographs, or of smooth colours, under a sensor's noise."""
    draw = np.random.default_rng(seed)
    made = Image.new("RGB", (width, height))
    for corner in range(4):
        left, top = width // 2 * (corner % 2), height // 2 * (corner // 2)
        size = (width - left if left else width // 2, height - top if top else height // 2)
        if files:
            part = Image.open(files[draw.integers(len(files))]).convert("RGB")
        else:
            part = Image.fromarray(draw.integers(0, 256, (6, 8, 3), dtype=np.uint8))
        made.paste(part.resize(size, Image.Resampling.BICUBIC), (left, top))
    pixels = np.asarray(made)
    noise = draw.normal(0, 4, (height, width, 1)).astype(np.float32)
    return Image.fromarray((pixels + noise).clip(0, 255).astype(np.uint8))


LAUNCH = """
import json, resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE, text=True, check=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps({"document": json.loads(done.stdout), "peak": used.ru_maxrss, "processor": used.ru_utime + used.ru_stime}))
"""
"""a small program between: a process begins with the peak of the one that started it, and this one has trained"""


def transformed(run: Path, picture: Path, out: Path, tile: int) -> dict:
    """One command: the seconds that it says, those of the whole, of the processor, and its peak memory in bytes."""
    command = [sys.executable, "-m", "sparring", "transform", str(run), str(picture), "--out", str(out), "--tile", str(tile), "--json"]
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", LAUNCH, *command], stdout=subprocess.PIPE, text=True, check=True)
    seconds, found = time.perf_counter() - start, json.loads(done.stdout)
    peak = found["peak"] * (1 if sys.platform == "darwin" else 1024)              # kilobytes, but on macOS bytes
    return {"seconds": found["document"]["seconds"], "whole command": seconds, "processor": found["processor"], "peak": peak}


def row(run: Path, size: tuple[int, int], files: list[Path], folder: Path, options: argparse.Namespace) -> dict:
    picture, out = folder / f"{size[0]}.{options.format}", folder / f"large-{size[0]}.{options.format}"
    photograph(*size, files, seed=0).save(picture)
    found = [transformed(run, picture, out, options.tile) for _ in range(options.times)]
    with Image.open(out) as large:
        made = large.size
    middle = lambda name: statistics.median(one[name] for one in found)
    megapixels = size[0] * size[1] / 1e6
    out.unlink()
    return {
        "picture": list(size), "result": list(made), "megapixels": round(megapixels, 3), "seconds": round(middle("seconds"), 2),
        "seconds a megapixel": round(middle("seconds") / megapixels, 3), "whole command, seconds": round(middle("whole command"), 2),
        "processor seconds": round(middle("processor"), 2), "peak memory, GB": round(max(one["peak"] for one in found) / 1e9, 3),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, help="a folder of photographs")
    parser.add_argument("--run", type=Path, help="a run that is there already, instead of one that is trained here")
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--megapixels", type=float, nargs="+", default=[3, 6, 12], help="of pictures of 4 : 3")
    parser.add_argument("--times", type=int, default=1, help="that each is transformed")
    parser.add_argument("--tile", type=int, default=256)
    parser.add_argument("--threads", default="auto", help="of the run that is trained here, with which it is applied too")
    parser.add_argument("--format", choices=("jpg", "png", "webp"), default="jpg")
    parser.add_argument("--set", nargs="*", default=[], help="settings of the run that is trained here, path=value")
    parser.add_argument("--out", default="benchmarks/results/transform.json")
    options = parser.parse_args()
    if not (options.data or options.run):
        parser.error("give --data or --run")
    files = sorted(f for f in options.data.rglob("*") if f.suffix.lower() in (".jpg", ".jpeg", ".png")) if options.data else []
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder, path = Path(name), options.run
        if path is None:
            settings = {"degradation.scale": 2, "hardware.threads": options.threads, "watching.judge": 0, "watching.preview": 0}
            settings |= dict(s.split("=", 1) for s in options.set)
            path = sparring.train("super-resolution", str(options.data), run=folder / "run", rounds=options.rounds, settings=settings).path
        run = sparring.load(path)
        start = row(path, (64, 64), files, folder, options)
        print(start, flush=True)
        rows = []
        for megapixels in sorted(options.megapixels):
            height = round((megapixels * 1e6 * 3 / 4) ** 0.5)
            rows.append(row(path, (round(height * 4 / 3), height), files, folder, options))
            print(rows[-1], flush=True)
        facts = {"recipe": run.folder.recipe()["recipe"], "scale": run.game.scale, "looks around, pixels": run.game.reach}
        facts |= {"parameters": sum(p.numel() for p in run.game.average.parameters()), "threads": run.configuration.hardware.threads}
    small, large = rows[0], rows[-1]
    linear = large["seconds a megapixel"] / small["seconds a megapixel"]
    memory = (large["peak memory, GB"] - small["peak memory, GB"]) / max(1e-9, large["megapixels"] - small["megapixels"])
    write_result(options.out, {
        "run": facts, "tile": options.tile, "format": options.format, "start": start, "rows": rows,
        f"under {BOUND:g} GB": max(r["peak memory, GB"] for r in rows) < BOUND, "GB a megapixel": round(memory, 4),
        "seconds a megapixel, largest over smallest": round(linear, 3),
    })  # fmt: skip


if __name__ == "__main__":
    main()
