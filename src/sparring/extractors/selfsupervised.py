"""A network that learns without labels to recognise each picture through its changes; its features judge unlabelled pictures.

Chen et al. 2020 (SimCLR), https://arxiv.org/abs/2002.05709, on the small backbone, with affine changes, contrast and an erased part.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sparring.extractors.extractor import Extractor
from sparring.extractors.network import DIMENSION, Backbone, augment
from sparring.extractors.settings import SelfSupervised
from sparring.extractors.training import Batch, train, trained

PROJECTION = 64
ERASED = 0.4
CONTRAST = 0.4


class SelfSupervisedExtractor(Extractor):
    """Backbone and a projection that is used in training only. Features (n, 128) are taken before the projection."""

    dimension = DIMENSION

    def __init__(self, name: str, shape: tuple[int, int, int], settings: SelfSupervised):
        super().__init__()
        self.name, self.settings = name, settings
        self.backbone = Backbone(*shape)
        self.projection = nn.Sequential(nn.Linear(DIMENSION, DIMENSION), nn.ReLU(), nn.Linear(DIMENSION, PROJECTION))

    def features(self, x: Tensor) -> Tensor:
        return self.backbone(x.contiguous(memory_format=torch.channels_last))

    def maps(self, x: Tensor) -> list[Tensor]:
        return self.backbone.maps(x)

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        views = torch.cat([self._view(batch["x"]), self._view(batch["x"])])  # (2n, c, h, w)
        return {"contrast": contrast(self.projection(self.features(views)).float(), self.settings.temperature)}

    def _view(self, x: Tensor) -> Tensor:
        return erase(dim(augment(x, self.settings.augmentation)))


# -1/2n sum_i log( exp(z_i.z_i' / t) / sum_{k != i} exp(z_i.z_k / t) ), equation (1) of Chen et al.
def contrast(z: Tensor, temperature: float) -> Tensor:
    """NT-Xent of 2n projections (2n, d), where rows i and i+n show the same picture."""
    z = F.normalize(z, dim=1)
    similar = (z @ z.T / temperature).fill_diagonal_(float("-inf"))  # (2n, 2n)
    other = torch.arange(len(z), device=z.device).roll(len(z) // 2)
    return F.cross_entropy(similar, other)


def dim(x: Tensor) -> Tensor:
    """Each picture's contrast times a factor between 0.6 and 1.4, about its mean."""
    factor = 1 + CONTRAST * (2 * torch.rand(len(x), 1, 1, 1, device=x.device) - 1)
    mean = x.mean((1, 2, 3), keepdim=True)
    return (x - mean) * factor + mean


def erase(x: Tensor) -> Tensor:
    """A rectangle of each picture, up to 0.4 of each side, replaced by the picture's mean."""
    n, _, h, w = x.shape
    size, corner = torch.rand(2, n, 2, device=x.device, dtype=torch.float32)
    size = size * ERASED
    start = corner * (1 - size)
    inside = [
        (at >= start[:, i, None]) & (at < (start + size)[:, i, None])
        for i, at in enumerate((torch.arange(h, device=x.device) / h, torch.arange(w, device=x.device) / w))
    ]
    hole = inside[0][:, None, :, None] & inside[1][:, None, None, :]  # (n, 1, h, w)
    return torch.where(hole, x.mean((1, 2, 3), keepdim=True), x)


def selfsupervised(
    name: str,
    shape: tuple[int, int, int],
    training: Batch,
    expand: Callable[[dict], dict],
    settings: SelfSupervised = SelfSupervised(),  # noqa: B008  frozen
    seed: int = 0,
) -> SelfSupervisedExtractor:
    """A network trained on compact training items {"x": (n, c, h, w)} without their labels, or the one in the cache."""
    return trained(
        lambda: SelfSupervisedExtractor(name, shape, settings),
        lambda network: train(
            network, {"x": training["x"]}, expand, steps=settings.steps, batch=settings.batch, learning_rate=settings.learning_rate
        ),
        {"x": training["x"]},
        settings,
        seed,
    )
