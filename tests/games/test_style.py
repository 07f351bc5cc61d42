"""What is StyleGAN2's own: path lengths, mixing, verdicts that depend on the item alone; BigGAN's orthogonality; conditions that fade in."""

from dataclasses import replace

import pytest
import torch

from sparring.base.clock import Clock, Schedule
from sparring.base.space import Attribute, ImageSpace
from sparring.games.settings import Adaptive, ProjectedGAN
from sparring.losses.penalties import orthogonality, path_lengths
from sparring.recipes.recipe import RECIPES

SPACE = ImageSpace(shape=(1, 8, 8), labels=("a", "b", "c"))


def game(name, **changes):
    torch.manual_seed(0)
    settings = RECIPES[name].tiny(SPACE)
    return settings.model_copy(update=changes).build(space=SPACE)


def test_path_length_of_a_linear_generator():
    """x = A w: the expected squared length is |A|_F^2 / pixels, whatever w is."""
    a = torch.randn(64, 5, generator=torch.Generator().manual_seed(0))
    w = torch.randn(4000, 1, 5, generator=torch.Generator().manual_seed(1)).requires_grad_(True)
    torch.manual_seed(2)
    lengths = path_lengths((w[:, 0] @ a.T).view(-1, 1, 8, 8), w)
    assert float(lengths.square().mean()) == pytest.approx(float(a.square().sum()) / 64, rel=0.05)


def test_orthogonality():
    q, _ = torch.linalg.qr(torch.randn(6, 6, generator=torch.Generator().manual_seed(0)))
    assert orthogonality(3 * q) < 1e-8                                          # rows of any length, at right angles
    w = torch.tensor([[1.0, 1.0], [0.0, 2.0]])
    assert float(orthogonality(w)) == pytest.approx(2 * 2.0**2)
    assert float(orthogonality(w.view(2, 2, 1, 1))) == pytest.approx(8)


def test_mixing_changes_finer_layers_only_and_only_some_items():
    style = game("stylegan2", mixing=0.5)
    batch = SPACE.example(400, 0)
    torch.manual_seed(0)
    w = style.mixed_styles(batch)
    first = (w == w[:, :1]).all(2)                                              # layers with the style of the coarsest
    assert first[:, 0].all() and (first[:, :-1] | ~first[:, 1:]).all()          # once the other style begins it stays
    assert 0.35 < (~first.all(1)).float().mean() < 0.65
    assert (game("stylegan2", mixing=0.0).mixed_styles(batch).std(1) == 0).all()


def test_a_verdict_depends_on_the_item_alone():
    style = game("stylegan2").eval()
    batch = SPACE.example(12, 0)
    with torch.no_grad():
        together = style.score(batch["x"], batch["y"])
        alone = torch.cat([style.score(batch["x"][i : i + 1], batch["y"][i : i + 1]) for i in range(12)])
    assert torch.allclose(together, alone, atol=1e-5)


@pytest.mark.parametrize("name", ["dcgan", "stylegan2", "biggan", "r3gan"])
def test_conditions_fade_in(name):
    """At strength 0 labels change nothing, then they change little by little; the change is a function of the clock."""
    fading = game(name, condition_strength=Schedule(shape="linear", start=0.0, end=1.0, over=0.5)).eval()
    for p in fading.average.parameters():                                       # embeddings that begin at zero would hide it
        with torch.no_grad():
            p.add_(0.1 * torch.randn_like(p))
    z, a, b = fading.noise(4, 0), torch.zeros(4, dtype=torch.long), torch.ones(4, dtype=torch.long)
    gap = lambda r: float((fading.render(z, a) - fading.render(z, b)).abs().max()) if set_clock(fading, r) else 0
    with torch.no_grad():
        assert gap(0) < 1e-6 < gap(50)
        assert 0 < 5 * gap(1) < gap(25) < gap(50) == gap(90)


def test_the_size_of_a_condition_is_told():
    """Attributes of one sign are not all the same, nor is a label that is told at a hundredth: neither to the generator nor to the discriminator."""
    torch.manual_seed(0)
    space = ImageSpace(shape=(1, 8, 8), attributes=(Attribute(name="age"), Attribute(name="size")))
    style = RECIPES["stylegan2"].tiny(space).build(space=space).eval()
    z, x = style.noise(8, 0), torch.rand(8, 1, 8, 8)
    told = lambda value: torch.tensor([[value, 0.5]]).expand(8, 2)
    with torch.no_grad():
        for said in (lambda y: style.generator.style(z, y), lambda y: style.discriminator(x, y)):
            low, middle, high = (said(told(value)) for value in (0.2, 1.0, 3.0))
            assert (high - middle).norm() > 0.1 * middle.norm() and (middle - low).norm() > 0.01 * middle.norm()
        nothing = style.discriminator(x, torch.zeros(8, 2))
        assert nothing.std() > 0.01, "a discriminator that is told nothing yet judges"
        assert (style.discriminator(x, 0.01 * told(1.0)) - nothing).norm() < 0.05 * (style.discriminator(x, told(1.0)) - nothing).norm()


def set_clock(game, r):
    game.clock = replace(Clock(rounds=100), round=r)
    return True


def test_projected_discriminators_move_and_what_they_look_through_does_not():
    """The frozen network and its mixing keep every bit; they are no part of the players."""
    from tests.laws.toys import CASES, play

    trainer = CASES["projected-images"].trainer()
    before = {k: v.clone() for k, v in trainer.game.mixing.state_dict().items()}
    play(trainer, 3)
    assert all(torch.equal(v, before[k]) for k, v in trainer.game.mixing.state_dict().items())
    assert not any("pyramid" in name for name in trainer.game.state_dict())
    pyramid = trainer.game._pyramid[0]
    assert not any(p.requires_grad for p in pyramid.parameters()) and not pyramid.training


def looked_at(game, x, pixels):
    return game.maps(torch.cat([game.project(x), game.pixels(pixels)], 1))


def test_projected_items_are_looked_at_once_in_rounds_that_look_and_maps_come_back_whole():
    from tests.laws.toys import CASES, play

    trainer = CASES["projected-images"].trainer()
    game = trainer.game
    play(trainer, 1)
    looks = []
    game._pyramid[0].register_forward_hook(lambda *_: looks.append(1))
    play(trainer, 4)
    assert game.settings.every == 2 and len(looks) == 2 * 3        # real items, and generated ones in either turn
    x = game.space.example(3, 0)["x"]
    maps, pixels = looked_at(game, x, -x)
    assert all(torch.equal(whole.float(), again) for whole, again in zip(game.mixing(game._pyramid[0](x)), maps))
    assert torch.allclose(pixels, -x, atol=1e-6)


def test_pixels_are_shown_without_what_features_are_augmented_with():
    from tests.laws.toys import CASES

    game = CASES["projected-images"].trainer().game
    x = game.space.example(3, 0)["x"]
    plain = looked_at(game, x, x)
    maps, pixels = game.maps(game.shown(x))
    assert not torch.equal(maps[0], plain[0][0]) and torch.equal(pixels, plain[1])
    game.clock = replace(game.clock, round=1)
    maps, pixels = game.maps(game.shown(x))
    assert maps == [] and torch.equal(pixels, plain[1]) and game.judge(game.shown(x), game.space.example(3, 0)["y"]).shape == (3, 1)


def test_pixels_count_as_much_as_all_features():
    from tests.laws.toys import CASES

    game = CASES["projected-images"].trainer().game
    batch = game.space.example(3, 0)
    maps, x = looked_at(game, batch["x"], batch["x"])
    features, pixels = game.discriminator(maps, x, batch["y"]).chunk(2, 1)
    assert torch.equal(pixels, game.discriminator.pixels(x, batch["y"])[:, None].expand_as(features))


def test_pixels_cannot_be_augmented_by_what_follows_nobody():
    with pytest.raises(ValueError, match="take none, diffaugment or scheduled"):
        ProjectedGAN(pixel_augmentation=Adaptive())


def test_rounds_without_a_look_need_a_discriminator_of_pixels():
    with pytest.raises(ValueError, match="set discriminator.pixels"):
        ProjectedGAN(every=2)
