"""The metrics by name: what each says, what it needs, and what must make it fail. Importing this does not import torch."""

import importlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from sparring.base.errors import UserError, nearest


@dataclass(frozen=True)
class Metric:
    """A line of the catalogue; `score` loads the function behind it."""

    name: str
    better: Literal["lower", "higher", "floor"]
    """which way is better; `floor`: the nearer to the value of held-out real items"""
    control: Literal["damaged", "collapsed", "mislabelled", "copied", "chequered", "its own"]
    """the spoilt items that this metric must notice"""
    views: tuple[str, ...] = ()
    """roles of the extractors it looks through: own, numbers, efficientnet, inception"""
    needs: tuple[str, ...] = ()
    """labels: asked for with each item; classifier: an extractor that sees them, in the role labels or own; modes: a known mixture; points: no
    pictures; places: pictures of at least 32 pixels a side"""
    against: Literal["reference", "training"] = "reference"
    """what items are compared with: the random sample of training items, or all of them"""
    of: Literal["items", "game", "pairs", "cycle", "back", "translations", "labelled"] = "items"
    """what it asks: sets of items; the game itself (metrics/probing.py), which is slower and is done when it is asked for by name; items that
    were translated back, beside the collection of what is given; and (metrics/paired.py) items and their targets, items that were translated
    there and back, items and what they were translated from, or the labels of that"""
    graded: bool = True
    """whether the trivial generator and real items are the ends of a scale, on which a skill says something"""
    least: int = 2
    """fewest items that every set must have"""
    implementation: str = ""
    """the function in metrics/scores.py, when it is not called like the metric"""
    source: str = field(kw_only=True)
    """where it is defined"""
    about: str = field(kw_only=True)
    """what it says, in one line"""

    @property
    def score(self) -> Callable[..., Any]:
        return getattr(importlib.import_module("sparring.metrics.scores"), self.implementation or self.name)


HEUSEL = "Heusel et al. 2017, https://arxiv.org/abs/1706.08500"
KYNKAANNIEMI = "Kynkäänniemi et al. 2019, https://arxiv.org/abs/1904.06991"
NAEEM = "Naeem et al. 2020, https://arxiv.org/abs/2002.09797"
PACGAN = "Lin et al. 2018 (PacGAN), https://arxiv.org/abs/1712.04086"

OWN = ("own",)

# fmt: off
METRICS = {metric.name: metric for metric in (
    Metric("fd", "lower", "damaged", OWN, least=8, source=HEUSEL,
           about="distance of the features' Gaussians: quality and variety together"),
    Metric("fd_infinity", "lower", "damaged", OWN, least=100, source="Chong and Forsyth 2020, https://arxiv.org/abs/1911.07023",
           about="fd extrapolated to infinitely many generated items"),
    Metric("kid", "lower", "damaged", OWN, least=8, source="Bińkowski et al. 2018, https://arxiv.org/abs/1801.01401",
           about="squared kernel discrepancy of the features, unbiased (may be slightly negative)"),
    Metric("precision", "higher", "damaged", OWN, least=4, source=KYNKAANNIEMI,
           about="share of generated items that lie among the real ones"),
    Metric("recall", "higher", "collapsed", OWN, least=4, source=KYNKAANNIEMI,
           about="share of real items that lie among the generated ones"),
    Metric("density", "higher", "damaged", OWN, least=6, source=NAEEM,
           about="how deep generated items lie among the real ones; about 1 is perfect"),
    Metric("coverage", "higher", "collapsed", OWN, least=6, source=NAEEM,
           about="share of real items that have a generated one near"),
    Metric("label_accuracy", "higher", "mislabelled", OWN, ("labels", "classifier"),
           source="GAN-test of Shmelkov et al. 2018, https://arxiv.org/abs/1807.09499",
           about="share of items that show the label asked for, says the classifier"),
    Metric("copies", "lower", "copied", ("own", "numbers"), against="training", least=8,
           source="nearest-neighbour test calibrated on the training items",
           about="share of items closer to a training item than 99 % of training items are to another one"),
    Metric("fd_efficientnet", "lower", "damaged", ("efficientnet",), least=8, source=HEUSEL, implementation="fd",
           about="fd on ImageNet features (EfficientNet-Lite0): a judge that never saw the data"),
    Metric("kid_efficientnet", "lower", "damaged", ("efficientnet",), least=8, source="Bińkowski et al. 2018, https://arxiv.org/abs/1801.01401",
           implementation="kid", about="kid on ImageNet features (EfficientNet-Lite0)"),
    Metric("fid", "lower", "damaged", ("inception",), least=8, source=HEUSEL, implementation="fd",
           about="fd on the published Inception-v3: comparable with papers"),
    Metric("ppl", "lower", "its own", of="game", source="Karras et al. 2018, https://arxiv.org/abs/1812.04948",
           about="perceptual path length: how much items change for a small step of the latent"),
    Metric("gap", "lower", "its own", of="game", source="train and held-out logits, Karras et al. 2020, https://arxiv.org/abs/2006.06676, section 2",
           about="how much surer the discriminator is of training items than of held-out ones, in deviations"),
    Metric("gan_train", "higher", "its own", of="game", source="GAN-train of Shmelkov et al. 2018, https://arxiv.org/abs/1807.09499",
           about="accuracy on real items of a classifier that learnt from generated ones"),
    Metric("checkerboard", "floor", "chequered", needs=("places",), graded=False, least=8, source="Durall et al. 2020, https://arxiv.org/abs/2003.01826",
           about="power at the frequencies of upsampling above that beside them, in doublings: a grid of 2 or 4 pixels"),
    Metric("psnr", "higher", "its own", of="pairs", source="10 log10(peak^2 / mean squared error)",
           about="nearness to the target, pixel by pixel, in dB"),
    Metric("ssim", "higher", "its own", of="pairs", source="Wang et al. 2004, https://doi.org/10.1109/TIP.2003.819861",
           about="nearness to the target in local means, contrasts and structure; 1 is equal"),
    Metric("perceptual", "lower", "its own", of="pairs", source="Zhang et al. 2018, https://arxiv.org/abs/1801.03924, on the own extractor",
           about="distance to the target as the extractor sees it"),
    Metric("cycle", "lower", "its own", of="cycle", graded=False, source="Zhu et al. 2017, https://arxiv.org/abs/1703.10593, Eq. 2",
           about="mean absolute change of given pictures that were translated there and back, of 255"),
    Metric("fd_b2a", "lower", "damaged", of="back", source=HEUSEL,
           about="fd the other way: of items that were translated back, to the pictures that are given"),
    Metric("content", "higher", "its own", of="translations", graded=False, source="retrieval of what was given (metrics/paired.py)",
           about="share of translations whose nearest given picture, as the extractor sees them, is the one they came from"),
    Metric("inversion", "floor", "its own", of="translations", graded=False, source="Pearson correlation of ITU-R BT.601 luma",
           about="correlation of a given picture's luminance with that of its translation: -1 is a negative, what is right depends on the data"),
    Metric("label_kept", "higher", "its own", of="labelled", source="GAN-test of Shmelkov et al. 2018, https://arxiv.org/abs/1807.09499",
           about="share of translations that show the label of what they came from, says the classifier"),
    Metric("modes", "higher", "collapsed", needs=("modes",), source=PACGAN,
           about="modes of the mixture with at least one point within 3 sigma"),
    Metric("hq", "higher", "damaged", needs=("modes",), source=PACGAN,
           about="share of points within 3 sigma of a mode"),
    Metric("kl", "lower", "collapsed", needs=("modes",), source=PACGAN,
           about="KL(captured modes || uniform) in nats: how unevenly the modes are hit"),
    Metric("js", "lower", "collapsed", needs=("modes",), source=PACGAN,
           about="Jensen-Shannon divergence of captured modes and uniform, in nats"),
    Metric("radius", "floor", "damaged", needs=("modes",), source="closed form sqrt(2 ln 2) in 2-D",
           about="median distance to the nearest mode in sigmas; in two dimensions 1.18 is true, less is too tight"),
    Metric("wasserstein", "lower", "collapsed", needs=("points",), source="Bonneel et al. 2015, https://doi.org/10.1007/s10851-014-0506-3",
           about="sliced Wasserstein-1 distance, in the data's own units"),
)}
# fmt: on

PAIRED = ("psnr", "ssim", "perceptual")
TRANSLATED = ("content", "inversion")
MIXTURE = ("modes", "hq", "kl", "js", "radius", "wasserstein")
FEATURES = ("fd", "kid", "precision", "recall", "density", "coverage", "label_accuracy", "copies")


def usual(shape: tuple[int, ...], has_modes: bool, roles: Iterable[str] = ()) -> tuple[str, ...]:
    """Names of the metrics that items of a shape are judged by when nobody asks for others: those of extractors beyond the usual ones too."""
    if len(shape) == 1:
        return MIXTURE if has_modes else ("wasserstein", *FEATURES)
    grids = ("checkerboard",) if has_places(shape) else ()
    beyond = set(roles) - {"own", "numbers"}
    return FEATURES + grids + tuple(name for name, metric in METRICS.items() if set(metric.views) & beyond)


def has_places(shape: tuple[int, ...]) -> bool:
    """Whether items are pictures of at least 32 pixels a side, in which frequencies can be told apart."""
    return len(shape) == 3 and min(shape[1:]) >= 32


def named(names: Iterable[str], among: Mapping[str, Metric] = METRICS) -> list[Metric]:
    """Metrics by name (dashes or underscores); UserError with the nearest name for an unknown one."""
    found = []
    for name in names:
        key = name.strip().replace("-", "_")
        if key not in among:
            raise UserError(f"no metric is called {name!r}{nearest(key, among)}")
        found.append(among[key])
    return found
