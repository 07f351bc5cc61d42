"""Negative log-likelihoods of data under a decoder, in nats an item."""

import math

import torch.nn.functional as F
from torch import Tensor


def gaussian_nll(mean: Tensor, x: Tensor, deviation: float) -> Tensor:
    """-log N(x; mean, deviation^2), summed over an item's numbers, (n,)."""
    numbers = math.prod(x.shape[1:])
    return 0.5 * ((x - mean) / deviation).square().flatten(1).sum(1) + numbers * (math.log(deviation) + 0.5 * math.log(math.tau))


def bernoulli_nll(logits: Tensor, x: Tensor) -> Tensor:
    """-log of independent Bernoulli probabilities, summed, (n,). x in [0, 1]: a probability where it is not binary."""
    return F.binary_cross_entropy_with_logits(logits, x, reduction="none").flatten(1).sum(1)
