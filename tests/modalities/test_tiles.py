"""Tiles: what a network makes of a picture must not depend on how the picture was cut."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from sparring.base.errors import UserError
from sparring.modalities.tiles import layout, tiled

SIZES = [(9, 14), (32, 32), (33, 32), (32, 33), (31, 97), (67, 53), (64, 131), (1, 101)]


def picture(channels, size, seed=0):
    return torch.randint(0, 256, (channels, *size), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


def network(channels, made, scale, seed=0):
    """Two convolutions with zeros around, 5x5 and 3x3, then enlarged: it looks 3 pixels around."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        last = nn.Conv2d(8, made * scale**2, 3, padding=1)
        return nn.Sequential(nn.Conv2d(channels, 8, 5, padding=2), nn.ReLU(), last, nn.PixelShuffle(scale), nn.Tanh()).requires_grad_(False)


def whole(x, apply):
    return (apply(x[None].float() / 127.5 - 1)[0].add(1) * 127.5).round().clamp(0, 255).to(torch.uint8)


def watched(apply, seen):
    """Notes the shape of every tile that the network sees."""
    return lambda x: (seen.append(tuple(x.shape)), apply(x))[1]


@pytest.mark.parametrize("scale", [1, 2, 4])
@pytest.mark.parametrize(("channels", "made"), [(1, 1), (3, 3), (4, 3), (1, 3)])
@pytest.mark.parametrize("size", SIZES)
def test_tiled_equals_whole_up_to_the_borders(size, channels, made, scale):
    x, apply, seen = picture(channels, size), network(channels, made, scale), []
    for overlap, reach in ((6, 3), (10, 3), (16, 3), (16, 8)):
        result = tiled(x, watched(apply, seen), scale=scale, tile=32, overlap=overlap, reach=reach)
        gap = (result.int() - whole(x, apply).int()).abs()
        assert result.dtype == torch.uint8 and result.shape == (made, scale * size[0], scale * size[1])
        assert gap.max() <= 1 and (gap > 0).float().mean() < 1e-3                # a tie that was rounded the other way
    assert {shape[2:] for shape in seen} == {(min(size[0], 32), min(size[1], 32))}  # one shape: nothing is compiled twice


def test_too_little_reach_shows():
    """The test above can fail."""
    x, apply = picture(3, (67, 53)), network(3, 3, 1)
    gap = (tiled(x, apply, tile=32, overlap=6, reach=0).int() - whole(x, apply).int()).abs()
    assert gap.max() > 1


@pytest.mark.parametrize("size", [*SIZES, (3, 2), (1, 1)])
@pytest.mark.parametrize("multiple", [2, 4, 8])
def test_a_network_that_halves_and_doubles(size, multiple):
    """It needs sides that are multiples and sees positions relative to them."""
    weight = torch.randn(3, 3, multiple, multiple, generator=torch.Generator().manual_seed(1)) / multiple
    apply = lambda x: torch.tanh(F.conv_transpose2d(F.conv2d(x, weight, stride=multiple), weight, stride=multiple))
    x, seen = picture(3, size), []
    result = tiled(x, watched(apply, seen), tile=32, overlap=16, reach=multiple, multiple=multiple)
    padding = [(0, 0), *((0, -side % multiple) for side in size)]
    padded = torch.from_numpy(np.pad(x.numpy(), padding, mode="reflect"))
    gap = (result.int() - whole(padded, apply)[:, : size[0], : size[1]].int()).abs()
    assert result.shape == x.shape and gap.max() <= 1
    assert all(side % multiple == 0 and side <= 32 for shape in seen for side in shape[2:])


@pytest.mark.parametrize(("tile", "overlap", "reach", "multiple"), [(32, 16, 0, 1), (32, 16, 8, 1), (32, 0, 0, 1), (24, 6, 1, 4), (256, 32, 3, 1)])
@pytest.mark.parametrize("size", SIZES)
def test_identity_gives_the_picture_back_bit_for_bit(size, tile, overlap, reach, multiple):
    for channels in (1, 3):
        x = picture(channels, size)
        assert torch.equal(tiled(x, lambda t: t, tile=tile, overlap=overlap, reach=reach, multiple=multiple), x)


@pytest.mark.parametrize("scale", [1, 2, 3])
def test_a_constant_stays_constant_and_a_jump_becomes_a_ramp(scale):
    x = picture(3, (67, 101))
    for value in range(0, 256, 15):
        apply = lambda t: t.new_full((1, 1, scale * t.shape[2], scale * t.shape[3]), value / 127.5 - 1)
        assert (tiled(x, apply, scale=scale, tile=32, overlap=12, reach=2) == value).all()
    values = iter((-1.0, 1.0))
    row = tiled(x[:, :32, :52], lambda t: t.new_full((1, 1, *t.shape[2:]), next(values)), tile=32, overlap=12, reach=2)[0, 0]
    steps = row.int().diff()
    assert (row[:22] == 0).all() and (row[30:] == 255).all() and (steps[21:30] > 0).all() and steps.max() <= 33


def test_borders_are_the_pictures_own():
    """A network that counts the zeros that it put around itself finds them at the picture's border alone."""
    count = torch.ones(1, 1, 3, 3)
    apply = lambda t: F.conv2d(torch.ones_like(t), count, padding=1) / 9
    result = tiled(picture(1, (70, 70)), apply, tile=32, overlap=8, reach=1)[0]
    assert (result[1:-1, 1:-1] == 255).all() and (result[0] < 255).all() and (result[:, -1] < 255).all()


def test_tiles_lie_where_the_layout_says():
    for side in range(1, 200):
        rows, _ = layout(side, 1, tile=24, overlap=9, reach=3, multiple=2)
        assert all(cut.start % 2 == 0 and cut.stop - cut.start <= 24 and cut.start <= cut.first < cut.last <= cut.stop for cut in rows)
        assert rows[0].first == 0 and side <= rows[-1].last == rows[-1].stop <= side + 1
        for a, b in zip(rows, rows[1:]):                                         # pairs share a seam, three never do
            assert a.last - b.first == a.fall == b.rise == 3 and a.last - a.fall >= a.first + a.rise
            assert a.stop - a.last == 3 and b.first - b.start >= 3


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        ({"tile": 30, "overlap": 4, "multiple": 8}, "multiples of 8: give tiles of 32 pixels, not 30"),
        ({"tile": 32, "overlap": 4, "reach": 3}, "overlap by 6 pixels or more"),
        ({"tile": 32, "overlap": 20, "reach": 0}, "give tiles of 40 pixels or more"),
        ({"tile": 8, "overlap": 8, "reach": 0, "multiple": 8}, "give tiles of 16 pixels or more"),
    ],
)
def test_sizes_that_cannot_be_are_refused(sizes, words):
    with pytest.raises(UserError, match=words):
        tiled(picture(1, (5, 5)), lambda t: t, **sizes)


def test_floats_exist_for_a_row_of_tiles_only():
    """A network may make other numbers of any type, and nothing is kept for gradients."""
    weight = torch.ones(1, requires_grad=True)
    x = picture(3, (90, 40))
    result = tiled(x, lambda t: (t * weight).to(torch.float64), tile=32, overlap=8)
    assert torch.equal(result, x) and not result.requires_grad and result.permute(1, 2, 0).is_contiguous()
