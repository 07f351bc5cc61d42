"""Recipes that make rows of tables."""

from sparring.base.clock import constant, cosine
from sparring.base.space import Space
from sparring.games.settings import Penalty
from sparring.games.table_settings import CTGAN, TVAE, TableGAN, TableVAE
from sparring.modalities.settings import Tables
from sparring.modalities.split import Split
from sparring.networks.table_settings import (
    CTGANDiscriminator,
    CTGANGenerator,
    RowPerceptron,
    RowResidual,
    TableDiscriminator,
    TableEncoder,
    TVAEDecoder,
    TVAEEncoder,
)
from sparring.play.optimizers import Adam
from sparring.play.settings import EMA
from sparring.recipes.autoencoders import KINGMA
from sparring.recipes.classic import GULRAJANI, R3GAN
from sparring.recipes.recipe import Configuration, Facts, Watching, recipe

XU = "Xu et al. 2019, https://arxiv.org/abs/1907.00503"
JANG = "Jang et al. 2016, https://arxiv.org/abs/1611.01144"
LIN = "Lin et al. 2017, https://arxiv.org/abs/1712.04086"


HELD_OUT = 1500
"""rows that are held out to pick with, and to report with, where that is a small part"""
LEAST = 2_000
"""rows below which what is held out is too few to pick a checkpoint by: of 455 rows 34 were held out, which picked the first checkpoint of ten, with
a C2ST of 0.83 instead of 0.59"""
FEW, MANY = 5_000, 200_000
"""rows below which layers are half as wide, and from which they are twice as wide"""


def width(facts: Facts) -> int:
    return 128 if facts.count < FEW else 256 if facts.count < MANY else 512


def batch(facts: Facts) -> int:
    return min(500, max(50, facts.count // 20))


def common(facts: Facts, epochs: int, batch: int, patience: int = 3, least: int = 1_000) -> dict:
    """What recipes of tables share: so many epochs, but from `least` to 20,000 rounds; rows are judged column by column, two by two and by a
    classifier while it trains."""
    share = HELD_OUT / facts.count
    split = Split(validation=share, test=share) if facts.count >= 10 * HELD_OUT else Split()
    rounds = min(20_000, max(least, round(epochs * facts.count / batch, -2)))
    picks = {"patience": patience} if facts.count >= LEAST else {"judge": 0}
    watching = Watching(metrics=("shapes", "pairs", "c2st"), items=HELD_OUT, **picks)
    return {"encoding": Tables(), "split": split, "watching": watching, "batch": batch, "rounds": int(rounds)}


def _tiny_vae(space: Space) -> TableVAE:
    return TableVAE(latent=4, encoder=TableEncoder(width=16, depth=1), decoder=RowPerceptron(width=16, depth=1))


@recipe("table-vae", task="generate", modalities=("tables",), papers=(KINGMA, XU), tiny=_tiny_vae)
def table_vae(facts: Facts) -> Configuration:
    """Variational autoencoder of rows, the quick choice for tables: a minute for tens of thousands of rows."""
    # On Adult a beta of 0.5 leaves holes between what is encoded, into which rows fall (C2ST 0.67 after 1,500 rounds), 1 blurs (0.66); 0.7: 0.62.
    game = TableVAE(
        latent=32, beta=constant(0.7), encoder=TableEncoder(width=width(facts)), decoder=RowPerceptron(width=width(facts)),
        ema=EMA(half_life=constant(10_000)), optimizer=Adam(lr=cosine(3e-3, 1e-4), beta1=0.9, beta2=constant(0.999)),
    )  # fmt: skip
    return Configuration(game=game, **common(facts, epochs=40, batch=batch(facts)))


def _tiny_gan(space: Space) -> TableGAN:
    return TableGAN(
        noise=4, penalty=Penalty(kind="r1", gamma=constant(0.05), every=2), generator=RowResidual(width=16, depth=1, told=4),
        discriminator=TableDiscriminator(width=16, depth=1),
    )  # fmt: skip


@recipe("table-gan", task="generate", modalities=("tables",), papers=(R3GAN, XU, JANG), tiny=_tiny_gan)
def table_gan(facts: Facts) -> Configuration:
    """GAN of rows whose generator can be asked for any category."""
    adam = Adam(lr=cosine(4e-3, 1e-4), beta1=0.0, beta2=constant(0.99))
    game = TableGAN(
        noise=128, penalty=Penalty(kind="r1", gamma=constant(0.05), every=8), ema=EMA(half_life=constant(100_000)),
        generator=RowPerceptron(width=width(facts)), discriminator=TableDiscriminator(width=width(facts)),
        generator_optimizer=adam, discriminator_optimizer=adam,
    )  # fmt: skip
    # A game takes longer than a likelihood: of 8,000 rows (birdstrikes) 1,000 rounds left a C2ST of 0.65 and 0.63 (two seeds), 2,400 0.56.
    least = 2_400 if facts.count >= LEAST else 1_000
    return Configuration(game=game, **common(facts, epochs=40, batch=batch(facts), least=least))


# ---- as published

AS_PUBLISHED = {"numbers": "mixtures", "few": 10}
"""numbers as modes of a mixture, unless they have no more values than a mixture has modes"""


def published(facts: Facts) -> dict:
    """What Xu et al. 2019 train with: batches of 500 and 300 epochs, but from 1,000 to 20,000 rounds (200 epochs of 50,000 rows). The decay of
    weights that the authors' program has (1e-6, 1e-5) and their paper has not is left out."""
    return common(facts, epochs=300, batch=500, patience=0) | {"encoding": Tables(**AS_PUBLISHED)}


def _tiny_tvae(space: Space) -> TVAE:
    return TVAE(latent=4, encoder=TVAEEncoder(width=16, depth=1), decoder=TVAEDecoder(width=16, depth=1))


@recipe("tvae", task="generate", modalities=("tables",), papers=(XU, KINGMA), tiny=_tiny_tvae, encoding=AS_PUBLISHED)
def tvae(facts: Facts) -> Configuration:
    """TVAE as published, to compare table-vae with: 300 epochs, at most 20,000 rounds."""
    return Configuration(game=TVAE(), **published(facts))


def _tiny_ctgan(space: Space) -> CTGAN:
    return CTGAN(noise=4, pack=2, generator=CTGANGenerator(width=16, depth=1), discriminator=CTGANDiscriminator(width=16, depth=1))


@recipe("ctgan", task="generate", modalities=("tables",), papers=(XU, GULRAJANI, LIN), tiny=_tiny_ctgan, encoding=AS_PUBLISHED)
def ctgan(facts: Facts) -> Configuration:
    """CTGAN as published, to compare table-gan with: 300 epochs, at most 20,000 rounds."""
    return Configuration(game=CTGAN(rows=facts.count), **published(facts))
