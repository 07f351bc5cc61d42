"""What is played in the playground, as settings. Torch-free."""

from typing import Annotated, ClassVar

from pydantic import Field

from sparring.base.clock import constant
from sparring.base.errors import UserError, nearest
from sparring.base.settings import Component, Settings
from sparring.games.settings import GAN, VAE, GameSettings, Penalty, WassersteinGAN
from sparring.networks.settings import MLPDiscriminator, MLPEncoder, MLPGenerator
from sparring.play.optimizers import Adam
from sparring.play.settings import EMA

Place = tuple[Annotated[float, Field(ge=-4, le=4)], Annotated[float, Field(ge=-4, le=4)]]


class Shape(Component):
    """Where real points lie, between -1 and 1 in both directions.

    `build()` gives a Scene: their density, and points drawn from it.
    """


class Ring(Shape):
    """Gaussians on a circle."""

    kind: ClassVar[str] = "ring"
    implementation: ClassVar[str] = "sparring.playground.shapes:ring"

    modes: int = Field(8, ge=1, le=32)
    """Gaussians"""
    radius: float = Field(0.75, gt=0, le=1)
    sigma: float = Field(0.04, gt=0, le=1)
    """standard deviation of each"""


class Grid(Shape):
    """Gaussians on a square grid."""

    kind: ClassVar[str] = "grid"
    implementation: ClassVar[str] = "sparring.playground.shapes:grid"

    side: int = Field(5, ge=1, le=8)
    """Gaussians to a side"""
    sigma: float = Field(0.03, gt=0, le=1)
    """standard deviation of each"""


class Line(Shape):
    """A straight line."""

    kind: ClassVar[str] = "line"
    implementation: ClassVar[str] = "sparring.playground.shapes:line"

    sigma: float = Field(0.03, gt=0, le=1)
    """how thick it is"""


class Spiral(Shape):
    """Two arms of a spiral."""

    kind: ClassVar[str] = "spiral"
    implementation: ClassVar[str] = "sparring.playground.shapes:spiral"

    sigma: float = Field(0.03, gt=0, le=1)
    """how thick they are"""


class Moons(Shape):
    """Two half circles, one in the other."""

    kind: ClassVar[str] = "moons"
    implementation: ClassVar[str] = "sparring.playground.shapes:moons"

    sigma: float = Field(0.05, gt=0, le=1)
    """how thick they are"""


class Disjoint(Shape):
    """Two heaps far apart."""

    kind: ClassVar[str] = "disjoint"
    implementation: ClassVar[str] = "sparring.playground.shapes:disjoint"

    distance: float = Field(1.2, gt=0, le=2)
    """from one to the other"""
    sigma: float = Field(0.1, gt=0, le=1)
    """standard deviation of each"""


class Dirac(Shape):
    """One place, at which all real points lie: the game of Mescheder et al. 2018, https://arxiv.org/abs/1801.04406, section 2."""

    kind: ClassVar[str] = "dirac"
    implementation: ClassVar[str] = "sparring.playground.shapes:dirac"

    x: float = Field(0.5, ge=-1, le=1)
    y: float = Field(0.0, ge=-1, le=1)
    sigma: float = Field(0.02, gt=0, le=1)
    """how far from it they lie all the same"""


class Drawn(Shape):
    """Places that the user drew, or the rows of a file."""

    kind: ClassVar[str] = "drawn"
    implementation: ClassVar[str] = "sparring.playground.shapes:drawn"

    places: tuple[Place, ...] = Field(((0.0, 0.0),), min_length=1, max_length=2000)
    sigma: float = Field(0.04, gt=0, le=1)
    """how far points lie from these"""


FAMILIES = {
    "gan": "a generator and a discriminator",
    "wgan-gp": "Wasserstein GAN with gradient penalty",
    "vae": "variational autoencoder: no opponent",
}


def default_game(family: str) -> GameSettings:
    """Games of two small perceptrons, all of whose schedules are constant, for nobody knows how long they will be played.
    UserError for another family."""
    if family not in FAMILIES:
        raise UserError(f"the playground has no family {family!r}{nearest(family, FAMILIES)}")
    networks = {"generator": MLPGenerator(width=64, depth=3), "discriminator": MLPDiscriminator(width=64, depth=3, octaves=2)}
    adam = Adam(lr=constant(2e-3), beta1=0.0, beta2=constant(0.99))
    if family == "vae":
        return VAE(
            latent=2, deviation=0.05, beta=constant(1.0), encoder=MLPEncoder(width=64, depth=2), decoder=networks["generator"],
            optimizer=Adam(lr=constant(2e-3), beta1=0.9, beta2=constant(0.999)),
        )  # fmt: skip
    common = {"conditional": False, "noise": 2, "ema": EMA(half_life=constant(2_000)), **networks}
    if family == "wgan-gp":
        slow = Adam(lr=constant(1e-3), beta1=0.0, beta2=constant(0.9))
        return WassersteinGAN(generator_optimizer=slow, discriminator_optimizer=slow, **common)
    return GAN(penalty=Penalty(gamma=constant(0.1), every=4), generator_optimizer=adam, discriminator_optimizer=adam, **common)


class Play(Settings):
    """A game in the plane: with the events of its history this reproduces every state of it."""

    shape: Shape = Ring()
    game: GameSettings = default_game("gan")
    points: int = Field(2000, ge=16, le=100_000)
    """real points in the set"""
    batch: int = Field(128, ge=2, le=4096)
    """points that a move sees"""
    seed: int = Field(0, ge=0, lt=2**31)
