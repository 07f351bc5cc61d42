"""Measures of pictures that answer to others: how near each is to its target, and what a translation keeps of what it came from.

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
from sparring.metrics.items import Score
from sparring.metrics.judge import entry_of
from sparring.metrics.labels import label_accuracy

Expand = Callable[[dict], dict]

WINDOW, SIGMA = 11, 1.5
"""of the Gaussian window of structural similarity, in pixels"""
K1, K2 = 0.01, 0.03
LUMA = (0.299, 0.587, 0.114)
"""of red, green and blue in luminance, ITU-R BT.601"""
RETRIEVED = 500
"""given pictures among which each translation's own is looked for, at most"""
PLACES = 8
"""to a side, that a picture's self-similarity compares"""


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
def measure(names: list[str], made: Mapping[str, Tensor], expand: Expand, extractor: Extractor) -> dict[str, dict[str, Any]]:
    """Entries of a measurement's document. made: compact items "x" (n, ...), the "target" of each, and the "trivial" answer to each."""
    functions = {"psnr": psnr, "ssim": ssim, "perceptual": distance(extractor)}
    floors = {"ssim": 1.0, "perceptual": 0.0}
    floats = lambda x: expand({"x": x})["x"]
    n, entries = len(made["x"]), {}
    for name in names:
        over = lambda x, function=functions[name]: float(
            torch.cat([function(floats(a), floats(b)) for a, b in zip(x.split(BATCH), made["target"].split(BATCH))]).mean()
        )
        columns = {"floor": floors[name]} if name in floors else {}
        columns |= {"baseline": over(made["trivial"]), "control": over(made["x"].roll(1, 0))}
        protocol = _seen_by(extractor) if name == "perceptual" else {}
        protocol |= {"n": n, "baseline": "the trivial answer", "control": "answers to other pictures"}
        entries[name] = _entry(name, over(made["x"]), columns, protocol)
    return entries


def _entry(name: str, value: float, columns: Mapping[str, float], protocol: Mapping[str, Any]) -> dict[str, Any]:
    """A metric with what stands beside it, and how it was taken."""
    return entry_of(METRICS[name], Score(value), columns) | {"protocol": {**protocol, "n_fake": protocol["n"]}}


def _seen_by(extractor: Extractor) -> dict[str, str]:
    return {"extractor": extractor.name, "extractor_hash": extractor.hash}


def cycle(made: Mapping[str, Tensor]) -> dict[str, Any]:
    """The entry of items that were translated there and back: how far they are from what they were, "cycle" (n,), of 255. No skill comes of
    it: networks that change nothing have none."""
    protocol = {"n": len(made["cycle"]), "baseline": "the mean training picture"}
    value, baseline = (float(made[name].double().mean()) for name in ("cycle", "cycle of the mean"))
    return _entry("cycle", value, {"floor": 0.0, "baseline": baseline}, protocol)


# ---- what a translation keeps of what it came from


# cov(l(a), l(b)) / sqrt(var l(a) var l(b)), l = 0.299 red + 0.587 green + 0.114 blue
def correlation(a: Tensor, b: Tensor) -> Tensor:
    """Pearson correlation over places of the luminance of pictures (n, c, h, w), (n,); 0 where one of them has a single shade."""
    a, b = (_luminance(x.double()).flatten(1) for x in (a, b))
    a, b = (x - x.mean(1, keepdim=True) for x in (a, b))
    return (a * b).sum(1) / (a.norm(dim=1) * b.norm(dim=1)).clamp(min=1e-9)


def _luminance(x: Tensor) -> Tensor:
    """(n, c, h, w) -> (n, h, w); alpha does not count."""
    return x[:, 0] if x.shape[1] == 1 else torch.einsum("nchw,c->nhw", x[:, :3], x.new_tensor(LUMA))


# 1/n sum_i 1[ |S(G(a_i)) - S(a_i)| <= |S(G(a_i)) - S(a_j)| for every j ]
def retrieval(given: Tensor, made: Tensor) -> float:
    """Share of translations, rows of `made` (n, d), whose nearest row of `given` (n, d) is the one they came from."""
    distances = torch.cdist(made.double(), given.double())
    return float((distances.diagonal() <= distances.amin(1)).double().mean())


# S_pq = <v_p, v_q> / |v_p| |v_q|, v_p the map at place p less its mean over places
def self_similarity(places: Tensor) -> Tensor:
    """How alike any two of at most 8 x 8 places of maps (n, c, h, w) are, (n, places^2): where things are, whatever they look like.

    Shechtman and Irani 2007, https://doi.org/10.1109/CVPR.2007.383198; for translation Zheng et al. 2021, https://arxiv.org/abs/2104.00854.
    """
    places = F.adaptive_avg_pool2d(places.float(), tuple(min(PLACES, side) for side in places.shape[2:])).flatten(2)
    unit = F.normalize(places - places.mean(2, keepdim=True), dim=1)                        # (n, c, p)
    return (unit.transpose(1, 2) @ unit).flatten(1)


@torch.no_grad()
def content(made: Mapping[str, Tensor], expand: Expand, extractor: Extractor) -> dict[str, Any]:
    """The entry of how well what was given can be told from its translation: `retrieval` among at most 500 by the `self_similarity` of the
    extractor's finest maps. Its features themselves will not do: of digits and their exact negatives they find 1 % where this finds 99 %.
    One picture for all gets 1/n and a copy 1. No skill comes of it: networks that change nothing keep everything."""
    seen = lambda x: torch.cat([self_similarity(extractor.maps(expand({"x": rows})["x"])[0]) for rows in x[:RETRIEVED].split(BATCH)])
    given, translated = seen(made["shown"]), seen(made["x"])
    columns = {"floor": retrieval(given, given), "baseline": 1 / len(given), "control": retrieval(given, translated.roll(1, 0))}
    protocol = {"n": len(given), "floor": "copies of what was given", "baseline": "one picture for all", "control": "translations of other pictures"}
    return _entry("content", retrieval(given, translated), columns, _seen_by(extractor) | protocol)


def inversion(made: Mapping[str, Tensor], expand: Expand, a: Tensor, b: Tensor, of: str) -> dict[str, Any]:
    """The entry of the mean `correlation` of what was given and its translation. a, b: compact real pictures of the two sides that belong
    together, `of` what they are. They say what to expect: in some data the one side is the negative of the other."""
    floats = lambda x: expand({"x": x})["x"]
    over = lambda a, b: float(torch.cat([correlation(floats(x), floats(y)) for x, y in zip(a.split(BATCH), b.split(BATCH))]).mean())
    given = made["shown"]
    columns = {"floor": over(a, b), "baseline": over(given, given), "control": over(given, 255 - given)}
    protocol = {"n": len(given), "floor": of, "baseline": "copies of what was given", "control": "negatives of what was given"}
    return _entry("inversion", over(given, made["x"]), columns, protocol)


@torch.no_grad()
def label_kept(made: Mapping[str, Tensor], expand: Expand, classifier: Extractor, floor: float) -> dict[str, Any]:
    """The entry of the share of translations in which a classifier of the items sees the label of what was given, "label" (n,). floor: its
    accuracy on held-out items."""
    scores = torch.cat([classifier.classify(expand({"x": x})["x"]) for x in made["x"].split(BATCH)])
    labels, seen = made["label"], scores.argmax(1)
    wrong, common = (labels + 1) % scores.shape[1], float(labels.bincount().max())
    columns = {"floor": floor, "baseline": common / len(labels), "control": label_accuracy(wrong, seen)}
    protocol = {"n": len(labels), "floor": "held-out items", "baseline": "always the most frequent label", "control": "wrong labels"}
    return _entry("label_kept", label_accuracy(labels, seen), columns, _seen_by(classifier) | protocol)
