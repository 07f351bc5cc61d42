"""A run in plain words: numbers as people read them, and an honest summary made from them."""

import math
from typing import Any

from sparring.runs.report_material import Material

SHARES = {"precision", "recall", "coverage", "label_accuracy", "copies", "hq", "content", "label_kept"}
"""metrics that are shares of items: shown in per cent"""
NAMES = {
    "fd": "Fréchet distance", "fd_infinity": "Fréchet distance at infinity", "kid": "Kernel distance (KID)", "precision": "Precision",
    "recall": "Recall", "density": "Density", "coverage": "Coverage", "label_accuracy": "Label accuracy", "copies": "Copies",
    "fd_efficientnet": "Fréchet distance, ImageNet features", "fid": "FID", "modes": "Modes found", "hq": "High-quality share",
    "kl": "KL divergence of modes", "js": "JS divergence of modes", "radius": "Median radius", "wasserstein": "Sliced Wasserstein distance",
    "fd_b2a": "Fréchet distance, the other way", "content": "Content kept", "label_kept": "Labels kept", "inversion": "Correlation of luminance",
}  # fmt: skip
THIN = "\u202f"


def title(metric: str) -> str:
    return NAMES.get(metric, metric.replace("_", " "))


def number(value: float | None) -> str:
    """Three significant digits, thousands apart."""
    if value is None or not math.isfinite(value):
        return "–"
    if abs(value) >= 1000 or value == int(value):
        return f"{value:,.0f}"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:.{digits}f}" if digits < 7 else f"{value:.1e}"


def percent(share: float) -> str:
    hundred = 100 * share
    return f"{hundred:.0f}{THIN}%" if hundred in (0, 100) else f"{hundred:.1f}{THIN}%"


def reading(metric: str, value: float | None) -> str:
    """A metric's value as it is shown."""
    return percent(value) if metric in SHARES and value is not None else number(value)


def times(ratio: float) -> str:
    return f"{ratio:.1f}{THIN}×" if ratio < 10 else f"{ratio:,.0f}{THIN}×"


def duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


# ---- how good it is


def grade(ratio: float) -> str:
    """What a Fréchet distance of so many times that of real items means."""
    for bound, words in (
        (1.1, "as close to the training data as real items that it never saw"),
        (1.5, "nearly as close to the training data as real items that it never saw"),
        (3.0, "near the real ones, and still measurably off"),
        (10.0, "recognisably different from real ones"),
    ):
        if ratio <= bound:
            return words
    return "far from real ones"


def summary(material: Material) -> str:
    """One paragraph: what was trained, how good it is beside real items, and what the doctor says."""
    return " ".join([*_training(material), *_quality(material), *_verdict(material)])


def _training(material: Material) -> list[str]:
    split, status = material.facts["split"], material.status
    sentences = []
    if material.events:
        last = material.events[-1]
        sentences.append(
            f"This model learnt from {split['train']:,} {material.things} in {last['round']:,} rounds ({last['images']:,} items seen, "
            f"{last['epoch']:.3g} epochs) and {duration(last['seconds'])} of training."
        )
    else:
        sentences.append(f"This model has {split['train']:,} {material.things} to learn from and has not played a recorded round yet.")
    if status["state"] == "running":
        sentences.append(f"The run is still going (round {status['round']:,} of {status['rounds']:,}); what follows is a snapshot.")
    elif status["state"] != "finished":
        sentences.append(f"The run was {status['state']} at round {status['round']:,} of {status['rounds']:,}; what follows is a snapshot.")
    return sentences


def _quality(material: Material) -> list[str]:
    metrics = material.metrics
    if not metrics:
        return ["Nothing has been measured" + _no_measure(material) + ", so look at the samples and judge for yourself."]
    sentences = [] if material.measured else [f"It has not been measured on test items; the numbers here are from {material.judged_on}."]
    if "hq" in metrics:
        sentences.append(_modes(metrics))
    if "label_accuracy" in metrics:
        sentences.append(
            f"A classifier sees the label that was asked for in {_beside('label_accuracy', metrics)} of generated {material.things}"
            + _real("label_accuracy", metrics, ", where held-out real ones score {}") + "."
        )  # fmt: skip
    if (ratio := material.ratio("fd")) is not None:
        trivial = " and no nearer than those of a trivial generator" if metrics["fd"].get("skill", 1) <= 0 else ""
        sentences.append(f"The Fréchet distance of its {material.things} to the training data is {times(ratio)} that of held-out real ones: "
                         f"{grade(ratio)}{trivial}.")  # fmt: skip
    if "coverage" in metrics:
        sentences.append(f"Generated {material.things} reach {_beside('coverage', metrics)} of the data's variety"
                         + _real("coverage", metrics, " (held-out real ones {})") + ".")  # fmt: skip
    if "copies" in metrics:
        share = metrics["copies"]["value"]
        how_many = f"{percent(share)} of them lie" if share else "None of them lies"
        sentences.append(f"{how_many} suspiciously close to a training item" + _real("copies", metrics, " (of real ones {})") + ".")
    return sentences


def _beside(metric: str, metrics: dict[str, Any]) -> str:
    return reading(metric, metrics[metric]["value"])


def _real(metric: str, metrics: dict[str, Any], words: str) -> str:
    floor = metrics[metric].get("floor")
    return "" if floor is None else words.format(reading(metric, floor))


def _modes(metrics: dict[str, Any]) -> str:
    found = f"It finds {metrics['modes']['value']:.0f} of the {metrics['modes'].get('floor', math.nan):.0f} modes, and " if "modes" in metrics else ""
    end = _real("hq", metrics, " (of real points {})")
    radius = ""
    if metrics.get("radius", {}).get("floor"):
        radius = f"; half of them lie within {number(metrics['radius']['value'])} sigma, of real ones within {number(metrics['radius']['floor'])}"
    trivial = ", no more than a trivial generator puts there" if metrics["hq"].get("skill", 1) <= 0 else ""
    sentence = f"{found}{reading('hq', metrics['hq']['value'])} of its points lie within 3 sigma of a mode{end}{trivial}{radius}."
    return sentence[0].upper() + sentence[1:]


def _no_measure(material: Material) -> str:
    held = material.facts["split"]["test"]
    return f": {held:,} items are held out, too few to compare with" if held < 10 else ""


def _verdict(material: Material) -> list[str]:
    if not material.events:
        return []
    findings = material.diagnosis["findings"]
    if not findings:
        return ["The doctor found nothing wrong with the training itself."]
    codes = " and ".join(f["code"].replace("-", " ") for f in findings)
    return [f"The doctor calls the training {'failing' if material.diagnosis['verdict'] == 'failing' else 'doubtful'}: {codes}."]


# ---- the numbers at the top


def key_figures(material: Material) -> list[tuple[str, str, str]]:
    """(number, what it is, what real items get), at most four: the three most telling measures and the doctor's verdict."""
    metrics, figures = material.metrics, []
    if "modes" in metrics:
        figures.append((number(metrics["modes"]["value"]), "modes found", _real("modes", metrics, "of {}")))
    for name, words in (("hq", "of points within 3 sigma of a mode"), ("label_accuracy", "show the label asked for")):
        if name in metrics:
            figures.append(_share(name, words, metrics))
    if (ratio := material.ratio("fd")) is not None:
        beside = f"{number(metrics['fd']['value'])}, real items {number(metrics['fd']['floor'])}"
        figures.append((times(ratio), "the Fréchet distance of real items", beside))
    for name, words in (
        ("radius", "sigma: median distance from a mode"),
        ("coverage", "of the data's variety reached"),
        ("copies", "suspiciously close to a training item"),
    ):
        if name in metrics:
            figures.append(_share(name, words, metrics))
    return figures[:3] + _health_figure(material)


def _share(metric: str, words: str, metrics: dict[str, Any]) -> tuple[str, str, str]:
    return _beside(metric, metrics), words, _real(metric, metrics, "real items {}")


def _health_figure(material: Material) -> list[tuple[str, str, str]]:
    if not material.events:
        return []
    found = len(material.diagnosis["findings"])
    return [(material.diagnosis["verdict"], "says the doctor", f"{found} finding{'s' * (found != 1)}")]
