"""Losses that torch.compile takes: the same training, and one line where it cannot."""

import shutil

import pytest
import torch

from sparring.base.errors import UserError
from sparring.play.trainer import Trainer
from sparring.runs.compiling import compiled
from tests.laws.toys import CASES, play
from tests.running import POINTS, in_process

ROUNDS = 6


def trainer(case: str, **how) -> Trainer:
    game = CASES[case].trainer()
    return Trainer(game.game, game.data, seed=game.seed, length=ROUNDS, **how)


@pytest.mark.skipif(not any(map(shutil.which, ("g++", "clang++"))), reason="torch.compile needs a C++ compiler")
@pytest.mark.parametrize("case", ["vae-points", "table-gan-tables"])
def test_a_compiled_game_is_the_same_game(case):
    """table-gan: a discriminator's loss with a penalty, which is not compiled, in rounds 0 and 4, and without one in the others."""
    taken = []
    compiler = lambda loss: taken.append(loss) or compiled(loss)
    plain, quick = (play(trainer(case, **how), ROUNDS) for how in ({}, {"compiler": compiler}))
    assert {loss.__name__ for loss in taken} == ({"bound"} if case == "vae-points" else {"discriminator_loss", "generator_loss"})
    for (name, mine), theirs in zip(plain.game.state_dict().items(), quick.game.state_dict().values(), strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-4, rtol=1e-4, msg=lambda text, name=name: f"{name}: {text}")


def test_a_game_of_which_nothing_can_be_compiled_says_so(tmp_path, capsys):
    outcome = in_process(capsys, "train", "wgan-gp", "--data", "ring", "--run", tmp_path / "run", "--hardware.compile", "true", *POINTS)
    assert (outcome.code, outcome.complaint) == (2, "error: torch.compile takes none of this game's losses: set hardware.compile to false")
    assert not (tmp_path / "run").exists()


def test_where_torch_cannot_compile_one_line_says_what_to_do(monkeypatch):
    def fails(*inputs, **named):
        raise torch._dynamo.exc.BackendCompilerFailed(fails, RuntimeError("no compiler"), None)

    monkeypatch.setattr(torch, "compile", lambda loss, **how: fails)
    with pytest.raises(UserError, match="set hardware.compile to false"):
        play(trainer("vae-points", compiler=compiled), 1)
