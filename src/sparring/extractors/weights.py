"""Weights files of others: checked before they are opened, and opened without running anything in them."""

import pickle
from pathlib import Path

import torch
from torch import Tensor

from sparring.base.errors import UserError
from sparring.base.files import hash_file


def checked_weights(path: Path, digest: str, what: str) -> dict[str, Tensor]:
    """The state dict in a file whose SHA-256 starts with `digest`. UserError for any other file, which is not opened at all."""
    if not path.is_file():
        raise UserError(f"there is no file {path}: give {what}")
    found = hash_file(path)
    if not found.startswith(digest):
        raise UserError(f"{path} is not {what}: its SHA-256 starts with {found[:8]}, not {digest}; download it again")
    return tensors_only(path, what)


def tensors_only(path: Path, what: str) -> dict[str, Tensor]:
    """A torch file of tensors by name; anything else in it, above all code, is refused and never run."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        why = " ".join(str(error).split())[:120] or type(error).__name__
        raise UserError(f"{path} cannot be read as {what} ({why}): download it again") from None
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise UserError(f"{path} holds something else than named tensors: give {what}")
    return state
