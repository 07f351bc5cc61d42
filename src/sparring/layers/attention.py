"""Self-attention over the places of a picture."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class SelfAttention(nn.Module):
    """x + gamma o(softmax(q k) v), keys and values at half the size; gamma starts at 0. (n, c, h, w) -> the same.

    Zhang et al. 2018 (SAGAN), https://arxiv.org/abs/1805.08318, section 3. Written out, because the fused kernels have no second
    derivative.
    """

    def __init__(self, width: int, normed):
        """`normed` wraps every convolution (spectral norm)."""
        super().__init__()
        self.query, self.key = normed(nn.Conv2d(width, width // 8, 1, bias=False)), normed(nn.Conv2d(width, width // 8, 1, bias=False))
        self.value, self.out = normed(nn.Conv2d(width, width // 2, 1, bias=False)), normed(nn.Conv2d(width // 2, width, 1, bias=False))
        self.gamma = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        n, _, h, w = x.shape
        query = self.query(x).flatten(2)                                        # (n, c / 8, h w)
        key = F.max_pool2d(self.key(x), 2).flatten(2)                           # (n, c / 8, h w / 4)
        value = F.max_pool2d(self.value(x), 2).flatten(2)                       # (n, c / 2, h w / 4)
        weight = torch.softmax(query.transpose(1, 2) @ key, 2)                  # (n, h w, h w / 4)
        seen = (value @ weight.transpose(1, 2)).view(n, -1, h, w)
        return x + self.gamma.to(x.dtype) * self.out(seen)
