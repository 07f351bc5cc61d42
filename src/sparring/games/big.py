"""BigGAN.

Brock et al. 2018, https://arxiv.org/abs/1809.11096.
"""

from torch import Tensor

from sparring.games.classic import GAN
from sparring.losses.penalties import orthogonality
from sparring.play.game import Batch, Stage, Terms, Turn


class BigGAN(GAN):
    """min_D E max(0, 1 - D(x, y)) + E max(0, 1 + D(G(z, y), y)),  min_G -E D(G(z, y), y) + beta |W W^T o (1 - I)|^2         (Eq. 3)

    Several discriminator moves a round, each on a batch of its own. Orthogonal weights keep the generator smooth, so that noise of a
    truncated normal, which makes better and fewer kinds of items, still lies where it was trained.
    """

    def stages(self) -> list[Stage]:
        moves = self.settings.discriminator_moves
        return [Stage([Turn("discriminator", self.discriminator_loss, times=moves), Turn("generator", self.generator_loss, fresh=True)])]

    def generator_loss(self, batch: Batch) -> Terms:
        terms = super().generator_loss(batch)
        if self.settings.orthogonality:
            terms["orthogonality"] = self.settings.orthogonality * sum(orthogonality(w) for w in self.weights())
        return terms

    def weights(self) -> list[Tensor]:
        """The generator's weight matrices without the embedding that all blocks share (section 3.1)."""
        return [p for name, p in self.generator.named_parameters() if p.ndim > 1 and not name.startswith("shared.")]
