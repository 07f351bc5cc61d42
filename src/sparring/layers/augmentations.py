"""Random changes of pictures (n, c, h, w) in [-1, 1] that gradients pass through, twice. Every picture draws its own.

Karras et al. 2020 (ADA), https://arxiv.org/abs/2006.06676, appendix B and table 3; Zhao et al. 2020 (DiffAugment),
https://arxiv.org/abs/2006.10738. The transformations of ADA with their published ranges, in the order of the paper: pixel blitting,
geometry, colour (`bgc`). All geometry of a picture is one affine map, sampled once by bicubic interpolation with mirrored borders; the
paper samples bilinearly at twice the size between two wavelet filters, which costs several times as much.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

LUMA = (1 / math.sqrt(3),) * 3
"""the grey axis of colour space"""


def chosen(n: int, p: Tensor, identity: Tensor, drawn: Tensor) -> Tensor:
    """For each of n pictures what was drawn, with probability p, else the identity: (n, ...)."""
    keep = (torch.rand(n, device=drawn.device) < p).view(n, *[1] * (drawn.ndim - 1))
    return torch.where(keep, drawn, identity)


# ---- geometry: maps from places in the result to places in the picture, in units where the picture spans [-1, 1]


def matrix(rows: list[list], n: int, device: torch.device) -> Tensor:
    """(n, k, k) from rows of numbers and (n,) tensors."""
    full = lambda value: value if isinstance(value, Tensor) else torch.full((n,), float(value), device=device)
    return torch.stack([torch.stack([full(v) for v in row], 1) for row in rows], 1)


def translation(x: Tensor, y: Tensor) -> Tensor:
    return matrix([[1, 0, x], [0, 1, y], [0, 0, 1]], len(x), x.device)


def scaling(x: Tensor, y: Tensor) -> Tensor:
    return matrix([[x, 0, 0], [0, y, 0], [0, 0, 1]], len(x), x.device)


def rotation(angle: Tensor, aspect: float) -> Tensor:
    """By `angle` in a picture whose width is `aspect` times its height."""
    cos, sin = angle.cos(), angle.sin()
    return matrix([[cos, -sin / aspect, 0], [sin * aspect, cos, 0], [0, 0, 1]], len(angle), angle.device)


def blitting(x: Tensor, p: Tensor, flips: bool) -> Tensor:
    """Flips (where the data allow them), quarter turns of square pictures, shifts by up to an eighth in whole pixels: maps (n, 3, 3)."""
    n, _, h, w = x.shape
    eye = torch.eye(3, device=x.device)
    uniform = lambda: torch.rand(n, device=x.device)
    maps = eye.expand(n, 3, 3)
    if flips:
        side = torch.where(uniform() < 0.5, -1.0, 1.0)
        maps = maps @ chosen(n, p, eye, scaling(side, torch.ones_like(side)))
    if h == w:
        turns = (4 * uniform()).floor()
        maps = maps @ chosen(n, p, eye, rotation(turns * (math.pi / 2), 1.0))
    shift = lambda size: (uniform() * 2 - 1).mul(0.125 * size).round() * (2 / size)
    return maps @ chosen(n, p, eye, translation(shift(w), shift(h)))


def geometry(x: Tensor, p: Tensor) -> Tensor:
    """Isotropic scaling, rotation, anisotropic scaling, rotation, fractional shifts: maps (n, 3, 3)."""
    n, _, h, w = x.shape
    eye, aspect = torch.eye(3, device=x.device), w / h
    normal = lambda: torch.randn(n, device=x.device)
    turn = lambda: rotation((torch.rand(n, device=x.device) * 2 - 1) * math.pi, aspect)
    once = 1 - (1 - p).sqrt()                                  # each of two rotations, so that either happens with probability p
    size, stretch = (0.2 * normal()).exp2(), (0.2 * normal()).exp2()
    maps = chosen(n, p, eye, scaling(size, size)) @ chosen(n, once, eye, turn())
    maps = maps @ chosen(n, p, eye, scaling(stretch, 1 / stretch)) @ chosen(n, once, eye, turn())
    return maps @ chosen(n, p, eye, translation(0.25 * normal(), 0.25 * normal()))      # an eighth of the size is a quarter of [-1, 1]


def warped(x: Tensor, maps: Tensor) -> Tensor:
    """Pictures through affine maps (n, 3, 3); bicubic, borders mirrored."""
    grid = F.affine_grid(maps[:, :2], list(x.shape), align_corners=False)              # (n, h, w, 2)
    return F.grid_sample(x, grid, mode="bicubic", padding_mode="reflection", align_corners=False)


# ---- colour: maps (n, 4, 4) of (red, green, blue, 1)


def colour(x: Tensor, p: Tensor) -> Tensor:
    """Brightness, contrast, luma flip, hue and saturation (the last three for colour pictures): maps (n, 4, 4)."""
    n, device = len(x), x.device
    eye = torch.eye(4, device=device)
    normal = lambda: torch.randn(n, device=device)
    brightness, contrast = 0.2 * normal(), (0.5 * normal()).exp2()
    shift = matrix([[1, 0, 0, brightness], [0, 1, 0, brightness], [0, 0, 1, brightness], [0, 0, 0, 1]], n, device)
    stretch = matrix([[contrast, 0, 0, 0], [0, contrast, 0, 0], [0, 0, contrast, 0], [0, 0, 0, 1]], n, device)
    maps = chosen(n, p, eye, stretch) @ chosen(n, p, eye, shift)
    if x.shape[1] < 3:
        return maps
    axis = torch.tensor([*LUMA, 0.0], device=device)
    outer = torch.outer(axis, axis)                                                     # projects on the grey axis
    flipped = (torch.rand(n, device=device) < 0.5).float()
    maps = chosen(n, p, eye, eye - 2 * outer * flipped.view(n, 1, 1)) @ maps
    maps = chosen(n, p, eye, hue((torch.rand(n, device=device) * 2 - 1) * math.pi)) @ maps
    return chosen(n, p, eye, outer + (eye - outer) * normal().exp2().view(n, 1, 1)) @ maps


def hue(angle: Tensor) -> Tensor:
    """Rotation about the grey axis (Rodrigues' formula): (n, 4, 4)."""
    a = LUMA[0]
    cross = torch.tensor([[0, -a, a, 0], [a, 0, -a, 0], [-a, a, 0, 0], [0, 0, 0, 0]], device=angle.device)
    sin, cos = angle.sin().view(-1, 1, 1), angle.cos().view(-1, 1, 1)
    return torch.eye(4, device=angle.device) + sin * cross + (1 - cos) * (cross @ cross)


def coloured(x: Tensor, maps: Tensor) -> Tensor:
    """Pictures through colour maps; grey ones see what happens to the grey axis, alpha stays."""
    if x.shape[1] < 3:
        row = maps[:, :3].mean(1)                                                       # (n, 4)
        x = x * row[:, :3].sum(1).view(-1, 1, 1, 1) + row[:, 3].view(-1, 1, 1, 1)
        return x
    seen = torch.einsum("nij,njhw->nihw", maps[:, :3, :3], x[:, :3]) + maps[:, :3, 3, None, None]
    return torch.cat([seen, x[:, 3:]], 1) if x.shape[1] > 3 else seen


# ---- DiffAugment


def light(x: Tensor) -> Tensor:
    """Brightness, saturation and contrast of colour pictures; brightness and contrast of grey ones. What is see-through (a fourth channel) stays."""
    n, alpha = len(x), x[:, 3:]
    uniform = lambda: torch.rand(n, 1, 1, 1, device=x.device)
    x = x[:, :3]
    x = x + (uniform() - 0.5)
    if x.shape[1] == 3:
        grey = x.mean(1, keepdim=True)
        x = (x - grey) * (2 * uniform()) + grey
    mean = x.mean((1, 2, 3), keepdim=True)
    return torch.cat([(x - mean) * (0.5 + uniform()) + mean, alpha], 1)


def moved(x: Tensor, share: float = 0.125) -> Tensor:
    """Shifted by up to an eighth of the sides in whole pixels, grey (0) coming in."""
    rows, columns = _sources(x, share)
    h, w = x.shape[2:]
    inside = ((rows >= 0) & (rows < h))[:, :, None] & ((columns >= 0) & (columns < w))[:, None, :]
    return torch.where(inside[:, None], _taken(x, rows.clamp(0, h - 1), columns.clamp(0, w - 1)), 0.0)


def flipped(x: Tensor) -> Tensor:
    """Half of the pictures, at random, mirrored."""
    return torch.where(torch.rand(len(x), 1, 1, 1, device=x.device) < 0.5, x.flip(3), x)


def slid(x: Tensor, share: float) -> Tensor:
    """Shifted by up to this share of the sides, below a half, in whole pixels; what comes in is the picture's mirror image."""
    mirrored = lambda i, side: (side - 1) - ((side - 1) - i.abs()).abs()                # -1 is 1 again, side is side - 2
    return _taken(x, *(mirrored(i, side) for i, side in zip(_sources(x, share), x.shape[2:])))


def _sources(x: Tensor, share: float) -> tuple[Tensor, Tensor]:
    """Where each row (n, h) and each column (n, w) of shifted pictures comes from; it may be outside."""
    down, right = ((torch.rand(len(x), device=x.device) * (2 * int(share * s + 0.5) + 1)).floor().long() - int(share * s + 0.5) for s in x.shape[2:])
    return tuple(torch.arange(side, device=x.device) - by[:, None] for side, by in zip(x.shape[2:], (down, right)))


def _taken(x: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Pictures (n, c, h, w) of the pixels at rows (n, h) and columns (n, w)."""
    place = rows[:, :, None] * x.shape[3] + columns[:, None, :]                         # (n, h, w)
    return x.flatten(2).gather(2, place.flatten(1)[:, None].expand(-1, x.shape[1], -1)).view_as(x)


def cut(x: Tensor, share: float = 0.5) -> Tensor:
    """A rectangle of half the sides at a random place, over the border too, made grey (0)."""
    n, _, h, w = x.shape
    holes = []
    for size in (h, w):
        hole, centre = int(size * share + 0.5), (torch.rand(n, device=x.device) * (size + 1)).floor()
        offset = torch.arange(size, device=x.device) - centre[:, None] + hole // 2
        holes.append((offset >= 0) & (offset < hole))
    return x * ~(holes[0][:, :, None] & holes[1][:, None, :])[:, None]
