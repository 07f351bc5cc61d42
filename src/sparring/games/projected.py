"""Projected GANs.

Sauer et al. 2021, https://arxiv.org/abs/2111.01007; with the relativistic pairs and penalties of Huang et al. 2024,
https://arxiv.org/abs/2501.05441, in the space of the features; and perhaps with a discriminator of pixels beside them (Kumari et al. 2021,
vision-aided GANs, https://arxiv.org/abs/2112.09130).
"""

import torch
from torch import Tensor, nn

from sparring.base.space import Space
from sparring.extractors.pyramid import CHANNELS, Pyramid
from sparring.games import settings
from sparring.games.classic import GAN
from sparring.networks.projected import Mixing
from sparring.play.game import Batch, Stage, Turn

PIXELS = 13.0
"""how many times as large as they are pixels are shown, so that one gamma suits features and them, whose slope counts 1 / PIXELS^2 of it"""


class ProjectedGAN(GAN):
    """min_G max_{D_l} sum_l  E log D_l(P_l(x)) + E log(1 - D_l(P_l(G(z))))                                   (Eq. 4)

    P_l are maps of a frozen feature network, mixed by fixed random convolutions. They, beside the pixels, are what the discriminators are shown, so
    that penalties hold the discriminators' slope there, without a derivative of the feature network's derivative. The feature network is no
    part of the game's state; it is loaded when it first looks, so that sampling works without it. The generator's turn has the batch of the
    discriminator's, whose real items it has looked at already. Rounds in which nothing is looked at are those of a game of pixels, and as quick.
    """

    def __init__(self, settings: settings.ProjectedGAN, *, space: Space):
        super().__init__(settings, space=space)
        self.mixing = Mixing(CHANNELS[: settings.scales], settings.mixing)
        self.pixel_augmentation = settings.pixel_augmentation.build(space=space)
        self._pyramid: list[Pyramid] = []                                       # in a list: no submodule, not in the state dict

    def build_discriminator(self, labels: int) -> nn.Module:
        widths = [self.settings.mixing * 2**i for i in range(self.settings.scales)]
        return self.settings.discriminator.build(widths=widths, space=self.space, labels=labels)

    def stages(self) -> list[Stage]:
        return [Stage([Turn("discriminator", self.discriminator_loss), Turn("generator", self.generator_loss)])]

    def project(self, x: Tensor) -> Tensor:
        """P_l(x), the finest first, side by side: (n, numbers of all maps)."""
        if not self._pyramid:
            self._pyramid.append(Pyramid(self.settings.side, self.settings.scales).to(x.device))
        return torch.cat([m.float().permute(0, 2, 3, 1).flatten(1) for m in self.mixing(self._pyramid[0](x))], 1)

    def pixels(self, x: Tensor) -> Tensor:
        """(n, numbers of pictures), of the size of features."""
        return PIXELS * x.flatten(1)

    def maps(self, shown: Tensor) -> tuple[list[Tensor], Tensor]:
        """What `project` (if it looked) and `pixels` gave as maps again, (n, c_l, h_l, w_l) each, in the order that convolutions like (channels
        last), and as pictures."""
        features, x = shown.split([shown.shape[1] - self.space.numbers, self.space.numbers], 1)
        sides = [self.settings.side // 2 ** (i + 2) for i in range(self.settings.scales)] if features.shape[1] else []
        parts = features.split([width * side**2 for width, side in zip(self.mixing.widths, sides)], 1) if sides else []
        maps = [part.unflatten(1, (side, side, -1)).permute(0, 3, 1, 2) for part, side in zip(parts, sides)]
        return maps, (x / PIXELS).unflatten(1, self.space.shape)

    def shown(self, x: Tensor) -> Tensor:
        pixels = self.pixels(self.pixel_augmentation(x))
        return torch.cat([self.project(self.augmentation(x)), pixels], 1) if self.clock.due(self.settings.every) else pixels

    def real(self, batch: Batch) -> Tensor:
        if "shown" not in batch:
            batch["shown"] = super().real(batch)
        return batch["shown"]

    def judge(self, shown: Tensor, y: Tensor | None) -> Tensor:
        """Logits (n, discriminators * places)."""
        return self.discriminator(*self.maps(shown), self.condition(y))

    def score(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        return self.discriminator(*self.maps(torch.cat([self.project(x), self.pixels(x)], 1)), self.condition(label)).mean(1)
