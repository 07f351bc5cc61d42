"""Settings of restoration, and of how pictures are damaged."""

from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field

from sparring.base.settings import Component, Settings
from sparring.games.settings import GameSettings, ObjectiveName, Penalty
from sparring.networks.translator_settings import Critic, PatchDiscriminator, ResidualTranslator, Translator
from sparring.play.optimizers import Adam, Optimizer
from sparring.play.settings import EMA


class Degradation(Component):
    """How a picture is damaged.

    `build(space=)` gives a module: `damage(x) -> what the network is given`.
    """


class Deviations(Settings):
    """Of gaussian noise, in 255ths of the range; every picture has its own."""

    lowest: float = Field(5, ge=0, le=255)
    """deviation of the weakest noise, in 255ths of the range"""
    highest: float = Field(50, ge=0, le=255)
    """deviation of the strongest noise"""


class Widths(Settings):
    """Of gaussian blur; every picture has its own."""

    lowest: float = Field(0.5, ge=0.1, le=20)
    """deviation of the weakest blur, in pixels"""
    highest: float = Field(3.0, ge=0.1, le=20)
    """deviation of the strongest blur"""


class Qualities(Settings):
    """Of JPEG files; every picture has its own."""

    lowest: float = Field(10, ge=1, le=100)
    """quality of the worst file, as programs that save JPEG count it"""
    highest: float = Field(60, ge=1, le=100)
    """quality of the best file"""


WholeNumber = BeforeValidator(lambda value: int(value) if isinstance(value, str) and value.isdecimal() else value)
"""a choice among numbers, typed as a flag"""


class Bicubic(Degradation):
    """Made smaller by a clean bicubic filter."""

    kind: ClassVar[str] = "bicubic"
    implementation: ClassVar[str] = "sparring.games.degradation:Bicubic"

    scale: Annotated[Literal[2, 4], WholeNumber] = 4
    """how many times smaller"""


class RealWorld(Degradation):
    """As pictures wear out: blurred, resized, noisy and compressed, twice, and made smaller (Real-ESRGAN, Wang et al. 2021)."""

    kind: ClassVar[str] = "real"
    implementation: ClassVar[str] = "sparring.games.degradation:RealWorld"

    scale: Annotated[Literal[1, 2, 4], WholeNumber] = 4
    """how many times smaller; 1 keeps the size"""
    strength: float = Field(1.0, gt=0, le=1)
    """how far every range reaches towards its harsh end; 1 is as published, for pictures of 256 px: take less for small ones"""


class Holes(Degradation):
    """A part is missing; the network is told where."""

    kind: ClassVar[str] = "holes"
    implementation: ClassVar[str] = "sparring.games.degradation:Holes"

    lowest: float = Field(0.05, gt=0, lt=1)
    """least share of the picture that is missing"""
    highest: float = Field(0.5, gt=0, lt=1)
    """greatest share of the picture that is missing"""
    boxes: float = Field(0.5, ge=0, le=1)
    """share of pictures whose holes are rectangles; those of the others are thick crooked lines"""


class Noisy(Degradation, Deviations):
    """Gaussian noise."""

    kind: ClassVar[str] = "noise"
    implementation: ClassVar[str] = "sparring.games.degradation:Noisy"


class Blurry(Degradation, Widths):
    """Gaussian blur."""

    kind: ClassVar[str] = "blur"
    implementation: ClassVar[str] = "sparring.games.degradation:Blurry"


class Compressed(Degradation, Qualities):
    """Saved as JPEG."""

    kind: ClassVar[str] = "jpeg"
    implementation: ClassVar[str] = "sparring.games.degradation:Compressed"


class Mixed(Degradation):
    """Blur, noise and JPEG, one after the other, each of its own strength in every picture."""

    kind: ClassVar[str] = "mixed"
    implementation: ClassVar[str] = "sparring.games.degradation:Mixed"

    blur: Widths = Widths()
    noise: Deviations = Deviations()
    jpeg: Qualities = Qualities()


class Grey(Degradation):
    """Without its colours."""

    kind: ClassVar[str] = "grey"
    implementation: ClassVar[str] = "sparring.games.degradation:Grey"


class Sketch(Degradation):
    """A drawing of its edges, dark on white."""

    kind: ClassVar[str] = "sketch"
    implementation: ClassVar[str] = "sparring.games.degradation:Sketch"


class Restoration(GameSettings):
    """A network that undoes damage to pictures: first by pixels alone, then against a discriminator too."""

    kind: ClassVar[str] = "restoration"
    implementation: ClassVar[str] = "sparring.games.restoration:Restoration"

    degradation: Degradation = Bicubic()
    objective: ObjectiveName = "relativistic"
    """what the two players minimise"""
    pixels_alone: float = Field(0.5, ge=0, le=1)
    """the first part of the run, in which only pixels count; 1 for no adversary at all"""
    pixels: float = Field(1.0, ge=0)
    """weight of the mean absolute error of pixels, once there is an adversary"""
    adversary: float = Field(0.05, ge=0)
    """weight of what the discriminator says"""
    penalty: Penalty = Penalty()
    ema: EMA = EMA()
    restorer: Translator = ResidualTranslator()
    discriminator: Critic = PatchDiscriminator()
    restorer_optimizer: Optimizer = Adam()
    discriminator_optimizer: Optimizer = Adam()
