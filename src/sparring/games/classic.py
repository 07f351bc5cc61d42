"""The adversarial game, with and without conditions, and its Wasserstein form.

Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661; Mirza & Osindero 2014, https://arxiv.org/abs/1411.1784; Gulrajani et al. 2017,
https://arxiv.org/abs/1704.00028; few items a label: Shahbazi et al. 2022, https://arxiv.org/abs/2201.06578.
"""

import torch
from torch import Tensor, nn

from sparring.base.space import Space
from sparring.games import settings
from sparring.games.capabilities import Scores
from sparring.losses.adversarial import OBJECTIVES
from sparring.losses.penalties import AT_ITEMS, PENALTIES
from sparring.play.average import Average
from sparring.play.game import Batch, Game, Generates, Player, Stage, Terms, Turn


class GAN(Game, Generates, Scores):
    """min_G max_D  E log D(x) + E log(1 - D(G(z)))                                     (Goodfellow et al. 2014, Eq. 1)
    min_G max_D  E log D(x | y) + E log(1 - D(G(z | y)))                                (Mirza & Osindero 2014, Eq. 2)

    and its relatives: the objective says what each player makes of the two logits, the penalty what D's slope costs. Generated items
    take the conditions of the batch, so that they follow the data's frequencies. The generator's turn has a batch of its own, for
    objectives that compare with real items. The discriminator sees real and generated items through one augmentation.
    """

    adversarial_alone = True

    def __init__(self, settings: settings.GAN, *, space: Space):
        super().__init__(space)
        self.settings, self.noise_shape = settings, (settings.noise,)
        self.conditional = settings.conditional and space.conditions > 0
        self.objective, self.penalty = OBJECTIVES[settings.objective], PENALTIES[settings.penalty.kind]
        self.generator = settings.generator.build(space=space, noise=settings.noise, labels=self.told)
        self.discriminator = self.build_discriminator(self.told)
        self.augmentation = settings.augmentation.build(space=space)
        self.average = Average(self.generator, settings.ema.half_life, settings.ema.warm_up)

    @property
    def told(self) -> int:
        """Length of the condition that the networks are told, 0 for none."""
        return self.space.conditions if self.conditional else 0

    def build_discriminator(self, labels: int) -> nn.Module:
        return self.settings.discriminator.build(space=self.space, labels=labels)

    def players(self) -> dict[str, Player]:
        return {
            "discriminator": Player([self.discriminator], self.settings.discriminator_optimizer),
            "generator": Player([self.generator], self.settings.generator_optimizer),
        }

    def stages(self) -> list[Stage]:
        discriminator = Turn("discriminator", self.discriminator_loss, compiles=not self.penalised)
        return [Stage([discriminator, Turn("generator", self.generator_loss, fresh=True, compiles=True)])]

    @property
    def penalised(self) -> bool:
        """Whether the discriminator pays for its slope in this round."""
        return self.settings.penalty.kind != "none" and self.clock.due(self.settings.penalty.every)

    def condition(self, y: Tensor | None) -> Tensor | None:
        """What both networks are told of y: nothing, y, or y weakened while the game turns from unconditional to conditional."""
        if not self.conditional:
            return None
        strength = self.settings.condition_strength.at(self.clock)
        return y if strength == 1 else strength * self.space.vector(y)

    def generate(self, batch: Batch) -> Tensor:
        """G(z | y), as many items as the batch has."""
        z = torch.randn(len(batch["x"]), *self.noise_shape, device=batch["x"].device)
        return self.generator(z, self.condition(batch.get("y")))

    def shown(self, x: Tensor) -> Tensor:
        """What the discriminator is shown of items, and where penalties take its slope: the items."""
        return x

    def real(self, batch: Batch) -> Tensor:
        return self.shown(batch["x"])

    def judge(self, shown: Tensor, y: Tensor | None) -> Tensor:
        """D's logits (n,) on what it is shown, as it sees it in training: augmented."""
        return self.discriminator(self.augmentation(shown), self.condition(y))

    def scores(self, real: Tensor, fake: Tensor, y: Tensor | None) -> tuple[Tensor, Tensor]:
        """D's logits on what it is shown of real and of generated items, (n,) each."""
        return self.judge(real, y), self.judge(fake, y)

    def discriminator_loss(self, batch: Batch) -> Terms:
        lazy, y = self.settings.penalty, batch.get("y")
        real, fake = self.real(batch).detach(), self.shown(self.generate(batch)).detach()
        if self.penalised and lazy.kind in AT_ITEMS:
            real.requires_grad_(True), fake.requires_grad_(True)
        real_score, fake_score = self.scores(real, fake, y)
        self.augmentation.observe(self.objective.sureness(real_score, fake_score))
        self.watch(real=real_score.mean(), fake=fake_score.mean(), **self.augmentation.state())
        terms = {"adversarial": self.objective.discriminator(real_score, fake_score)}
        if self.penalised:
            weight = lazy.every * lazy.gamma.at(self.clock)
            score = lambda shown: self.judge(shown, y)
            terms |= {name: weight * term for name, term in self.penalty(score, real, fake, real_score, fake_score).items()}
        return terms

    def generator_loss(self, batch: Batch) -> Terms:
        y = batch.get("y")
        fake_score = self.judge(self.shown(self.generate(batch)), y)
        return {"adversarial": self.objective.generator(fake_score, lambda: self.judge(self.real(batch), y))}

    def render(self, noise: Tensor, label: Tensor | None = None) -> Tensor:
        return self.average(noise, self.condition(label))

    def score(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        return self.discriminator(x, self.condition(label))


class WassersteinGAN(GAN):
    """min_G max_D E D(x) - E D(G(z)),  D held to slope 1 by a penalty between real and generated items (Eq. 3):
    several discriminator moves a round, each on a batch of its own."""

    def stages(self) -> list[Stage]:
        moves = self.settings.discriminator_moves
        return [Stage([Turn("discriminator", self.discriminator_loss, times=moves), Turn("generator", self.generator_loss)])]
