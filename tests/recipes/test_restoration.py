"""Recipes that restore: built and run on the meta device for tiles of all sizes and channels."""

import pytest
import torch

from sparring.base.errors import UserError
from sparring.base.space import ImageSpace
from sparring.recipes.recipe import RECIPES, Facts, configure

RESTORING = [name for name, recipe in RECIPES.items() if recipe.task == "restore"]


@pytest.mark.parametrize("shape", [(1, 12, 12), (3, 20, 32), (3, 64, 64), (4, 256, 256)])
@pytest.mark.parametrize("name", RESTORING)
def test_shapes(name, shape):
    space = ImageSpace(shape=shape)
    configuration = configure(RECIPES[name], Facts(space, 5_000))
    assert configuration.encoding.fit == "tiles"
    game = configuration.game.build(space=space)
    with torch.device("meta"):
        given = torch.zeros(2, game.given + game.masked, shape[1] // game.scale, shape[2] // game.scale)
    assert game.restorer.to("meta")(given).shape == (2, *shape)
    logits = game.discriminator.to("meta")(torch.zeros(2, *shape, device="meta"))
    assert logits.ndim == 2 and logits.shape[1] >= 1
    assert 1e5 < sum(p.numel() for p in game.restorer.parameters()) < 1e7


def test_sides_that_cannot_be_made_smaller():
    with pytest.raises(UserError, match="multiples of 4"):
        configure(RECIPES["super-resolution"], Facts(ImageSpace(shape=(3, 30, 30)))).game.build(space=ImageSpace(shape=(3, 30, 30)))
