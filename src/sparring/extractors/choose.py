"""Which extractors judge which data."""

from collections.abc import Callable

from sparring.base.space import Space
from sparring.extractors.classifier import classifier
from sparring.extractors.extractor import Extractor, Numbers
from sparring.extractors.selfsupervised import selfsupervised
from sparring.extractors.training import Batch


def extractors_for(space: Space, training: Batch, held_out: Batch, expand: Callable[[dict], dict], name: str, seed: int = 0) -> dict[str, Extractor]:
    """The extractors that judges use by themselves, by role: {"own": ..., "numbers": ...}.

    own: `cnn-<name>`, a classifier trained on the training items' labels, for pictures with at least two labels; `ssl-<name>`, trained
    without, for other pictures; the coordinates for points. Trained once and kept in the cache (half a minute on one core).
    training, held_out: compact batches; `expand` is the codec's.
    """
    numbers = Numbers(space.shape)
    if space.kind == "points":
        return {"own": numbers, "numbers": numbers}
    if "y" in training and len(training["y"].unique()) > 1:
        own = classifier(f"cnn-{name}", space.shape, len(space.labels), training, held_out, expand, seed=seed)
    else:
        own = selfsupervised(f"ssl-{name}", space.shape, training, expand, seed=seed)
    return {"own": own, "numbers": numbers}
