"""The loop by hand."""

import torch

from sparring.play.checkpoint import digest
from sparring.play.stream import Stream
from sparring.play.trainer import Trainer
from tests.laws.toys import CASES


def test_a_trainer_takes_tensors():
    """As the README drives the loop by hand: the same as a stream of batches of 64 and a length that is known before."""
    digests = []
    for streamed in (False, True):
        torch.manual_seed(3)
        game, data = CASES["gan-points"].game(), {"x": torch.randn(200, *CASES["gan-points"].space.shape, generator=torch.Generator().manual_seed(0))}
        trainer = Trainer(game, Stream(data, 64, seed=0), length=5) if streamed else Trainer(game, data)
        assert [record.round for record in trainer.rounds(5, every=1)] == [1, 2, 3, 4, 5]
        digests.append(digest(trainer.game))
    assert digests[0] == digests[1]
