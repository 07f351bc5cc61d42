"""Variational autoencoders."""

from sparring.base.space import ImageSpace
from sparring.games.settings import VAE
from sparring.modalities.settings import encoding_for
from sparring.networks.settings import DCGANEncoder, DCGANGenerator, MLPEncoder, MLPGenerator
from sparring.recipes.recipe import Configuration, Facts, recipe

KINGMA = "Kingma & Welling 2013, https://arxiv.org/abs/1312.6114"


def _tiny(space):
    return VAE(latent=4, encoder=MLPEncoder(width=16, depth=1), decoder=MLPGenerator(width=16, depth=1))


@recipe("vae", task="generate", modalities=("points", "images"), papers=(KINGMA,), tiny=_tiny)
def vae(facts: Facts) -> Configuration:
    """Variational autoencoder: perceptrons for points, convolutions for pictures; Bernoulli pixels where pictures are grey."""
    if isinstance(facts.space, ImageSpace):
        grey = facts.space.shape[0] == 1
        game = VAE(
            latent=32, likelihood="bernoulli" if grey else "gaussian", deviation=0.1,
            encoder=DCGANEncoder(width=32), decoder=DCGANGenerator(width=32, norm="none", output="linear"),
        )  # fmt: skip
    else:
        game = VAE(latent=2, deviation=0.1)
    return Configuration(game=game, encoding=encoding_for(facts.space), batch=128, rounds=10_000)
