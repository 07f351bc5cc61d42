"""The uniform scheme: every number stands beside the same metric of three other sets, taken with the same reference and the same n.

value = f(reference, generated items)            floor = f(reference, held-out real items): what a perfect generator would get
baseline = f(reference, a trivial generator's)   control = f(reference, items spoilt in the way this metric must notice)
skill = (value - baseline) / (floor - baseline): 1 is as good as real data, 0 as bad as the trivial generator
"""

import math
import time
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from sparring.base.seeding import generator, seed_of
from sparring.extractors.extractor import Extractor
from sparring.metrics.artefacts import chequered
from sparring.metrics.catalogue import Metric, has_places, named, usual
from sparring.metrics.items import Items, NotComputable, Score
from sparring.metrics.points import PROTOCOL_ITEMS
from sparring.modalities.source import Codec

REFERENCE = 1500
TRAINING = 20_000
ABSENT = {
    "inception": "needs the published Inception weights (--inception FILE)",
    "efficientnet": "needs the ImageNet extractor (ask for it by name; it is slow)",
}
ELSEWHERE = {
    "game": "asks the game itself: measure the run with this metric by name",
    "pairs": "needs a target for every item, as restorations and translations of pairs have it",
    "cycle": "needs a game that translates both ways",
    "back": "needs a game that translates both ways, between pictures",
    "translations": "needs a game that translates between pictures of the same channels",
    "labelled": "needs translations between two collections that have the same labels",
}
"""what metrics need that do not compare sets of items"""


class Judge:
    """Judges generated items, again and again, against one set of training and held-out items.

    training, held_out: compact batches {"x": (n, ...), "y": (n,) when labelled} as `codec.encode` gives them.
    extractors: by role: own, numbers, and perhaps efficientnet and inception.
    names: metrics, by default those usual for the data and the extractors.
    density: the mixture that the data come from, where it is known (`.means` (m, d), `.sigma`).
    n: the most items judged, by default 1,500 (2,500 points of a known mixture).
    trivial: compact items, what needs no learning where there is something to answer to; by default those of the codec's trivial generator.
    back: another judge, of items that are translated back to what is given.

    Fakes and held-out items are compared with the same random training items, 1,500 or n if that is more; copies are looked for
    among all of them, up to 20,000. Columns that do not depend on the fakes are computed once for each n. Nothing here draws from
    torch's global random state.
    """

    def __init__(
        self,
        codec: Codec,
        training: Mapping[str, Tensor],
        held_out: Mapping[str, Tensor],
        extractors: Mapping[str, Extractor],
        *,
        names: Iterable[str] | None = None,
        density: Any = None,
        n: int | None = None,
        seed: int = 0,
        trivial: Mapping[str, Tensor] | None = None,
        back: "Judge | None" = None,
    ):
        self.codec, self.extractors, self.seed, self.trivial, self.back = codec, extractors, seed, trivial, back
        has_modes = getattr(density, "means", None) is not None
        self.metrics = named(names if names is not None else usual(codec.space.shape, has_modes, extractors))
        self.n = n or (PROTOCOL_ITEMS if has_modes else REFERENCE)
        self.training_items = len(training["x"])
        self.reference = self._items(self._some(training, max(self.n, REFERENCE), "reference"), density=density, kept=True)
        self.training = self._items(self._some(training, TRAINING, "training"), density=density, kept=True)
        self.held_out = self._some(held_out, self.n, "held-out")
        self._sets: dict[int, dict[str, Items]] = {}
        self._columns: dict[tuple[str, int], dict[str, Score]] = {}

    def judge(self, fakes: Mapping[str, Tensor]) -> dict[str, Any]:
        """The document of `measure --json` without its `run` and `data`: {"n", "seconds", "metrics": {name: ...}, "skipped": {name: why}}.

        fakes: compact generated items {"x": (n, ...), "y": (n,) the labels asked for, or absent}. As many are judged as there are fakes,
        held-out items and `self.n`, whichever is least.
        """
        start = time.perf_counter()
        n = min(self.n, len(fakes["x"]), len(self.held_out["x"]))
        judged = self._items(self._some(fakes, n, "fakes"))
        metrics, skipped = {}, {}
        broken = int((~fakes["x"].flatten(1).isfinite().all(1)).sum())
        for metric in self.metrics:
            try:
                if broken:
                    raise NotComputable(f"{broken:,} of {len(fakes['x']):,} generated items are not finite")
                self._require(metric, judged)
                metrics[metric.name] = self._report(metric, judged)
            except NotComputable as reason:
                skipped[metric.name] = str(reason)
        return {"n": n, "seconds": round(time.perf_counter() - start, 2), "metrics": metrics, "skipped": skipped}

    def columns(self, metric: Metric, n: int) -> dict[str, Score]:
        """Floor, baseline and control of a metric for n items; one that has no value is absent."""
        if (metric.name, n) not in self._columns:
            sets = self._comparisons(n)
            found = {}
            for column, judged in (("floor", sets["held-out"]), ("baseline", sets["trivial"]), ("control", sets[metric.control])):
                try:
                    self._require(metric, judged)
                    found[column] = metric.score(metric, self._against(metric), judged)
                except NotComputable:
                    continue
            self._columns[metric.name, n] = found
        return self._columns[metric.name, n]

    def _report(self, metric: Metric, judged: Items) -> dict[str, Any]:
        reference = self._against(metric)
        score = metric.score(metric, reference, judged)
        if not math.isfinite(score.value):
            raise NotComputable("its value is not finite: the generated items are far too large")
        columns = self.columns(metric, len(judged))
        entry = entry_of(metric, score, {column: of.value for column, of in columns.items()})
        if score.parts:
            floors = columns["floor"].parts if "floor" in columns else {}
            beside = {label: {"floor": row["value"], "n_floor": row.get("n_fake", row.get("n"))} for label, row in floors.items()}
            entry["per_label"] = {self._label(label): row | beside.get(label, {}) for label, row in score.parts.items()}
        return entry | {"protocol": self._protocol(metric, reference, judged) | score.protocol}

    def _protocol(self, metric: Metric, reference: Items, judged: Items) -> dict[str, Any]:
        amount = "all" if len(reference) == self.training_items else "random"
        protocol: dict[str, Any] = {}
        if metric.views:
            sees = "classifier" in metric.needs and "labels" in self.extractors
            extractors = [self.extractors[role] for role in (("labels",) if sees else metric.views)]
            protocol["extractor"] = " and ".join(e.name for e in extractors)
            protocol["extractor_hash"] = " ".join(e.hash for e in extractors)
            if extractors[0].test_accuracy is not None:                      # who sees labels badly sees little else
                protocol["extractor_accuracy"] = extractors[0].test_accuracy
        if "modes" in metric.needs:
            protocol["reference"] = "the known mixture"
        elif "labels" in metric.needs:
            protocol["reference"] = "the labels asked for"
        else:
            words = f"{amount} {len(reference):,}" if amount == "all" else f"{len(reference):,} {amount}"
            protocol |= {"reference": f"{words} training items", "n_real": len(reference)}
        return protocol | {"n_fake": len(judged)}

    def _require(self, metric: Metric, judged: Items) -> None:
        """NotComputable when something that the metric needs is not there."""
        if metric.of in ELSEWHERE:
            raise NotComputable(ELSEWHERE[metric.of])
        for role in metric.views:
            if role not in self.extractors:
                raise NotComputable(ABSENT.get(role, f"needs an extractor in the role {role!r}"))
        if "modes" in metric.needs and self.reference.mixture is None:
            raise NotComputable("the modes behind the data are not known")
        if "points" in metric.needs and self.codec.space.kind != "points":
            raise NotComputable("is for points only")
        if "places" in metric.needs and not has_places(self.codec.space.shape):
            raise NotComputable("is for pictures of at least 32 pixels a side")
        fewest = min(len(judged), len(self._against(metric)))
        if fewest < metric.least:
            raise NotComputable(f"needs at least {metric.least} items of every set, there are {fewest}")
        if "labels" in metric.needs and judged.labels is None:
            raise NotComputable("the items were not asked for by label")
        if "classifier" in metric.needs and judged.predicted is None:
            raise NotComputable(f"the extractor {self.extractors['own'].name} is no classifier")

    def _against(self, metric: Metric) -> Items:
        return self.training if metric.against == "training" else self.reference

    def _comparisons(self, n: int) -> dict[str, Items]:
        """The sets that stand beside n generated items."""
        if n not in self._sets:
            real = self._some(self.held_out, n, "floor")
            training = {"x": self.training.x} | ({} if self.training.labels is None else {"y": self.training.labels})
            known = self._some(training, n, "copied")
            if self.trivial is None:                     # labels of random training items, unrelated to what it made
                trivial = known | {"x": self.codec.baseline(self.training.x, n, seed_of("baseline", self.seed))}
            else:
                trivial = {name: rows[:n] for name, rows in self.trivial.items()}
            self._sets[n] = {
                "held-out": self._items(real, kept=True),
                "trivial": self._items(trivial, kept=True),
                "damaged": self._items(real | {"x": self.codec.spoil(real["x"], seed_of("spoil", self.seed))}, kept=True),
                "collapsed": self._items({name: rows[:1].expand_as(rows) for name, rows in real.items()}),
                "mislabelled": self._items(real | {name: rows.roll(1, 0) for name, rows in real.items() if name == "y"}),
                "copied": self._items(known),
            }
            if real["x"].ndim == 4:
                self._sets[n]["chequered"] = self._items(real | {"x": chequered(real["x"])})
        return self._sets[n]

    def _items(self, batch: Mapping[str, Tensor], density: Any = None, kept: bool = False) -> Items:
        return Items(batch, self.codec, self.extractors, density=density, kept=kept)

    def _some(self, batch: Mapping[str, Tensor], n: int, purpose: str) -> dict[str, Tensor]:
        """n items (all when there are fewer) in a random order that depends on the seed and the purpose."""
        rows = torch.randperm(len(batch["x"]), generator=generator("judge", purpose, self.seed))[:n]
        return {name: column[rows] for name, column in batch.items()}

    def _label(self, label: int) -> str:
        labels = self.codec.space.labels
        return labels[label] if label < len(labels) else str(label)


def entry_of(metric: Metric, score: Score, beside: Mapping[str, float]) -> dict[str, Any]:
    """How an entry of a measurement begins: a value, what stands beside it, and its skill where that means something."""
    entry = {"value": score.value} | ({} if score.std is None else {"std": score.std}) | {"better": metric.better, **beside}
    skill = skill_of(metric, entry)
    return entry if skill is None else entry | {"skill": skill}


def skill_of(metric: Metric, entry: Mapping[str, float]) -> float | None:
    """None where the trivial generator is not worse than real data (it makes no copies either), for then the scale means nothing."""
    if "floor" not in entry or "baseline" not in entry or not metric.graded:
        return None
    span = entry["floor"] - entry["baseline"]
    if span == 0 or (metric.better == "lower" and span > 0) or (metric.better == "higher" and span < 0):
        return None
    if metric.better == "floor":                     # missing the floor on either side is as bad
        return 1 - abs((entry["value"] - entry["floor"]) / span)
    return (entry["value"] - entry["baseline"]) / span
