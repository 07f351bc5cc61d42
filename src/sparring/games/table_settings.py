"""Settings of the families of tables."""

from typing import ClassVar

from pydantic import Field

from sparring.base.clock import Schedule, constant
from sparring.games.settings import GAN, GameSettings, ObjectiveName, Penalty
from sparring.networks.settings import Discriminator, Encoder
from sparring.networks.table_settings import (
    CTGANDiscriminator,
    CTGANGenerator,
    RowDecoder,
    RowPerceptron,
    TableDiscriminator,
    TableEncoder,
    TVAEDecoder,
    TVAEEncoder,
)
from sparring.play.optimizers import Adam, Optimizer
from sparring.play.settings import EMA

NO_AVERAGE = EMA(half_life=constant(0))
"""samples are made from the weights as they are"""


class TableVAE(GameSettings):
    """Variational autoencoder of the rows of a table, decoded by drawing."""

    kind: ClassVar[str] = "table-vae"
    implementation: ClassVar[str] = "sparring.games.tables:TableVAE"

    latent: int = Field(32, gt=0)
    """numbers of the latent vector"""
    beta: Schedule = constant(0.7)
    """weight of the divergence; 1 is the bound itself, less keeps more of what columns say of each other"""
    encoder: Encoder = TableEncoder()
    decoder: RowDecoder = RowPerceptron()
    optimizer: Optimizer = Adam(lr=constant(2e-3), beta1=0.9, beta2=constant(0.999))
    ema: EMA = EMA()


class TableGAN(GAN):
    """Generative adversarial network of the rows of a table, which can be asked for any category."""

    kind: ClassVar[str] = "table-gan"
    implementation: ClassVar[str] = "sparring.games.tables:TableGAN"

    noise: int = Field(128, gt=0)
    """numbers of the noise vector z ~ N(0, 1)"""
    conditional: bool = True
    """both networks are told one choice of the row, which the generator must make"""
    temperature: float = Field(0.5, gt=0)
    """of the softmax whose gradient choices have: less is nearer to the choice itself and noisier"""
    penalty: Penalty = Penalty(kind="r1", gamma=constant(0.05), every=8)
    generator: RowDecoder = RowPerceptron()
    discriminator: Discriminator = TableDiscriminator()
    generator_optimizer: Optimizer = Adam(lr=constant(2e-3))
    discriminator_optimizer: Optimizer = Adam(lr=constant(2e-3))


class TVAE(TableVAE):
    """TVAE as published: a variational autoencoder of rows whose numbers are Gaussian around a mode."""

    kind: ClassVar[str] = "tvae"
    implementation: ClassVar[str] = "sparring.games.published_tables:TVAE"

    latent: int = Field(128, gt=0)
    """numbers of the latent vector"""
    beta: Schedule = constant(1.0)
    """weight of the divergence"""
    reconstruction: float = Field(2.0, gt=0)
    """weight of the reconstruction"""
    encoder: Encoder = TVAEEncoder()
    decoder: TVAEDecoder = TVAEDecoder()
    optimizer: Optimizer = Adam(lr=constant(1e-3), beta1=0.9, beta2=constant(0.999))
    ema: EMA = NO_AVERAGE


class CTGAN(TableGAN):
    """CTGAN as published: a Wasserstein GAN of rows that is told categories by their log frequencies and judged ten rows at a time."""

    kind: ClassVar[str] = "ctgan"
    implementation: ClassVar[str] = "sparring.games.published_tables:CTGAN"

    conditional: bool = True
    """both networks are told one category of the row, which the generator must make"""
    objective: ObjectiveName = "wasserstein"
    """what the two players minimise"""
    penalty: Penalty = Penalty(kind="one-centered", gamma=constant(10), every=1)
    temperature: float = Field(0.2, gt=0)
    """of the softmax that stands for choices while it trains"""
    pack: int = Field(10, gt=0)
    """rows that the discriminator looks at together; the batch must be a multiple of it"""
    rows: int = Field(10_000, gt=0)
    """rows of the data: a category's log frequency is log(1 + rows * its share)"""
    generator: CTGANGenerator = CTGANGenerator()
    discriminator: CTGANDiscriminator = CTGANDiscriminator()
    generator_optimizer: Optimizer = Adam(lr=constant(2e-4), beta1=0.5, beta2=constant(0.9))
    discriminator_optimizer: Optimizer = Adam(lr=constant(2e-4), beta1=0.5, beta2=constant(0.9))
    ema: EMA = NO_AVERAGE
