"""Divergences between simple distributions, in closed form."""

import torch
from torch import Tensor


def gaussian_kl(mean: Tensor, deviation: Tensor) -> Tensor:
    """KL(N(mean, deviation^2) || N(0, 1)) in nats, summed over latents, (n,).

    Kingma & Welling 2013, https://arxiv.org/abs/1312.6114, appendix B.
    """
    return 0.5 * (mean.square() + deviation.square() - 1 - 2 * torch.log(deviation)).flatten(1).sum(1)
