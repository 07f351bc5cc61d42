"""The small convolutional network that trained extractors share, and the augmentation they learn to see through."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sparring.extractors.settings import Augmentation

WIDTHS = (24, 48, 48, 96, 128)
DIMENSION = WIDTHS[-1]
LARGEST_MAP = 32
SMALLEST_MAP = 5


class Backbone(nn.Sequential):
    """Pictures (n, c, h, w) of any size to features (n, 128), none negative.

    Five 3x3 convolutions with batch norm. A wide step of the first brings maps to at most 32 a side; two halvings follow where at least 5
    a side are left after them.
    """

    def __init__(self, channels: int, height: int, width: int):
        step = math.ceil(max(height, width) / LARGEST_MAP)
        first = nn.Conv2d(channels, WIDTHS[0], step + 2, step, padding=1, bias=False)
        layers: list[nn.Module] = [first, nn.BatchNorm2d(WIDTHS[0]), nn.ReLU()]
        side = min(height, width) / step
        for i, (before, after) in enumerate(zip(WIDTHS, WIDTHS[1:])):
            if i % 2 == 0 and side / 2 >= SMALLEST_MAP:
                layers.append(nn.MaxPool2d(2))
                side /= 2
            layers += [nn.Conv2d(before, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
        super().__init__(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())  # (n, 128)
        self.to(memory_format=torch.channels_last)

    def maps(self, x: Tensor) -> list[Tensor]:
        """What each of the five layers makes of pictures, (n, width, h_l, w_l)."""
        x, found = x.contiguous(memory_format=torch.channels_last), []
        for layer in list(self)[:-2]:
            x = layer(x)
            if isinstance(layer, nn.ReLU):
                found.append(x)
        return found


def augment(x: Tensor, settings: Augmentation) -> Tensor:
    """Each picture of x (n, c, h, w) through its own random affine map; what comes in from outside repeats the border."""
    n = len(x)
    draw = lambda limit: (2 * torch.rand(n, device=x.device) - 1) * limit
    angle, size, ratio = draw(math.radians(settings.rotation)), draw(settings.scale).exp(), draw(settings.stretch / 2).exp()
    rows = [
        torch.stack([size * ratio * angle.cos(), -size * angle.sin() + draw(settings.shear), draw(settings.shift)], 1),
        torch.stack([size * angle.sin(), size / ratio * angle.cos(), draw(settings.shift)], 1),
    ]
    grid = F.affine_grid(torch.stack(rows, 1), list(x.shape), align_corners=False)  # (n, h, w, 2)
    return F.grid_sample(x, grid, padding_mode="border", align_corners=False)
