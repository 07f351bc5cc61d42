"""Settings of the families that translate pictures."""

from typing import ClassVar

from pydantic import Field

from sparring.games.settings import GameSettings, ObjectiveName, Penalty
from sparring.networks.translator_settings import Critic, PatchDiscriminator, ResnetTranslator, Translator, UNetTranslator
from sparring.play.optimizers import Adam, Optimizer
from sparring.play.settings import EMA

NO_PAIRS = "pix2pix learns from pairs and these data have none: take cyclegan, or give both pictures of a pair the same name"


class Pix2Pix(GameSettings):
    """A network that makes an item from the picture that is given with it: near its target, and such that a discriminator takes it for real."""

    kind: ClassVar[str] = "pix2pix"
    implementation: ClassVar[str] = "sparring.games.translation:Pix2Pix"

    objective: ObjectiveName = "relativistic"
    """what the two players minimise; the published one is non-saturating, without a penalty"""
    pixels: float = Field(1.0, ge=0)
    """weight of the mean absolute error of pixels"""
    adversary: float = Field(0.01, ge=0)
    """weight of what the discriminator says, published as 1 beside 100 for pixels; 0 for pixels alone, without `perceptual` too"""
    features: float = Field(0.0, ge=0)
    """weight of the mean absolute error of what the discriminator's layers make of pictures"""
    perceptual: float = Field(0.0, ge=0)
    """weight of the distance through a frozen ImageNet network (extra `judge`); the recipe takes 1 where that is installed"""
    jitter: float = Field(0.0, ge=0, lt=0.5)
    """share of the sides by which pairs are shifted at most before they are learnt from; published are 15 of 256 pixels"""
    flips: bool = False
    """shows half of the pairs mirrored"""
    penalty: Penalty = Penalty()
    ema: EMA = EMA()
    generator: Translator = UNetTranslator()
    discriminator: Critic = PatchDiscriminator()
    generator_optimizer: Optimizer = Adam()
    discriminator_optimizer: Optimizer = Adam()


class CycleGAN(GameSettings):
    """Two networks that translate between two collections without pairs: what is translated there and back must be what it was."""

    kind: ClassVar[str] = "cyclegan"
    implementation: ClassVar[str] = "sparring.games.translation:CycleGAN"

    objective: ObjectiveName = "least-squares"
    """what the players minimise; relativistic wants a penalty"""
    cycle: float = Field(5.0, ge=0)
    """weight of the mean absolute error there and back; beside least squares, which have a factor of 1/2 here, 5 is the published 10"""
    identity: float = Field(2.5, ge=0)
    """weight of how much a translator changes pictures that are of its target already, where both sides have the same channels"""
    pool: int = Field(50, gt=0)
    """translations of a side that are kept, from which its discriminator is shown some again"""
    penalty: Penalty = Penalty(kind="none")
    ema: EMA = EMA()
    translator: Translator = ResnetTranslator()
    """of both directions, each with weights of its own"""
    discriminator: Critic = PatchDiscriminator()
    """of both sides, each with weights of its own"""
    generators_optimizer: Optimizer = Adam()
    discriminators_optimizer: Optimizer = Adam()
