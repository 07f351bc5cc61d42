"""The checkerboard score: 0 for what has no grid, and as high as a grid is strong."""

import math

import pytest
import torch

from sparring.metrics.artefacts import checkerboard, chequered

NOISE = torch.randn(64, 3, 48, 40, generator=torch.Generator().manual_seed(0))


def smooth(x):
    return torch.nn.functional.avg_pool2d(torch.nn.functional.pad(x, (1, 1, 1, 1), mode="circular"), 3, 1)


def test_pictures_without_a_grid_score_about_nothing():
    assert abs(checkerboard(NOISE)) < 0.1
    fractal = sum(torch.nn.functional.interpolate(NOISE[..., : 48 >> k, : 40 >> k], (48, 40), mode="bicubic") for k in range(3))
    assert abs(checkerboard(fractal)) < 0.6


# white noise of variance s^2 has power s^2 sum(window^2) in every bin; a wave a (-1)^x adds a^2 sum(window)^2 at the highest frequency
def test_the_score_of_a_known_grid():
    a, w = 0.5, 40
    grid = NOISE.mean(1, keepdim=True) * 3**0.5 + a * (torch.arange(w) % 2 * 2.0 - 1)
    window = torch.hann_window(w, dtype=torch.float64)
    peak = math.log2(1 + a**2 * float(window.sum() ** 2 / window.square().sum()))
    assert checkerboard(grid) == pytest.approx(peak / 4, abs=0.1)              # one of two axes, one of two periods


def test_upsampling_without_a_filter_shows_and_the_control_is_noticed():
    doubled = smooth(NOISE)[..., :24, :20].repeat_interleave(2, 2).repeat_interleave(2, 3)
    assert checkerboard(doubled) < 0 or checkerboard(doubled) > 0.5            # a repeated pixel has a zero at the highest frequency
    real = (smooth(smooth(NOISE)) * 100 + 128).clamp(0, 255).to(torch.uint8)
    assert checkerboard(chequered(real)) > checkerboard(real) + 1
    stuffed = torch.zeros(64, 3, 48, 40)
    stuffed[..., ::2, ::2] = smooth(NOISE)[..., :24, :20]
    assert checkerboard(smooth(stuffed) + stuffed) > 1
