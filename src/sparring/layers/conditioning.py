"""How a network is told the condition: class numbers (n,), or vectors (n, d) of attributes or of weighted labels."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sparring.layers.precision import exact


class Embedding(nn.Module):
    """Rows of a table for class numbers, their weighted sum for vectors: (n,) or (n, d) -> (n, width)."""

    def __init__(self, conditions: int, width: int, std: float = 1.0):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(conditions, width).normal_(std=std))

    def rows(self) -> Tensor:
        return self.weight

    def forward(self, y: Tensor) -> Tensor:
        return F.embedding(y, self.rows()) if y.ndim == 1 else y.to(self.weight.dtype) @ self.rows()


class UnitEmbedding(Embedding):
    """Rows of length 1 that learn their direction; a condition of half the size is told half as loudly."""

    def rows(self) -> Tensor:
        return F.normalize(self.weight, dim=1)


class LabelConcatenation(nn.Module):
    """An embedding of the condition beside the input: more numbers beside a vector, more channels beside a picture.

    Mirza & Osindero 2014, https://arxiv.org/abs/1411.1784.
    """

    def __init__(self, conditions: int, shape: tuple[int, ...], width: int = 16):
        """`shape` is that of one input item: (d,) for vectors, (channels, height, width) for pictures, which get one channel."""
        super().__init__()
        self.added = (width,) if len(shape) == 1 else (1, *shape[1:])
        self.embedding = Embedding(conditions, math.prod(self.added))

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return torch.cat([x, self.embedding(y).view(-1, *self.added).to(x.dtype)], 1)              # (n, d + width) | (n, c + 1, h, w)


class LabelProjection(nn.Module):
    """<e_y, phi(x)>, added to the discriminator's logit, which without it is that of an unconditional discriminator.

    Miyato & Koyama 2018, https://arxiv.org/abs/1802.05637, Eq. 5.
    """

    def __init__(self, conditions: int, features: int):
        super().__init__()
        self.embedding = Embedding(conditions, features, std=features**-0.5)

    def forward(self, features: Tensor, y: Tensor) -> Tensor:
        return (self.embedding(y) * features).sum(1, keepdim=True)                                 # (n, 1)


class Logit(nn.Module):
    """The last step of a discriminator: psi(phi(x)) + <e_y, phi(x)>, without the second term where there is no condition."""

    def __init__(self, out: nn.Linear, projection: LabelProjection | None):
        super().__init__()
        self.out, self.projection = out, projection

    def forward(self, features: Tensor, y: Tensor | None = None) -> Tensor:
        features = features.float()                                                                # (n, d)
        with exact(features):
            logit = self.out(features)
            if self.projection is not None:
                logit = logit + self.projection(features, y)
        return logit.squeeze(1)                                                                    # (n,)
