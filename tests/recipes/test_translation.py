"""The recipes of translation: what is chosen for which size, and the published sizes."""

import pytest
import torch

from sparring.base.clock import Clock
from sparring.base.errors import UserError
from sparring.base.space import PairSpace
from sparring.recipes.recipe import RECIPES, Facts, configure


def millions(name, side, given=3):
    space = PairSpace(shape=(3, side, side), given=(given, side, side))
    configuration = configure(RECIPES[name], Facts(space))
    with torch.device("meta"):
        game = configuration.game.build(space=space)
        game.stages()
    return {player: sum(p.numel() for p in its.parameters()) / 1e6 for player, its in game.players().items()}, configuration


def test_cyclegan_is_the_published_one_at_256():
    found, configuration = millions("cyclegan", 256)
    assert found["generators"] == pytest.approx(2 * 11.378, rel=0.01)                   # what the authors' code prints
    assert found["discriminators"] == pytest.approx(2 * 2.765, rel=0.01)
    assert configuration.batch == 1
    rates = [configuration.game.generators_optimizer.lr.at(Clock(round=r, rounds=100)) for r in (0, 25, 50, 75, 100, 200)]
    assert rates == pytest.approx([2e-4, 2e-4, 2e-4, 1.01e-4, 2e-6, 2e-6])


@pytest.mark.parametrize("name", ["pix2pix", "cyclegan"])
@pytest.mark.parametrize("side", [8, 16, 28, 32, 64, 128, 256])
def test_every_size_can_be_built_and_small_ones_are_small(name, side):
    found, _ = millions(name, side, given=12)
    assert sum(found.values()) < (12 if side < 192 else 70)


def test_pix2pix_wants_pairs():
    with pytest.raises(UserError, match="cyclegan"):
        configure(RECIPES["pix2pix"], Facts(PairSpace(shape=(3, 32, 32), given=(3, 32, 32), paired=False)))
