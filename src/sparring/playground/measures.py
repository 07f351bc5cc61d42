"""How near generated points are to a known density, each number beside what as many real points would get: the noise of the sample."""

from functools import lru_cache

import torch
from torch import Tensor

from sparring.metrics import points as known
from sparring.playground.shapes import Scene

SAMPLE = 2048
"""points that are measured"""
CELLS = 32
"""to a side of the square in which densities are compared"""
DRAWS = 8
"""samples of real points that tell the noise"""


def edges(scene: Scene, cells: int) -> Tensor:
    return torch.linspace(-scene.reach, scene.reach, cells + 1, dtype=torch.float64)


def shares(scene: Scene, x: Tensor, cells: int) -> Tensor:
    """The share of points (n, 2) in each cell, and outside, (cells^2 + 1,)."""
    at = ((x.double() / scene.reach + 1) / 2 * cells).floor().long()
    inside = ((at >= 0) & (at < cells)).all(1)
    place = torch.where(inside, at[:, 1] * cells + at[:, 0], cells**2)
    return torch.bincount(place, minlength=cells**2 + 1).double() / len(x)


def truth(scene: Scene, cells: int) -> Tensor:
    """The same of the density itself."""
    inside = scene.mass(edges(scene, cells)).flatten()
    return torch.cat([inside, (1 - inside.sum()).clamp(min=0)[None]])


# KL(p || q) = sum_i p_i ln(p_i / q_i), with half a point more in every cell of q: no sample is without empty cells
def kl(p: Tensor, q: Tensor, n: int) -> float:
    q = (q * n + 0.5) / (n + 0.5 * len(q))
    return float(torch.special.xlogy(p, p / q).sum())


# JS(p, q) = KL(p || (p + q) / 2) / 2 + KL(q || (p + q) / 2) / 2
def js(p: Tensor, q: Tensor) -> float:
    middle = ((p + q) / 2).clamp(min=torch.finfo(p.dtype).tiny)
    return float((torch.special.xlogy(p, p / middle) + torch.special.xlogy(q, q / middle)).sum() / 2)


def measure(scene: Scene, x: Tensor) -> dict[str, float]:
    """Of points (n, 2): `kl`, `js` in nats, `wasserstein` in the plane's units, and where modes can be counted `modes`, `hq`."""
    p, q = truth(scene, CELLS), shares(scene, x, CELLS)
    found = {"kl": kl(p, q, len(x)), "js": js(p, q), "wasserstein": known.sliced_wasserstein(scene.sample(len(x), "measured"), x)}
    if scene.separate:
        found["modes"] = known.modes(x, scene.means, scene.sigma)
        found["hq"] = known.high_quality(x, scene.means, scene.sigma)
    return found


@lru_cache(16)
def floors(scene: Scene, n: int = SAMPLE) -> dict[str, tuple[float, float]]:
    """Mean and deviation of what n real points get, over several samples."""
    drawn = [measure(scene, scene.sample(n, "floor", i)) for i in range(DRAWS)]
    columns = {name: torch.tensor([d[name] for d in drawn], dtype=torch.float64) for name in drawn[0]}
    return {name: (float(c.mean()), float(c.std())) for name, c in columns.items()}
