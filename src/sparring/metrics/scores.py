"""Each metric of the catalogue as one function of two sets: (metric, reference, judged) -> Score. The mathematics is next door."""

from collections.abc import Callable

from torch import Tensor

from sparring.metrics import artefacts, frechet, kernel, labels, neighbours, points
from sparring.metrics.catalogue import Metric
from sparring.metrics.items import Items, NotComputable, Score

PRECISION_K, DENSITY_K = 3, 5


def fd(metric: Metric, reference: Items, judged: Items) -> Score:
    role = metric.views[0]
    real, fake = reference.features(role), judged.features(role)
    parts = {}
    if reference.labels is not None and judged.labels is not None:
        parts = labels.frechet_per_label(real, reference.labels, fake, judged.labels)
    protocol = {"covariance": "divisor N-1"}
    if min(len(real), len(fake)) <= real.shape[1]:
        protocol["note"] = f"no more items than the {real.shape[1]:,} features: read it beside its floor only"
    return Score(frechet.frechet_distance(real, fake), parts=parts, protocol=protocol)


def fd_infinity(metric: Metric, reference: Items, judged: Items) -> Score:
    role = metric.views[0]
    value = frechet.frechet_distance_infinity(reference.features(role), judged.features(role))
    return Score(value, protocol={"sizes": "15 from N/10 to N"})


def kid(metric: Metric, reference: Items, judged: Items) -> Score:
    role = metric.views[0]
    value, std, size = kernel.kernel_distance(reference.features(role), judged.features(role))
    return Score(value, std, protocol={"kernel": "(x.y/d + 1)^3", "subsets": kernel.SUBSETS, "subset_size": size})


def _of_neighbours(measure: Callable[[Tensor, Tensor, int], float], k: int, within: str) -> Callable[[Metric, Items, Items], Score]:
    def score(metric: Metric, reference: Items, judged: Items) -> Score:
        role = metric.views[0]
        return Score(measure(reference.features(role), judged.features(role), k), protocol={"k": k, "within": within})

    return score


precision = _of_neighbours(neighbours.precision, PRECISION_K, "<=")
recall = _of_neighbours(neighbours.recall, PRECISION_K, "<=")
density = _of_neighbours(neighbours.density, DENSITY_K, "<")
coverage = _of_neighbours(neighbours.coverage, DENSITY_K, "<")


def checkerboard(metric: Metric, reference: Items, judged: Items) -> Score:
    return Score(artefacts.checkerboard(judged.x), protocol={"periods": list(artefacts.PERIODS)})


def label_accuracy(metric: Metric, reference: Items, judged: Items) -> Score:
    asked, predicted = judged.labels, judged.predicted
    return Score(labels.label_accuracy(asked, predicted), parts=labels.accuracy_per_label(asked, predicted))


def copies(metric: Metric, reference: Items, judged: Items) -> Score:
    known, seen = ([items.features(role) for role in metric.views] for items in (reference, judged))
    rule = (
        "distance to the nearest training item over its own to the next, geometric mean over extractors, within the lowest 1 % among training items, "
        "of which equal ones count once"
    )
    return Score(neighbours.copies(known, seen), protocol={"rule": rule})


PACGAN = {"high_quality": "within 3 sigma of the nearest mode"}


def modes(metric: Metric, reference: Items, judged: Items) -> Score:
    means, sigma = reference.mixture
    return Score(points.modes(judged.points, means, sigma), protocol=PACGAN | {"of": len(means)})


def hq(metric: Metric, reference: Items, judged: Items) -> Score:
    return Score(points.high_quality(judged.points, *reference.mixture), protocol=PACGAN)


def kl(metric: Metric, reference: Items, judged: Items) -> Score:
    return Score(points.kl_from_uniform(_captured(reference, judged)), protocol=PACGAN | {"direction": "KL(captured || uniform), nats"})


def js(metric: Metric, reference: Items, judged: Items) -> Score:
    return Score(points.js_from_uniform(_captured(reference, judged)), protocol=PACGAN | {"unit": "nats"})


def _captured(reference: Items, judged: Items):
    counts = points.captured(judged.points, *reference.mixture)
    if not counts.any():
        raise NotComputable("no point lies within 3 sigma of a mode")
    return counts


def radius(metric: Metric, reference: Items, judged: Items) -> Score:
    return Score(points.median_radius(judged.points, *reference.mixture), protocol={"unit": "sigmas"})


def wasserstein(metric: Metric, reference: Items, judged: Items) -> Score:
    protocol = {"projections": points.PROJECTIONS, "unit": "the data's own"}
    return Score(points.sliced_wasserstein(reference.points, judged.points), protocol=protocol)
