"""A training may end at any moment: what is on disk can always be loaded, and going on gives the bits of never having stopped."""

import errno
import functools
import json
import os
import random
import shutil
import signal
import time
from pathlib import Path

import pytest
import torch

from sparring.games.classic import GAN
from sparring.runs.folder import Folder, whole
from sparring.runs.lock import Lock
from sparring.runs.looking import Looks
from sparring.runs.playing import ATTEMPTS, Playing
from tests.running import POINTS, Outcome, ended, fingerprint, in_process, points, start

OFTEN = ["--watching.checkpoint-minutes", "1e-6"]
SHORT = ["--rounds", "6", "--watching.tick", "2", "--watching.judge", "4", "--watching.preview", "6", *POINTS, *OFTEN]
LONG = ["--rounds", "120", "--watching.tick", "2", "--watching.preview", "0", *POINTS, *OFTEN]
ALONE = ["--split.validation", "0", "--split.test", "0"]
"""nothing held out: nothing is measured"""


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return points(tmp_path_factory.mktemp("data") / "points.csv")


@pytest.fixture(scope="module")
def short(data):
    return ["train", "gan", "--data", str(data), "--quiet", *SHORT]


@pytest.fixture(scope="module")
def long(data):
    return ["train", "gan", "--data", str(data), *LONG, *ALONE]


@pytest.fixture(scope="module")
def undisturbed(short, long, tmp_path_factory):
    """The two trainings from beginning to end."""
    from sparring.cli import main

    folder = tmp_path_factory.mktemp("undisturbed")
    for name, command in (("short", short), ("long", long)):
        assert main([*command, "--quiet", "--run", str(folder / name)]) == 0
    return folder


@pytest.fixture
def call(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: in_process(capsys, *arguments)


def finish(call, command) -> Outcome:
    """Resumes the run, or trains again where there is none yet."""
    outcome = call("resume", "run") if Path("run/recipe.json").exists() else call(*command, "--run", "run")
    assert outcome.code == 0, outcome.err
    return outcome


def rounds(run) -> list[int]:
    return [event["round"] for event in Folder(run).events()]


known = functools.cache(fingerprint)
"""of a run that nothing changes any more"""


def assert_same(run, other) -> None:
    """Weights and best of both are the same, no round is logged twice, and nothing half written is left."""
    assert fingerprint(run) == known(other)
    assert [(run / name).read_text() if (run / name).exists() else None for name in ("last", "best")] == [
        (other / name).read_text() if (other / name).exists() else None for name in ("last", "best")
    ]
    assert rounds(run) == sorted(set(rounds(run))) and set(rounds(other)) <= set(rounds(run))
    assert json.loads((run / "status.json").read_text())["state"] == "finished"
    assert not [left for left in run.rglob(".*") if left.suffix in (".tmp", ".old")]


# ---- signals


def wait_for(process, condition) -> None:
    while not condition():
        assert process.poll() is None, "it ended before it could be disturbed"
        time.sleep(0.002)


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_saves_and_says_how_to_resume(number, code, long, undisturbed, call, tmp_path):
    run = tmp_path / "run"
    process = start(*long, "--run", "run", cwd=tmp_path)
    wait_for(process, lambda: len(rounds(run)) > 20)
    process.send_signal(number)
    outcome = ended(process)
    assert outcome.code == code and outcome.last == "run"
    assert outcome.err.splitlines()[-1] == "interrupted; `sparring resume run` goes on"
    status = Folder(run).status()
    assert status["state"] == "interrupted" and 0 < status["round"] < 120
    assert Folder(run).checkpoint("last").name == f"{status['round']:06d}" and rounds(run)[-1] == status["round"]
    finish(call, long)
    assert_same(run, undisturbed / "long")


PLACES = [(Playing, "restore"), (Looks, "prepare"), (Playing, "look"), (Looks, "verdicts"), (Playing, "consult"), (Playing, "save")]


@pytest.mark.parametrize("part, where", PLACES, ids=[where for _, where in PLACES])
@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_at_any_place(part, where, number, code, short, undisturbed, call, tmp_path, monkeypatch):
    was, count = getattr(part, where), 0

    def then_signal(self, *arguments):
        nonlocal count
        count += 1
        done = was(self, *arguments)
        if count == 1:
            signal.raise_signal(number)
        return done

    monkeypatch.setattr(part, where, then_signal)
    outcome = call(*short, "--run", "run")
    assert outcome.code == code and "`sparring resume run` goes on" in outcome.err
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL, "handlers are put back"
    finish(call, short)
    assert_same(tmp_path / "run", undisturbed / "short")


# ---- kill -9


SOME = random.randrange(5, 40)
MOMENTS = {
    "before the folder is there": ("short", lambda run: list(run.parent.glob(".run.*.tmp"))),
    "before round 1": ("short", lambda run: (run / "status.json").exists()),
    "at a random round": ("long", lambda run: len(rounds(run)) > SOME),
    "during a save": ("long", lambda run: len(rounds(run)) > 5 and list((run / "checkpoints").glob(".*.tmp"))),
}


@pytest.mark.parametrize("name, moment", MOMENTS.values(), ids=MOMENTS)
def test_kill(name, moment, request, undisturbed, call, tmp_path):
    command = request.getfixturevalue(name)
    process = start(*command, "--run", "run", cwd=tmp_path)
    wait_for(process, lambda: moment(tmp_path / "run"))
    process.kill()
    assert ended(process).code == -signal.SIGKILL
    finish(call, command)
    assert_same(tmp_path / "run", undisturbed / name)


class Crashing:
    """Counts what changes the disk, and ends the process without a word before a given change."""

    NAMES = ("replace", "unlink", "rmdir", "truncate")

    def __init__(self, at: int | None):
        self.at, self.count = at, 0

    def wrap(self, function):
        def counted(*arguments, **named):
            if self.count == self.at:
                os._exit(9)
            self.count += 1
            return function(*arguments, **named)

        return counted

    def __enter__(self):
        self.were = {name: getattr(os, name) for name in self.NAMES}
        for name, function in self.were.items():
            setattr(os, name, self.wrap(function))
        return self

    def __exit__(self, *_):
        for name, function in self.were.items():
            setattr(os, name, function)


def forked(work) -> int:
    """The exit code of `work` done by a copy of this process."""
    if not (child := os.fork()):
        try:
            work()
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def crashed(at, call, *command) -> int:
    def work():
        with Crashing(at):
            call(*command)

    return forked(work)


def test_every_prefix_of_the_writes_can_be_resumed(short, undisturbed, call, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda handle: None)              # it matters when the power fails, and takes most of the time
    with Crashing(None) as changes:
        assert call(*short, "--run", "whole").code == 0
    assert changes.count > 40
    for at in range(changes.count):
        assert crashed(at, call, *short, "--run", "run") == 9
        assert not (tmp_path / "run/recipe.json").exists() or whole(Folder("run").checkpoint("last"))
        finish(call, short)
        assert_same(tmp_path / "run", undisturbed / "short")
        shutil.rmtree(tmp_path / "run")


# ---- no room


def full(*_, **__):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("what, allowed", [("fsync", 25), ("replace", 20), ("mkdir", 12)])
def test_a_full_disk(what, allowed, short, undisturbed, call, tmp_path, monkeypatch):
    was, count = getattr(os, what), 0

    def limited(*arguments, **named):
        nonlocal count
        count += 1
        return was(*arguments, **named) if count <= allowed else full()

    with monkeypatch.context() as patch:
        patch.setattr(os, what, limited)
        outcome = call(*short, "--run", "run")
    assert outcome.code == 1 and "the disk is full while writing" in outcome.complaint
    assert whole(Folder("run").checkpoint("last"))
    finish(call, short)
    assert_same(tmp_path / "run", undisturbed / "short")


def test_no_room_for_the_run_folder_leaves_nothing(short, call, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", full)
    assert "the disk is full" in call(*short, "--run", "run").complaint
    assert not list(tmp_path.iterdir())


def test_a_file_size_limit(long, undisturbed, call, tmp_path):
    """A limit of the operating system, hit by events.jsonl in the middle of the run."""
    program = "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)); from sparring.cli import main; sys.exit(main())"
    outcome = ended(start(*long, "--quiet", "--run", "run", cwd=tmp_path, python=("-c", program)))
    assert outcome.code == 1
    assert outcome.err.splitlines()[-1].startswith("error: a file-size limit was hit while writing run/events.jsonl")
    assert "Traceback" not in outcome.err
    assert json.loads((tmp_path / "run/status.json").read_text())["state"] == "failed"
    finish(call, long)
    assert_same(tmp_path / "run", undisturbed / "long")


# ---- not a number


@pytest.fixture
def poisoned(monkeypatch):
    """Makes the generator's loss NaN where the condition on the clock holds."""

    def poison(condition):
        was = GAN.generator_loss
        spoilt = lambda self, batch: {k: v * (torch.nan if condition(self.clock) else 1) for k, v in was(self, batch).items()}
        monkeypatch.setattr(GAN, "generator_loss", spoilt)

    return poison


def health(call) -> dict[str, dict]:
    return {finding["code"]: finding for finding in json.loads(call("doctor", "run", "--json").out)["findings"]}


def test_a_nan_is_skipped_and_counted(poisoned, short, call):
    poisoned(lambda clock: clock.round in (1, 4))
    assert call(*short, "--run", "run").code == 0
    assert [event["skipped"] for event in Folder("run").events()] == [{"generator": 1}, {}, {"generator": 1}]
    assert health(call)["not-finite"]["evidence"]["moves"] == 2
    assert call("sample", "run", "-n", "3", "--out", "three.csv").code == 0 and "nan" not in Path("three.csv").read_text()


LENGTHY = ["--rounds", "30"]


def test_lasting_nans_roll_back(poisoned, short, call, tmp_path):
    poisoned(lambda clock: clock.round >= 7 and clock.attempt == 0)
    outcome = call(*short, *LENGTHY, "--run", "run")
    assert outcome.code == 0
    assert "warning: 5 moves in a row were not finite: back to round 6, attempt 2, learning rates x 0.5" in outcome.err
    events = Folder("run").events()
    assert rounds("run") == list(range(2, 31, 2))
    assert [event["attempt"] for event in events] == [0] * 3 + [1] * 12
    found = health(call)["not-finite"]
    assert (found["severity"], found["evidence"]["roll_backs"]) == ("failing", 1)


@pytest.mark.parametrize("first", [0, 7])
def test_a_kill_after_a_roll_back_changes_nothing(first, poisoned, short, call, tmp_path, monkeypatch):
    """Also when it went back to round 0, where Adam has no moments yet."""
    long_ticks = ["--watching.tick", "6", "--rounds", "18"]
    poisoned(lambda clock: clock.round >= first and clock.attempt == 0)
    assert call(*short, *long_ticks, "--run", "straight").code == 0
    was = Playing.go_back

    def die(self):
        was(self)
        os._exit(9)

    with monkeypatch.context() as patch:
        patch.setattr(Playing, "go_back", die)
        assert forked(lambda: call(*short, *long_ticks, "--run", "run")) == 9
    finish(call, short)
    assert_same(tmp_path / "run", tmp_path / "straight")


def test_endless_nans_give_up(poisoned, short, call):
    poisoned(lambda clock: clock.round >= 7)
    outcome = call(*short, *LENGTHY, "--run", "run")
    assert outcome.code == 1
    assert outcome.err.count("moves in a row were not finite") == ATTEMPTS
    assert outcome.err.splitlines()[-1].startswith(f"error: training stays not finite after {ATTEMPTS} roll-backs: lower the learning rates")
    status = Folder("run").status()
    assert status["state"] == "failed" and "not finite" in status["error"]
    assert call("sample", "run", "-n", "3", "--out", "three.csv").code == 0, "what was learnt before is there"


def test_an_absurd_learning_rate_gives_up(short, call):
    outcome = call(*short, *LENGTHY, "--generator-optimizer.lr", "1e38", "--run", "run")
    assert outcome.code == 1 and "training stays not finite" in outcome.err.splitlines()[-1]
    assert all(tensor.isfinite().all() for tensor in weights("run"))


def weights(run):
    from sparring.play.checkpoint import read_tensors

    return read_tensors(Folder(run).checkpoint("last") / "weights.safetensors").values()


# ---- events


def test_half_an_event_is_forgotten(call, short, undisturbed, tmp_path):
    run = shutil.copytree(undisturbed / "short", tmp_path / "run")
    with open(run / "events.jsonl", "a") as file:
        file.write('{"round": 7, "terms')
    assert rounds(run) == [2, 4, 6]
    assert call("resume", run, "--rounds", "8").code == 0 and rounds(run) == [2, 4, 6, 8]


def test_a_lock_ends_with_its_process(tmp_path, call, short):
    call(*short, "--run", "run")
    with Lock(tmp_path / "run") as lock:
        assert Folder("run").lock.taken and lock
    assert not Folder("run").lock.taken
    assert forked(lambda: Lock(tmp_path / "run").__enter__()) == 0
    assert not Folder("run").lock.taken
