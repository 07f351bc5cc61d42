"""The networks of BigGAN: Brock et al. 2018, https://arxiv.org/abs/1809.11096, appendix B; residual blocks after Miyato et al. 2018,
https://arxiv.org/abs/1802.05957.

The noise is cut into pieces: the first makes the smallest map, each further one goes, beside an embedding of the label that all blocks
share, to the batch norms of one block. Spectral norm on every weight of both networks; self-attention at one level.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from sparring.base.space import Space
from sparring.layers.attention import SelfAttention
from sparring.layers.conditioning import Embedding, LabelProjection, Logit
from sparring.layers.norms import ConditionalBatchNorm2d
from sparring.networks import settings
from sparring.networks.dcgan import levels, places


def normed(module: nn.Module) -> nn.Module:
    """Orthogonal weights under spectral norm."""
    nn.init.orthogonal_(module.weight)
    if getattr(module, "bias", None) is not None:
        nn.init.zeros_(module.bias)
    return spectral_norm(module, eps=1e-6)


class UpBlock(nn.Module):
    """(n, inputs, h, w), told (n, d) -> (n, outputs, 2h, 2w)."""

    def __init__(self, inputs: int, outputs: int, told: int):
        super().__init__()
        self.norm1, self.norm2 = ConditionalBatchNorm2d(inputs, told, normed), ConditionalBatchNorm2d(outputs, told, normed)
        self.conv1, self.conv2 = normed(nn.Conv2d(inputs, outputs, 3, padding=1)), normed(nn.Conv2d(outputs, outputs, 3, padding=1))
        self.skip = normed(nn.Conv2d(inputs, outputs, 1))

    def forward(self, x: Tensor, told: Tensor) -> Tensor:
        h = F.relu(self.norm1(x, told))
        h = self.conv1(F.interpolate(h, scale_factor=2))
        h = self.conv2(F.relu(self.norm2(h, told)))
        return h + F.interpolate(self.skip(x), scale_factor=2)                  # 1x1 and doubling commute: the cheaper order


class Generator(nn.Module):
    def __init__(self, settings: settings.BigGANGenerator, *, space: Space, noise: int, labels: int = 0):
        super().__init__()
        self.size, self.patch = space.shape[1:], settings.patch
        shape = places(space.shape, settings.patch)
        k, self.start = levels(shape)
        width = [settings.width * min(2**i, 4 if k <= 3 else 16) for i in range(k, -1, -1)]
        self.piece = max(1, noise // (k + 1))
        first = noise - k * self.piece
        # Told beside a piece of noise of length about 5, a label of length 1 turns the norms less than the noise does: of length 11 (numbers
        # from N(0, 1)) it turned them so much more that all pictures of a label became one.
        self.shared = Embedding(labels, settings.embedding, std=settings.embedding**-0.5) if labels else None
        told = self.piece + (settings.embedding if labels else 0)
        # Without a bias, which would draw the same smallest map for all: spectral norm holds what noise draws there to a tenth.
        self.first = normed(nn.Linear(first, width[0] * math.prod(self.start), bias=False))
        self.blocks = nn.ModuleList(UpBlock(a, b, told) for a, b in zip(width, width[1:]))
        at = attended(settings.attention, shape)
        self.attention = nn.ModuleDict({str(i): SelfAttention(width[i + 1], normed) for i in range(k) if max(self.start) * 2 ** (i + 1) == at})
        self.norm = nn.BatchNorm2d(width[-1])
        self.last = normed(nn.Conv2d(width[-1], shape[0], 3, padding=1))

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        pieces = [z[:, : z.shape[1] - len(self.blocks) * self.piece], *z[:, z.shape[1] - len(self.blocks) * self.piece :].split(self.piece, 1)]
        shared = [self.shared(label)] if self.shared is not None else []
        h = self.first(pieces[0]).unflatten(1, (-1, *self.start))               # (n, c, h / 2^k, w / 2^k)
        h = h.contiguous(memory_format=torch.channels_last)
        for i, (block, piece) in enumerate(zip(self.blocks, pieces[1:])):
            h = block(h, torch.cat([piece, *shared], 1))                        # (n, c', 2 h, 2 w)
            h = self.attention[str(i)](h) if str(i) in self.attention else h
        x = F.pixel_shuffle(torch.tanh(self.last(F.relu(self.norm(h)))), self.patch)          # (n, channels, >= h, >= w)
        return x[..., : self.size[0], : self.size[1]].float()


def attended(side: int, shape: tuple[int, ...]) -> int:
    """The longer side of the maps that attention looks at: as asked, or a half of the picture's; 0 for none."""
    k, start = levels(shape)
    full = max(start) * 2**k
    return side if side in [full >> i for i in range(k + 1)] else full // 2 if side else 0


class DownBlock(nn.Module):
    """(n, inputs, h, w) -> (n, outputs, h / 2, w / 2), or the same size."""

    def __init__(self, inputs: int, outputs: int, *, halve: bool, first: bool = False):
        super().__init__()
        self.conv1, self.conv2 = normed(nn.Conv2d(inputs, outputs, 3, padding=1)), normed(nn.Conv2d(outputs, outputs, 3, padding=1))
        self.skip = normed(nn.Conv2d(inputs, outputs, 1)) if inputs != outputs or halve else nn.Identity()
        self.pool = nn.AvgPool2d(2) if halve else nn.Identity()
        self.before = nn.Identity() if first else nn.ReLU()                     # a picture has no sign to cut

    def forward(self, x: Tensor) -> Tensor:
        return self.pool(self.conv2(F.relu(self.conv1(self.before(x))))) + self.skip(self.pool(x))


class Discriminator(nn.Module):
    def __init__(self, settings: settings.BigGANDiscriminator, *, space: Space, labels: int = 0):
        super().__init__()
        self.patch, shape = settings.patch, places(space.shape, settings.patch)
        k, (h, w) = levels(shape)
        small = k <= 3                                                          # as published for 32 px: two halvings, then two blocks at 8 px
        width = [settings.width * min(2**i, 1 if small else 16) for i in range(k)]
        halvings = 2 if small and k == 3 else k
        plan = [(a, b, i < halvings) for i, (a, b) in enumerate(zip([shape[0], *width], [*width, width[-1]]))]
        self.pad = (0, self.patch * w * 2**k - space.shape[2], 0, self.patch * h * 2**k - space.shape[1])
        self.blocks = nn.ModuleList(DownBlock(a, b, halve=halve, first=i == 0) for i, (a, b, halve) in enumerate(plan))
        at, side = attended(settings.attention, shape), max(h, w) * 2**k
        self.attention = nn.ModuleDict(
            {str(i): SelfAttention(b, normed) for i, (_, b, halve) in enumerate(plan) if halve and side >> (i + 1) == at}
        )
        out, projection = normed(nn.Linear(width[-1], 1)), LabelProjection(labels, width[-1]) if labels else None
        if projection is not None:
            projection.embedding = spectral_norm(projection.embedding)
        self.logit = Logit(out, projection)

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        h = F.pixel_unshuffle(F.pad(x, self.pad) if any(self.pad) else x, self.patch)
        for i, block in enumerate(self.blocks):
            h = block(h)
            h = self.attention[str(i)](h) if str(i) in self.attention else h
        return self.logit(F.relu(h).float().sum((2, 3)), label)                 # (n, c) -> (n,)
