"""What a discriminator can see of a whole batch."""

import torch
from torch import Tensor, nn


class MinibatchDeviation(nn.Module):
    """A channel with the standard deviation over groups of items, the mean over channels and places: (n, c, h, w) -> (n, c + 1, h, w).

    Karras et al. 2017, https://arxiv.org/abs/1710.10196, section 3; groups as in StyleGAN2. Item i is in group i mod (n / group).
    """

    def __init__(self, group: int):
        super().__init__()
        self.group = group

    def forward(self, x: Tensor) -> Tensor:
        n = len(x)
        size = next(g for g in range(min(self.group, n), 0, -1) if n % g == 0)           # the largest that divides the batch
        grouped = x.float().view(size, n // size, *x.shape[1:])
        deviation = (grouped.var(0, correction=0) + 1e-8).sqrt().mean((1, 2, 3))         # (n / size,)
        channel = deviation.repeat(size).view(n, 1, 1, 1).expand(-1, 1, *x.shape[2:])
        return torch.cat([x, channel.to(x.dtype)], 1)
