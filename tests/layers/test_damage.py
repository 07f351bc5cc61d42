"""Damage: closed forms, JPEG against Pillow's, holes of the share they are told, and no picture that depends on another."""

import io
import math

import numpy as np
import pytest
import torch
from PIL import Image

from sparring.layers import damage

N = 5


def uniform(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def pictures(c=3, h=20, w=26, n=N):
    return uniform(n, c, h, w) * 2 - 1


def smooth(h=75, w=100, c=3):
    """A picture without edges on the 8-bit grid: (1, c, h, w)."""
    y, x = torch.arange(h)[:, None], torch.arange(w)
    waves = torch.stack([torch.sin(x / 17.0) + 0 * y, torch.cos(y / 13 + x / 40), torch.sin((x + y) / 30)])[None, :c]
    return (100 * waves + 127).round() / 127.5 - 1


def bytes_of(x):
    """(1, c, h, w) in [-1, 1] -> (h, w, c) from 0 to 255."""
    return ((x[0].permute(1, 2, 0) + 1) * 127.5).numpy()


BETWEEN = lambda low, high, seed=1: low + (high - low) * uniform(N, seed=seed)
KERNELS = {
    "gaussian": lambda: damage.gaussian_kernels(BETWEEN(0.5, 3), BETWEEN(0.5, 3, 2), BETWEEN(0, math.pi, 3), 13),
    "sinc": lambda: damage.sinc_kernels(BETWEEN(math.pi / 3, math.pi), 13),
}


# ---- size


def test_a_reduced_ramp_is_a_ramp():
    ramp = (torch.arange(64.0) / 32 - 1).expand(1, 1, 32, 64)
    small = damage.reduced(ramp, 4)
    assert small.shape == (1, 1, 8, 16)
    middles = (torch.arange(16.0) * 4 + 1.5) / 32 - 1
    assert torch.allclose(small[0, 0, :, 2:-2], middles[2:-2].expand(8, -1), atol=1e-5)


def test_reducing_does_not_alias():
    """Stripes too fine for the small picture become grey."""
    stripes = torch.cos(torch.arange(64) * math.tau / 3).expand(1, 1, 64, 64)
    assert damage.reduced(stripes, 4)[:, :, 2:-2, 2:-2].abs().max() < 0.05


def test_enlarging_stays_in_range_and_undoes_reducing_where_pictures_are_smooth():
    x = smooth(64, 96)
    back = damage.enlarged(damage.reduced(x, 4), 4)
    assert back.shape == x.shape and (back - x)[:, :, 8:-8, 8:-8].abs().max() < 0.03
    assert damage.enlarged(pictures().sign(), 2).abs().max() == 1


@pytest.mark.parametrize("method, mode", [(damage.BILINEAR, "bilinear"), (damage.BICUBIC, "bicubic"), (damage.AREA, "area")])
def test_resizing_equals_torchs(method, mode):
    """By a whole factor and a fractional one; torch repeats pixels beyond the border, here they are left out: only the rim of cubic differs."""
    x = pictures(3, 24, 36)
    to = lambda *size: torch.tensor([size]).expand(N, 2).float()
    for size in [(12, 12), (37, 50), (9, 20)]:
        if mode == "area" and size != (12, 12):
            continue                                                      # torch's area counts whole pixels only
        more = {} if mode == "area" else {"align_corners": False}
        theirs = torch.nn.functional.interpolate(x, size=size, mode=mode, **more)
        mine = damage.resized(x, to(24, 36), to(*size), size, torch.full((N,), method))
        rim = 3 if mode == "bicubic" else 0
        assert torch.allclose(mine[:, :, rim : size[0] - rim, rim : size[1] - rim], theirs[:, :, rim : size[0] - rim, rim : size[1] - rim], atol=1e-5)


def test_sizes_of_their_own():
    """In a common frame each picture is what it would be in a frame that fits it, and its last pixels are repeated."""
    x = pictures(2, 16, 16, 3)
    before, after, method = torch.tensor([[16.0, 16], [10, 12], [7, 5]]), torch.tensor([[9.0, 12], [20, 1], [6, 6]]), torch.arange(3)
    together = damage.resized(x, before, after, (20, 14), method)
    assert together.shape == (3, 2, 20, 14)
    for i, ((h, w), (p, q)) in enumerate(zip(before.int().tolist(), after.int().tolist())):
        alone = damage.resized(x[i : i + 1, :, :h, :w], before[i : i + 1], after[i : i + 1], (p, q), method[i : i + 1])
        assert torch.allclose(together[i, :, :p, :q], alone[0], atol=1e-6)
        assert torch.equal(together[i, :, p:, :q], together[i, :, p - 1 : p, :q].expand(-1, 20 - p, -1))
    constant = damage.resized(torch.full((3, 1, 16, 16), 0.3), before, after, (20, 14), method)
    assert torch.allclose(constant, torch.tensor(0.3), atol=1e-6)


# ---- filters


@pytest.mark.parametrize("name", KERNELS)
def test_kernels_sum_to_one_and_are_the_same_from_the_other_side(name):
    kernels = KERNELS[name]()
    assert kernels.shape == (N, 13, 13)
    assert torch.allclose(kernels.sum((1, 2)), torch.ones(N), atol=1e-5)
    assert torch.allclose(kernels, kernels.flip((1, 2)), atol=1e-6)


@pytest.mark.parametrize("size", [(20, 26), (20, 3), (1, 2)], ids=str)
@pytest.mark.parametrize("name", KERNELS)
def test_a_blurred_constant_is_the_constant(name, size):
    x = torch.full((N, 2, *size), 0.4)
    assert torch.allclose(damage.blurred(x, KERNELS[name]()), x, atol=1e-5)


def test_gaussian_kernels_have_their_deviations_along_their_axes():
    sx, sy, angle = torch.tensor([1.0, 2.0, 2.0]), torch.tensor([1.5, 1.0, 1.0]), torch.tensor([0.0, 0.0, math.pi / 2])
    kernels = damage.gaussian_kernels(sx, sy, angle, 21)
    line = torch.arange(21.0) - 10
    across, down = (kernels.sum(1) @ line**2).sqrt(), (kernels.sum(2) @ line**2).sqrt()
    assert torch.allclose(across, torch.tensor([1.0, 2.0, 1.0]), atol=0.01)
    assert torch.allclose(down, torch.tensor([1.5, 1.0, 2.0]), atol=0.01)
    (tilted,) = damage.gaussian_kernels(sx[1:2], sy[1:2], torch.tensor([math.pi / 6]), 21)
    assert float(line @ tilted @ line) == pytest.approx((2**2 - 1) * math.sin(math.pi / 3) / 2, abs=0.02)          # turned from right to down


def test_blur_of_a_point_is_the_kernel():
    x = torch.zeros(N, 1, 21, 21)
    x[:, :, 10, 10] = 1
    assert torch.allclose(damage.blurred(x, KERNELS["gaussian"]())[:, 0, 4:17, 4:17], KERNELS["gaussian"](), atol=1e-6)


def test_sinc_passes_what_is_slow_and_removes_what_is_fast():
    kernels = damage.sinc_kernels(torch.tensor([math.pi / 2]), 41)
    wave = lambda frequency: torch.cos(frequency * torch.arange(96.0)).expand(1, 1, 96, 96)
    left = lambda frequency: float(damage.blurred(wave(frequency), kernels)[..., 24:-24, 24:-24].square().mean() / wave(frequency).square().mean())
    assert left(math.pi / 5) > 0.8 and left(math.pi * 0.85) < 0.02


# ---- noise


@pytest.mark.parametrize("same", [False, True])
def test_noise_has_its_deviation(same):
    deviation = torch.tensor([2.0, 10.0, 30.0])
    normal = torch.randn(3, 3, 80, 80, generator=torch.Generator().manual_seed(0))
    noise = damage.noisy(torch.zeros(3, 3, 80, 80), deviation, torch.full((3,), same), normal) * 255 / 2
    assert torch.allclose(noise.std((1, 2, 3)), deviation, rtol=0.03)
    assert ((noise[:, :1] == noise).all((1, 2, 3)) == same).all()


@pytest.mark.parametrize("same", [False, True])
def test_shot_noise_has_the_variance_of_its_light(same):
    """Counts of `photons * light` have that variance; black stays black."""
    light, photons = torch.tensor([0.0, 0.2, 0.5]), torch.tensor([200.0, 200.0, 1000.0])
    normal = torch.randn(3, 3, 80, 80, generator=torch.Generator().manual_seed(0))
    x = (light * 2 - 1).view(3, 1, 1, 1).expand(3, 3, 80, 80)
    seen = damage.shot(x, photons, torch.full((3,), same), normal)
    counts = (seen + 1) / 2 * photons.view(3, 1, 1, 1)
    assert torch.allclose(counts.var((1, 2, 3)), light * photons, rtol=0.05) and torch.equal(seen[0], x[0])
    colours = torch.tensor([-0.8, 0.0, 0.5]).view(1, 3, 1, 1).expand(3, 3, 80, 80)
    noise = damage.shot(colours, 10 * photons, torch.full((3,), same), normal) - colours
    assert torch.allclose(noise[:, :1], noise, atol=1e-6) == same


# ---- JPEG


@pytest.mark.parametrize("quality", [10, 50, 90])
@pytest.mark.parametrize("c", [1, 3])
def test_jpeg_equals_pillows(c, quality):
    x = smooth(c=c)
    file = io.BytesIO()
    array = bytes_of(x).round().astype(np.uint8)
    Image.fromarray(array[..., 0] if c == 1 else array).save(file, "JPEG", quality=quality, subsampling=2)
    theirs = np.asarray(Image.open(file)).astype(float).reshape(array.shape)
    mine = bytes_of(damage.jpeg(x, torch.tensor([float(quality)])))
    assert np.abs(mine - theirs).mean() < (0.2 if c == 1 else 1.0)
    assert np.abs(mine - theirs).mean() < 0.5 * np.abs(array - theirs).mean() or quality == 90


@pytest.mark.parametrize("c", [1, 2, 3, 4])
def test_lower_quality_is_further_away(c):
    x = pictures(1, 33, 18).expand(-1, c, -1, -1)                         # noise of brightness: that of colour is lost at any quality
    errors = [float((damage.jpeg(x, torch.full((N,), q)) - x).square().mean()) for q in (5.0, 20.0, 60.0, 95.0)]
    assert errors == sorted(errors, reverse=True) and errors[0] > 3 * errors[-1]


def test_jpeg_keeps_alpha_and_even_pictures():
    x = pictures(4)
    assert torch.equal(damage.jpeg(x, torch.full((N,), 30.0))[:, 3], x[:, 3])
    even = torch.full((N, 3, 5, 3), 128 / 127.5 - 1)
    assert torch.allclose(damage.jpeg(even, torch.full((N,), 20.0)), even, atol=1e-6)


# ---- holes


@pytest.mark.parametrize("size", [(32, 32), (48, 21)], ids=str)
@pytest.mark.parametrize("make", [damage.strokes, damage.boxes])
def test_holes_cover_their_share(make, size):
    torch.manual_seed(0)
    share = 0.05 + 0.45 * uniform(60)
    holes = make(share, size)
    assert holes.shape == (60, 1, *size) and set(holes.unique().tolist()) == {0.0, 1.0}
    found = holes.mean((1, 2, 3))
    edge = max(size) / math.prod(size) if make is damage.boxes else 0.005       # pixels along the edge of a box come together
    assert (found - share).abs().max() <= edge + 0.005
    assert not torch.equal(holes[0], holes[1])


@pytest.mark.parametrize("most", [1, 4])
def test_one_box_is_a_box_and_several_are_not(most):
    torch.manual_seed(0)
    holes = damage.boxes(torch.full((60,), 0.2), (24, 24), most)[:, 0]
    filled = holes.amax(1).sum(1) * holes.amax(2).sum(1)                  # columns times rows that are touched
    alone = float((filled == holes.sum((1, 2))).float().mean())
    assert alone == 1 if most == 1 else 0.1 < alone < 0.5


def test_strokes_are_thick():
    """Most pixels of a hole lie inside it: all four neighbours are hole, too."""
    torch.manual_seed(0)
    holes = damage.strokes(torch.full((40,), 0.3), (48, 48))
    inside = 1 - torch.nn.functional.max_pool2d(1 - holes, 3, 1, 1)
    assert inside.sum() > 0.6 * holes.sum()


# ---- without colour


def test_grey_is_luma():
    x = torch.tensor([[1.0, -1, -1], [-1, 1, -1], [-1, -1, 1], [0.5, 0.5, 0.5]]).view(4, 3, 1, 1)
    assert torch.allclose(damage.grey(x).flatten(), torch.tensor([0.299, 0.587, 0.114, 0.75]) * 2 - 1, atol=1e-6)
    one = pictures(1)
    assert torch.equal(damage.grey(one), one)


@pytest.mark.parametrize("c", [1, 3])
def test_edges_are_dark_on_white(c):
    x = torch.full((2, c, 20, 30), 0.7)
    assert torch.allclose(damage.edges(x), torch.ones(2, 1, 20, 30))     # nothing to draw
    x[:, c - 1, :, 15:] = -0.7                                           # one channel is enough
    drawn = damage.edges(x)
    assert drawn.shape == (2, 1, 20, 30) and drawn.min() == -1 and 1 - 1e-6 < drawn.max() <= 1
    assert (drawn[..., 14:16] < -0.9).all() and (drawn[..., :10] > 0.99).all() and (drawn[..., 20:] > 0.99).all()


# ---- all of them

SIZES = BETWEEN(5, 30).round()[:, None].expand(-1, 2)
NORMAL = torch.randn(N, 3, 20, 26, generator=torch.Generator().manual_seed(5))
MIXED = torch.arange(N) % 2 == 0
EVERY = {
    "reduced": lambda x, i: damage.reduced(x, 2),
    "enlarged": lambda x, i: damage.enlarged(x, 2),
    "resized": lambda x, i: damage.resized(x, torch.tensor([[20.0, 26]]).expand(len(x), 2), SIZES[i], (30, 30), torch.arange(N)[i] % 3),
    "gaussian": lambda x, i: damage.blurred(x, KERNELS["gaussian"]()[i]),
    "sinc": lambda x, i: damage.blurred(x, KERNELS["sinc"]()[i]),
    "noisy": lambda x, i: damage.noisy(x, BETWEEN(5, 50)[i], MIXED[i], NORMAL[i]),
    "shot": lambda x, i: damage.shot(x, BETWEEN(30, 500)[i], MIXED[i], NORMAL[i]),
    "jpeg": lambda x, i: damage.jpeg(x, BETWEEN(10, 90)[i]),
    "grey": lambda x, i: damage.grey(x),
    "edges": lambda x, i: damage.edges(x),
}  # fmt: skip


@pytest.mark.parametrize("name", EVERY)
def test_no_picture_depends_on_another(name):
    x = pictures()
    together = EVERY[name](x, slice(None))
    for i in range(N):
        alone = EVERY[name](x[i : i + 1], slice(i, i + 1))
        assert torch.allclose(together[i : i + 1], alone, atol=1e-5)
