"""400 faces, 64 px: the same game with and without augmentation, the same rounds.

    python -m benchmarks.faces --faces FOLDER [--recipe dcgan] [--rounds 2500] [--kinds none ada ...] [--seeds 0] [--threads auto]
        [--set path=value ...]

FOLDER holds a sub-folder of pictures for each of the people; the runs are given all pictures in one folder, so nothing knows who is who, the
judge neither: a classifier of 40 people by six or seven pictures each puts everybody so far from everybody else that coverage was 0.21 whatever
was generated. 100 faces are held out for the measures and 40 to pick the checkpoint with; `gap` is how much surer the discriminator is of training
faces than of held-out ones, in deviations, at the last checkpoint, where memorising has gone furthest; everything else is measured at the best
checkpoint and at the last one. Variety, over several draws: coverage, and people, the share of those learnt from whose face is the nearest one to
some generated face; by the judge of these faces and by EfficientNet-Lite0. What each of the two sees is said beside it: their coverage by
held-out faces that are mirrored, grained, blurred or bent.
"""

import argparse
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

import sparring
from benchmarks.machine import write_result
from sparring.extractors.extractor import Extractor, extract
from sparring.metrics.neighbours import coverage
from sparring.modalities.images import grid
from sparring.runs.judging import judge_for, mean_picture
from sparring.runs.run import Run

ADA = {"augmentation.kind": "ada"}
KINDS = {
    "none": {"augmentation.kind": "none"},
    "diffaugment": {"augmentation.kind": "diffaugment", "augmentation.colour": False, "augmentation.cutout": False},
    "ada": ADA,
    "ada-0.3": ADA | {"augmentation.target": 0.3, "augmentation.speed": 50_000},
}
"""ADA as the recipe has it, and quicker for a discriminator that is less sure; none of them mirrors: these faces are lit from one side"""
METRICS = ("fd", "kid", "precision", "recall", "density", "coverage", "copies", "gap")
DRAWS = 8
DATA = {"split.validation": 0.1, "split.test": 0.25, "encoding.resolution": 64}
OF = "--"
"""between the person and the picture in a file's name"""


def together(people: Path, out: Path) -> None:
    """All pictures in one folder, named after whom they show."""
    out.mkdir()
    for file in sorted(people.glob("*/*")):
        shutil.copy(file, out / f"{file.parent.name}{OF}{file.name}")


def eyes(run: Run) -> list[Extractor]:
    """The judge of these faces, and EfficientNet-Lite0 where no loss looks through it."""
    fixed = () if run.configuration.game.kind == "projected" else ("fd_efficientnet",)
    found = judge_for(run.data, "test", names=("coverage", *fixed)).extractors
    return [found[role] for role in ("own", "efficientnet") if role in found]


@torch.no_grad()
def variety(run: Run) -> dict[str, dict[str, dict[str, float]]]:
    """By extractor, of as many generated faces as are held out (mean and standard error over DRAWS draws): coverage of the training faces, the
    share of people in the training part who are met, and coverage of the held-out faces, which knowing faces by heart does not raise. Beside them
    the same of other real faces (of those held out, or of as many training faces) and of the mean face."""
    training, held = (run.data.part(part)["x"] for part in ("train", "test"))
    who = np.array([Path(run.data.source.names[i]).name.split(OF)[0] for i in run.data.rows["train"]])
    mean = run.codec.compact(run.codec.decode(mean_picture(training, lambda x: run.codec.expand({"x": x})["x"])))
    made = run.codec.compact(run.sample(DRAWS * len(held), seed=1))
    found = {}
    for eye in eyes(run):
        known, new, trivial, generated = (extract(eye, run.codec.expand, x) for x in (training, held, mean, made))
        met = lambda x: len(set(who[torch.cdist(x, known).argmin(1).numpy()])) / len(set(who))
        some = known[torch.randperm(len(known), generator=torch.Generator().manual_seed(0))[: len(held)]]
        for name, measure, real in (
            ("coverage", lambda x: coverage(known, x), new), ("people", met, new), ("coverage of held-out", lambda x: coverage(new, x), some),
        ):  # fmt: skip
            draws = [measure(x) for x in generated.split(len(held))]
            row = {"value": np.mean(draws), "error": np.std(draws, ddof=1) / DRAWS**0.5, "floor": measure(real), "baseline": measure(trivial)}
            found.setdefault(name, {})[eye.name] = {k: round(float(v), 4) for k, v in row.items()}
    return found


def spoilt(x: Tensor) -> dict[str, Tensor]:
    """Faces (n, 1, h, w) of 256 levels as they are, and changed in ways that a person sees: turned about, with grain of 8 levels, at half of their
    resolution, and bent by some 1 and 3 pixels, which leaves every face a caricature."""
    chance = torch.Generator().manual_seed(0)
    levels = x.float()
    places = F.affine_grid(torch.eye(2, 3).expand(len(x), 2, 3), list(x.shape), align_corners=False)                      # (n, h, w, 2)
    way = F.interpolate(torch.randn(len(x), 2, 8, 8, generator=chance), size=x.shape[2:], mode="bicubic").permute(0, 2, 3, 1)
    bent = lambda pixels: F.grid_sample(levels, places + way * 2 * pixels / x.shape[-1], padding_mode="reflection", align_corners=False)
    changed = {
        "as they are": levels, "mirrored": levels.flip(3), "grain": levels + 8 * torch.randn(x.shape, generator=chance),
        "half resolution": F.interpolate(F.avg_pool2d(levels, 2), scale_factor=2.0, mode="bilinear"), "bent by 1": bent(1), "bent by 3": bent(3),
    }  # fmt: skip
    return {name: v.round().clamp(0, 255).to(torch.uint8) for name, v in changed.items()}


@torch.no_grad()
def eyesight(run: Run, sheets: Path) -> dict[str, dict[str, float]]:
    """Coverage by spoilt held-out faces, by extractor; eight of them of each kind in spoilt.png."""
    training, held = (run.data.part(part)["x"] for part in ("train", "test"))
    some = torch.cat([x[:8] for x in spoilt(held).values()]).permute(0, 2, 3, 1).numpy()
    Image.fromarray(grid(some, np.arange(len(some) // 8).repeat(8))).save(sheets / "spoilt.png", optimize=True)
    seen = lambda eye, x: coverage(extract(eye, run.codec.expand, training), extract(eye, run.codec.expand, x))
    return {eye.name: {name: round(float(seen(eye, x)), 3) for name, x in spoilt(held).items()} for eye in eyes(run)}


def one(kind: str, seed: int, options: argparse.Namespace, faces: Path, folder: Path) -> dict:
    start = time.perf_counter()
    settings = DATA | KINDS[kind] | {"hardware.threads": options.threads, "watching.items": 100}
    if options.recipe == "projected":                                       # two discriminators, each with an augmentation of its own
        settings |= {f"pixel_{name}": value for name, value in KINDS[kind].items() if not kind.startswith("ada")}
    settings |= dict(s.split("=", 1) for s in options.set)
    run = sparring.train(options.recipe, str(faces), run=folder / f"{kind}-{seed}", rounds=options.rounds, seed=seed, settings=settings)
    seconds = time.perf_counter() - start
    found = {}
    for which in ("best", "last"):
        at = Run(run.path, which)
        metrics = at.measure(metrics=METRICS)["metrics"]
        found[which] = {"checkpoint": at.checkpoint.name} | {
            name: {k: round(m[k], 4) for k in ("value", "floor", "baseline", "control") if k in m} for name, m in metrics.items()
        } | {"variety": variety(at)}
    options.sheets.mkdir(parents=True, exist_ok=True)
    Image.fromarray(grid(run.sample(64, seed=0))).save(options.sheets / f"{kind}-{seed}.png", optimize=True)
    p = [e["watch"]["augmentation"] for e in run.folder.events() if "augmentation" in e["watch"]]
    facts = {"augmentation": kind, "seed": seed, "seconds": round(seconds), "verdict": run.doctor()["verdict"]}
    return facts | {"p at the end": p[-1] if p else None} | found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--faces", type=Path, required=True)
    parser.add_argument("--recipe", default="dcgan")
    parser.add_argument("--rounds", type=int, default=2500)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--kinds", nargs="+", default=["none", "ada", "diffaugment"], choices=KINDS)
    parser.add_argument("--threads", default="auto")
    parser.add_argument("--set", nargs="*", default=[], help="settings, path=value")
    parser.add_argument("--keep", type=Path, help="a folder that keeps the runs")
    parser.add_argument("--sheets", type=Path, default=Path("benchmarks/results/faces"))
    parser.add_argument("--out", default="benchmarks/results/faces.json")
    options = parser.parse_args()
    rows, sight = [], None
    with tempfile.TemporaryDirectory() as folder:
        together(options.faces, Path(folder) / "faces")
        for seed in options.seeds:
            for kind in options.kinds:
                rows.append(one(kind, seed, options, Path(folder) / "faces", options.keep or Path(folder)))
                print(rows[-1], flush=True)
                sight = sight or eyesight(Run((options.keep or Path(folder)) / f"{kind}-{seed}", "last"), options.sheets)
                facts = {"data": "400 faces, 64 px, 260 training", "coverage by spoilt faces": sight}
                facts |= {"recipe": options.recipe, "rounds": options.rounds, "set": options.set}
                write_result(options.out, facts | {"rows": rows})


if __name__ == "__main__":
    main()
