"""How pictures are damaged, so that a network can learn to restore them. Every picture draws its own damage.

Draws are rows of `rand` and `randn`, one row for each picture, so chunks of a batch see what the whole batch would. All arithmetic is that of
float32, also under autocast.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sparring.base.errors import UserError
from sparring.base.space import Space
from sparring.games import restoration_settings
from sparring.layers import damage
from sparring.layers.filling import filled
from sparring.layers.precision import unchanged

LEVELS, SMOOTH = 6, 8
"""of filling a hole from around: halvings, and steps that smooth it"""


def between(x: Tensor, lowest: float, highest: float) -> Tensor:
    """A number for each picture, evenly drawn: (n,)."""
    return lowest + (highest - lowest) * torch.rand(len(x), device=x.device)


def happens(x: Tensor, p: float) -> Tensor:
    """For each picture whether it happens, with probability p: (n,) of bools."""
    return torch.rand(len(x), device=x.device) < p


def support(deviation: float) -> int:
    """Side of a kernel that holds three deviations both ways."""
    return 2 * math.ceil(3 * deviation) + 1


class Degradation(nn.Module):
    """Pictures (n, c, h, w) in [-1, 1] to what the network is given."""

    scale: int = 1
    """how many times smaller the input is than the picture"""
    masked: bool = False
    """whether the last channel of the input tells where the picture is missing"""
    reach: int = 0
    """pixels to each side that `prepared` looks at"""
    multiple: int = 1
    """tiles of a picture should start at multiples of it, for `prepared` to do the same to them"""

    def __init__(self, settings: restoration_settings.Degradation, *, space: Space):
        super().__init__()
        self.settings = settings
        if len(space.shape) != 3:
            raise UserError(f"only pictures can be damaged ({settings.kind}), and these data are {space.kind or 'no pictures'}")
        self.check(*space.shape[1:])

    def check(self, h: int, w: int) -> None:
        """UserError for sides that cannot be made `scale` times smaller."""
        if h % self.scale or w % self.scale:
            raise UserError(f"pictures of {h}x{w} cannot be made {self.scale} times smaller: give sides that are multiples of {self.scale}")

    def channels(self, c: int) -> int:
        """Channels of what the network is given, for pictures of c channels."""
        return c

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) in [-1, 1] -> (n, channels(c), h / scale, w / scale) in [-1, 1]; draws from torch's random state."""
        self.check(*x.shape[2:])
        with unchanged(x):
            return self.damaged(x.float())

    def damaged(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def prepared(self, given: Tensor) -> Tensor:
        """What the network sees of what it is given, (n, channels, h / scale, w / scale)."""
        return given

    def trivial(self, given: Tensor, c: int) -> Tensor:
        """The restoration that needs no learning, from what the network is given to (n, c, h, w): the damaged picture itself."""
        return given

    def known(self, given: Tensor) -> Tensor | None:
        """(n, 1, h, w): 1 where the picture is known and must be kept. None where no pixel is known."""
        return None


class Smaller(Degradation):
    """The network is given fewer pixels."""

    @property
    def scale(self) -> int:
        return self.settings.scale

    def trivial(self, given: Tensor, c: int) -> Tensor:
        """Bicubic enlargement."""
        return damage.enlarged(given, self.scale) if self.scale > 1 else given


class Bicubic(Smaller):
    def damaged(self, x: Tensor) -> Tensor:
        return damage.reduced(x, self.scale).clamp(-1, 1)


class Wear(NamedTuple):
    """What happens to a picture in one pass: probabilities, and the harsh ends of ranges."""

    blurs: float
    blur: float
    """deviation in pixels, from 0.2"""
    grows: float
    shrinks: float
    largest: float
    smallest: float
    noise: float
    """deviation in 255ths, from 1"""
    grain: float
    """of Poisson noise, from 0.05; 1 is that of 256 photons in a white pixel"""


FIRST = Wear(blurs=1.0, blur=3.0, grows=0.2, shrinks=0.7, largest=1.5, smallest=0.15, noise=30, grain=3.0)
SECOND = Wear(blurs=0.8, blur=1.5, grows=0.3, shrinks=0.4, largest=1.2, smallest=0.3, noise=25, grain=2.5)
"""options/train_realesrgan_x4plus.yml of the published code"""
ROUND, GREY, RINGS = 0.64, 0.4, 0.8
"""probabilities of a blur that is alike in all directions, of noise that is the same in all channels, of the final sinc filter"""
WORST, BEST = 30, 95
"""qualities of JPEG"""


class RealWorld(Smaller):
    """Blur, resizing, noise and JPEG, twice, then a filter that rings                  (Wang et al. 2021, section 3, figure 2)

    The published code resizes a whole batch alike; here every picture has a size of its own in a common frame. Of its kernels the gaussian ones
    are drawn, which are 70 % of them.
    """

    def damaged(self, x: Tensor) -> Tensor:
        n, _, h, w = x.shape
        small = (h // self.scale, w // self.scale)
        size = x.new_tensor([[h, w]]).expand(n, 2)
        x, size = self.worn(x, size, (h, w), FIRST)
        x = damage.jpeg(x, self.quality(x))
        x, size = self.worn(x, size, small, SECOND)
        quality, method, last = self.quality(x), self.method(x), happens(x, 0.5)
        kernels, rings = damage.sinc_kernels(between(x, math.pi, self.harsh(math.pi, math.pi / 3)), 21), happens(x, RINGS)

        def finished(x: Tensor) -> Tensor:
            x = damage.resized(x, size, size.new_tensor([small]).expand(n, 2), small, method).clamp(-1, 1)
            return torch.where(damage.per_picture(rings), damage.blurred(x, kernels).clamp(-1, 1), x)

        return torch.where(damage.per_picture(last), damage.jpeg(finished(x), quality), finished(damage.jpeg(x, quality)))

    def worn(self, x: Tensor, size: Tensor, base: tuple[int, int], wear: Wear) -> tuple[Tensor, Tensor]:
        """One pass up to its noise, to a size about `base`; pictures are as large as size (n, 2) says, and lie in the corners of x."""
        x = self.softened(x, wear)
        largest, smallest = self.harsh(1, wear.largest), self.harsh(1, wear.smallest)
        way, grown, shrunk = between(x, 0, 1), between(x, 1, largest), between(x, 1, smallest)
        factor = torch.where(way < wear.grows, grown, torch.where(way < wear.grows + wear.shrinks, shrunk, 1.0))
        after = (factor[:, None] * x.new_tensor([base])).round().clamp(min=1)           # (n, 2)
        frame = tuple(math.ceil(largest * side) for side in base)
        x = damage.resized(x, size, after, frame, self.method(x)).clamp(-1, 1)
        grey, normal = happens(x, GREY), torch.randn(*x.shape, device=x.device)
        even = damage.noisy(x, between(x, 1, self.harsh(1, wear.noise)), grey, normal)
        grain = damage.shot(x, 256 / between(x, 0.05, self.harsh(0.05, wear.grain)).square(), grey, normal)
        return torch.where(damage.per_picture(happens(x, 0.5)), even, grain), after

    def softened(self, x: Tensor, wear: Wear) -> Tensor:
        widest = self.harsh(0.2, wear.blur)
        one, other, angle = between(x, 0.2, widest), between(x, 0.2, widest), between(x, 0, math.pi)
        kernels = damage.gaussian_kernels(one, torch.where(happens(x, ROUND), one, other), angle, support(widest))
        return torch.where(damage.per_picture(happens(x, wear.blurs)), damage.blurred(x, kernels), x)

    def quality(self, x: Tensor) -> Tensor:
        return between(x, BEST, self.harsh(BEST, WORST))

    def method(self, x: Tensor) -> Tensor:
        return between(x, 0, 3).floor()

    def harsh(self, mild: float, harsh: float) -> float:
        """The harsh end of a range at the strength that is set."""
        return mild + self.settings.strength * (harsh - mild)


class Holes(Degradation):
    """The network is given the picture with 0 in its hole, and the hole (1) as one more channel. It sees the hole filled from around, in which it
    has to change what is not smooth: a network that had to learn this first would need many rounds for it."""

    masked = True
    multiple = 2**LEVELS
    reach = 3 * 2**LEVELS + SMOOTH                              # its own block, one beside it on every level, and the smoothing

    def channels(self, c: int) -> int:
        return c + 1

    def damaged(self, x: Tensor) -> Tensor:
        told, size = self.settings, tuple(x.shape[2:])
        share = between(x, told.lowest, told.highest)
        boxes = damage.per_picture(happens(x, told.boxes))
        hole = torch.where(boxes, damage.boxes(share, size), damage.strokes(share, size))
        return torch.cat([x * (1 - hole), hole], 1)

    def known(self, given: Tensor) -> Tensor:
        return 1 - given[:, -1:]

    def prepared(self, given: Tensor) -> Tensor:
        with unchanged(given):
            x, hole = given[:, :-1].float(), given[:, -1:].float()
            h, w = x.shape[2:]
            beyond = (0, -w % self.multiple, 0, -h % self.multiple)                                 # what lies beyond the borders is missing
            fill = filled(F.pad(x, beyond), F.pad(hole, beyond, value=1.0), LEVELS, SMOOTH)
            return torch.cat([fill[..., :h, :w], hole], 1)

    def trivial(self, given: Tensor, c: int) -> Tensor:
        """The mean of the known pixels in the hole."""
        x, known = given[:, :-1], self.known(given)
        mean = (x * known).sum((2, 3), keepdim=True) / known.sum((2, 3), keepdim=True).clamp(min=1)
        return torch.where(known > 0, x, mean)


def grainy(x: Tensor, told: restoration_settings.Deviations) -> Tensor:
    grey = torch.zeros(len(x), dtype=torch.bool, device=x.device)
    return damage.noisy(x, between(x, told.lowest, told.highest), grey, torch.randn(*x.shape, device=x.device))


def soft(x: Tensor, told: restoration_settings.Widths) -> Tensor:
    sigma = between(x, told.lowest, told.highest)
    kernels = damage.gaussian_kernels(sigma, sigma, torch.zeros_like(sigma), support(max(told.lowest, told.highest)))
    return damage.blurred(x, kernels).clamp(-1, 1)


def compressed(x: Tensor, told: restoration_settings.Qualities) -> Tensor:
    return damage.jpeg(x, between(x, told.lowest, told.highest))


class Noisy(Degradation):
    def damaged(self, x: Tensor) -> Tensor:
        return grainy(x, self.settings)


class Blurry(Degradation):
    def damaged(self, x: Tensor) -> Tensor:
        return soft(x, self.settings)


class Compressed(Degradation):
    def damaged(self, x: Tensor) -> Tensor:
        return compressed(x, self.settings)


class Mixed(Degradation):
    """All three, in the order of a camera: its lens, its sensor, its files."""

    def damaged(self, x: Tensor) -> Tensor:
        return compressed(grainy(soft(x, self.settings.blur), self.settings.noise), self.settings.jpeg)


class OneChannel(Degradation):
    """The network is given one channel."""

    def channels(self, c: int) -> int:
        return 1

    def trivial(self, given: Tensor, c: int) -> Tensor:
        """The one channel, repeated."""
        return given.expand(-1, c, -1, -1)


class Grey(OneChannel):
    def damaged(self, x: Tensor) -> Tensor:
        return damage.grey(x)


class Sketch(OneChannel):
    def damaged(self, x: Tensor) -> Tensor:
        return damage.edges(x)
