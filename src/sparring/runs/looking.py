"""What is looked at while a run trains: measurements on held-out items, the discriminator's verdicts, previews. Looking changes no weight."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from sparring.base.seeding import generator
from sparring.games.capabilities import Scores, Transforms
from sparring.metrics.calibration import Calibration, accuracy, calibrate
from sparring.play.game import Game
from sparring.play.watching import conditions, sample
from sparring.recipes.recipe import Watching
from sparring.runs.data import Data
from sparring.runs.judging import FEWEST, answers, fakes, judge_for, judged, makes, score_items, tells, triples
from sparring.runs.progress import Display

VERDICTS = 128
"""held-out and generated items that the discriminator is asked about at a tick"""
BINS = 24
"""of a histogram of its scores"""
PER_LABEL = 10
"""items of each label in a preview"""
PREVIEWED = 24
"""given items in a preview"""


def periods(watch: Watching, length: int) -> tuple[int, int, int]:
    """Rounds between ticks, judgements and previews of a run of this length; the latter two are whole ticks, or 0 for never."""
    tick = max(1, length // 200) if watch.tick == "auto" else watch.tick
    judge = max(1, length // 10) if watch.judge == "auto" else watch.judge
    preview = max(1, length // 40) if watch.preview == "auto" else watch.preview
    whole_ticks = lambda rounds: -(-rounds // tick) * tick
    return tick, whole_ticks(judge), whole_ticks(preview)


def occasions(watch: Watching, length: int) -> dict[str, int]:
    """How often a run of this length ticks, judges and makes a preview."""
    tick, judge, preview = periods(watch, length)
    return {"tick": length // tick + 1, "judgement": length // judge + 1 if judge else 0, "preview": length // preview + 1 if preview else 0}


class Looks:
    """At a game, on the data it is trained on. The game must be `watching`."""

    def __init__(self, game: Game, data: Data, watch: Watching, path: Path):
        """`path`: the run's folder, for previews."""
        self.game, self.data, self.watch, self.path = game, data, watch, path
        self.judge = None
        self.calibration: dict[str, Any] | None = None
        """of the discriminator's scores, since the last `verdicts`"""
        self.scores: dict[str, list[float]] = {}
        """how they were spread then"""

    def prepare(self, display: Display) -> None:
        """What watching needs, before the first round: extractors are trained or fetched here."""
        part = self.data.held_out
        if part is None:
            display.warn("too few items to hold any out: nothing will be measured and the last checkpoint is the best")
        elif self.watch.judge != 0 and makes(self.game):
            if self.game.space.pictures:
                display.note("preparing metrics (for new pictures the network that judges them is trained first: about a minute, once)")
            with torch.random.fork_rng(devices=[]):
                self.judge = judge_for(self.data, part, names=self.watch.metrics, n=self.watch.items, game=self.game)
            if self.judge is None:
                few = self.data.count(part)
                display.warn(f"{few} items are held out, metrics need {FEWEST}: nothing will be measured and the last checkpoint is the best")

    def judgement(self) -> dict[str, Any]:
        """What is measured during training."""
        return judged(self.judge, self.data, self.game, self.data.held_out, self.watch.items, seed=1)

    def verdicts(self) -> dict[str, float]:
        """The discriminator's accuracy on held-out and on generated items; remembers its calibration and how its scores are spread."""
        if not (isinstance(self.game, Scores) and makes(self.game)):
            return {}
        part = self.data.held_out or "train"
        some = torch.randperm(len(self.data.part(part)["x"]), generator=generator("verdicts"))[:VERDICTS]      # data may be sorted by label
        real = {k: v[some] for k, v in self.data.part(part).items()}
        made = fakes(self.data, self.game, part, len(real["x"]), seed=2)
        real_score, fake_score = (score_items(self.game, self.data.codec, batch) for batch in (real, made))
        self.calibration = asdict(calibrate(real_score, fake_score, part))
        self.scores = spread(real_score, fake_score)
        return accuracy(real_score, fake_score)

    def preview(self, round: int) -> None:
        """previews/000100.png for fixed noise, or for fixed given pictures: each beside what was made of it and its target."""
        if not makes(self.game):
            return
        (self.path / "previews").mkdir(exist_ok=True)
        if isinstance(self.game, Transforms):
            items, rows = triples(self.data.codec, answers(self.data, self.game, self.data.held_out or "train", PREVIEWED, seed=0))
            self.data.codec.preview(items, self.path / "previews" / f"{round:06d}.png", rows)
            return
        classes = len(self.game.space.labels) if tells(self.game) else 0
        labels = torch.arange(min(classes, 20)).repeat_interleave(PER_LABEL) if classes else None
        pictures = self.game.space.pictures
        n = len(labels) if labels is not None else 64 if pictures else 2500
        asked = labels if labels is not None else conditions(self.game, n, seed=0)
        items = self.data.codec.decode(sample(self.game, n, 0, asked))
        real = lambda: self.data.codec.decode(self.data.codec.expand({"x": self.data.first("train", 2500)})["x"])
        drawn = {} if pictures else {"real": real(), "score": self.probability}
        self.data.codec.preview(items, self.path / "previews" / f"{round:06d}.png", None if labels is None else labels.numpy(), **drawn)

    def probability(self, points) -> Any:
        """Of being real, for points in the data's units: the heat map of a preview. None for games without a discriminator."""
        if self.calibration is None or self.game.conditional:
            return torch.full((len(points),), 0.5).numpy()
        scores = score_items(self.game, self.data.codec, {"x": self.data.codec.compact(points)})
        return Calibration(**self.calibration)(scores).numpy()


def spread(real: torch.Tensor, fake: torch.Tensor) -> dict[str, list[float]]:
    """{range: [least, greatest], real: counts, fake: counts} of logits in BINS equal parts; {} where none is finite."""
    real, fake = (s[s.isfinite()].double() for s in (real, fake))
    low, high = (float(f(torch.cat([real, fake]))) for f in (torch.min, torch.max)) if len(real) + len(fake) else (0.0, 0.0)
    if not low < high:
        return {}
    count = lambda s: torch.histc(s, BINS, low, high).long().tolist()
    return {"range": [round(low, 4), round(high, 4)], "real": count(real), "fake": count(fake)}
