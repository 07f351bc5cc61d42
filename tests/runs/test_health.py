"""The doctor, on events as runs write them: each detector fires on its failure and stays silent on health."""

import pytest

from sparring.runs import health


def event(round, skipped=None, accuracy=(0.6, 0.6), **metrics):
    entries = {name: {"value": value, "floor": floor, "skill": skill} for name, (value, floor, skill) in metrics.items()}
    watch = {"accuracy/real": accuracy[0], "accuracy/fake": accuracy[1]}
    return {"round": round, "skipped": skipped or {}, "attempt": 0, "watch": watch, "metrics": entries}


def codes(events):
    return {finding.code for finding in health.examine(events)}


HEALTHY = [event(100 * i, coverage=(0.1 * i, 0.9, 0.11 * i), recall=(0.8, 0.9, 0.8), fd=(10 / i, 0.1, 1 - 0.5 / i)) for i in range(1, 10)]
COLLAPSED = HEALTHY[:4] + [event(100 * i, coverage=(0.02, 0.9, 0.02), recall=(0.01, 0.9, 0.01), fd=(20, 0.1, 0.3)) for i in range(5, 10)]
POINTS_COLLAPSED = [event(100 * i, modes=(2, 25, 0.1), hq=(0.9, 0.98, 0.9)) for i in range(1, 6)]
POINTS_BLURRED = [event(100 * i, modes=(9, 25, 0.3), hq=(0.02, 0.98, 0.0)) for i in range(1, 6)]
CLIMBING = [event(10 * i, coverage=(0.001, 0.9, 0.0), recall=(0.0, 0.9, 0.0), fd=(50 - 5 * i, 0.1, -0.5 + 0.1 * i)) for i in range(1, 7)]
STUCK = [event(100 * i, coverage=(0.4, 0.9, 0.4), recall=(0.6, 0.9, 0.6), fd=(8, 0.1, 0.4)) for i in range(1, 9)]
SATURATED = [event(10 * i, accuracy=(0.99, 1.0)) for i in range(1, 41)]


def silent(apart, right):
    """A discriminator whose mean scores lie so far apart, and which is right about that share of items."""
    events = [event(10 * i, accuracy=(2 * right if i % 2 else 0.0, 0.0 if i % 2 else 2 * right), fd=(2.0, 0.2, 0.7)) for i in range(1, 41)]
    return [e | {"watch": e["watch"] | {"real": 0.3 + apart, "fake": 0.3}} for e in events]


def far(events):
    """The same with items that are far from real ones."""
    return [e | {"metrics": event(0, fd=(2.0, 0.2, 0.7))["metrics"]} for e in events]


def grid(*values):
    return [event(100 * i, checkerboard=(value, 0.05, 0.9), fd=(1 / i, 0.2, 0.8)) for i, value in enumerate(values, 1)]


def inverted(*values, floor=0.3):
    return [event(100 * i, inversion=(value, floor, 0.9), fd=(1 / i, 0.2, 0.8)) for i, value in enumerate(values, 1)]


def translated(content):
    """Translations that cover little of the other side, and the share of them that what was given is found from."""
    return [e | {"metrics": e["metrics"] | {"content": {"value": content, "floor": 1.0}}} for e in COLLAPSED]


def by_loss(player, loss, apart=1.0):
    """A game whose discriminator is not asked about held-out items, as translators are."""
    terms = {"generators/adversarial": 0.5, f"{player}/adversarial": loss, f"{player}/gradient": 0.001}
    common = {"skipped": {}, "attempt": 0, "terms": terms, "watch": {"real": apart, "fake": 0.0}, "metrics": {}}
    return [{"round": 10 * i, **common} for i in range(1, 41)]


def sloped(player, *penalties):
    """A healthy game whose discriminator pays these for its slope, one after another, and a little after that."""
    paid = [*penalties, *[0.2] * (40 - len(penalties))]
    return [e | {"terms": e["terms"] | {f"{player}/r1": p, f"{player}/r2": 0.1}} for e, p in zip(by_loss(player, 0.6), paid, strict=True)]


@pytest.mark.parametrize(
    "events, expected",
    [
        (sloped("discriminator"), set()),
        (sloped("discriminator", 9, 7, 3, 2, 1, 0.5), set()),
        (sloped("discriminator", *[0.3] * 10, 80, 6), {"steep-discriminator"}),
        (sloped("discriminators", *[0.3] * 10, 80, 6), {"steep-discriminator"}),
        (sloped("generator", *[0.3] * 10, 80, 6), set()),
        (HEALTHY, set()),
        (CLIMBING, set()),
        (COLLAPSED, {"mode-collapse"}),
        (POINTS_COLLAPSED, {"mode-collapse"}),
        (POINTS_BLURRED, set()),
        (STUCK, {"no-progress"}),
        (SATURATED, {"saturated-discriminator"}),
        (SATURATED[:10], set()),
        ([*HEALTHY, event(1000, skipped={"generator": 3})], {"not-finite"}),
        (silent(0.0, 0.49), {"silent-discriminator"}),
        (silent(0.4, 0.49), set()),
        (silent(0.0, 0.60), set()),
        (silent(0.0, 0.49)[:15], set()),
        (grid(0.1, 0.0, 0.1), set()),
        (grid(0.1, 1.4, 1.5), {"checkerboard"}),
        (translated(0.02), {"mode-collapse"}),
        (translated(0.6), {"no-progress"}),
        (inverted(0.4, -0.6, -0.7), {"colour-inversion"}),
        (inverted(-0.6, -0.7), set()),
        (inverted(-0.6, -0.7, -0.1), set()),
        (inverted(-0.6, -0.1, -0.7), set()),
        (inverted(-0.8, -0.9, -0.9, floor=-0.95), set()),
        (by_loss("discriminators", 0.004), {"saturated-discriminator"}),
        (by_loss("discriminator", 0.004), {"saturated-discriminator"}),
        (by_loss("discriminators", 0.004)[:10], set()),
        (by_loss("discriminators", 0.1), set()),
        (by_loss("critic", 0.004), set()),
        (by_loss("discriminators", -3.0, apart=3.0), set()),
        (by_loss("discriminators", 0.0, apart=0.0), set()),
        (by_loss("discriminators", None), set()),
        (far(by_loss("discriminator", 0.25, apart=0.01)), {"silent-discriminator"}),
        (far(by_loss("discriminator", 0.20, apart=0.20)), set()),
        (by_loss("discriminator", 0.25, apart=0.01), set()),
        ([], set()),
    ],
    ids=["level", "steep at first", "thrown out", "several thrown out", "a steep generator",
         "healthy", "climbing", "collapsed", "few modes", "blurred", "stuck", "saturated", "too young to be saturated", "not finite",
         "silent", "apart", "right", "too young to be silent", "no grid", "a grid",
         "translated into few", "translated each in its way", "negatives", "too few negatives", "no longer negatives",
         "negatives now and then", "data of negatives", "several saturated", "saturated by its loss", "too young by its loss", "unsure by its loss",
         "no discriminator", "wasserstein", "flat wasserstein", "not finite by its loss",
         "silent by its scores", "apart by its scores", "silent where nothing is measured", "no events"],  # fmt: skip
)
def test_findings(events, expected):
    assert codes(events) - ({"no-progress"} if {"mode-collapse", "silent-discriminator"} & expected else set()) == expected


def test_a_finding_says_since_when_and_what_to_do():
    finding = next(f for f in health.examine(COLLAPSED) if f.code == "mode-collapse")
    assert finding.since_round == 500
    assert finding.severity == "failing"
    assert finding.evidence["coverage"] == 0.02
    assert finding.advice


def test_negatives_since_when():
    finding = next(f for f in health.examine(inverted(-0.5, 0.4, -0.6, -0.7)) if f.code == "colour-inversion")
    assert finding.since_round == 300 and finding.severity == "warning"
    assert finding.evidence == {"correlation": -0.7, "correlation of real pictures": 0.3}


def test_how_steep_since_when():
    (finding,) = health.examine(sloped("discriminator", *[0.3] * 10, 80, 6))
    assert (finding.since_round, finding.evidence["highest penalty"]) == (110, 80)


def test_diagnosis_is_the_document_of_doctor_json():
    document = health.diagnosis("runs/a", COLLAPSED, {"state": "finished"})
    assert document["run"] == "runs/a"
    assert document["verdict"] == "failing"
    assert set(document["findings"][0]) == {"code", "severity", "since_round", "evidence", "cause", "advice"}


def test_a_run_that_died_is_failing_whatever_its_events_show():
    died = {"state": "failed", "round": 70, "error": "a loss stays not finite after 4 roll-backs"}
    document = health.diagnosis("runs/a", [], died)
    assert document["verdict"] == "failing" and "4 roll-backs" in document["findings"][0]["cause"] and document["findings"][0]["advice"]
    assert health.diagnosis("runs/a", [], {"state": "interrupted"})["verdict"] == "healthy"
