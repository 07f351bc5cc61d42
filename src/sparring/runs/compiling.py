"""Losses as programs of their own, by torch.compile."""

import torch

from sparring.base.errors import UserError
from sparring.play.game import Batch, Loss, Terms


def compiled(loss: Loss) -> Loss:
    """The same loss with the same draws, compiled when it is first asked for."""
    from torch import _dynamo as dynamo  # here, since it takes a second

    fast = torch.compile(loss, options={"fallback_random": True})

    def play(batch: Batch) -> Terms:
        try:
            with dynamo.config.patch(allow_unspec_int_on_nn_module=True):       # else it would compile anew at every tick of the clock
                return fast(batch)
        except dynamo.exc.TorchDynamoException as error:
            raise UserError(f"torch cannot compile here ({str(error).splitlines()[0]}): set hardware.compile to false") from None

    return play
