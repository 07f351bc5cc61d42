"""Every recipe for pictures, at every size that it is written for, on the meta device: shapes and sizes without numbers."""

import pytest
import torch

from sparring.base.space import Attribute, ImageSpace
from sparring.games.settings import DiffAugment, NoAugmentation
from sparring.recipes.recipe import RECIPES, Facts, configure

PICTURES = [name for name, recipe in RECIPES.items() if recipe.modalities == ("images",) and recipe.task == "generate"]
SHAPES = {
    "28": (1, 28, 28), "32": (3, 32, 32), "64": (3, 64, 64), "48x64": (4, 48, 64), "200": (3, 200, 200), "256": (3, 256, 256),
    "1024": (3, 1024, 1024),
}  # fmt: skip
TOLD = {"nothing": {}, "labels": {"labels": ("a", "b")}, "attributes": {"attributes": (Attribute(name="size"), Attribute(name="age"))}}
CASES = [(size, told) for size in SHAPES for told in TOLD if told == "labels" or size in ("28", "48x64")]
"""how labels are told does not depend on the size"""


@pytest.mark.parametrize(("size", "told"), CASES)
@pytest.mark.parametrize("name", PICTURES)
def test_shapes(name, size, told, monkeypatch):
    monkeypatch.setattr("torch.nn.utils.parametrizations._SpectralNorm._power_method", lambda *_: None)      # seconds, for nothing on meta
    space = ImageSpace(shape=SHAPES[size], **TOLD[told])
    settings = configure(RECIPES[name], Facts(space, 50_000)).game
    with torch.device("meta"):
        game = settings.build(space=space)
        y = torch.zeros(2, dtype=torch.long) if told == "labels" else torch.zeros(2, 2) if told == "attributes" else None
        made = game.generator(torch.zeros(2, settings.noise), y)
        assert made.shape == (2, *space.shape) and made.dtype == torch.float32
        if name != "projected":                                             # whose discriminator looks through a network with weights
            assert game.discriminator(made, y).shape == (2,)
    assert game.conditional == (told != "nothing")
    smallest, largest = (1e5, 2e7) if max(space.shape[1:]) <= 64 else (1e6, 3e8)
    for player in game.players().values():
        assert smallest / 10 < sum(p.numel() for p in player.parameters()) < largest


@pytest.mark.parametrize("name", PICTURES)
def test_few_pictures_are_augmented(name):
    """A discriminator of few pictures must not see them as they are; mirrored only where the data allow it."""
    space = ImageSpace(shape=(3, 32, 32))
    for mirrors in (False, True):
        augmentation = configure(RECIPES[name], Facts(space, 400, mirrors=mirrors)).game.augmentation
        assert not isinstance(augmentation, NoAugmentation) and augmentation.flips == mirrors
    grey = configure(RECIPES["projected"], Facts(ImageSpace(shape=(1, 28, 28)), 400)).game.augmentation
    assert isinstance(grey, DiffAugment) and not grey.colour


@pytest.mark.parametrize("name", PICTURES)
def test_few_pictures_a_label_start_unconditional(name):
    space = ImageSpace(shape=(3, 32, 32), labels=("a", "b"))
    few, enough = (configure(RECIPES[name], Facts(space, 4000, per_label=counts)).game.condition_strength for counts in ((3970, 30), (2000, 2000)))
    assert (few.start, few.end) == (0, 1) and enough.start == enough.end == 1


@pytest.mark.parametrize("name", PICTURES)
def test_logits_are_finer_than_bf16(name):
    """In bf16 a logit near 5 comes in steps of 0.03, coarser than what tells real from generated items late in a game."""
    space = ImageSpace(shape=(3, 32, 32), labels=("a", "b"))
    game = RECIPES[name].tiny(space).build(space=space).eval()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        logits = game.score(torch.rand(16, *space.shape) * 2 - 1, torch.arange(16) % 2)
    assert logits.dtype == torch.float32 and (logits != logits.bfloat16().float()).float().mean() > 0.9


@pytest.mark.parametrize(("name", "times"), [("dcgan", 2), ("projected", 2), ("biggan", 5), ("r3gan", 5), ("stylegan2", 5)])
def test_noise_says_more_than_the_label_at_first(name, times):
    """Labels that turn every norm from the start made BigGAN's pictures of a label one picture; told quietly, they are learnt."""
    torch.manual_seed(0)
    space = ImageSpace(shape=(3, 32, 32), labels=tuple("0123456789"))
    settings = configure(RECIPES[name], Facts(space, 50_000)).game
    generator, z = settings.build(space=space).generator, torch.randn(32, settings.noise)
    with torch.no_grad():
        x = torch.stack([generator(z, torch.full((32,), label)) for label in range(10)])                   # (labels, noise, c, h, w)
    assert x.var(1).mean() > times * x.var(0).mean()
