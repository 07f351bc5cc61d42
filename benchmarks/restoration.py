"""Restorations against what needs no learning, and against the same network trained on pixels alone, for the same rounds.

    python -m benchmarks.restoration --recipe super-resolution|inpaint|restore|colorize --data DATA [--rounds 4000] [--threads auto]
        [--biharmonic] [--set path=value ...] [--out benchmarks/results/NAME.json]

DATA is a folder of pictures, or CIFAR-10 as the .npz that benchmarks.cifar reads. Three rows on the test part: the trivial answer (bicubic
enlargement, mean of the known pixels, the damaged picture itself, grey), the network after pixels alone (--pixels_alone 1), and the recipe.
--biharmonic adds scikit-image's biharmonic inpainting (pip install scikit-image). Perceptual distance and FD look through a network trained
on these pictures. Of holes, whose surroundings are the same in every answer, the squares around them are also judged alone.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F

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


def holes(made: dict) -> torch.Tensor:
    """(n, h, w): where pixels were missing."""
    return (made["x"] != made["target"]).any(1) | (made["trivial"] != made["target"]).any(1)


def biharmonic(made: dict) -> torch.Tensor:
    """The holes filled by scikit-image, (n, c, h, w) uint8."""
    from skimage.restoration import inpaint_biharmonic

    known = made["target"].permute(0, 2, 3, 1).numpy()
    filled = [inpaint_biharmonic(picture / 255, hole, channel_axis=2) for picture, hole in zip(known, holes(made).numpy())]
    return torch.from_numpy((np.stack(filled).clip(0, 1) * 255).round().astype(np.uint8)).permute(0, 3, 1, 2).contiguous()


def boxes(missing: torch.Tensor) -> list[tuple[int, int, int, int] | None]:
    """(top, bottom, left, right) of the square around each picture's hole, (n, h, w) -> n; None where it is under 8 pixels."""
    found = []
    for hole in missing:
        rows, columns = (torch.nonzero(hole.any(axis)).flatten() for axis in (1, 0))
        if not len(rows) or max(rows[-1] - rows[0], columns[-1] - columns[0]) < 8:
            found.append(None)
            continue
        side = int(max(rows[-1] - rows[0], columns[-1] - columns[0])) + 1
        place = lambda at, whole: int(min(max(0, (at[0] + at[-1] + 1 - side) // 2), whole - side))
        top, left = place(rows, hole.shape[0]), place(columns, hole.shape[1])
        found.append((top, top + side, left, left + side))
    return found


def cut(x: torch.Tensor, where: list) -> torch.Tensor:
    """The boxes of pictures (n, c, h, w) uint8, each at the size of the pictures; without those that have none."""
    parts = [(picture[:, a:b, c:d], picture.shape[1:]) for picture, box in zip(x, where) if box for a, b, c, d in [box]]
    sized = [F.interpolate(part[None].float(), tuple(size), mode="bilinear", align_corners=False) for part, size in parts]
    return torch.cat(sized).round().clamp(0, 255).to(torch.uint8)


def inside(run: Run, judge: Judge, made: dict, more: dict) -> dict:
    """Of the squares around the holes, enlarged to whole pictures: perceptual distance to the same square of the true picture, and FD and KID beside
    the same squares of training pictures; of the recipe, the trivial answer, others (`more`), and the true pictures."""
    where = boxes(holes(made))
    training = run.data.part("train")["x"]
    rows = torch.randperm(len(training), generator=torch.Generator().manual_seed(0))[: len(where)]
    reference, target = cut(training[rows], where), cut(made["target"], where)
    squares = {name: cut(x, where) for name, x in {"recipe": made["x"], "trivial": made["trivial"], **more}.items()}
    near = Judge(run.codec, {"x": reference}, {"x": target}, judge.extractors, names=("fd", "kid"), trivial={"x": squares["trivial"]})
    found = {"squares": len(target)}
    for name, x in squares.items():
        some = {"x": x, "target": target, "trivial": squares["trivial"]}
        distances = paired.measure(["perceptual"], some, run.codec.expand, judge.extractors["own"])
        metrics = near.judge({"x": x})["metrics"]
        found[name] = {k: round(m["value"], 4) for k, m in (distances | metrics).items()}
        found["true pictures"] = {k: round(m["floor"], 4) for k, m in metrics.items()}
    return found


def beside(run: Run, judge: Judge, made: dict, x: torch.Tensor) -> dict:
    """A row of other answers to the same pictures."""
    near = paired.measure(["psnr", "ssim", "perceptual"], made | {"x": x}, run.codec.expand, judge.extractors["own"])
    return {name: round(m["value"], 4) for name, m in {**near, **judge.judge({"x": x})["metrics"]}.items() if name in METRICS}


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
        made, more, within = answers(run.data, run.game, "test", options.n, seed=1), {}, {}
        if options.biharmonic:
            more["biharmonic"] = biharmonic(made)
            rows["biharmonic"] = beside(run, judge, made, more["biharmonic"])
        if run.game.masked:
            within = {"inside the hole": inside(run, judge, made, more)}
        protocol = {"n": options.n, "tile": list(run.codec.space.shape), "extractor": judge.extractors["own"].name}
    write_result(out, {"recipe": options.recipe, "data": options.data.name, "set": options.set, "protocol": protocol, "rows": rows, **within})
    Image.fromarray(np.concatenate(sheets, 1)).save(Path(out).with_suffix(".png"), optimize=True)


if __name__ == "__main__":
    main()
