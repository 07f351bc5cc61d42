"""Losses that torch.compile takes: the same training, and one line where it cannot."""

import shutil

import pytest
import torch

from sparring.base.errors import UserError
from sparring.play.trainer import Trainer
from sparring.runs.compiling import compiled
from tests.laws.toys import CASES, play

ROUNDS = 6


def trainer(case: str, **how) -> Trainer:
    game = CASES[case].trainer()
    return Trainer(game.game, game.data, seed=game.seed, length=ROUNDS, **how)


@pytest.mark.skipif(not any(map(shutil.which, ("g++", "clang++"))), reason="torch.compile needs a C++ compiler")
@pytest.mark.parametrize("case", ["vae-points", "table-gan-tables"])
def test_a_compiled_game_is_the_same_game(case):
    """Two forms of the loss with a gradient penalty every second round, and draws of noise and of Gumbel's distribution."""
    taken = []
    compiler = lambda loss: taken.append(loss) or compiled(loss)
    plain, quick = (play(trainer(case, **how), ROUNDS) for how in ({}, {"compiler": compiler}))
    assert {loss.__name__ for loss in taken} == ({"bound"} if case == "vae-points" else {"discriminator_loss", "generator_loss"})
    for (name, mine), theirs in zip(plain.game.state_dict().items(), quick.game.state_dict().values(), strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-4, rtol=1e-4, msg=lambda text, name=name: f"{name}: {text}")


def test_where_torch_cannot_compile_one_line_says_what_to_do(monkeypatch):
    def fails(*inputs, **named):
        raise torch._dynamo.exc.BackendCompilerFailed(fails, RuntimeError("no compiler"), None)

    monkeypatch.setattr(torch, "compile", lambda loss, **how: fails)
    with pytest.raises(UserError, match="set hardware.compile to false"):
        play(trainer("vae-points", compiler=compiled), 1)
