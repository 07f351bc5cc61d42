"""Settings of the networks. Generators make an item from noise, discriminators a logit, encoders a vector, translators a picture from a picture."""

from typing import Annotated, ClassVar, Literal

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
    mapping: int = Field(2, ge=0)
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
    """channels of a group of the 3x3 convolutions"""
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
    """channels of a group of the 3x3 convolutions"""
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


class TableEncoder(Encoder):
    """A multilayer perceptron on embeddings of a row's choices."""

    kind: ClassVar[str] = "table"
    implementation: ClassVar[str] = "sparring.networks.tables:Encoder"

    width: int = Field(256, gt=0)
    """units of a hidden layer"""
    depth: int = Field(2, ge=1)
    """hidden layers"""


class TableDiscriminator(Discriminator):
    """A multilayer perceptron on embeddings of a row's choices."""

    kind: ClassVar[str] = "table"
    implementation: ClassVar[str] = "sparring.networks.tables:Discriminator"

    width: int = Field(256, gt=0)
    """units of a hidden layer"""
    depth: int = Field(2, ge=1)
    """hidden layers"""


class RowDecoder(Component):
    """The network that says how the row of a table is distributed.

    `build(space=, noise=, labels=)` gives a module (n, noise) -> (n, choices + 2 values); labels = 0 for none.
    """


class RowPerceptron(RowDecoder):
    """A multilayer perceptron."""

    kind: ClassVar[str] = "mlp"
    implementation: ClassVar[str] = "sparring.networks.tables:Perceptron"

    width: int = Field(256, gt=0)
    """units of a hidden layer"""
    depth: int = Field(2, ge=1)
    """hidden layers"""


class RowResidual(RowDecoder):
    """Layers that see all that came before them."""

    kind: ClassVar[str] = "residual"
    implementation: ClassVar[str] = "sparring.networks.tables:Residual"

    width: int = Field(256, gt=0)
    """units that a layer adds"""
    depth: int = Field(2, ge=1)
    """layers"""
    norm: Literal["batch", "none"] = "none"
    """normalisation after every layer"""
    told: int = Field(32, gt=0)
    """length of the embedding of a condition"""


class CTGANGenerator(Component):
    """The network that makes the row of a table, all but the draw of its choices: layers that see all that came before them.

    `build(space=, noise=, labels=)` gives a module: noise (n, noise), conditions (n, labels) -> (n, choices + values).
    """

    kind: ClassVar[str] = "ctgan"
    implementation: ClassVar[str] = "sparring.networks.ctgan:Generator"

    width: int = Field(256, gt=0)
    """units that a layer adds"""
    depth: int = Field(2, ge=1)
    """layers, each with batch norm"""


class CTGANDiscriminator(Component):
    """The network that tells packs of real rows from packs of generated ones: a multilayer perceptron.

    `build(space=, labels=, pack=)` gives a module: packs (n, pack * numbers), conditions of their rows (n * pack, labels) -> logits (n,).
    """

    kind: ClassVar[str] = "ctgan"
    implementation: ClassVar[str] = "sparring.networks.ctgan:Discriminator"

    width: int = Field(256, gt=0)
    """units of a hidden layer"""
    depth: int = Field(2, ge=1)
    """hidden layers"""
    dropout: float = Field(0.5, ge=0, lt=1)
    """share of units that are left out in training"""


class TVAEEncoder(Encoder):
    """A multilayer perceptron on a row's numbers, with ReLU."""

    kind: ClassVar[str] = "tvae"
    implementation: ClassVar[str] = "sparring.networks.ctgan:Encoder"

    width: int = Field(128, gt=0)
    """units of a hidden layer"""
    depth: int = Field(2, ge=1)
    """hidden layers"""


class TVAEDecoder(Component):
    """The network that says how the row of a table is distributed, each value with one deviation for all rows: a multilayer perceptron with ReLU.

    `build(space=, noise=)` gives a module (n, noise) -> (n, choices + 2 values).
    """

    kind: ClassVar[str] = "tvae"
    implementation: ClassVar[str] = "sparring.networks.ctgan:Decoder"

    width: int = Field(128, gt=0)
    """units of a hidden layer"""
    depth: int = Field(2, ge=1)
    """hidden layers"""
