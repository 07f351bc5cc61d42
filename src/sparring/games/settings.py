"""Settings of the families."""

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from sparring.base.clock import Schedule, constant, cosine
from sparring.base.settings import Component, Settings
from sparring.networks.settings import Discriminator, Encoder, Generator, MLPDiscriminator, MLPEncoder, MLPGenerator
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


class GAN(GameSettings):
    """Generative adversarial network: a generator and a discriminator."""

    kind: ClassVar[str] = "gan"
    implementation: ClassVar[str] = "sparring.games.classic:GAN"

    noise: int = Field(64, gt=0)
    """numbers of the noise vector z ~ N(0, 1)"""
    objective: ObjectiveName = "relativistic"
    """what the two players minimise; relativistic with r1+r2 is the stable choice, minimax is that of 2014"""
    penalty: Penalty = Penalty()
    generator: Generator = MLPGenerator()
    discriminator: Discriminator = MLPDiscriminator()
    generator_optimizer: Optimizer = Adam()
    discriminator_optimizer: Optimizer = Adam()
    ema: EMA = EMA()


class ConditionalGAN(GAN):
    """A GAN whose two networks are told the label."""

    kind: ClassVar[str] = "cgan"
    implementation: ClassVar[str] = "sparring.games.conditional:ConditionalGAN"


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
