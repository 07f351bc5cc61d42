"""Randomness as a function: every seed is a hash of what it is for."""

import hashlib


def seed_of(*key: object) -> int:
    """A 56-bit seed from (purpose, seed, ...); different keys give unrelated seeds."""
    return int.from_bytes(hashlib.sha256(repr(key).encode()).digest()[:7], "big")


def generator(*key: object):
    """A CPU torch.Generator seeded by the key."""
    import torch

    return torch.Generator().manual_seed(seed_of(*key))
