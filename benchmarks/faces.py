"""400 faces, 64 px: the same game with and without augmentation, the same rounds.

    python -m benchmarks.faces --faces FOLDER [--recipe dcgan] [--rounds 2500] [--kinds none ada ...] [--seeds 0] [--threads auto]
        [--set path=value ...]

FOLDER holds a sub-folder of pictures for each of the people; the runs are given all pictures in one folder, so nothing knows who is who, the
judge neither: a classifier of 40 people by six or seven pictures each puts everybody so far from everybody else that coverage was 0.21 whatever
was generated. 100 faces are held out for the measures and 40 to pick the checkpoint with; `gap` is how much surer the discriminator is of training
faces than of held-out ones, in deviations, at the last checkpoint, where memorising has gone furthest; everything else is measured at the best
checkpoint and at the last one. Variety, over several draws: coverage, and people, the share of those learnt from whose face is the nearest one to
some generated face; by the judge of these faces and by EfficientNet-Lite0.
"""

import argparse
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import sparring
from benchmarks.machine import write_result
from sparring.extractors.extractor import extract
from sparring.metrics.neighbours import coverage
from sparring.modalities.images import grid
from sparring.runs.judging import judge_for, mean_picture
from sparring.runs.run import Run

ADA = {"augmentation.kind": "ada"}
KINDS = {
    "none": {"augmentation.kind": "none"},
    "diffaugment": {"augmentation.kind": "diffaugment", "augmentation.colour": False, "augmentation.cutout": False, "augmentation.flips": True},
    "ada": ADA,
    "ada-0.3": ADA | {"augmentation.target": 0.3, "augmentation.speed": 50_000},
}
"""ADA as the recipe has it, and quicker for a discriminator that is less sure"""
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


@torch.no_grad()
def variety(run: Run) -> dict[str, dict[str, dict[str, float]]]:
    """By extractor: coverage, and the share of people in the training part who are met, by as many generated faces as are held out (mean and
    standard error over DRAWS draws), by the held-out ones, and by the mean face."""
    fixed = () if run.configuration.game.kind == "projected" else ("fd_efficientnet",)              # no judge of a loss that looks through it
    eyes = judge_for(run.data, "test", names=("coverage", *fixed)).extractors
    training, held = (run.data.part(part)["x"] for part in ("train", "test"))
    who = np.array([Path(run.data.source.names[i]).name.split(OF)[0] for i in run.data.rows["train"]])
    mean = run.codec.compact(run.codec.decode(mean_picture(training, lambda x: run.codec.expand({"x": x})["x"])))
    made = run.codec.compact(run.sample(DRAWS * len(held), seed=1))
    found = {}
    for eye in (eyes[role] for role in ("own", "efficientnet") if role in eyes):
        known, *others = (extract(eye, run.codec.expand, x) for x in (training, held, mean, made))
        met = lambda x: len(set(who[torch.cdist(x, known).argmin(1).numpy()])) / len(set(who))
        for name, measure in (("coverage", lambda x: coverage(known, x)), ("people", met)):
            draws = [measure(x) for x in others[2].split(len(held))]
            row = {"value": np.mean(draws), "error": np.std(draws, ddof=1) / DRAWS**0.5, "floor": measure(others[0]), "baseline": measure(others[1])}
            found.setdefault(name, {})[eye.name] = {k: round(float(v), 4) for k, v in row.items()}
    return found


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
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        together(options.faces, Path(folder) / "faces")
        for seed in options.seeds:
            for kind in options.kinds:
                rows.append(one(kind, seed, options, Path(folder) / "faces", options.keep or Path(folder)))
                print(rows[-1], flush=True)
                facts = {"data": "400 faces, 64 px, 260 training", "recipe": options.recipe, "rounds": options.rounds, "set": options.set}
                write_result(options.out, facts | {"rows": rows})


if __name__ == "__main__":
    main()
