"""Networks from picture to picture, for any size and aspect ratio.

- Resnet: Zhu et al. 2017 (CycleGAN), https://arxiv.org/abs/1703.10593, appendix 7.2, after Johnson et al. 2016, https://arxiv.org/abs/1603.08155.
- UNet: Isola et al. 2016 (pix2pix), https://arxiv.org/abs/1611.07004, appendix 6.1, without its dropout, so that it is a function.
- Residual: Lim et al. 2017 (EDSR), https://arxiv.org/abs/1707.02921, section 3, with a skip of the picture itself; dilated convolutions see
  far (for the reason of Suvorov et al. 2021 (LaMa), https://arxiv.org/abs/2109.07161) and are exported, which Fourier ones are not.

The first two are doubled by repeating pixels and a 3x3 convolution, which leaves no checkerboard (Odena et al. 2016,
https://distill.pub/2016/deconv-checkerboard), where their papers have transposed convolutions.
"""

import math
from itertools import cycle, islice

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sparring.base.errors import UserError
from sparring.layers.places import Pixels
from sparring.layers.precision import unchanged
from sparring.networks import translator_settings
from sparring.networks.dcgan import channels, normal_init

# ---- how far a network sees

Step = tuple[float, int, int]
"""(stride, before, after): a layer whose output i comes from its inputs stride * i - before ... stride * i + after, along either side."""

HALVE3, HALVE4, DOUBLE = (2, 1, 1), (2, 1, 2), (0.5, 0, 0)


def flat(radius: int) -> Step:
    """A convolution that keeps the size."""
    return 1, radius, radius


def radius(steps: list[Step], period: int, scale: int) -> int:
    """How far from an output pixel, of the `period` kinds that there are along a side, its inputs lie; in pixels of the input."""

    def farthest(pixel: int) -> int:
        low = high = pixel
        for stride, before, after in reversed(steps):
            low, high = math.floor(low * stride) - before, math.floor(high * stride) + after
        return max(pixel // scale - low, high - pixel // scale)

    return max(farthest(pixel) for pixel in range(period))


class Translator(nn.Module):
    """(n, inputs, h, w) -> (n, outputs, scale * h, scale * w). Tiles of a picture should start at multiples of `multiple`."""

    multiple = 1
    scale = 1
    steps: list[Step]

    def reach(self) -> int:
        """How many input pixels to each side of an output pixel can influence it: an upper bound.

        Of the convolutions alone: instance norm takes its statistics from the whole picture, or tile.
        """
        return radius(self.steps, max(self.multiple, self.scale), self.scale)


# ---- parts


def bordered(x: Tensor, pad: tuple[int, int, int, int]) -> Tensor:
    """Reflected at the borders; pictures that are too small for that repeat their last pixels."""
    fits = max(pad[:2]) < x.shape[3] and max(pad[2:]) < x.shape[2]
    with unchanged(x):                                                              # autocast would take float32 for it, and bf16 again after
        return F.pad(x, pad, mode="reflect" if fits else "replicate")


def padded(x: Tensor, multiple: int) -> Tensor:
    """On the right and at the bottom, until `multiple` divides both sides."""
    right, bottom = -x.shape[3] % multiple, -x.shape[2] % multiple
    return bordered(x, (0, right, 0, bottom)) if right or bottom else x


class InstanceNorm(nn.Module):
    """(x - mean) / deviation over each map, without learnt numbers: Ulyanov et al. 2016, https://arxiv.org/abs/1607.08022.

    Groups of one channel give it, and keep channels_last, which torch's instance norm leaves; but there, on a CPU, they have derivatives that take
    20 times as long in bf16 and 3 times in fp32 as those of batch norm, whose batch is then one picture.
    """

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return torch.group_norm(x, x.shape[1], None, None, 1e-5)
        return torch.cat([torch.batch_norm(picture, None, None, None, None, True, 0.0, 1e-5, False) for picture in x.split(1)])


class Reflected(nn.Conv2d):
    """A convolution of an odd side on reflected borders: (n, inputs, h, w) -> (n, outputs, h / stride, w / stride)."""

    def __init__(self, inputs: int, outputs: int, side: int, stride: int = 1, bias: bool = False):
        super().__init__(inputs, outputs, side, stride, bias=bias)
        self.border = (side // 2,) * 4

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(bordered(x, self.border))


class Doubling(nn.Conv2d):
    """Every pixel repeated, then a 3x3 convolution on reflected borders: (n, inputs, h, w) -> (n, outputs, 2h, 2w).

    Where a pixel is repeated the taps that meet it can be added first. That is a transposed 4x4 convolution, 4 products a place instead of 9.
    """

    def __init__(self, inputs: int, outputs: int, bias: bool = False):
        super().__init__(inputs, outputs, 3, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        taps = self.weight.to(x.dtype).flip(2, 3).transpose(0, 1)                   # (inputs, outputs, 3, 3), in bf16 where x came so
        taps = F.pad(taps, (0, 1, 0, 0)) + F.pad(taps, (1, 0, 0, 0))
        taps = F.pad(taps, (0, 0, 0, 1)) + F.pad(taps, (0, 0, 1, 0))                # (inputs, outputs, 4, 4)
        with unchanged(x):
            x = F.pad(x, (1, 1, 1, 1), mode="replicate")
        return F.conv_transpose2d(x, taps, self.bias, stride=2, padding=3)


def published_init(network: nn.Module) -> None:
    """N(0, 0.02), no bias."""
    normal_init(network)
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.bias is not None:
            nn.init.zeros_(module.bias)


def only_same_size(settings: translator_settings.Translator, scale: int) -> None:
    if scale != 1:
        raise UserError(f"the translator {settings.kind} keeps the size, it cannot make pictures {scale} times as large; take residual")


# ---- networks


class Block(nn.Module):
    """(n, c, h, w) -> the same."""

    def __init__(self, width: int):
        super().__init__()
        self.change = nn.Sequential(Reflected(width, width, 3), InstanceNorm(), nn.ReLU(), Reflected(width, width, 3), InstanceNorm())

    def forward(self, x: Tensor) -> Tensor:
        return x + self.change(x)


class Resnet(Translator):
    multiple = 4

    def __init__(self, settings: translator_settings.ResnetTranslator, *, inputs: int, outputs: int, scale: int = 1):
        super().__init__()
        only_same_size(settings, scale)
        a, b, c = (settings.width * 2**i for i in range(3))
        between = lambda: (InstanceNorm(), nn.ReLU())
        self.layers = nn.Sequential(
            *(Reflected(inputs, a, 7), *between()),
            *(Reflected(a, b, 3, 2), *between()),                                   # (n, b, h / 2, w / 2)
            *(Reflected(b, c, 3, 2), *between()),                                   # (n, c, h / 4, w / 4)
            *(Block(c) for _ in range(settings.blocks)),
            *(Doubling(c, b), *between()),                                          # (n, b, h / 2, w / 2)
            *(Doubling(b, a), *between()),                                          # (n, a, h, w)
            *(Reflected(a, outputs, 7, bias=True), nn.Tanh()),
        )
        published_init(self)
        self.steps = [flat(3), HALVE3, HALVE3, *[flat(2)] * settings.blocks, DOUBLE, flat(1), DOUBLE, flat(1), flat(3)]

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(padded(x, 4))[..., : x.shape[2], : x.shape[3]].to(x.dtype)


class UNet(Translator):
    def __init__(self, settings: translator_settings.UNetTranslator, *, inputs: int, outputs: int, scale: int = 1):
        super().__init__()
        only_same_size(settings, scale)
        k = settings.levels
        self.multiple = 2**k
        width = channels(settings.width, k)
        normed = lambda norm: InstanceNorm() if norm else nn.Identity()
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        for i, (a, b) in enumerate(zip([inputs, *width], width)):
            norm = 0 < i < k - 1                                                    # a norm takes the bias away
            self.down.append(nn.Sequential(nn.Conv2d(a, b, 4, 2, 1, bias=not norm), normed(norm), nn.LeakyReLU(0.2)))
        for i in reversed(range(k)):
            a, b = width[i] * (1 if i == k - 1 else 2), width[i - 1] if i else outputs
            self.up.append(nn.Sequential(nn.ReLU(), Doubling(a, b, bias=i == 0), normed(i > 0)))
        published_init(self)
        self.steps = [*[HALVE4] * k, *[DOUBLE, flat(1)] * k]                        # skips see less

    def forward(self, x: Tensor) -> Tensor:
        h, maps = padded(x, self.multiple), []
        for down in self.down:
            h = down(h)                                                             # (n, c, h / 2^i, w / 2^i)
            maps.append(h)
        h = self.up[0](maps.pop())
        for up in self.up[1:]:
            h = up(torch.cat([h, maps.pop()], 1))                                   # (n, c, 2 h, 2 w)
        return torch.tanh(h)[..., : x.shape[2], : x.shape[3]].to(x.dtype)


class PlainBlock(nn.Module):
    """(n, c, h, w) -> the same; at the start it changes nothing."""

    def __init__(self, width: int, dilation: int):
        super().__init__()
        self.conv1, self.conv2 = (nn.Conv2d(width, width, 3, padding=dilation, dilation=dilation) for _ in range(2))
        nn.init.kaiming_normal_(self.conv1.weight)
        _zero(self.conv2)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv2(F.relu(self.conv1(x)))


class Residual(Translator):
    """The picture, enlarged, and what it lacks. In evaluation it is cut to [-1, 1]; in training it is not, so that gradients flow."""

    def __init__(self, settings: translator_settings.ResidualTranslator, *, inputs: int, outputs: int, scale: int = 1):
        super().__init__()
        if scale not in (1, 2, 4):
            raise UserError(f"the translator residual makes pictures 1, 2 or 4 times as large, not {scale}")
        self.scale, self.repeats, patch = scale, max(0, outputs - inputs), settings.patch
        self.outputs, width, doublings, self.multiple = outputs, settings.width, {1: 0, 2: 1, 4: 2}[scale], patch
        dilations = list(islice(cycle(settings.dilations), settings.blocks))
        self.first = nn.Conv2d(inputs * patch**2, width, 3, padding=1)
        self.blocks = nn.Sequential(*(PlainBlock(width, dilation) for dilation in dilations))
        self.up = nn.Sequential(*(m for _ in range(doublings) for m in (nn.Conv2d(width, 4 * width, 3, padding=1), nn.PixelShuffle(2))))
        if patch > 1:
            self.last = nn.Sequential(
                Pixels(width, FINE, patch), nn.ReLU(),
                nn.Conv2d(FINE, FINE, 3, padding=1), nn.ReLU(), nn.Conv2d(FINE, outputs, 3, padding=1),
            )  # fmt: skip
            last = flat(1), (1 / patch, 0, 0), flat(1), flat(1)
        else:
            self.last, last = nn.Sequential(nn.Conv2d(width, outputs, 3, padding=1)), (flat(1),)
        _zero(self.last[-1])
        self.steps = [(patch, 0, patch - 1), flat(1), *(flat(2 * dilation) for dilation in dilations), *[flat(1), DOUBLE] * doublings, *last]

    def skip(self, x: Tensor) -> Tensor:
        """The first channels, the last one repeated where there are too few: (n, outputs, scale * h, scale * w)."""
        x = x[:, : self.outputs]
        if self.repeats:
            x = torch.cat([x, *[x[:, -1:]] * self.repeats], 1)
        if self.scale == 1:
            return x
        size = (self.scale * x.shape[2], self.scale * x.shape[3])                   # whole numbers: a factor is not exported for every size
        return F.interpolate(x, size, mode="bicubic")                               # looks 2 pixels far, as a block does at least

    def forward(self, x: Tensor) -> Tensor:
        places = F.pixel_unshuffle(padded(x, self.multiple), self.multiple) if self.multiple > 1 else x
        h = self.last(self.up(self.blocks(self.first(places)))).to(x.dtype)         # (n, outputs, scale * h, scale * w) or a little more
        y = self.skip(x) + h[..., : self.scale * x.shape[2], : self.scale * x.shape[3]]       # (n, outputs, scale * h, scale * w)
        return y if self.training else y.clamp(-1, 1)


FINE = 24
"""channels of a pixel where places become pixels again"""


def _zero(conv: nn.Conv2d) -> None:
    nn.init.zeros_(conv.weight)
    nn.init.zeros_(conv.bias)
