"""Rows of a table that obey conditions, exactly, from games that foretell rows (`games.tables.Foretells`)."""

from collections.abc import Callable
from functools import cached_property

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from sparring.base.errors import UserError
from sparring.base.seeding import generator, seed_of
from sparring.games.tables import EDGE, Foretells
from sparring.modalities.table_conditions import Allowed, Conditions

POOL = 2**17
"""noise that is looked through for a block of rows, at most"""
LEAST = 1e-9
"""share of rows that obey below which conditions are as good as impossible"""
TRIES = 256
"""rows drawn for each that is asked for, at most"""
FOLD = 4
"""effective noise that is looked for, for each row of a block"""
ENOUGH = 100
"""effective noise from which a game need not be told a choice"""
POOR = 100
"""effective noise behind a block of rows below which that is said"""


class Asking:
    """p(row | C) = sum_z p(z | C) p(row | z, C),   p(z | C) ~ p(C | z)

    p(C | z) = prod_columns sum_(codes that C allows) p(code | z) is exact, because choices are independent once z is known. Noise z is drawn by
    it from a pool (sampling importance resampling, Rubin 1987), then the codes from p(. | z) among those allowed, then all else. Of a bin
    that a threshold cuts all numbers count as allowed, and rows that do not obey are drawn again, noise and all.

    A game that can be told a choice is told one only where too little of its noise obeys otherwise: an allowed one of the column that leaves
    least, by the data's shares. Rows of noise that is told a choice are further from the data than those of noise that comes to it: of Adult's
    doctorates, C2ST 0.95 against 0.68.

    Row i is a function of (seed, i), as without conditions: every block of rows has a pool of its own, which grows until it holds `FOLD` times
    as much effective noise, (sum w)^2 / sum w^2, as there are rows in a block.
    """

    def __init__(self, game: Foretells, conditions: Conditions, decode: Callable[[Tensor], pa.Table]):
        self.game, self.conditions, self.decode = game, conditions, decode
        self.choices = game.space.choices
        self.tellable = [allowed for allowed in conditions.allowed if set(allowed.spans) <= set(game.told_choices)]
        self.tried = self.obeyed = 0
        self.shares: list[float] = []
        self.effective: list[float] = []

    @property
    def acceptance(self) -> float:
        """How many of the rows that the game makes (when it is told a choice, if it can be) obey by themselves."""
        return float(np.mean(self.shares)) * self.obeyed / self.tried

    def __str__(self) -> str:
        told = " when it is told so" if self.tells else ""
        poor = min(self.effective)
        varied = f"; little varied: {self.game.block:,} rows come from about {poor:.0f} pieces of noise" if poor < POOR else ""
        return f"acceptance {100 * self.acceptance:.3g} %: so many rows of this run have {self.conditions}{told}{varied}"

    @cached_property
    def tells(self) -> bool:
        """Whether the game is told a choice."""
        if not self.tellable:
            return False
        return self._gathered(seed_of("asked"), told=False)[3] < ENOUGH

    @torch.no_grad()
    def rows(self, n: int, seed: int, start: int = 0) -> Tensor:
        """Rows start .. start + n - 1 that obey, (n, *shape). UserError where none is found."""
        size = self.game.block
        blocks = range(start // size, (start + n - 1) // size + 1)
        return torch.cat([self._block(seed, block) for block in blocks])[start % size :][:n]

    def _block(self, seed: int, block: int) -> Tensor:
        noise, label, weights, effective = self._gathered(seed_of("asked", seed, block), self.tells)
        if (share := float(weights.mean())) < LEAST:
            often = f"about 1 in {1 / share:,.0f}" if share > 1e-12 else "none"
            raise UserError(f"hardly any row of this run has {self.conditions} ({often}): ask for less")
        self.shares.append(share)
        self.effective.append(effective)
        below, size, rows = weights.cumsum(0), self.game.block, self.game.rows
        made, left = torch.empty(size, *self.game.space.shape), torch.arange(size)
        for attempt in range(TRIES):
            each = left.repeat_interleave(size // len(left))                            # several tries for each row that is left
            draw = generator("attempt", seed, block, attempt)
            of_noise = torch.rand(len(each), generator=draw, dtype=torch.float64).clamp(EDGE**2)
            of_first = torch.rand(len(each), len(self.conditions.allowed), generator=draw, dtype=torch.float64).clamp(EDGE**2)
            at = torch.searchsorted(below, of_noise * below[-1]).clamp(max=len(below) - 1)
            out = self._left(self.game.foretell(noise[at], None if label is None else label[at]).float(), of_first)
            x = rows.sample(out, torch.rand(len(each), rows.draws, generator=draw).clamp(EDGE, 1 - EDGE))
            obey = torch.from_numpy(self.conditions.hold(self.decode(x)))
            self.tried, self.obeyed = self.tried + len(x), self.obeyed + int(obey.sum())
            good = torch.from_numpy(np.unique(each[obey].numpy(), return_index=True)[1])           # of several tries the first
            made[each[obey][good]] = x[obey][good]
            left = left[~torch.isin(left, each[obey])]
            if not len(left):
                return made
        raise UserError(f"of {self.tried:,} rows {self.obeyed:,} obeyed {self.conditions}, that is too few to go on: ask for wider ranges")

    @torch.no_grad()
    def _gathered(self, seed: int, told: bool) -> tuple[Tensor, Tensor | None, Tensor, float]:
        """Noise (m, *noise_shape), what is told with it (m,), p(C | z) (m,), and how much of the noise is effective."""
        noise, label, weights, size = [], [], [], self.game.block
        while size * len(weights) < POOL:
            noise.append(self.game.noise(size, seed, size * len(weights)))
            label.append(self._label(size, generator("told", seed, len(weights))) if told else None)
            weights.append(self._chances(self.game.rows.probabilities(self.game.foretell(noise[-1], label[-1]).float()[:, : self.game.rows.width])))
            w = torch.cat(weights)
            effective = float(w.sum() ** 2 / w.square().sum().clamp(min=1e-300))
            if effective >= FOLD * size:
                break
        return torch.cat(noise), torch.cat(label) if told else None, w, effective

    def _label(self, n: int, draw: torch.Generator) -> Tensor:
        """Places of allowed choices (n,)."""
        _, span, shares = min((allowed.told() for allowed in self.tellable), key=lambda found: found[:2])
        return self.choices[span].start + torch.multinomial(torch.from_numpy(shares), n, True, generator=draw)

    # ---- choices that conditions leave

    def _of(self, x: Tensor, allowed: Allowed) -> tuple[Tensor, Tensor]:
        """A column's first choice (n, first), ones where it has one choice only, and its second (n, second)."""
        parts = [x[:, s.start : s.start + s.size] for s in (self.choices[span] for span in allowed.spans)]
        return (parts[0], parts[1]) if len(parts) == 2 else (x.new_ones(len(x), 1), parts[0])

    def _chances(self, probabilities: Tensor) -> Tensor:
        """p(C | z), (n,) float64."""
        chance = torch.ones(len(probabilities), dtype=torch.float64)
        for allowed in self.conditions.allowed:
            first, second = self._of(probabilities.double(), allowed)
            chance *= ((first @ torch.from_numpy(allowed.mask).double()) * second).sum(1)
        return chance

    def _left(self, out: Tensor, u: Tensor) -> Tensor:
        """`out` with no chance for what is not allowed; u (n, columns): where the first choices of two are drawn."""
        out, probabilities = out.clone(), self.game.rows.probabilities(out[:, : self.game.rows.width]).double()
        for allowed, at in zip(self.conditions.allowed, u.T):
            mask = torch.from_numpy(allowed.mask)
            first, second = self._of(probabilities, allowed)
            weight = (first * (second @ mask.T.double())).cumsum(1)                     # (n, first), of each first code with what it leaves
            chosen = torch.searchsorted(weight, (at * weight[:, -1])[:, None]).clamp(max=len(mask) - 1)
            one = torch.zeros_like(weight, dtype=torch.bool).scatter_(1, chosen, True)
            for part, kept in zip(self._of(out, allowed), (one, mask[chosen[:, 0]])):
                part.masked_fill_(~kept, -torch.inf)
        return out
