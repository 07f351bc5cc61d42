"""Networks of rows: perceptrons whose first layer is a sum of embeddings, one of every choice, and whose last says how a row is distributed.

The spaces are those of tables (`modalities.spaces.TableSpace`). The generator's residual layers: Xu et al. 2019 (CTGAN),
https://arxiv.org/abs/1907.00503.
"""

import torch
from torch import Tensor, nn

from sparring.base.space import Space
from sparring.layers.conditioning import Embedding
from sparring.layers.precision import exact
from sparring.networks import table_settings


class Exact(nn.Linear):
    """A linear layer of float32 whatever those before it are: the 8 bits of bf16 would change a chance by some per cent."""

    def forward(self, x: Tensor) -> Tensor:
        with exact(x):
            return super().forward(x.float())


def embeddings(space: Space, width: int) -> nn.Linear:
    """(n, *shape) -> (n, width). A real row picks one row of the table for every choice, a soft row a weighted sum: one formula for both. It
    begins with the scale of a layer of as many inputs as there are choices and values, since no more than these are not 0."""
    table = nn.Linear(space.numbers, width)
    bound = len(space.spans) ** -0.5
    with torch.no_grad():
        table.weight.uniform_(-bound, bound)
    return table


def distribution(space: Space, inputs: int) -> nn.Linear:
    """(n, inputs) -> (n, choices + 2 values), as `games.tables.LogisticRows` reads it. It begins with the shares that the data have, and with
    values anywhere in a bin."""
    out = Exact(inputs, space.numbers + len(space.values))
    with torch.no_grad():
        out.weight.mul_(0.1)
        out.bias.zero_()
        for span in space.choices:
            if span.shares:
                out.bias[span.start :][: span.size] = torch.tensor(span.shares).clamp_min(1e-6).log()
        out.bias[space.numbers :] = WIDE
    return out


WIDE = 1.5
"""log scale of a logistic distribution that is nearly uniform on [-1, 1]"""


class Encoder(nn.Module):
    """(n, *shape) -> (n, outputs)."""

    def __init__(self, settings: table_settings.TableEncoder, *, space: Space, outputs: int):
        super().__init__()
        layers = [layer for _ in range(settings.depth - 1) for layer in (nn.Linear(settings.width, settings.width), nn.SiLU())]
        self.layers = nn.Sequential(embeddings(space, settings.width), nn.SiLU(), *layers, Exact(settings.width, outputs))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


class Discriminator(nn.Module):
    """(n, *shape) -> logits (n,); what it is told is one more embedding in the sum."""

    def __init__(self, settings: table_settings.TableDiscriminator, *, space: Space, labels: int = 0):
        super().__init__()
        self.told = Embedding(labels, settings.width, std=len(space.spans) ** -0.5) if labels else None
        self.first = embeddings(space, settings.width)
        layers = [layer for _ in range(settings.depth - 1) for layer in (nn.Linear(settings.width, settings.width), nn.LeakyReLU(0.2))]
        self.layers = nn.Sequential(nn.LeakyReLU(0.2), *layers, Exact(settings.width, 1))

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        first = self.first(x)
        if self.told is not None and label is not None:
            first = first + self.told(label)
        return self.layers(first).squeeze(1)


class Perceptron(nn.Module):
    """(n, noise) -> (n, choices + 2 values)."""

    def __init__(self, settings: table_settings.RowPerceptron, *, space: Space, noise: int, labels: int = 0):
        super().__init__()
        self.told = Embedding(labels, settings.width, std=0.5) if labels else None
        self.first = nn.Linear(noise, settings.width)
        layers = [layer for _ in range(settings.depth - 1) for layer in (nn.Linear(settings.width, settings.width), nn.SiLU())]
        self.layers = nn.Sequential(nn.SiLU(), *layers, distribution(space, settings.width))

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        first = self.first(z)
        if self.told is not None and label is not None:
            first = first + self.told(label)
        return self.layers(first)


class Concatenating(nn.Module):
    """(n, inputs) -> (n, width + inputs): a layer beside what it saw (Xu et al. 2019, section 4.4)."""

    def __init__(self, inputs: int, width: int, norm: nn.Module):
        super().__init__()
        self.layer, self.norm = nn.Linear(inputs, width), norm

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([torch.relu(self.norm(self.layer(x))), x], 1)


class Residual(nn.Module):
    """(n, noise) -> (n, choices + 2 values): every layer sees all that came before it."""

    def __init__(self, settings: table_settings.RowResidual, *, space: Space, noise: int, labels: int = 0):
        super().__init__()
        self.told = Embedding(labels, settings.told) if labels else None
        inputs = noise + (settings.told if labels else 0)
        widths = [inputs + i * settings.width for i in range(settings.depth + 1)]
        norm = lambda: nn.BatchNorm1d(settings.width) if settings.norm == "batch" else nn.Identity()
        self.layers = nn.Sequential(*(Concatenating(width, settings.width, norm()) for width in widths[:-1]))
        self.out = distribution(space, widths[-1])

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        return self.out(self.layers(z if self.told is None else torch.cat([z, self.told(label)], 1)))
