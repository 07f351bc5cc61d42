"""The laws' tests bite: each of these mutations of the core must turn one of them red."""

import contextlib

import pytest
import torch

from sparring.play import checkpoint
from sparring.play import trainer as core
from sparring.play.watching import watching
from tests.laws import checks
from tests.laws.toys import CASES


@contextlib.contextmanager
def everyone_moves(parameters, frozen):
    """`only` without its mask: whatever the loss reaches gets a gradient."""
    for p in everyone_moves.game.parameters():
        p.requires_grad_(True)
    yield
    for p in everyone_moves.game.parameters():
        p.requires_grad_(False)


@contextlib.contextmanager
def statistics_move(parameters, frozen):
    """`only` with its mask but without standing running statistics."""
    with checks_only(parameters, []):
        yield


checks_only = checks.only


def test_without_the_mask(monkeypatch):
    trainer = CASES["odd"].trainer()
    everyone_moves.game = trainer.game
    monkeypatch.setattr(checks, "only", everyone_moves)
    monkeypatch.setattr(core, "only", everyone_moves)
    monkeypatch.setattr(type(CASES["odd"]), "trainer", lambda self: trainer)
    with pytest.raises(AssertionError, match="a gradient"):
        checks.only_the_mover_moves(CASES["odd"])


@pytest.mark.parametrize("name", ["dcgan-batchnorm", "odd"])
def test_without_standing_statistics(monkeypatch, name):
    monkeypatch.setattr(core, "only", statistics_move)                          # the trainer's own, not that of the check
    with pytest.raises(AssertionError, match="turn changed"):
        checks.only_the_mover_moves(CASES[name])


def test_without_adams_state(monkeypatch):
    monkeypatch.setattr(checkpoint, "optimizer_state", lambda _: {})
    with pytest.raises(AssertionError, match="after a resume"):
        checks.resuming_equals_never_having_stopped(CASES["gan-points"])


def test_without_a_followers_state(monkeypatch):
    whole = checkpoint.weights
    monkeypatch.setattr(
        checkpoint, "weights", lambda game: {k: torch.zeros_like(v) if k.startswith("balance.") else v for k, v in whole(game).items()}
    )
    with pytest.raises(AssertionError, match="after a resume"):
        checks.resuming_equals_never_having_stopped(CASES["odd"])


def test_without_reseeding(monkeypatch):
    monkeypatch.setattr(core, "reseed", lambda *key: None)
    with pytest.raises(AssertionError, match="after a resume"):
        checks.resuming_equals_never_having_stopped(CASES["gan-points"])


def test_with_contiguous_moments_beside_channels_last_weights(monkeypatch):
    monkeypatch.setattr(checkpoint, "in_layout_of", lambda parameter, value: value.clone())
    with pytest.raises(AssertionError, match="after a resume"):
        checks.resuming_equals_never_having_stopped(CASES["dcgan-channels-last"])


def test_a_look_in_training_mode(monkeypatch):
    """Law 7 bites: it moves spectral norm's vectors and batch norm's statistics."""

    @contextlib.contextmanager
    def careless(game):
        with watching(game):
            game.generator.train()(torch.randn(8, 4))
            game.generator.eval()
            yield

    monkeypatch.setattr(checks, "watching", careless)
    with pytest.raises(AssertionError, match="other bits"):
        checks.watching_changes_nothing(CASES["odd"])


@pytest.mark.parametrize("name", ["odd", "biggan-images"])
def test_buffers_that_a_skipped_move_leaves_behind(monkeypatch, name):
    """The law of moves that are not finite bites: running statistics are left as the bad batch made them, without its NaN."""
    where = torch.where
    monkeypatch.setattr(torch, "where", lambda *given, **out: out["out"].nan_to_num_() if out else where(*given))
    with pytest.raises(AssertionError, match="was skipped changed"):
        checks.a_move_that_is_not_finite_changes_nothing(CASES[name])


def test_a_leak_of_data(monkeypatch):
    """Law 8 bites: a reconstruction term in a game that claims to be adversarial alone."""
    from sparring.games.classic import GAN

    monkeypatch.setattr(GAN, "generator_loss", lambda self, batch: {"distance": (self.generate(batch) - batch["x"]).square().mean()})
    with pytest.raises(AssertionError):
        checks.data_reach_the_generator_through_the_discriminator(CASES["gan-points"])


def test_a_batch_norm_that_hides(monkeypatch):
    """Law 5 bites: a coupled game that does not say so."""
    monkeypatch.setattr(type(CASES["dcgan-batchnorm"].game()), "coupled", None)
    with pytest.raises(AssertionError):
        checks.chunks_equal_one_batch(CASES["dcgan-batchnorm"])
