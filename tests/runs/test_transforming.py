"""Files through a network: what is kept, what is skipped, what is refused, and how a folder is finished."""

import io
import os

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image, ImageCms
from rich.console import Console
from rich.progress import Progress

from sparring.base.errors import UserError
from sparring.runs import progress, transforming
from sparring.runs.transforming import transform_files

DRAW = np.random.default_rng(1)
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


class Twice:
    """Every pixel doubled in both directions and inverted, with a count of the calls and of the shapes."""

    def __init__(self):
        self.shapes = []

    def __call__(self, x):
        self.shapes.append(tuple(x.shape))
        return -F.interpolate(x, scale_factor=2)


def random(size=(6, 5), channels=3):
    return DRAW.integers(0, 256, (*size, channels) if channels > 1 else size, dtype=np.uint8)


def put(path, pixels=None, **options):
    """A picture at that path, a minute old; returns its pixels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = random() if pixels is None else pixels
    Image.fromarray(pixels).save(path, **options)
    old = path.stat().st_mtime - 60
    os.utime(path, (old, old))
    return pixels


def twice(pixels):
    return 255 - pixels.repeat(2, 0).repeat(2, 1)


def go(given, out, apply=None, **changes):
    facts = {"channels_in": 3, "channels_out": 3, "scale": 2, "reach": 0, "multiple": 1} | changes
    return transform_files(apply or Twice(), given, out, **facts)


def read(path):
    with Image.open(path) as picture:
        return np.asarray(picture)


def wrong(given, out, *words, **changes):
    """The one line that is answered, which must hold those words; the network must not have been asked."""
    apply = Twice()
    with pytest.raises(UserError) as caught:
        go(given, out, apply, **changes)
    message = str(caught.value)
    assert "\n" not in message and all(word in message for word in words) and not apply.shapes, message


# ---- one picture


def test_one_picture(tmp_path):
    pixels = put(tmp_path / "a.png")
    done = go(tmp_path / "a.png", tmp_path / "new" / "b.png")
    assert done["files"] == [str(tmp_path / "new" / "b.png")] and done["skipped"] == [] and done["kept"] == 0
    assert done["megapixels"] == 120e-6 and done["seconds"] >= 0
    assert np.array_equal(read(tmp_path / "new" / "b.png"), twice(pixels))
    assert go(tmp_path / "a.png", tmp_path / "folder")["files"] == [str(tmp_path / "folder" / "a.png")]
    assert go(tmp_path / "a.png", tmp_path / "folder")["kept"] == 0                # who asks for one picture gets it
    assert sorted(os.listdir(tmp_path / "folder")) == ["a.png"]


def test_a_large_picture_goes_through_in_tiles_of_the_size_that_was_said(tmp_path):
    pixels, apply = put(tmp_path / "a.png", random((131, 67))), Twice()
    go(tmp_path / "a.png", tmp_path / "b.png", apply, tile=64, reach=2, multiple=4)
    assert np.array_equal(read(tmp_path / "b.png"), twice(pixels))
    assert len(apply.shapes) == 6 and set(apply.shapes) == {(1, 3, 64, 64)}


def test_a_network_that_looks_too_far_for_its_tiles_is_told_of_once(tmp_path, capsys):
    for name in ("a", "b"):
        put(tmp_path / "d" / f"{name}.png", random((70, 70)))
    go(tmp_path / "d", tmp_path / "out", tile=64, reach=9, display=progress.Lines())
    assert capsys.readouterr().err.count("the network looks 9 pixels around") == 1
    go(tmp_path / "d", tmp_path / "out2", tile=64, reach=8, display=progress.Lines())
    go(tmp_path / "d", tmp_path / "out3", tile=70, reach=100, display=progress.Lines())
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("suffix", "format", "tolerance"), [(".jpg", "JPEG", 4), (".jpeg", "JPEG", 4), (".webp", "WEBP", 12), (".PNG", "PNG", 0)])
def test_formats(tmp_path, suffix, format, tolerance):
    flat = np.full((24, 24, 3), (200, 40, 90), np.uint8)
    put(tmp_path / "a.png", flat)
    go(tmp_path / "a.png", out := tmp_path / f"b{suffix}")
    with Image.open(out) as picture:
        assert picture.format == format and np.abs(np.asarray(picture).astype(int) - twice(flat)).max() <= tolerance
        if format == "JPEG":
            assert all(layer[1:3] == (1, 1) for layer in picture.layer) and max(picture.quantization[0]) < 13     # 4:4:4, quality 95


@pytest.mark.parametrize(("channels_in", "channels_out"), [(1, 1), (1, 3), (3, 1), (3, 3), (4, 4)])
def test_grey_and_colour(tmp_path, channels_in, channels_out):
    put(tmp_path / "d" / "colour.png"), put(tmp_path / "d" / "grey.png", random(channels=1))
    apply = lambda x: x.mean(1, keepdim=True).expand(1, channels_out, *x.shape[2:])
    go(tmp_path / "d", tmp_path / "out", apply, scale=1, channels_in=channels_in, channels_out=channels_out)
    with Image.open(tmp_path / "d" / "grey.png") as before, Image.open(tmp_path / "out" / "grey.png") as after:
        assert after.mode == {1: "L", 3: "RGB", 4: "RGBA"}[channels_out]
        assert channels_in == 4 or np.array_equal(np.asarray(after.convert("L")), np.asarray(before))


def test_what_the_reader_standardises(tmp_path):
    deep = (random((4, 4), 1).astype(np.uint16) * 257)
    put(tmp_path / "d" / "deep.png", deep)
    palette = Image.fromarray(random()).quantize(16)
    palette.save(tmp_path / "d" / "palette.gif")
    go(tmp_path / "d", tmp_path / "out")
    assert np.array_equal(read(tmp_path / "out" / "deep.png")[..., 0], twice((deep // 257).astype(np.uint8)))
    assert np.array_equal(read(tmp_path / "out" / "palette.png"), twice(np.asarray(palette.convert("RGB"))))


# ---- what goes past the network


def exif_block(orientation=6):
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = orientation, "Maker"
    exif.get_ifd(0x8769).update({0xA002: 5, 0xA003: 6, 0x829A: 0.25})
    exif.get_ifd(0x8825)[1] = "N"
    return exif


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
def test_exif_is_kept_with_the_picture_upright(tmp_path, suffix):
    shot = put(tmp_path / "a.png", random((6, 5)), exif=exif_block())
    go(tmp_path / "a.png", out := tmp_path / f"b{suffix}")
    with Image.open(out) as picture:
        exif = picture.getexif()
        assert picture.size == (12, 10) and exif[0x0112] == 1 and exif[0x010F] == "Maker" and exif.get_ifd(0x8825)[1] == "N"
        inner = exif.get_ifd(0x8769)
        assert (inner[0xA002], inner[0xA003], float(inner[0x829A])) == (12, 10, 0.25)
        if suffix == ".png":
            assert np.array_equal(np.asarray(picture), twice(np.rot90(shot, -1)))


def test_how_a_tiff_stores_its_pixels_is_not_said_of_the_result(tmp_path):
    put(tmp_path / "a.tif", exif=exif_block())
    go(tmp_path / "a.tif", tmp_path / "b.png")
    with Image.open(tmp_path / "b.png") as picture:
        assert picture.getexif()[0x010F] == "Maker" and not {0x0100, 0x0111, 0x0103} & set(picture.getexif())
    go(tmp_path / "b.png", tmp_path / "c.jpg")
    put(tmp_path / "plain.tif")
    go(tmp_path / "plain.tif", tmp_path / "d.png")
    with Image.open(tmp_path / "d.png") as picture:
        assert "exif" not in picture.info


def test_exif_data_that_cannot_be_written_again_are_left_out(tmp_path, monkeypatch):
    put(tmp_path / "a.png", exif=exif_block(orientation=1))
    monkeypatch.setattr(Image.Exif, "tobytes", lambda self, offset=8: 1 / 0)
    assert go(tmp_path / "a.png", tmp_path / "b.png")["skipped"] == []
    monkeypatch.setattr(Image.Exif, "tobytes", lambda self, offset=8: b"Exif\0\0" + bytes(70000))
    assert go(tmp_path / "a.png", tmp_path / "b.jpg")["skipped"] == []


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
def test_a_colour_profile_is_kept_where_it_is_true(tmp_path, suffix):
    put(tmp_path / "a.png", icc_profile=PROFILE)
    go(tmp_path / "a.png", tmp_path / f"b{suffix}")
    with Image.open(tmp_path / f"b{suffix}") as picture:
        assert picture.info["icc_profile"] == PROFILE
    go(tmp_path / "a.png", tmp_path / f"c{suffix}", lambda x: x[:, :1], scale=1, channels_out=1)
    with Image.open(tmp_path / f"c{suffix}") as picture:
        assert "icc_profile" not in picture.info


@pytest.mark.parametrize("channels", [1, 3])
def test_transparency_is_kept_and_enlarged(tmp_path, channels):
    pixels = put(tmp_path / "a.png", random((8, 7), 4))
    go(tmp_path / "a.png", tmp_path / "b.png", channels_in=channels, channels_out=channels)
    with Image.open(tmp_path / "b.png") as picture:
        assert picture.mode == {1: "LA", 3: "RGBA"}[channels]
        alpha = Image.fromarray(pixels[..., 3]).resize((14, 16), Image.Resampling.LANCZOS)
        assert np.array_equal(np.asarray(picture.getchannel("A")), np.asarray(alpha))
        colour = Image.fromarray(pixels).convert({1: "L", 3: "RGB"}[channels])
        assert np.array_equal(np.asarray(picture)[..., :-1].squeeze(), twice(np.asarray(colour)))


def test_a_jpeg_is_white_where_the_picture_was_transparent(tmp_path):
    put(tmp_path / "a.png", np.zeros((8, 8, 4), np.uint8))
    for channels in (1, 3):
        go(tmp_path / "a.png", tmp_path / "b.jpg", channels_in=channels, channels_out=channels)
        assert (read(tmp_path / "b.jpg") == 255).all()


# ---- folders


def test_a_nested_folder_keeps_its_names(tmp_path):
    pixels = {name: put(tmp_path / "d" / name) for name in ("a.png", "deep/er/b.png", "deep/c.bmp", "deep/c.png", "e.tif")}
    (tmp_path / "d" / "notes.txt").write_text("no picture")
    done = go(tmp_path / "d", tmp_path / "out")
    names = {"a.png": "a.png", "deep/er/b.png": "deep/er/b.png", "deep/c.bmp": "deep/c.bmp.png", "deep/c.png": "deep/c.png", "e.tif": "e.png"}
    assert sorted(done["files"]) == sorted(str(tmp_path / "out" / name) for name in names.values())
    for name, result in names.items():
        assert np.array_equal(read(tmp_path / "out" / result), twice(pixels[name]))
    assert len([f for f in (tmp_path / "out").rglob("*") if f.is_file()]) == 5      # no temporary files


def test_a_half_done_folder_is_finished(tmp_path):
    for i in range(4):
        put(tmp_path / "d" / f"{i}.png")
    go(tmp_path / "d", out := tmp_path / "out", first := Twice())
    assert len(first.shapes) == 4
    (out / "2.png").unlink()
    done = go(tmp_path / "d", out, again := Twice())
    assert len(again.shapes) == 1 and done["files"] == [str(out / "2.png")] and done["kept"] == 3
    later = (out / "1.png").stat().st_mtime + 10
    os.utime(tmp_path / "d" / "1.png", (later, later))                           # a picture that changed is made anew
    done = go(tmp_path / "d", out, again := Twice())
    assert len(again.shapes) == 1 and done["files"] == [str(out / "1.png")] and done["kept"] == 3


def test_an_interruption_leaves_whole_files(tmp_path):
    for i in range(3):
        put(tmp_path / "d" / f"{i}.png")

    class Interrupted(Twice):
        def __call__(self, x):
            if len(self.shapes) == 2:
                raise KeyboardInterrupt
            return super().__call__(x)

    with pytest.raises(KeyboardInterrupt):
        go(tmp_path / "d", tmp_path / "out", Interrupted())
    assert sorted(os.listdir(tmp_path / "out")) == ["0.png", "1.png"]
    assert go(tmp_path / "d", tmp_path / "out")["kept"] == 2


def test_what_cannot_be_read_is_named_and_skipped(tmp_path, capsys):
    pixels = {name: put(tmp_path / "d" / name) for name in ("1.png", "3.png")}
    (tmp_path / "d" / "2.jpg").write_bytes(b"no picture")
    put(tmp_path / "d" / "4.png", random((64, 64)))
    (tmp_path / "d" / "4.png").write_bytes((tmp_path / "d" / "4.png").read_bytes()[:900])
    done = go(tmp_path / "d", tmp_path / "out")
    assert [entry["name"] for entry in done["skipped"]] == ["2.jpg", "4.png"] and "not a picture" in done["skipped"][0]["problem"]
    assert sorted(os.listdir(tmp_path / "out")) == sorted(pixels) and done["kept"] == 0
    assert capsys.readouterr().err.count("warning: skipped") == 2
    alone = go(tmp_path / "d" / "2.jpg", tmp_path / "b.png")
    assert alone["files"] == [] and alone["skipped"][0]["name"] == "2.jpg" and not (tmp_path / "b.png").exists()


def test_what_a_format_cannot_hold_is_skipped_before_the_work(tmp_path, monkeypatch):
    put(tmp_path / "a.png")
    monkeypatch.setitem(transforming.LARGEST, "WEBP", 11)
    done = go(tmp_path / "a.png", tmp_path / "b.webp", apply := Twice())
    assert not apply.shapes and "WEBP holds 11" in done["skipped"][0]["problem"] and "12" in done["skipped"][0]["problem"]


def test_the_bar_moves_by_tiles_and_leaves_nothing(tmp_path, monkeypatch):
    for name in ("a", "b"):
        put(tmp_path / "d" / f"{name}.png", random((40, 20)))
    shown, bar, completed, advance = io.StringIO(), progress.Bar(), [], Progress.advance
    bar.console = Console(file=shown, force_terminal=True, width=100)
    monkeypatch.setattr(Progress, "advance", lambda self, *a: (advance(self, *a), completed.append(self.tasks[0].completed))[0])
    go(tmp_path / "d", tmp_path / "out", tile=32, display=bar)
    assert completed == [0.5, 1, 1.5, 2] and "picture 1/2" in shown.getvalue() and shown.getvalue().endswith("\x1b[2K")


# ---- masks


def test_a_mask_is_one_more_channel_and_its_hole_is_grey(tmp_path):
    pixels = put(tmp_path / "a.png", random((70, 33)))
    mask = np.where(random((70, 33), 1) > 99, 255, 0).astype(np.uint8)
    put(tmp_path / "mask.png", mask)

    def apply(x):
        assert x.shape[:2] == (1, 4) and set(x[:, 3].unique().tolist()) <= {0.0, 1.0}
        assert (x[:, :3].masked_select(x[:, 3:] == 1) == 0).all()
        return torch.where(x[:, 3:] == 1, 1.0, x[:, :3])

    done = go(tmp_path / "a.png", tmp_path / "b.png", apply, scale=1, tile=32, mask=tmp_path / "mask.png")
    assert done["skipped"] == [] and np.array_equal(read(tmp_path / "b.png"), np.where(mask[..., None] > 0, 255, pixels))


def test_masks_in_a_folder(tmp_path):
    for name in ("a.png", "deep/b.jpg"):
        put(tmp_path / "d" / name)
    put(tmp_path / "m" / "a.png", np.full((6, 5), 255, np.uint8)), put(tmp_path / "m" / "deep" / "b.png", np.zeros((6, 5, 4), np.uint8))
    holes = []
    apply = lambda x: (holes.append(x[:, 3].mean().item()), x[:, :3])[1]
    facts = {"scale": 1, "mask": tmp_path / "m"}
    assert len(go(tmp_path / "d", tmp_path / "out", apply, **facts)["files"]) == 2 and holes == [1, 0]
    assert go(tmp_path / "d", tmp_path / "out", apply, **facts)["kept"] == 2
    later = (tmp_path / "out" / "a.png").stat().st_mtime + 10
    os.utime(tmp_path / "m" / "a.png", (later, later))
    assert len(go(tmp_path / "d", tmp_path / "out", apply, **facts)["files"]) == 1
    assert go(tmp_path / "d" / "a.png", tmp_path / "one.png", apply, **facts)["files"] == [str(tmp_path / "one.png")]


def test_a_turned_picture_and_its_upright_mask(tmp_path):
    put(tmp_path / "a.jpg", random((6, 5)), exif=exif_block())
    put(tmp_path / "mask.png", np.full((5, 6), 255, np.uint8))
    assert go(tmp_path / "a.jpg", tmp_path / "b.png", lambda x: x[:, :3], scale=1, mask=tmp_path / "mask.png")["files"]


def test_masks_that_do_not_fit_are_refused_before_the_work(tmp_path):
    for name in ("a.png", "b.png"):
        put(tmp_path / "d" / name)
    put(tmp_path / "m" / "a.png", random(channels=1))
    wrong(tmp_path / "d", tmp_path / "out", "1 of 2 pictures have no mask", "b.png", mask=tmp_path / "m")
    wrong(tmp_path / "d", tmp_path / "out", "give --mask a folder", mask=tmp_path / "m" / "a.png")
    wrong(tmp_path / "d" / "a.png", tmp_path / "out", "no mask at", mask=tmp_path / "gone.png")
    put(tmp_path / "m" / "b.png", random((5, 6), 1))
    wrong(tmp_path / "d", tmp_path / "out", "b.png is 6x5 and its picture 5x6", mask=tmp_path / "m")
    (tmp_path / "m" / "b.png").write_bytes(b"no picture")
    wrong(tmp_path / "d", tmp_path / "out", "cannot read the mask", "b.png", mask=tmp_path / "m")
    wrong(tmp_path / "d" / "a.png", tmp_path / "m" / "a.png", "which is read", mask=tmp_path / "m" / "a.png")
    assert not (tmp_path / "out").exists()


# ---- refused


def test_results_never_touch_what_is_read(tmp_path):
    pixels = put(tmp_path / "d" / "a.png")
    put(tmp_path / "d" / "d" / "a.png")
    (tmp_path / "link").symlink_to(tmp_path / "d", target_is_directory=True)
    for out in ("d", "d/out", "d/../d", "link", "link/out", "."):                 # "." would put d/a.png where a picture is read
        wrong(tmp_path / "d", tmp_path / out, "folder outside it")
    put(tmp_path / "m" / "a.png", random(channels=1))
    wrong(tmp_path / "d" / "a.png", tmp_path / "m", "which is read", mask=tmp_path / "m" / "a.png")
    wrong(tmp_path / "d" / "a.png", tmp_path / "d" / "a.png", "which is read")
    wrong(tmp_path / "d" / "a.png", tmp_path / "d", "which is read")
    assert np.array_equal(read(tmp_path / "d" / "a.png"), pixels)
    assert go(tmp_path / "d" / "a.png", tmp_path / "d" / "b.png")["files"]


def test_paths_that_do_not_fit(tmp_path):
    put(tmp_path / "d" / "a.png"), put(tmp_path / "b.png"), (tmp_path / "empty").mkdir()
    wrong(tmp_path / "gone", tmp_path / "out", "there is no picture at")
    wrong(tmp_path / "empty", tmp_path / "out", "no pictures in")
    wrong(tmp_path / "d", tmp_path / "out.png", "give --out a folder")
    wrong(tmp_path / "d", tmp_path / "b.png", "give --out a folder")
    wrong(tmp_path / "b.png", tmp_path / "out.tiff", "end the name in .png, .jpg or .webp")
    (tmp_path / "x.zip").write_bytes(b"")
    wrong(tmp_path / "x.zip", tmp_path / "out", "unpack it")
    wrong(tmp_path / "b.png", tmp_path / "out", "give tiles of 56 pixels, not 50", tile=50, multiple=8)


def test_results_of_another_network_are_made_anew(tmp_path):
    """Also after an interruption, when some are of one and some of the other."""
    given, out = tmp_path / "d", tmp_path / "out"
    for name in ("1.png", "2.png"):
        put(given / name)
    assert len(go(given, out, by="one")["files"]) == 2 and go(given, out, by="one")["kept"] == 2

    class Interrupting(Twice):
        def __call__(self, x):
            if self.shapes:
                raise KeyboardInterrupt
            return 0 * super().__call__(x)

    with pytest.raises(KeyboardInterrupt):
        go(given, out, Interrupting(), by="other")
    done = go(given, out, by="other")
    assert [os.path.basename(file) for file in done["files"]] == ["2.png"] and done["kept"] == 1


def test_what_is_odd_is_said(tmp_path, capsys):
    """Masks without anything white, animations, pictures much larger than what was learnt from."""
    display = progress.Quiet()
    pixels = put(tmp_path / "p.png", random((8, 10)))
    put(tmp_path / "m.png", np.ones((8, 10), np.uint8))
    keep = lambda x: x[:, :3]
    go(tmp_path / "p.png", tmp_path / "o.png", keep, scale=1, mask=tmp_path / "m.png", display=display)
    assert "nothing is white" in capsys.readouterr().err and (read(tmp_path / "o.png") == pixels).all()
    frames = [Image.fromarray(random((6, 6))) for _ in range(3)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    go(tmp_path / "a.gif", tmp_path / "a.png", display=display)
    assert "3 frames" in capsys.readouterr().err
    go(tmp_path / "p.png", tmp_path / "o.png", learnt=(4, 4), display=display)
    assert "learnt from pictures of 4x4" in capsys.readouterr().err
    go(tmp_path / "p.png", tmp_path / "o.png", learnt=(4, 5), display=display)
    assert not capsys.readouterr().err


@pytest.mark.parametrize("format", ["jpg", "tif"])
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_masks_of_turned_pictures(tmp_path, format, orientation):
    exif = Image.Exif()
    exif[transforming.ORIENTATION] = orientation
    put(tmp_path / f"p.{format}", random((4, 6)), exif=exif)
    upright = (6, 4) if orientation == 6 or orientation == 8 else (4, 6)
    put(tmp_path / "m.png", np.full(upright, 255, np.uint8))
    go(tmp_path / f"p.{format}", tmp_path / "o.png", lambda x: x[:, :3], scale=1, mask=tmp_path / "m.png")
    assert read(tmp_path / "o.png").shape[:2] == upright
