"""Restoring damaged pictures: enlarging, filling in, cleaning, colouring. The network learns to undo what was done to pictures that were whole.

Ledig et al. 2016 (SRGAN), https://arxiv.org/abs/1609.04802; Wang et al. 2018 (ESRGAN), https://arxiv.org/abs/1809.00219; Pathak et al. 2016
(context encoders), https://arxiv.org/abs/1604.07379; with the relativistic pairs and penalties of Huang et al. 2024,
https://arxiv.org/abs/2501.05441.
"""

import math

import torch
from torch import Tensor

from sparring.base.space import Space
from sparring.games import restoration_settings
from sparring.games.capabilities import Restores, Scores
from sparring.losses.adversarial import OBJECTIVES
from sparring.losses.penalties import AT_ITEMS, PENALTIES
from sparring.play.average import Average
from sparring.play.game import Batch, Game, Player, Stage, Terms, Turn


class Restoration(Game, Restores, Scores):
    """min_R  E |R(d(x)) - x|                                                               for the first part of the run, then
    min_R max_D  w_pixels E |R(d(x)) - x| + w_adversary E f(D(x) - D(R(d(x))))              (SRGAN, Eq. 3; ESRGAN, section 3.2)

    d is the degradation, drawn anew for every picture. Pixels alone give the mean of all pictures that the damaged one could have been,
    which is blurred; the adversary asks for one of them. Where the degradation leaves pixels as they were they are kept.
    """

    def __init__(self, settings: restoration_settings.Restoration, *, space: Space):
        super().__init__(space)
        self.settings, channels = settings, space.shape[0]
        self.degradation = settings.degradation.build(space=space)
        self.scale, self.masked = self.degradation.scale, self.degradation.masked
        self.given = self.degradation.channels(channels) - self.masked
        self.restorer = settings.restorer.build(inputs=self.degradation.channels(channels), outputs=channels, scale=self.scale)
        self.reach = self.restorer.reach() + self.degradation.reach
        self.multiple = math.lcm(self.restorer.multiple, self.degradation.multiple)
        self.discriminator = settings.discriminator.build(inputs=channels)
        self.objective, self.penalty = OBJECTIVES[settings.objective], PENALTIES[settings.penalty.kind]
        self.average = Average(self.restorer, settings.ema.half_life, settings.ema.warm_up)

    def players(self) -> dict[str, Player]:
        return {
            "discriminator": Player([self.discriminator], self.settings.discriminator_optimizer),
            "restorer": Player([self.restorer], self.settings.restorer_optimizer),
        }

    def stages(self) -> list[Stage]:
        """Pixels alone, then the game."""
        return [
            Stage([Turn("restorer", self.pixel_loss)], rounds=round(self.settings.pixels_alone * self.clock.rounds)),
            Stage([Turn("discriminator", self.discriminator_loss), Turn("restorer", self.restorer_loss, fresh=True)]),
        ]

    def damage(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            return self.degradation(x.float())

    def trivial(self, given: Tensor) -> Tensor:
        return self.degradation.trivial(given, self.space.shape[0])

    def restore(self, given: Tensor) -> Tensor:
        return self.whole(given, self.average(self.degradation.prepared(given)).float().clamp(-1, 1))

    def whole(self, given: Tensor, restored: Tensor) -> Tensor:
        """The restored picture, with known pixels in their places."""
        known = self.degradation.known(given)
        return restored if known is None else torch.where(known > 0.5, given[:, : restored.shape[1]], restored)

    def attempt(self, x: Tensor) -> Tensor:
        """R(d(x)), (n, *shape)."""
        given = self.damage(x)
        return self.whole(given, self.restorer(self.degradation.prepared(given)).float())

    def pixel_loss(self, batch: Batch) -> Terms:
        return {"pixels": (self.attempt(batch["x"]) - batch["x"]).abs().mean()}

    def discriminator_loss(self, batch: Batch) -> Terms:
        lazy = self.settings.penalty
        due = lazy.kind != "none" and self.clock.due(lazy.every)
        sloped = due and lazy.kind in AT_ITEMS
        real, fake = batch["x"].detach().requires_grad_(sloped), self.attempt(batch["x"]).requires_grad_(sloped)
        real_score, fake_score = self.discriminator(real), self.discriminator(fake)              # (n, places)
        self.watch(real=real_score.mean(), fake=fake_score.mean())
        terms = {"adversarial": self.objective.discriminator(real_score, fake_score)}
        if due:
            weight = lazy.every * lazy.gamma.at(self.clock)
            penalties = self.penalty(self.score, real, fake, real_score.mean(1), fake_score.mean(1))
            terms |= {name: weight * term for name, term in penalties.items()}
        return terms

    def restorer_loss(self, batch: Batch) -> Terms:
        x = batch["x"]
        fake = self.attempt(x)
        adversarial = self.objective.generator(self.discriminator(fake), lambda: self.discriminator(x))
        return {"pixels": self.settings.pixels * (fake - x).abs().mean(), "adversarial": self.settings.adversary * adversarial}

    def score(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        return self.discriminator(x).mean(1)
