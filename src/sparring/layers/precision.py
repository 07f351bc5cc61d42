"""Which arithmetic a layer is computed in."""

import contextlib

import torch
from torch import Tensor


def unchanged(x: Tensor) -> contextlib.AbstractContextManager:
    """Autocast switched off: the arithmetic that the operands have. (There is no autocast for tensors that have no numbers.)"""
    return contextlib.nullcontext() if x.is_meta else torch.autocast(x.device.type, enabled=False)
