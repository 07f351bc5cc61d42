"""Settings of the families that make items from noise, and of what all families share."""

from typing import ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from sparring.base.clock import Schedule, constant, cosine
from sparring.base.settings import Component, Settings
from sparring.networks.settings import (
    BigGANDiscriminator,
    BigGANGenerator,
    Discriminator,
    Encoder,
    FastGANGenerator,
    Generator,
    MLPDiscriminator,
    MLPEncoder,
    MLPGenerator,
    ProjectedDiscriminator,
    StyleGAN2Discriminator,
    StyleGAN2Generator,
)
from sparring.play.optimizers import Adam, Optimizer
from sparring.play.settings import EMA

ObjectiveName = Literal["relativistic", "non-saturating", "minimax", "least-squares", "hinge", "wasserstein"]


class GameSettings(Component):
    """The family: who plays and what each player minimises.

    `build(space=)` gives a Game.
    """


class Penalty(Settings):
    """Gradient penalty on the discriminator."""

    kind: Literal["none", "one-centered", "r1", "r1+r2"] = "r1+r2"
    """none; one-centered between real and generated (WGAN-GP); zero-centered on real (R1), or on real and generated (R1+R2)"""
    gamma: Schedule = cosine(1.0, 0.1)
    """weight: gamma of R1 and R2, lambda of the one-centered penalty"""
    every: int = Field(4, gt=0)
    """computed in every so many rounds, with so many times the weight"""

    @model_validator(mode="before")
    @classmethod
    def _kind(cls, value):
        return {"kind": value} if isinstance(value, str) else value


class Augmentation(Component):
    """What the discriminator sees real and generated items through; it saves a generator of few items.

    `build(space=)` gives a follower (n, *shape) -> (n, *shape).
    """

    implementation: ClassVar[str] = "sparring.games.augmentation:Augmentation"


class NoAugmentation(Augmentation):
    """Items as they are."""

    kind: ClassVar[str] = "none"


class DiffAugment(Augmentation):
    """Every picture is changed: light, place, a part cut out (Zhao et al. 2020)."""

    kind: ClassVar[str] = "diffaugment"
    implementation: ClassVar[str] = "sparring.games.augmentation:Differentiable"

    colour: bool = True
    """brightness, saturation, contrast"""
    translation: bool = True
    """shifts by up to an eighth"""
    cutout: bool = True
    """a grey rectangle of half the sides"""
    flips: bool = False
    """mirror images; only where a mirrored picture could be one of the data"""


class Pipeline(Augmentation):
    """The changes of ADA (`bgc`: blitting, geometry, colour), each with probability p."""

    blit: bool = True
    """quarter turns and shifts in whole pixels"""
    geometry: bool = True
    """scaling, rotation, stretching, fractional shifts"""
    colour: bool = True
    """brightness, contrast, luma flip, hue, saturation"""
    flips: bool = False
    """mirror images; only where a mirrored picture could be one of the data"""


class Scheduled(Pipeline):
    """The changes of ADA with a probability that follows a schedule (R3GAN)."""

    kind: ClassVar[str] = "scheduled"
    implementation: ClassVar[str] = "sparring.games.augmentation:Pipeline"

    p: Schedule = cosine(0.0, 0.3)
    """probability of each change"""


class Adaptive(Pipeline):
    """ADA: the probability rises while the discriminator is too sure of real pictures (Karras et al. 2020)."""

    kind: ClassVar[str] = "ada"
    implementation: ClassVar[str] = "sparring.games.augmentation:Adaptive"

    p: Schedule = constant(0.0)
    """probability of each change at round 0; later the controller's"""
    target: float = Field(0.6, gt=-1, lt=1)
    """mean sign of the discriminator's logits on real pictures that is held"""
    every: int = Field(4, gt=0)
    """rounds between two adjustments"""
    speed: float = Field(100_000, gt=0)
    """images in which p can go from 0 to 1"""
    highest: float = Field(0.85, gt=0, le=1)
    """p stays below it: changes that always happen can be learnt by the generator"""


class GAN(GameSettings):
    """Generative adversarial network: a generator and a discriminator."""

    kind: ClassVar[str] = "gan"
    implementation: ClassVar[str] = "sparring.games.classic:GAN"

    noise: int = Field(64, gt=0)
    """numbers of the noise vector z ~ N(0, 1)"""
    conditional: bool = True
    """both networks are told the label or the attributes of an item, where the data have them"""
    condition_strength: Schedule = constant(1)
    """weight of what they are told; rising from 0, the game is unconditional first: for few items a label"""
    objective: ObjectiveName = "relativistic"
    """what the two players minimise; relativistic with r1+r2 is the stable choice, minimax is that of 2014"""
    penalty: Penalty = Penalty()
    augmentation: Augmentation = NoAugmentation()
    generator: Generator = MLPGenerator()
    discriminator: Discriminator = MLPDiscriminator()
    generator_optimizer: Optimizer = Adam()
    discriminator_optimizer: Optimizer = Adam()
    ema: EMA = EMA()


class WassersteinGAN(GAN):
    """Wasserstein GAN with gradient penalty: several discriminator moves a round."""

    kind: ClassVar[str] = "wgan-gp"
    implementation: ClassVar[str] = "sparring.games.classic:WassersteinGAN"

    objective: ObjectiveName = "wasserstein"
    """what the two players minimise"""
    penalty: Penalty = Penalty(kind="one-centered", gamma=constant(10), every=1)
    discriminator_moves: int = Field(5, gt=0)
    """discriminator moves a round, each on a new batch"""
    generator_optimizer: Optimizer = Adam(lr=constant(1e-4), beta1=0.0, beta2=constant(0.9))
    discriminator_optimizer: Optimizer = Adam(lr=constant(1e-4), beta1=0.0, beta2=constant(0.9))


class PathLength(Settings):
    """Regulariser that makes steps of equal length in the space of styles change pictures equally."""

    weight: float = Field(2.0, ge=0)
    """of the squared deviation from the mean length; 0 for none"""
    every: int = Field(4, gt=0)
    """played in every so many rounds, with so many times the weight"""
    decay: float = Field(0.01, gt=0, le=1)
    """how fast the mean length follows"""


class StyleGAN2(GAN):
    """StyleGAN2: styles steer every level of the generator; lazy R1 and path length."""

    kind: ClassVar[str] = "stylegan2"
    implementation: ClassVar[str] = "sparring.games.style:StyleGAN2"

    noise: int = Field(512, gt=0)
    """numbers of the noise vector z ~ N(0, 1)"""
    objective: ObjectiveName = "non-saturating"
    """what the two players minimise"""
    mixing: float = Field(0.9, ge=0, le=1)
    """share of training items whose finer layers take the style of other noise"""
    penalty: Penalty = Penalty(kind="r1", gamma=constant(0.01), every=16)
    path_length: PathLength = PathLength()
    generator: Generator = StyleGAN2Generator()
    discriminator: Discriminator = StyleGAN2Discriminator()

    @field_validator("generator", mode="after")
    @classmethod
    def _has_styles(cls, value):
        if value.kind != "stylegan2":
            raise ValueError(f"this game needs styles, which only the generator stylegan2 has, not {value.kind}")
        return value

    @field_validator("penalty", mode="after")
    @classmethod
    def _on_real(cls, value):
        if value.kind not in ("none", "r1"):
            raise ValueError("this game has r1 or none as its penalty; for others take the recipe gan, dcgan or r3gan")
        return value


class BigGAN(GAN):
    """BigGAN: hinge objective, several discriminator moves a round, an orthogonal generator that bears truncation."""

    kind: ClassVar[str] = "biggan"
    implementation: ClassVar[str] = "sparring.games.big:BigGAN"

    noise: int = Field(128, gt=0)
    """numbers of the noise vector z ~ N(0, 1)"""
    objective: ObjectiveName = "hinge"
    """what the two players minimise"""
    penalty: Penalty = Penalty(kind="none")
    discriminator_moves: int = Field(2, gt=0)
    """discriminator moves a round, each on a new batch"""
    orthogonality: float = Field(1e-4, ge=0)
    """weight of the orthogonal regularisation of the generator; 0 for none"""
    generator: Generator = BigGANGenerator()
    discriminator: Discriminator = BigGANDiscriminator()


class ProjectedGAN(GAN):
    """Projected GAN: discriminators on the maps of a frozen ImageNet network (extra `judge`)."""

    kind: ClassVar[str] = "projected"
    implementation: ClassVar[str] = "sparring.games.projected:ProjectedGAN"

    objective: ObjectiveName = "hinge"
    """what the two players minimise"""
    penalty: Penalty = Penalty(kind="none")
    side: int = Field(64, ge=32, multiple_of=32)
    """pixels at which the feature network sees items"""
    scales: int = Field(4, ge=1, le=4)
    """maps that are looked at, the finest first: at a 4th, 8th, 16th and 32nd of the side"""
    every: int = Field(1, gt=0)
    """rounds between two in which items are looked at through the feature network; in the others the discriminator of pixels judges alone"""
    mixing: int = Field(32, gt=0)
    """channels of the finest mixed map; each coarser one has twice as many"""
    generator: Generator = FastGANGenerator()
    discriminator: ProjectedDiscriminator = ProjectedDiscriminator()
    pixel_augmentation: Augmentation = NoAugmentation()
    """what the discriminator of pixels sees items through: it is there for what `augmentation`, for the frozen network, hides"""

    @field_validator("pixel_augmentation", mode="after")
    @classmethod
    def _listens_to_nobody(cls, value):
        if value.kind == "ada":
            raise ValueError("ada follows how sure all discriminators are, which `augmentation` is told alone: take none, diffaugment or scheduled")
        return value

    @model_validator(mode="after")
    def _somebody_judges(self):
        if self.every > 1 and not self.discriminator.pixels:
            raise ValueError("rounds without a look leave it to the discriminator of pixels: set discriminator.pixels, or every to 1")
        return self


class VAE(GameSettings):
    """Variational autoencoder: a game with one player."""

    kind: ClassVar[str] = "vae"
    implementation: ClassVar[str] = "sparring.games.vae:VAE"

    latent: int = Field(16, gt=0)
    """numbers of the latent vector"""
    likelihood: Literal["gaussian", "bernoulli"] = "gaussian"
    """what the decoder says of an item: a mean with a fixed deviation, or a probability for every number (grey pictures)"""
    deviation: float = Field(0.1, gt=0)
    """standard deviation of the gaussian likelihood, in units of the data (pictures span 2)"""
    beta: Schedule = constant(1.0)
    """weight of the divergence; a rising schedule is KL annealing"""
    encoder: Encoder = MLPEncoder()
    decoder: Generator = MLPGenerator(width=256, depth=2)
    optimizer: Optimizer = Adam(lr=constant(1e-3), beta1=0.9, beta2=constant(0.999))
