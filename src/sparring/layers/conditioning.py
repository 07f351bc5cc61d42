"""How a network is told the label."""

import math

import torch
from torch import Tensor, nn


class LabelConcatenation(nn.Module):
    """An embedding of the label beside the input: more numbers beside a vector, more channels beside a picture.

    Mirza & Osindero 2014, https://arxiv.org/abs/1411.1784.
    """

    def __init__(self, labels: int, shape: tuple[int, ...], width: int = 16):
        """`shape` is that of one input item: (d,) for vectors, (channels, height, width) for pictures, which get one channel."""
        super().__init__()
        self.added = (width,) if len(shape) == 1 else (1, *shape[1:])
        self.embedding = nn.Embedding(labels, math.prod(self.added))

    def forward(self, x: Tensor, label: Tensor) -> Tensor:
        return torch.cat([x, self.embedding(label).view(-1, *self.added).to(x.dtype)], 1)          # (n, d + width) | (n, c + 1, h, w)


class LabelProjection(nn.Module):
    """<e_label, phi(x)>, added to the discriminator's logit.

    Miyato & Koyama 2018, https://arxiv.org/abs/1802.05637, Eq. 5.
    """

    def __init__(self, labels: int, features: int):
        super().__init__()
        self.embedding = nn.Embedding(labels, features)
        nn.init.normal_(self.embedding.weight, std=features**-0.5)

    def forward(self, features: Tensor, label: Tensor) -> Tensor:
        return (self.embedding(label) * features).sum(1, keepdim=True)                             # (n, 1)
