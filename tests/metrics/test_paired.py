"""Measures against a target: closed forms, and what stands beside them."""

import math

import pytest
import torch

from sparring.extractors.extractor import Extractor
from sparring.metrics.paired import measure, psnr, ssim


def pictures(n=3, c=3, h=24, w=20, seed=0):
    return torch.rand(n, c, h, w, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def test_psnr_of_a_constant_error():
    x = pictures().clamp(-0.5, 0.5)
    assert psnr(x, x + 0.2) == pytest.approx([10 * math.log10(4 / 0.04)] * 3, abs=1e-4)
    assert psnr(x, x).tolist() == [pytest.approx(100)] * 3


# constants a and b have no variance: (2 ab + C1) / (a^2 + b^2 + C1), in [0, 1]
def test_ssim_of_constants_is_its_luminance_term():
    a, b = torch.full((1, 1, 16, 16), 0.5), torch.full((1, 1, 16, 16), -0.5)
    p, q, c1 = 0.75, 0.25, 0.01**2
    assert float(ssim(a, b)) == pytest.approx((2 * p * q + c1) / (p * p + q * q + c1), abs=1e-9)


def test_ssim_is_one_for_equal_pictures_symmetric_and_falls_with_noise():
    x = pictures()
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(1))
    values = [float(ssim(x, (x + s * noise).clamp(-1, 1)).mean()) for s in (0.0, 0.1, 0.3, 1.0)]
    assert values[0] == pytest.approx(1) and values == sorted(values, reverse=True)
    y = x.flip(3)
    assert torch.allclose(ssim(x, y), ssim(y, x)) and (ssim(x, -x) < 0).all()


def test_ssim_equals_a_known_library():
    metrics = pytest.importorskip("skimage.metrics")
    x, y = pictures(1), pictures(1, seed=1)
    x = torch.nn.functional.avg_pool2d(x, 3, 1, 1)
    y = (x + 0.2 * y).clamp(-1, 1)
    a, b = (((t[0] + 1) / 2).double().numpy() for t in (x, y))
    known = metrics.structural_similarity(a, b, channel_axis=0, data_range=1.0, gaussian_weights=True, sigma=1.5, use_sample_covariance=False)
    assert float(ssim(x, y)) == pytest.approx(known, abs=1e-6)


class Blocks(Extractor):
    name, dimension = "blocks", 3

    def features(self, x):
        return x.mean((2, 3))

    def maps(self, x):
        return [torch.nn.functional.avg_pool2d(x, 4)]


def test_numbers_stand_beside_the_trivial_answer_and_a_control():
    target = (pictures(12) * 127.5 + 127.5).round().to(torch.uint8)
    near = (target.float() + 8).clamp(0, 255).to(torch.uint8)
    far = target.float().mean((2, 3), keepdim=True).expand_as(target).to(torch.uint8)
    expand = lambda batch: {"x": batch["x"].float() / 127.5 - 1}
    entries = measure(["psnr", "ssim", "perceptual"], {"x": near, "target": target, "trivial": far}, expand, Blocks())
    assert "floor" not in entries["psnr"] and entries["ssim"]["floor"] == 1 and entries["perceptual"]["floor"] == 0
    for name, sign in (("psnr", 1), ("ssim", 1), ("perceptual", -1)):
        entry = entries[name]
        assert sign * (entry["value"] - entry["baseline"]) > 0 and sign * (entry["value"] - entry["control"]) > 0, (name, entry)
        assert entry["protocol"]["n"] == 12
    assert 0.5 < entries["ssim"]["skill"] <= 1
