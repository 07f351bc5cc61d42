"""A run ends when the held-out score no longer improves; that changes nothing but where it ends."""

import json

import pytest

from sparring.play.checkpoint import digest
from sparring.runs.data import reopen
from sparring.runs.folder import Folder
from sparring.runs.looking import Looks
from sparring.runs.planning import plan, start
from sparring.runs.playing import Playing, make_trainer
from sparring.runs.progress import Quiet
from sparring.runs.run import Run
from tests.running import POINTS, fingerprint, in_process, points

STEADY = ["--generator-optimizer.lr", "1e-3", "--discriminator-optimizer.lr", "1e-3"]
FALLING = ["--generator-optimizer.lr", '{"shape": "cosine", "start": 1e-3, "end": 1e-5}', "--discriminator-optimizer.lr", "1e-3"]
WATCHED = ["--rounds", "100", "--watching.tick", "5", "--watching.judge", "10", "--watching.preview", "0", "--watching.patience", "3"]


@pytest.fixture
def train(capsys, tmp_path, monkeypatch):
    """Trains with a score that is a function of the round; returns (the folder, what it printed)."""
    data = points(tmp_path / "points.csv")

    def run(score, *flags, name="run"):
        made_up = lambda self: {"metrics": {"score": {"value": 0.0, "skill": score(self.game.clock.round)}}}
        monkeypatch.setattr(Looks, "judgement", made_up)
        outcome = in_process(capsys, "train", "gan", "--data", data, "--run", tmp_path / name, *WATCHED, *POINTS, *flags)
        assert outcome.code == 0, outcome.err
        return tmp_path / name, outcome.out + outcome.err

    return run


def status(folder) -> tuple:
    told = Folder(folder).status()
    return told["state"], told["round"], told["rounds"]


def test_a_run_that_does_not_improve_ends(train, capsys):
    run, said = train(lambda round: 0.5 if round >= 20 else 0.4, *STEADY)
    assert status(run) == ("finished", 50, 100) and Run(run, "last").checkpoint.name == "000050"
    line = "stopped early at round 50 of 100: 3 judgements without a better held-out score"
    assert line in said and Folder(run).status()["stopped"] == line and (run / "report.html").exists()
    again = in_process(capsys, "resume", run)
    assert again.code == 0 and f"is finished ({line})" in again.out + again.err and status(run) == ("finished", 50, 100)

    saved = Folder(run)                                                     # the stop changed no weight
    trainer = make_trainer(saved.configuration(), reopen(run, saved.configuration().split), 0)
    assert sum(1 for _ in trainer.rounds(50)) and digest(trainer.game) == digest(Run(run, "last").game.train())

    killed = json.loads((run / "status.json").read_text()) | {"state": "running"}     # after its last checkpoint, before it said so
    (run / "status.json").write_text(json.dumps(killed))
    assert in_process(capsys, "resume", run).code == 0 and status(run) == ("finished", 50, 100)
    assert in_process(capsys, "resume", run, "--rounds", 70).code == 0
    assert status(run) == ("finished", 70, 70) and Folder(run).status()["stopped"] is None, "a new length goes on, with new patience"


def test_a_run_that_improves_goes_on(train):
    run, _ = train(lambda round: round / 1000, *STEADY)
    assert status(run) == ("finished", 100, 100) and Folder(run).status()["stopped"] is None


def test_nothing_ends_without_patience(train):
    run, _ = train(lambda round: 0.5, *STEADY, "--watching.patience", "0")
    assert status(run) == ("finished", 100, 100)


def test_it_waits_until_learning_rates_have_come_down(train):
    run, _ = train(lambda round: 0.5, *FALLING)
    assert status(run) == ("finished", 80, 100)


def test_it_stops_at_the_same_round_when_it_is_interrupted(train, tmp_path):
    whole, _ = train(lambda round: 0.5, *STEADY)
    planned = plan("gan", str(tmp_path / "points.csv"), run=tmp_path / "parts", config=whole / "recipe.json")
    start(planned)
    times = 0
    while status(planned.path)[0] != "finished":
        Playing(Folder(planned.path), planned.data, Quiet()).play(stop_after=0.0)
        times += 1
    assert times > 3 and status(planned.path) == status(whole) == ("finished", 40, 100) and fingerprint(planned.path) == fingerprint(whole)


def test_the_best_checkpoint_is_kept_and_used(train):
    """The best of all judgements, here an early one, beside the last two."""
    run, _ = train(lambda round: 0.9 if round == 30 else 0.3, *STEADY, "--watching.patience", "0", "--watching.checkpoint-minutes", "1e-6")
    assert (run / "best").read_text().strip() == "000030" and Run(run).checkpoint.name == "000030" and Run(run, "last").checkpoint.name == "000100"
    assert [checkpoint.name for checkpoint in Folder(run).checkpoints()] == ["000030", "000095", "000100"]
    assert digest(Run(run).game) != digest(Run(run, "last").game)


def test_of_scores_as_good_the_latest_is_best(train):
    run, _ = train(lambda round: {30: 0.9, 60: 0.897}.get(round, 0.3), *STEADY, "--watching.patience", "0")
    assert Run(run).checkpoint.name == "000060"
