"""A classifier of the user's own labels, whose features judge generated pictures: a ruler that knows what matters in these data."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sparring.extractors.extractor import BATCH, Extractor
from sparring.extractors.network import DIMENSION, Backbone, augment
from sparring.extractors.settings import Classifier
from sparring.extractors.training import Batch, train, trained


class ClassifierExtractor(Extractor):
    """Backbone and a linear head. Features (n, 128) are what the head sees."""

    dimension = DIMENSION

    def __init__(self, name: str, shape: tuple[int, int, int], classes: int, settings: Classifier):
        super().__init__()
        self.name, self.settings = name, settings
        self.backbone, self.linear = Backbone(*shape), nn.Linear(DIMENSION, classes)

    def features(self, x: Tensor) -> Tensor:
        return self.backbone(x.contiguous(memory_format=torch.channels_last))

    def maps(self, x: Tensor) -> list[Tensor]:
        return self.backbone.maps(x)

    def head(self, features: Tensor) -> Tensor:
        return self.linear(features)

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        scores = self.classify(augment(batch["x"], self.settings.augmentation)).float()
        return {"cross entropy": F.cross_entropy(scores, batch["y"].long(), label_smoothing=self.settings.smoothing)}


def classifier(
    name: str,
    shape: tuple[int, int, int],
    classes: int,
    training: Batch,
    held_out: Batch,
    expand: Callable[[dict], dict],
    settings: Classifier = Classifier(),  # noqa: B008  frozen
    seed: int = 0,
) -> ClassifierExtractor:
    """A classifier trained on compact training items {"x": (n, c, h, w), "y": (n,)}, or the one in the cache.

    `test_accuracy` is measured on the held-out items, when there are labelled ones.
    """
    steps = settings.steps if settings.steps != "auto" else min(6000, max(800, 3 * len(training["x"]) // settings.batch))
    extractor = trained(
        lambda: ClassifierExtractor(name, shape, classes, settings),
        lambda network: train(network, training, expand, steps=steps, batch=settings.batch, learning_rate=settings.learning_rate),
        training,
        settings,
        seed,
    )
    if "y" in held_out and len(held_out["x"]):
        extractor.test_accuracy = accuracy(extractor, held_out, expand)
    return extractor


@torch.no_grad()
def accuracy(extractor: Extractor, labelled: Batch, expand: Callable[[dict], dict]) -> float:
    """Share of compact labelled items that the extractor classifies rightly."""
    seen = [extractor.classify(expand({"x": x})["x"]).argmax(1) for x in labelled["x"].split(BATCH)]
    return (torch.cat(seen) == labelled["y"]).double().mean().item()
