"""A user's picture as a latent: what would the generator have to be given to make it?

Karras et al. 2019 (StyleGAN2), https://arxiv.org/abs/1912.04958, appendix D; w+ (a style for each layer): Abdal et al. 2019,
https://arxiv.org/abs/1904.03189.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from sparring.base.seeding import generator
from sparring.latents.space import centre, draw, items, latents, styled
from sparring.losses.perceptual import Maps, perceptual
from sparring.play.game import Game
from sparring.play.watching import conditions

RAMP_UP, RAMP_DOWN, NOISE_UNTIL = 0.05, 0.25, 0.75
NOISE_WEIGHT = 100.0
CANDIDATES = 256


@dataclass(frozen=True)
class Projection:
    """Where the optimisation ended, and how it went there."""

    space: str
    latents: Tensor
    """(n, *noise_shape), or (n, layers, d) styles"""
    noises: dict[str, Tensor]
    """noise maps of the synthesis that were optimised along, (n, 1, h, w) each"""
    y: Tensor | None
    """(n,) or (n, d) conditions that they are made with; in w and w+ they change nothing"""
    items: Tensor
    """(n, *shape) what the generator makes of them"""
    distances: list[list[float]]
    """perceptual distance of each picture, at every step"""
    frames: list[Tensor]
    """items at about ten moments"""


def project(
    game: Game, x: Tensor, y: Tensor | None, maps: Maps, *, space: Literal["z", "w", "w+"], steps: int = 300, rate: float = 0.1,
    seed: int = 0, tick: Callable[[int, float], None] = lambda step, distance: None,
) -> Projection:  # fmt: skip
    """Latents whose items look like pictures x (n, c, h, w).

    y: their conditions, for games that are told; without, in z, each has that of the item it starts from. maps: the feature network that
    compares; rate: of Adam, ramped up and down. In z the squared length of the noise is held to its expectation; in w and w+ noise maps are
    optimised too, and kept free of structure, so that they cannot draw the picture themselves. Starts from the best of 256 random items (z),
    or from the mean style.
    """
    n, device = len(x), next(game.parameters()).device
    target = [m.detach() for m in maps(x)]
    draws = generator("project", seed)
    noises: dict[str, Tensor] = {}
    if space == "z":
        (latent, y), spread = _nearest_noise(game, target, y, maps, seed), 1.0
        make = lambda v: game.render(v, y)
    else:
        middle = centre(game)
        some = latents(game, draw(game, CANDIDATES, seed), _told(game, None if y is None else y[:1], seed), "w")[:, 0]
        y = conditions(game, n, seed) if y is None else y
        spread = (some - middle[0]).square().sum(1).mean().sqrt().item()
        latent = middle.expand(n, *middle.shape).clone() if space == "w+" else middle[:1].expand(n, 1, -1).clone()
        noises = {name: torch.randn(n, *t.shape[1:], generator=draws).to(device) for name, t in styled(game).noises().items()}
        make = lambda v: styled(game).paint(v.expand(-1, game.layers, -1), noises)
    latent = latent.detach().requires_grad_(True)
    for noise in noises.values():
        noise.requires_grad_(True)
    adam = torch.optim.Adam([latent, *noises.values()], lr=rate, betas=(0.9, 0.999))
    distances, frames = [], []
    nearest = torch.full((n,), torch.inf, device=device)                                     # each picture keeps its best moment
    best = [latent.detach().clone(), *(noise.detach().clone() for noise in noises.values())]
    for step in range(steps):
        t = step / steps
        adam.param_groups[0]["lr"] = rate * learning_rate(t)
        strength = 0.05 * spread * max(0.0, 1 - t / NOISE_UNTIL) ** 2 if space != "z" else 0.0
        seen = make(latent + strength * torch.randn(latent.shape, generator=draws).to(device))
        distance = perceptual(maps(seen), target)                                            # (n,)
        with torch.no_grad():
            better = distance < nearest
            nearest = torch.where(better, distance, nearest)
            for kept, now in zip(best, [latent, *noises.values()]):
                kept.copy_(torch.where(better.view(-1, *[1] * (now.ndim - 1)), now, kept))
        loss = distance.sum() + 0.1 * (seen - x).square().flatten(1).mean(1).sum()
        if space == "z":
            loss = loss + 1e-3 * (latent.flatten(1).square().mean(1) - 1).square().sum()
        loss = loss + NOISE_WEIGHT * sum(structure(noise) for noise in noises.values())
        adam.zero_grad()
        loss.backward()
        adam.step()
        with torch.no_grad():
            for noise in noises.values():                                                    # stays noise: mean 0, deviation 1
                noise.sub_(noise.mean((1, 2, 3), keepdim=True)).div_(noise.square().mean((1, 2, 3), keepdim=True).add(1e-12).sqrt())
        distances.append(distance.tolist())
        if step % max(1, steps // 10) == 0:
            frames.append(seen.detach())
        tick(step + 1, float(distance.detach().mean()))
    with torch.no_grad():
        for kept, now in zip(best, [latent, *noises.values()]):
            now.copy_(kept)
        made = make(latent)
        final = latent.detach() if space == "z" else latent.detach().expand(-1, game.layers, -1).contiguous()
        distances.append(perceptual(maps(made), target).tolist())
    return Projection(space, final, {k: v.detach() for k, v in noises.items()}, y, made, distances, [*frames, made])


def learning_rate(t: float) -> float:
    """Share of the full rate at the time t in [0, 1): a linear start, a cosine end."""
    down = 0.5 - 0.5 * math.cos(math.pi * min(1.0, (1 - t) / RAMP_DOWN))
    return down * min(1.0, t / RAMP_UP + 0.05)


# sum over scales of (E n(x, y) n(x - 1, y))^2 + (E n(x, y) n(x, y - 1))^2                        (2019, Eq. 5)
def structure(noise: Tensor) -> Tensor:
    """How much neighbours in noise maps (n, 1, h, w) agree, at every scale down to 8 px."""
    total = noise.new_zeros(())
    while True:
        for side in (2, 3):
            total = total + (noise * noise.roll(1, side)).mean((1, 2, 3)).square().sum()
        if min(noise.shape[2:]) <= 8:
            return total
        noise = 2 * F.avg_pool2d(noise, 2)                                                   # keeps the deviation of true noise


@torch.no_grad()
def _nearest_noise(game: Game, target: list[Tensor], y: Tensor | None, maps: Maps, seed: int) -> tuple[Tensor, Tensor | None]:
    """For each picture the noise and the condition of the best of some random items, of its own condition or of any."""
    noise, best, found = draw(game, CANDIDATES, seed), [], []
    for i in range(len(target[0])):
        told = _told(game, None if y is None else y[i : i + 1], seed)
        row = perceptual(maps(items(game, noise, told, "z")), [t[i : i + 1] for t in target]).argmin()
        best.append(noise[row])
        found.append(None if told is None else told[row])
    return torch.stack(best), None if found[0] is None else torch.stack(found)


def _told(game: Game, y: Tensor | None, seed: int) -> Tensor | None:
    """The conditions of some random items: all y (1,) or (1, d), or any."""
    return conditions(game, CANDIDATES, seed) if y is None else y.expand(CANDIDATES, *y.shape[1:])
