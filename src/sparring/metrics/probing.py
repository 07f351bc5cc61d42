"""Metrics that ask the game itself, not only its items: smoothness of the latent space, what the discriminator knows by heart, and whether
generated items can stand in for real ones in training. Each gives value, floor, baseline and control as far as they exist, and its protocol.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from sparring.base.seeding import generator
from sparring.extractors.classifier import accuracy, classifier
from sparring.extractors.extractor import BATCH, Extractor, Numbers, extract
from sparring.losses.perceptual import perceptual
from sparring.metrics.catalogue import METRICS
from sparring.metrics.items import NotComputable
from sparring.metrics.neighbours import nearest

Batch = dict[str, Tensor]
EPSILON = 1e-4
KEPT = (0.01, 0.99)


@dataclass(frozen=True)
class Subject:
    """What these metrics may ask of a game and its data. `training`, `held_out`: compact batches; `fakes(n)`: compact generated items."""

    expand: Callable[[Batch], Batch]
    extractor: Extractor
    shape: tuple[int, ...]
    classes: int
    training: Batch
    held_out: Batch
    fakes: Callable[[int], Batch]
    score: Callable[[Batch], Tensor] | None
    """logits (n,) of compact items; None without a discriminator"""
    steps: Callable[[int, float], tuple[Tensor, Tensor]] | None
    """(n, epsilon) -> items (n, *shape) at n random places of random paths through the latent space, and epsilon further on"""


def measure(name: str, subject: Subject, n: int) -> dict[str, Any]:
    """One of these metrics as a document's entry; NotComputable with the reason where it has no value."""
    entry = FUNCTIONS[name](subject, n)
    return {"value": entry.pop("value"), "better": METRICS[name].better, **entry}


def _some(batch: Batch, n: int, purpose: str) -> Batch:
    rows = torch.randperm(len(batch["x"]), generator=generator("probing", purpose))[:n]
    return {name: column[rows] for name, column in batch.items()}


# E d(G(p(t)), G(p(t + e))) / e^2
@torch.no_grad()
def ppl(subject: Subject, n: int) -> dict[str, Any]:
    """Perceptual path length: how much items change for a small step of the latent; the lowest and highest hundredth are left out.

    Karras et al. 2018, https://arxiv.org/abs/1812.04948, section 4.1. Real pictures have no latent, so there is no floor.
    """
    if subject.steps is None:
        raise NotComputable("the game does not generate pictures")
    maps = subject.extractor.maps
    distance = lambda a, b: torch.cat([perceptual(maps(x), maps(y)) for x, y in zip(a.split(BATCH), b.split(BATCH))]).double()
    mean = lambda d: float(d[(d >= d.quantile(KEPT[0])) & (d <= d.quantile(KEPT[1]))].mean()) / EPSILON**2
    here, there = subject.steps(n, EPSILON)
    real = subject.expand({"x": _some(subject.training, 2 * n, "ppl")["x"]})["x"]
    a, b = real[: len(real) // 2], real[len(real) // 2 : 2 * (len(real) // 2)]
    t = torch.rand(len(a), 1, 1, 1, generator=generator("ppl"))
    return {
        "value": mean(distance(here, there)), "baseline": mean(distance(torch.lerp(a, b, t), torch.lerp(a, b, t + EPSILON))),
        "control": mean(distance(here, here.roll(1, 0))),
        "protocol": {
            "extractor": subject.extractor.name, "extractor_hash": subject.extractor.hash, "n_fake": len(here), "epsilon": EPSILON,
            "baseline": "cross-fades of training pictures", "control": "steps to unrelated items", "left out": "1 % at either end",
        },
    }  # fmt: skip


# (E D(train) - E D(held out)) / deviation of D(held out)
@torch.no_grad()
def gap(subject: Subject, n: int) -> dict[str, Any]:
    """How much surer the discriminator is of items it was trained on than of held-out ones: what it knows by heart."""
    if subject.score is None:
        raise NotComputable("the game has no discriminator")
    n = min(n, len(subject.training["x"]), len(subject.held_out["x"]))
    if n < 20:
        raise NotComputable(f"needs 20 held-out items, there are {n}")
    training, held = _some(subject.training, n, "gap"), _some(subject.held_out, n, "gap held out")
    look = lambda batch: extract(Numbers(subject.shape), subject.expand, batch["x"])
    known = look(subject.training)
    heart = lambda batch: -nearest(look(batch), known)                     # a judge that knows every training item by heart
    effect = lambda a, b: float((a.mean() - b.mean()) / b.std().clamp(min=1e-12))
    scores = subject.score(held).double()
    return {
        "value": effect(subject.score(training).double(), scores), "floor": abs(effect(scores[: n // 2], scores[n // 2 :])),
        "control": effect(heart(training), heart(held)),
        "protocol": {"n": n, "unit": "standard deviations of the held-out logits", "floor": "one half of the held-out items against the other",
                     "control": "the distance to the nearest training item as a judge"},
    }  # fmt: skip


def gan_train(subject: Subject, n: int) -> dict[str, Any]:
    """Accuracy on real held-out items of a classifier that learnt from n generated ones; floor: from n real ones.

    Shmelkov et al. 2018, https://arxiv.org/abs/1807.09499.
    """
    if not subject.classes or "y" not in subject.training:
        raise NotComputable("the data have no labels")
    if len(subject.shape) != 3:
        raise NotComputable("it is for pictures")
    n = min(n, len(subject.training["x"]))
    made = subject.fakes(n)
    if "y" not in made:
        raise NotComputable("the items were not asked for by label")
    learn = lambda batch: accuracy(
        classifier("gan-train", subject.shape, subject.classes, batch, {"x": batch["x"][:0]}, subject.expand), subject.held_out, subject.expand
    )
    common = float(torch.bincount(subject.held_out["y"]).max()) / len(subject.held_out["y"])
    return {
        "value": learn(made), "floor": learn(_some(subject.training, n, "gan-train")), "baseline": common,
        "control": learn(made | {"y": (made["y"] + 1) % subject.classes}),
        "protocol": {"n": n, "tested on": f"{len(subject.held_out['x']):,} held-out items", "baseline": "always the most frequent label",
                     "control": "generated items under wrong labels"},
    }  # fmt: skip


FUNCTIONS = {"ppl": ppl, "gap": gap, "gan_train": gan_train}
