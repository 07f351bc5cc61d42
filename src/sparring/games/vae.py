"""Variational autoencoder.

Kingma & Welling 2013, https://arxiv.org/abs/1312.6114; the weight beta: Higgins et al. 2017, https://openreview.net/forum?id=Sy2fzU9gl.
"""

import torch
from torch import Tensor

from sparring.base.space import Space
from sparring.games import settings
from sparring.games.capabilities import Encodes, Reconstructs
from sparring.losses.divergences import gaussian_kl
from sparring.losses.reconstruction import bernoulli_nll, gaussian_nll
from sparring.play.game import Batch, Game, Generates, Player, Stage, Terms, Turn


class Gaussian:
    """p(x | z) = N(x; f(z), deviation^2)."""

    def __init__(self, deviation: float):
        self.deviation = deviation

    def nll(self, out: Tensor, x: Tensor) -> Tensor:
        return gaussian_nll(out, x, self.deviation)

    def mean(self, out: Tensor) -> Tensor:
        return out


class Bernoulli:
    """p(x | z) = prod_i Bernoulli(x_i; sigmoid(f_i(z))), for items in [-1, 1] seen as probabilities in [0, 1]."""

    def nll(self, out: Tensor, x: Tensor) -> Tensor:
        return bernoulli_nll(out, (x + 1) / 2)

    def mean(self, out: Tensor) -> Tensor:
        return 2 * torch.sigmoid(out) - 1


class VAE(Game, Generates, Encodes, Reconstructs):
    """log p(x) >= E_q(z|x) log p(x | z) - KL(q(z | x) || p(z)),  q = N(mean(x), deviation(x)^2), p(z) = N(0, 1)      (Eq. 3)

    The player minimises the negative bound: "reconstruction" + beta "divergence", in nats an item.
    """

    def __init__(self, settings: settings.VAE, *, space: Space):
        super().__init__(space)
        self.settings, self.noise_shape = settings, (settings.latent,)
        self.likelihood = Bernoulli() if settings.likelihood == "bernoulli" else Gaussian(settings.deviation)
        self.encoder = settings.encoder.build(space=space, outputs=2 * settings.latent)
        self.decoder = settings.decoder.build(space=space, noise=settings.latent)

    def players(self) -> dict[str, Player]:
        return {"autoencoder": Player([self.encoder, self.decoder], self.settings.optimizer)}

    def stages(self) -> list[Stage]:
        return [Stage([Turn("autoencoder", self.bound, compiles=True)])]

    def bound(self, batch: Batch) -> Terms:
        x = batch["x"]
        mean, deviation = self.encode(x)                                        # (n, latent) each
        z = mean + deviation * torch.randn_like(mean)                           # reparameterised, section 2.4
        return {
            "reconstruction": self.likelihood.nll(self.decoder(z).float(), x).mean(),
            "divergence": self.settings.beta.at(self.clock) * gaussian_kl(mean, deviation).mean(),
        }

    def encode(self, x: Tensor, label: Tensor | None = None) -> tuple[Tensor, Tensor]:
        mean, log_variance = self.encoder(x).chunk(2, 1)
        return mean, torch.exp(0.5 * log_variance)

    def render(self, noise: Tensor, label: Tensor | None = None) -> Tensor:
        return self.likelihood.mean(self.decoder(noise))

    def reconstruct(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        return self.render(self.encode(x)[0])
