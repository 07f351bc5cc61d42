"""Which arithmetic a layer is computed in."""

import contextlib

import torch
from torch import Tensor


def exact(features: Tensor) -> contextlib.AbstractContextManager:
    """For the last step to a logit, on fp32 features: in bf16 a logit of 5 comes in steps of 0.03, and what tells a real item from a generated
    one late in a game is less. A discriminator that cannot say it goes flat."""
    return unchanged(features)


def unchanged(x: Tensor) -> contextlib.AbstractContextManager:
    """Autocast switched off: the arithmetic that the operands have. (There is no autocast for tensors that have no numbers.)"""
    return contextlib.nullcontext() if x.is_meta else torch.autocast(x.device.type, enabled=False)
