"""What users do wrong is answered with one line that says what, where, and what to do; what is merely odd trains with a warning."""

import json
import pickle
import re
import shlex
import shutil
from pathlib import Path

import pytest
import torch

from sparring.runs.lock import Lock
from tests.running import PICTURES, ended, pictures, points, start

ARGUMENTS = {
    "unknown command": ("trian", "did you mean 'train'"),
    "unknown recipe": ("train dcgam --data points.csv", "did you mean 'dcgan'"),
    "unknown recipe to show": ("show gann", "did you mean 'gan'"),
    "unknown recipe to cite": ("cite gann", "did you mean 'gan'"),
    "unknown option": ("list --jsn", "--jsn"),
    "unknown setting": ("train gan --data points.csv --penalty.gama 1", "did you mean '--game.penalty.gamma'"),
    "setting without value": ("train gan --data points.csv --batch", "--batch needs a value"),
    "no setting": ("train gan --data points.csv 7", "unrecognised: '7'"),
    "unknown kind": ("train gan --data points.csv --penalty.kind r3", "'r1.r2'"),
    "wrong type": ("train gan --data points.csv --batch many", "whole number|valid integer"),
    "wrong type of an option": ("train gan --data points.csv --rounds x", "--rounds"),
    "not finite": ("train gan --data points.csv --penalty.gamma nan", "gamma"),
    "out of range": ("train gan --data points.csv --batch -1", "greater than 0"),
    "settings against each other": ("train projected --data pictures --discriminator.pixels 0 --every 4", "--game.[a-z.]+: rounds without a look"),
    "no thread": ("train gan --data points.csv --hardware.threads 0", "greater than 0"),
    "no rounds": ("train gan --data points.csv --rounds 0", "--rounds"),
    "no minutes": ("train gan --data points.csv --minutes 0", "--minutes must be above 0"),
    "two lengths": ("train gan --data points.csv --rounds 3 --minutes 1", "not both"),
    "absent device": ("train gan --data points.csv --device cuda", "no cuda device|CUDA"),
    "unknown device": ("train gan --data points.csv --device tpu", "cpu, cuda or mps"),
    "unknown metric to watch": ("train gan --data points.csv --watching.metrics fdd", "did you mean 'fd'"),
    "no recipe": ("train", "which recipe"),
    "no data": ("train gan", "which data"),
    "absent data": ("train gan --data absent.csv", "there is no data at absent.csv"),
    "nearly a built-in": ("inspect rings", "did you mean 'ring'"),
    "data of another kind": ("train dcgan --data points.csv", "takes images"),
    "data without labels": ("train cgan --data points.csv", "needs labels"),
    "file of no kind": ("train gan --data notes/a.txt", "of no known kind"),
    "empty folder": ("train dcgan --data empty", "no pictures in"),
    "folder of texts": ("train dcgan --data notes", "only 1 .txt"),
    "corrupt pictures": ("train dcgan --data corrupt", "none of the 3 pictures"),
    "labels of absent pictures": ("train dcgan --data mislabelled", "absent.png"),
    "absent config": ("train gan --data points.csv --config absent.yaml", "cannot read absent.yaml"),
    "config that is a folder": ("train gan --data points.csv --config empty", "cannot read empty"),
    "config that is no YAML": ("train gan --data points.csv --config broken.yaml", "neither YAML nor JSON"),
    "config of bytes": ("train gan --data points.csv --config bytes.yaml", "neither YAML nor JSON"),
    "config that is a list": ("train gan --data points.csv --config list.yaml", "must hold a mapping"),
    "unknown setting in a config": ("train gan --data points.csv --config misspelt.yaml", "'game.penalty.gama'.*did you mean 'gamma'"),
    "wrong type in a config": ("train gan --data points.csv --config number.yaml", "number.yaml: game"),
    "unknown kind in a config": ("train gan --data points.csv --config kind.yaml", "no .* is called 'nonsense'"),
    "existing run": ("train gan --data points.csv --run run", "already holds a run.*sparring resume"),
    "existing file as run": ("train gan --data points.csv --run points.csv", "already holds something else"),
    "start from no run": ("train gan --data points.csv --run new --from empty", "no run folder"),
    "start from another shape": ("train gan --data points.csv --run new --from run --generator.width 9", "does not fit"),
    "fewer rounds than played": ("resume run --rounds 2", "played 4 rounds already"),
    "resume to no rounds": ("resume run --rounds 0", "at least 1"),
    "resume for no minutes": ("resume run --minutes -1", "above 0"),
    "no samples": ("sample run -n 0", "at least 1"),
    "seeds backwards": ("sample run --seeds 9-1", "range like 0-9"),
    "label without labels": ("sample run --label cat", "was not told labels"),
    "unknown label": ("sample labelled --label lift", "did you mean 'left'"),
    "samples of no format": ("sample run --out samples.xyz", ".csv"),
    "grid of no format": ("sample run --grid --out grid.xyz", ".png"),
    "unknown metric": ("measure run --metrics coverege", "did you mean 'coverage'"),
    "too few to measure": ("measure run -n 3", "at least 10"),
    "a document of a training": ("train gan --data points.csv --json", "--dry-run"),
    "samples without data": ("measure points.csv", "--data"),
    "measure against absent data": ("measure run --data absent.csv", "there is no data"),
    "score another kind": ("score run pictures", "holds images, the run was trained on points"),
    "a judge that learns nothing": ("measure run --judge-steps 0", "--judge-steps must be at least 1"),
    "a judge of points": ("measure run --judge-steps 9", "no trained network judges"),
    "compare one": ("compare run", "two runs or more"),
}


@pytest.fixture
def world(call, data, points_run, labelled_run, tmp_path):
    """A working folder with everything that the table above names."""
    for name, source in {"points.csv": data / "points.csv", "pictures": data / "pictures", "run": points_run, "labelled": labelled_run}.items():
        (tmp_path / name).symlink_to(source)
    for name in ("empty", "notes", "corrupt", "mislabelled"):
        (tmp_path / name).mkdir()
    (tmp_path / "notes" / "a.txt").write_text("a note")
    for i in range(3):
        (tmp_path / "corrupt" / f"{i}.png").write_bytes(b"not a picture")
        shutil.copy(data / "pictures" / f"{i:02d}.png", tmp_path / "mislabelled" / f"{i}.png")
    (tmp_path / "mislabelled" / "labels.csv").write_text("file_name,label\n0.png,a\n1.png,b\n2.png,a\nabsent.png,b\n")
    texts = {
        "broken": "game: [1, 2\n", "list": "- 1\n", "misspelt": "game: {penalty: {gama: 3}}\n",
        "number": "game: 17\n", "kind": "game: {kind: nonsense}\n",
    }  # fmt: skip
    for name, text in texts.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\x00\x01")
    return tmp_path


@pytest.mark.parametrize("line, words", ARGUMENTS.values(), ids=ARGUMENTS)
def test_wrong_arguments_get_one_line(line, words, call, world):
    if words.startswith("no cuda") and torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    before = sorted(world.iterdir())
    outcome = call(*shlex.split(line))
    assert outcome.code == 2
    assert re.search(words, outcome.complaint), outcome.complaint
    assert sorted(world.iterdir()) == before, "nothing is left behind"
    assert not outcome.out


@pytest.mark.parametrize("line", ["trian", "train gan --data absent.csv", "sample empty", "train gan --data ring --batch 0"])
def test_the_same_as_a_process(line, tmp_path):
    (tmp_path / "empty").mkdir()
    outcome = ended(start(*shlex.split(line), cwd=tmp_path))
    assert outcome.code == 2 and outcome.complaint and not outcome.out


# ---- run folders that are not whole

READERS = ("resume", "sample", "score", "measure", "doctor", "report", "compare")


def read(call, command, run, data):
    more = {"score": [data / "points.csv"], "compare": [run], "resume": ["--rounds", "6"]}
    return call(command, run, *more.get(command, []))


@pytest.mark.parametrize("command", READERS)
@pytest.mark.parametrize("folder", ["absent", "empty", "pictures"])
def test_a_folder_that_is_no_run(command, folder, call, data, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "pictures").symlink_to(data / "pictures")
    assert "is no run folder" in read(call, command, folder, data).complaint or folder == "absent"
    assert read(call, command, folder, data).code == 2


def edited(name, change):
    """Changes a JSON file of a run."""

    def edit(run):
        document = json.loads((run / name).read_text())
        change(document)
        (run / name).write_text(json.dumps(document))

    return edit


NONSENSE = {
    "half a file": lambda run: (run / "recipe.json").write_text('{"recipe": '),
    "bytes": lambda run: (run / "recipe.json").write_bytes(b"\xff\xfe\x00"),
    "a list": lambda run: (run / "recipe.json").write_text("[]"),
    "no configuration": edited("recipe.json", lambda d: d.pop("configuration")),
    "a number for the configuration": edited("recipe.json", lambda d: d.update(configuration=3)),
    "a word for the seed": edited("recipe.json", lambda d: d.update(seed="x")),
    "negative rounds": edited("recipe.json", lambda d: d.update(rounds=-4)),
    "unknown kind": edited("recipe.json", lambda d: d["configuration"]["game"].update(kind="nonsense")),
    "unknown setting": edited("recipe.json", lambda d: d["configuration"]["game"].update(nonsense=1)),
    "wrong type": edited("recipe.json", lambda d: d["configuration"]["game"].update(noise=[1])),
    "no game": edited("recipe.json", lambda d: d["configuration"].pop("game")),
    "unresolved threads": edited("recipe.json", lambda d: d["configuration"]["hardware"].update(threads="auto")),
    "dotted path for a kind": edited("recipe.json", lambda d: d["configuration"]["game"].update(kind="os:system")),
}


@pytest.mark.parametrize("damage", NONSENSE.values(), ids=NONSENSE)
def test_a_recipe_edited_into_nonsense(damage, call, run, data):
    damage(run)
    for command in READERS:
        outcome = read(call, command, run, data)
        assert outcome.code == 2 and "recipe.json" in outcome.complaint, command


DAMAGE = {
    "data.json a list": ("resume", lambda run: (run / "data.json").write_text("[]"), "data.json is damaged"),
    "codec incomplete": ("sample", edited("codec/codec.json", lambda d: d.pop("mean")), "codec.json is damaged"),
    "codec of no kind": ("sample", edited("codec/kind.json", lambda d: d.update(kind=[3])), "modality"),
    "status incomplete": ("resume", edited("status.json", lambda d: d.pop("state")), "status.json is damaged"),
    "another architecture": ("sample", edited("recipe.json", lambda d: d["configuration"]["game"]["generator"].update(width=9)), "does not fit"),
    "no checkpoints": ("resume", lambda run: shutil.rmtree(run / "checkpoints"), "no checkpoint that is whole"),
}


@pytest.mark.parametrize("command, damage, words", DAMAGE.values(), ids=DAMAGE)
def test_other_damaged_files(command, damage, words, call, run, data):
    damage(run)
    outcome = read(call, command, run, data)
    assert outcome.code == 2 and words in outcome.complaint


def halve(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])


@pytest.mark.parametrize("name", ["weights.safetensors", "optimizers.safetensors", "clock.json"])
def test_checkpoints_cut_in_half(name, call, run, data):
    older, newest = sorted((run / "checkpoints").iterdir())[-2:]
    halve(newest / name)
    outcome = read(call, "resume", run, data)
    assert outcome.code == 0
    if name != "clock.json":                                     # without a clock it was never complete
        assert f"warning: checkpoint {newest.name} is damaged; going on from {older.name}" in outcome.err
    for checkpoint in (run / "checkpoints").iterdir():
        halve(checkpoint / name)
    for command in ("sample", "score", "measure", "compare"):
        assert "no checkpoint that is whole" in read(call, command, run, data).complaint, command
    outcome = call("resume", run, "--rounds", "7")
    assert outcome.code == 2 and "no checkpoint that is whole" in outcome.complaint


class Trap:
    """Unpickling it makes a file."""

    def __init__(self, path: str):
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


@pytest.mark.parametrize("dump", [pickle.dump, torch.save])
def test_pickled_weights_are_never_executed(dump, call, run, data, tmp_path):
    trap = tmp_path / "sprung"
    for checkpoint in (run / "checkpoints").iterdir():
        for name in ("weights.safetensors", "optimizers.safetensors"):
            with open(checkpoint / name, "wb") as file:
                dump({"generator": Trap(str(trap))}, file)
    for command in READERS:
        outcome = read(call, command, run, data)
        assert outcome.code == 2 and outcome.complaint or command in ("doctor", "report"), command       # these can do without weights
    assert not trap.exists()
    with open(checkpoint / name, "rb") as file:
        torch.load(file, weights_only=False) if dump is torch.save else pickle.load(file)
    assert trap.exists(), "the trap works"


def test_data_that_changed(call, run, data, tmp_path):
    moved = points(tmp_path / "points.csv")                          # the same content at another place
    edited("data.json", lambda d: d.update(data=str(moved)))(run)
    assert call("resume", run, "--rounds", "5").code == 0
    moved.write_text(moved.read_text() + "1,1\n")
    outcome = call("resume", run, "--rounds", "6")
    assert outcome.code == 2 and "have changed since the run began" in outcome.complaint
    moved.unlink()
    assert call("resume", run, "--rounds", "6").code == 2, "they are gone"
    assert call("sample", run, "-n", "2", "--out", "a.csv").code == 0, "sampling needs no data"


def test_a_second_writer_is_refused_and_readers_are_not(call, run):
    with Lock(run):
        outcome = call("resume", run, "--rounds", "5")
        assert outcome.code == 2 and "another process is writing" in outcome.complaint
        assert call("sample", run, "-n", "2", "--out", "a.csv").code == 0
        assert call("doctor", run).code == 0
    assert call("resume", run, "--rounds", "5").code == 0


# ---- odd, but it trains


def test_a_corrupt_picture_is_named(call, data, tmp_path):
    folder = shutil.copytree(data / "pictures", tmp_path / "photos")
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more of it")
    outcome = call("train", "dcgan", "--data", folder, "--rounds", "2", "--run", "run", *PICTURES)
    assert outcome.code == 0 and "warning: skipped broken.jpg" in outcome.err
    assert "broken.jpg" in call("inspect", folder).out
    assert sorted(f.name for f in folder.iterdir())[-1] == "broken.jpg", "the user's folder is as it was"


def test_one_picture_has_no_held_out_part(call, tmp_path):
    outcome = call("train", "dcgan", "--data", pictures(tmp_path / "one", n=1), "--rounds", "2", "--run", "run", *PICTURES)
    assert outcome.code == 0 and "warning: too few items to hold any out: nothing will be measured" in outcome.err
    assert call("sample", "run", "-n", "2", "--out", "made").code == 0
    assert "0 held-out items" in call("measure", "run").complaint


def test_few_pictures_are_not_measured(call, data):
    outcome = call("train", "dcgan", "--data", data / "pictures", "--rounds", "2", "--run", "run", *PICTURES)
    assert outcome.code == 0 and "warning: 2 items are held out, metrics need 10: nothing will be measured" in outcome.err


@pytest.mark.parametrize("recipe", ["dcgan", "gan"])
def test_single_pixels(recipe, call, tmp_path):
    outcome = call("train", recipe, "--data", pictures(tmp_path / "pixels", side=1), "--rounds", "2", "--run", "run", *PICTURES)
    assert outcome.code == 0 and "warning: every picture is a single pixel" in outcome.err
    assert call("sample", "run", "-n", "3", "--grid", "--out", "grid.png").code == 0
