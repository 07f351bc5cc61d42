"""What styles do, and how near a user's picture a model can come: on a trained run of the recipe stylegan2 on labelled colour pictures.

    python -m benchmarks.styles --run RUN [--pairs 500] [--pictures 16] [--steps 400] [--out benchmarks/results/styles.json]

mixing      two items share all styles but those of one band. How far apart are their labels (total variation of a classifier's probabilities),
            their shapes (1 - correlation of the grey pictures, each brought to mean 0 and deviation 1) and their colours (distance of the
            channels' means and deviations)? Beside the distance of two unrelated items, which is the most that swapping everything can do.
projection  held-out pictures into w+; the perceptual distance of the result beside that of the best of 1,000 random samples, on the network
            that the projection looked through and on EfficientNet-Lite0, which it did not.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

import sparring
from benchmarks.machine import write_result
from sparring.extractors.pyramid import Pyramid
from sparring.latents import space
from sparring.latents.projection import project
from sparring.losses.perceptual import perceptual
from sparring.runs.explore import own_extractor, rows_of, write_picture

RANDOM = 1000


def labels(a: Tensor, b: Tensor, classify) -> Tensor:
    """Total variation of the classifier's probabilities, (n,)."""
    return (classify(a).softmax(1) - classify(b).softmax(1)).abs().sum(1) / 2


def shapes(a: Tensor, b: Tensor) -> Tensor:
    """1 - correlation of the grey pictures, (n,)."""
    grey = [x.mean(1).flatten(1) for x in (a, b)]
    u, v = ((g - g.mean(1, keepdim=True)) / g.std(1, keepdim=True).clamp(min=1e-6) for g in grey)
    return 1 - (u * v).mean(1)


def colours(a: Tensor, b: Tensor) -> Tensor:
    """Distance of the channels' means and deviations, (n,)."""
    told = lambda x: torch.cat([x.mean((2, 3)), x.std((2, 3))], 1)
    return (told(a) - told(b)).norm(dim=1)


@torch.no_grad()
def mixing(run, classify, pairs: int) -> dict:
    game = run.game
    y = run.conditions(2 * pairs, [run.codec.space.labels[i % 10] for i in np.random.default_rng(0).permutation(2 * pairs)])
    w = space.latents(game, game.noise(2 * pairs, 11), y, "w")
    base, other = w[:pairs], w[pairs:]
    picture = lambda styles: space.items(game, styles, None, "w")
    first, second = picture(base), picture(other)
    measures = {"label": lambda a, b: labels(a, b, classify), "shape": shapes, "colour": colours}
    most = {name: float(f(first, second).mean()) for name, f in measures.items()}
    table = {}
    for band, layers in space.bands(game.layers).items():
        swapped = picture(space.mixed(base, other, layers))
        moved = {name: float(f(first, swapped).mean()) for name, f in measures.items()}
        table[band] = {"layers": list(layers)} | {name: round(v, 4) for name, v in moved.items()}
        table[band] |= {f"{name}, share of unrelated items": round(v / most[name], 3) for name, v in moved.items()}
    return {"pairs": pairs, "unrelated items": {name: round(v, 4) for name, v in most.items()}, "bands": table}


def projection(run, extractor, pictures: int, steps: int, sheet: Path) -> dict:
    batch = run.data.part("test")
    rows = torch.randperm(len(batch["x"]), generator=torch.Generator().manual_seed(0))[:pictures]
    expanded = run.codec.expand({name: column[rows] for name, column in batch.items()})
    x, y = expanded["x"], expanded["y"] if run.game.conditional else None
    judges = {extractor.name: extractor.maps, "efficientnet-lite0": Pyramid(64)}
    found = project(run.game, x, y, extractor.maps, space="w+", steps=steps)
    with torch.no_grad():
        told = None if y is None else run.codec.space.some_conditions(RANDOM, 7)
        random = space.items(run.game, run.game.noise(RANDOM, 7), told, "z")
        rows = {}
        for name, maps in judges.items():
            target, seen = maps(x), maps(random)
            best = [float(perceptual(seen, [t[i : i + 1] for t in target]).min()) for i in range(len(x))]
            ends = perceptual(maps(found.items), target).tolist()
            ratios = [e / b for e, b in zip(ends, best)]
            rows[name] = {"projection, mean": round(float(np.mean(ends)), 5), f"best of {RANDOM}, mean": round(float(np.mean(best)), 5),
                          "ratio of the means": round(float(np.mean(ends) / np.mean(best)), 3), "largest ratio": round(max(ratios), 3)}  # fmt: skip
    write_picture(rows_of(run.codec.decode(torch.cat([x, found.items])), len(x)), sheet)
    return {"pictures": len(x), "space": "w+", "steps": steps, "judged by": rows}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--run", required=True)
    parser.add_argument("--pairs", type=int, default=500)
    parser.add_argument("--pictures", type=int, default=16)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--sheet", type=Path, default=Path("benchmarks/results/projection.png"))
    parser.add_argument("--out", default="benchmarks/results/styles.json")
    options = parser.parse_args()
    run = sparring.load(options.run)
    extractor = own_extractor(run)
    facts = {"recipe": run.folder.recipe()["recipe"], "data": run.data.source.name, "rounds": run.status["round"], "extractor": extractor.name,
             "extractor's accuracy": extractor.test_accuracy}  # fmt: skip
    mixed = mixing(run, extractor.classify, options.pairs)
    projected = projection(run, extractor, options.pictures, options.steps, options.sheet)
    write_result(options.out, facts | {"mixing": mixed, "projection": projected})


if __name__ == "__main__":
    main()
