"""Settings of the networks of points and pictures. Generators make an item from noise, discriminators a logit, encoders a vector."""

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
    uniform: bool = False
    """takes noise that is uniform between -sqrt(3) and sqrt(3), of variance 1 as the normal noise that it is given"""
    output: Literal["linear", "tanh"] = "linear"
    """what follows the last layer; tanh keeps pictures in range"""


class MLPDiscriminator(Discriminator):
    """A multilayer perceptron from all of an item's numbers to a logit."""

    kind: ClassVar[str] = "mlp"
    implementation: ClassVar[str] = "sparring.networks.mlp:Discriminator"

    width: int = Field(128, gt=0)
    """units of a hidden layer"""
    depth: int = Field(3, ge=0)
    """hidden layers; 0 makes it linear"""
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


class StyleGAN2Generator(Generator):
    """A mapping from noise to styles, and a synthesis that grows from a learnt constant under them."""

    kind: ClassVar[str] = "stylegan2"
    implementation: ClassVar[str] = "sparring.networks.stylegan2:Generator"

    style: int = Field(512, gt=0)
    """numbers of a style"""
    mapping: int = Field(2, gt=0)
    """layers of the mapping network"""
    base: int = Field(16384, gt=0)
    """channels of a level times its side, in pixels"""
    width: int = Field(512, gt=0)
    """most channels of a level"""


class StyleGAN2Discriminator(Discriminator):
    """Residual blocks, each halving the size, and the spread of a group of items."""

    kind: ClassVar[str] = "stylegan2"
    implementation: ClassVar[str] = "sparring.networks.stylegan2:Discriminator"

    base: int = Field(16384, gt=0)
    """channels of a level times its side, in pixels"""
    width: int = Field(512, gt=0)
    """most channels of a level"""
    group: int = Field(4, gt=0)
    """items whose spread is looked at together"""
    style: int = Field(512, gt=0)
    """numbers of the vector that a condition is compared with"""
    mapping: int = Field(2, ge=0)
    """layers of the network that makes that vector"""


class R3GANGenerator(Generator):
    """Residual blocks of grouped convolutions without normalisation."""

    kind: ClassVar[str] = "r3gan"
    implementation: ClassVar[str] = "sparring.networks.r3gan:Generator"

    width: int = Field(32, gt=0)
    """channels of the largest level; each smaller one has twice as many"""
    most: int = Field(256, gt=0)
    """most channels of a level"""
    blocks: int = Field(2, gt=0)
    """residual blocks of a level"""
    group: int = Field(16, gt=0)
    """channels of a group of the 3x3 convolutions; more where the width is no multiple"""
    patch: int = Field(1, gt=0)
    """side of the blocks of pixels that are a place of the largest level: 2 makes it a quarter as many places"""


class R3GANDiscriminator(Discriminator):
    """Residual blocks of grouped convolutions without normalisation."""

    kind: ClassVar[str] = "r3gan"
    implementation: ClassVar[str] = "sparring.networks.r3gan:Discriminator"

    width: int = Field(32, gt=0)
    """channels of the largest level; each smaller one has twice as many"""
    most: int = Field(256, gt=0)
    """most channels of a level"""
    blocks: int = Field(2, gt=0)
    """residual blocks of a level"""
    group: int = Field(16, gt=0)
    """channels of a group of the 3x3 convolutions; more where the width is no multiple"""
    patch: int = Field(1, gt=0)
    """side of the blocks of pixels that are a place of the largest level: 2 makes it a quarter as many places"""


class BigGANGenerator(Generator):
    """Residual blocks under spectral norm, whose batch norms are told a piece of the noise and the label."""

    kind: ClassVar[str] = "biggan"
    implementation: ClassVar[str] = "sparring.networks.biggan:Generator"

    width: int = Field(64, gt=0)
    """channels of the largest level; smaller ones have up to 4 x as many to 32 px, 16 x above"""
    embedding: int = Field(128, gt=0)
    """numbers of the embedding of a condition that all blocks share"""
    attention: int = Field(16, ge=0)
    """side of the maps that self-attention looks at (half of the picture's where there are none of that size); 0 for none"""
    patch: int = Field(1, gt=0)
    """side of the blocks of pixels that are a place of the largest level: 2 makes it a quarter as many places"""


class BigGANDiscriminator(Discriminator):
    """Residual blocks under spectral norm, with the projection of the label."""

    kind: ClassVar[str] = "biggan"
    implementation: ClassVar[str] = "sparring.networks.biggan:Discriminator"

    width: int = Field(64, gt=0)
    """channels: of every level to 32 px, of the largest level above"""
    attention: int = Field(16, ge=0)
    """side of the maps that self-attention looks at (half of the picture's where there are none of that size); 0 for none"""
    patch: int = Field(1, gt=0)
    """side of the blocks of pixels that are a place of the largest level: 2 makes it a quarter as many places"""


class FastGANGenerator(Generator):
    """Doubling by repetition, gated convolutions, small maps that excite the channels of large ones."""

    kind: ClassVar[str] = "fastgan"
    implementation: ClassVar[str] = "sparring.networks.fastgan:Generator"

    width: int = Field(32, gt=0)
    """a 16th of the channels of the smallest level; each larger level has half as many"""


class ProjectedDiscriminator(Component):
    """Small discriminators on the maps of a frozen feature network, and perhaps one on the pixels beside them.

    `build(widths=, space=, labels=)` gives a module from maps, finest first, and pictures to logits (n, discriminators * places).
    """

    kind: ClassVar[str] = "projected"
    implementation: ClassVar[str] = "sparring.networks.projected:Discriminator"

    pixels: int = Field(0, ge=0)
    """channels of the largest level of a convolutional discriminator of pixels, whose logit counts as much as all others; 0 for none"""
