"""Games of rows of tables: what a row's distribution is, an autoencoder and an adversarial game on it."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sparring.games import table_settings
from sparring.games.capabilities import Encodes, Reconstructs
from sparring.games.classic import GAN
from sparring.layers.precision import unchanged
from sparring.losses.divergences import gaussian_kl
from sparring.modalities.spaces import TableSpace
from sparring.play.average import Average
from sparring.play.game import Batch, Game, Generates, Player, Stage, Terms, Turn

SCALES = -4.0, 2.5
"""least and greatest log scale of a value's distribution; the greatest is nearly uniform"""
EDGE = 1e-6
BLOCK = 1024
"""rows that are rendered at a time"""


class Rows(nn.Module, ABC):
    """p(row | out) = prod_choices softmax(out_choice) prod_values p(value),

    where a value counts if its choice is a bin. out begins with the logits of all choices; what follows them tells the values, as a member has it.
    All choices are computed at once, however many there are: sums over a choice are products with its indicator.
    """

    def __init__(self, space: TableSpace):
        super().__init__()
        choices, values = space.choices, space.values
        self.sizes, self.values = [span.size for span in choices], len(values)
        self.width = sum(self.sizes)
        self.draws = len(choices) + self.values
        owner = torch.repeat_interleave(torch.arange(len(choices)), torch.tensor(self.sizes), output_size=self.width)        # (width,)
        binned = torch.zeros(self.width, self.values)
        for value, span in enumerate(span for span in choices if span.bins):
            binned[span.start : span.start + span.bins, value] = 1
        constant = lambda name, tensor: self.register_buffer(name, tensor, persistent=False)
        constant("indicator", F.one_hot(owner, len(choices)).float())                                             # (width, choices)
        constant("starts", torch.tensor([span.start for span in choices]))
        constant("ends", torch.tensor([span.start + span.size - 1 for span in choices]))
        constant("owner", owner)
        constant("binned", binned)                                                                                # (width, values)

    # ---- choices

    def normaliser(self, logits: Tensor) -> Tensor:
        """log sum exp of every choice's logits, (n, width) -> (n, choices)."""
        highest = self.highest(logits)
        with unchanged(logits):
            total = torch.exp(logits - self.spread(highest)) @ self.indicator
        return highest + total.log()

    @torch.no_grad()
    def highest(self, x: Tensor) -> Tensor:
        """The highest number of every choice, (n, width) -> (n, choices)."""
        return torch.stack([part.amax(1) for part in x.split(self.sizes, 1)], 1)

    def spread(self, x: Tensor) -> Tensor:
        """A number of every choice at each of its possibilities, (n, choices) -> (n, width)."""
        return x.index_select(1, self.owner)                                                                      # a fifth of x[:, owner]'s time

    def probabilities(self, logits: Tensor) -> Tensor:
        """Softmax of every choice, (n, width)."""
        weights = torch.exp(logits - self.spread(self.highest(logits)))
        with unchanged(weights):
            return weights / ((weights @ self.indicator) @ self.indicator.T)

    @abstractmethod
    def quantile(self, out: Tensor, u: Tensor) -> Tensor:
        """The values at u (n, values) in (0, 1), by their inverse distribution functions, (n, values) in [-1, 1]."""

    # ---- rows

    def choice_nll(self, out: Tensor, y: Tensor) -> Tensor:
        """-log p of the choice at place y (n,) among all possibilities, (n,)."""
        logits = out[:, : self.width]
        return self.normaliser(logits).gather(1, self.owner[y, None]).squeeze(1) - logits.gather(1, y[:, None]).squeeze(1)

    def sample(self, out: Tensor, u: Tensor) -> Tensor:
        """The row at u (n, choices + values) in (0, 1): every choice and value by its inverse distribution function."""
        chances = self.probabilities(out[:, : self.width]).double().cumsum(1)                     # choice i goes from i to i + 1
        at = torch.arange(len(self.sizes), device=u.device) + u[:, : len(self.sizes)].double()
        chosen = torch.minimum(torch.maximum(torch.searchsorted(chances, at), self.starts), self.ends)
        row = out.new_zeros(len(out), self.width + self.values).scatter_(1, chosen, 1.0)
        row[:, self.width :] = self.quantile(out, u[:, len(self.sizes) :]) * (row[:, : self.width] @ self.binned)
        return row

    def mean(self, out: Tensor) -> Tensor:
        """Probabilities, and the middle of where values are, (n, *shape)."""
        chances = self.probabilities(out[:, : self.width])
        return self._row(chances, self.quantile(out, torch.full_like(out[:, : self.values], 0.5)))

    # Jang et al. 2016, https://arxiv.org/abs/1611.01144, Eq. 2 (Gumbel-softmax)
    def relaxed(self, out: Tensor, u: Tensor, temperature: float) -> Tensor:
        """A row drawn at u (n, width + values) that gradients go through: choices are the softer, the higher the temperature."""
        return self._row(self.probabilities(self._noisy(out, u) / temperature), self._values(out, u))

    # section 2.2 (straight-through)
    def soft(self, out: Tensor, u: Tensor, temperature: float) -> Tensor:
        """The same with hard choices, which have the gradient of the soft ones."""
        noisy = self._noisy(out, u) / temperature
        chances = self.probabilities(noisy)
        hard = (noisy >= self.spread(self.highest(noisy))).to(chances.dtype)
        return self._row(hard - chances.detach() + chances, self._values(out, u))

    def _noisy(self, out: Tensor, u: Tensor) -> Tensor:
        """Logits with noise of Gumbel's distribution."""
        return out[:, : self.width] - torch.log(-torch.log(u[:, : self.width].clamp(1e-20, 1 - 1e-7)))

    def _values(self, out: Tensor, u: Tensor) -> Tensor:
        return self.quantile(out, u[:, self.width :].clamp(EDGE, 1 - EDGE))

    def _row(self, choices: Tensor, values: Tensor) -> Tensor:
        return torch.cat([choices, values * (choices @ self.binned)], 1)


class DenseRows(Rows):
    """Rows whose values have a density."""

    def nll(self, out: Tensor, x: Tensor) -> Tensor:
        """-log p(row), (n,)."""
        logits, chosen = out[:, : self.width], x[:, : self.width]
        choices = self.normaliser(logits).sum(1) - (logits * chosen).sum(1)
        return choices + (self.value_nll(out, x[:, self.width :]) * (chosen @ self.binned)).sum(1)

    @abstractmethod
    def value_nll(self, out: Tensor, x: Tensor) -> Tensor:
        """-log p of places (n, values), (n, values)."""


class LogisticRows(DenseRows):
    """Values have the logistic distribution between -1 and 1. out (n, choices + 2 values): logits, then centres, then log scales."""

    # F(x) = (sigma((x - centre) / scale) - sigma(low)) / (sigma(high) - sigma(low)), low and high the same at -1 and 1
    def _logistic(self, out: Tensor) -> tuple[Tensor, Tensor]:
        centre, scale = out[:, self.width :].chunk(2, 1)
        return 2 * torch.tanh(centre / 2), torch.exp(scale.clamp(*SCALES))

    def value_nll(self, out: Tensor, x: Tensor) -> Tensor:
        centre, scale = self._logistic(out)
        z, low, high = (x - centre) / scale, (-1 - centre) / scale, (1 - centre) / scale
        inside = F.logsigmoid(high) + F.logsigmoid(-low) + torch.log(-torch.expm1(-2 / scale))
        return z + 2 * F.softplus(-z) + scale.log() + inside

    def quantile(self, out: Tensor, u: Tensor) -> Tensor:
        """F^-1(u), (n, values): centre + scale (log p - log(1 - p)), p = (1 - u) sigma(low) + u sigma(high), exact where p is near 0 or 1."""
        centre, scale = self._logistic(out)
        low, high = (-1 - centre) / scale, (1 - centre) / scale
        mixed = lambda sign: torch.logaddexp(F.logsigmoid(sign * low) + torch.log1p(-u), F.logsigmoid(sign * high) + u.log())
        return (centre + scale * (mixed(1) - mixed(-1))).clamp(-1, 1)


def uniform(normal: Tensor) -> Tensor:
    """Phi(normal), in (0, 1)."""
    return torch.special.ndtr(normal.double()).clamp(EDGE, 1 - EDGE).float()


class Foretells(Generates):
    """Makes rows in two steps: what noise (and perhaps a choice that is asked for) says of a row, and the draw from that. What it says is a
    product over choices and values (`Rows`), so that some can be fixed and the others drawn."""

    rows_type: ClassVar[type[Rows]] = LogisticRows
    """how the values of a row are distributed"""
    rows: Rows
    told_choices: Sequence[int] = ()
    """numbers of the choices of which `label` may be a possibility, as its place among those of all choices"""

    @abstractmethod
    def foretell(self, noise: Tensor, label: Tensor | None = None) -> Tensor:
        """What noise (n, *noise_shape) says, as `rows` reads it; what noise says beyond that is of the draw."""


class TableVAE(Game, Foretells, Encodes, Reconstructs):
    """log p(row) >= E_q(z|row) log p(row | z) - KL(q(z | row) || p(z)),  q = N(mean(row), deviation(row)^2), p(z) = N(0, 1)

    (Kingma & Welling 2013, https://arxiv.org/abs/1312.6114, Eq. 3; for tables: Xu et al. 2019, https://arxiv.org/abs/1907.00503, section 4.5).
    What is decoded is a draw from p(row | z), not its most probable row: that would leave out what is rare.
    """

    block = BLOCK

    def __init__(self, settings: table_settings.TableVAE, *, space: TableSpace):
        super().__init__(space)
        self.settings, self.rows = settings, self.rows_type(space)
        self.noise_shape = (settings.latent + self.rows.draws,)
        self.encoder = settings.encoder.build(space=space, outputs=2 * settings.latent)
        self.decoder = settings.decoder.build(space=space, noise=settings.latent)
        self.average = Average(self.decoder, settings.ema.half_life, settings.ema.warm_up)

    def players(self) -> dict[str, Player]:
        return {"autoencoder": Player([self.encoder, self.decoder], self.settings.optimizer)}

    def stages(self) -> list[Stage]:
        return [Stage([Turn("autoencoder", self.bound, compiles=True)])]

    def bound(self, batch: Batch) -> Terms:
        mean, deviation = self.posterior(batch["x"])                            # (n, latent) each
        z = mean + deviation * torch.randn_like(mean)
        return {
            "reconstruction": self.rows.nll(self.decoder(z).float(), batch["x"]).mean(),
            "divergence": self.settings.beta.at(self.clock) * gaussian_kl(mean, deviation).mean(),
        }

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance = self.encoder(x).chunk(2, 1)
        return mean, torch.exp(0.5 * log_variance)

    def encode(self, x: Tensor, label: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The posterior of the latents; of the noise that rows are drawn at it says nothing."""
        mean, deviation = self.posterior(x)
        rest = mean.new_zeros(len(x), self.rows.draws)
        return torch.cat([mean, rest], 1), torch.cat([deviation, rest + 1], 1)

    def foretell(self, noise: Tensor, label: Tensor | None = None) -> Tensor:
        return self.average(noise[:, : self.settings.latent])

    def render(self, noise: Tensor, label: Tensor | None = None) -> Tensor:
        return self.rows.sample(self.foretell(noise), uniform(noise[:, self.settings.latent :]))

    def reconstruct(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        return self.rows.mean(self.average(self.posterior(x)[0]))


class TableGAN(GAN, Foretells):
    """min_D max_G  E f(D(fake | c) - D(row | c)),  f = softplus                                        (Huang et al. 2024, Eq. 2)

    c is one choice of the row, of a column drawn evenly, so that categories come up as often as in the data ("training by sampling", Xu et al.
    2019, section 4.3, with true frequencies). Both players are told it, and the generator pays a cross entropy for not making it. The
    discriminator sees hard rows. The generator learns c from the data and not through the discriminator, so the game does not claim to be
    adversarial alone. Rows that are not asked for begin with a choice by the data's shares too.
    """

    adversarial_alone = False
    block = BLOCK

    def __init__(self, settings: table_settings.TableGAN, *, space: TableSpace):
        super().__init__(settings, space=space)
        self.rows = self.rows_type(space)
        self.noise_shape = (settings.noise + self.rows.draws + 2,)
        shares = [torch.tensor(span.shares or (1 / span.size,) * span.size, dtype=torch.float64) for span in space.choices]
        constant = lambda name, tensor: self.register_buffer(name, tensor, persistent=False)
        constant("shares", torch.cat(shares))                                                       # (width,)
        constant("below", self.shares.cumsum(0))                                                    # (width,), choice i goes from i to i + 1
        constant("columns", torch.tensor(self.told_choices, dtype=torch.long))

    @property
    def told_choices(self) -> Sequence[int]:
        return range(len(self.space.choices)) if self.settings.conditional else ()

    @property
    def told(self) -> int:
        """Possibilities of all choices of which one is told."""
        return sum(self.space.choices[i].size for i in self.told_choices)

    def condition(self, y: Tensor | None) -> Tensor | None:
        return y if self.told else None

    def some_column(self, u: Tensor) -> Tensor:
        """The number of a choice that may be told, at u (n,) in [0, 1), (n,)."""
        return self.columns[(u * len(self.columns)).long()]

    def place(self, x: Tensor, column: Tensor) -> Tensor:
        """Where a choice (n,) of each row stands among all possibilities, (n,)."""
        return (x[:, : self.rows.width] * self.rows.indicator.T[column]).argmax(1)

    def some_choices(self, u: Tensor) -> Tensor:
        """The same without rows, of a column drawn evenly, at u (n, 2) in (0, 1), by the data's shares."""
        column = self.some_column(u[:, 0])
        place = torch.searchsorted(self.below, column + u[:, 1].double())
        return torch.minimum(torch.maximum(place, self.rows.starts[column]), self.rows.ends[column])

    def asked(self, batch: Batch) -> Batch:
        """The batch with one choice of every row, y (n,), of a column drawn evenly."""
        if not self.told:
            return batch
        x = batch["x"]
        return batch | {"y": self.place(x, self.some_column(torch.rand(len(x), device=x.device)))}

    def distribution(self, batch: Batch) -> Tensor:
        """What the generator says of as many rows as the batch has."""
        z = torch.randn(len(batch["x"]), self.settings.noise, device=batch["x"].device)
        return self.generator(z, self.condition(batch.get("y"))).float()

    def drawn(self, out: Tensor) -> Tensor:
        u = torch.rand(len(out), self.rows.width + self.rows.values, device=out.device)
        return self.rows.soft(out, u, self.settings.temperature)

    def generate(self, batch: Batch) -> Tensor:
        return self.drawn(self.distribution(batch))

    def discriminator_loss(self, batch: Batch) -> Terms:
        return super().discriminator_loss(self.asked(batch))

    def generator_loss(self, batch: Batch) -> Terms:
        batch = self.asked(batch)
        y, out = batch.get("y"), self.distribution(batch)
        fake_score = self.judge(self.shown(self.drawn(out)), y)
        terms = {"adversarial": self.objective.generator(fake_score, lambda: self.judge(self.real(batch), y))}
        return terms | ({"condition": self.rows.choice_nll(out, y).mean()} if self.told else {})

    def foretell(self, noise: Tensor, label: Tensor | None = None) -> Tensor:
        """`label` (n,): the place of a choice among all possibilities, which the rows shall have; None for rows as they come."""
        return self.average(noise[:, : self.settings.noise], self.condition(self.begun(noise) if label is None else label))

    def begun(self, noise: Tensor) -> Tensor | None:
        """The choice that rows begin with which are not asked for one, (n,)."""
        return self.some_choices(uniform(noise[:, -2:])) if self.told else None

    def render(self, noise: Tensor, label: Tensor | None = None) -> Tensor:
        return self.rows.sample(self.foretell(noise, label), uniform(noise[:, self.settings.noise : -2]))

    def verdict(self, x: Tensor, y: Tensor | None) -> Tensor:
        """The discriminator's logits (n,) on rows, told y."""
        return self.discriminator(x, self.condition(y))

    def score(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        """Without a label the mean over the choices that the row has."""
        if not self.told or label is not None:
            return self.verdict(x, label)
        each = [self.place(x, torch.full((len(x),), i, device=x.device)) for i in self.told_choices]
        return torch.stack([self.verdict(x, y) for y in each]).mean(0)
