"""A network that learns without labels to recognise each picture through its changes; its features judge unlabelled pictures.

Chen et al. 2020 (SimCLR), https://arxiv.org/abs/2002.05709, on the small backbone, with affine changes, contrast and an erased part. What sees
through changes is content with texture: faces that were bent into caricatures had hardly a larger Frechet distance than mirrored ones (2.1 and
2.3; others of the same people 1.2). So the network also learns to tell bent pictures from straight ones (as Jenni et al. 2020,
https://arxiv.org/abs/2004.02331, does), and caricatures are at 7.7.
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
    """Backbone, and a projection and a logit that are used in training only. Features (n, 128) are taken before the projection."""

    dimension = DIMENSION

    def __init__(self, name: str, shape: tuple[int, int, int], settings: SelfSupervised):
        super().__init__()
        self.name, self.settings = name, settings
        self.backbone = Backbone(*shape)
        self.projection = nn.Sequential(nn.Linear(DIMENSION, DIMENSION), nn.ReLU(), nn.Linear(DIMENSION, PROJECTION))
        self.bent = nn.Linear(DIMENSION, 1)

    def features(self, x: Tensor) -> Tensor:
        return self.backbone(x.contiguous(memory_format=torch.channels_last))

    def maps(self, x: Tensor) -> list[Tensor]:
        return self.backbone.maps(x)

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        x, n = batch["x"], len(batch["x"])
        views = [self._view(x), self._view(x), self._view(x[: (n + 1) // 2], self.settings.bending)]
        features = self.features(torch.cat(views))  # (5n / 2, 128)
        straight, bent = self.bent(features).float().squeeze(1).tensor_split([2 * n])
        return {
            "contrast": contrast(self.projection(features[: 2 * n]).float(), self.settings.temperature),
            "bent": (F.softplus(straight).mean() + F.softplus(-bent).mean()) / 2,
        }

    def _view(self, x: Tensor, bending: float = 0.0) -> Tensor:
        return erase(dim(augment(x, self.settings.augmentation, bending)))


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
