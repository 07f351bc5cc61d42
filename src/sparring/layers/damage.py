"""Ways in which pictures x (n, c, h, w) in [-1, 1] are damaged: smaller, blurred, noisy, compressed, with holes, without colour.

Wang et al. 2021 (Real-ESRGAN), https://arxiv.org/abs/2107.10833, section 3, for blur, noise, JPEG and sinc filters; Suvorov et al. 2022 (LaMa),
https://arxiv.org/abs/2109.07161, section 2.4, for holes. Parameters are (n,) tensors, one number for each picture, so that no picture depends on
another; what is drawn is drawn outside, apart from the shapes of holes, and by `rand` and `randn` alone, one row for each picture.
"""

import math
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

LUMA = (0.299, 0.587, 0.114)
"""how much of red, green and blue makes brightness (ITU-R 601)"""


def per_picture(value: Tensor) -> Tensor:
    """(n,) -> (n, 1, 1, 1)."""
    return value.view(-1, 1, 1, 1)


# ---- size


def reduced(x: Tensor, scale: int) -> Tensor:
    """Bicubic, smoothed first so that nothing aliases: (n, c, h, w) -> (n, c, h / scale, w / scale), which may go a little beyond [-1, 1]."""
    h, w = x.shape[2:]
    return F.interpolate(x, size=(h // scale, w // scale), mode="bicubic", antialias=True, align_corners=False)


def enlarged(x: Tensor, scale: int) -> Tensor:
    """Bicubic: (n, c, h, w) -> (n, c, scale * h, scale * w) in [-1, 1]."""
    return F.interpolate(x, scale_factor=scale, mode="bicubic", align_corners=False).clamp(-1, 1)


AREA, BILINEAR, BICUBIC = range(3)


def resizing(before: Tensor, after: Tensor, length: int, frame: int, method: Tensor) -> Tensor:
    """Lines of before (n,) pixels to lines of after (n,) pixels, as matrices (n, frame, length) whose rows sum to 1.

    Only the first `before` of `length` numbers are read; the last of the `after` pixels is repeated up to `frame`. method (n,) is one of AREA,
    BILINEAR and BICUBIC; only AREA smooths before it reduces, the others alias, as they do in many programs.
    """
    ratio, pixel = before / after, torch.arange(length, device=before.device)
    place = torch.minimum(torch.arange(frame, device=before.device), after[:, None] - 1)             # (n, frame)
    offset = pixel - ((place + 0.5) * ratio[:, None] - 0.5)[:, :, None]                              # (n, frame, length) from where it is read
    half, d = per_picture(ratio)[:, 0] / 2, offset.abs()
    area = (torch.minimum(offset + 0.5, half) - torch.maximum(offset - 0.5, -half)).clamp(min=0)     # how much of the pixel is covered
    linear = (1 - d).clamp(min=0)
    near, far = ((1.25 * d - 2.25) * d) * d + 1, ((-0.75 * d + 3.75) * d - 6) * d + 3                # Keys' cubic with a = -0.75, as in torch
    cubic = torch.where(d <= 1, near, torch.where(d < 2, far, 0.0))
    kind = method.view(-1, 1, 1)
    weights = torch.where(kind == AREA, area, torch.where(kind == BILINEAR, linear, cubic)) * (pixel < before.view(-1, 1, 1))
    return weights / weights.sum(2, keepdim=True)


def resized(x: Tensor, before: Tensor, after: Tensor, frame: tuple[int, int], method: Tensor) -> Tensor:
    """Every picture to a size of its own: (n, c, H, W) -> (n, c, *frame), sizes before and after (n, 2) as (height, width), method (n,).

    Pictures of different sizes lie in the upper left corners of equal frames, their last pixels repeated beyond them.
    """
    rows = resizing(before[:, 0], after[:, 0], x.shape[2], frame[0], method)             # (n, frame height, H)
    columns = resizing(before[:, 1], after[:, 1], x.shape[3], frame[1], method)          # (n, frame width, W)
    return rows[:, None] @ x @ columns[:, None].mT


# ---- filters


def blurred(x: Tensor, kernels: Tensor) -> Tensor:
    """Each picture through its own filter (n, k, k), k odd; borders are mirrored, or repeated where a side is too short for that."""
    n, c, h, w = x.shape
    k = kernels.shape[-1]
    x = F.pad(x, [k // 2] * 4, mode="reflect" if min(h, w) > k // 2 else "replicate")
    weight = kernels[:, None, None].expand(n, c, 1, k, k).reshape(n * c, 1, k, k)
    return F.conv2d(x.reshape(1, n * c, *x.shape[2:]), weight, groups=n * c).view(n, c, h, w)


def offsets(size: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Down and right of the middle: two (size, size)."""
    line = torch.arange(size, device=device, dtype=torch.float32) - size // 2
    return line[:, None].expand(size, size), line.expand(size, size)


def gaussian_kernels(sigma_x: Tensor, sigma_y: Tensor, angle: Tensor, size: int) -> Tensor:
    """Deviations (n,) in pixels along two axes turned by angle (n,): (n, size, size), each summing to 1."""
    down, right = offsets(size, angle.device)
    cos, sin = angle.cos().view(-1, 1, 1), angle.sin().view(-1, 1, 1)
    along, across = cos * right + sin * down, cos * down - sin * right                   # (n, size, size)
    power = (along / sigma_x.view(-1, 1, 1)).square() + (across / sigma_y.view(-1, 1, 1)).square()
    return (-power / 2).flatten(1).softmax(1).view(-1, size, size)


def sinc_kernels(cutoff: Tensor, size: int) -> Tensor:
    """Everything above the frequency cutoff (n,), in radians a pixel up to pi, is removed, which rings: (n, size, size), each summing to 1.

    cutoff / (2 pi r) J_1(cutoff r)                                                       (Wang et al. 2021, Eq. 6)
    """
    down, right = offsets(size, cutoff.device)
    r, cutoff = torch.hypot(down, right), cutoff.view(-1, 1, 1)
    ring = cutoff / (math.tau * r.clamp(min=1)) * torch.special.bessel_j1(cutoff * r)
    kernels = torch.where(r == 0, cutoff.square() / (2 * math.tau), ring)                # J_1(t) / t -> 1 / 2 at the middle
    return kernels / kernels.sum((1, 2), keepdim=True)


# ---- noise


def noisy(x: Tensor, deviation: Tensor, grey: Tensor, normal: Tensor) -> Tensor:
    """Gaussian noise of deviation (n,) in 255ths of the range, the same in all channels where grey (n,) is true; from normal draws like x."""
    normal = torch.where(per_picture(grey), normal[:, :1], normal)
    return (x + per_picture(deviation) * (2 / 255) * normal).clamp(-1, 1)


def shot(x: Tensor, photons: Tensor, grey: Tensor, normal: Tensor) -> Tensor:
    """Poisson noise of a camera that counts photons (n,) in a white pixel, the same in all channels where grey (n,) is true.

    Counts have a variance equal to their mean; their law is taken as normal, so that it comes from normal draws like x.
    """
    light = (x.clamp(-1, 1) + 1) / 2
    light, normal = (torch.where(per_picture(grey), one, each) for one, each in ((light.mean(1, keepdim=True), light), (normal[:, :1], normal)))
    return (x + 2 * (light / per_picture(photons)).sqrt() * normal).clamp(-1, 1)


# ---- JPEG (ITU-T T.81, https://www.w3.org/Graphics/JPEG/itu-t81.pdf, with the colours of JFIF and the qualities of libjpeg)

BRIGHTNESS = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
"""steps in which frequencies of brightness are kept at quality 50 (table K.1)"""
COLOUR = (
    (17, 18, 24, 47, 99, 99, 99, 99),
    (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99),
    *((99,) * 8,) * 4,
)
"""those of colour (table K.2)"""


@lru_cache(maxsize=8)
def cosines(device: torch.device) -> Tensor:
    """The cosine transform of 8 numbers, an orthogonal matrix (8, 8)."""
    k, i = torch.arange(8.0)[:, None], torch.arange(8.0)
    matrix = torch.cos((2 * i + 1) * k * math.pi / 16) / 2
    matrix[0] /= math.sqrt(2)
    return matrix.to(device)


@lru_cache(maxsize=8)
def colours(device: torch.device) -> Tensor:
    """(3, 3) from red, green, blue to brightness, blueness, redness."""
    red, green, blue = LUMA
    to_blue, to_red = 2 * (1 - blue), 2 * (1 - red)
    rows = [LUMA, (-red / to_blue, -green / to_blue, 0.5), (0.5, -green / to_red, -blue / to_red)]
    return torch.tensor(rows, device=device)


def steps(table: tuple[tuple[int, ...], ...], quality: Tensor) -> Tensor:
    """The table at quality (n,) from 1 to 100: (n, 8, 8)."""
    percent = torch.where(quality < 50, 5000 / quality, 200 - 2 * quality).floor()
    return ((torch.tensor(table, device=quality.device) * percent.view(-1, 1, 1) + 50) / 100).floor().clamp(1, 255)


def coded(planes: Tensor, steps: Tensor) -> Tensor:
    """Planes (n, k, h, w) from 0 to 255, sides multiples of 8, with each frequency of each block of 8x8 rounded to its step (n, 8, 8)."""
    transform = cosines(planes.device)
    blocks = (planes - 128).unflatten(3, (-1, 8)).unflatten(2, (-1, 8))                  # (n, k, h / 8, 8, w / 8, 8)
    waves = torch.einsum("ui,nkaibj,vj->nkaubv", transform, blocks, transform)
    sizes = steps[:, None, None, :, None, :]
    waves = waves.sign() * (waves.abs() / sizes + 0.501).floor() * sizes                 # libjpeg rounds halves away from 0
    blocks = torch.einsum("ui,nkaubv,vj->nkaibj", transform, waves, transform)
    return (blocks.flatten(4, 5).flatten(2, 3) + 128).round().clamp(0, 255)


def jpeg(x: Tensor, quality: Tensor) -> Tensor:
    """Saved as JPEG of quality (n,) from 1 to 100, colours at half the sides (4:2:0), and read again: on the 8-bit grid in [-1, 1].

    One or two channels are kept as grey pictures; what comes after three (alpha) stays as it is.
    """
    c, h, w = x.shape[1:]
    values = F.pad(((x[:, :3] + 1) * 127.5).round().clamp(0, 255), (0, -w % 16, 0, -h % 16), mode="replicate")
    if c < 3:
        seen = coded(values, steps(BRIGHTNESS, quality))
    else:
        turn = colours(x.device)
        planes = torch.einsum("ij,njhw->nihw", turn, values).round()                     # brightness, and colours around 0
        bright = coded(planes[:, :1], steps(BRIGHTNESS, quality))
        colour = coded(F.avg_pool2d(planes[:, 1:] + 128, 2).round().clamp(0, 255), steps(COLOUR, quality)) - 128
        colour = F.interpolate(colour, scale_factor=2, mode="bilinear", align_corners=False)             # libjpeg's triangle filter
        seen = torch.einsum("ij,njhw->nihw", turn.inverse(), torch.cat([bright, colour], 1))
    seen = seen[:, :, :h, :w].round().clamp(0, 255) / 127.5 - 1
    return torch.cat([seen, x[:, 3:]], 1) if c > 3 else seen


# ---- holes


def nearest(distance: Tensor, share: Tensor) -> Tensor:
    """The share (n,) of pixels with the least distance (n, h, w): (n, 1, h, w) of 0 and 1. Equal distances go together."""
    flat = distance.flatten(1)                                                           # (n, h w)
    last = (share * flat.shape[1]).round().long().clamp(1, flat.shape[1] - 1) - 1
    bound = flat.sort(1).values.gather(1, last[:, None])
    return (flat <= bound).view_as(distance)[:, None].float()


def grid(size: tuple[int, int], device: torch.device) -> tuple[Tensor, Tensor]:
    """Middles of pixels, down (h, 1) and right (w,)."""
    return torch.arange(size[0], device=device)[:, None] + 0.5, torch.arange(size[1], device=device) + 0.5


def strokes(share: Tensor, size: tuple[int, int], most: int = 4) -> Tensor:
    """Holes (1) of thick crooked lines that cover share (n,) of the picture: (n, 1, *size).

    One to `most` random walks of two to `most` steps; lines differ in thickness, and all grow until the share is covered.
    """
    n, (h, w), device = len(share), size, share.device
    rand = lambda *shape: torch.rand(n, *shape, device=device)
    down, right = grid(size, device)
    y, x, angle = h * rand(most), w * rand(most), math.tau * rand(most)                  # (n, walks)
    walks, lengths = 1 + (most * rand()).floor(), 2 + ((most - 1) * rand(most)).floor()
    there = torch.arange(most, device=device) < walks[:, None]
    distance = torch.full((n, h, w), math.inf, device=device)
    for step in range(most):
        angle = angle + math.pi / 2 * (2 * rand(most) - 1)
        length, thickness = min(h, w) * (0.1 + 0.5 * rand(most)), 0.4 + 0.6 * rand(most)
        to_y, to_x = (y + length * angle.sin()).clamp(0, h), (x + length * angle.cos()).clamp(0, w)
        ahead_y, ahead_x, from_y, from_x = (t[:, :, None, None] for t in (to_y - y, to_x - x, y, x))
        along = (down - from_y) * ahead_y + (right - from_x) * ahead_x                   # (n, walks, h, w)
        along = (along / (ahead_y.square() + ahead_x.square()).clamp(min=1e-6)).clamp(0, 1)
        away = torch.hypot(down - from_y - along * ahead_y, right - from_x - along * ahead_x) / thickness[:, :, None, None]
        away = torch.where((there & (step < lengths))[:, :, None, None], away, math.inf)
        distance, y, x = torch.minimum(distance, away.amin(1)), to_y, to_x
    return nearest(distance, share)


def boxes(share: Tensor, size: tuple[int, int], most: int = 4) -> Tensor:
    """Holes (1) of one to `most` rectangles that cover share (n,) of the picture, to within the pixels along an edge: (n, 1, *size).

    Rectangles of different sizes and proportions from 1:2 to 2:1 grow about their middles until the share is covered.
    """
    n, (h, w), device = len(share), size, share.device
    rand = lambda *shape: torch.rand(n, *shape, device=device)[..., None, None]
    down, right = grid(size, device)
    tall, large = (rand(most) - 0.5).exp2(), 0.4 + 0.6 * rand(most)                      # (n, boxes, 1, 1)
    away = torch.maximum((down - h * rand(most)).abs() / tall, (right - w * rand(most)).abs() * tall) / large
    there = torch.arange(most, device=device)[:, None, None] < 1 + (most * rand(1)).floor()
    return nearest(torch.where(there, away, math.inf).amin(1), share)


# ---- without colour


def grey(x: Tensor) -> Tensor:
    """Brightness (ITU-R 601): (n, 1, h, w) in [-1, 1]. One or two channels have their mean."""
    if x.shape[1] < 3:
        return x.mean(1, keepdim=True)
    return torch.einsum("c,nchw->nhw", torch.tensor(LUMA, device=x.device, dtype=x.dtype), x[:, :3])[:, None]


def edges(x: Tensor) -> Tensor:
    """A drawing of the picture: dark lines (down to -1) where it changes, white (1) elsewhere: (n, 1, h, w)."""
    n, one = len(x), x.new_ones(len(x))
    x = blurred(x, gaussian_kernels(one, one, 0 * one, 7))
    sobel = x.new_tensor([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / 8
    across, down = (blurred(x, kernel.expand(n, 3, 3)) for kernel in (sobel, sobel.T))
    slope = torch.hypot(across, down).amax(1, keepdim=True)                              # of the channel that changes most
    return 1 - 2 * slope / slope.amax((2, 3), keepdim=True).clamp(min=1e-2)              # what is even stays white: no lines of rounding errors
