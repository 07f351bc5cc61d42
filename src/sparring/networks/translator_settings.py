"""Settings of the networks that translate pictures, and of those that judge them place by place."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from sparring.base.settings import Component


class Translator(Component):
    """A network from picture to picture.

    `build(inputs=, outputs=, scale=)` gives a module (n, inputs, h, w) -> (n, outputs, scale*h, scale*w).
    """


class ResnetTranslator(Translator):
    """Two halvings, residual blocks under instance norm, two doublings; keeps the size."""

    kind: ClassVar[str] = "resnet"
    implementation: ClassVar[str] = "sparring.networks.translators:Resnet"

    width: int = Field(64, gt=0)
    """channels at full size; the blocks have 4 x as many"""
    blocks: int = Field(6, gt=0)
    """residual blocks at a quarter of the size"""


class UNetTranslator(Translator):
    """Halvings and doublings under instance norm, with skips at every level; keeps the size."""

    kind: ClassVar[str] = "unet"
    implementation: ClassVar[str] = "sparring.networks.translators:UNet"

    width: int = Field(64, gt=0)
    """channels of the largest level; each smaller level has twice as many, at most 8 x"""
    levels: int = Field(5, gt=0, le=10)
    """how often the picture is halved"""


class ResidualTranslator(Translator):
    """The picture itself, enlarged where wanted, and what residual blocks without normalisation add to it."""

    kind: ClassVar[str] = "residual"
    implementation: ClassVar[str] = "sparring.networks.translators:Residual"

    width: int = Field(64, gt=0)
    """channels of every layer"""
    blocks: int = Field(8, gt=0)
    """residual blocks, before the picture is enlarged"""
    dilations: tuple[Annotated[int, Field(gt=0)], ...] = Field((1,), min_length=1)
    """pixels between the taps of a block's convolutions, which blocks take in turn; [1, 2, 4, 8] looks far, as filling holes needs"""
    patch: int = Field(1, gt=0)
    """side of the blocks of pixels that are a place of the blocks' maps: 4 makes it a sixteenth as many, each of which sees four times as far"""


class Critic(Component):
    """Judges pictures place by place.

    `build(inputs=)` gives a module (n, inputs, h, w) -> logits (n, places).
    """


class PatchDiscriminator(Critic):
    """Strided convolutions that end before the picture does: a logit for every patch."""

    kind: ClassVar[str] = "patch"
    implementation: ClassVar[str] = "sparring.networks.patch:Discriminator"

    width: int = Field(64, gt=0)
    """channels of the first layer; each further one has twice as many, at most 8 x"""
    layers: int = Field(3, gt=0)
    """halvings; a picture's shorter side needs 4 * 2^layers pixels"""
    norm: Literal["instance", "none"] = "none"
    """normalisation after every convolution but the first and the last; gradient penalties want none"""
