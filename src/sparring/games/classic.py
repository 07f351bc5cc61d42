"""The adversarial game and its Wasserstein form.

Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661; Gulrajani et al. 2017, https://arxiv.org/abs/1704.00028.
"""

import torch
from torch import Tensor

from sparring.base.space import Space
from sparring.games import settings
from sparring.losses.adversarial import OBJECTIVES
from sparring.losses.penalties import PENALTIES
from sparring.play.average import Average
from sparring.play.game import Batch, Game, Generates, Player, Scores, Stage, Terms, Turn


class GAN(Game, Generates, Scores):
    """min_G max_D  E log D(x) + E log(1 - D(G(z)))                                     (Goodfellow et al. 2014, Eq. 1)

    and its relatives: the objective says what each player makes of the two logits, the penalty what D's slope costs.
    The generator's turn has a batch of its own, for objectives that compare with real items.
    """

    adversarial_alone = True

    def __init__(self, settings: settings.GAN, *, space: Space):
        super().__init__(space)
        self.settings, self.noise_shape = settings, (settings.noise,)
        self.objective, self.penalty = OBJECTIVES[settings.objective], PENALTIES[settings.penalty.kind]
        labels = self.labels
        self.generator = settings.generator.build(space=space, noise=settings.noise, labels=labels)
        self.discriminator = settings.discriminator.build(space=space, labels=labels)
        self.average = Average(self.generator, settings.ema.half_life, settings.ema.warm_up)

    @property
    def labels(self) -> int:
        """How many labels the networks are told; none here."""
        return 0

    def players(self) -> dict[str, Player]:
        return {
            "discriminator": Player([self.discriminator], self.settings.discriminator_optimizer),
            "generator": Player([self.generator], self.settings.generator_optimizer),
        }

    def stages(self) -> list[Stage]:
        return [Stage([Turn("discriminator", self.discriminator_loss), Turn("generator", self.generator_loss, fresh=True)])]

    def condition(self, batch: Batch) -> Tensor | None:
        """The label that both networks are told, (n,); none here."""
        return None

    def generate(self, batch: Batch) -> Tensor:
        """G(z), as many items as the batch has."""
        z = torch.randn(len(batch["x"]), *self.noise_shape, device=batch["x"].device)
        return self.generator(z, self.condition(batch))

    def discriminator_loss(self, batch: Batch) -> Terms:
        lazy, label = self.settings.penalty, self.condition(batch)
        due = self.settings.penalty.kind != "none" and self.clock.due(lazy.every)
        real, fake = batch["x"].detach().requires_grad_(due), self.generate(batch).requires_grad_(due)
        score = lambda x: self.discriminator(x, label)
        real_score, fake_score = score(real), score(fake)                       # (n,) each
        self.watch(real=real_score.mean(), fake=fake_score.mean())
        terms = {"adversarial": self.objective.discriminator(real_score, fake_score)}
        if due:
            weight = lazy.every * lazy.gamma.at(self.clock)
            terms |= {name: weight * term for name, term in self.penalty(score, real, fake, real_score, fake_score).items()}
        return terms

    def generator_loss(self, batch: Batch) -> Terms:
        label = self.condition(batch)
        fake_score = self.discriminator(self.generate(batch), label)
        return {"adversarial": self.objective.generator(fake_score, lambda: self.discriminator(batch["x"], label))}

    def render(self, noise: Tensor, label: Tensor | None = None) -> Tensor:
        return self.average(noise)

    def score(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        return self.discriminator(x)


class WassersteinGAN(GAN):
    """min_G max_D E D(x) - E D(G(z)),  D held to slope 1 by a penalty between real and generated items (Eq. 3):
    several discriminator moves a round, each on a batch of its own."""

    def stages(self) -> list[Stage]:
        moves = self.settings.discriminator_moves
        return [Stage([Turn("discriminator", self.discriminator_loss, times=moves), Turn("generator", self.generator_loss)])]
