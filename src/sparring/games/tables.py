"""Games of rows of tables: what a row's distribution is, an autoencoder and an adversarial game on it."""

from abc import abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sparring.games import settings
from sparring.games.capabilities import Encodes, Reconstructs
from sparring.games.classic import GAN
from sparring.losses.divergences import gaussian_kl
from sparring.modalities.spaces import TableSpace
from sparring.play.average import Average
from sparring.play.game import Batch, Game, Generates, Player, Stage, Terms, Turn

SCALES = -4.0, 2.5
"""least and greatest log scale of a value's distribution; the greatest is nearly uniform"""
EDGE = 1e-6
BLOCK = 1024
"""rows that are rendered at a time"""


class Rows(nn.Module):
    """p(row | out) = prod_choices softmax(out_choice) prod_values L(value; centre, scale),

    L the logistic distribution between -1 and 1, which counts where the value's choice is a bin. out (n, choices + 2 values): logits beside centres
    and log scales. All choices are computed at once, however many there are: sums over a choice are products with its indicator.
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
        return highest + (torch.exp(logits - highest[:, self.owner]) @ self.indicator).log()

    @torch.no_grad()
    def highest(self, x: Tensor) -> Tensor:
        """The highest number of every choice, (n, width) -> (n, choices)."""
        return torch.stack([part.amax(1) for part in x.split(self.sizes, 1)], 1)

    def probabilities(self, logits: Tensor) -> Tensor:
        """Softmax of every choice, (n, width)."""
        weights = torch.exp(logits - self.highest(logits)[:, self.owner])
        return weights / ((weights @ self.indicator) @ self.indicator.T)

    # ---- values: F(x) = (sigma((x - centre) / scale) - sigma(low)) / (sigma(high) - sigma(low)), low and high the same at -1 and 1

    def _logistic(self, out: Tensor) -> tuple[Tensor, Tensor]:
        centre, scale = out[:, self.width :].chunk(2, 1)
        return 2 * torch.tanh(centre / 2), torch.exp(scale.clamp(*SCALES))

    def value_nll(self, out: Tensor, x: Tensor) -> Tensor:
        """-log L of places (n, values), (n, values)."""
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

    # ---- rows

    def nll(self, out: Tensor, x: Tensor) -> Tensor:
        """-log p(row), (n,)."""
        logits, chosen = out[:, : self.width], x[:, : self.width]
        choices = self.normaliser(logits).sum(1) - (logits * chosen).sum(1)
        return choices + (self.value_nll(out, x[:, self.width :]) * (chosen @ self.binned)).sum(1)

    def choice_nll(self, out: Tensor, y: Tensor) -> Tensor:
        """-log p of the choice at place y (n,) among all possibilities, (n,)."""
        logits = out[:, : self.width]
        return self.normaliser(logits).gather(1, self.owner[y, None]).squeeze(1) - logits.gather(1, y[:, None]).squeeze(1)

    def sample(self, out: Tensor, u: Tensor) -> Tensor:
        """The row at u (n, choices + values) in (0, 1): every choice and value by its inverse distribution function."""
        chances = self.probabilities(out[:, : self.width]).double().cumsum(1)                     # choice i goes from i to i + 1
        at = torch.arange(len(self.sizes), device=u.device) + u[:, : len(self.sizes)].double()
        chosen = torch.minimum(torch.maximum(torch.searchsorted(chances, at), self.starts), self.ends)
        return self._row(torch.zeros_like(out[:, : self.width]).scatter_(1, chosen, 1.0), self.quantile(out, u[:, len(self.sizes) :]))

    def mean(self, out: Tensor) -> Tensor:
        """Probabilities, and the middle of where values are, (n, *shape)."""
        chances = self.probabilities(out[:, : self.width])
        return self._row(chances, self.quantile(out, torch.full_like(out[:, : self.values], 0.5)))

    def soft(self, out: Tensor, u: Tensor, temperature: float) -> Tensor:
        """A row drawn at u that gradients go through: choices are hard, with the gradient of their softmax at this temperature.

        Jang et al. 2016, https://arxiv.org/abs/1611.01144, section 2.2 (straight-through Gumbel-softmax).
        """
        draws = self.width
        gumbel = -torch.log(-torch.log(u[:, :draws].clamp(1e-20, 1 - 1e-7)))
        noisy = (out[:, :draws] + gumbel) / temperature
        chances = self.probabilities(noisy)
        hard = (noisy >= self.highest(noisy)[:, self.owner]).to(chances.dtype)
        return self._row(hard - chances.detach() + chances, self.quantile(out, u[:, draws:].clamp(EDGE, 1 - EDGE)))

    def _row(self, choices: Tensor, values: Tensor) -> Tensor:
        return torch.cat([choices, values * (choices @ self.binned)], 1)


def uniform(normal: Tensor) -> Tensor:
    """Phi(normal), in (0, 1)."""
    return torch.special.ndtr(normal.double()).clamp(EDGE, 1 - EDGE).float()


class Foretells(Generates):
    """Makes rows in two steps: what noise (and perhaps a choice that is asked for) says of a row, and the draw from that. What it says is a
    product over choices and values (`Rows`), so that some can be fixed and the others drawn."""

    rows: Rows
    told: int = 0
    """possibilities of all choices, where `label` may be the place of one among them"""

    @abstractmethod
    def foretell(self, noise: Tensor, label: Tensor | None = None) -> Tensor:
        """(n, choices + 2 values) of noise (n, *noise_shape); what noise says beyond that is of the draw."""


class TableVAE(Game, Foretells, Encodes, Reconstructs):
    """log p(row) >= E_q(z|row) log p(row | z) - KL(q(z | row) || p(z)),  q = N(mean(row), deviation(row)^2), p(z) = N(0, 1)

    (Kingma & Welling 2013, https://arxiv.org/abs/1312.6114, Eq. 3; for tables: Xu et al. 2019, https://arxiv.org/abs/1907.00503, section 4.5).
    What is decoded is a draw from p(row | z), not its most probable row: that would leave out what is rare.
    """

    block = BLOCK

    def __init__(self, settings: settings.TableVAE, *, space: TableSpace):
        super().__init__(space)
        self.settings, self.rows = settings, Rows(space)
        self.noise_shape = (settings.latent + self.rows.draws,)
        self.encoder = settings.encoder.build(space=space, outputs=2 * settings.latent)
        self.decoder = settings.decoder.build(space=space, noise=settings.latent)
        self.average = Average(self.decoder, settings.ema.half_life, settings.ema.warm_up)

    def players(self) -> dict[str, Player]:
        return {"autoencoder": Player([self.encoder, self.decoder], self.settings.optimizer)}

    def stages(self) -> list[Stage]:
        return [Stage([Turn("autoencoder", self.bound)])]

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

    def __init__(self, settings: settings.TableGAN, *, space: TableSpace):
        super().__init__(settings, space=space)
        self.rows = Rows(space)
        self.noise_shape = (settings.noise + self.rows.draws + 2,)
        shares = [torch.tensor(span.shares or (1 / span.size,) * span.size, dtype=torch.float64) for span in space.choices]
        self.register_buffer("shares", torch.cat(shares).cumsum(0), persistent=False)               # (width,), choice i goes from i to i + 1

    @property
    def told(self) -> int:
        """Possibilities of all choices."""
        return sum(span.size for span in self.space.choices) if self.settings.conditional else 0

    def condition(self, y: Tensor | None) -> Tensor | None:
        return y if self.told else None

    def chosen(self, x: Tensor) -> Tensor:
        """One choice of every row, of a column drawn evenly, as its place among all possibilities, (n,)."""
        column = (torch.rand(len(x), device=x.device) * len(self.rows.sizes)).long()
        return (x[:, : self.rows.width] * self.rows.indicator.T[column]).argmax(1)

    def some_choices(self, u: Tensor) -> Tensor:
        """The same without rows, at u (n, 2) in (0, 1), by the data's shares."""
        column = (u[:, 0] * len(self.rows.sizes)).long()
        place = torch.searchsorted(self.shares, column + u[:, 1].double())
        return torch.minimum(torch.maximum(place, self.rows.starts[column]), self.rows.ends[column])

    def distribution(self, batch: Batch) -> Tensor:
        """What the generator says of as many rows as the batch has, (n, choices + 2 values)."""
        z = torch.randn(len(batch["x"]), self.settings.noise, device=batch["x"].device)
        return self.generator(z, self.condition(batch["y"])).float()

    def drawn(self, out: Tensor) -> Tensor:
        u = torch.rand(len(out), self.rows.width + self.rows.values, device=out.device)
        return self.rows.soft(out, u, self.settings.temperature)

    def generate(self, batch: Batch) -> Tensor:
        return self.drawn(self.distribution(batch))

    def discriminator_loss(self, batch: Batch) -> Terms:
        return super().discriminator_loss(batch | {"y": self.chosen(batch["x"])})

    def generator_loss(self, batch: Batch) -> Terms:
        y = self.chosen(batch["x"])
        out = self.distribution(batch | {"y": y})
        terms = {"adversarial": self.objective.generator(self.judge(self.drawn(out), y), lambda: self.judge(batch["x"], y))}
        return terms | ({"condition": self.rows.choice_nll(out, y).mean()} if self.told else {})

    def foretell(self, noise: Tensor, label: Tensor | None = None) -> Tensor:
        """`label` (n,): the place of a choice among all possibilities, which the rows shall have; None for rows as they come."""
        y = self.some_choices(uniform(noise[:, -2:])) if label is None else label
        return self.average(noise[:, : self.settings.noise], self.condition(y))

    def render(self, noise: Tensor, label: Tensor | None = None) -> Tensor:
        return self.rows.sample(self.foretell(noise, label), uniform(noise[:, self.settings.noise : -2]))

    def score(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        """Without a label the mean over the choices that the row has."""
        if not self.told or label is not None:
            return self.discriminator(x, self.condition(label))
        own = [start + part.argmax(1) for start, part in zip(self.rows.starts, x[:, : self.rows.width].split(self.rows.sizes, 1))]
        return torch.stack([self.discriminator(x, y) for y in own]).mean(0)
