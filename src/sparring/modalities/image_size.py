"""The size and channels that a collection of pictures is worked at, where the user leaves them to us. No torch."""

import statistics

import numpy as np

from sparring.base.errors import UserError
from sparring.base.settings import dump
from sparring.modalities.settings import AUTO_SIDE, Images

TILE_STEP = 4
"""a tile's side is a multiple of this many pixels"""
TOO_SMALL = 0.05
"""share of the pictures that may be smaller than a tile whose size is derived"""


def derive(sizes: np.ndarray, channels: np.ndarray, encoding: Images) -> tuple[Images, dict[str, str]]:
    """The encoding for pictures of these (n, 2) sizes and (n,) channels with everything that says auto filled in, and for each such field the
    reason in words."""
    found, why = {}, {}
    if encoding.resolution == "auto":
        found["resolution"], why["resolution"] = (tile_size if encoding.fit == "tiles" else _resolution)(sizes)
    if encoding.channels == "auto":
        found["channels"] = int(channels.max())
        count = f"{(channels == found['channels']).sum()} of {len(channels)} pictures"
        reasons = {1: "every picture is grey", 3: f"{count} have colour", 4: f"{count} are transparent somewhere"}
        why["channels"] = reasons[found["channels"]]
    return Images.model_validate(dump(encoding) | found), why


def tile_size(sizes: np.ndarray) -> tuple[tuple[int, int], str]:
    """(height, width) of tiles for pictures of these (n, 2) sizes, and why: 64 pixels a side, or less where more pictures are smaller."""
    shorter = float(np.quantile(sizes.min(1), TOO_SMALL, method="lower"))
    side = min(AUTO_SIDE, int(shorter) // TILE_STEP * TILE_STEP)
    if side < TILE_STEP:
        raise UserError(f"the pictures are too small to be cut into tiles: the shorter side is {shorter:.0f} pixels")
    return (side, side), f"pictures are cut into tiles of {side}x{side}"


def _resolution(sizes: np.ndarray) -> tuple[tuple[int, int], str]:
    """(height, width) from (n, 2) sizes, and why."""
    shapes = sizes[:, 0] / sizes[:, 1]
    if shapes.max() <= 1.1 * shapes.min():
        height, width = (int(statistics.median_low(side)) for side in sizes.T.tolist())
        why = f"all pictures are {width}x{height}" if (sizes == sizes[0]).all() else f"the median picture is {width}x{height}"
    else:
        height = width = int(statistics.median_low(sizes.min(1).tolist()))
        why = f"shapes are mixed and the median shorter side is {height}"
    longest = max(height, width)
    if longest > AUTO_SIDE:  # multiples of 4, so that networks can halve twice
        height, width = (max(4, round(side * AUTO_SIDE / longest / 4) * 4) for side in (height, width))
        why += f", brought down to at most {AUTO_SIDE} px"
    return (height, width), why
