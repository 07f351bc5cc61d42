"""The game itself, on points and on flattened pictures."""

import math

from sparring.base.clock import Schedule, constant, cosine
from sparring.base.space import ImageSpace, Space
from sparring.games.settings import GAN, Penalty, WassersteinGAN
from sparring.modalities.settings import encoding_for
from sparring.modalities.split import Split
from sparring.networks.settings import MLPDiscriminator, MLPGenerator
from sparring.play.optimizers import Adam
from sparring.play.settings import EMA
from sparring.recipes.recipe import Configuration, Facts, Watching, recipe

GOODFELLOW = "Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661"
R3GAN = "Huang et al. 2024, https://arxiv.org/abs/2501.05441"
MIRZA = "Mirza & Osindero 2014, https://arxiv.org/abs/1411.1784"
GULRAJANI = "Gulrajani et al. 2017, https://arxiv.org/abs/1704.00028"


def networks(facts: Facts) -> dict:
    """Perceptrons: layers of 512 with tanh for flattened pictures; of 128 for points, whose discriminator is given waves
    of its input: without them it is blind to the inside of a mode that is a hundredth of the data's width. The finer the detail, the
    shorter the waves; shorter ones than it needs make a discriminator that sees structure in noise (6 octaves spoil `grid`)."""
    if isinstance(facts.space, ImageSpace):
        return {"generator": MLPGenerator(width=512, depth=3, output="tanh"), "discriminator": MLPDiscriminator(width=512, depth=3)}
    octaves = octaves_for(facts.detail)
    return {"generator": MLPGenerator(width=128, depth=4), "discriminator": MLPDiscriminator(width=128, depth=3, octaves=octaves)}


def octaves_for(detail: float) -> int:
    """Of a discriminator of points: `grid` (modes of a 57th of the width) needs 4, `ring` (a 71st of it, and further apart) 5."""
    return min(6, max(4, round(math.log2(0.3 / max(detail, 1e-6)))))


def tiny_networks(space: Space) -> dict:
    return {"generator": MLPGenerator(width=16, depth=1), "discriminator": MLPDiscriminator(width=16, depth=1), "noise": 4}


def enough_points(facts: Facts) -> Split:
    """Points are plenty: 2,500 held out to pick with and to report with, as the PacGAN protocol has it, where that is a small part."""
    return Split(validation=2500 / facts.count, test=2500 / facts.count) if facts.count >= 25_000 else Split()


def scheduled(lr: float, final: float, over: float = 1.0) -> dict:
    """Both players' Adam with one cosine from lr to its final value, in the part `over` of the run."""
    adam = Adam(lr=Schedule(shape="cosine", start=lr, end=final, over=over), beta1=0.0, beta2=constant(0.99))
    return {"generator_optimizer": adam, "discriminator_optimizer": adam}


def _tiny_gan(space: Space) -> GAN:
    return GAN(conditional=False, **tiny_networks(space))


def _tiny_wgan_gp(space: Space) -> WassersteinGAN:
    return WassersteinGAN(conditional=False, **tiny_networks(space))


@recipe("gan", task="generate", modalities=("points", "images"), papers=(GOODFELLOW, R3GAN), tiny=_tiny_gan)
def gan(facts: Facts) -> Configuration:
    """Generative adversarial network of perceptrons, for points and small pictures."""
    if isinstance(facts.space, ImageSpace):
        game = GAN(
            conditional=False, noise=64, penalty=Penalty(gamma=cosine(2.0, 0.2), every=4), ema=EMA(half_life=constant(20_000)),
            **networks(facts), **scheduled(5e-4, 5e-5),
        )
        return Configuration(game=game, encoding=encoding_for(facts.space), batch=64, rounds=10_000)
    # Modes are found under a strong penalty and sharpened under a weak one. An average over moving weights makes modes too tight, so the
    # learning rate comes to rest while a quarter of the run is still to come. Less penalty at the end gives modes more of their width,
    # since what tells a tight mode from a true one is a slope of D, but below 1e-4 the modes' weights begin to sway.
    # Finer modes take twice as long and end with a third of the penalty.
    fine = octaves_for(facts.detail) > 4
    gamma = Schedule(shape="cosine", start=1.0, end=1e-4 if fine else 3e-4, over=0.9)
    game = GAN(
        conditional=False, noise=16, penalty=Penalty(gamma=gamma, every=4), ema=EMA(half_life=constant(50_000)),
        **networks(facts), **scheduled(1e-3, 2e-5, over=0.75),
    )
    enough = {"split": enough_points(facts), "watching": Watching(items=2500)}
    return Configuration(game=game, encoding=encoding_for(facts.space), batch=256, rounds=100_000 if fine else 50_000, **enough)


@recipe("cgan", task="generate", modalities=("points", "images"), papers=(MIRZA, R3GAN), labelled=True, tiny=lambda s: GAN(**tiny_networks(s)))
def cgan(facts: Facts) -> Configuration:
    """GAN of perceptrons whose networks are told the label (by concatenation; by projection with --discriminator.label)."""
    plain = gan(facts)
    return plain.model_copy(update={"game": plain.game.model_copy(update={"conditional": True})})


@recipe("wgan-gp", task="generate", modalities=("points", "images"), papers=(GULRAJANI,), tiny=_tiny_wgan_gp)
def wgan_gp(facts: Facts) -> Configuration:
    """Wasserstein GAN with gradient penalty, as published: five discriminator moves a round, lambda 10."""
    game = WassersteinGAN(conditional=False, noise=64, ema=EMA(half_life=constant(20_000)), **networks(facts))
    return Configuration(game=game, encoding=encoding_for(facts.space), batch=64, rounds=10_000)
