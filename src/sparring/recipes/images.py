"""Adversarial families for pictures: from the convolutional GAN to those at the state of the art.

Numbers that grow with the picture come from published presets; those for small pictures on a small machine from runs in benchmarks/.
"""

from sparring.base.clock import Schedule, constant, cosine
from sparring.base.space import Space
from sparring.games.settings import (
    GAN,
    Adaptive,
    Augmentation,
    BigGAN,
    DiffAugment,
    NoAugmentation,
    Penalty,
    ProjectedGAN,
    Scheduled,
    StyleGAN2,
)
from sparring.modalities.settings import encoding_for
from sparring.networks.settings import (
    BigGANDiscriminator,
    BigGANGenerator,
    DCGANDiscriminator,
    DCGANGenerator,
    FastGANGenerator,
    ProjectedDiscriminator,
    R3GANDiscriminator,
    R3GANGenerator,
    StyleGAN2Discriminator,
    StyleGAN2Generator,
)
from sparring.play.optimizers import Adam
from sparring.play.settings import EMA
from sparring.recipes.classic import R3GAN, scheduled
from sparring.recipes.recipe import Configuration, Facts, recipe

RADFORD = "Radford et al. 2015, https://arxiv.org/abs/1511.06434"
MIYATO = "Miyato & Koyama 2018, https://arxiv.org/abs/1802.05637"
STYLEGAN = "Karras et al. 2018, https://arxiv.org/abs/1812.04948"
STYLEGAN2 = "Karras et al. 2019, https://arxiv.org/abs/1912.04958"
ADA = "Karras et al. 2020, https://arxiv.org/abs/2006.06676"
BROCK = "Brock et al. 2018, https://arxiv.org/abs/1809.11096"
ZHANG = "Zhang et al. 2018, https://arxiv.org/abs/1805.08318"
SAUER = "Sauer et al. 2021, https://arxiv.org/abs/2111.01007"
KUMARI = "Kumari et al. 2021, https://arxiv.org/abs/2112.09130"
LIU = "Liu et al. 2021, https://arxiv.org/abs/2101.04775"
ZHAO = "Zhao et al. 2020, https://arxiv.org/abs/2006.10738"
SHAHBAZI = "Shahbazi et al. 2022, https://arxiv.org/abs/2201.06578"

FEW = 2_000
"""pictures below which a discriminator soon knows them by heart"""
FEW_A_LABEL = 100
"""pictures a label below which the game starts unconditional"""


def side_of(space: Space) -> int:
    return max(space.shape[1:])


def condition_strength(facts: Facts) -> Schedule:
    """Few pictures a label make conditional games collapse: they start unconditional and turn conditional over half of the run."""
    few = facts.per_label and min(facts.per_label) < FEW_A_LABEL
    return Schedule(shape="linear", start=0.0, end=1.0, over=0.5) if few else constant(1)


def augmented(facts: Facts) -> Augmentation:
    """Shifts of every picture where pictures are few. On 400 faces (dcgan, 64 px, 2,500 rounds, one seed) they gave clearer faces than ADA, which
    takes its time to rise, and a discriminator that knew a third as much by heart (gaps 0.7 and 1.9; without augmentation 2.1). EfficientNet's
    coverage says so too (.065 and .024); by the faces' own network ADA is nearer (Frechet distances 1.4 and 1.2)."""
    return DiffAugment(colour=False, cutout=False, flips=facts.mirrors) if facts.count < FEW else NoAugmentation()


def r3gan_gamma(space: Space) -> float:
    """R3GAN's presets rise from .05 at 32 px to 2 at 64 px and 150 at 256 px, steeper than the number of pixels."""
    return 0.3 * max(1.0, space.shape[1] * space.shape[2] / 32**2) ** 1.5


def _tiny_dcgan(space: Space) -> GAN:
    return GAN(noise=4, generator=DCGANGenerator(width=4), discriminator=DCGANDiscriminator(width=4), augmentation=DiffAugment())


@recipe("dcgan", task="generate", modalities=("images",), papers=(RADFORD, R3GAN, MIYATO, ADA), tiny=_tiny_dcgan)
def dcgan(facts: Facts) -> Configuration:
    """Convolutional GAN for pictures up to 64 px, told the label where there are labels (--conditional false: not told)."""
    # On digits (28 px) .3 gave 0.6 of the Frechet distance that 1 gave (6,000 rounds, one seed).
    gamma = r3gan_gamma(facts.space)
    # On CIFAR-10 a rate of 2e-3, which digits like, made the discriminator flat from round 4,500 to 15,000 of 23,500 (FD on validation 0.85 at
    # best, 2.4 while it lasted); with 7e-4 it stays awake and FD falls all the way. On faces (64 px) it ran away with 2e-3 in nine of thirteen runs.
    lr = 2e-3 if facts.space.shape[0] == 1 and side_of(facts.space) <= 32 else 7e-4
    game = GAN(
        noise=64, penalty=Penalty(gamma=cosine(gamma, gamma / 10), every=4), ema=EMA(half_life=constant(20_000)),
        condition_strength=condition_strength(facts), augmentation=augmented(facts),
        generator=DCGANGenerator(width=32), discriminator=DCGANDiscriminator(width=32), **scheduled(lr, 1e-4),
    )  # fmt: skip
    return Configuration(game=game, encoding=encoding_for(facts.space), batch=64, rounds=8_000)


def lazy_adam(lr: float, every: int, end: float = 1.0) -> Adam:
    """Adam of a player with a lazy regulariser of its own turn: c = k / (k + 1) on the learning rate and in the exponents, so that the
    extra moves count as parts of the others (2019, appendix B). `end`: the part of the learning rate that it ends with."""
    c = every / (every + 1)
    return Adam(lr=constant(lr * c) if end == 1 else cosine(lr * c, lr * c * end), beta1=0.0, beta2=constant(0.99**c))


def _tiny_stylegan2(space: Space) -> StyleGAN2:
    return StyleGAN2(
        noise=4, generator=StyleGAN2Generator(style=4, base=32, width=8), discriminator=StyleGAN2Discriminator(base=32, width=8, style=4),
        augmentation=Adaptive(), penalty=Penalty(kind="r1", every=4),
    )  # fmt: skip


@recipe("stylegan2", task="generate", modalities=("images",), papers=(STYLEGAN, STYLEGAN2, ADA), tiny=_tiny_stylegan2)
def stylegan2(facts: Facts) -> Configuration:
    """StyleGAN2 with adaptive augmentation: styles at every level, mixing, truncation; the most tools to steer with."""
    side = side_of(facts.space)
    small = side < 128
    # StyleGAN2-ADA's `auto`: batch, gamma = 0.0002 side^2 / batch, half of the published channels below 512 px, EMA of 10 k images a batch of 32.
    batch = max(min(4096 // side, 64), 16)
    base, width = (16384, 512) if not small else (1024, 128) if side > 48 else (512, 64)
    # On a small machine rounds are few. On CIFAR-10 in 1,600 of them (5 minutes of one core) the published objective, penalty and rate left a
    # Frechet distance of 8; relativistic pairs under R3GAN's gamma 4.7; four times the rate, which weights of variance 1 want, 2.9; twelve times 23.
    objective, gamma, every = ("relativistic", r3gan_gamma(facts.space), 4) if small else ("non-saturating", 0.0002 * side**2 / batch, 16)
    lr, end = (0.01, 0.1) if small else (0.002 if side >= 1024 else 0.0025, 1.0)
    few = facts.count < 30_000
    augmentation = Adaptive(speed=100_000, flips=facts.mirrors, colour=True) if few else NoAugmentation()
    style = 128 if small else 512
    game = StyleGAN2(
        noise=style, objective=objective, penalty=Penalty(kind="r1", gamma=constant(gamma), every=every), augmentation=augmentation,
        condition_strength=condition_strength(facts), ema=EMA(half_life=constant(batch * 10_000 / 32)),
        generator=StyleGAN2Generator(style=style, base=base, width=width),
        discriminator=StyleGAN2Discriminator(style=style, base=base, width=width),
        generator_optimizer=lazy_adam(lr, 4, end), discriminator_optimizer=lazy_adam(lr, every, end),
    )  # fmt: skip
    return Configuration(game=game, encoding=encoding_for(facts.space), batch=batch, rounds=20_000)


def _tiny_r3gan(space: Space) -> GAN:
    return GAN(noise=4, generator=R3GANGenerator(width=16, blocks=1), discriminator=R3GANDiscriminator(width=16, blocks=1), augmentation=Scheduled())


@recipe("r3gan", task="generate", modalities=("images",), papers=(R3GAN, ADA), tiny=_tiny_r3gan)
def r3gan(facts: Facts) -> Configuration:
    """R3GAN: relativistic pairs under R1 and R2, residual networks without normalisation, everything scheduled by one cosine."""
    small = side_of(facts.space) < 128
    gamma = r3gan_gamma(facts.space)
    # The presets have 768 channels up to 32 px, half with every doubling. On a small machine full size must be narrow to be quick, and blocks of
    # 2 x 2 pixels as places quicker still (3.5 x the pictures a second at 32 px). The generator is the wider one: it costs less of a round.
    width, most = (32, 128) if small else (max(96, 96 * 32 // side_of(facts.space) * 8), 768)
    wider, blocks, patch = (2, 1, 2) if small else (1, 2, 1)
    adam = Adam(lr=cosine(1e-3, 1e-4), beta1=0.0, beta2=constant(0.99)) if small else Adam(lr=cosine(2e-4, 5e-5), beta1=0.0, beta2=cosine(0.9, 0.99))
    augmentation = Scheduled(p=cosine(0.0, 0.3), flips=facts.mirrors) if facts.count < 30_000 else NoAugmentation()
    game = GAN(
        noise=64, penalty=Penalty(gamma=cosine(gamma, gamma / 10), every=4 if small else 1),
        ema=EMA(half_life=constant(20_000 if small else 500_000)), augmentation=augmentation, condition_strength=condition_strength(facts),
        generator=R3GANGenerator(width=wider * width, most=wider * most, blocks=blocks, patch=patch),
        discriminator=R3GANDiscriminator(width=width, most=most, blocks=blocks, patch=patch), generator_optimizer=adam, discriminator_optimizer=adam,
    )  # fmt: skip
    return Configuration(game=game, encoding=encoding_for(facts.space), batch=64, rounds=10_000)


def _tiny_biggan(space: Space) -> BigGAN:
    return BigGAN(
        noise=6, generator=BigGANGenerator(width=8, embedding=4, attention=4), discriminator=BigGANDiscriminator(width=8, attention=4),
        augmentation=DiffAugment(),
    )  # fmt: skip


@recipe("biggan", task="generate", modalities=("images",), papers=(BROCK, ZHANG, MIYATO, ADA), tiny=_tiny_biggan)
def biggan(facts: Facts) -> Configuration:
    """BigGAN: spectral norm, self-attention, labels at every level, truncation that trades variety for quality."""
    small = side_of(facts.space) <= 64
    # On a small machine moves are few. On CIFAR-10 with blocks of 2 x 2 pixels as places and rates five and ten times the published 2e-4, 1,500
    # rounds (two minutes of one core) came to a Frechet distance of 3.7 by the published objective and 2.0 by relativistic pairs under R1 and R2,
    # and with a discriminator of 64 channels, not 32, to 1.2 in three minutes; with a gamma that falls to a tenth to 1.6. In 25 minutes half of
    # these rates came to 0.16 and 0.17 where they came to 0.23 and 0.22 (two seeds) and a quarter to 0.23 (one): what learns quickest at first does
    # not learn most.
    (width, wider), patch = ((32, 64), 2) if small else ((96, 96), 1)
    gamma = r3gan_gamma(facts.space)
    objective, penalty = ("relativistic", Penalty(gamma=constant(gamma), every=4)) if small else ("hinge", Penalty(kind="none"))
    adam = lambda lr: Adam(lr=cosine(lr, lr / 10) if small else constant(lr), beta1=0.0, beta2=constant(0.999))
    generator, discriminator = (5e-4, 1e-3) if small else (1e-4, 4e-4)
    game = BigGAN(
        noise=128, objective=objective, penalty=penalty, discriminator_moves=1, orthogonality=0.0 if small else 1e-4,
        ema=EMA(half_life=constant(20_000)), augmentation=augmented(facts), condition_strength=condition_strength(facts),
        generator=BigGANGenerator(width=width, patch=patch), discriminator=BigGANDiscriminator(width=wider, patch=patch),
        generator_optimizer=adam(generator), discriminator_optimizer=adam(discriminator),
    )  # fmt: skip
    return Configuration(game=game, encoding=encoding_for(facts.space), batch=64, rounds=20_000)


def _tiny_projected(space: Space) -> ProjectedGAN:
    return ProjectedGAN(
        noise=4, side=32, scales=2, every=2, mixing=4, generator=FastGANGenerator(width=8), discriminator=ProjectedDiscriminator(pixels=4),
        augmentation=DiffAugment(),
    )  # fmt: skip


@recipe("projected", task="generate", modalities=("images",), papers=(SAUER, KUMARI, LIU, ZHAO), tiny=_tiny_projected)
def projected(facts: Facts) -> Configuration:
    """Projected GAN: discriminators on the maps of a frozen ImageNet network, beside one on the pixels (extra `judge`)."""
    small = side_of(facts.space) <= 64
    side = max(32, min(256, 32 * round(side_of(facts.space) / 32)))
    scales = 4 if side >= 64 else 3                                                        # the coarsest maps have 2 x 2 places at least
    generator = DCGANGenerator(width=32) if small else FastGANGenerator(width=32)
    # A frozen network can be deceived by patterns that no eye sees: without augmentation the Frechet distance was 14 instead of 1.
    augmentation = DiffAugment(colour=facts.space.shape[0] >= 3, cutout=False, flips=facts.mirrors)
    # but light and colour that always change leave bright and gaudy pictures unpunished: the discriminator of pixels sees them as they are
    own = DiffAugment(colour=False, cutout=False, flips=facts.mirrors)
    # On CIFAR-10 with labels the published hinge loss ended with one picture a label (recall 0). Relativistic pairs, a penalty on the slope in the
    # features and a discriminator nearly as quick as the generator keep the variety. Long runs found patterns that the frozen network does not see,
    # with a fine grid to be seen, until a discriminator of pixels stood beside. A look through the network takes longer than a game of pixels, and
    # teaches most at first: in 25 minutes of one core looks in every round came to a Frechet distance of 0.19, in every fourth to 0.16, in every
    # eighth (under a gamma of 50 to 25) to 0.20, with the clearest things and a fine pattern again.
    # A penalty that is due in rounds with a look alone counts `looks` times as much there: so gamma is a quarter of the 200 that suit them.
    looks = 4 if small else 1
    adam = lambda lr, end: Adam(lr=cosine(lr, end), beta1=0.0, beta2=constant(0.99))
    game = ProjectedGAN(
        noise=128, objective="relativistic", penalty=Penalty(gamma=cosine(200 / looks, 20 / looks), every=4 if small else 2),
        side=side, scales=scales, every=looks, mixing=16 if small else 32, ema=EMA(half_life=constant(20_000)),
        condition_strength=condition_strength(facts), augmentation=augmentation, pixel_augmentation=own,
        generator=generator, discriminator=ProjectedDiscriminator(pixels=32 if small else 16),
        generator_optimizer=adam(1.5e-3, 3e-4) if small else adam(2e-4, 2e-5),
        discriminator_optimizer=adam(1e-3, 1.5e-4) if small else adam(2e-4, 2e-5),
    )  # fmt: skip
    return Configuration(game=game, encoding=encoding_for(facts.space), batch=64, rounds=10_000)
