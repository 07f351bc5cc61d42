"""Settings of the networks of tables: what encodes a row, judges it, or says how it is distributed."""

from typing import ClassVar, Literal

from pydantic import Field

from sparring.base.settings import Component
from sparring.networks.settings import Discriminator, Encoder


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
