"""Pictures cut into tiles: nothing is resized, tiles of one picture stay together, what is too small is said."""

import numpy as np
import pytest
from PIL import Image

from sparring.base.errors import UserError
from sparring.modalities.image_source import PictureArray
from sparring.modalities.image_tiles import Tiles, cut
from sparring.modalities.images import fit
from sparring.modalities.open import open_data
from sparring.modalities.settings import Images
from sparring.modalities.split import Split, split

DRAW = np.random.default_rng(0)


@pytest.fixture
def folder(tmp_path):
    for label, name, (h, w) in (("a", "1.png", (70, 133)), ("a", "2.png", (64, 64)), ("b", "3.png", (40, 200)), ("b", "4.png", (129, 65))):
        (tmp_path / label).mkdir(exist_ok=True)
        Image.fromarray(DRAW.integers(0, 256, (h, w, 3), dtype=np.uint8)).save(tmp_path / label / name)
    return tmp_path


def test_tiles_are_the_pictures_own_pixels_from_the_centre(folder):
    source = open_data(str(folder))
    codec = fit(source, Images(fit="tiles", resolution=64))
    tiles = codec.items(source)
    assert codec.items(tiles) is tiles
    assert [len([o for o in tiles.owner if o == i]) for i in range(4)] == [2, 1, 0, 2]
    x = codec.encode(tiles)["x"].numpy()
    whole = np.asarray(Image.open(folder / "a" / "1.png")).transpose(2, 0, 1)
    assert np.array_equal(x[0], whole[:, 3:67, 2:66]) and np.array_equal(x[1], whole[:, 3:67, 66:130])
    assert tiles.classes == ("a", "b") and tiles.labels.tolist() == [0, 0, 0, 1, 1]
    assert any("1 pictures are smaller" in p for p in tiles.problems)
    last = np.asarray(Image.open(folder / "b" / "4.png")).transpose(2, 0, 1)
    assert np.array_equal(codec.encode(tiles, np.array([4]))["x"].numpy()[0], last[:, 64:128, :64])


def test_arrays_have_the_same_tiles(folder):
    array = DRAW.integers(0, 256, (3, 16, 24, 1), dtype=np.uint8)
    source = PictureArray("array", array)
    codec = fit(source, Images(fit="tiles", resolution=8))
    x = codec.encode(codec.items(source))["x"].numpy()
    assert x.shape == (18, 1, 8, 8) and np.array_equal(x[7], array[1, :8, 8:16].transpose(2, 0, 1))
    assert np.array_equal(cut(array[0].transpose(2, 0, 1), (8, 8), 2, 3), x[:6])


def test_one_picture_never_parts():
    source = PictureArray("array", DRAW.integers(0, 256, (40, 16, 16, 3), dtype=np.uint8))
    tiles = Tiles(source, (8, 8))
    parts = split(tiles.hashes(), Split(validation=0.2, test=0.3))
    owners = [set(tiles.owner[rows]) for rows in parts.values()]
    assert sum(map(len, owners)) == 40 and sorted(np.concatenate(list(parts.values()))) == list(range(160))


def test_the_size_is_derived_and_errors_say_what_to_do(folder):
    assert fit(open_data(str(folder)), Images(fit="tiles")).encoding.size == (40, 40)
    large = PictureArray("large", DRAW.integers(0, 256, (5, 100, 90, 3), dtype=np.uint8))
    assert fit(large, Images(fit="tiles")).encoding.size == (64, 64)
    with pytest.raises(UserError, match="smaller than a tile of 256x256.*--resolution"):
        Tiles(open_data(str(folder)), (256, 256))
    with pytest.raises(UserError, match="too small to be cut"):
        fit(PictureArray("small", np.zeros((5, 3, 9, 1), np.uint8)), Images(fit="tiles"))
