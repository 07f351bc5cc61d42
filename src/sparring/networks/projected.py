"""Discriminators on the maps of a frozen feature network.

Sauer et al. 2021 (Projected GANs), https://arxiv.org/abs/2111.01007: section 3.2, maps are mixed across channels and, from coarse to fine,
across scales by fixed random convolutions, so that no discriminator can rest on a few features; section 3.3, one small discriminator a scale,
here without batch norm, so that the slope at an item is its own.
Kumari et al. 2021 (vision-aided GANs), https://arxiv.org/abs/2112.09130, section 3.1: one on the pixels beside them sees what the frozen network is
blind to.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from sparring.base.space import Space
from sparring.layers.conditioning import LabelProjection
from sparring.layers.precision import exact
from sparring.networks import settings
from sparring.networks.settings import DCGANDiscriminator


class Mixing(nn.Module):
    """Maps (n, c_i, h_i, w_i), finest first -> maps (n, width * 2^i, h_i, w_i). Its weights are drawn once and never move."""

    def __init__(self, channels: Sequence[int], width: int):
        super().__init__()
        self.widths = [width * 2**i for i in range(len(channels))]
        self.across = nn.ModuleList(nn.Conv2d(a, b, 1) for a, b in zip(channels, self.widths))
        self.down = nn.ModuleList(nn.Conv2d(b, a, 3, padding=1) for a, b in zip(self.widths, self.widths[1:]))
        for conv in [*self.across, *self.down]:
            nn.init.kaiming_normal_(conv.weight)
            nn.init.zeros_(conv.bias)

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        mixed = [conv(m) for conv, m in zip(self.across, maps)]
        for i in range(len(mixed) - 2, -1, -1):
            coarse = F.interpolate(self.down[i](mixed[i + 1]), mixed[i].shape[2:], mode="bilinear", align_corners=False)
            mixed[i] = mixed[i] + coarse
        return mixed


class Single(nn.Module):
    """One scale: halved until at most `end` pixels are left, then a logit at every place, (n, places)."""

    def __init__(self, width: int, halvings: int, labels: int):
        super().__init__()
        layers: list[nn.Module] = []
        for _ in range(halvings):
            wider = min(2 * width, 512)
            layers += [spectral_norm(nn.Conv2d(width, wider, 4, 2, 1, bias=False)), nn.LeakyReLU(0.2)]
            width = wider
        layers += [spectral_norm(nn.Conv2d(width, width, 3, padding=1)), nn.LeakyReLU(0.2)]
        self.trunk, self.out = nn.Sequential(*layers), spectral_norm(nn.Conv2d(width, 1, 1))
        self.projection = LabelProjection(labels, width) if labels else None

    def forward(self, x: Tensor, label: Tensor | None) -> Tensor:
        h = self.trunk(x).float()                                               # (n, c, end, end)
        with exact(h):
            logits = self.out(h).flatten(1)                                     # (n, end^2)
            if self.projection is not None:
                logits = logits + self.projection(h.mean((2, 3)), label)
        return logits


class Discriminator(nn.Module):
    """Mixed maps, finest first, and pictures (n, c, h, w) -> logits (n, scales * places), or twice as many, with the one of the pixels repeated so
    that it counts as much; without maps that one alone, (n, 1)."""

    def __init__(self, settings: settings.ProjectedDiscriminator, *, widths: Sequence[int], space: Space, labels: int = 0):
        super().__init__()
        self.scales = nn.ModuleList(Single(width, len(widths) - 1 - i, labels) for i, width in enumerate(widths))
        self.pixels = DCGANDiscriminator(width=settings.pixels).build(space=space, labels=labels) if settings.pixels else None

    def forward(self, maps: Sequence[Tensor], x: Tensor, label: Tensor | None = None) -> Tensor:
        logits = [scale(m, label) for scale, m in zip(self.scales, maps)]
        if self.pixels is not None:
            own = self.pixels(x, label)[:, None]
            logits.append(own.expand(-1, sum(l.shape[1] for l in logits) or 1))
        return torch.cat(logits, 1)
