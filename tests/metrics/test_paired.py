"""Measures of pictures that answer to others: closed forms, and what stands beside them."""

import math

import pytest
import torch

from sparring.extractors.extractor import Extractor
from sparring.metrics.paired import content, correlation, inversion, label_kept, measure, psnr, retrieval, self_similarity, ssim


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

    def head(self, features):
        """The class is the channel that is brightest."""
        return features


def expand(batch):
    return {"x": batch["x"].float() / 127.5 - 1}


def compact(x):
    return (x * 127.5 + 127.5).round().clamp(0, 255).to(torch.uint8)


def test_numbers_stand_beside_the_trivial_answer_and_a_control():
    target = compact(pictures(12))
    near = (target.float() + 8).clamp(0, 255).to(torch.uint8)
    far = target.float().mean((2, 3), keepdim=True).expand_as(target).to(torch.uint8)
    entries = measure(["psnr", "ssim", "perceptual"], {"x": near, "target": target, "trivial": far}, expand, Blocks())
    assert "floor" not in entries["psnr"] and entries["ssim"]["floor"] == 1 and entries["perceptual"]["floor"] == 0
    for name, sign in (("psnr", 1), ("ssim", 1), ("perceptual", -1)):
        entry = entries[name]
        assert sign * (entry["value"] - entry["baseline"]) > 0 and sign * (entry["value"] - entry["control"]) > 0, (name, entry)
        assert entry["protocol"]["n"] == 12
    assert 0.5 < entries["ssim"]["skill"] <= 1


# ---- what a translation keeps


def test_correlation_of_luminance():
    x = pictures()
    assert correlation(x, 0.3 * x - 0.4).tolist() == pytest.approx([1] * 3)
    assert correlation(x, -x).tolist() == pytest.approx([-1] * 3)
    assert correlation(x, torch.full_like(x, 0.2)).tolist() == [0] * 3
    a, b = torch.zeros(1, 3, 2, 2), torch.zeros(1, 3, 2, 2)
    a[0, :, 0, 0] = 1
    b[0, :, 0, 1] = 1                                                       # two of four places: -1/4 * 1/4 * 4 over 3/4
    assert float(correlation(a, b)) == pytest.approx(-1 / 3)
    assert float(correlation(a[:, :1], b[:, :1])) == pytest.approx(-1 / 3)


def test_luminance_weighs_colours_and_leaves_alpha_out():
    red = torch.zeros(1, 4, 4, 4)
    red[:, 0], red[:, 3] = pictures(1, 1, 4, 4)[:, 0], pictures(1, 1, 4, 4, seed=1)[:, 0]
    grey = red[:, :1].expand(1, 3, 4, 4)
    assert float(correlation(red, torch.cat([grey, -red[:, 3:]], 1))) == pytest.approx(1)
    mixed = red.clone()
    mixed[:, 1] = -red[:, 0]                                                # green outweighs red
    assert float(correlation(red, mixed)) == pytest.approx(-1)


def test_retrieval():
    f = torch.eye(4, 5)
    assert retrieval(f, f) == 1 and retrieval(f, f.roll(1, 0)) == 0
    assert retrieval(f, f[:1].expand(4, 5)) == 1 / 4
    assert retrieval(f, f[[0, 1, 1, 2]]) == 2 / 4
    assert retrieval(f[[0, 0, 1, 2]], f[[0, 0, 1, 2]]) == 1                 # of two alike either is right


def test_self_similarity_does_not_see_what_things_look_like():
    x = pictures(2, 3, 8, 6)
    s = self_similarity(x)
    assert s.shape == (2, 48 * 48) and s.view(2, 48, 48).diagonal(dim1=1, dim2=2).allclose(torch.ones(2, 48))
    assert s.allclose(self_similarity(0.2 - 0.5 * x), atol=1e-5)            # another brightness, contrast and sign
    turn = torch.linalg.qr(pictures(1, 1, 3, 3)[0, 0]).Q
    assert s.allclose(self_similarity(torch.einsum("dc,nchw->ndhw", turn, x)), atol=1e-5)       # and other colours
    assert not s.allclose(self_similarity(x.flip(3)), atol=0.5)
    assert self_similarity(pictures(1, 2, 40, 24)).shape == (1, 64 * 64)


def smooth(n):
    return torch.nn.functional.interpolate(pictures(n, 3, 6, 5), size=(24, 20), mode="bilinear")


def test_content_is_kept_by_negatives_and_lost_by_other_pictures():
    given = compact(smooth(30))
    entry = content({"shown": given, "x": 255 - given}, expand, Blocks())
    assert entry["value"] == entry["floor"] == 1 and entry["control"] == 0 and entry["baseline"] == 1 / 30 and "skill" not in entry
    assert entry["protocol"]["n"] == entry["protocol"]["n_fake"] == 30 and entry["protocol"]["extractor"] == "blocks"
    other = content({"shown": given, "x": compact(smooth(60)[30:])}, expand, Blocks())
    assert other["value"] < 0.2
    one = content({"shown": given, "x": given[:1].expand_as(given)}, expand, Blocks())
    assert one["value"] == one["baseline"]
    assert content({"shown": given.repeat(20, 1, 1, 1), "x": given.repeat(20, 1, 1, 1)}, expand, Blocks())["protocol"]["n"] == 500


def test_inversion_beside_copies_negatives_and_what_real_pictures_are():
    given, a = compact(pictures(12)), compact(pictures(2, seed=1))
    entry = inversion({"shown": given, "x": given // 2}, expand, a, a // 4, "pairs")
    assert entry["value"] == pytest.approx(1, abs=1e-3) and entry["baseline"] == pytest.approx(1) and entry["floor"] == pytest.approx(1, abs=1e-3)
    assert entry["control"] == pytest.approx(-1) and "skill" not in entry and entry["protocol"]["floor"] == "pairs"
    negative = inversion({"shown": given, "x": 255 - given}, expand, a, 255 - a, "pairs")
    assert negative["value"] == pytest.approx(-1) and negative["floor"] == pytest.approx(-1)
    assert abs(inversion({"shown": given, "x": given.roll(1, 0)}, expand, a, a, "pairs")["value"]) < 0.1


def test_labels_that_are_kept():
    labels = torch.tensor([0, 1, 2, 0, 0, 1])
    x = compact(0.4 * torch.nn.functional.one_hot(labels, 3).float()[..., None, None].expand(6, 3, 8, 8))
    entry = label_kept({"x": x, "label": labels}, expand, Blocks(), 0.9)
    assert entry["value"] == 1 and entry["control"] == 0 and entry["baseline"] == 1 / 2 and entry["floor"] == 0.9
    assert entry["skill"] == pytest.approx((1 - 0.5) / (0.9 - 0.5))
    wrong = label_kept({"x": x, "label": (labels + 1) % 3}, expand, Blocks(), 0.9)
    assert wrong["value"] == 0 and wrong["skill"] < 0
    half = label_kept({"x": x, "label": torch.tensor([0, 1, 2, 1, 1, 2])}, expand, Blocks(), 0.9)
    assert half["value"] == 1 / 2
