"""Recipes that undo damage to pictures. All are trained on tiles of the user's pictures and work on pictures of any size."""

from collections.abc import Callable

from sparring.base.clock import constant, cosine
from sparring.base.space import Space
from sparring.games import restoration_settings as games
from sparring.games.restoration_settings import Degradation, Restoration
from sparring.games.settings import Penalty
from sparring.modalities.settings import Images
from sparring.networks.translator_settings import PatchDiscriminator, ResidualTranslator
from sparring.play.optimizers import Adam
from sparring.play.settings import EMA
from sparring.recipes.classic import R3GAN
from sparring.recipes.recipe import Configuration, Facts, recipe

LEDIG = "Ledig et al. 2016, https://arxiv.org/abs/1609.04802"
LIM = "Lim et al. 2017, https://arxiv.org/abs/1707.02921"
WANG = "Wang et al. 2018, https://arxiv.org/abs/1809.00219"
REAL = "Wang et al. 2021, https://arxiv.org/abs/2107.10833"
PATHAK = "Pathak et al. 2016, https://arxiv.org/abs/1604.07379"
SUVOROV = "Suvorov et al. 2021, https://arxiv.org/abs/2109.07161"
ISOLA = "Isola et al. 2016, https://arxiv.org/abs/1611.07004"

TILES = {"fit": "tiles"}


def _tiny(degradation: Degradation) -> Callable[[Space], Restoration]:
    return lambda space: Restoration(
        degradation=degradation, restorer=ResidualTranslator(width=8, blocks=1), discriminator=PatchDiscriminator(width=4, layers=1), pixels_alone=0.2
    )


def restoration(facts: Facts, degradation: Degradation, restorer: ResidualTranslator, *, adversary: float) -> Configuration:
    """What the recipes share: relativistic pairs under R1 and R2, a patch discriminator as deep as the tiles allow, batches of 16 tiles."""
    side = min(facts.space.shape[1:])
    layers = 3 if side >= 32 else 2 if side >= 16 else 1
    game = Restoration(
        degradation=degradation, restorer=restorer, discriminator=PatchDiscriminator(width=32, layers=layers), adversary=adversary,
        penalty=Penalty(gamma=constant(1.0), every=4), ema=EMA(half_life=constant(5_000)),
        restorer_optimizer=Adam(lr=cosine(5e-4, 5e-5), beta1=0.9, beta2=constant(0.99)),
        discriminator_optimizer=Adam(lr=cosine(5e-4, 5e-5), beta1=0.0, beta2=constant(0.99)),
    )  # fmt: skip
    return Configuration(game=game, encoding=Images(fit="tiles"), batch=16, rounds=10_000)


@recipe(
    "super-resolution", task="restore", modalities=("images",), papers=(LEDIG, LIM, WANG, REAL, R3GAN), tiny=_tiny(games.Bicubic(scale=2)),
    encoding=TILES,
)  # fmt: skip
def super_resolution(facts: Facts) -> Configuration:
    """Makes pictures 4 x (or 2 x) larger: by pixels first, then with the detail that an adversary asks for."""
    return restoration(facts, games.Bicubic(scale=4), ResidualTranslator(width=48, blocks=8), adversary=0.02)


@recipe("inpaint", task="restore", modalities=("images",), papers=(PATHAK, SUVOROV, R3GAN), tiny=_tiny(games.Holes()), encoding=TILES)
def inpaint(facts: Facts) -> Configuration:
    """Fills holes in pictures (strokes, boxes, a user's mask) with what could have been there."""
    # Places of 4 x 4 pixels and dilations 1, 2, 4: 150 pixels to each side, out of operators that export, with a quarter of the products that 48
    # channels on every pixel need.
    return restoration(facts, games.Holes(), ResidualTranslator(width=96, blocks=8, dilations=(1, 2, 4), patch=4), adversary=0.02)


@recipe("restore", task="restore", modalities=("images",), papers=(LIM, REAL, R3GAN), tiny=_tiny(games.Mixed()), encoding=TILES)
def restore(facts: Facts) -> Configuration:
    """Takes noise, blur and JPEG artefacts out of pictures (--degradation.kind noise, blur, jpeg, mixed, or real with --degradation.scale 1)."""
    return restoration(facts, games.Mixed(), ResidualTranslator(width=48, blocks=8), adversary=0.02)


@recipe("colorize", task="restore", modalities=("images",), papers=(ISOLA, R3GAN), tiny=_tiny(games.Grey()), encoding=TILES)
def colorize(facts: Facts) -> Configuration:
    """Gives grey pictures their colours, or sketches too (--degradation.kind sketch, whose sketches are made from the pictures)."""
    return restoration(facts, games.Grey(), ResidualTranslator(width=48, blocks=8, dilations=(1, 2, 4, 8)), adversary=0.05)
