"""Two collections of pictures as one source: pairs by name, halves, label maps, collections without pairs."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from sparring.base.errors import UserError
from sparring.modalities.kinds import fit, load_codec, save_codec
from sparring.modalities.label_maps import Palette, placed
from sparring.modalities.open import open_data, open_named
from sparring.modalities.settings import Images, Pairs
from sparring.modalities.split import Split
from sparring.play.stream import Together
from sparring.runs.data import prepare

DRAW = np.random.default_rng(7)


def noise(h=12, w=12):
    return DRAW.integers(0, 256, (h, w, 3), dtype=np.uint8)


def put(path, pixels, **saved):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **saved)


def folders(root, a, b):
    """Noise under these names in the folders a and b."""
    for folder, names in (("a", a), ("b", b)):
        for name in names:
            put(root / folder / name, noise())
    return f"{root / 'a'}::{root / 'b'}"


# ---- pairing


def test_pairs_have_the_same_names_whatever_their_suffixes_and_folders(tmp_path):
    text = folders(tmp_path, ["x/1.png", "x/2.png", "y/1.png"], ["x/1.jpg", "x/2.jpg", "y/1.jpg"])
    source = open_data(text)
    assert source.kind == "pairs" and source.paired and len(source) == 3 and not source.problems
    codec = fit(source, Pairs())
    assert codec.space.paired and codec.encoding.pairing == "paired" and "3 of 3" in codec.why["pairing"]
    assert source.classes == ("x", "y") and codec.space.labels == ("x", "y")          # of what is made
    x, given = codec.encode(source)["x"], codec.given(source)
    for row, name in enumerate(source.a.names):
        with Image.open(tmp_path / "a" / name) as picture:
            assert (given[row].permute(1, 2, 0).numpy() == np.asarray(picture)).all()
        assert source.b.names[row].removesuffix(".jpg") == name.removesuffix(".png")
    assert x.shape == given.shape == (3, 3, 12, 12)


def test_only_common_names_are_pairs_and_the_others_are_counted(tmp_path):
    source = open_data(folders(tmp_path, [f"{i}.png" for i in range(6)], [f"{i}.png" for i in range(1, 9)]))
    assert source.paired and len(source) == 5
    assert source.a.names == source.b.names == [f"{i}.png" for i in range(1, 6)]
    assert source.problems == tuple(f"{n} pictures of {name} have no partner of their name and were left out" for n, name in ((1, "a"), (3, "b")))
    codec = fit(source, Pairs())
    with Image.open(tmp_path / "b" / "5.png") as picture:
        assert (codec.encode(source, np.array([4]))["x"][0].permute(1, 2, 0).numpy() == np.asarray(picture)).all()
    assert len(source.hashes()) == 5 and source.given_hashes() is None


def test_other_names_are_two_collections_and_a_setting_forces_it(tmp_path):
    text = folders(tmp_path, ["1.png", "2.png", "3.png"], ["4.png", "5.png"])
    source = open_data(text)
    assert not source.paired and len(source) == 2 and len(source.given_hashes()) == 3
    assert not fit(source, Pairs()).space.paired
    with pytest.raises(UserError, match="b has no picture called 1;"):
        fit(source, Pairs(pairing="paired"))
    same = open_data(folders(tmp_path / "same", ["1.png", "2.png"], ["1.png", "2.png"]))
    codec = fit(same, Pairs(pairing="unpaired"))
    assert same.paired and not codec.space.paired and not codec.items(same).paired


def test_arrays_are_pairs_when_they_are_as_many(tmp_path):
    for name, n in (("a", 5), ("b", 5), ("c", 4)):
        np.save(tmp_path / f"{name}.npy", DRAW.integers(0, 256, (n, 8, 8), dtype=np.uint8))
    assert open_data(f"{tmp_path / 'a.npy'}::{tmp_path / 'b.npy'}").paired
    unequal = open_data(f"{tmp_path / 'a.npy'}::{tmp_path / 'c.npy'}")
    assert not unequal.paired and len(unequal) == 4
    with pytest.raises(UserError, match="5 pictures and c 4"):
        unequal.arranged("paired", False)
    assert open_data("digits8::digits8").paired


def test_swapped_makes_a_from_b(tmp_path):
    source = open_data(folders(tmp_path, ["1.png"], ["1.png"]))
    plain, swapped = fit(source, Pairs()), fit(source, Pairs(swapped=True))
    arranged = swapped.items(swapped.items(source))                                  # asked for twice it is the same
    assert torch.equal(swapped.given(arranged), plain.encode(plain.items(source))["x"])
    assert torch.equal(swapped.encode(arranged)["x"], plain.given(plain.items(source)))


def test_full_names(tmp_path, monkeypatch):
    folders(tmp_path, ["1.png"], ["1.png"])
    monkeypatch.chdir(tmp_path)
    assert open_named("a::b")[0] == f"{tmp_path / 'a'}::{tmp_path / 'b'}"
    assert open_named("a::halves")[0] == f"{tmp_path / 'a'}::halves"
    assert open_named("digits8::digits")[0] == "digits8::digits"


@pytest.mark.parametrize(("text", "word"), [("a::", "A::B"), ("a::b::c", "A::B"), ("a::none", "none"), ("ring::a", "ring holds points")])
def test_what_is_no_pair_is_told(tmp_path, monkeypatch, text, word):
    folders(tmp_path, ["1.png"], ["1.png"])
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=word):
        open_data(text)


# ---- halves


def test_halves_lie_side_by_side(tmp_path):
    whole = [noise(8, 17) for _ in range(3)]                                          # an odd width: the middle belongs to neither
    for i, pixels in enumerate(whole):
        put(tmp_path / "both" / f"{i}.png", pixels)
    source = open_data(f"{tmp_path / 'both'}::halves")
    assert source.paired and len(source) == 3 and source.name == "both"
    codec = fit(source, Pairs())
    assert codec.space.shape == codec.space.given == (3, 8, 8)
    left, right = codec.given(source), codec.encode(source)["x"]
    for i, pixels in enumerate(whole):
        assert (left[i].permute(1, 2, 0).numpy() == pixels[:, :8]).all() and (right[i].permute(1, 2, 0).numpy() == pixels[:, 9:]).all()
    swapped = fit(source, Pairs(swapped=True))
    assert torch.equal(swapped.given(swapped.items(source)), right)
    assert codec.given(source, np.array([2, 0])).equal(left[[2, 0]])


# ---- label maps


def maps(root, palette=None):
    """Three maps of three classes with their photographs; values 0, 3 and 7, or a palette's colours."""
    every = []
    for i in range(3):
        numbers = DRAW.integers(0, 3, (8, 10)).astype(np.uint8)
        every.append(numbers)
        if palette is None:
            put(root / "a" / f"{i}.png", np.array([0, 3, 7], np.uint8)[numbers])
        else:
            picture = Image.fromarray(numbers).convert("P")
            picture.putpalette([c for colour in palette for c in colour])
            (root / "a").mkdir(parents=True, exist_ok=True)
            picture.save(root / "a" / f"{i}.png")
        put(root / "b" / f"{i}.png", noise(8, 10))
    return f"{root / 'a'}::{root / 'b'}", np.stack(every)


@pytest.mark.parametrize("palette", [None, [(0, 0, 0), (0, 200, 10), (250, 20, 30)]])
def test_label_maps_are_one_hot_and_keep_their_colours(tmp_path, palette):
    text, numbers = maps(tmp_path, palette)
    source = open_data(text)
    codec = fit(source, Pairs())
    assert codec.encoding.inputs == "labels" and "3 colours" in codec.why["inputs"]
    assert codec.space.given == (3, 8, 10) and codec.space.classes == 3 and not codec.space.alike
    compact = codec.given(source)
    assert compact.dtype == torch.uint8 and (compact[:, 0].numpy() == numbers).all()
    seen = codec.expand({"given": compact})["given"]
    assert set(seen.unique().tolist()) == {-1, 1} and (seen.argmax(1).numpy() == numbers).all() and (seen.sum(1) == -1).all()
    save_codec(codec, tmp_path / "codec")
    again = load_codec(tmp_path / "codec")
    assert again.space == codec.space and again.encoding == codec.encoding
    shown = again.taken.shown(seen)
    assert len(np.unique(shown.reshape(-1, 3), axis=0)) == 3
    if palette:
        assert (shown == np.array(palette)[numbers]).all()
    else:                                                                             # 0, 3 and 7 are all black to the eye
        assert np.ptp(np.unique(shown.reshape(-1, 3), axis=0).astype(int), 0).max() > 60
    written = again.taken.written(seen[0].add(1).mul(127).byte())
    with Image.open(tmp_path / "a" / "0.png") as picture:
        same = np.asarray(picture if palette is None else picture.convert("RGB"))
        assert (again.taken.read(picture.convert("RGB"), "0.png")[..., 0] == numbers[0]).all()
    assert (written.permute(1, 2, 0).numpy() == same.reshape(8, 10, -1)).all()


def test_many_colours_are_a_picture_and_a_setting_forces_either(tmp_path):
    text, _ = maps(tmp_path)
    source = open_data(text)
    assert fit(source, Pairs(inputs="picture")).space.given == (1, 8, 10)
    photos = open_data(folders(tmp_path / "photos", ["1.png"], ["1.png"]))
    assert fit(photos, Pairs()).encoding.inputs == "picture"
    with pytest.raises(UserError, match="more than 64 colours"):
        fit(photos, Pairs(inputs="labels"))


def test_a_photograph_that_the_sample_missed_still_makes_pictures(tmp_path, monkeypatch):
    text, _ = maps(tmp_path)
    put(tmp_path / "a" / "9.png", noise(8, 10))
    put(tmp_path / "b" / "9.png", noise(8, 10))
    monkeypatch.setattr("sparring.modalities.label_maps.SAMPLE", 1)
    assert fit(open_data(text), Pairs()).encoding.inputs == "picture"


def test_one_colour_is_no_label_map(tmp_path):
    for i in range(2):
        put(tmp_path / "a" / f"{i}.png", np.full((8, 10), 3, np.uint16))                  # class numbers of 16 bits: all become 0
        put(tmp_path / "b" / f"{i}.png", noise(8, 10))
    source = open_data(f"{tmp_path / 'a'}::{tmp_path / 'b'}")
    assert fit(source, Pairs()).encoding.inputs == "picture"
    with pytest.raises(UserError, match="8 bits"):
        fit(source, Pairs(inputs="labels"))


def test_another_colour_is_told(tmp_path):
    text, _ = maps(tmp_path)
    codec = fit(open_data(text), Pairs())
    put(tmp_path / "a" / "3.png", np.full((8, 10), 9, np.uint8))
    put(tmp_path / "b" / "3.png", noise(8, 10))
    with pytest.raises(UserError, match="3.png has the colour grey 9"):
        codec.given(open_data(text))
    with pytest.raises(UserError, match="#ff0001"):
        codec.taken.read(Image.new("RGB", (2, 2), "#ff0001"), "x.png")


@pytest.mark.parametrize("fit_", ["crop", "pad", "stretch"])
@pytest.mark.parametrize("size", [(6, 6), (24, 20), (5, 9), (12, 16)])
def test_label_maps_lie_where_pictures_lie(fit_, size):
    """Against the picture of each class, fitted as pictures are: the class of a place is the one that is brightest there."""
    from sparring.modalities.image_pixels import fitted

    numbers = np.zeros((12, 16), np.uint8)
    numbers[:, 8:] = 1
    numbers[6:, 4:12] = 2
    made = placed(numbers, size, fit_)
    share = np.stack([fitted(Image.fromarray(((numbers == i) * 255).astype(np.uint8)), size, 1, fit_)[0] for i in range(3)])
    sure = share.max(0) > 200                                                        # away from borders between classes, and from bars
    assert sure.mean() > 0.3 and (made == share.argmax(0))[sure].all()
    assert (made[share.sum(0) == 0] == 0).all()
    if size == (12, 16):
        assert (made == numbers).all()


def test_palettes_find_every_number():
    colours = np.array([[i * 3 % 256, i * 7 % 256, i] for i in range(64)], np.uint8)[::-1]
    palette = Palette(colours)
    assert (palette.numbers(colours[None], "x")[0] == np.arange(64)).all()
    grey = Palette(np.repeat(np.arange(64, dtype=np.uint8)[:, None], 3, 1))
    assert len(np.unique(grey.shown, axis=0)) == 64
    dark, light = (Palette([[v] * 3 for v in values]) for values in ((0, 1), (0, 255)))
    assert not (dark.shown == dark.colours).all() and (light.shown == light.colours).all()


# ---- collections without pairs


def test_both_sides_are_split_and_dealt_on_their_own(tmp_path):
    text = folders(tmp_path, [f"a{i}.png" for i in range(30)], [f"b{i}.png" for i in range(25)])
    source = open_data(text)
    codec = fit(source, Pairs())
    data = prepare(text, source, codec, Split(test=0.2, validation=0.2))
    assert {name: len(rows) for name, rows in data.rows.items()} == {"train": 15, "validation": 5, "test": 5}
    assert {name: len(rows) for name, rows in data.given_rows.items()} == {"train": 18, "validation": 6, "test": 6}
    assert data.count("test") == 5 and len(data.given("test")) == 6
    stream = data.stream(4, seed=3, device="cpu", memory_format=torch.contiguous_format)
    assert isinstance(stream, Together) and stream.size == 18 and stream.batch == 4
    trained, seen = data.given("train"), []
    for k in range(5):
        batch = stream[k]
        assert batch["x"].shape == batch["given"].shape == (4, 3, 12, 12)
        assert all(torch.equal(batch[name], stream[k][name]) for name in batch)     # a function of (seed, k)
        seen.append(batch["given"])
    dealt = torch.cat(seen)[:18]
    ours = codec.expand({"given": trained})["given"]
    assert sorted(x.sum().item() for x in dealt) == pytest.approx(sorted(x.sum().item() for x in ours))        # an epoch is every picture once
    assert stream.streams[0].seed != stream.streams[1].seed
    put(tmp_path / "a" / "new.png", noise())
    assert prepare(text, open_data(text), codec, Split()).content != data.content    # a change of either side is noticed


def test_two_processes_deal_what_one_deals(monkeypatch):
    """By global index: batch k of two processes of 3 is batch k of one of 6, on both sides."""
    from sparring.play import stream as module

    tensors = {"x": torch.arange(20), "given": torch.arange(100, 117)}
    make = lambda batch: Together([module.Stream({name: t}, batch, seed=seed) for seed, (name, t) in enumerate(tensors.items())])
    alone = [make(6)[k] for k in range(8)]
    monkeypatch.setattr(module, "world", lambda: 2)
    for k, batch in enumerate(alone):
        parts = []
        for rank in range(2):
            monkeypatch.setattr(module, "rank", lambda rank=rank: rank)
            parts.append(make(3)[k])
        assert all(torch.equal(torch.cat([part[name] for part in parts]), batch[name]) for name in tensors)


def test_pairs_are_dealt_together(tmp_path):
    text = folders(tmp_path, [f"{i}.png" for i in range(12)], [f"{i}.png" for i in range(12)])
    source = open_data(text)
    data = prepare(text, source, fit(source, Pairs()), Split())
    batch = data.stream(12, seed=0, device="cpu", memory_format=torch.contiguous_format)[0]
    whole = data.codec.expand(data.whole() | {"given": data.given("whole")})
    for x, given in zip(batch["x"], batch["given"]):
        row = next(i for i, other in enumerate(whole["x"]) if torch.equal(x, other))
        assert torch.equal(given, whole["given"][row])


def test_labels_of_what_is_given_are_those_of_the_items(tmp_path):
    a, b = ["dog/1.png", "cat/2.png", "cat/3.png"], ["cat/4.png", "dog/5.png"]
    source = open_data(folders(tmp_path, a, b))
    codec = fit(source, Pairs())
    assert not codec.space.paired and codec.space.labels == ("cat", "dog")
    named = [Path(name).parts[0] for name in source.a.names]
    assert [codec.space.labels[y] for y in codec.given_labels(source)] == named
    assert [codec.space.labels[y] for y in codec.given_labels(source, np.array([2, 0]))] == [named[2], named[0]]
    for other in (["dog/1.png", "bird/2.png"], ["1.png"], ["dog/1.png"]):
        unlike = open_data(folders(tmp_path / other[-1], other, b))
        assert fit(unlike, Pairs(pairing="unpaired")).given_labels(unlike) is None


def test_what_is_given_is_shown_in_the_channels_of_what_is_made(tmp_path):
    for i in range(2):
        put(tmp_path / "a" / f"{i}.png", noise()[..., 0])
        put(tmp_path / "b" / f"{i}.png", noise())
    source = open_data(f"{tmp_path / 'a'}::{tmp_path / 'b'}")
    codec = fit(source, Pairs())
    assert codec.space.given == (1, 12, 12) and codec.space.shape == (3, 12, 12)
    given = codec.given(source)
    assert torch.equal(codec.shown(codec.expand({"given": given})["given"]), given.expand(-1, 3, -1, -1))
    assert codec.encoding.made() == Images(resolution=12, channels=3)
