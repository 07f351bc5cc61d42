"""What networks leave in pictures that no camera does."""

import torch
from torch import Tensor

PERIODS = (2, 4)
"""in pixels: what one and two doublings leave behind"""
NEAR = 3
"""neighbouring frequencies to each side that a peak is compared with"""


# mean over periods p and both axes of  log2 P(1/p) - mean log2 P(f), f near 1/p
def checkerboard(x: Tensor) -> float:
    """How far the power of pictures (n, c, h, w) at the frequencies of upsampling stands above that of the frequencies beside them, in
    doublings; about 0 for photographs, 1 where it is twice as high. Sides need 32 pixels.

    The artefact: Odena et al. 2016, https://doi.org/10.23915/distill.00003; its spectrum: Durall et al. 2020, https://arxiv.org/abs/2003.01826.
    """
    grey = x.double().mean(1)
    found = [_peaks(grey), _peaks(grey.transpose(1, 2))]
    return float(torch.stack(found).mean())


def _peaks(lines: Tensor) -> Tensor:
    """(n, m, w): every line along the last axis is a signal."""
    w = lines.shape[2] // 4 * 4                                                             # so that the periods are whole bins
    lines = lines[..., :w]
    window = torch.hann_window(w, periodic=True, dtype=lines.dtype, device=lines.device)    # else borders leak into every frequency
    power = torch.fft.rfft((lines - lines.mean(2, keepdim=True)) * window).abs().square().mean((0, 1)).clamp(min=1e-12).log2()
    peaks = []
    for period in PERIODS:
        at = w // period
        beside = [i for i in range(at - 1 - NEAR, at + 2 + NEAR) if abs(i - at) > 1 and 0 < i < len(power)]
        peaks.append(power[at] - power[beside].mean())
    return torch.stack(peaks).mean()


def chequered(compact: Tensor) -> Tensor:
    """Pictures (n, c, h, w) uint8 with a faint grid of two pixels' period: the control, which the score must notice."""
    h, w = compact.shape[2:]
    pattern = ((torch.arange(h)[:, None] + torch.arange(w)) % 2 * 2 - 1) * 4 + (torch.arange(w) % 2 * 2 - 1) * 4
    return (compact.short() + pattern).clamp(0, 255).to(torch.uint8)
