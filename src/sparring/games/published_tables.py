"""CTGAN and TVAE as published, to compare with.

Xu et al. 2019, https://arxiv.org/abs/1907.00503.
"""

import math

import torch
from torch import Tensor, nn

from sparring.base.errors import UserError
from sparring.games import table_settings
from sparring.games.tables import DenseRows, Rows, TableGAN, TableVAE
from sparring.layers.precision import unchanged
from sparring.modalities.spaces import TableSpace
from sparring.play.game import Batch, Stage, Terms, Turn


class PointRows(Rows):
    """Values are points, tanh(out). out (n, choices + values): logits, then values (section 4.4)."""

    def quantile(self, out: Tensor, u: Tensor) -> Tensor:
        return torch.tanh(out[:, self.width :])


class GaussianRows(DenseRows):
    """Values are N(tanh(centre), deviation^2), cut to [-1, 1] when they are drawn. out (n, choices + 2 values): logits, then centres, then log
    deviations (section 4.5)."""

    def _gaussian(self, out: Tensor) -> tuple[Tensor, Tensor]:
        centre, log_deviation = out[:, self.width :].chunk(2, 1)
        return torch.tanh(centre), torch.exp(log_deviation)

    def value_nll(self, out: Tensor, x: Tensor) -> Tensor:
        mean, deviation = self._gaussian(out)
        return ((x - mean) / deviation).square() / 2 + deviation.log() + math.log(2 * math.pi) / 2

    def quantile(self, out: Tensor, u: Tensor) -> Tensor:
        mean, deviation = self._gaussian(out)
        return (mean + deviation * torch.special.ndtri(u)).clamp(-1, 1)


class TVAE(TableVAE):
    """2 E_q(z|row) -log p(row | z) + KL(q(z | row) || p(z))                                                               (section 4.5)

    The factor 2 is of the authors' program, not of the paper. Rows are drawn from p(row | z), categories by their probabilities.
    """

    rows_type = GaussianRows

    def bound(self, batch: Batch) -> Terms:
        terms = super().bound(batch)
        return terms | {"reconstruction": self.settings.reconstruction * terms["reconstruction"]}


class CTGAN(TableGAN):
    """min_G max_D  E D(rows, c) - E D(G(z, c), c) + E cross entropy of G's choice with c,  D held to slope 1 by a penalty   (sections 4.3, 4.4)

    c is a category of a column without numbers, drawn evenly; rows come in packs that are judged together (Lin et al. 2017,
    https://arxiv.org/abs/1712.04086), and the slope is that of a pack's score by all of its rows. Rows that are not asked for begin with a category
    by the data's shares; their generator's batch norm has statistics of such rows.
    """

    coupled = "the discriminator looks at several rows together"
    rows_type = PointRows

    def __init__(self, settings: table_settings.CTGAN, *, space: TableSpace):
        super().__init__(settings, space=space)
        self.register_buffer("log_frequency", torch.log1p(settings.rows * self.shares).float(), persistent=False)           # (width,)
        self.register_buffer("number", torch.isin(self.rows.owner, self.columns).cumsum(0) - 1, persistent=False)           # (width,)

    @property
    def told_choices(self) -> list[int]:
        choices = self.space.choices if self.settings.conditional else ()
        return [i for i, span in enumerate(choices) if not span.bins]

    def build_discriminator(self, labels: int) -> nn.Module:
        return self.settings.discriminator.build(space=self.space, labels=labels, pack=self.settings.pack)

    def stages(self) -> list[Stage]:
        return [Stage([Turn("discriminator", self.discriminator_loss), Turn("generator", self.generator_loss, compiles=True)])]

    def condition(self, y: Tensor | None) -> Tensor | None:
        """One-hot among the possibilities of the columns that may be told, (n, told)."""
        if y is None or not self.told:
            return None
        return torch.zeros(len(y), self.told, device=y.device).scatter_(1, self.number[y, None], 1.0)

    def asked(self, batch: Batch) -> Batch:
        """Training by sampling (section 4.3): a column drawn evenly, one of its categories by log frequency, and a row that has it, for every
        row of the batch.

        All rows are drawn from the batch, with replacement: one of category k with probability ~ log(1 + count of k in the data) / count of k
        in the batch, so that categories come up by log frequency among those that the batch has. 1 + keeps what occurs once.
        """
        if not self.told:
            return batch
        x, n = batch["x"], len(batch["x"])
        chosen = x[:, : self.rows.width]
        each = self.log_frequency / chosen.sum(0).clamp_min(1)                                          # (width,)
        with unchanged(x):
            chances = ((chosen * each) @ self.rows.indicator).T.double()                                # (choices, n)
        chances = (chances / chances.sum(1, keepdim=True)).flatten().cumsum(0)                          # those of choice i go from i to i + 1
        column = self.some_column(torch.rand(n, device=x.device))
        at = torch.searchsorted(chances, column + torch.rand(n, device=x.device).double())
        x = x[(at - column * n).clamp(0, n - 1)]
        return batch | {"x": x, "y": self.place(x, column)}

    def drawn(self, out: Tensor) -> Tensor:
        u = torch.rand(len(out), self.rows.width + self.rows.values, device=out.device)
        return self.rows.relaxed(out, u, self.settings.temperature)

    def shown(self, x: Tensor) -> Tensor:
        """Packs (n / pack, pack * numbers) of rows."""
        pack = self.settings.pack
        if len(x) % pack:
            raise UserError(f"the discriminator looks at {pack} rows together, and {len(x)} are no multiple of that: change --batch, or say --pack 1")
        return x.reshape(len(x) // pack, -1)

    def scores(self, real: Tensor, fake: Tensor, y: Tensor | None) -> tuple[Tensor, Tensor]:
        """In one pass: no norm here looks beyond one pack."""
        return self.judge(torch.cat([real, fake]), None if y is None else torch.cat([y, y])).chunk(2)

    def verdict(self, x: Tensor, y: Tensor | None) -> Tensor:
        """Each row is judged in a pack with rows that this game makes, always the same: so its verdict depends on no other row, and what differs
        between verdicts is of the rows."""
        noise = self.noise(self.settings.pack, seed=0)[1:].to(x.device)
        packs = torch.cat([x, self.render(noise).flatten().expand(len(x), -1)], 1)
        if not self.told:
            return self.discriminator(packs)
        others = self.condition(self.begun(noise)).expand(len(x), -1, -1)                               # (n, pack - 1, told)
        return self.discriminator(packs, torch.cat([self.condition(y)[:, None], others], 1).flatten(0, 1))
