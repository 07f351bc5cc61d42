"""What the discriminator sees items through, so that it cannot learn few items by heart.

Real and generated items go through the same random changes, in both players' turns, and gradients flow back through them.
"""

import torch
from torch import Tensor

from sparring.base.clock import Clock
from sparring.base.space import Space
from sparring.games import settings
from sparring.layers import augmentations as change
from sparring.play.game import Follower


class Augmentation(Follower):
    """Nothing is changed."""

    def __init__(self, settings: settings.Augmentation, *, space: Space):
        super().__init__()
        self.settings = settings

    def forward(self, x: Tensor) -> Tensor:
        return x

    def observe(self, sureness: Tensor) -> None:
        """(n,) above 0 where the discriminator is right about a real item, for controllers."""

    def state(self) -> dict[str, Tensor]:
        """What the log shows."""
        return {}


class Differentiable(Augmentation):
    """DiffAugment: every item is changed, always.                                     (Zhao et al. 2020, section 3)"""

    def forward(self, x: Tensor) -> Tensor:
        x = x.float()
        if self.settings.flips:
            x = change.flipped(x)
        if self.settings.colour:
            x = change.light(x)
        if self.settings.translation:
            x = change.moved(x)
        return change.cut(x) if self.settings.cutout else x


class Pipeline(Augmentation):
    """Each change of the pipeline happens to an item with probability p, a function of the clock."""

    def __init__(self, settings: settings.Scheduled, *, space: Space):
        super().__init__(settings, space=space)
        self.register_buffer("p", torch.tensor(settings.p.start))

    def follow(self, clock: Clock) -> None:
        self.p.fill_(self.settings.p.at(clock))

    def forward(self, x: Tensor) -> Tensor:
        told, x = self.settings, x.float()
        maps = change.blitting(x, self.p, told.flips) if told.blit else None
        if told.geometry:
            turned = change.geometry(x, self.p)
            maps = turned if maps is None else maps @ turned
        if maps is not None:
            x = change.warped(x, maps)
        return change.coloured(x, change.colour(x, self.p)) if told.colour else x

    def state(self) -> dict[str, Tensor]:
        return {"augmentation": self.p}


class Adaptive(Pipeline):
    """ADA: p rises while r_t = E sign D(x) is above its target, and falls otherwise   (Karras et al. 2020, section 3.1, Eq. 1);
    where D has no absolute zero, as under a relativistic objective, r_t = E sign(D(x) - D(G(z)))."""

    def __init__(self, settings: settings.Adaptive, *, space: Space):
        super().__init__(settings, space=space)
        for name in ("signs", "looks", "seen"):
            self.register_buffer(name, torch.zeros(()))

    def observe(self, sureness: Tensor) -> None:
        self.signs += sureness.detach().sign().mean()
        self.looks += 1

    def follow(self, clock: Clock) -> None:
        self.seen += clock.drawn
        if clock.due(self.settings.every):
            surer = (self.signs / self.looks.clamp(min=1) - self.settings.target).sign() * (self.looks > 0)
            self.p.add_(surer * self.seen / self.settings.speed).clamp_(0, self.settings.highest)
            for counter in (self.signs, self.looks, self.seen):
                counter.zero_()
