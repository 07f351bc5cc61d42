"""Places that stand for blocks of pixels, and become pixels again."""

import torch
from torch import nn


class Pixels(nn.Sequential):
    """A convolution whose numbers are the pixels of a place, for a ReLU after it: (n, inputs, h, w) -> (n, outputs, patch * h, patch * w).

    All pixels of a place get the same at the start, so that no grid is there before one is learnt. Places do not see each other's pixels: without a
    convolution after it, which looks across their borders, these show as a grid.
    Shi et al. 2016, https://arxiv.org/abs/1609.05158; the start: Aitken et al. 2017 (ICNR), https://arxiv.org/abs/1707.02937, section 3.
    """

    def __init__(self, inputs: int, outputs: int, patch: int, side: int = 3):
        conv = nn.Conv2d(inputs, outputs * patch**2, side, padding=side // 2)
        super().__init__(conv, nn.PixelShuffle(patch))
        nn.init.kaiming_normal_(conv.weight)
        nn.init.zeros_(conv.bias)
        with torch.no_grad():
            conv.weight.copy_(conv.weight[:: patch**2].repeat_interleave(patch**2, 0))
