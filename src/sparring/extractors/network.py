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
KNOTS = 6
"""points a side between which a bend is smooth"""


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


def augment(x: Tensor, settings: Augmentation, bending: float = 0.0) -> Tensor:
    """Each picture of x (n, c, h, w) through its own random affine map; what comes in from outside repeats the border.

    bending: the deviation, in half sides, of a smooth random field that moves places besides; each picture has a quarter to the whole of it.
    """
    n = len(x)
    draw = lambda limit: (2 * torch.rand(n, device=x.device) - 1) * limit
    angle, size, ratio = draw(math.radians(settings.rotation)), draw(settings.scale).exp(), draw(settings.stretch / 2).exp()
    rows = [
        torch.stack([size * ratio * angle.cos(), -size * angle.sin() + draw(settings.shear), draw(settings.shift)], 1),
        torch.stack([size * angle.sin(), size / ratio * angle.cos(), draw(settings.shift)], 1),
    ]
    grid = F.affine_grid(torch.stack(rows, 1), list(x.shape), align_corners=False)  # (n, h, w, 2)
    if bending:
        grid = grid + bends(n, x.shape[2:], x.device) * bending
    return F.grid_sample(x, grid, padding_mode="border", align_corners=False)


def bends(n: int, size: tuple[int, int], device: torch.device) -> Tensor:
    """Smooth random fields (n, h, w, 2), through 6 x 6 normal draws, between a quarter and the whole of deviation 1."""
    strength = 0.25 + 0.75 * torch.rand(n, 1, 1, 1, device=device)
    field = F.interpolate(torch.randn(n, 2, KNOTS, KNOTS, device=device), size=tuple(size), mode="bicubic", align_corners=True)
    return (strength * field).permute(0, 2, 3, 1)
