"""Which extractors judge which data."""

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from sparring.base.space import Space
from sparring.extractors.classifier import classifier
from sparring.extractors.extractor import Extractor, Numbers
from sparring.extractors.selfsupervised import selfsupervised
from sparring.extractors.settings import Classifier, SelfSupervised
from sparring.extractors.training import Batch

FEW_A_LABEL = 20
"""training items a label, on average, below which a classifier is no measure of distance: it knows them by heart and puts every label far from all
others, so that hardly any generated item is near a real one (of 400 faces of 40 people coverage was 0.21 whatever was generated)"""


class Expands(Protocol):
    """What extractors need of a codec."""

    space: Space

    def expand(self, batch: Batch) -> Batch: ...


def extractors_for(
    codec: Expands,
    name: str,
    training: Batch,
    held_out: Batch,
    *,
    names: Iterable[str] = (),
    inception: str | Path | None = None,
    steps: int | None = None,
    seed: int = 0,
) -> dict[str, Extractor]:
    """The extractors that judge data called `name`, by role. training, held_out: compact batches.

    own: for pictures `cnn-<name>`, a classifier trained on the training items' labels; `ssl-<name>`, trained without, where there are fewer than
    two labels or few items of each; for points their coordinates. labels: the classifier, where it is not `own`. Trained once (half a minute to a
    minute on one core) and kept in the cache. steps: moves of the optimizer instead of those few; an extractor that learnt longer sees finer
    differences, has a name of its own, and gives other numbers.
    numbers: the items' own numbers. For pictures also efficientnet, when a metric that looks through it is among `names`, and
    inception, when its weights file is given; UserError when they cannot be had.
    """
    shape = codec.space.shape
    numbers = Numbers(shape)
    if codec.space.kind == "points":
        return {"own": numbers, "numbers": numbers}
    fixed: dict[str, Extractor] = {}
    if inception is not None:  # files of the user first: what is wrong with them should not take a minute to say
        from sparring.extractors.inception import Inception

        fixed["inception"] = Inception(Path(inception))
    if any("efficientnet" in metric for metric in names):
        from sparring.extractors.efficientnet import EfficientNetLite0

        fixed["efficientnet"] = EfficientNetLite0()
    seer = of_labels(codec, name, training, held_out, steps=steps, seed=seed)
    if seer is not None and len(training["x"]) >= FEW_A_LABEL * labels_in(codec, training):
        return {"own": seer, "numbers": numbers} | fixed
    own = of_pictures(codec, name, training, steps=steps, seed=seed)
    return {"own": own, "numbers": numbers} | ({} if seer is None else {"labels": seer}) | fixed


def of_labels(codec: Expands, name: str, training: Batch, held_out: Batch, *, steps: int | None = None, seed: int = 0) -> Extractor | None:
    """The classifier of the training items' labels; None where there are fewer than two."""
    if labels_in(codec, training) < 2:
        return None
    settings = Classifier() if steps is None else Classifier(steps=steps)
    return classifier(f"cnn-{lasting(name, steps)}", codec.space.shape, len(codec.space.labels), training, held_out, codec.expand, settings, seed)


def of_pictures(codec: Expands, name: str, training: Batch, *, steps: int | None = None, seed: int = 0) -> Extractor:
    """The network that learnt from the training items without labels."""
    settings = SelfSupervised() if steps is None else SelfSupervised(steps=steps)
    return selfsupervised(f"ssl-{lasting(name, steps)}", codec.space.shape, training, codec.expand, settings, seed)


def labels_in(codec: Expands, training: Batch) -> int:
    """How many labels the training items have."""
    return len(training["y"].unique()) if "y" in training and codec.space.labels else 0


def lasting(name: str, steps: int | None) -> str:
    return name if steps is None else f"{name}-{steps}"
