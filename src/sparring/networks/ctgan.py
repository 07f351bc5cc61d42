"""The networks of CTGAN and TVAE.

Xu et al. 2019, https://arxiv.org/abs/1907.00503, sections 4.4 and 4.5.
"""

import torch
from torch import Tensor, nn

from sparring.base.clock import Clock
from sparring.base.space import Space
from sparring.layers.dropout import Dropout
from sparring.networks import table_settings
from sparring.networks.tables import Concatenating
from sparring.play.game import Follower

DEVIATIONS = 0.01, 1.0
"""least and greatest deviation of a value"""


# h_0 = z + c,  h_i = h_(i-1) + relu(bn(fc(h_(i-1)))),  where + puts vectors beside each other (section 4.4)
class Generator(nn.Module):
    """(n, noise), (n, labels) -> (n, choices + values)."""

    def __init__(self, settings: table_settings.CTGANGenerator, *, space: Space, noise: int, labels: int = 0):
        super().__init__()
        widths = [noise + labels + i * settings.width for i in range(settings.depth + 1)]
        self.layers = nn.Sequential(*(Concatenating(width, settings.width, nn.BatchNorm1d(settings.width)) for width in widths[:-1]))
        self.out = nn.Linear(widths[-1], space.numbers)

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        return self.out(self.layers(z if label is None else torch.cat([z, label], 1)))


# h_0 = r_1 + ... + r_pack + c_1 + ... + c_pack,  h_i = drop(leaky_0.2(fc(h_(i-1)))) (section 4.4; packs: Lin et al. 2017, PacGAN)
class Discriminator(nn.Module):
    """Packs (n, pack * numbers), conditions of their rows (n * pack, labels) -> logits (n,)."""

    def __init__(self, settings: table_settings.CTGANDiscriminator, *, space: Space, labels: int, pack: int):
        super().__init__()
        widths = [pack * (space.numbers + labels), *[settings.width] * settings.depth]
        layers = [layer for a, b in zip(widths, widths[1:]) for layer in (nn.Linear(a, b), nn.LeakyReLU(0.2), Dropout(settings.dropout))]
        self.layers = nn.Sequential(*layers, nn.Linear(settings.width, 1))

    def forward(self, packs: Tensor, label: Tensor | None = None) -> Tensor:
        told = packs if label is None else torch.cat([packs, label.reshape(len(packs), -1)], 1)
        return self.layers(told).squeeze(1).float()


def hidden(inputs: int, width: int, depth: int) -> nn.Sequential:
    """(n, inputs) -> (n, width)."""
    widths = [inputs, *[width] * depth]
    return nn.Sequential(*(layer for a, b in zip(widths, widths[1:]) for layer in (nn.Linear(a, b), nn.ReLU())))


class Encoder(nn.Module):
    """(n, *shape) -> (n, outputs)."""

    def __init__(self, settings: table_settings.TVAEEncoder, *, space: Space, outputs: int):
        super().__init__()
        self.hidden = hidden(space.numbers, settings.width, settings.depth)
        self.out = nn.Linear(settings.width, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.hidden(x)).float()


class Deviations(Follower):
    """delta of every value: weights that are brought back into their bounds after every round."""

    def __init__(self, values: int):
        super().__init__()
        self.deviations = nn.Parameter(torch.full((values,), 0.1))

    @torch.no_grad()
    def follow(self, clock: Clock) -> None:
        self.deviations.clamp_(*DEVIATIONS)

    def forward(self) -> Tensor:
        return self.deviations.log()


class Decoder(nn.Module):
    """(n, noise) -> (n, choices + 2 values): logits, then centres, then log deviations, which are the same for all rows."""

    def __init__(self, settings: table_settings.TVAEDecoder, *, space: Space, noise: int):
        super().__init__()
        self.hidden = hidden(noise, settings.width, settings.depth)
        self.out = nn.Linear(settings.width, space.numbers)
        self.log_deviations = Deviations(len(space.values))

    def forward(self, z: Tensor) -> Tensor:
        return torch.cat([self.out(self.hidden(z)), self.log_deviations().expand(len(z), -1)], 1)
