"""Which extractors look at which data."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from torch import Tensor

from sparring.extractors.classifier import classifier
from sparring.extractors.extractor import Extractor, Numbers
from sparring.extractors.selfsupervised import selfsupervised
from sparring.modalities.source import Codec


def extractors_for(
    codec: Codec, name: str, training: Mapping[str, Tensor], test: Mapping[str, Tensor], *, names: Iterable[str] = (), inception: str | None = None
) -> dict[str, Extractor]:
    """Extractors by role, trained or from the cache: `own` (a classifier where there are labels, else self-supervised; coordinates
    for points), `numbers`, and those that metrics asked for by name (`names`) or a weights file (`inception`) call for."""
    numbers = Numbers(codec.space.shape)
    if codec.space.kind != "images":
        return {"own": numbers, "numbers": numbers}
    if codec.space.labels and len(codec.space.labels) > 1:
        own = classifier(f"cnn-{name}", codec.space.shape, len(codec.space.labels), training, test, codec.expand)
    else:
        own = selfsupervised(f"selfsupervised-{name}", codec.space.shape, training, codec.expand)
    found: dict[str, Extractor] = {"own": own, "numbers": numbers}
    if any(metric.replace("-", "_") == "fd_efficientnet" for metric in names):
        from sparring.extractors.efficientnet import EfficientNetLite0

        found["efficientnet"] = EfficientNetLite0()
    if inception is not None:
        from sparring.extractors.inception import Inception

        found["inception"] = Inception(Path(inception))
    return found
