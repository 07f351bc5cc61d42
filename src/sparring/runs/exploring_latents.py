"""What items are made from, when pages explore a run: seeds, seeds that are steered and mixed, and pictures that were projected, as latents."""

import math
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from sparring.base.errors import UserError, nearest
from sparring.games.latents import Styles
from sparring.latents import space
from sparring.latents.directions import Direction, components, steepest
from sparring.latents.space import Which
from sparring.runs import wishes
from sparring.runs.explore import pictures
from sparring.runs.run import Run

KEPT = 16
"""projected pictures of a run"""


@dataclass(frozen=True)
class Latents:
    """What n items are made from."""

    values: Tensor
    """(n, *noise_shape) in z, (n, layers, d) in w, truncated"""
    which: Which
    y: Tensor | None
    noises: dict[str, Tensor] | None = None
    """noise maps of each, (n, 1, h, w); None for the model's own"""

    def __getitem__(self, rows: Sequence[int]) -> "Latents":
        return Latents(self.values[rows], self.which, None if self.y is None else self.y[rows],
                       None if self.noises is None else {name: maps[rows] for name, maps in self.noises.items()})  # fmt: skip


@dataclass(frozen=True)
class Projected:
    """A given picture as latents of one item."""

    latents: Latents
    given: np.ndarray
    """(h, w, c) as the model sees it"""
    made: np.ndarray
    distance: float
    """perceptual, of a search; root mean square of pixels in [-1, 1], of an encoder"""


class Origins:
    """The latents of one run."""

    def __init__(self, run: Run, projected: dict[str, Projected]):
        self.run, self.projected = run, projected
        self._of_labels: dict[int, Tensor] = {}

    @cached_property
    def directions(self) -> list[Direction]:
        """The principal directions: along which styles vary most, or noise changes pictures most."""
        pictures(self.run)
        game = self.run.game
        if isinstance(game, Styles):
            return components(game, min(wishes.DIRECTIONS, math.prod(game.noise_shape)), range(game.layers))
        return steepest(game, min(wishes.DIRECTIONS, math.prod(game.noise_shape)))

    # ---- of what is asked

    def of(self, seeds: Sequence[wishes.Seed], wish: wishes.Drawn, which: Which | None = None) -> Latents:
        """Of the first item of each seed, of steered and mixed ones, or of projected pictures by their names."""
        pictures(self.run)
        labels = [wish.label] * len(seeds) if isinstance(wish.label, str | None) else list(wish.label)
        if len(labels) != len(seeds):
            raise UserError(f"there are {len(labels)} labels for {len(seeds)} items")
        which = which or space.best_space(self.run.game)
        found = [self._item(seed, label, wish, which) for seed, label in zip(seeds, labels)]
        noises = None
        if any(one.noises for one in found):
            own = self.run.game.noises()
            noises = {name: torch.cat([(one.noises or own)[name].view(1, *own[name].shape[1:]) for one in found]) for name in own}
        y = None if found[0].y is None else torch.cat([one.y for one in found])
        return Latents(torch.cat([one.values for one in found]), found[0].which, y, noises)

    def _item(self, seed: wishes.Seed, label: str | None, wish: wishes.Drawn, which: Which) -> Latents:
        """Of one item: styles of others at some layers, and then its steps."""
        item = seed if isinstance(seed, wishes.Item) else wishes.Item(seed=seed)
        found = self._origin(item, label, wish, which)
        if item.bands and which == "z":
            raise UserError("styles are mixed in the space w: leave the bands out, or the space z")
        for name, given in item.bands.items():
            other = given if isinstance(given, wishes.Origin) else wishes.Origin(seed=given)
            styles = self.moved(self._origin(other, label, wish, which), other.offsets)
            found = replace(found, values=space.mixed(found.values, styles.values, self.layers(name)))
        return self.moved(found, item.offsets)

    @torch.no_grad()
    def _origin(self, origin: wishes.Origin, label: str | None, wish: wishes.Drawn, which: Which) -> Latents:
        """Before its steps; truncated in w."""
        game = self.run.game
        if isinstance(origin.seed, str):
            found = self.kept(origin.seed).latents
        else:
            y = self.run.conditions(1, label if origin.label is None else origin.label, origin.where or wish.where, origin.seed)
            found = Latents(game.noise(1, origin.seed), "z", y)
        if found.which != which:
            if which == "z":
                raise UserError(f"{origin.seed} was projected into styles, which no noise gives: leave the space z out")
            found = Latents(space.latents(game, found.values, found.y, "w"), "w", found.y)
        return self._truncated(found, wish.truncation, None if isinstance(origin.seed, str) else found.y)

    def _truncated(self, latents: Latents, psi: float | None, y: Tensor | None) -> Latents:
        """y: the labels that they were asked for; None for projected pictures, which nobody named."""
        if latents.which == "z" or psi is None:
            return latents
        middle = self._centre if y is None or y.ndim > 1 else torch.stack([self._centre_of(int(label)) for label in y])
        return replace(latents, values=torch.lerp(middle, latents.values, psi))

    @cached_property
    def _centre(self) -> Tensor:
        return space.centres(self.run.game, None)

    def _centre_of(self, label: int) -> Tensor:
        if label not in self._of_labels:
            self._of_labels[label] = space.centres(self.run.game, torch.tensor([label]))[0]
        return self._of_labels[label]

    def drawn(self, wish: wishes.Sample) -> Latents:
        """Of the items of one seed."""
        run, which = self.run, space.best_space(self.run.game)
        label = list(wish.label) if isinstance(wish.label, tuple) else wish.label
        y = run.conditions(wish.n, label, wish.where, wish.seed)
        with torch.no_grad():
            values = space.latents(run.game, run.game.noise(wish.n, wish.seed, wish.start), y, which)
        return self._truncated(Latents(values, which, y), wish.truncation, y)

    # ---- steered

    def moved(self, latents: Latents, offsets: Sequence[float]) -> Latents:
        """Steps along the principal directions."""
        step = sum(offset * self._direction(i, latents.which).vector for i, offset in enumerate(offsets) if offset)
        return replace(latents, values=latents.values + step)

    def _direction(self, number: int, which: Which) -> Direction:
        if number >= len(self.directions):
            raise UserError(f"this model has {len(self.directions)} principal directions, there is no number {number}")
        if self.directions[number].space != which:
            raise UserError(f"the principal directions of this model are in {self.directions[number].space}: leave the space or the offsets out")
        return self.directions[number]

    def layers(self, name: str) -> range:
        """Layers by the name of a band, or by numbers like 2 or 1-3."""
        layers = space.styled(self.run.game).layers
        named = space.bands(layers)
        if name in named:
            return named[name]
        first, _, last = name.partition("-")
        if not (first.isdecimal() and (last or first).isdecimal() and int(first) <= int(last or first) < layers):
            raise UserError(f"layers are {', '.join(named)}, or numbers from 0 to {layers - 1} like 2 or 1-3, not {name!r}{nearest(name, named)}")
        return range(int(first), int(last or first) + 1)

    # ---- pictures that were projected

    def kept(self, name: str) -> Projected:
        if name not in self.projected:
            raise UserError(f"there is no projected picture {name!r}, or no longer: project it again")
        return self.projected[name]

    def keep(self, projected: Projected) -> str:
        """The name that stands for it."""
        name = f"p{secrets.token_hex(6)}"
        self.projected[name] = projected
        while len(self.projected) > KEPT:
            del self.projected[next(iter(self.projected))]
        return name
