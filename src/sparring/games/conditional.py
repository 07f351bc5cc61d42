"""The adversarial game with labels.

Mirza & Osindero 2014, https://arxiv.org/abs/1411.1784; projection discriminator: Miyato & Koyama 2018, https://arxiv.org/abs/1802.05637.
"""

from torch import Tensor

from sparring.games.classic import GAN
from sparring.play.game import Batch


class ConditionalGAN(GAN):
    """min_G max_D  E log D(x | y) + E log(1 - D(G(z | y)))                             (Mirza & Osindero 2014, Eq. 2)

    Both networks are told the label; generated items take the labels of the batch, so that they follow the data's frequencies.
    """

    conditional = True

    @property
    def labels(self) -> int:
        return len(self.space.labels)

    def condition(self, batch: Batch) -> Tensor:
        return batch["y"]

    def render(self, noise: Tensor, label: Tensor | None = None) -> Tensor:
        return self.average(noise, label)

    def score(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        return self.discriminator(x, label)
