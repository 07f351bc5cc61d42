"""A network from picture to picture, on pictures of any size: in tiles that overlap, so that memory is bounded by the tile and the result."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from sparring.base.errors import UserError


@dataclass(frozen=True)
class Cut:
    """A tile along one side of a picture, in pixels of the input."""

    start: int
    stop: int
    """what the network sees"""
    first: int
    last: int
    """what is kept of it: not what lies within `reach` of an inner edge, where the network missed its surroundings"""
    rise: int
    fall: int
    """how much of what is kept is shared with the tile before and the tile after"""

    def kept(self, scale: int) -> slice:
        """What is kept, within the tile's result."""
        return slice(scale * (self.first - self.start), scale * (self.last - self.start))

    def place(self, scale: int) -> slice:
        """Where that stands in the whole result."""
        return slice(scale * self.first, scale * self.last)

    def weights(self, scale: int, like: Tensor) -> Tensor:
        """(scale * (last - first),): 1, with a ramp where a neighbour has a share. The two ramps of a seam add up to 1."""
        weights = like.new_ones(scale * (self.last - self.first))
        weights[: scale * self.rise] = _ramp(scale * self.rise, like)
        weights[len(weights) - scale * self.fall :] = 1 - _ramp(scale * self.fall, like)
        return weights


def layout(h: int, w: int, *, tile: int, overlap: int, reach: int = 0, multiple: int = 1) -> tuple[list[Cut], list[Cut]]:
    """The tiles' rows and columns on a picture of h x w pixels. UserError for sizes that cannot be."""
    if tile % multiple:
        raise UserError(f"the network takes sides that are multiples of {multiple}: give tiles of {_up(tile, multiple)} pixels, not {tile}")
    if overlap < 2 * reach:
        raise UserError(f"the network looks {reach} pixels around: let tiles overlap by {2 * reach} pixels or more, not {overlap}")
    stride = (tile - overlap) // multiple * multiple
    if stride < max(1, overlap):  # more than two tiles would meet in a seam
        least = _up(overlap + _up(max(1, overlap), multiple), multiple)
        raise UserError(f"tiles of {tile} pixels are too small to overlap by {overlap}: give tiles of {least} pixels or more")
    rows, columns = (_cuts(_up(side, multiple), tile, stride, overlap, reach) for side in (h, w))
    return rows, columns


def _cuts(side: int, tile: int, stride: int, overlap: int, reach: int) -> list[Cut]:
    """Tiles along one side; the last is shifted inwards, and shares no more with the one before than the others do."""
    if side <= tile:
        return [Cut(0, side, 0, side, 0, 0)]
    starts = [*range(0, side - tile, stride), side - tile]
    shared = overlap - 2 * reach
    cuts, first = [], 0
    for start in starts[:-1]:
        cuts.append(Cut(start, start + tile, first, start + tile - reach, shared if start else 0, shared))
        first = start + tile - overlap + reach
    return [*cuts, Cut(side - tile, side, first, side, shared, 0)]


@torch.no_grad()
def tiled(
    x: Tensor, apply: Callable[[Tensor], Tensor], *, scale: int = 1, tile: int = 256, overlap: int = 32, reach: int = 0, multiple: int = 1
) -> Tensor:
    """`apply` to a picture (c, h, w) uint8, tile by tile: (c', scale * h, scale * w) uint8, in memory as (scale * h, scale * w, c').

    `apply` takes (1, c, th, tw) float in [-1, 1] to (1, c', scale * th, scale * tw), on any device. th and tw are `tile`, or the picture's side
    where that is shorter: what fits in one tile is applied to whole. Neighbours overlap by `overlap` pixels or a little more; `reach` pixels at
    inner edges are thrown away and the rest is blended linearly. So with `reach` the radius of the network's receptive field the result is
    that of the whole picture. At the picture's border the network sees its border. Tiles start at multiples of `multiple`, and sides
    that are none are continued to one by their mirror image, which the result does not show. Floats exist for one row of tiles only.
    UserError for sizes that cannot be (`layout`).
    """
    _, h, w = x.shape
    rows, columns = layout(h, w, tile=tile, overlap=overlap, reach=reach, multiple=multiple)
    height, width = rows[-1].stop, columns[-1].stop
    x = x if (height, width) == (h, w) else x[:, _mirrored(h, height)][:, :, _mirrored(w, width)]
    result = carry = None
    for row in rows:
        band = None
        for column in columns:
            part = x[:, row.start : row.stop, column.start : column.stop]
            part = part[None].float().contiguous(memory_format=torch.channels_last)         # which convolutions are quicker in
            made = apply(part.div_(127.5).sub_(1))[0].to(x.device, torch.float32)           # (c, th, tw) -> (c', scale * th, scale * tw)
            if band is None:
                band = made.new_zeros(len(made), scale * (row.last - row.first), scale * width)
            weights = row.weights(scale, made)[:, None] * column.weights(scale, made)
            band[:, :, column.place(scale)] += made[:, row.kept(scale), column.kept(scale)] * weights
        if result is None:
            result = torch.empty(scale * height, scale * width, len(band), dtype=torch.uint8, device=x.device).permute(2, 0, 1)
        if row.rise:
            band[:, : scale * row.rise] += carry
        done = band.shape[1] - scale * row.fall
        carry = band[:, done:].clone()  # a copy, or the next row of tiles would stand in memory beside this one
        top = scale * row.first
        result[:, top : top + done] = band[:, :done].add_(1).mul_(127.5).round_().clamp_(0, 255)
    return result[:, : scale * h, : scale * w]


def _ramp(n: int, like: Tensor) -> Tensor:
    """(n,) rising from 0 to 1, taken at the middle of each pixel."""
    return (torch.arange(n, device=like.device, dtype=like.dtype) + 0.5) / max(1, n)


def _mirrored(side: int, longer: int) -> Tensor:
    """(longer,) indices: 0 .. side - 1, then back, then forth."""
    there_and_back = max(1, 2 * side - 2)
    steps = torch.arange(longer) % there_and_back
    return torch.minimum(steps, there_and_back - steps).clamp_(max=side - 1)


def _up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple
