"""CTGAN and TVAE as published: packs, log frequencies, the penalty, Gaussian values; and that what is asked for holds exactly."""

import csv
import math

import numpy as np
import pyarrow as pa
import pytest
import torch
from torch import nn

from sparring.base.errors import UserError
from sparring.base.settings import dump, load
from sparring.games.asking import Asking
from sparring.games.published_tables import GaussianRows, PointRows
from sparring.games.settings import GameSettings
from sparring.games.table_settings import CTGAN, TVAE
from sparring.games.tables import uniform
from sparring.modalities.settings import Tables
from sparring.modalities.spaces import Span, TableSpace
from sparring.modalities.table_source import from_frame
from sparring.modalities.tables import fit
from sparring.networks.table_settings import CTGANDiscriminator, CTGANGenerator, TVAEDecoder, TVAEEncoder
from sparring.play.stream import Stream
from sparring.play.trainer import Trainer
from sparring.play.watching import sample, settle, watching
from tests.running import THREAD

SPANS = (
    Span(column="a", kind="choice", start=0, size=3, shares=(0.9, 0.09, 0.01)),
    Span(column="b", kind="choice", start=3, size=5, bins=4, shares=(0.2, 0.2, 0.2, 0.2, 0.2)),
    Span(column="c", kind="choice", start=8, size=2, shares=(0.6, 0.4)),
    Span(column="b", kind="value", start=10, size=1),
)
SPACE = TableSpace(shape=(11,), spans=SPANS)
NUMBERS = TableSpace(shape=(6,), spans=(Span(column="b", kind="choice", start=0, size=5, bins=4), Span(column="b", kind="value", start=5, size=1)))
SMALL = {"generator": CTGANGenerator(width=32), "discriminator": CTGANDiscriminator(width=32)}
N, MANY = 3000, 40_000


def rows(n, seed=0):
    draw = np.random.default_rng(seed)
    x = np.zeros((n, 11), np.float32)
    b = draw.integers(0, 5, n)
    for start, chosen in ((0, draw.choice(3, n, p=SPANS[0].shares)), (3, b), (8, draw.choice(2, n, p=SPANS[2].shares))):
        x[np.arange(n), start + chosen] = 1
    x[:, 10] = np.where(b < 4, draw.uniform(-1, 1, n), 0)
    return torch.from_numpy(x)


def ctgan(space=SPACE, **changes):
    torch.manual_seed(0)
    return CTGAN(**{"noise": 4, "rows": 1000, **SMALL, **changes}).build(space=space)


def trained(game, x, n, batch=60):
    trainer = Trainer(game, Stream({"x": x}, batch, seed=0), length=n, seed=0)
    for _ in trainer.rounds(n, every=n):
        pass
    return game


# ---- training by sampling


def test_categories_come_by_log_frequency_with_rows_that_have_them():
    game, x = ctgan(), rows(20_000)
    batch = {"x": torch.cat([x[:, :10], torch.arange(20_000.0)[:, None]], 1)}                  # numbered, to see which rows are taken
    torch.manual_seed(1)
    drawn = [game.asked(batch) for _ in range(5)]
    y, taken = torch.cat([d["y"] for d in drawn]), torch.cat([d["x"] for d in drawn])
    assert (taken[torch.arange(len(y)), y] == 1).all()
    shares = torch.bincount(y, minlength=10) / len(y)
    for start, share in ((0, SPANS[0].shares), (8, SPANS[2].shares)):
        logs = np.log1p(1000 * np.array(share))
        assert shares[start : start + len(logs)].tolist() == pytest.approx((logs / logs.sum() / 2).tolist(), abs=4 * 0.5 / math.sqrt(len(y)))
    assert not shares[3:8].any()                                                              # modes of numbers are no condition
    rare = taken[y == 2, 10].long()
    assert set(rare.tolist()) == set(x[:, 2].nonzero().squeeze(1).tolist())                   # any of its rows, evenly
    assert torch.bincount(rare).max() < 5 * len(rare) / int(x[:, 2].sum())
    assert taken[y == 2][:, 9].mean() == pytest.approx(float(x[x[:, 2] == 1, 9].mean()), abs=0.03)


def test_what_a_batch_lacks_is_not_drawn():
    game, x = ctgan(), rows(500)
    y = game.asked({"x": x[x[:, 2] == 0]})["y"]
    assert not (y == 2).any() and (y == 1).any()


def test_samples_begin_with_true_frequencies():
    game = ctgan()
    y = game.begun(torch.randn(MANY, *game.noise_shape))
    expected = [s / 2 for s in SPANS[0].shares] + [0] * 5 + [s / 2 for s in SPANS[2].shares]
    assert (torch.bincount(y, minlength=10) / MANY).tolist() == pytest.approx(expected, abs=0.01)
    assert game.condition(torch.tensor([2, 8])).tolist() == [[0, 0, 1, 0, 0], [0, 0, 0, 1, 0]]


# ---- packs


def test_the_discriminator_sees_ten_rows():
    game, seen = ctgan(), []
    game.discriminator.register_forward_pre_hook(lambda module, given: seen.append([tuple(part.shape) for part in given]))
    x = rows(60)
    game.discriminator_loss({"x": x})
    assert seen == [[(12, 110), (120, 5)], [(6, 110), (60, 5)]]                                # real and generated, between
    game.discriminator.eval()
    y = game.place(x, torch.zeros(60, dtype=torch.long))
    before = game.judge(game.shown(x), y)
    x[37] = x[0] + 1
    assert before.shape == (6,) and (before != game.judge(game.shown(x), y)).tolist() == [False, False, False, True, False, False]
    assert game.coupled
    with pytest.raises(UserError, match="10 rows together, and 64 are no multiple"):
        game.discriminator_loss({"x": rows(64)})


def test_the_penalty_is_of_packs():
    """For a linear discriminator of weight w: lambda (|w| - 1)^2, w as long as a pack."""
    game = ctgan()
    weight = torch.randn(110)

    class Linear(nn.Module):
        def forward(self, packs, label):
            return packs @ weight

    game.discriminator = Linear()
    terms = game.discriminator_loss({"x": rows(60)})
    assert float(terms["gradient penalty"].detach()) == pytest.approx(10 * (float(weight.norm()) - 1) ** 2, rel=1e-4)


def test_a_verdict_depends_on_no_other_row():
    game, x = trained(ctgan(), rows(500), 5), rows(50, 1)
    with watching(game):
        whole = game.score(x)
        assert whole.shape == (50,) and torch.allclose(game.score(x[20:23]), whole[20:23], atol=1e-5)
        assert torch.allclose(game.score(x, torch.full((50,), 8))[3:4], game.score(x[3:4], torch.tensor([8])), atol=1e-5)


@pytest.mark.parametrize(("space", "changes"), [(NUMBERS, {}), (SPACE, {"conditional": False}), (SPACE, {"pack": 1})])
def test_without_categories_without_conditions_without_packs(space, changes):
    game, x = ctgan(space, **changes), space.example(200, 0)["x"]
    assert bool(game.told) == ("pack" in changes)
    trained(game, x, 4)
    with watching(game):
        assert sample(game, 10, 0).shape == (10, *space.shape) and game.score(x).shape == (200,)


# ---- values


def test_points():
    out = torch.randn(4000, 11)
    made = PointRows(SPACE)
    x = made.sample(out, uniform(torch.randn(4000, made.draws)))
    numbers = x[:, 3:7].sum(1) == 1
    assert torch.equal(x[numbers, 10], torch.tanh(out[numbers, 10])) and not x[~numbers, 10].any()
    soft = made.relaxed(out.requires_grad_(True), torch.rand(4000, 11), 0.2)
    assert torch.allclose(soft[:, 3:8].sum(1), torch.ones(4000), atol=1e-5) and ((soft > 0.1) & (soft < 0.9))[:, :10].any()
    soft.square().sum().backward()
    assert (out.grad.abs().sum(0) > 0).all()
    hardest = made.relaxed(out.detach(), torch.rand(4000, 11), 1e-3)[:, :10]
    assert torch.allclose(hardest.mean(0), made.probabilities(out[:, :10].detach()).mean(0), atol=0.03)


def test_gaussians():
    made = GaussianRows(SPACE)
    out = torch.cat([torch.randn(1, 10), torch.tensor([[0.4, math.log(0.3)]])], 1).expand(MANY, 12)
    normal = torch.distributions.Normal(math.tanh(0.4), 0.3)
    x = rows(MANY)
    choices = -sum(out[:, s : s + k].log_softmax(1)[x[:, s : s + k] == 1] for s, k in ((0, 3), (3, 5), (8, 2)))
    expected = choices - normal.log_prob(x[:, 10]) * x[:, 3:7].sum(1)
    assert torch.allclose(made.nll(out, x), expected, atol=1e-4)
    drawn = made.quantile(out, uniform(torch.randn(MANY, 1)))[:, 0]
    assert drawn.max() == 1                                                                   # cut
    for at in (-0.3, 0.2, 0.7):
        assert float((drawn < at).float().mean()) == pytest.approx(float(normal.cdf(torch.tensor(at))), abs=0.01)


def test_the_bound_has_twice_the_reconstruction_and_deviations_stay_within_theirs():
    torch.manual_seed(0)
    game = TVAE(latent=4, encoder=TVAEEncoder(width=32), decoder=TVAEDecoder(width=32)).build(space=SPACE)
    x = rows(200)
    torch.manual_seed(3)
    terms = game.bound({"x": x})
    torch.manual_seed(3)
    mean, deviation = game.posterior(x)
    nll = game.rows.nll(game.decoder(mean + deviation * torch.randn_like(mean)), x).mean()
    assert torch.allclose(terms["reconstruction"], 2 * nll)
    log_deviations = game.decoder.log_deviations
    assert log_deviations().exp().tolist() == pytest.approx([0.1])
    assert 0.1 < float(trained(game, x, 20).decoder.log_deviations().exp()) < 0.13              # uniform places want more
    for put, kept in ((1e-3, 0.01), (3, 1)):
        torch.nn.init.constant_(log_deviations.deviations, put)
        trained(game, x, 1)
        assert log_deviations().exp().tolist() == pytest.approx([kept]) and torch.equal(game.average.mean.log_deviations(), log_deviations())


@pytest.mark.parametrize("settings", [CTGAN(rows=77), TVAE(reconstruction=1.5)])
def test_settings_come_back(settings):
    assert load(GameSettings, dump(settings)) == settings


# ---- conditions on rows, whose numbers are modes of mixtures


@pytest.fixture(scope="module")
def codec():
    draw = np.random.default_rng(0)
    town = draw.choice(["Ulm", "Aalen", "Köln", "Bonn"], N, p=[0.5, 0.3, 0.15, 0.05])
    frame = {
        "town": town, "age": draw.integers(18, 60, N), "pay": np.round(draw.gamma(3, 900, N), 2),
        "spent": [None if u < 0.3 else v for u, v in zip(draw.random(N), draw.gamma(2, 50, N))],
        "day": np.datetime64("2020-01-01") + draw.integers(0, 900, N).astype("timedelta64[D]"),
    }  # fmt: skip
    return fit(from_frame(frame), Tables(numbers="mixtures", few=10))


@pytest.fixture(scope="module", params=["ctgan", "tvae"])
def game(request, codec):
    """Trained for a moment, and then far enough from nothing that columns depend on each other."""
    settings = CTGAN(noise=4, rows=N, **SMALL) if request.param == "ctgan" else TVAE(latent=4, decoder=TVAEDecoder(width=32))
    torch.manual_seed(0)
    game = trained(settings.build(space=codec.space), codec.space.example(500, 0)["x"], 20)
    with torch.no_grad():
        for parameter in game.average.mean.parameters():
            if parameter.ndim == 2:
                parameter.add_(0.25 * torch.randn_like(parameter))
    settle(game.eval())
    return game


@pytest.fixture(scope="module")
def unasked(codec, game):
    return codec.decode(sample(game, MANY, 7))


WHERE = [["town=Bonn"], ["town!=Ulm"], ["age>=40"], ["age<30", "town=Köln"], ["pay>2000"], ["spent="], ["spent>60", "spent<=120"], ["day<2021-01-01"]]


@pytest.mark.parametrize("where", WHERE)
def test_asked_rows_are_those_that_obey_anyway(codec, game, unasked, where):
    conditions = codec.asked(where)
    expected = unasked.filter(pa.array(conditions.hold(unasked))).to_pandas()
    asking, n = Asking(game, conditions, codec.decode), 3000
    made = codec.decode(asking.rows(n, 3))
    assert len(made) == n and conditions.hold(made).all()
    if asking.tells:                                                                          # told rows are another distribution
        return
    assert asking.acceptance == pytest.approx(len(expected) / MANY, rel=0.2, abs=0.004)
    made, slack = made.to_pandas(), 3.5 / np.sqrt(len(expected)) + 0.04
    for name in ("age", "pay", "spent"):
        points = expected[name].quantile([0.1, 0.3, 0.5, 0.7, 0.9]).to_numpy()
        below = lambda values: np.array([(values <= p).mean() for p in points])
        assert np.abs(below(made[name]) - below(expected[name])).max() < slack, name


def test_a_game_is_told_categories_alone(codec):
    game = CTGAN(noise=4, **SMALL).build(space=codec.space)
    asking = Asking(game.eval(), codec.asked(["age>=55", "town!=Ulm"]), codec.decode)
    assert [codec.space.choices[span].column for allowed in asking.tellable for span in allowed.spans] == ["town"]
    assert set(asking._label(200, torch.Generator().manual_seed(0)).tolist()) == {1, 2, 3}
    assert not Asking(game, codec.asked(["age>=55"]), codec.decode).tells


def test_what_cannot_be_is_said(codec):
    with pytest.raises(UserError, match="goes from 18 to 59"):
        codec.asked(["age>=60"])
    assert codec.asked(["age=33"]).allowed[0].mask.sum() >= 1


def test_samples_have_the_types_of_the_data(codec, unasked):
    frame = codec.handed(unasked)
    assert str(frame["age"].dtype) == "Int64" and frame["age"].between(18, 59).all()
    assert np.array_equal(frame["pay"], np.round(frame["pay"], 2)) and 0 < frame["spent"].isna().mean() < 1


# ---- as users call them


@pytest.mark.parametrize("name", ["ctgan", "tvae"])
def test_the_command_line(name, tmp_path, capsys):
    from sparring.cli import main

    draw = np.random.default_rng(0)
    with open(tmp_path / "people.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["age", "town", "pay"])
        writer.writerows([draw.integers(18, 70), draw.choice(["Ulm", "Aalen"]), f"{draw.normal(900, 200):.2f}"] for _ in range(600))
    run = str(tmp_path / "run")
    given = ["train", name, "--data", str(tmp_path / "people.csv"), "--rounds", "20", "--quiet", *THREAD]
    assert main([*given, "--run", run, "--batch", "50", "--watching.items", "60", "--watching.judge", "10"]) == 0
    out = tmp_path / "rows.csv"
    assert main(["sample", run, "-n", "300", "--where", "age>=40", "--where", "town=Ulm", "--out", str(out)]) == 0
    with open(out, newline="", encoding="utf-8") as file:
        made = list(csv.DictReader(file))
    assert len(made) == 300
    assert all(row["age"].isdecimal() and 40 <= int(row["age"]) < 70 and row["town"] == "Ulm" for row in made)
    assert all(len(row["pay"].partition(".")[2]) == 2 for row in made)
    if name == "ctgan":
        assert main(["score", run, str(out), "--json"]) == 0
        capsys.readouterr()
        assert main([*given, "--batch", "55", "--run", str(tmp_path / "other")]) == 2
        assert "no multiple of that: change --batch" in capsys.readouterr().err
