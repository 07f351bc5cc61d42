"""Noise and styles as one thing: the latents of a game, and how items are made from them."""

import math
from collections.abc import Iterator
from typing import Literal

import torch
from torch import Tensor

from sparring.base.errors import UserError
from sparring.base.seeding import generator
from sparring.games.latents import Styles
from sparring.play.game import BLOCK, Game, Generates
from sparring.play.watching import conditions

Which = Literal["z", "w"]
CENTRE_ITEMS, LABEL_ITEMS = 4096, 1024
"""styles that a mean is made of: of all, of a label"""


def latents(game: Game, noise: Tensor, y: Tensor | None, which: Which) -> Tensor:
    """z: the noise itself, (n, *noise_shape); w: one style for each layer, (n, layers, d)."""
    if which == "z":
        return noise
    return styled(game).style(noise, y)[:, None].expand(-1, game.layers, -1).contiguous()


def items(game: Game, latent: Tensor, y: Tensor | None, which: Which) -> Tensor:
    """Items (n, *shape) from latents, in whole blocks' order but no need of whole blocks: these are pictures of a moment."""
    render = (lambda part, told: game.render(part, told)) if which == "z" else (lambda part, told: styled(game).paint(part))
    return torch.cat([render(part, told) for part, told in _parts(latent, y)])


def _parts(latent: Tensor, y: Tensor | None) -> Iterator[tuple[Tensor, Tensor | None]]:
    for first in range(0, len(latent), BLOCK):
        yield latent[first : first + BLOCK], None if y is None else y[first : first + BLOCK]


def styled(game: Game) -> Styles:
    """The game, which must have styles; UserError otherwise."""
    if not isinstance(game, Styles):
        raise UserError("this model has no styles: it has one latent space, z; models of the recipe stylegan2 have w too")
    return game


def best_space(game: Game) -> Which:
    """w where there is one: there straight lines are smooth changes."""
    return "w" if isinstance(game, Styles) else "z"


@torch.no_grad()
def centre(game: Game) -> Tensor:
    """The mean style (layers, d) over fixed noise and made-up conditions."""
    styles = []
    for block in range(CENTRE_ITEMS // BLOCK):
        told = conditions(game, BLOCK, seed=block)
        styles.append(styled(game).style(game.noise(BLOCK, seed=0, start=block * BLOCK).to(next(game.parameters()).device), told).mean(0))
    return torch.stack(styles).mean(0).expand(game.layers, -1)


@torch.no_grad()
def centres(game: Game, y: Tensor | None) -> Tensor:
    """What items are truncated to, (n | 1, layers, d): the mean style of the label of each, y (n,), so that it stays what it was asked to be (the
    mean of all is of no label); where there are no labels the mean of all."""
    if y is None or y.ndim > 1:
        return centre(game)[None]
    names, which = y.unique(return_inverse=True)
    noise = game.noise(LABEL_ITEMS, seed=0).to(next(game.parameters()).device)
    means = torch.stack([styled(game).style(noise, name.expand(LABEL_ITEMS)).mean(0) for name in names])          # (labels, d)
    return means[which][:, None].expand(-1, game.layers, -1)


# ---- truncation: less variety, better items


# z' = F^-1(F(-t) + F(z) (F(t) - F(-t))), F the normal distribution
def truncated_noise(z: Tensor, threshold: float) -> Tensor:
    """Noise of a normal distribution cut at +-threshold, as a function of ordinary noise: the same seed keeps its item's character.

    Brock et al. 2018, https://arxiv.org/abs/1809.11096, section 3.1, who draw again until nothing exceeds the threshold.
    """
    if not threshold > 0:
        raise UserError("truncation must be above 0 (in z: the largest number of the noise; 2 changes little, 0.5 much)")
    low = 0.5 * (1 + math.erf(-threshold / 2**0.5))
    share = low + 0.5 * (1 + torch.erf(z.double() / 2**0.5)) * (1 - 2 * low)
    return (2**0.5 * torch.erfinv((2 * share - 1).clamp(-1 + 1e-12, 1 - 1e-12))).to(z.dtype)


# w' = c + psi (w - c)
def truncated_styles(game: Game, w: Tensor, y: Tensor | None, psi: float, layers: int | None = None) -> Tensor:
    """Styles (n, layers, d) moved towards their mean, or that of their label y (n,); only the coarsest `layers` of them where that is given.

    Karras et al. 2018, https://arxiv.org/abs/1812.04948, appendix B.
    """
    middle = centres(game, y)
    moved = middle + psi * (w - middle)
    return moved if layers is None else torch.cat([moved[:, :layers], w[:, layers:]], 1)


def truncate(game: Game, noise: Tensor, y: Tensor | None, amount: float, which: Which | None = None) -> tuple[Tensor, Which]:
    """Truncated latents of noise and the space that they live in: w (amount = psi) where there is one, else z (amount = threshold)."""
    which = which or best_space(game)
    if which == "z":
        return truncated_noise(noise, amount), "z"
    return truncated_styles(game, latents(game, noise, y, "w"), y, amount), "w"


# ---- paths


def line(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    """Points (len(t), *shape) on the straight line from a to b."""
    t = t.view(-1, *[1] * a.ndim)
    return a + t * (b - a)


# sin((1-t) o) / sin o a + sin(t o) / sin o b, cos o = a.b / |a||b|
def sphere(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    """Points on the great circle from a to b: noise in many dimensions lies near a sphere, straight lines leave it.

    White 2016, https://arxiv.org/abs/1609.04468, section 2.1.
    """
    cosine = (a.flatten() @ b.flatten() / (a.norm() * b.norm()).clamp(min=1e-12)).clamp(-1, 1)
    angle = torch.acos(cosine)
    if angle.sin() < 1e-4:
        return line(a, b, t)
    t = t.view(-1, *[1] * a.ndim)
    return (torch.sin((1 - t) * angle) * a + torch.sin(t * angle) * b) / angle.sin()


WAYS = {"line": line, "sphere": sphere}


def path(keys: Tensor, frames: int, way: str, closed: bool = True) -> Tensor:
    """`frames` latents a step through keys (k, *shape), and back to the first where it is closed."""
    if way not in WAYS:
        raise UserError(f"a way is line or sphere, not {way!r}")
    t = torch.arange(frames) / frames
    ends = [*keys[1:], keys[0]] if closed else [*keys[1:]]
    parts = [WAYS[way](a, b, t) for a, b in zip(keys, ends)]
    return torch.cat(parts if closed else [*parts, keys[-1:]])


def near(z: Tensor, n: int, amount: float, *key: object) -> Tensor:
    """n variations of one noise (1, *shape): cos(amount) z + sin(amount) fresh noise, which stays normal; amount in right angles."""
    fresh = torch.randn(n, *z.shape[1:], generator=generator("vary", *key)).to(z.device)
    return math.cos(amount * math.pi / 2) * z + math.sin(amount * math.pi / 2) * fresh


# ---- style mixing


def bands(layers: int) -> dict[str, range]:
    """Layers of a coarse, a middle and a fine band: to 8 px, to 32 px (or the middle third), and above."""
    first = min(4, max(1, layers // 3))
    second = min(8, max(first + 1, layers - max(1, layers // 3)))
    return {"coarse": range(first), "middle": range(first, second), "fine": range(second, layers)}


def mixed(base: Tensor, other: Tensor, which: range) -> Tensor:
    """Styles (n, layers, d) whose layers `which` come from `other`.

    Karras et al. 2018, https://arxiv.org/abs/1812.04948, section 3.1 and figure 3.
    """
    styles = base.clone()
    styles[:, list(which)] = other[:, list(which)]
    return styles


def draw(game: Game, n: int, seed: int, start: int = 0) -> Tensor:
    """Noise on the game's device."""
    if not isinstance(game, Generates):
        raise UserError("this model does not generate")
    return game.noise(n, seed, start).to(next(game.parameters()).device)
