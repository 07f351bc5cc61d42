"""Degradations: shapes, ranges and draws of every kind, what their trivial restoration gives back, and which pixels are known."""

import pytest
import torch

from sparring.base.errors import UserError
from sparring.base.settings import dump, load, override
from sparring.base.space import ImageSpace, PointSpace
from sparring.games.restoration_settings import Bicubic, Blurry, Compressed, Degradation, Grey, Holes, Mixed, Noisy, RealWorld, Sketch
from sparring.layers import damage
from tests.laws.checks import Table

KINDS = [
    Bicubic(scale=2), Bicubic(), RealWorld(scale=1), RealWorld(scale=2, strength=0.3), RealWorld(), Holes(), Noisy(), Blurry(), Compressed(), Mixed(),
    Grey(), Sketch(),
]  # fmt: skip
NAMES = [f"{k.kind}{getattr(k, 'scale', '')}" for k in KINDS]
SHAPES = [(3, 16, 16), (1, 24, 20), (4, 8, 36), (3, 4, 4)]
every = pytest.mark.parametrize("settings", KINDS, ids=NAMES)


def pictures(shape=(3, 24, 20), n=6):
    """Smooth ones, so that restorations are near: (n, c, h, w)."""
    coarse = torch.rand(n, shape[0], 3, 3, generator=torch.Generator().manual_seed(0)) * 1.6 - 0.8
    return torch.nn.functional.interpolate(coarse, size=shape[1:], mode="bilinear", align_corners=False)


def build(settings, shape=(3, 24, 20)):
    return settings.build(space=ImageSpace(shape=shape))


def test_every_kind_is_tested():
    assert {k.kind for k in KINDS} == set(Degradation.choices())


@every
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_shapes_and_ranges(settings, shape):
    module, x = build(settings, shape), pictures(shape)
    torch.manual_seed(0)
    given = module(x)
    c, h, w = shape
    assert given.shape == (6, module.channels(c), h // module.scale, w // module.scale)
    assert given.isfinite().all() and given.abs().max() <= 1 + 1e-6 and given.dtype == torch.float32
    restored = module.trivial(given, c)
    assert restored.shape == x.shape and restored.abs().max() <= 1 + 1e-6
    known = module.known(given)
    assert (known is None) == (settings.kind != "holes")
    assert not list(module.parameters()) and not module.state_dict()


@pytest.mark.parametrize("settings", [k for k in KINDS if not hasattr(k, "scale") or k.scale == 1], ids=lambda k: k.kind)
def test_odd_sides(settings):
    shape = (3, 13, 7)
    assert build(settings, shape)(pictures(shape)).shape[2:] == shape[1:]


@every
def test_draws_are_a_function_of_the_seed(settings):
    module, x = build(settings), pictures()
    draw = lambda seed: (torch.manual_seed(seed), module(x))[1]
    assert torch.equal(draw(0), draw(0))
    drawn = settings.kind not in ("bicubic", "grey", "sketch")
    assert torch.equal(draw(0), draw(1)) != drawn
    if drawn:
        same = module(x[:1].expand(8, -1, -1, -1))
        assert all(not torch.equal(same[0], other) for other in same[1:])            # every picture has its own damage


@every
def test_chunks_see_what_the_batch_sees(settings):
    """Law 5 for every kind: rows of the draws belong to pictures."""
    module, x = build(settings), pictures(n=8)
    with Table(8, 0):
        whole = module(x)
    for first in (0, 2, 4, 6):
        with Table(8, first):
            part = module(x[first : first + 2])
        far = (part - whole[first : first + 2]).abs() > 1e-4
        assert far.float().mean() < 0.02                                             # JPEG may round the last bit of a sum otherwise


@every
def test_autocast_changes_nothing(settings):
    module, x = build(settings), pictures()
    torch.manual_seed(0)
    plain = module(x)
    torch.manual_seed(0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(module(x), plain)


@pytest.mark.parametrize("settings", [k for k in KINDS if k.kind != "sketch"], ids=[n for n in NAMES if n != "sketch"])
def test_pictures_stay_recognisable(settings):
    """The trivial restoration is nearer to its own picture than to any other."""
    shape = (3, 64, 64)
    module, x = build(settings, shape), pictures(shape)
    torch.manual_seed(0)
    restored = module.trivial(module(x), 3)
    target = damage.grey(x).expand_as(x) if settings.kind == "grey" else x
    gaps = (restored[:, None] - target[None]).square().mean((2, 3, 4))
    assert torch.equal(gaps.argmin(1), torch.arange(6))


@pytest.mark.parametrize("boxes", [0.0, 1.0], ids=["strokes", "boxes"])
def test_known_pixels_are_kept(boxes):
    module, x = build(Holes(boxes=boxes), (3, 32, 24)), pictures((3, 32, 24), 40)
    torch.manual_seed(0)
    given = module(x)
    known = module.known(given)
    assert known.shape == (40, 1, 32, 24) and set(known.unique().tolist()) == {0.0, 1.0}
    share = 1 - known.mean((1, 2, 3))
    assert share.min() > 0.04 and share.max() < 0.56 and share.max() - share.min() > 0.3
    inside = known.expand_as(x) == 0
    restored = module.trivial(given, 3)
    assert torch.equal(restored[~inside], x[~inside]) and (given[:, :3][inside] == 0).all()
    mean = torch.stack([p[:, k[0] > 0].mean(1) for p, k in zip(x, known)])           # (n, c)
    assert torch.allclose(restored[inside], mean[:, :, None, None].expand_as(x)[inside], atol=1e-5)


def test_trivial_restorations():
    x = pictures()
    small = build(Bicubic())(x)
    assert torch.equal(build(Bicubic()).trivial(small, 3), damage.enlarged(small, 4))
    assert torch.equal(build(Grey()).trivial(build(Grey())(x), 3), damage.grey(x).expand(-1, 3, -1, -1))
    noisy = build(Noisy())(x)
    assert build(Noisy()).trivial(noisy, 3) is noisy


def test_strengths_are_those_that_are_set():
    x = torch.zeros(200, 1, 16, 16)
    torch.manual_seed(0)
    deviations = build(Noisy(lowest=10, highest=20), (1, 16, 16))(x).std((1, 2, 3)) * 255 / 2
    assert deviations.min() > 8 and deviations.max() < 22.5 and deviations.max() - deviations.min() > 8
    error = lambda settings: float((settings.trivial(settings(y), 3) - y).square().mean())
    y = pictures((3, 32, 32), 40)
    errors = [error(build(RealWorld(scale=1, strength=s), (3, 32, 32))) for s in (0.05, 0.3, 1.0)]
    assert errors == sorted(errors) and errors[2] > 3 * errors[0]


NEUTRAL = {"noise": {"lowest": 0, "highest": 0}, "blur": {"lowest": 0.1, "highest": 0.1}, "jpeg": {"lowest": 100, "highest": 100}}


@pytest.mark.parametrize("alone", [Noisy(lowest=20), Blurry(lowest=2), Compressed(highest=20)], ids=lambda k: k.kind)
def test_mixed_has_all_three(alone):
    """With the others as weak as they can be, what is left is the one."""
    shape = (1, 32, 32)
    x = (torch.rand(20, *shape, generator=torch.Generator().manual_seed(0)) - 0.5) * 0.8
    error = lambda settings: float((build(settings, shape)(x) - x).square().mean())
    mixed = load(Degradation, {"kind": "mixed"} | NEUTRAL | {alone.kind: {"lowest": alone.lowest, "highest": alone.highest}})
    torch.manual_seed(0)
    assert error(load(Degradation, {"kind": "mixed"} | NEUTRAL)) < 1e-4
    assert error(mixed) == pytest.approx(error(alone), rel=0.25)


@pytest.mark.parametrize("settings", [Bicubic(scale=2), Bicubic(), RealWorld()], ids=lambda k: f"{k.kind}{k.scale}")
def test_bad_sides(settings):
    module = build(settings, (3, 16, 16))
    with pytest.raises(UserError, match=f"17x16 cannot be made {settings.scale} times smaller") as error:
        module(torch.zeros(1, 3, 17, 16))
    assert "\n" not in str(error.value)
    with pytest.raises(UserError, match="16x18"):
        build(Bicubic(), (3, 16, 18))
    with pytest.raises(UserError, match="points"):
        settings.build(space=PointSpace(shape=(2,)))


@every
def test_settings_round_trip(settings):
    assert load(Degradation, dump(settings)) == settings


def test_settings_as_flags():
    assert override(Bicubic(), {"scale": "2"}) == Bicubic(scale=2)
    assert override(Noisy(), {"lowest": "60", "highest": "70"}) == Noisy(lowest=60, highest=70)
    assert override(Mixed(), {"noise.highest": "20"}).noise.highest == 20
    with pytest.raises(UserError, match="scale"):
        load(Degradation, {"kind": "bicubic", "scale": 3})
