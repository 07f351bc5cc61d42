"""Pictures: every mode and format, tensors and back, files and grids."""

import io

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from sparring.base.errors import UserError
from sparring.modalities.image_cache import gathered
from sparring.modalities.image_pixels import Unreadable, bare, fitted, opened, pixels_of, small_jpeg, standard, survey
from sparring.modalities.image_size import derive
from sparring.modalities.image_source import PictureArray
from sparring.modalities.images import ImageCodec, fit, grid
from sparring.modalities.open import open_data
from sparring.modalities.settings import Images

DRAW = np.random.default_rng(0)


def colour(h=6, w=9, c=3):
    return DRAW.integers(0, 256, (h, w, c), dtype=np.uint8)


def stored(picture, format="PNG", **options):
    """A picture as an open file of that format."""
    file = io.BytesIO()
    picture.save(file, format, **options)
    file.seek(0)
    return file


def read(file):
    with opened(file) as picture:
        return bare(np.asarray(standard(picture)))


# ---- modes and formats


@pytest.mark.parametrize("format", ["PNG", "BMP", "TIFF", "PPM", "TGA", "QOI", "DIB", "PCX", "SGI"])
def test_lossless_formats_keep_every_pixel(format):
    pixels = colour()
    assert np.array_equal(read(stored(Image.fromarray(pixels), format)), pixels)


@pytest.mark.parametrize(("format", "options"), [("JPEG", {"quality": 95}), ("WEBP", {"quality": 95}), ("AVIF", {}), ("JPEG2000", {}), ("GIF", {})])
def test_other_formats_come_close(format, options):
    smooth = np.linspace(40, 200, 32 * 32 * 3).reshape(32, 32, 3).astype(np.uint8)
    assert np.abs(read(stored(Image.fromarray(smooth), format, **options)).astype(int) - smooth).mean() < 12


def test_grey_pictures_need_one_channel_however_they_are_stored():
    grey = Image.fromarray(colour()[..., 0])
    wanted = read(stored(grey))
    assert wanted.shape == (6, 9, 1)
    for same in (grey.convert("RGB"), grey.convert("RGBA"), grey.convert("LA"), grey.convert("P")):
        assert np.array_equal(read(stored(same)), wanted)
        assert survey(stored(same))[0].hash == survey(stored(grey))[0].hash
    assert set(np.unique(read(stored(grey.convert("1"))))) <= {0, 255}


def test_alpha_is_kept_only_where_something_is_transparent():
    pixels = colour(c=4)
    assert np.array_equal(read(stored(Image.fromarray(pixels))), pixels)
    palette = Image.fromarray(colour()).convert("P", palette=Image.Palette.ADAPTIVE)
    assert read(stored(palette)).shape[2] == 3
    assert read(stored(palette, transparency=0)).shape[2] == 4


def test_sixteen_bit_grey_is_scaled_and_not_clipped():
    values = np.array([[0, 257, 32896, 65535]], np.uint16)
    for format in ("PNG", "TIFF", "PPM"):
        assert read(stored(Image.fromarray(values), format))[..., 0].tolist() == [[0, 1, 128, 255]]
    assert survey(stored(Image.fromarray(values)))[0].mode == "16-bit grey"


def test_float_pictures_are_read_from_0_to_1_and_else_refused():
    assert read(stored(Image.fromarray(np.array([[0, 0.5, 1]], np.float32)), "TIFF"))[..., 0].tolist() == [[0, 128, 255]]
    with pytest.raises(Unreadable, match="where 0 to 1 is expected"):
        survey(stored(Image.fromarray(np.array([[0, 300.0]], np.float32)), "TIFF"))


def test_cmyk_becomes_colour():
    cmyk = Image.fromarray(np.full((8, 8, 3), (200, 30, 90), np.uint8)).convert("CMYK")
    assert np.abs(read(stored(cmyk, "JPEG", quality=100)).astype(int) - (200, 30, 90)).max() < 6


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_turns_the_picture_upright(orientation):
    pixels = np.kron(colour(2, 3), np.ones((16, 16, 1), np.uint8))
    undo = {2: lambda a: a[:, ::-1], 3: lambda a: a[::-1, ::-1], 4: lambda a: a[::-1], 5: lambda a: a.swapaxes(0, 1)}
    undo |= {6: lambda a: np.rot90(a), 7: lambda a: np.rot90(a, 2).swapaxes(0, 1), 8: lambda a: np.rot90(a, -1)}
    exif = Image.Exif()
    exif[0x0112] = orientation
    as_shot = np.ascontiguousarray(undo.get(orientation, lambda a: a)(pixels))
    assert np.array_equal(read(stored(Image.fromarray(as_shot), "PNG", exif=exif)), pixels)


def test_exif_data_that_cannot_be_written_again_lose_no_picture(monkeypatch):
    pixels, exif = colour(), Image.Exif()
    exif[0x0112] = 3
    file = stored(Image.fromarray(pixels[::-1, ::-1]), "PNG", exif=exif)
    monkeypatch.setattr(Image.Exif, "tobytes", lambda self, offset=8: 1 / 0)
    assert np.array_equal(read(file), pixels)


def test_of_animated_pictures_the_first_frame_is_taken():
    frames = [Image.new("RGB", (5, 4), c) for c in ("red", "lime", "blue")]
    for format in ("GIF", "PNG", "WEBP"):
        options = {"lossless": True} if format == "WEBP" else {}
        assert read(stored(frames[0], format, save_all=True, append_images=frames[1:], **options))[0, 0].tolist() == [255, 0, 0]


def test_a_decompression_bomb_is_refused(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 20)
    with pytest.raises(Unreadable, match="decompression bomb"):
        survey(stored(Image.fromarray(colour())))


def turned(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


JPEGS = [
    ({}, "RGB", True), ({}, "L", True), ({"quality": 30}, "RGB", True), ({"quality": 95, "subsampling": 0}, "RGB", True),
    ({"progressive": True}, "RGB", True), ({"progressive": True}, "L", True), ({"optimize": True}, "RGB", True), ({"keep_rgb": True}, "RGB", True),
    ({"restart_marker_blocks": 1}, "RGB", True), ({"comment": b"of 1999"}, "RGB", True), ({"icc_profile": b"x" * 500}, "RGB", True),
    ({"dpi": (300, 300)}, "RGB", True), ({"exif": turned(6)}, "RGB", False), ({"exif": turned(1)}, "L", False), ({}, "CMYK", False),
]  # fmt: skip
"""options, mode, and whether the short way takes it"""


@pytest.mark.parametrize(("options", "mode", "short"), JPEGS)
@pytest.mark.parametrize("size", [(1, 1), (7, 40), (64, 64)])
def test_small_jpegs_are_the_same_by_the_short_way(options, mode, short, size):
    file = stored(Image.fromarray(colour(*size)).convert(mode), "JPEG", **options)
    assert (small_jpeg(file) is not None) is short
    file.seek(0)
    wanted = read(file)
    file.seek(0)
    facts, pixels = survey(file)
    assert np.array_equal(bare(pixels), wanted) and facts.size == wanted.shape[:2] and facts.format == "JPEG"


def test_a_jpeg_of_several_pictures_takes_the_long_way():
    frames = [Image.new("RGB", (16, 16), c) for c in ("red", "lime")]
    file = stored(frames[0], "MPO", save_all=True, append_images=frames[1:])
    assert small_jpeg(file) is None
    file.seek(0)
    assert survey(file)[0].format == "MPO"


@given(st.binary(max_size=40), st.integers(0, 600), st.integers(0, 255))
@settings(max_examples=150, deadline=None)
def test_damaged_jpegs_are_what_pillow_says_they_are(tail, at, byte):
    """Cut off, or with one byte changed: the short way's pixels, or Pillow's word on it."""
    whole = bytearray(stored(Image.fromarray(np.tile(np.arange(48, dtype=np.uint8)[:, None, None], (1, 40, 3))), "JPEG").getvalue())
    at = at % len(whole)
    for damaged in (bytes(whole[:at]) + tail, bytes(whole[:at]) + bytes([byte]) + bytes(whole[at + 1 :])):
        try:
            wanted = read(io.BytesIO(damaged))
        except Unreadable:
            with pytest.raises(Unreadable):
                survey(io.BytesIO(damaged))
        else:
            assert np.array_equal(bare(survey(io.BytesIO(damaged))[1]), wanted)


# ---- fitting


def test_fit_crops_pads_or_stretches():
    halves = np.zeros((10, 20, 3), np.uint8)
    halves[:, 10:] = 255
    picture = Image.fromarray(halves)
    crop, pad, stretch = (fitted(picture, (10, 10), 3, how) for how in ("crop", "pad", "stretch"))
    assert crop.shape == pad.shape == stretch.shape == (3, 10, 10)
    assert (crop[0, :, :5] == 0).all() and (crop[0, :, 5:] == 255).all()  # the middle 10 of 20 columns, as they were
    assert not pad[:, :2].any() and not pad[:, -3:].any() and pad[0, 5, 9] > 240
    assert stretch[0, 0, 0] < 15 and stretch[0, 0, 9] > 240


def test_a_picture_of_the_right_size_keeps_its_pixels():
    pixels = colour(7, 5)
    for how in ("crop", "pad", "stretch"):
        assert np.array_equal(fitted(Image.fromarray(pixels), (7, 5), 3, how).transpose(1, 2, 0), pixels)


def test_dropped_alpha_becomes_white():
    hidden = Image.fromarray(np.full((3, 3, 4), (200, 10, 10, 0), np.uint8))
    assert (fitted(hidden, (3, 3), 3, "crop") == 255).all()
    assert (fitted(hidden, (2, 2), 1, "crop") == 255).all()


def test_large_jpegs_decoded_at_a_fraction_equal_those_decoded_whole():
    y, x = np.mgrid[:600, :800]
    photo = np.stack([x / 4, y / 3, 128 + 100 * np.sin(x / 40) * np.cos(y / 30)], 2).clip(0, 255).astype(np.uint8)
    whole = fitted(Image.fromarray(photo), (32, 32), 3, "crop")
    assert np.abs(pixels_of(stored(Image.fromarray(photo), "JPEG", quality=95), (32, 32), 3, "crop").astype(int) - whole).max() <= 6


# ---- what is derived


def source_of(*shapes, c=3):
    """Empty pictures of those heights and widths, as far as `derive` looks at them."""
    source = PictureArray("made up", np.zeros((len(shapes), 1, 1, 1), np.uint8))
    source.sizes, source.channels = np.array(shapes), np.full(len(shapes), c)
    return source


@pytest.mark.parametrize(
    ("shapes", "resolution"),
    [
        ([(28, 28)] * 3, 28),
        ([(1, 1)], 1),
        ([(48, 32)] * 2, (48, 32)),
        ([(512, 512)], 64),
        ([(480, 640)] * 3, (48, 64)),
        ([(112, 92), (110, 92), (113, 92)], (64, 52)),
        ([(300, 200), (200, 300), (250, 400)], 64),
        ([(10, 20), (20, 10)], 10),
        ([(1000, 3)], (64, 4)),
    ],
)
def test_resolution_is_derived_from_the_sizes(shapes, resolution):
    assert derive(source_of(*shapes).sizes, source_of(*shapes).channels, Images())[0].resolution == resolution


def test_channels_are_derived_from_the_pixels():
    grey = colour()[..., :1]
    assert fit(PictureArray("a", grey.repeat(3, 2)[None]), Images()).space.shape == (1, 6, 9)
    assert fit(PictureArray("a", np.stack([grey.repeat(3, 2), colour()])), Images()).space.shape == (3, 6, 9)
    assert fit(PictureArray("a", colour(c=4)[None]), Images()).space.shape == (4, 6, 9)


def test_what_is_set_is_not_derived():
    encoding, why = derive(source_of((20, 30)).sizes, source_of((20, 30)).channels, Images(resolution="8x4", channels="1"))
    assert encoding.size == (8, 4) and encoding.channels == 1 and why == {}


# ---- tensors and back


@settings(max_examples=60, deadline=None)
@given(
    x=st.tuples(st.integers(1, 4), st.sampled_from([1, 3, 4]), st.integers(1, 9), st.integers(1, 9)).flatmap(lambda shape: arrays(np.uint8, shape)),
    channels_last=st.booleans(),
)
def test_decode_undoes_expand_exactly(x, channels_last):
    n, c, h, w = x.shape
    codec = ImageCodec(Images(resolution=(h, w), channels=c))
    compact = torch.from_numpy(x)
    if channels_last:
        compact = compact.contiguous(memory_format=torch.channels_last)
    seen = codec.expand({"x": compact})["x"]
    assert seen.shape[1:] == codec.space.shape and seen.min() >= -1 and seen.max() <= 1 and seen.stride() == compact.stride()
    items = codec.decode(seen)
    assert items.shape == (n, h, w, c) and items.dtype == np.uint8
    assert torch.equal(codec.compact(items), compact)


def test_every_byte_survives_the_way_to_floats():
    codec = ImageCodec(Images(resolution=16, channels=1))
    x = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    assert torch.equal(codec.compact(codec.decode(codec.expand({"x": x})["x"])), x)


def test_decode_clamps_what_lies_outside():
    codec = ImageCodec(Images(resolution=(1, 2), channels=1))
    assert codec.decode(torch.tensor([[[[-7.0, 7.0]]]], dtype=torch.bfloat16))[0, 0, :, 0].tolist() == [0, 255]


def test_encode_gives_the_rows_asked_for_with_labels_by_name():
    array = colour(20, 4, 1).reshape(20, 2, 2, 1)
    codec = fit(PictureArray("train", array, np.arange(20) % 3, ("ant", "bee", "cat")), Images())
    rows = np.array([5, 0, 7])
    other = PictureArray("other", array, np.arange(20) % 2, ("cat", "ant"))
    batch = codec.encode(other, rows)
    assert batch["x"].dtype == torch.uint8 and np.array_equal(batch["x"].permute(0, 2, 3, 1), array[rows])
    assert batch["y"].tolist() == [0, 2, 0]
    assert "y" not in codec.encode(PictureArray("bare", array))
    with pytest.raises(UserError, match=r"labels that this model was not trained with \(dog\)"):
        codec.encode(PictureArray("wrong", array, np.zeros(20, int), ("dog",)))


def test_compact_names_the_shape_it_expects():
    codec = ImageCodec(Images(resolution=(2, 3), channels=1))
    assert codec.compact(np.zeros((4, 2, 3), np.uint8)).shape == (4, 1, 2, 3)
    for wrong in (np.zeros((4, 3, 2, 1), np.uint8), np.zeros((4, 2, 3, 3), np.uint8), np.zeros((4, 2, 3, 1), np.float32), np.uint8(3)):
        with pytest.raises(UserError, match=r"uint8 of shape \(n, 2, 3, 1\)"):
            codec.compact(wrong)


def test_what_is_larger_than_half_of_the_memory_stays_on_disk(tmp_path, monkeypatch):
    array = colour(30, 4, 3).reshape(30, 2, 2, 3)
    np.save(tmp_path / "big.npy", array)
    source = open_data(str(tmp_path / "big.npy"))
    codec, rows = fit(source, Images()), np.array([9, 3, 29])
    in_memory = codec.encode(source, rows)["x"]
    monkeypatch.setattr("sparring.modalities.image_cache.free_memory", lambda: 10)
    assert isinstance(gathered(source.pixels(codec.encoding), rows), np.memmap)
    for which, wanted in ((rows, in_memory), (None, torch.from_numpy(array).permute(0, 3, 1, 2))):
        x = codec.encode(source, which)["x"]
        assert torch.equal(x, wanted)
        x.zero_()  # stays private
    assert np.array_equal(np.load(tmp_path / "big.npy"), array)


def test_a_codec_is_loaded_as_it_was_saved(tmp_path):
    codec = fit(PictureArray("a", colour()[None], np.zeros(1, int), ("x/y",)), Images(fit="pad"))
    codec.save(tmp_path / "codec")
    again = ImageCodec.load(tmp_path / "codec")
    assert again.encoding == codec.encoding and again.space == codec.space and again.why == codec.why


def test_attributes_are_drawn_together():
    """Pictures have one of three tags each, one of them rare, and a size that goes with it: so have made-up conditions."""
    kind = np.repeat([0, 1, 2], [300, 185, 15])
    source = PictureArray("a", np.zeros((500, 4, 4, 3), np.uint8))
    source.attributes, source.values = ("red", "green", "blue", "size"), np.stack([kind == 0, kind == 1, kind == 2, 5.5 + kind], 1).astype(np.float32)
    space = fit(source, Images()).space
    assert [a.tag for a in space.attributes] == [True, True, True, False]
    mean, deviation = (torch.tensor([getattr(a, what) for a in space.attributes]) for what in ("mean", "deviation"))
    drawn = space.some_conditions(4000, "test") * deviation + mean
    assert torch.allclose(drawn[:, :3].sum(1), torch.ones(4000), atol=1e-4)
    assert torch.allclose(drawn[:, 3], 5.5 + drawn[:, 1] + 2 * drawn[:, 2], atol=1e-4)
    assert drawn[:, 2].mean() == pytest.approx(0.03, abs=0.01) and drawn[:, 0].mean() == pytest.approx(0.6, abs=0.03)


# ---- files


def test_a_written_folder_opens_as_the_same_pictures(tmp_path):
    items, labels = colour(6, 12, 3).reshape(6, 4, 3, 3), np.array([1, 0, 1, 1, 0, 2])
    codec = ImageCodec(Images(resolution=(4, 3), channels=3), ("ant", "../bee", "cat"))
    codec.write(items, tmp_path / "out", labels)
    assert sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*.png"))[0] == "out/__bee/000000.png"
    back = open_data(str(tmp_path / "out"))
    order = [int(name.split("/")[1][:6]) for name in back.names]
    assert np.array_equal(codec.encode(PictureArray("a", items))["x"][order], back.pixels(codec.encoding))


@pytest.mark.parametrize("name", ["out.npz", "deep/out.npy"])
def test_a_written_array_opens_as_the_same_pictures(tmp_path, name):
    items, labels = colour(6, 12, 3).reshape(6, 4, 3, 3), np.array([1, 0, 1, 1, 0, 0])
    codec = ImageCodec(Images(resolution=(4, 3), channels=3), ("ant", "bee", "cat"))
    codec.write(items, tmp_path / name, labels)
    back = open_data(str(tmp_path / name))
    assert np.array_equal(back.array, items)
    if name.endswith("npz"):
        assert back.classes == ("ant", "bee", "cat") and back.labels.tolist() == labels.tolist()


def test_one_picture_is_written_as_it_is_and_several_as_a_grid(tmp_path):
    items = colour(2, 28 * 28, 1).reshape(2, 28, 28, 1)
    codec = ImageCodec(Images(resolution=28, channels=1))
    codec.write(items[:1], tmp_path / "one.png")
    codec.write(items, tmp_path / "two.png")
    assert np.array_equal(np.asarray(Image.open(tmp_path / "one.png")), items[0, ..., 0])
    assert Image.open(tmp_path / "two.png").size == (2 + 2 * 58, 2 + 58)
    with pytest.raises(UserError, match=r"end the name in \.png"):
        codec.write(items, tmp_path / "two.docx")


def test_a_grid_has_one_row_a_label():
    items = np.zeros((5, 80, 64, 3), np.uint8)
    assert grid(items).shape == (2 + 2 * 82, 2 + 3 * 66, 3)
    assert grid(items, np.array([0, 1, 1, 1, 2])).shape == (2 + 3 * 82, 2 + 3 * 66, 3)
    assert grid(items[..., :1], np.zeros(5, int)).shape == (2 + 2 * 82, 2 + 3 * 66)
    assert grid(np.zeros((1, 1, 1, 4), np.uint8)).shape == (68, 68, 3)


# ---- baseline and control


def test_the_baseline_draws_each_pixel_from_its_own_values():
    x = torch.stack([torch.full((1, 2, 2), v, dtype=torch.uint8) + torch.arange(4, dtype=torch.uint8).view(1, 2, 2) for v in (10, 60, 200)])
    codec = ImageCodec(Images(resolution=2, channels=1))
    drawn = codec.baseline(x, 300, seed=1)
    assert drawn.shape == (300, 1, 2, 2) and drawn.dtype == torch.uint8
    for row in range(2):
        for column in range(2):
            assert set(drawn[:, 0, row, column].tolist()) == set(x[:, 0, row, column].tolist())
    assert len({tuple(item.flatten().tolist()) for item in drawn}) > 30  # pixels are independent
    assert torch.equal(drawn, codec.baseline(x, 300, seed=1)) and not torch.equal(drawn, codec.baseline(x, 300, seed=2))


@pytest.mark.parametrize("shape", [(3, 1, 1, 1), (4, 3, 9, 14), (2, 4, 3, 2), (5, 1, 28, 28)])
def test_spoiling_moves_blocks_and_keeps_statistics(shape):
    x = torch.from_numpy(DRAW.integers(60, 190, shape, dtype=np.uint8))
    codec = ImageCodec(Images(resolution=shape[2:], channels=shape[1]))
    before = x.clone()
    spoilt = codec.spoil(x, seed=0)
    assert spoilt.shape == x.shape and spoilt.dtype == torch.uint8 and torch.equal(x, before) and not torch.equal(spoilt, x)
    assert abs(spoilt.float().mean() - x.float().mean()) < 25
    assert torch.equal(spoilt, codec.spoil(x, seed=0))
