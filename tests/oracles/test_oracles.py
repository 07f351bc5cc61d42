"""The core adds and removes nothing: its games equal plain loops to the last bit, in fp32, for 50 rounds."""

import torch

from sparring.base.clock import constant
from sparring.base.seeding import seed_of
from sparring.base.space import ImageSpace, PointSpace
from sparring.games import settings as families
from sparring.networks.settings import DCGANDiscriminator, DCGANEncoder, DCGANGenerator, MLPDiscriminator, MLPGenerator
from sparring.play.optimizers import Adam
from sparring.play.stream import Stream
from sparring.play.trainer import Trainer
from tests.oracles import dcgan, vae, wgan_gp

ROUNDS, SEED, BATCH = 50, 3, 16
PICTURES, POINTS = ImageSpace(shape=(1, 16, 16)), PointSpace(shape=(2,))


def seed_round(r: int) -> None:
    torch.manual_seed(seed_of("round", SEED, 0, 0, r))


class Batches:
    """The same stream's items, for a plain loop."""

    def __init__(self, space):
        self.stream = Stream(space.example(100, 0), BATCH, seed=SEED)

    def __getitem__(self, k):
        return self.stream[k]["x"]


def twins(settings, space):
    """Two equal games."""
    games = []
    for _ in range(2):
        torch.manual_seed(0)
        games.append(settings.build(space=space))
    return games


def play(game, space):
    for _ in Trainer(game, Stream(space.example(100, 0), BATCH, seed=SEED), seed=SEED, length=ROUNDS).rounds(ROUNDS):
        pass


def assert_equal(a, b):
    for (name, p), q in zip(a.named_parameters(), b.parameters()):
        assert torch.equal(p, q), f"{name}: {(p - q).abs().max()}"


def test_wgan_gp():
    settings = families.WassersteinGAN(noise=8, generator=MLPGenerator(width=32, depth=2), discriminator=MLPDiscriminator(width=32, depth=2))
    ours, plain = twins(settings, POINTS)
    play(ours, POINTS)
    wgan_gp.train(plain.generator, plain.discriminator, Batches(POINTS), noise=8, rounds=ROUNDS, seed_round=seed_round)
    assert_equal(ours.generator, plain.generator)
    assert_equal(ours.discriminator, plain.discriminator)


def test_dcgan():
    adam = Adam(lr=constant(2e-4), beta1=0.5, beta2=constant(0.999))
    settings = families.GAN(
        noise=8, objective="non-saturating", penalty="none", generator_optimizer=adam, discriminator_optimizer=adam,
        generator=DCGANGenerator(width=8), discriminator=DCGANDiscriminator(width=8, norm="batch"),
    )  # fmt: skip
    ours, plain = twins(settings, PICTURES)
    play(ours, PICTURES)
    dcgan.train(plain.generator, plain.discriminator, Batches(PICTURES), noise=8, rounds=ROUNDS, seed_round=seed_round)
    assert_equal(ours.generator, plain.generator)
    assert_equal(ours.discriminator, plain.discriminator)


def test_vae():
    settings = families.VAE(
        latent=4, likelihood="bernoulli", encoder=DCGANEncoder(width=8), decoder=DCGANGenerator(width=8, norm="none", output="linear")
    )
    ours, plain = twins(settings, PICTURES)
    play(ours, PICTURES)
    vae.train(plain.encoder, plain.decoder, Batches(PICTURES), rounds=ROUNDS, seed_round=seed_round)
    assert_equal(ours.encoder, plain.encoder)
    assert_equal(ours.decoder, plain.decoder)
