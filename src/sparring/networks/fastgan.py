"""The light generator of FastGAN, which Projected GANs use: Liu et al. 2021, https://arxiv.org/abs/2101.04775, section 3.1.

Doubling by repetition, 3x3 convolutions with batch norm and gated linear units; small maps gate the channels of large ones (skip-layer
excitation). With conditions the batch norms are told them.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sparring.base.space import Space
from sparring.layers.conditioning import Embedding
from sparring.layers.norms import ConditionalBatchNorm2d
from sparring.networks import settings
from sparring.networks.dcgan import levels


class Norm(nn.Module):
    """Batch norm, which is told the condition where there is one."""

    def __init__(self, width: int, told: int):
        super().__init__()
        self.norm = ConditionalBatchNorm2d(width, told, lambda layer: layer) if told else nn.BatchNorm2d(width)
        if told:
            nn.init.zeros_(self.norm.gain.weight)
            nn.init.zeros_(self.norm.shift.weight)

    def forward(self, x: Tensor, told: Tensor | None) -> Tensor:
        return self.norm(x) if told is None else self.norm(x, told)


class UpBlock(nn.Module):
    """(n, inputs, h, w) -> (n, outputs, 2h, 2w)."""

    def __init__(self, inputs: int, outputs: int, told: int):
        super().__init__()
        self.conv1, self.conv2 = (nn.Conv2d(a, 2 * outputs, 3, padding=1, bias=False) for a in (inputs, outputs))
        self.norm1, self.norm2 = (Norm(2 * outputs, told) for _ in range(2))

    def forward(self, x: Tensor, told: Tensor | None) -> Tensor:
        h = F.glu(self.norm1(self.conv1(F.interpolate(x, scale_factor=2)), told), 1)
        return F.glu(self.norm2(self.conv2(h), told), 1)


class Excitation(nn.Module):
    """x scaled per channel by what a small map says: (n, small, h, w), (n, large, H, W) -> (n, large, H, W)."""

    def __init__(self, small: int, large: int):
        super().__init__()
        self.look, self.say = nn.Conv2d(small, large, 1), nn.Conv2d(large, large, 1)

    def forward(self, small: Tensor, x: Tensor) -> Tensor:
        seen = F.adaptive_avg_pool2d(small, 1)
        return x * torch.sigmoid(self.say(F.leaky_relu(self.look(seen), 0.1)))


class Generator(nn.Module):
    def __init__(self, settings: settings.FastGANGenerator, *, space: Space, noise: int, labels: int = 0):
        super().__init__()
        self.size = space.shape[1:]
        k, start = levels(space.shape)
        width = [max(settings.width // 8, settings.width * 16 // 2**i) if i < 4 else max(8, settings.width * 16 // 2**i) for i in range(k + 1)]
        told = 64 if labels else 0
        self.embedding = Embedding(labels, told) if labels else None
        self.first = nn.ConvTranspose2d(noise, 2 * width[0], start, bias=False)
        self.norm = Norm(2 * width[0], told)
        self.blocks = nn.ModuleList(UpBlock(a, b, told) for a, b in zip(width, width[1:]))
        self.excite = nn.ModuleDict({str(i): Excitation(width[i - 3], width[i]) for i in range(3, k + 1)})
        self.last = nn.Conv2d(width[-1], space.shape[0], 3, padding=1)
        for conv in (m for m in self.modules() if isinstance(m, (nn.Conv2d, nn.ConvTranspose2d))):
            nn.init.normal_(conv.weight, std=0.02)

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        told = self.embedding(label) if self.embedding is not None else None
        h = self.first(F.normalize(z, dim=1)[:, :, None, None] * z.shape[1] ** 0.5)
        maps = [F.glu(self.norm(h.contiguous(memory_format=torch.channels_last), told), 1)]      # (n, c, h / 2^k, w / 2^k)
        for i, block in enumerate(self.blocks, 1):
            h = block(maps[-1], told)                                                          # (n, c', 2 h, 2 w)
            maps.append(self.excite[str(i)](maps[i - 3], h) if str(i) in self.excite else h)
        return torch.tanh(self.last(maps[-1]))[..., : self.size[0], : self.size[1]].float()
