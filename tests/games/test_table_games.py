"""The distribution of a row, drawn and asked; an autoencoder and an adversarial game that learn it; conditions that are obeyed."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from sparring.base.clock import constant
from sparring.games.settings import Penalty
from sparring.games.table_settings import TableGAN, TableVAE
from sparring.games.tables import LogisticRows, uniform
from sparring.modalities.spaces import Span, TableSpace
from sparring.networks.table_settings import RowPerceptron, RowResidual, TableDiscriminator, TableEncoder
from sparring.play.optimizers import Adam
from sparring.play.settings import EMA
from sparring.play.stream import Stream
from sparring.play.trainer import Trainer
from sparring.play.watching import sample, watching

SPANS = (
    Span(column="a", kind="choice", start=0, size=3, shares=(0.6, 0.3, 0.1)),
    Span(column="b", kind="choice", start=3, size=5, bins=4, shares=(0.2, 0.2, 0.2, 0.2, 0.2)),
    Span(column="c", kind="choice", start=8, size=2, bins=2, shares=(0.9, 0.1)),
    Span(column="b", kind="value", start=10, size=1),
    Span(column="c", kind="value", start=11, size=1),
)
SPACE = TableSpace(shape=(12,), spans=SPANS)
SIZES = [3, 5, 2]
ROWS = LogisticRows(SPACE)


def some_output(n=200, scale=3.0):
    torch.manual_seed(0)
    return torch.randn(n, 14) * scale


def test_spans_must_fit():
    with pytest.raises(ValueError, match="choices come first"):
        TableSpace(shape=(12,), spans=SPANS[1:])
    with pytest.raises(ValueError, match="have a value"):
        TableSpace(shape=(11,), spans=SPANS[:4])


def test_choices_are_softmaxes_of_their_spans():
    out = some_output()
    parts = out[:, :10].split(SIZES, 1)
    assert torch.allclose(ROWS.normaliser(out[:, :10]), torch.stack([p.logsumexp(1) for p in parts], 1), atol=1e-5)
    assert torch.allclose(ROWS.probabilities(out[:, :10]), torch.cat([p.softmax(1) for p in parts], 1), atol=1e-6)
    far = out * 1000                                                            # neither over- nor underflow matters
    assert ROWS.normaliser(far[:, :10]).isfinite().all() and ROWS.probabilities(far[:, :10]).isfinite().all()


def test_bf16_changes_networks_and_no_distribution():
    """Under autocast the hidden layers are in bf16; what is said of a row, and how its parts are added up, stays float32."""
    out, x = some_output(), SPACE.example(200, 1)["x"]
    makers = RowPerceptron(width=8).build(space=SPACE, noise=4), RowResidual(width=8).build(space=SPACE, noise=4)
    readers = TableEncoder(width=8).build(space=SPACE, outputs=4), TableDiscriminator(width=8).build(space=SPACE)
    with torch.autocast("cpu", torch.bfloat16):
        said = [network(torch.randn(8, 4)) for network in makers] + [network(x) for network in readers]
        assert {each.dtype for each in said} == {torch.float32}
        nll, chances = ROWS.nll(out, x), ROWS.probabilities(out[:, :10])
    assert torch.equal(nll, ROWS.nll(out, x)) and torch.equal(chances, ROWS.probabilities(out[:, :10]))


def test_likelihood_is_that_of_its_parts():
    out, x = some_output(), SPACE.example(200, 1)["x"]
    expected = sum(F.cross_entropy(p, y.argmax(1), reduction="none") for p, y in zip(out[:, :10].split(SIZES, 1), x[:, :10].split(SIZES, 1)))
    values = ROWS.value_nll(out, x[:, 10:])
    binned = torch.stack([x[:, 3:7].sum(1), x[:, 8:10].sum(1)], 1)
    assert torch.allclose(ROWS.nll(out, x), expected + (values * binned).sum(1), atol=1e-4)
    y = torch.randint(10, (200,))
    spans = torch.cat([p.log_softmax(1) for p in out[:, :10].split(SIZES, 1)], 1)
    assert torch.allclose(ROWS.choice_nll(out, y), -spans[torch.arange(200), y], atol=1e-5)


@pytest.mark.parametrize(("centre", "scale"), [(0.0, 2.5), (0.8, 0.0), (-1.4, -1.5), (3.0, -4.0)])
def test_values_have_a_density_and_its_quantiles(centre, scale):
    places = torch.linspace(-1, 1, 20_001)
    out = torch.tensor([0.0] * 10 + [centre, 0, scale, 0]).expand(len(places), 14)
    density = torch.exp(-ROWS.value_nll(out, torch.stack([places, places], 1)))[:, 0].double()
    assert float(torch.trapezoid(density, places.double())) == pytest.approx(1, abs=2e-3)
    below = torch.cumulative_trapezoid(density, places.double())
    for u in (0.05, 0.5, 0.9):
        found = ROWS.quantile(out[:1], torch.full((1, 2), u))[0, 0]
        at = torch.searchsorted(places, found).clamp(1, len(below)) - 1
        assert float(below[at]) == pytest.approx(u, abs=0.01)


def test_rows_are_drawn_by_their_probabilities():
    n = 40_000
    out = some_output(1, 1.0).expand(n, 14)
    torch.manual_seed(1)
    x = ROWS.sample(out, uniform(torch.randn(n, ROWS.draws)))
    assert x.shape == (n, 12) and torch.equal(x[:, :10].split(SIZES, 1)[1].sum(1), torch.ones(n))
    assert torch.allclose(x[:, :10].mean(0), ROWS.probabilities(out[:1, :10])[0], atol=0.01)
    assert (x[x[:, 7] == 1, 10] == 0).all() and (x[:, 11] != 0).any()          # no place where there is no bin
    torch.manual_seed(2)
    soft = ROWS.soft(out, torch.rand(n, 12), 0.5)
    assert torch.allclose(soft[:, :10].mean(0), ROWS.probabilities(out[:1, :10])[0], atol=0.01)


def test_soft_rows_are_hard_and_have_gradients():
    out = some_output(50).requires_grad_(True)
    x = ROWS.soft(out, torch.rand(50, 12), 0.5)
    assert torch.allclose(x[:, :10].detach(), x[:, :10].detach().round(), atol=1e-6)
    x.square().sum().backward()
    assert (out.grad.abs().sum(0) > 0).all() and out.grad.isfinite().all()


def table(n, seed=0):
    """a tells c, and half of the time b; b's place within its bin is where a is."""
    draw = np.random.default_rng(seed)
    a = draw.choice(3, n, p=[0.6, 0.3, 0.1])
    b = np.where(draw.random(n) < 0.5, a + 1, draw.integers(0, 5, n))
    x = np.zeros((n, 12), np.float32)
    x[np.arange(n), a] = x[np.arange(n), 3 + b] = x[np.arange(n), 8 + (a == 2)] = 1
    x[:, 10] = np.where(b < 4, (a - 1) * 0.6 + draw.uniform(-0.3, 0.3, n), 0)
    x[:, 11] = draw.uniform(-1, 1, n)
    return torch.from_numpy(x)


def trained(settings, rounds):
    torch.manual_seed(0)
    game = settings.build(space=SPACE)
    trainer = Trainer(game, Stream({"x": table(8000)}, 256, seed=0), length=rounds, seed=0)
    for _ in trainer.rounds(rounds, every=rounds):
        pass
    return game


def joint(x, first, second):
    """Shares of pairs of two choices."""
    parts = x[:, :10].split(SIZES, 1)
    return torch.einsum("ni,nj->ij", parts[first], parts[second]) / len(x)


def distance(made, real):
    return max(float((joint(made, i, j) - joint(real, i, j)).abs().sum()) / 2 for i, j in ((0, 1), (0, 2), (1, 2)))


FAST = {"lr": constant(2e-3), "beta2": constant(0.99)}
NEAR = EMA(half_life=constant(5_000))


def test_autoencoder_learns_the_joint_distribution():
    game = trained(
        TableVAE(latent=8, encoder=TableEncoder(width=64), decoder=RowPerceptron(width=64), optimizer=Adam(beta1=0.9, **FAST), ema=NEAR), 800
    )
    real = table(8000, 1)
    with watching(game):
        made = sample(game, 8000, 0)
        back = game.reconstruct(real[:500])
        mean, deviation = game.encode(real[:500])
    assert distance(made, real) < 0.13
    assert distance(real[torch.randperm(8000)] * (torch.arange(12) < 3) + made * (torch.arange(12) >= 3), real) > 0.2            # unrelated columns
    within = made[:, 10]
    assert within[(made[:, 0] == 1) & (made[:, 7] == 0)].mean() < -0.3 < 0.3 < within[(made[:, 2] == 1) & (made[:, 7] == 0)].mean()
    assert (back[:, :3].argmax(1) == real[:500, :3].argmax(1)).float().mean() > 0.95
    assert mean.shape == deviation.shape == (500, *game.noise_shape)


def test_adversarial_game_learns_it_and_obeys():
    optimizer = Adam(beta1=0.0, **FAST)
    settings = TableGAN(
        noise=8, penalty=Penalty(kind="r1", gamma=constant(0.05), every=4), generator=RowResidual(width=64, depth=1, told=8),
        discriminator=TableDiscriminator(width=64), ema=NEAR, generator_optimizer=optimizer, discriminator_optimizer=optimizer,
    )  # fmt: skip
    game, real = trained(settings, 800), table(8000, 1)
    with watching(game):
        made = sample(game, 8000, 0)
        asked = {y: sample(game, 500, 0, torch.full((500,), y)) for y in range(10)}
        score = game.score(real[:500])
    assert distance(made, real) < 0.13
    for y, rows in asked.items():
        assert rows[:, y].mean() > 0.95, y
    assert asked[2][:, 9].mean() > 0.9                                         # the rarest of a, and what it tells of c
    assert score.shape == (500,)


def test_conditions_come_as_often_as_in_the_data():
    game = TableGAN(noise=4).build(space=SPACE)
    torch.manual_seed(0)
    x = table(40_000)
    shares = torch.cat([torch.tensor(span.shares) for span in SPACE.choices]) / 3
    assert torch.allclose(torch.bincount(game.some_choices(uniform(torch.randn(40_000, 2))), minlength=10) / 40_000, shares, atol=0.01)
    y = game.asked({"x": x})["y"]
    assert (x[torch.arange(40_000), y] == 1).all()
    assert torch.allclose(torch.bincount(y, minlength=10) / 40_000, x[:, :10].mean(0) / 3, atol=0.01)


def test_without_conditions():
    game = trained(TableGAN(noise=4, conditional=False, generator=RowResidual(width=16), discriminator=TableDiscriminator(width=16)), 5)
    with watching(game):
        assert sample(game, 10, 0).shape == (10, 12) and game.score(table(10)).shape == (10,)
