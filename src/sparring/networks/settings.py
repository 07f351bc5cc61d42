"""Settings of the networks. A generator makes an item from noise, a discriminator a logit from an item, an encoder a vector."""

from typing import ClassVar, Literal

from pydantic import Field

from sparring.base.settings import Component


class Generator(Component):
    """The network that makes an item from noise.

    `build(space=, noise=, labels=)` gives a module (n, noise) -> (n, *shape); labels = 0 for none.
    """


class Discriminator(Component):
    """The network that tells real from generated.

    `build(space=, labels=)` gives a module (n, *shape) -> logits (n,); labels = 0 for none.
    """


class Encoder(Component):
    """The network that maps an item to a vector.

    `build(space=, outputs=)` gives a module (n, *shape) -> (n, outputs).
    """


class MLPGenerator(Generator):
    """A multilayer perceptron from noise to all of an item's numbers."""

    kind: ClassVar[str] = "mlp"
    implementation: ClassVar[str] = "sparring.networks.mlp:Generator"

    width: int = Field(128, gt=0)
    """units of a hidden layer"""
    depth: int = Field(3, ge=0)
    """hidden layers"""
    output: Literal["linear", "tanh"] = "linear"
    """what follows the last layer; tanh keeps pictures in range"""


class MLPDiscriminator(Discriminator):
    """A multilayer perceptron from all of an item's numbers to a logit."""

    kind: ClassVar[str] = "mlp"
    implementation: ClassVar[str] = "sparring.networks.mlp:Discriminator"

    width: int = Field(128, gt=0)
    """units of a hidden layer"""
    depth: int = Field(3, ge=1)
    """hidden layers"""
    label: Literal["concatenation", "projection"] = "concatenation"
    """how it is told the label, in games with labels"""
    octaves: int = Field(0, ge=0, le=12)
    """adds sines and cosines of every number at 1, 2, 4 ... times the base frequency to the input, so that fine detail can be seen"""


class MLPEncoder(Encoder):
    """A multilayer perceptron from all of an item's numbers to a vector."""

    kind: ClassVar[str] = "mlp"
    implementation: ClassVar[str] = "sparring.networks.mlp:Encoder"

    width: int = Field(256, gt=0)
    """units of a hidden layer"""
    depth: int = Field(2, ge=1)
    """hidden layers"""


class DCGANGenerator(Generator):
    """Transposed convolutions, each doubling the size."""

    kind: ClassVar[str] = "dcgan"
    implementation: ClassVar[str] = "sparring.networks.dcgan:Generator"

    width: int = Field(64, gt=0)
    """channels of the largest hidden level; each smaller level has twice as many, at most 8 x"""
    norm: Literal["batch", "none"] = "batch"
    """normalisation after every hidden convolution"""
    output: Literal["linear", "tanh"] = "tanh"
    """what follows the last layer; tanh keeps pictures in range"""


class DCGANDiscriminator(Discriminator):
    """Strided convolutions, each halving the size."""

    kind: ClassVar[str] = "dcgan"
    implementation: ClassVar[str] = "sparring.networks.dcgan:Discriminator"

    width: int = Field(64, gt=0)
    """channels of the largest level; each smaller level has twice as many, at most 8 x"""
    norm: Literal["batch", "none"] = "none"
    """normalisation after every convolution but the first; gradient penalties want none"""
    label: Literal["concatenation", "projection"] = "projection"
    """how it is told the label, in games with labels"""


class DCGANEncoder(Encoder):
    """Strided convolutions, each halving the size."""

    kind: ClassVar[str] = "dcgan"
    implementation: ClassVar[str] = "sparring.networks.dcgan:Encoder"

    width: int = Field(32, gt=0)
    """channels of the largest level; each smaller level has twice as many, at most 8 x"""
    norm: Literal["batch", "none"] = "none"
    """normalisation after every convolution but the first"""
