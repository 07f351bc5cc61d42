"""A discriminator's logits as probabilities, calibrated on held-out items."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Calibration:
    """P(real) = sigmoid(scale * logit + shift), for as many real as generated items.

    Platt 1999. A relativistic discriminator has no absolute zero; after this its verdicts mean what they say.
    """

    scale: float
    shift: float
    on: str
    """the part of the data it was fitted on"""

    def __call__(self, logits: Tensor) -> Tensor:
        return torch.sigmoid(self.scale * logits.double() + self.shift)


def calibrate(real: Tensor, fake: Tensor, on: str) -> Calibration:
    """Logistic regression of (is real) on the logit, by Newton's method with a little ridge; logits that are not finite are left out."""
    real, fake = (s[s.isfinite()].double() for s in (real, fake))
    if not len(real) or not len(fake):
        return Calibration(0.0, 0.0, on)
    s = torch.cat([real, fake])
    centre, spread = s.mean(), s.std().clamp_min(1e-12)
    x = torch.stack([(s - centre) / spread, torch.ones_like(s)], 1)                     # (n, 2)
    y = torch.cat([torch.ones_like(real), torch.zeros_like(fake)])
    weight = torch.cat([torch.full_like(real, 0.5 / len(real)), torch.full_like(fake, 0.5 / len(fake))])
    theta, ridge = torch.zeros(2, dtype=torch.float64), 1e-4 * torch.eye(2, dtype=torch.float64)
    for _ in range(30):
        p = torch.sigmoid(x @ theta)
        gradient = x.T @ (weight * (p - y)) + ridge @ theta
        hessian = (x * (weight * p * (1 - p))[:, None]).T @ x + ridge
        theta = theta - torch.linalg.solve(hessian, gradient)
    slope, height = theta.tolist()
    if not slope > 0:                                       # a higher logit never means less real: such a verdict says nothing
        return Calibration(0.0, 0.0, on)
    return Calibration(slope / float(spread), height - slope * float(centre / spread), on)


def accuracy(real: Tensor, fake: Tensor) -> dict[str, float]:
    """Share of real and of generated items told right, with a threshold calibrated on every other item and measured on the rest;
    nothing where there is no rest."""
    if min(len(real), len(fake)) < 2:
        return {}
    verdict = calibrate(real[::2], fake[::2], "half")
    return {
        "accuracy/real": float((verdict(real[1::2]) > 0.5).double().mean()),
        "accuracy/fake": float((verdict(fake[1::2]) <= 0.5).double().mean()),
    }
