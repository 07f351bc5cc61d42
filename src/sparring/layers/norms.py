"""Normalisation that is told something."""

import torch
from torch import Tensor, nn


class ConditionalBatchNorm2d(nn.Module):
    """Batch norm whose gain and shift are linear functions of a vector: (n, c, h, w), (n, d) -> (n, c, h, w).

    de Vries et al. 2017, https://arxiv.org/abs/1707.00683; in the form of BigGAN (Brock et al. 2018, https://arxiv.org/abs/1809.11096,
    appendix C) the vector is a part of the noise beside the shared embedding of the label.
    """

    def __init__(self, channels: int, vector: int, normed):
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.gain, self.shift = (normed(nn.Linear(vector, channels, bias=False)) for _ in range(2))

    def forward(self, x: Tensor, told: Tensor) -> Tensor:
        gain, shift = 1 + self.gain(told), self.shift(told)                    # (n, c)
        return torch.addcmul(shift[:, :, None, None].to(x.dtype), self.norm(x), gain[:, :, None, None].to(x.dtype))
