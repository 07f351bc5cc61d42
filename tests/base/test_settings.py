"""What flags do to settings."""

import pytest

from sparring import service
from sparring.base.clock import Clock, Schedule, constant
from sparring.base.errors import UserError
from sparring.base.settings import override
from sparring.base.space import ImageSpace
from sparring.recipes.recipe import RECIPES, Facts, configure

DIGITS = Facts(ImageSpace(shape=(1, 28, 28), labels=tuple("0123456789")))


def settings(recipe: str):
    return configure(RECIPES[recipe], DIGITS)


def test_a_new_kind_keeps_what_both_have():
    """`--game.kind gan` of another game keeps the optimizers and the average, and `--penalty.kind r1` keeps gamma."""
    plain, big, told = override(settings("biggan"), {"game.kind": "gan"}).game, settings("biggan").game, settings("dcgan").game
    assert plain.kind == "gan" and (plain.generator_optimizer, plain.ema) == (big.generator_optimizer, big.ema)
    assert (plain.objective, plain.penalty.kind) == ("relativistic", "r1+r2")
    assert override(settings("dcgan"), {"penalty.kind": "r1"}).game.penalty.gamma == told.penalty.gamma


def test_a_new_kind_brings_its_own_values():
    """A perceptron's width means nothing to a convolutional network; WGAN-GP has an objective of its own."""
    assert override(settings("gan"), {"generator.kind": "dcgan"}).game.generator.width == 64
    changed = override(settings("gan"), {"game.kind": "wgan-gp"}).game
    assert (changed.objective, changed.penalty.kind) == ("wasserstein", "one-centered") and changed.generator == settings("gan").game.generator


def test_whole_groups_come_before_their_parts():
    for order in (("gamma", "penalty"), ("penalty", "gamma")):
        penalty = override(settings("gan"), {name: {"gamma": "2", "penalty": "r1"}[name] for name in order}).game.penalty
        assert penalty.kind == "r1" and penalty.gamma.start == 2


def test_what_show_prints_can_be_typed():
    """Every flag that `show` prints names that setting, and every help says what it is about and nothing of Python."""
    from sparring.base.settings import known_paths, resolve, shortened

    for name, recipe in RECIPES.items():
        configuration = configure(recipe, Facts(service.example_space(recipe)))
        paths = known_paths(configuration)
        for row in service.setting_rows(configuration):
            assert resolve(shortened(row.path, "game", paths).replace("_", "-"), paths) == row.path
            assert row.help and "build(" not in row.help, f"{name}: {row.path}"


def test_wrong_kind():
    with pytest.raises(UserError, match="did you mean 'gan'"):
        override(settings("dcgan"), {"game.kind": "gann"})


def test_a_constant_schedule_has_one_value():
    """`--gamma.shape constant` must not be ignored while start and end differ."""
    with pytest.raises(UserError, match="give that number alone"):
        override(settings("dcgan"), {"penalty.gamma.shape": "constant"})
    assert override(settings("dcgan"), {"gamma": "2"}).game.penalty.gamma == constant(2)
    moving = override(settings("dcgan"), {"ema.half_life.shape": "linear", "ema.half_life.end": "10"}).game.ema.half_life
    assert (moving.shape, moving.start, moving.end) == ("linear", 20_000, 10)


def test_a_schedule_can_hold_before_it_changes():
    rate = Schedule(shape="linear", start=1.0, end=0.0, hold=0.5, over=0.75)
    assert [rate.at(Clock(round=r, rounds=100)) for r in (0, 50, 60, 75, 100)] == pytest.approx([1, 1, 0.6, 0, 0])
    plain = Schedule(shape="linear", start=1.0, end=0.0)
    assert [plain.at(Clock(round=r, rounds=100)) for r in (0, 25, 100)] == [1, 0.75, 0]
    with pytest.raises(ValueError, match="hold"):
        Schedule(shape="linear", start=1.0, end=0.0, hold=0.5, over=0.5)
