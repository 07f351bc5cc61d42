"""Augmentations: nothing at p = 0, everything at p = 1, exact where they should be, differentiable twice; ADA's controller closes its loop."""

import math

import pytest
import torch

from sparring.base.clock import Clock
from sparring.base.space import ImageSpace
from sparring.games.settings import Adaptive, DiffAugment, NoAugmentation, Scheduled
from sparring.layers import augmentations as change

ZERO, ONE = torch.zeros(()), torch.ones(())
SHAPES = [(1, 8, 8), (3, 8, 8), (3, 8, 12), (4, 8, 8)]


def pictures(shape, n=6):
    return torch.rand(n, *shape, generator=torch.Generator().manual_seed(0)) * 2 - 1


def pipeline(p, shape, **more):
    made = Scheduled(p=p, **more).build(space=ImageSpace(shape=shape))
    made.p.fill_(p)
    return made


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_nothing_happens_at_probability_zero(shape):
    x = pictures(shape)
    assert torch.allclose(pipeline(0.0, shape, flips=True)(x), x, atol=1e-4)
    assert NoAugmentation().build(space=ImageSpace(shape=shape))(x) is x


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("group", ["blit", "geometry", "colour"])
def test_each_group_changes_pictures_at_probability_one(group, shape):
    others = {g: g == group for g in ("blit", "geometry", "colour")}
    x = pictures(shape)
    torch.manual_seed(0)
    changed = pipeline(1.0, shape, **others)(x)
    assert changed.shape == x.shape and changed.isfinite().all()
    assert ((changed - x).abs().flatten(1).amax(1) > 0.05).float().mean() > 0.6
    if group == "colour" and shape[0] == 4:
        assert torch.equal(changed[:, 3], x[:, 3])                         # alpha stays


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_light_changes_colours_and_not_what_is_see_through(shape):
    torch.manual_seed(0)
    x = pictures(shape)
    lit = change.light(x)
    assert lit.shape == x.shape and not torch.allclose(lit[:, :3], x[:, :3], atol=0.05) and torch.equal(lit[:, 3:], x[:, 3:])
    if shape[0] > 1:
        around = lambda x, dims: (x - x.mean(dims, keepdim=True)).flatten(1).norm(dim=1)
        saturation = [around(seen[:, :3], 1) / around(seen[:, :3], (1, 2, 3)) for seen in (x, lit)]
        assert (saturation[1] / saturation[0]).std() > 0.1


def test_quarter_turns_and_shifts_keep_pixels():
    """Blitting moves whole pixels: every value of the result stands in the picture."""
    torch.manual_seed(1)
    x = pictures((1, 8, 8), 20)
    moved = change.warped(x, change.blitting(x, ONE, flips=True))
    gaps = (moved.flatten(1)[:, :, None] - x.flatten(1)[:, None]).abs().amin(2)
    assert gaps.max() < 1e-3


def test_mirroring_only_where_it_is_allowed():
    x = pictures((1, 8, 8), 200)
    half = lambda flips: change.blitting(x, ONE, flips)[:, :2, :2].det()
    torch.manual_seed(0)
    assert (half(False) > 0).all()
    assert 0.3 < (half(True) < 0).float().mean() < 0.7


def test_hue_turns_about_grey():
    maps = change.hue(torch.tensor([0.0, math.tau / 3]))
    assert torch.allclose(maps[0], torch.eye(4), atol=1e-6)
    red, grey = torch.tensor([1.0, 0, 0, 1]), torch.tensor([0.5, 0.5, 0.5, 1])
    turned = maps[1] @ red
    assert torch.allclose(turned[:3].sort().values, torch.tensor([0.0, 0, 1]), atol=1e-5) and turned[0] < 0.1
    assert torch.allclose(maps[1] @ grey, grey, atol=1e-6)


@pytest.mark.parametrize("make", [lambda s: DiffAugment(), lambda s: Scheduled(p=0.7)], ids=["diffaugment", "pipeline"])
def test_differentiable_twice(make):
    """Against finite differences of the first derivative."""
    shape = (3, 6, 6)
    augment = make(shape).build(space=ImageSpace(shape=shape))
    if hasattr(augment, "p"):
        augment.p.fill_(0.7)
    x, v = pictures(shape, 2), torch.randn(2, *shape, generator=torch.Generator().manual_seed(1))

    def slope(x):
        torch.manual_seed(3)
        x = x.detach().requires_grad_(True)
        (g,) = torch.autograd.grad((augment(x) ** 3).sum(), x, create_graph=True)
        return x, (g * v).sum()

    leaf, value = slope(x)
    exact = float((torch.autograd.grad(value, leaf)[0] * v).sum())
    rough = float((slope(x + 1e-3 * v)[1] - slope(x - 1e-3 * v)[1]).detach()) / 2e-3
    assert abs(exact - rough) < 0.03 * abs(exact) + 0.5


def test_cut_and_moved():
    torch.manual_seed(0)
    x = torch.ones(64, 1, 8, 8)
    holes = (change.cut(x) == 0).float().mean((1, 2, 3))
    assert holes.max() == 0.25 and holes.min() > 0                        # half of the sides, over the border too
    assert {float(v) for v in change.moved(x).unique()} == {0.0, 1.0}


def test_adaptive_probability_follows_its_target():
    """p rises by images / speed while real items are told too surely, falls otherwise, and stays in its bounds."""
    ada = Adaptive(speed=1000, target=0.6).build(space=ImageSpace(shape=(1, 8, 8)))
    clock = lambda r: Clock(round=r, images=50 * r, drawn=50)

    def rounds(first, last, sureness):
        for r in range(first, last + 1):
            ada.observe(torch.full((8,), sureness))
            ada.follow(clock(r))

    rounds(1, 8, 1.0)
    assert float(ada.p) == pytest.approx(8 * 50 / 1000)
    rounds(9, 40, 1.0)
    assert float(ada.p) == pytest.approx(0.85)
    rounds(41, 44, -1.0)
    assert float(ada.p) == pytest.approx(0.85 - 0.2)
    rounds(45, 120, -1.0)
    assert float(ada.p) == 0


def test_slid_is_a_window_of_the_reflected_picture():
    x = torch.rand(40, 2, 9, 12, generator=torch.Generator().manual_seed(0))
    down, right = 2, 3                                                                  # a quarter of the sides
    wide = torch.nn.functional.pad(x, (right, right, down, down), mode="reflect")
    found = set()
    for moved, whole in zip(change.slid(x, 0.25), wide):
        at = [(i, j) for i in range(2 * down + 1) for j in range(2 * right + 1) if torch.equal(whole[:, i : i + 9, j : j + 12], moved)]
        assert len(at) == 1
        found |= set(at)
    assert {i for i, _ in found} == set(range(5)) and {j for _, j in found} == set(range(7))
