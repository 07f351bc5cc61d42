"""Measures of pictures that have a target each: pixel by pixel, by structure, and by what a feature network sees.

Every number stands beside that of the trivial answer (the baseline) and of the same answers given to other pictures (the control). A perfect
answer has a structural similarity of 1 and a distance of 0; its signal-to-noise ratio has no bound, so that one has no floor.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from sparring.extractors.extractor import BATCH, Extractor
from sparring.losses.perceptual import perceptual
from sparring.metrics.catalogue import METRICS

WINDOW, SIGMA = 11, 1.5
"""of the Gaussian window of structural similarity, in pixels"""
K1, K2 = 0.01, 0.03


# 10 log10(peak^2 / MSE)
def psnr(a: Tensor, b: Tensor) -> Tensor:
    """Peak signal-to-noise ratio in dB, (n,), of pictures (n, c, h, w) in [-1, 1]; 100 dB where they are equal."""
    error = (a - b).double().square().flatten(1).mean(1)
    return 10 * torch.log10(4 / error.clamp(min=4e-10))


# (2 mu_a mu_b + C1)(2 sigma_ab + C2) / ((mu_a^2 + mu_b^2 + C1)(sigma_a^2 + sigma_b^2 + C2)), mean over places
def ssim(a: Tensor, b: Tensor) -> Tensor:
    """Structural similarity (n,) of pictures (n, c, h, w) in [-1, 1], the mean over channels and over places whose window lies inside.

    Wang et al. 2004, https://doi.org/10.1109/TIP.2003.819861, Eq. 13: a Gaussian window of 11 pixels (fewer, odd, in smaller pictures).
    """
    side = min(WINDOW, *(s - 1 + s % 2 for s in a.shape[2:]))
    at = torch.arange(side, dtype=torch.float64) - side // 2
    line = torch.exp(-at.square() / (2 * SIGMA**2))
    window = torch.outer(line, line) / line.sum() ** 2
    c = a.shape[1]
    mean = lambda x: F.conv2d(x, window.expand(c, 1, side, side), groups=c)                 # (n, c, h - side + 1, w - side + 1)
    a, b = (a.double() + 1) / 2, (b.double() + 1) / 2
    mu_a, mu_b = mean(a), mean(b)
    var_a, var_b, cov = mean(a * a) - mu_a**2, mean(b * b) - mu_b**2, mean(a * b) - mu_a * mu_b
    similar = (2 * mu_a * mu_b + K1**2) * (2 * cov + K2**2) / ((mu_a**2 + mu_b**2 + K1**2) * (var_a + var_b + K2**2))
    return similar.flatten(1).mean(1)


def distance(extractor: Extractor) -> Callable[[Tensor, Tensor], Tensor]:
    """Perceptual distance (n,) through the extractor's maps."""
    return lambda a, b: perceptual(extractor.maps(a), extractor.maps(b))


@torch.no_grad()
def measure(names: list[str], made: Mapping[str, Tensor], expand: Callable[[dict], dict], extractor: Extractor) -> dict[str, dict[str, Any]]:
    """Entries of a measurement's document. made: compact items "x" (n, ...), the "target" of each, and the "trivial" answer to each."""
    functions = {"psnr": psnr, "ssim": ssim, "perceptual": distance(extractor)}
    floors = {"ssim": 1.0, "perceptual": 0.0}
    floats = lambda x: expand({"x": x})["x"]
    n, entries = len(made["x"]), {}
    for name in names:
        over = lambda x, function=functions[name]: float(
            torch.cat([function(floats(a), floats(b)) for a, b in zip(x.split(BATCH), made["target"].split(BATCH))]).mean()
        )
        entry = {"value": over(made["x"]), "better": METRICS[name].better} | ({"floor": floors[name]} if name in floors else {})
        entry |= {"baseline": over(made["trivial"]), "control": over(made["x"].roll(1, 0))}
        if name in floors and entry["baseline"] != entry["floor"]:
            entry["skill"] = (entry["value"] - entry["baseline"]) / (entry["floor"] - entry["baseline"])
        protocol = {"extractor": extractor.name, "extractor_hash": extractor.hash} if name == "perceptual" else {}
        protocol |= {"n": n, "baseline": "the trivial answer", "control": "answers to other pictures"}
        entries[name] = entry | {"protocol": protocol | {"n_fake": n}}
    return entries


def cycle(made: Mapping[str, Tensor]) -> dict[str, Any]:
    """The entry of items that were translated there and back: how far they are from what they were, "cycle" (n,), of 255. No skill comes of
    it: networks that change nothing have none."""
    protocol = {"n": len(made["cycle"]), "baseline": "the mean training picture", "n_fake": len(made["cycle"])}
    value, baseline = (float(made[name].double().mean()) for name in ("cycle", "cycle of the mean"))
    return {"value": value, "better": METRICS["cycle"].better, "floor": 0.0, "baseline": baseline, "protocol": protocol}
