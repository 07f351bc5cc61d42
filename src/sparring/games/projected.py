"""Projected GANs.

Sauer et al. 2021, https://arxiv.org/abs/2111.01007.
"""

from torch import Tensor, nn

from sparring.base.space import Space
from sparring.extractors.pyramid import CHANNELS, Pyramid
from sparring.games import settings
from sparring.games.classic import GAN
from sparring.networks.projected import Mixing


class ProjectedGAN(GAN):
    """min_G max_{D_l} sum_l  E log D_l(P_l(x)) + E log(1 - D_l(P_l(G(z))))                                   (Eq. 4)

    P_l are maps of a frozen feature network, mixed by fixed random convolutions. The feature network is no part of the game's state; it
    is loaded when a discriminator first looks, so that sampling works without it.
    """

    def __init__(self, settings: settings.ProjectedGAN, *, space: Space):
        super().__init__(settings, space=space)
        self.mixing = Mixing(CHANNELS[: settings.scales], settings.mixing)
        self._pyramid: list[Pyramid] = []                                       # in a list: no submodule, not in the state dict

    def build_discriminator(self, labels: int) -> nn.Module:
        return self.settings.discriminator.build(widths=[self.settings.mixing * 2**i for i in range(self.settings.scales)], labels=labels)

    def project(self, x: Tensor) -> list[Tensor]:
        """P_l(x), finest first."""
        if not self._pyramid:
            self._pyramid.append(Pyramid(self.settings.side, self.settings.scales).to(x.device))
        return self.mixing(self._pyramid[0](x))

    def judge(self, x: Tensor, y: Tensor | None) -> Tensor:
        """Logits (n, scales * places)."""
        return self.discriminator(self.project(self.augmentation(x)), self.condition(y))

    def score(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        return self.discriminator(self.project(x), self.condition(label)).mean(1)
