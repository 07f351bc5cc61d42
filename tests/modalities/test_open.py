"""The front door: folders, archives and arrays as users have them, and what they hear when something is wrong."""

import json
import os
import shutil
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from PIL import Image

from sparring.base import files
from sparring.base.errors import UserError
from sparring.base.files import cache
from sparring.modalities import image_source, image_survey, workers
from sparring.modalities.builtins import BUILTINS
from sparring.modalities.image_source import PictureFiles
from sparring.modalities.images import fit
from sparring.modalities.open import open_data
from sparring.modalities.settings import Images

DRAW = np.random.default_rng(1)


def put(path, size=(6, 5), **options):
    """A random picture at that path; returns its pixels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = DRAW.integers(0, 256, (*size, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, **options)
    return pixels


def zipped(folder, archive):
    with zipfile.ZipFile(archive, "w") as out:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                out.write(file, file.relative_to(folder).as_posix())
    return archive


def labels(source):
    return {name: source.classes[label] for name, label in zip(source.names, source.labels)}


def wrong(data, *words):
    """The one line that opening ends with, which must hold those words."""
    with pytest.raises(UserError) as caught:
        open_data(str(data))
    message = str(caught.value)
    assert "\n" not in message and all(word in message for word in words), message
    return message


# ---- folders and archives


def test_a_nested_folder_of_mixed_sizes_and_junk(tmp_path):
    pixels = {name: put(tmp_path / name, size) for name, size in [("a.png", (6, 5)), ("deep/er/b.BMP", (9, 9)), ("deep/c.tiff", (1, 1))]}
    for junk in ("__MACOSX/a.png", ".DS_Store", "._a.png", ".hidden/x.png", "notes.txt", "Thumbs.db"):
        (tmp_path / junk).parent.mkdir(exist_ok=True)
        (tmp_path / junk).write_bytes(b"junk")
    before = sorted(tmp_path.rglob("*"))
    source = open_data(str(tmp_path))
    assert source.names == sorted(pixels) and source.labels is None and source.classes == () and source.problems == ()
    assert source.sizes.tolist() == [[6, 5], [1, 1], [9, 9]]
    batch = fit(source, Images(resolution=4)).encode(source)
    assert batch["x"].shape == (3, 3, 4, 4) and list(batch) == ["x"]
    assert sorted(tmp_path.rglob("*")) == before  # nothing is written beside the user's files


def test_labels_are_the_first_level_of_sub_folders(tmp_path):
    for name in ("cat/1.png", "cat/more/2.png", "dog/1.png"):
        put(tmp_path / "animals" / "all" / name)
    wanted = {"cat/1.png": "cat", "cat/more/2.png": "cat", "dog/1.png": "dog"}
    assert labels(open_data(str(tmp_path / "animals" / "all"))) == wanted
    assert list(labels(open_data(str(zipped(tmp_path, tmp_path / "x.zip")))).values()) == ["cat", "cat", "dog"]  # below the outermost folders
    put(tmp_path / "animals" / "all" / "loose.png")
    assert open_data(str(tmp_path / "animals" / "all")).labels is None


def test_parts_of_a_set_taken_for_labels_are_remarked_upon(tmp_path):
    put(tmp_path / "train" / "a.png"), put(tmp_path / "test" / "b.png")
    assert any("taken for labels" in problem for problem in open_data(str(tmp_path)).problems)


LABEL_FILES = {
    "labels.csv": "file_name,label\r\na.png,cat\r\nsub/b.png,dog\r\n",
    "metadata.csv": "id,Label,file_name\n7,cat,a.png\n8,dog,./sub\\b.png\n",
    "labels.json": json.dumps({"a.png": "cat", "sub/b.png": "dog"}),
    "dataset.json": json.dumps({"labels": [["a.png", "cat"], ["sub/b.png", "dog"]]}),
}


@pytest.mark.parametrize("name", LABEL_FILES)
@pytest.mark.parametrize("packed", [False, True])
def test_labels_from_a_file(tmp_path, name, packed):
    put(tmp_path / "d" / "a.png"), put(tmp_path / "d" / "sub" / "b.png")
    (tmp_path / "d" / name).write_text(LABEL_FILES[name], encoding="utf-8-sig")
    data = zipped(tmp_path / "d", tmp_path / "d.zip") if packed else tmp_path / "d"
    assert labels(open_data(str(data))) == {"a.png": "cat", "sub/b.png": "dog"}


def test_numbered_labels_are_ordered_as_numbers_and_a_header_is_optional(tmp_path):
    for i in (2, 10, 9):
        put(tmp_path / f"{i}.png")
    for prefix in ("", "s"):
        (tmp_path / "labels.csv").write_text("".join(f"{i}.png,{prefix}{i}\n" for i in (2, 10, 9)))
        assert open_data(str(tmp_path)).classes == (f"{prefix}2", f"{prefix}9", f"{prefix}10")


def test_a_dataset_json_without_labels_means_none(tmp_path):
    put(tmp_path / "00000" / "a.png"), put(tmp_path / "00001" / "b.png")
    (tmp_path / "dataset.json").write_text('{"labels": null}')
    source = open_data(str(tmp_path))
    assert source.labels is None and "dataset.json gives no labels" in source.problems[0]


def test_wrong_label_files_are_explained(tmp_path):
    put(tmp_path / "a.png"), put(tmp_path / "b.png")
    for text, words in {
        "a.png,cat\ngone.png,dog\nb.png,dog": ("names 1 pictures that are not there", "gone.png"),
        "a.png,cat": ("no label for 1 of 2", "b.png"),
        "a.png": ("too few columns",),
        "who,what\na.png,cat": ("gives no labels",),
        "": ("gives no labels",),
    }.items():
        (tmp_path / "labels.csv").write_text(text)
        wrong(tmp_path, "labels.csv", *words)
    (tmp_path / "labels.csv").unlink()
    for text, words in {
        "{": "cannot read",
        "[1, 2]": "not understood",
        '{"a.png": [1, 0], "b.png": 1}': "some pictures have a label",
        '{"a.png": null}': "None",
        "null": "gives no",
    }.items():
        (tmp_path / "labels.json").write_text(text)
        wrong(tmp_path, "labels.json", words)


def test_one_picture_by_its_path_and_in_a_folder(tmp_path):
    put(tmp_path / "a.png"), put(tmp_path / "b.png")
    assert open_data(str(tmp_path / "a.png")).names == ["a.png"]
    codec = fit(source := open_data(str(tmp_path / "b.png")), Images())
    assert codec.encode(source)["x"].shape == (1, 3, 6, 5)


def test_pictures_of_one_pixel(tmp_path):
    for i in range(3):
        put(tmp_path / f"{i}.png", (1, 1))
    source = open_data(str(tmp_path))
    assert fit(source, Images()).encode(source)["x"].shape == (3, 3, 1, 1)


# ---- damage


def test_corrupt_files_are_named_and_skipped_and_everything_stays_aligned(tmp_path):
    pixels = {name: put(tmp_path / name) for name in ("cat/1.png", "cat/3.png", "dog/5.png")}
    (tmp_path / "cat" / "2.jpg").write_bytes(b"no picture")
    put(tmp_path / "dog" / "4.jpg", (64, 64))
    (tmp_path / "dog" / "4.jpg").write_bytes((tmp_path / "dog" / "4.jpg").read_bytes()[:900])
    (tmp_path / "dog" / "6.png").write_bytes(b"")
    source = open_data(str(tmp_path))
    assert source.names == list(pixels) and source.labels.tolist() == [0, 0, 1] and len(source.hashes()) == len(source) == 3
    assert [problem.split(":")[0] for problem in source.problems] == ["skipped cat/2.jpg", "skipped dog/4.jpg", "skipped dog/6.png"]
    assert "truncated" in source.problems[1]
    batch = fit(source, Images()).encode(source)
    assert np.array_equal(batch["x"].permute(0, 2, 3, 1), np.stack(list(pixels.values())))
    assert [entry["name"] for entry in source.describe()["corrupt"]] == ["cat/2.jpg", "dog/4.jpg", "dog/6.png"]


def test_a_damaged_member_of_an_archive_is_skipped(tmp_path):
    put(tmp_path / "d" / "a.png"), put(tmp_path / "d" / "b.png")
    archive = zipped(tmp_path / "d", tmp_path / "d.zip")
    content = bytearray(archive.read_bytes())
    content[content.index(b"IDAT") + 20] ^= 255
    archive.write_bytes(content)
    source = open_data(str(archive))
    assert source.names == ["b.png"] and "cannot be unpacked" in source.problems[0]


def test_what_cannot_be_used_is_refused_in_one_line(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("a"), (tmp_path / "texts" / "b.txt").write_text("b"), (tmp_path / "texts" / "README").write_text("c")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "a.jpg").write_bytes(b"a"), (tmp_path / "bad" / "b.jpg").write_bytes(b"b")
    (tmp_path / "x.zip").write_bytes(b"no archive")
    (tmp_path / "x.docx").write_bytes(b"?")
    wrong(tmp_path / "empty", "no pictures", "nothing")
    wrong(tmp_path / "texts", "no pictures", "2 .txt", "1 without suffix")
    wrong(tmp_path / "bad", "none of the 2 pictures", "a.jpg")
    wrong(tmp_path / "x.zip", "zip archive")
    wrong(tmp_path / "x.docx", "no known kind")
    wrong(tmp_path / "gone", "there is no data at")
    assert "did you mean 'digits'" in wrong("digitz", "no data at digitz")
    assert "did you mean" not in wrong("./digitz")


# ---- arrays


@pytest.mark.parametrize("shape", [(5, 4, 6), (5, 4, 6, 1), (5, 1, 4, 6), (5, 4, 6, 3), (5, 3, 4, 6), (5, 4, 6, 4)])
@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_arrays_of_pictures(tmp_path, shape, suffix):
    array = DRAW.integers(0, 256, shape, dtype=np.uint8)
    file = tmp_path / f"pictures{suffix}"
    np.save(file, array) if suffix == ".npy" else np.savez(file, array)
    source = open_data(str(file))
    x = fit(source, Images()).encode(source)["x"].numpy()
    wanted = array[:, None] if array.ndim == 3 else array if shape[1] in (1, 3) else array.transpose(0, 3, 1, 2)
    assert np.array_equal(x, wanted) and source.name == "pictures"
    assert fit(source, Images(resolution=2, channels=3)).encode(source)["x"].shape == (5, 3, 2, 2)


@pytest.mark.parametrize("y", [np.array([7, 3, 7]), np.array([[7], [3], [7]]), np.array(["dog", "cat", "dog"])])
def test_labels_in_an_npz(tmp_path, y):
    np.savez(tmp_path / "a.npz", images=np.zeros((3, 2, 2), np.uint8), labels=y)
    source = open_data(str(tmp_path / "a.npz"))
    assert source.labels.tolist() == [1, 0, 1] and source.classes in (("3", "7"), ("cat", "dog"))


def test_wrong_arrays_are_explained(tmp_path):
    pictures = np.zeros((3, 2, 2), np.uint8)
    for content, words in {
        "float": ({"x": pictures.astype(float)}, ("float64", "uint8")),
        "vector": ({"x": np.zeros(3)}, ("shape (3,)",)),
        "channels": ({"x": np.zeros((3, 5, 5, 2), np.uint8)}, ("1, 3 or 4 channels",)),
        "empty": ({"x": pictures[:0]}, ("no pictures",)),
        "labels": ({"x": pictures, "y": np.zeros(2, int)}, ("3 pictures", "(2, 1)")),
        "kinds": ({"x": pictures, "y": np.zeros(3)}, ("float64",)),
        "names": ({"pixels": pictures}, ("pixels", "call the array of items x")),
        "objects": ({"x": np.array([{}, {}], object)}, ("cannot read",)),
    }.values():
        np.savez(tmp_path / "a.npz", **content)
        wrong(tmp_path / "a.npz", *words)
    (tmp_path / "a.npy").write_bytes(b"nothing")
    wrong(tmp_path / "a.npy", "cannot read")


# ---- identity and description


def test_the_same_pixels_in_two_formats_are_duplicates(tmp_path):
    pixels = put(tmp_path / "a.png")
    Image.fromarray(pixels).save(tmp_path / "b.bmp")
    Image.fromarray(pixels).convert("RGBA").save(tmp_path / "c.png")
    put(tmp_path / "d.png")
    source = open_data(str(tmp_path))
    assert len(set(source.hashes())) == 2
    assert source.describe()["duplicates"] == {"count": 2, "examples": [["a.png", "b.bmp", "c.png"]]}
    np.save(tmp_path / "x.npy", pixels[None])
    assert open_data(str(tmp_path / "x.npy")).hashes()[0] == source.hashes()[0]


def test_inspect_tells_what_is_there(tmp_path):
    put(tmp_path / "cat" / "a.jpg", (30, 20)), put(tmp_path / "cat" / "b.png", (30, 20)), put(tmp_path / "dog" / "c.png", (90, 60))
    told = open_data(str(tmp_path)).describe()
    assert json.loads(json.dumps(told)) == told
    assert told["count"] == 3 and told["formats"] == {"PNG": 2, "JPEG": 1} and told["modes"] == {"colour": 3}
    assert told["labels"] == {"cat": 2, "dog": 1} and told["labels_from"] == "sub-folders"
    assert told["sizes"]["width"] == {"min": 20, "median": 20.0, "max": 60} and told["sizes"]["most_frequent"] == {"20x30": 2, "60x90": 1}
    assert told["derived"] == {
        "resolution": {"value": [30, 20], "why": "the median picture is 20x30"},
        "channels": {"value": 3, "why": "3 of 3 pictures have colour"},
    }


# ---- the cache


@pytest.fixture
def counted(monkeypatch):
    """How many files were decoded, by the name of the pass."""
    counts = {"survey": 0, "pixels_of": 0}
    for module, name in ((image_survey, "survey"), (image_source, "pixels_of")):
        real = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *a, name=name, real=real: (counts.update({name: counts[name] + 1}), real(*a))[1])
    return counts


def test_the_second_opening_decodes_nothing(tmp_path, counted):
    for i in range(5):
        put(tmp_path / f"{i}.png")
    for _ in range(2):
        source = open_data(str(tmp_path))
        first = fit(source, Images()).encode(source)["x"]
        assert counted == {"survey": 5, "pixels_of": 5}
    fit(source, Images(resolution=3)).encode(source)
    assert counted == {"survey": 5, "pixels_of": 10}
    put(tmp_path / "2.png")
    source = open_data(str(tmp_path))
    assert counted["survey"] == 10
    assert (fit(source, Images()).encode(source)["x"] != first).any(dim=(1, 2, 3)).tolist() == [False, False, True, False, False]
    assert (cache() / "images").is_dir()


def test_new_labels_need_no_decoding(tmp_path, counted):
    put(tmp_path / "a.png"), put(tmp_path / "b.png")
    assert open_data(str(tmp_path)).labels is None
    (tmp_path / "labels.csv").write_text("a.png,x\nb.png,y\n")
    assert open_data(str(tmp_path)).classes == ("x", "y") and counted["survey"] == 2


def test_a_collection_that_changes_under_way_is_noticed(tmp_path):
    put(tmp_path / "a.png"), put(tmp_path / "b.png")
    source = open_data(str(tmp_path))
    (tmp_path / "b.png").unlink()
    with pytest.raises(UserError, match=r"b\.png .* changed while"):
        fit(source, Images()).encode(source)
    assert not list((cache() / "images").glob(".*"))


def test_many_files_are_decoded_in_processes_with_the_same_result(tmp_path, monkeypatch):
    for i in range(2 * workers.CHUNK + 3):
        put(tmp_path / f"{i:03d}.png", (8 + i % 3, 8))
    (tmp_path / "005.png").write_bytes(b"bad")
    here = open_data(str(tmp_path))
    x = fit(here, Images()).encode(here)["x"]
    shutil.rmtree(cache() / "images")
    monkeypatch.setattr(workers, "MANY", 1)
    there = PictureFiles(tmp_path)
    assert there.names == here.names and there.hashes() == here.hashes() and there.problems == here.problems
    assert (fit(there, Images()).encode(there)["x"] == x).all()


def test_a_large_collection_is_decoded_once(tmp_path, counted, monkeypatch):
    """A sample tells the encoding, and the first pass writes the pixels on its way; also where a file is damaged, or other pixels are asked for."""
    for i in range(12):
        put(tmp_path / f"{i:03d}.png")
    (tmp_path / "005.png").write_bytes(b"bad")
    twice = open_data(str(tmp_path))
    wanted = {size: fit(twice, Images(resolution=size)).encode(twice)["x"] for size in ("auto", 3)}
    shutil.rmtree(cache() / "images")
    monkeypatch.setattr(workers, "MANY", 1)
    monkeypatch.setattr(image_survey, "SAMPLE", 4)
    monkeypatch.setattr(workers, "_results", lambda function, chunks, arguments, many: (function(c, *arguments) for c in chunks))
    counted.update(pixels_of=0)
    once = PictureFiles(tmp_path)
    assert (fit(once, Images()).encode(once)["x"] == wanted["auto"]).all() and counted["pixels_of"] == 0
    assert (fit(once, Images(resolution=3)).encode(once)["x"] == wanted[3]).all() and counted["pixels_of"] == 11
    shutil.rmtree(cache() / "images")
    monkeypatch.setattr(image_survey, "AT_ONCE", 100)                      # too much to write unasked
    later = PictureFiles(tmp_path)
    assert (fit(later, Images()).encode(later)["x"] == wanted["auto"]).all() and counted["pixels_of"] == 22


def test_a_script_without_a_main_guard_still_works(tmp_path):
    for i in range(workers.CHUNK + 2):
        put(tmp_path / "d" / f"{i}.png")
    script = tmp_path / "script.py"
    script.write_text(
        "from sparring.modalities import workers\nworkers.MANY = 1\nprint('once')\n"
        f"from sparring.modalities.open import open_data\nprint(len(open_data({str(tmp_path / 'd')!r})))\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, env=os.environ | {"SPARRING_CACHE": str(tmp_path / "cache")})
    assert done.stdout == f"once\n{workers.CHUNK + 2}\n" and not done.stderr, done.stderr


def test_a_full_disk_is_an_error_and_leaves_no_half_entry(tmp_path, monkeypatch):
    put(tmp_path / "a.png")
    source = open_data(str(tmp_path))
    real = files.os.fsync

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(files.WorkError, match="disk is full"):
        fit(source, Images()).encode(source)
    monkeypatch.setattr(files.os, "fsync", real)
    assert fit(source, Images()).encode(source)["x"].shape == (1, 3, 6, 5)


# ---- built-ins


@pytest.mark.parametrize(("name", "count", "side"), [("digits", 5000, 28), ("digits8", 1797, 8)])
def test_built_in_digits(name, count, side):
    source = open_data(name)
    assert len(source) == len(set(source.hashes())) == count and source.classes == tuple("0123456789") and source.name == name
    codec = fit(source, Images())
    batch = codec.encode(source, np.arange(100))
    assert batch["x"].shape == (100, 1, side, side) and batch["x"].max() == 255 and batch["y"].shape == (100,)
    assert codec.space.shape == (1, side, side) and codec.why["resolution"] == f"all pictures are {side}x{side}"


def test_absent_packages_are_named(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    wrong("digits", 'pip install "sparring[demo]"')


def test_points_come_through_the_same_door(tmp_path):
    assert open_data("ring").kind == BUILTINS["ring"].modality == "points"
    np.save(tmp_path / "p.npy", DRAW.normal(size=(5, 2)))
    np.savez(tmp_path / "p.npz", x=DRAW.normal(size=(5, 2)))
    (tmp_path / "p.csv").write_text("1,2\n3,4\n")
    assert [len(open_data(str(tmp_path / name))) for name in ("p.npy", "p.npz", "p.csv")] == [5, 5, 2]


def test_listing_and_opening_pictures_need_no_torch(tmp_path):
    put(tmp_path / "a.png")
    code = f"""
import sys
from sparring.modalities.open import open_data
open_data("digits8").describe(), open_data({str(tmp_path)!r}).describe()
assert not {{"torch", "pandas", "sklearn", "mlxtend"}} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_csv_with_empty_cells(tmp_path):
    """An empty cell is a missing value: its row is left out, with or without a header."""
    for text in ("x,y\n1,2\n3,\n4,5\n", "1,2\n,3\n4,5\n"):
        (tmp_path / "holes.csv").write_text(text)
        source = open_data(str(tmp_path / "holes.csv"))
        assert source.items.tolist() == [[1, 2], [4, 5]] and "1 of 3 rows" in source.problems[0]
    (tmp_path / "holes.csv").write_text("1,2\n3,x\n")
    with pytest.raises(UserError, match="line 2: 'x' is no number"):
        open_data(str(tmp_path / "holes.csv"))
