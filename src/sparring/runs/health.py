"""The doctor: detectors look at a run's events and say what is wrong and what to do."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

Events = list[dict[str, Any]]


@dataclass(frozen=True)
class Finding:
    """Something wrong with a training, with its evidence."""

    code: str
    severity: str
    """warning or failing"""
    since_round: int
    evidence: dict[str, float]
    cause: str
    advice: tuple[str, ...]


Detector = Callable[[Events], Finding | None]
DETECTORS: dict[str, Detector] = {}


def detector(code: str) -> Callable[[Detector], Detector]:
    """Registers the function below it: events, oldest first, to a Finding or None."""

    def register(function: Detector) -> Detector:
        DETECTORS[code] = function
        return function

    return register


def examine(events: Events) -> list[Finding]:
    """Every detector's finding, the worst first."""
    findings = [finding for look in DETECTORS.values() if (finding := look(events))]
    return sorted(findings, key=lambda f: f.severity != "failing")


def failed(status: dict[str, Any]) -> list[Finding]:
    """What a run died of, which its events need not show: a roll-back forgets those that led to it."""
    if status["state"] != "failed":
        return []
    said = f"It ended with an error: {status['error']}"
    advice = "Mend what the error says, then `sparring resume` goes on from the last checkpoint; a loss that is not finite wants lower rates."
    return [Finding("failed", "failing", status["round"], {}, said, (advice,))]


def diagnosis(run: str, events: Events, status: dict[str, Any]) -> dict[str, Any]:
    """The document of `doctor --json`."""
    findings = failed(status) + examine(events)
    verdict = "failing" if any(f.severity == "failing" for f in findings) else "warning" if findings else "healthy"
    return {"run": run, "verdict": verdict, "findings": [asdict(f) | {"advice": list(f.advice)} for f in findings]}


def _measured(events: Events, metric: str) -> list[tuple[int, dict[str, float]]]:
    return [(e["round"], e["metrics"][metric]) for e in events if metric in e.get("metrics", {})]


@detector("not-finite")
def not_finite(events: Events) -> Finding | None:
    """Moves that were NaN or infinite, and were skipped."""
    bad = [e for e in events if e.get("skipped") or e.get("attempt")]         # a roll-back forgets the events that led to it
    if not bad:
        return None
    moves = sum(sum(e.get("skipped", {}).values()) for e in bad)
    backs = max(e.get("attempt", 0) for e in events)
    lasting = backs > 0 or bad[-1] is events[-1]
    return Finding(
        "not-finite", "failing" if lasting else "warning", bad[0]["round"], {"moves": moves, "roll_backs": backs},
        "A loss or gradient was not finite; those moves were skipped" + (" and the run was rolled back." if backs else "."),
        ("Lower the learning rates, or raise penalty.gamma.", "Look for broken items in the data (sparring inspect).", "Try --precision fp32."),
    )  # fmt: skip


CERTAIN = 0.02
"""adversarial loss below which a discriminator is right about nearly everything; guessing costs 0.25 (least squares) or more"""
SILENCE = 0.05
"""difference of mean scores below which a discriminator says nothing"""
GRID = 1.0
"""doublings of power above that of real pictures from which a grid is to be seen"""
FOUND = 0.25
"""share of given pictures found from their translations that a few kinds of translations do not allow"""
STEEP = 5.0
"""weighted penalty on the slope at items that no discriminator in its bounds pays: 52 runs of pictures stayed below 0.7, ten that ran away came
to 11 to 5,000"""
INVERTED = -0.2
"""correlation of what was given with its translation below which light and dark are exchanged"""
# What a collapse looks like in each family of metrics: the share of the floor below which variety counts as lost.
VARIETY = {"coverage": 0.25, "modes": 0.6}


def _skills(events: Events) -> list[tuple[int, float]]:
    """(round, mean skill over metrics), below 0 too: early on a run climbs from far below the trivial generator."""
    found = []
    for e in events:
        skills = [min(1.0, max(-10.0, m["skill"])) for m in e.get("metrics", {}).values() if "skill" in m]
        if skills:
            found.append((e["round"], sum(skills) / len(skills)))
    return found


def _improving(events: Events) -> bool:
    """Whether quality as a whole rose over the last three measurements."""
    seen = _skills(events)
    return len(seen) >= 3 and seen[-1][1] > seen[-3][1] + 0.02


def _blurred(events: Events) -> bool:
    """Whether items miss the real ones for want of quality, not of variety: points between modes, pictures with a high recall."""
    points, pictures = _measured(events, "hq"), _measured(events, "recall")
    return bool(points and points[-1][1]["value"] < 0.1) or bool(pictures and pictures[-1][1]["value"] > 0.5 * pictures[-1][1].get("floor", 1))


def _told_apart(events: Events) -> bool:
    """Whether items answer to given ones each in its own way: by targets of their own, or as translations that what was given is found from."""
    found = _measured(events, "content")
    return bool(_measured(events, "psnr")) or bool(found and found[-1][1]["value"] > FOUND)


def _since(seen: Sequence[tuple], wrong: Sequence[bool]) -> int:
    """The round of the first measurement from which on every one was wrong."""
    return next(row[0] for i, row in enumerate(seen) if all(wrong[i:]))


@detector("checkerboard")
def checkerboard(events: Events) -> Finding | None:
    """Pictures have a grid of a few pixels' period, which upsampling leaves and which no photograph has."""
    seen = [(r, m["value"], m["floor"]) for r, m in _measured(events, "checkerboard") if "floor" in m]
    gridded = [value - floor >= GRID for _, value, floor in seen]
    if len(seen) < 3 or not all(gridded[-2:]):
        return None
    return Finding(
        "checkerboard", "warning", _since(seen, gridded), {"checkerboard": seen[-1][1], "checkerboard of real items": seen[-1][2]},
        "The pictures have a fine grid, of two or four pixels' period, that real ones do not have.",
        (
            "Train longer: young generators show it and most outgrow it.",
            "Take a network that resizes before it convolves (resnet and unet here do) instead of strided transposed convolutions.",
            "Lower the weight of the adversary, or raise penalty.gamma.",
        ),
    )  # fmt: skip


@detector("colour-inversion")
def colour_inversion(events: Events) -> Finding | None:
    """Translations are negatives of what was given, in data whose two sides are not negatives of each other."""
    seen = [(r, m["value"], m["floor"]) for r, m in _measured(events, "inversion") if "floor" in m]
    inverted = [value < INVERTED <= floor for _, value, floor in seen]
    if len(seen) < 3 or not all(inverted[-2:]):
        return None
    return Finding(
        "colour-inversion", "warning", _since(seen, inverted), {"correlation": seen[-1][1], "correlation of real pictures": seen[-1][2]},
        "Translations are dark where what was given is light: the networks agreed on negatives, which can be translated back as well as any.",
        (
            "Raise the weight identity (2 x at a time), which asks for pictures of the target to stay as they are.",
            "Train longer: young translators show it and some outgrow it.",
            "Start again with another --seed: it is settled early.",
        ),
    )  # fmt: skip


@detector("mode-collapse")
def mode_collapse(events: Events) -> Finding | None:
    """Generated items cover a small part of what real held-out items of the same number cover."""
    if _told_apart(events):                             # answers to given items are as varied as these: what they lack is detail
        return None
    for metric, share in VARIETY.items():
        seen = [(r, m["value"] / m["floor"], m) for r, m in _measured(events, metric) if m.get("floor")]
        # a young run that is still spreading or getting better is no collapse
        young = len(seen) < 3 or seen[-1][1] > 1.3 * seen[-3][1] or _improving(events)
        if not young and seen[-1][1] < share and not _blurred(events):
            since = _since(seen, [s < share for _, s, _ in seen])
            return Finding(
                "mode-collapse", "failing", since, {metric: seen[-1][2]["value"], f"{metric} of real items": seen[-1][2]["floor"]},
                "The generator makes a few kinds of items and leaves the rest out.",
                (
                    "If the objective is another or there is no penalty: --objective relativistic --penalty.kind r1+r2.",
                    "Raise penalty.gamma (4 x at a time), or lower the generator's learning rate.",
                    "Take a larger batch, so that the discriminator sees variety.",
                ),
            )  # fmt: skip
    return None


def _players(event: dict[str, Any], role: str) -> list[str]:
    """The players of a role that moved: the one called like it, or its plural where one player is several networks (CycleGAN)."""
    moved = dict.fromkeys(term.partition("/")[0] for term in event.get("terms", {}))
    return [player for player in moved if player.removesuffix("s") == role]


def _certainty(event: dict[str, Any]) -> tuple[bool, dict[str, float]] | None:
    """Whether the discriminator is right about nearly everything, and what shows it: its accuracy on held-out items, or, where it is not asked
    about these, the loss that it minimises (Wasserstein's is below 0 then, and 0 where all scores are equal: it tells nothing)."""
    watch = event.get("watch", {})
    if "accuracy/real" in watch:
        right = {name: watch[name] for name in ("accuracy/real", "accuracy/fake")}
        return min(right.values()) >= 0.97, right
    terms = [f"{player}/adversarial" for player in _players(event, "discriminator")]
    losses = {name: event["terms"][name] for name in terms if event["terms"].get(name) is not None}
    apart = (watch.get("real") or 0.0) - (watch.get("fake") or 0.0)
    return (apart > SILENCE and all(0 <= loss < CERTAIN for loss in losses.values()), losses) if losses else None


@detector("saturated-discriminator")
def saturated_discriminator(events: Events) -> Finding | None:
    """The discriminator tells everything apart, for a lasting part of the run."""
    seen = [(e["round"], *found) for e in events if (found := _certainty(e)) is not None]
    tail = seen[-max(10, len(seen) // 4) :]
    if len(seen) < 20 or not all(certain for _, certain, _ in tail):
        return None
    return Finding(
        "saturated-discriminator", "warning", tail[0][0], tail[-1][2],
        "The discriminator is right about nearly every real and generated item: the generator learns little from it.",
        (
            "Raise penalty.gamma (4 x at a time), or lower the discriminator's learning rate.",
            "If the objective is another or there is no penalty: --objective relativistic --penalty.kind r1+r2.",
            "With few items it may have learnt them by heart: add data.",
        ),
    )  # fmt: skip


@detector("silent-discriminator")
def silent_discriminator(events: Events) -> Finding | None:
    """The discriminator gives everything the same score although generated items are far from real ones; where it is asked about held-out items
    it is also right about half of them only, whatever its scores average to."""
    seen = [e for e in events if None not in (e.get("watch", {}).get(name) for name in ("real", "fake"))]
    tail = seen[-max(10, len(seen) // 8) :]
    far = [m["value"] / m["floor"] for _, m in _measured(events, "fd") if m.get("floor", 0) > 0]
    if len(seen) < 20 or not far or far[-1] < 3:
        return None
    apart = max(abs(e["watch"]["real"] - e["watch"]["fake"]) for e in tail)
    asked = [(e["watch"]["accuracy/real"] + e["watch"]["accuracy/fake"]) / 2 for e in tail if "accuracy/real" in e["watch"]]
    right = {"accuracy": sum(asked) / len(asked)} if asked else {}
    if apart > SILENCE or right.get("accuracy", 0.5) > 0.53:
        return None
    return Finding(
        "silent-discriminator", "failing", tail[0]["round"], {"difference of mean scores": apart} | right,
        "The discriminator gives real and generated items the same score, though they differ: it has gone flat, and teaches the generator nothing.",
        (
            "Lower both learning rates (to a half): too high for too long, they kill the discriminator's units.",
            "Lower penalty.gamma, whose only wish is a flat discriminator.",
            "Train shorter: the schedule then leaves the high learning rate sooner.",
        ),
    )  # fmt: skip


@detector("steep-discriminator")
def steep_discriminator(events: Events) -> Finding | None:
    """The discriminator ran away, for some rounds at least: what it pays for its slope leaps far above what it can win."""
    terms = lambda e: [e["terms"].get(f"{player}/{name}") or 0.0 for player in _players(e, "discriminator") for name in ("r1", "r2")]
    steep = [(e["round"], highest) for e in events[5:] if (highest := max(terms(e), default=0.0)) > STEEP]         # the first rounds find the bounds
    if len(events) < 20 or not steep:
        return None
    return Finding(
        "steep-discriminator", "warning", steep[0][0], {"highest penalty": max(highest for _, highest in steep), "highest in bounds": STEEP},
        "The discriminator became so steep that its penalty leapt: it was thrown out of its bounds, and what the generator had learnt with it.",
        (
            "Lower both learning rates (to a third).",
            "Take a larger batch, so that steps are less a matter of chance.",
            "Start again rather than train on: what comes later may look healthy, and has lost a part of the run.",
        ),
    )  # fmt: skip


@detector("no-progress")
def no_progress(events: Events) -> Finding | None:
    """The mean skill over all metrics has not improved over the second half of at least six measurements, and is low."""
    seen = _skills(events)
    if len(seen) < 6:
        return None
    half = len(seen) // 2
    before, after = max(s for _, s in seen[:half]), max(s for _, s in seen[half:])
    if after > before + 0.01 or after > 0.6:
        return None
    return Finding(
        "no-progress", "warning", seen[half][0], {"skill before": before, "skill since": after},
        "Quality has not improved for half of the run and is far from that of real items.",
        ("Train longer, or with a larger learning rate.", "Raise the networks' width.", "Look at the samples and at the findings above."),
    )  # fmt: skip
