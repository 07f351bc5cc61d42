"""Restorations against what needs no learning, and against the same network trained on pixels alone, for the same rounds.

    python -m benchmarks.restoration --recipe super-resolution|inpaint|restore|colorize --data DATA [--rounds 4000] [--threads auto]
        [--biharmonic] [--set path=value ...] [--out benchmarks/results/NAME.json]

DATA is a folder of pictures, or CIFAR-10 as the .npz that benchmarks.cifar reads. Three rows on the test part: the trivial answer (bicubic
enlargement, mean of the known pixels, the damaged picture itself, grey), the network after pixels alone (--pixels_alone 1), and the recipe.
--biharmonic adds scikit-image's biharmonic inpainting (pip install scikit-image). Perceptual distance and FD look through a network trained
on these pictures.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import sparring
from benchmarks.cifar import unpack
from benchmarks.machine import write_result
from sparring.metrics import paired
from sparring.metrics.judge import Judge
from sparring.modalities.images import grid
from sparring.runs.judging import answers, judge_for, triples
from sparring.runs.run import Run

METRICS = ("psnr", "ssim", "perceptual", "fd", "kid")
SHOWN = 15


def trained(name: str, options: argparse.Namespace, data: Path, folder: Path) -> tuple[Run, dict]:
    start = time.perf_counter()
    settings = {"hardware.threads": options.threads, "watching.judge": 0, "watching.preview": 0, "split.test": options.test, "split.validation": 0.02}
    settings |= dict(s.split("=", 1) for s in options.set) | ({"pixels_alone": 1} if name == "pixels alone" else {})
    run = sparring.train(options.recipe, str(data), run=folder / name.replace(" ", "-"), rounds=options.rounds, settings=settings)
    facts = {"seconds": round(time.perf_counter() - start), "rounds": options.rounds, "batch": run.configuration.batch}
    facts |= {"verdict": run.doctor()["verdict"]}
    return Run(run.path, "last"), facts


def rows_of(run: Run, n: int) -> tuple[dict, dict, Judge]:
    """What the run reaches on its test part, the same of the trivial answer, and the judge."""
    judge = judge_for(run.data, "test", names=METRICS, n=n, game=run.game)
    metrics = run.measure(metrics=METRICS, n=n)["metrics"]
    pick = lambda column: {name: round(m[column], 4) for name, m in metrics.items() if column in m}
    return pick("value"), pick("baseline") | {"floor": pick("floor")}, judge


def biharmonic(run: Run, judge: Judge, n: int) -> dict:
    """The holes of the test part filled by scikit-image."""
    from skimage.restoration import inpaint_biharmonic

    made = answers(run.data, run.game, "test", n, seed=1)
    holes = (made["x"] != made["target"]).any(1) | (made["trivial"] != made["target"]).any(1)          # (n, h, w)
    known = made["target"].permute(0, 2, 3, 1).numpy()
    filled = [inpaint_biharmonic(picture / 255, hole, channel_axis=2) for picture, hole in zip(known, holes.numpy())]
    x = torch.from_numpy((np.stack(filled).clip(0, 1) * 255).round().astype(np.uint8)).permute(0, 3, 1, 2).contiguous()
    document = judge.judge({"x": x})["metrics"]
    near = paired.measure(["psnr", "ssim", "perceptual"], made | {"x": x}, run.codec.expand, judge.extractors["own"])
    return {name: round(m["value"], 4) for name, m in {**near, **document}.items() if name in METRICS}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--recipe", default="super-resolution")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=4000)
    parser.add_argument("--threads", default="auto")
    parser.add_argument("--test", type=float, default=0.15)
    parser.add_argument("-n", type=int, default=1500)
    parser.add_argument("--biharmonic", action="store_true")
    parser.add_argument("--set", nargs="*", default=[])
    parser.add_argument("--out")
    options = parser.parse_args()
    out = options.out or f"benchmarks/results/{options.recipe}-{options.data.stem}.json"
    torch.set_num_threads(1)
    rows, sheets = {}, []
    with tempfile.TemporaryDirectory() as folder:
        data = options.data
        if data.suffix == ".npz":
            unpack(options.data, data := Path(folder) / "cifar.npz")
        for name in ("pixels alone", "recipe"):
            run, facts = trained(name, options, data, Path(folder))
            row, rows["trivial"], judge = rows_of(run, options.n)
            rows[name] = row | facts
            sheets.append(grid(*triples(run.codec, answers(run.data, run.game, "test", SHOWN, seed=2))))
            print(name, rows[name], flush=True)
        if options.biharmonic:
            rows["biharmonic"] = biharmonic(run, judge, options.n)
        protocol = {"n": options.n, "tile": list(run.codec.space.shape), "extractor": judge.extractors["own"].name}
    write_result(out, {"recipe": options.recipe, "data": options.data.name, "set": options.set, "protocol": protocol, "rows": rows})
    Image.fromarray(np.concatenate(sheets, 1)).save(Path(out).with_suffix(".png"), optimize=True)


if __name__ == "__main__":
    main()
