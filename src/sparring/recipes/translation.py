"""Recipes that translate pictures into pictures, from pairs or from two collections without any."""

import importlib.util
import math

from sparring.base.clock import Schedule, constant, cosine
from sparring.base.errors import UserError
from sparring.base.space import Space
from sparring.games.settings import Penalty
from sparring.games.translation_settings import NO_PAIRS, CycleGAN, Pix2Pix
from sparring.modalities.settings import Pairs
from sparring.networks.translator_settings import PatchDiscriminator, ResnetTranslator, UNetTranslator
from sparring.play.optimizers import Adam
from sparring.play.settings import EMA
from sparring.recipes.classic import R3GAN
from sparring.recipes.recipe import Configuration, Facts, recipe
from sparring.recipes.restoration import ISOLA

ZHU = "Zhu et al. 2017, https://arxiv.org/abs/1703.10593"
MAO = "Mao et al. 2016, https://arxiv.org/abs/1611.04076"
SHRIVASTAVA = "Shrivastava et al. 2016, https://arxiv.org/abs/1612.07828"
WANG = "Wang et al. 2017, https://arxiv.org/abs/1711.11585"
JOHNSON = "Johnson et al. 2016, https://arxiv.org/abs/1603.08155"

LARGE = 192
"""shorter side in pixels from which the published networks and batches are taken"""


def _layers(space: Space) -> int:
    """Halvings of the patch discriminator: 70 pixels a patch, less for pictures that are hardly larger."""
    side = min(space.shape[1:])
    return 3 if side >= 64 else 2 if side >= 16 else 1


def _tiny_pix2pix(space: Space) -> Pix2Pix:
    networks = {"generator": UNetTranslator(width=8, levels=2), "discriminator": PatchDiscriminator(width=4, layers=1)}
    return Pix2Pix(jitter=0.1, flips=True, penalty=Penalty(every=2), **networks)


def _perceptual() -> float:
    """1 where the extra `judge` is installed, whose network the distance looks through; else 0. On CamVid (64 px, 3,500 rounds, no jitter) it made
    translations nearer to the truth as a network of other data sees it, 0.57 instead of 0.60, where pixels alone came to 0.59."""
    return float(importlib.util.find_spec("efficientnet_lite_pytorch") is not None)


@recipe("pix2pix", task="translate", modalities=("pairs",), papers=(ISOLA, WANG, R3GAN), tiny=_tiny_pix2pix)
def pix2pix(facts: Facts) -> Configuration:
    """Translates pictures as pairs show it: label maps to photographs, sketches to paintings (--data A::B, or PATH::halves)."""
    if not facts.space.paired:
        raise UserError(NO_PAIRS)
    side = min(facts.space.shape[1:])
    large = side >= LARGE
    lr = cosine(2e-4, 2e-6) if large else cosine(5e-4, 5e-6)
    game = Pix2Pix(
        features=0.5, perceptual=_perceptual(), jitter=0.06, flips=facts.mirrors,
        # halved until 2 pixels are left, which see the whole picture
        generator=UNetTranslator(width=64 if large else 32, levels=min(8, max(1, int(math.log2(side)) - 1))),
        discriminator=PatchDiscriminator(width=64 if large else 32, layers=_layers(facts.space)),
        penalty=Penalty(gamma=constant(1.0), every=4), ema=EMA(half_life=constant(5_000)),
        generator_optimizer=Adam(lr=lr, beta1=0.5, beta2=constant(0.99)), discriminator_optimizer=Adam(lr=lr, beta1=0.0, beta2=constant(0.99)),
    )  # fmt: skip
    return Configuration(game=game, encoding=Pairs(), batch=4 if large else 16, rounds=40_000 if large else 8_000)


def _tiny_cyclegan(space: Space) -> CycleGAN:
    return CycleGAN(translator=ResnetTranslator(width=4, blocks=1), discriminator=PatchDiscriminator(width=4, layers=1), pool=20)


@recipe("cyclegan", task="translate", modalities=("pairs",), papers=(ZHU, MAO, SHRIVASTAVA, JOHNSON), tiny=_tiny_cyclegan)
def cyclegan(facts: Facts) -> Configuration:
    """Translates between two collections without pairs, both ways: summer and winter, photographs and paintings (--data A::B)."""
    large = min(facts.space.shape[1:]) >= LARGE
    # as published, but to a hundredth instead of 0: a run that is lengthened goes on learning
    lr = Schedule(shape="linear", start=2e-4, end=2e-6, hold=0.5)
    optimizer = Adam(lr=lr, beta1=0.5, beta2=constant(0.999))
    game = CycleGAN(
        translator=ResnetTranslator(width=64 if large else 32, blocks=9 if large else 4),
        discriminator=PatchDiscriminator(width=64 if large else 32, layers=_layers(facts.space), norm="instance"),
        ema=EMA(half_life=constant(2_000)), generators_optimizer=optimizer, discriminators_optimizer=optimizer,
    )  # fmt: skip
    return Configuration(game=game, encoding=Pairs(), batch=1 if large else 4, rounds=200_000 if large else 10_000)
