"""Translation of pictures: learnt from pairs (pix2pix), or from two collections alone (CycleGAN).

Isola et al. 2016 (pix2pix), https://arxiv.org/abs/1611.07004; Zhu et al. 2017 (CycleGAN), https://arxiv.org/abs/1703.10593; Wang et al.
2017 (pix2pixHD), https://arxiv.org/abs/1711.11585; with the relativistic pairs and penalties of Huang et al. 2024,
https://arxiv.org/abs/2501.05441, as a choice of objective.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from sparring.base.clock import Clock
from sparring.base.errors import UserError
from sparring.base.space import PairSpace, Space
from sparring.extractors.pyramid import PerceptualDistance
from sparring.games import settings, translation_settings
from sparring.games.capabilities import Scores, Translates
from sparring.games.translation_settings import NO_PAIRS
from sparring.layers.augmentations import flipped, slid
from sparring.losses.adversarial import OBJECTIVES, Objective
from sparring.losses.penalties import AT_ITEMS, PENALTIES
from sparring.losses.perceptual import mismatch
from sparring.play.average import Average
from sparring.play.game import Batch, Follower, Game, Player, Stage, Terms, Turn


def pair_space(space: Space) -> PairSpace:
    """UserError for data without anything to translate from."""
    if not isinstance(space, PairSpace):
        raise UserError(f"translation is learnt from two collections of pictures, and these data are {space.kind}: give --data A::B")
    return space


class Verdict:
    """What one discriminator has to learn: min_D E f(D(real), D(fake)) + gamma R."""

    def __init__(self, objective: Objective, penalty: settings.Penalty):
        self.objective, self.lazy, self.penalty = objective, penalty, PENALTIES[penalty.kind]

    def due(self, clock: Clock) -> bool:
        return self.lazy.kind != "none" and clock.due(self.lazy.every)

    def __call__(self, judge: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, clock: Clock) -> tuple[Terms, Tensor, Tensor]:
        """Terms, and the scores (n, places) of real and of made pictures, both (n, *shape)."""
        due = self.due(clock)
        sloped = due and self.lazy.kind in AT_ITEMS
        real, fake = real.detach().requires_grad_(sloped), fake.detach().requires_grad_(sloped)
        # in one pass where no slope is asked for: no norm here looks beyond one picture
        real_score, fake_score = (judge(real), judge(fake)) if sloped else judge(torch.cat([real, fake])).chunk(2)
        terms = {"adversarial": self.objective.discriminator(real_score, fake_score)}
        if due:
            weight = self.lazy.every * self.lazy.gamma.at(clock)
            terms |= {name: weight * term for name, term in self.penalty(judge, real, fake, real_score, fake_score).items()}
        return terms, real_score, fake_score


class Pix2Pix(Game, Translates):
    """min_G max_D  w_pixels E |G(a) - b| + w_adversary E f(D(a, b) - D(a, G(a)))                          (pix2pix, Eq. 4)
    + w_features E mean_i |D_i(a, b) - D_i(a, G(a))| + w_perceptual E d(b, G(a))                          (pix2pixHD, section 3.1 and Eq. 4)

    Pixels alone give the mean of all that a could have become; the discriminator sees a too, and asks for one of them that suits it. The
    published noise, dropout, is left out: the paper finds that it changes little, and translation is a function without it. D_i is what
    the discriminator's layer i makes of both, d a distance through a frozen network that knows pictures.
    """

    def __init__(self, settings: translation_settings.Pix2Pix, *, space: Space):
        """UserError for data that are not paired."""
        space = pair_space(space)
        if not space.paired:
            raise UserError(NO_PAIRS)
        super().__init__(space)
        self.settings, channels = settings, space.shape[0]
        self.generator = settings.generator.build(inputs=space.given[0], outputs=channels, scale=1)
        self.reach, self.multiple = self.generator.reach(), self.generator.multiple
        self.discriminator = settings.discriminator.build(inputs=space.given[0] + channels)
        self.objective = OBJECTIVES[settings.objective]
        self.verdict = Verdict(self.objective, settings.penalty)
        self.distance = PerceptualDistance(min(space.shape[1:]))
        self.average = Average(self.generator, settings.ema.half_life, settings.ema.warm_up)

    def players(self) -> dict[str, Player]:
        return {
            "discriminator": Player([self.discriminator], self.settings.discriminator_optimizer),
            "generator": Player([self.generator], self.settings.generator_optimizer),
        }

    def stages(self) -> list[Stage]:
        if not self.settings.adversary:
            return [Stage([Turn("generator", self.pixel_loss)])]
        return [Stage([Turn("discriminator", self.discriminator_loss), Turn("generator", self.generator_loss, fresh=True)])]

    def translate(self, given: Tensor, direction: str = "a2b") -> Tensor:
        return self.average(given).float().clamp(-1, 1)

    def judge(self, given: Tensor) -> Callable[[Tensor], Tensor]:
        """D(a, .): scores (n, places) of pictures (n, *shape) that may have come of what is given, or of several such sets, one after the other."""
        return lambda x: self.discriminator(torch.cat([given.repeat(len(x) // len(given), 1, 1, 1), x], 1))

    # section 6.2, random jitter
    def varied(self, batch: Batch) -> Batch:
        """Pairs shifted and mirrored, both pictures alike, so that few are not learnt by heart."""
        pair = torch.cat([batch["given"], batch["x"]], 1)
        if self.settings.flips:
            pair = flipped(pair)
        if self.settings.jitter:
            pair = slid(pair, self.settings.jitter)
        given, x = pair.split([batch["given"].shape[1], batch["x"].shape[1]], 1)
        return batch | {"given": given, "x": x}

    def pixel_loss(self, batch: Batch) -> Terms:
        batch = self.varied(batch)
        return {"pixels": self.settings.pixels * (self.generator(batch["given"]).float() - batch["x"]).abs().mean()}

    def discriminator_loss(self, batch: Batch) -> Terms:
        batch = self.varied(batch)
        fake = self.generator(batch["given"]).float()
        terms, real_score, fake_score = self.verdict(self.judge(batch["given"]), batch["x"], fake, self.clock)
        self.watch(real=real_score.mean(), fake=fake_score.mean())
        return terms

    def generator_loss(self, batch: Batch) -> Terms:
        batch = self.varied(batch)
        x, given, told = batch["x"], batch["given"], self.settings
        fake = self.generator(given).float()
        *fake_maps, fake_score = self.discriminator.maps(torch.cat([given, fake], 1))
        with torch.no_grad():
            *real_maps, real_score = self.discriminator.maps(torch.cat([given, x], 1))
        terms = {
            "pixels": told.pixels * (fake - x).abs().mean(),
            "adversarial": told.adversary * self.objective.generator(fake_score, lambda: real_score),
        }
        terms |= {"features": told.features * mismatch(fake_maps, real_maps)} if told.features else {}
        return terms | ({"perceptual": told.perceptual * self.distance(fake, x).mean()} if told.perceptual else {})


class Pool(Follower):
    """Earlier translations, shown to the discriminator again, so that it does not forget them.

    Shrivastava et al. 2016, https://arxiv.org/abs/1612.07828, section 2.3, as in CycleGAN, section 4: until it is full a picture is kept and
    comes back; then, with even chances, it comes back, or an earlier one does, whose place it takes.
    """

    local = guarded = ("items", "held")

    def __init__(self, size: int, shape: tuple[int, ...]):
        super().__init__()
        self.register_buffer("items", torch.zeros(size, *shape))
        self.register_buffer("held", torch.zeros((), dtype=torch.long))

    @torch.no_grad()
    def exchange(self, x: Tensor) -> Tensor:
        """(n, *shape) -> as many, of now or of earlier. A picture that is not finite is never kept."""
        size, back = len(self.items), []
        chance, where = torch.rand(len(x), device=x.device), torch.rand(len(x), device=x.device)
        for item, u, v in zip(x.detach().to(self.items.dtype), chance, where):      # one by one: two may want the same place
            filling = self.held < size
            place = torch.where(filling, self.held, (v * size).long().clamp(max=size - 1)).view(1)
            old = self.items.index_select(0, place)[0]
            swap = ~filling & (u > 0.5)
            kept = (filling | swap) & item.isfinite().all()
            back.append(torch.where(swap, old, item))
            self.items.index_copy_(0, place, torch.where(kept, item, old)[None])
            self.held += filling & kept
        return torch.stack(back)


class CycleGAN(Game, Translates, Scores):
    """min_{G, F} max_{D_A, D_B}  E f(D_B(b), D_B(G(a))) + E f(D_A(a), D_A(F(b))) + w_cycle (E |F(G(a)) - a| + E |G(F(b)) - b|)
    + w_identity (E |G(b) - b| + E |F(a) - a|)                                                     (CycleGAN, Eq. 3 and section 5.2)

    Terms are means over the two directions, so all weights are half of the sum's, which Adam does not notice.
    """

    directions = ("a2b", "b2a")
    coupled = "discriminators are shown earlier translations, one batch after the other"

    def __init__(self, settings: translation_settings.CycleGAN, *, space: Space):
        space = pair_space(space)
        super().__init__(space)
        self.settings = settings
        a, b = space.given, space.shape
        self.a2b = settings.translator.build(inputs=a[0], outputs=b[0], scale=1)
        self.b2a = settings.translator.build(inputs=b[0], outputs=a[0], scale=1)
        self.reach, self.multiple = self.a2b.reach(), self.a2b.multiple
        self.critic_a, self.critic_b = (settings.discriminator.build(inputs=shape[0]) for shape in (a, b))
        self.pool_a, self.pool_b = (Pool(settings.pool, shape) for shape in (a, b))
        self.objective = OBJECTIVES[settings.objective]
        self.verdict = Verdict(self.objective, settings.penalty)
        self.average_a2b, self.average_b2a = (Average(n, settings.ema.half_life, settings.ema.warm_up) for n in (self.a2b, self.b2a))

    def players(self) -> dict[str, Player]:
        return {
            "generators": Player([self.a2b, self.b2a], self.settings.generators_optimizer),
            "discriminators": Player([self.critic_a, self.critic_b], self.settings.discriminators_optimizer),
        }

    def stages(self) -> list[Stage]:
        """The discriminators judge the translations that the generators left in the batch."""
        return [Stage([Turn("generators", self.generators_loss), Turn("discriminators", self.discriminators_loss)])]

    def translate(self, given: Tensor, direction: str = "a2b") -> Tensor:
        return {"a2b": self.average_a2b, "b2a": self.average_b2a}[direction](given).float().clamp(-1, 1)

    def score(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        """Of items of the target, b."""
        return self.critic_b(x).float().mean(1)

    def generators_loss(self, batch: Batch) -> Terms:
        a, b = batch["given"], batch["x"]
        (fake_b, *same_b), (fake_a, *same_a) = self.made(self.a2b, a, b), self.made(self.b2a, b, a)
        batch["fake a"], batch["fake b"] = fake_a.detach(), fake_b.detach()
        deceived = self.objective.generator(self.critic_b(fake_b), lambda: self.critic_b(b))
        deceived = deceived + self.objective.generator(self.critic_a(fake_a), lambda: self.critic_a(a))
        cycle = (self.b2a(fake_b).float() - a).abs().mean() + (self.a2b(fake_a).float() - b).abs().mean()
        terms = {"adversarial": deceived / 2, "cycle": self.settings.cycle * cycle / 2}
        change = [(same - own).abs().mean() for some, own in ((same_b, b), (same_a, a)) for same in some]
        return terms | ({"identity": self.settings.identity * sum(change) / 2} if change else {})

    def made(self, translator: nn.Module, given: Tensor, own: Tensor) -> tuple[Tensor, ...]:
        """What it makes of what is given, and, where the identity counts, of its own target: in one pass, for instance norm looks at one picture
        at a time. Where the two sides are not alike a translator cannot be given its target."""
        if not (self.space.alike and self.settings.identity):
            return (translator(given).float(),)
        return translator(torch.cat([given, own])).float().chunk(2)

    def discriminators_loss(self, batch: Batch) -> Terms:
        of_a = self.verdict(self.critic_a, batch["given"], self.pool_a.exchange(batch["fake a"]), self.clock)
        of_b = self.verdict(self.critic_b, batch["x"], self.pool_b.exchange(batch["fake b"]), self.clock)
        self.watch(real=(of_a[1].mean() + of_b[1].mean()) / 2, fake=(of_a[2].mean() + of_b[2].mean()) / 2)
        return {name: (term + of_b[0][name]) / 2 for name, term in of_a[0].items()}
