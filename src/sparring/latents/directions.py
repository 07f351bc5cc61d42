"""Directions in the space of latents that change one thing, found in several ways, and numbers that say whether they do.

closed form (SeFa): Shen & Zhou 2020, https://arxiv.org/abs/2007.06600; principal components (GANSpace): Härkönen et al. 2020,
https://arxiv.org/abs/2004.02546; from labels: Shen et al. 2019 (InterFaceGAN), https://arxiv.org/abs/1907.10786;
from gradients: Zahm et al. 2018, https://arxiv.org/abs/1801.07922.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sparring.base.errors import UserError
from sparring.base.seeding import generator
from sparring.latents.space import Which, draw, items, latents, styled
from sparring.play.game import BLOCK, Game
from sparring.play.watching import conditions

ITEMS = 2048
"""random latents that components and labelled directions are made from"""
PULLS = 1024
"""items whose gradients tell the steepest directions"""
TRIED, REACH = 64, 3.0
"""items that a direction is tried on, and how far to each side, in deviations of the latents along it"""


@dataclass(frozen=True)
class Direction:
    """A unit step: `vector` has the shape of one latent, scaled to one deviation of the latents along it."""

    name: str
    space: Which
    vector: Tensor
    """(*noise_shape) in z, (layers, d) in w; zero at layers that it leaves alone"""


def some_latents(game: Game, n: int, which: Which, seed: int = 0) -> tuple[Tensor, Tensor | None]:
    """n random latents and the conditions that they were made with."""
    y = conditions(game, n, seed)
    return latents(game, draw(game, n, seed), y, which), y


def scaled(vector: Tensor, among: Tensor) -> Tensor:
    """A direction (d,) times the standard deviation of latents (n, d) along it."""
    unit = vector / vector.norm()
    return unit * (among @ unit).std()


# max_n |A n|^2, |n| = 1: eigenvectors of A^T A                                                        (SeFa, Eq. 4)
@torch.no_grad()
def closed_form(game: Game, k: int, layers: range) -> list[Direction]:
    """The k directions of w that move the inputs of these layers most: no sample and no label is needed."""
    matrices = styled(game).style_matrices()
    weight = torch.cat([matrices[i] / matrices[i].norm(dim=1, keepdim=True) for i in layers])
    _, vectors = torch.linalg.eigh((weight.T @ weight).double())
    w = some_latents(game, ITEMS, "w")[0][:, 0]
    return [_in_layers(f"closed form {i + 1}", scaled(vectors[:, -1 - i].to(w.dtype), w), game.layers, layers) for i in range(k)]


@torch.no_grad()
def components(game: Game, k: int, layers: range) -> list[Direction]:
    """The first k principal components of w, (GANSpace, section 2.2), applied at these layers."""
    styled(game)
    w = some_latents(game, ITEMS, "w")[0][:, 0].double()
    _, deviations, vectors = torch.linalg.svd(w - w.mean(0), full_matrices=False)
    lengths = deviations / (len(w) - 1) ** 0.5
    return [_in_layers(f"component {i + 1}", (vectors[i] * lengths[i]).float(), game.layers, layers) for i in range(k)]


# H = E J^T J = E (J^T v)(J^T v)^T,  J = dG/dz,  v ~ N(0, 1)
@torch.enable_grad()
def steepest(game: Game, k: int, seed: int = 0) -> list[Direction]:
    """The k orthogonal directions of z along which items change most, by the mean square of their numbers: eigenvectors of H."""
    pulls = []
    for block in range(PULLS // BLOCK):
        noise, y = draw(game, BLOCK, seed, block * BLOCK).requires_grad_(True), conditions(game, BLOCK, seed + block)
        made = game.render(noise, y)
        v = torch.randn(made.shape, generator=generator("pulls", seed, block)).to(made)
        pulls.append(torch.autograd.grad(made, noise, v)[0].flatten(1))
    pull = torch.cat(pulls).double()
    _, vectors = torch.linalg.eigh(pull.T @ pull)
    return [Direction(f"steepest {i + 1}", "z", vectors[:, -1 - i].float().view(game.noise_shape)) for i in range(k)]


def _in_layers(name: str, vector: Tensor, total: int, layers: range) -> Direction:
    whole = vector.new_zeros(total, len(vector))
    whole[list(layers)] = vector
    return Direction(name, "w", whole)


# ridge regression of what a classifier sees on the latent; the weight is the normal of the plane between "is" and "is not"
@torch.no_grad()
def supervised(game: Game, predict: Callable[[Tensor], Tensor], names: Sequence[str], which: Which) -> list[Direction]:
    """A direction for every column of `predict` (items to (n, c) numbers: log-odds of labels, values of attributes).

    Under a condition labels are fixed, and the direction is what changes them for items of all conditions.
    """
    latent, y = some_latents(game, ITEMS, which)
    seen = predict(items(game, latent, y, which)).double()                                  # (n, c)
    flat = (latent[:, 0] if which == "w" else latent.flatten(1)).double()
    centred = flat - flat.mean(0)
    ridge = 1e-2 * centred.square().mean() * len(flat) * torch.eye(flat.shape[1], dtype=torch.float64)
    weights = torch.linalg.solve(centred.T @ centred + ridge, centred.T @ (seen - seen.mean(0)))      # (d, c)
    found = []
    for name, weight in zip(names, weights.T):
        if not weight.norm() > 1e-12:
            continue
        step = scaled(weight, flat).float()
        vector = step.expand(game.layers, -1).clone() if which == "w" else step.view(game.noise_shape)
        found.append(Direction(name, which, vector))
    return found


def conditioned_on(target: Direction, others: Sequence[Direction]) -> Direction:
    """The part of a direction that is orthogonal to others: change one thing without what usually comes with it (InterFaceGAN, Eq. 8)."""
    basis = torch.linalg.qr(torch.stack([o.vector.flatten() for o in others], 1).double())[0]
    flat = target.vector.flatten().double()
    rest = flat - basis @ (basis.T @ flat)
    if not rest.norm() > 1e-6 * flat.norm():
        raise UserError(f"direction {target.name} is made of the others: nothing is left of it")
    return Direction(f"{target.name}, others held", target.space, (rest * flat.norm() / rest.norm()).view_as(target.vector).float())


@torch.no_grad()
def effect(game: Game, direction: Direction, predict: Callable[[Tensor], Tensor], names: Sequence[str], seed: int = 1) -> dict:
    """What a direction does to what a classifier sees: the change of each column from one side (-3 deviations) to the other (+3), the
    mean over 64 items; `strength` is the largest, `leak` what the others change beside it (root mean square of the others, over it)."""
    latent, y = some_latents(game, TRIED, direction.space, seed)
    ends = [predict(items(game, latent + side * REACH * direction.vector, y, direction.space)) for side in (-1, 1)]
    change = (ends[1] - ends[0]).double().mean(0)                                            # (c,)
    top = int(change.abs().argmax())
    others = torch.cat([change[:top], change[top + 1 :]])
    leak = float(others.square().mean().sqrt() / change[top].abs().clamp(min=1e-12)) if len(others) else 0.0
    return {
        "direction": direction.name, "changes most": names[top], "strength": round(float(change[top]), 4), "leak": round(leak, 4),
        "changes": {name: round(float(c), 4) for name, c in zip(names, change)},
    }  # fmt: skip


@torch.no_grad()
def strip(game: Game, direction: Direction, steps: int, latent: Tensor, y: Tensor | None) -> Tensor:
    """The items of n latents, each at `steps` places from -3 to +3 deviations along the direction: (n * steps, *shape), one after the other."""
    places = torch.linspace(-REACH, REACH, steps).view(1, -1, *[1] * direction.vector.ndim)
    moved = (latent[:, None] + places * direction.vector).flatten(0, 1)
    return items(game, moved, None if y is None else y.repeat_interleave(steps, 0), direction.space)
