"""Every registered game in its tiny form, on made-up items of every space that it takes; and games that use rarer parts of the core."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

import sparring.recipes  # noqa: F401 - registers
from sparring.base.clock import constant
from sparring.base.seeding import seed_of
from sparring.base.space import Attribute, ImageSpace, PairSpace, PointSpace, Space
from sparring.games import settings as families
from sparring.losses.adversarial import OBJECTIVES
from sparring.modalities.spaces import Span, TableSpace
from sparring.networks.settings import DCGANDiscriminator, DCGANGenerator
from sparring.play.average import Average
from sparring.play.game import Batch, Follower, Game, Player, Stage, Terms, Turn
from sparring.play.optimizers import SGD, Adam
from sparring.play.stream import Stream
from sparring.play.trainer import Trainer
from sparring.recipes.recipe import RECIPES

SPANS = (
    Span(column="sex", kind="choice", start=0, size=2, shares=(0.7, 0.3)),
    Span(column="age", kind="choice", start=2, size=5, bins=4),
    Span(column="age", kind="value", start=7, size=1),
)
SPACES = [
    PointSpace(shape=(2,)), ImageSpace(shape=(1, 8, 8), labels=("a", "b", "c")), PairSpace(shape=(1, 16, 16), given=(1, 16, 16)),
    TableSpace(shape=(8,), spans=SPANS),
]  # fmt: skip
TAGGED = ImageSpace(shape=(3, 8, 6), attributes=(Attribute(name="round", mean=0.5, deviation=0.5, tag=True, values=(0, 1)), Attribute(name="size")))


class Pool(Follower):
    """A history of generated points that differs between processes."""

    local = ("items",)

    def __init__(self):
        super().__init__()
        self.register_buffer("items", torch.zeros(8, 2))

    def exchange(self, x: Tensor) -> Tensor:
        at = torch.randint(8, (len(x),))
        old = self.items[at].clone()
        self.items[at] = torch.where(x.detach().isfinite(), x.detach(), old)
        return old


class Balance(Follower):
    """A controller whose state feeds back into a loss, like that of adaptive augmentation."""

    def __init__(self):
        super().__init__()
        for name in ("seen", "weight"):
            self.register_buffer(name, torch.zeros(()))

    def observe(self, score: Tensor) -> None:
        self.seen += score.detach().sign().mean()

    def follow(self, clock):
        if clock.due(4):
            self.weight.add_(0.1 * self.seen.sign()).clamp_(0, 1)
            self.seen.zero_()


class Odd(Game):
    """Two stages, a lazy turn of its own, several moves, batch norm and spectral norm on both sides, followers of all kinds, a shared
    network of two players, SGD beside Adam, fused and not: what the registered games do not use yet but later ones will."""

    def __init__(self, space: Space):
        super().__init__(space)
        sn = nn.utils.parametrizations.spectral_norm
        self.generator = nn.Sequential(nn.Linear(4, 16), nn.BatchNorm1d(16), nn.ReLU(), sn(nn.Linear(16, 2)))
        self.discriminator = nn.Sequential(sn(nn.Linear(2, 16)), nn.BatchNorm1d(16), nn.LeakyReLU(), sn(nn.Linear(16, 1)))
        self.average, self.pool, self.balance = Average(self.generator, constant(50), 0.5), Pool(), Balance()
        self.register_buffer("length", torch.zeros(()))

    def players(self):
        return {
            "imitator": Player([self.generator], SGD(lr=constant(1e-2), momentum=0.9)),
            "generator": Player([self.generator], Adam(lr=constant(1e-3))),
            "discriminator": Player([self.discriminator], Adam(lr=constant(1e-3), fused=False)),
        }

    def stages(self):
        return [
            Stage([Turn("imitator", self.imitate)], rounds=7),
            Stage([
                Turn("discriminator", self.judge, times=2), Turn("generator", self.deceive, fresh=True),
                Turn("generator", self.smooth, every=4, gain=4), Turn("discriminator", self.remember),
            ]),
        ]  # fmt: skip

    def draw(self, batch: Batch) -> Tensor:
        return self.generator(torch.randn(len(batch["x"]), 4))

    def imitate(self, batch: Batch) -> Terms:
        return {"distance": (self.draw(batch) - batch["x"]).square().mean()}

    def judge(self, batch: Batch) -> Terms:
        real, fake = self.discriminator(batch["x"]), self.discriminator(self.draw(batch))
        self.balance.observe(real)
        self.watch(real=real.mean())
        return {"adversarial": OBJECTIVES["hinge"].discriminator(real, fake), "drift": self.balance.weight * real.square().mean()}

    def deceive(self, batch: Batch) -> Terms:
        fake = self.draw(batch)
        batch["fake"] = fake.detach()
        return {"adversarial": -self.discriminator(fake).mean()}

    def smooth(self, batch: Batch) -> Terms:
        size = self.draw(batch).norm(dim=1).mean()
        self.length.lerp_(size.detach(), 0.1)
        return {"size": (size - self.length).square()}

    def remember(self, batch: Batch) -> Terms:
        return {"history": self.discriminator(self.pool.exchange(batch["fake"])).mean()}


class Deterministic(Game):
    """Draws nothing at random: an autoencoder, whose weights can be compared between one process and two."""

    def __init__(self, space: Space):
        super().__init__(space)
        self.network = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 2))
        if space.kind == "images":
            self.network = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.Tanh(), nn.Conv2d(8, 3, 3, padding=1))
            self.network.to(memory_format=torch.channels_last)

    def players(self):
        return {"autoencoder": Player([self.network], Adam(lr=constant(1e-2)))}

    def stages(self):
        return [Stage([Turn("autoencoder", lambda batch: {"distance": (self.network(batch["x"]) - batch["x"]).square().mean()})])]


@dataclass(frozen=True)
class Case:
    """A game to be tested, and how to make it anew."""

    name: str
    space: Space
    make: object

    def game(self, init: int = 0) -> Game:
        torch.manual_seed(seed_of("init", init))
        return self.make(self.space)

    def trainer(self, init: int = 0, *, seed: int = 3, batch: int = 16, chunks: int = 1, length: int = 30) -> Trainer:
        return Trainer(self.game(init), Stream(self.space.example(100, 0), batch, seed=seed), seed=seed, chunks=chunks, length=length)

    def __repr__(self):
        return self.name


def _cases() -> dict[str, Case]:
    found = {
        f"{recipe.name}-{space.kind}": Case(f"{recipe.name}-{space.kind}", space, lambda s, r=recipe: r.tiny(s).build(space=s))
        for recipe in RECIPES.values()
        for space in SPACES
        if space.kind in recipe.modalities and (space.labels or not recipe.labelled)
    }
    normed = families.GAN(
        noise=4,
        objective="non-saturating",
        penalty="none",
        generator=DCGANGenerator(width=4),
        discriminator=DCGANDiscriminator(width=4, norm="batch"),
    )
    found["dcgan-batchnorm"] = Case("dcgan-batchnorm", SPACES[1], lambda s: normed.build(space=s))
    found["dcgan-channels-last"] = Case(
        "dcgan-channels-last", ImageSpace(shape=(3, 8, 8)), lambda s: RECIPES["dcgan"].tiny(s).build(space=s).to(memory_format=torch.channels_last)
    )
    for name in ("dcgan", "stylegan2", "biggan"):
        found[f"{name}-attributes"] = Case(f"{name}-attributes", TAGGED, lambda s, n=name: RECIPES[n].tiny(s).build(space=s))
    found["deterministic"] = Case("deterministic", SPACES[0], Deterministic)
    found["deterministic-channels-last"] = Case("deterministic-channels-last", ImageSpace(shape=(3, 8, 8)), Deterministic)
    found["odd"] = Case("odd", SPACES[0], Odd)
    return found


CASES = _cases()


def play(trainer: Trainer, rounds: int, every: int = 1000) -> Trainer:
    for _ in trainer.rounds(rounds, every=every):
        pass
    return trainer
