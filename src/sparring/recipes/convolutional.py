"""Convolutional GANs for pictures."""

from sparring.base.clock import constant, cosine
from sparring.games.settings import GAN, ConditionalGAN, Penalty
from sparring.modalities.settings import encoding_for
from sparring.networks.settings import DCGANDiscriminator, DCGANGenerator
from sparring.play.settings import EMA
from sparring.recipes.classic import R3GAN, scheduled
from sparring.recipes.recipe import Configuration, Facts, recipe

RADFORD = "Radford et al. 2015, https://arxiv.org/abs/1511.06434"
MIYATO = "Miyato & Koyama 2018, https://arxiv.org/abs/1802.05637"


@recipe(
    "dcgan", task="generate", modalities=("images",), papers=(RADFORD, R3GAN, MIYATO),
    tiny=lambda s: (ConditionalGAN if s.labels else GAN)(noise=4, generator=DCGANGenerator(width=4), discriminator=DCGANDiscriminator(width=4)),
)  # fmt: skip
def dcgan(facts: Facts) -> Configuration:
    """Convolutional GAN for pictures up to 64 px, told the label where there are labels (--game.kind gan: not told)."""
    pixels = facts.space.shape[1] * facts.space.shape[2]
    family = ConditionalGAN if facts.space.labels else GAN
    # R3GAN's presets rise from .05 at 32 px to 2 at 64 px and 150 at 256 px, steeper than the number of pixels.
    # On digits (28 px) .3 gave 0.6 of the Frechet distance that 1 gave (6,000 rounds, one seed).
    gamma = 0.3 * max(1.0, pixels / 32**2) ** 1.5
    game = family(
        noise=64, penalty=Penalty(gamma=cosine(gamma, gamma / 10), every=4), ema=EMA(half_life=constant(20_000)),
        generator=DCGANGenerator(width=32), discriminator=DCGANDiscriminator(width=32), **scheduled(2e-3, 1e-4),
    )  # fmt: skip
    return Configuration(game=game, encoding=encoding_for(facts.space), batch=64, rounds=8_000)
