"""The laws of the core as functions of a case. `test_mutations` shows that each of them bites."""

import tempfile
from pathlib import Path

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from sparring.base.seeding import generator
from sparring.play.average import Average
from sparring.play.checkpoint import digest, load_trainer, save_local, save_trainer
from sparring.play.game import Follower, Game, Generates, Turn
from sparring.play.trainer import Trainer, only
from sparring.play.watching import sample, watching
from tests.laws.toys import Case, play


def turns(trainer: Trainer):
    """Every turn of every stage, with a batch that earlier turns of the round have seen."""
    for stage in trainer.game.stages():
        chunks = trainer.draw()
        for turn in stage.turns:
            yield turn, chunks
            trainer.play(turn, chunks)


def only_the_mover_moves(case: Case) -> None:
    """Law 1: gradients reach the mover alone; in a loss, and in the trainer's whole move, every other weight and every buffer of another network
    stands still."""
    trainer = play(case.trainer(), 3)
    for turn, chunks in turns(trainer):
        movers = {id(p) for p in trainer.parameters[turn.player]}
        state = {k: v.clone() for k, v in trainer.game.state_dict().items()}
        with only(trainer.parameters[turn.player], trainer.frozen[turn.player]):
            sum(turn.loss(dict(chunks[0])).values()).backward()
        for name, p in trainer.game.named_parameters():
            assert id(p) in movers or p.grad is None, f"{turn.player}'s loss gives {name} a gradient"
        assert any(p.grad is not None for p in trainer.parameters[turn.player]), f"{turn.player}'s loss reaches none of its weights"
        trainer.game.zero_grad(set_to_none=True)
        allowed = _buffers_that_may_change(trainer, turn.player) | _names_of(trainer.game, movers)
        _others_stand_still(trainer, turn, allowed, state)
        trainer.game.load_state_dict(state)
        trainer.play(turn, [dict(chunk) for chunk in chunks])
        _others_stand_still(trainer, turn, allowed, state)


def _others_stand_still(trainer: Trainer, turn: Turn, allowed: set[str], state: dict[str, Tensor]) -> None:
    for name, value in trainer.game.state_dict().items():
        assert name in allowed or torch.equal(value, state[name]), f"{turn.player}'s turn changed {name}"


def _names_of(game: Game, ids: set[int]) -> set[str]:
    return {name for name, p in game.named_parameters(remove_duplicate=False) if id(p) in ids}


def _buffers_that_may_change(trainer: Trainer, player: str) -> set[str]:
    moving = {id(b) for network in trainer.players[player].networks for b in network.buffers()}
    followers = {id(b) for m in trainer.game.modules() if isinstance(m, Follower) for b in m.buffers(recurse=False)}
    return {name for name, b in trainer.game.named_buffers(remove_duplicate=False) if id(b) in moving | followers}


def resuming_equals_never_having_stopped(case: Case, first: int = 11, total: int = 16) -> None:
    """Law 2, through files, in the second stage. That saving itself changes nothing is law 7."""
    whole, rest = play(case.trainer(), first), case.trainer(init=99)
    with tempfile.TemporaryDirectory() as folder:
        save_trainer(whole, Path(folder))
        save_local(whole.game, Path(folder))
        load_trainer(rest, Path(folder))
    play(whole, total - first)
    play(rest, total - first)
    for (name, a), (_, b) in zip(whole.game.state_dict().items(), rest.game.state_dict().items()):
        assert torch.equal(a, b), f"{name} differs after a resume"
    assert digest(whole.game) == digest(rest.game)


def noise_is_a_function(case: Case) -> None:
    """Law 3: item i of a sample depends on (seed, i) alone."""
    game = play(case.trainer(), 3).game
    if not isinstance(game, Generates):
        return
    assert torch.equal(game.noise(200, 5)[70:150], game.noise(80, 5, start=70))
    assert not torch.equal(game.noise(10, 5), game.noise(10, 6))
    label = game.space.some_conditions(200, 0)
    with watching(game):
        whole = sample(game, 200, 5, label)
        part = sample(game, 21, 5, None if label is None else label[63:84], start=63)
    assert torch.equal(whole[63:84], part)
    assert whole.shape[1:] == case.space.shape


class Table(TorchFunctionMode):
    """Replaces random draws by rows of fixed tables, so that a batch and its chunks see the same numbers."""

    DRAWS = {torch.randn, torch.rand, torch.randn_like, torch.rand_like}

    def __init__(self, rows: int, first: int):
        self.rows, self.first, self.calls = rows, first, 0
        super().__init__()

    def __torch_function__(self, function, types, arguments=(), named=None):
        if function not in self.DRAWS:
            return function(*arguments, **(named or {}))
        first = arguments[0]
        shape = tuple(first.shape) if isinstance(first, Tensor) else arguments if isinstance(first, int) else tuple(first)
        draw = generator("table", self.calls)
        self.calls += 1
        with torch._C.DisableTorchFunction():
            table = torch.rand(self.rows, *shape[1:], generator=draw)
        if function in (torch.randn, torch.randn_like):
            table = torch.erfinv(table * 1.98 - 0.99) * 2**0.5
        return table[self.first : self.first + shape[0]]


def chunks_equal_one_batch(case: Case) -> None:
    """Law 5: gradients of four chunks equal those of the batch, for games that are not coupled."""
    trainer = play(case.trainer(), 3)
    if trainer.game.coupled:
        return
    for turn, (batch,) in turns(trainer):
        parameters, n = trainer.parameters[turn.player], len(batch["x"])
        gradients = []
        for k in (1, 4):
            with only(parameters, trainer.frozen[turn.player]):
                for i in range(k):
                    part = {name: t[i * n // k : (i + 1) * n // k] for name, t in batch.items()}
                    with Table(n, i * n // k):
                        (sum(turn.loss(part).values()) / k).backward()
            gradients.append([torch.zeros_like(p) if p.grad is None else p.grad for p in parameters])
            trainer.game.zero_grad(set_to_none=True)
        for one, four in zip(*gradients):
            assert torch.allclose(one, four, rtol=1e-4, atol=1e-5 * max(1, float(one.abs().max()))), f"{turn.player}: {(one - four).abs().max()}"


def watching_changes_nothing(case: Case) -> None:
    """Law 7: looking every round leaves the same bits as never looking."""
    quiet, watched = play(case.trainer(), 9), case.trainer()
    for _ in watched.rounds(9, every=1):
        with watching(watched.game):
            torch.randn(3)
            if isinstance(watched.game, Generates):
                n = 70
                sample(watched.game, n, 0, case.space.some_conditions(n, 0))
            for average in watched.game.modules():
                if isinstance(average, Average):
                    assert not any(m.training for m in average.modules())
        with tempfile.TemporaryDirectory() as folder:
            save_trainer(watched, Path(folder))
    assert digest(quiet.game) == digest(watched.game), "looking left other bits"


def data_reach_the_generator_through_the_discriminator(case: Case) -> None:
    """Law 8: where the discriminator is constant the generator's gradient is the same whatever the data are."""
    trainer = case.trainer()
    if not trainer.game.adversarial_alone:
        return
    judge = trainer.game.discriminator.forward
    trainer.game.discriminator.forward = lambda *told: 0 * judge(*told)
    parameters, batch = trainer.parameters["generator"], trainer.draw()[0]
    state = {k: v.clone() for k, v in trainer.game.state_dict().items()}
    for turn in (t for stage in trainer.game.stages() for t in stage.turns if t.player == "generator"):
        gradients = []
        for x in (batch["x"], batch["x"].roll(1, 0) * 0.5):
            torch.manual_seed(0)
            trainer.game.load_state_dict(state)
            with only(parameters, trainer.frozen["generator"]):
                sum(turn.loss(batch | {"x": x}).values()).backward()
            gradients.append([torch.zeros_like(p) if p.grad is None else p.grad for p in parameters])
            trainer.game.zero_grad(set_to_none=True)
        assert all(torch.equal(a, b) for a, b in zip(*gradients)), f"{turn.loss.__name__} shows the data to the generator"


def a_move_that_is_not_finite_changes_nothing(case: Case) -> None:
    """A NaN batch is skipped and counted; weights, moments and running statistics stay."""
    trainer = play(case.trainer(), 8)
    for stage in trainer.game.stages():
        batch = trainer.draw()
        for turn in stage.turns:
            spoilt = [{k: torch.full_like(v, torch.nan) if v.is_floating_point() else v for k, v in chunk.items()} for chunk in batch]
            for clean, chunk in zip(batch, spoilt):
                chunk.update({k: v for k, v in clean.items() if k not in chunk})
            before, failed = _all_of(trainer, turn.player), int(trainer.failing[turn.player])
            trainer.play(turn, spoilt)
            if int(trainer.failing[turn.player]) > failed:
                for name, value in _all_of(trainer, turn.player).items():
                    assert torch.equal(value, before[name]), f"a move of {turn.player} that was skipped changed {name}"
            batch[0].update({k: v for k, v in spoilt[0].items() if k not in batch[0]})
    for name, value in trainer.game.state_dict().items():
        assert value.isfinite().all() or not value.is_floating_point(), name
    assert any(trainer.failing.values())


def _all_of(trainer: Trainer, player: str) -> dict[str, Tensor]:
    """Weights, buffers but those of followers, which count what they see, and the moments of a player."""
    followers = {id(b) for m in trainer.game.modules() if isinstance(m, Follower) for b in m.buffers(recurse=False)}
    found = {name: value.clone() for name, value in trainer.game.named_parameters()}
    found |= {name: value.clone() for name, value in trainer.game.named_buffers() if id(value) not in followers}
    moments = trainer.optimizers[player].state.values()
    return found | {f"moment {i} {k}": v.clone() for i, of in enumerate(moments) for k, v in of.items() if torch.is_tensor(v)}
