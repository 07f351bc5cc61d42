"""Plays a run: the trainer yields records; here is decided about metrics, previews, `best`, checkpoints, the doctor, and when to go back."""

import contextlib
import os
import signal
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from sparring.base import devices, files, ranks
from sparring.base.errors import UserError, WorkError
from sparring.base.seeding import generator, reseed
from sparring.games.capabilities import Scores, Transforms
from sparring.metrics.calibration import Calibration, accuracy, calibrate
from sparring.play.checkpoint import load_trainer, save_clock, save_local, save_trainer
from sparring.play.game import Game
from sparring.play.optimizers import CAUTION
from sparring.play.trainer import Record, Trainer
from sparring.play.watching import conditions, sample, watching
from sparring.recipes.recipe import Configuration, Watching
from sparring.runs import health
from sparring.runs.data import Data
from sparring.runs.folder import Folder, whole
from sparring.runs.judging import FEWEST, answers, fakes, judge_for, judged, makes, mean_skill, tells, triples
from sparring.runs.progress import Display
from sparring.runs.tracking import TensorBoard

PATIENCE = 5
"""moves in a row that are not finite before the run goes back to a checkpoint"""
ATTEMPTS = 4
"""roll-backs before the run gives up"""
TOLERANCE, SURE = 0.01, 500
"""how far below the highest mean skill a later checkpoint may be and still become the best, by so many held-out items or more: fewer are not as
sure, by the root of their number"""
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


def _seconds(look: Callable[[], Any]) -> float:
    """Of the second call: the first one fills caches."""
    look()
    start = time.perf_counter()
    look()
    return time.perf_counter() - start


class Interrupted(Exception):
    """A signal ended the run after a checkpoint was saved."""

    def __init__(self, signum: int, path: Path):
        super().__init__(f"interrupted; `sparring resume {path}` goes on")
        self.code, self.path = 128 + signum, path


def make_trainer(configuration: Configuration, data: Data, seed: int) -> Trainer:
    """A trainer in its first state: a function of configuration, data and seed."""
    hardware = configuration.hardware
    devices.check_device(hardware.device)
    torch.set_num_threads(hardware.threads)
    reseed("init", seed)
    game = configuration.game.build(space=data.codec.space)
    memory_format = torch.channels_last if hardware.channels_last else torch.contiguous_format
    game = game.to(hardware.device, memory_format=memory_format) if hardware.channels_last else game.to(hardware.device)
    stream = data.stream(configuration.batch, seed=seed, device=hardware.device, memory_format=memory_format)
    return Trainer(
        game, stream, length=configuration.rounds, seed=seed, chunks=hardware.chunks, precision=devices.precision(hardware)
    )


class Playing:
    """One process's work on a run from its last checkpoint to its end."""

    def __init__(self, folder: Folder, data: Data, display: Display, trainer: Trainer | None = None):
        self.folder, self.data, self.display = folder, data, display
        self.saved = folder.recipe()
        self.configuration = folder.configuration()
        self.trainer = trainer or make_trainer(self.configuration, data, self.saved["seed"])
        self.game: Game = self.trainer.game
        self.leads = ranks.rank() == 0
        self.notes: dict[str, Any] = {"seconds": 0.0, "skill": None, "best": None, "calibration": None, "stale": 0, "stopped": None}
        self.improved = False
        self.events: list[dict[str, Any]] = []
        self.codes: set[str] = set()
        self.scores: dict[str, list[float]] = {}
        self.signal, self.looping = 0, False
        self.tick, self.judge_every, self.preview_every = periods(self.configuration.watching, self.configuration.rounds)
        self.judge = None

    # ---- from beginning to end

    def play(self, stop_after: float | None = None) -> None:
        """Plays to the recorded length. `stop_after`: seconds after which it stops early, as if interrupted."""
        with self.folder.lock if self.leads else contextlib.nullcontext(), self.listening():
            if self.leads:
                self.folder.sweep()
            self.restore()
            total, board = self.saved["rounds"], TensorBoard(self.folder.path)
            if self.notes["stopped"] not in (None, total):                          # it is to go on to a new length
                self.notes |= {"stopped": None, "stale": 0}
            try:
                if self.leads:
                    self.prepare()
                    self.folder.set_status("running", self.trainer.clock.round, total)
                self.looping = True
                deadline = None if stop_after is None else time.monotonic() + stop_after
                self.loop(total, board, deadline)
                if self.leads:
                    self.folder.set_status("finished" if self.over(total) else "interrupted", self.trainer.clock.round, total, stopped=self.stopped)
                    if self.stopped:
                        self.display.note(self.stopped)
            except (Interrupted, KeyboardInterrupt):
                if self.leads:
                    self.folder.set_status("interrupted", self.trainer.clock.round, total)
                raise
            except BaseException as error:
                with contextlib.suppress(Exception):
                    if self.leads:
                        self.folder.set_status("failed", self.trainer.clock.round, total, " ".join(str(error).split()) or type(error).__name__)
                raise
            finally:
                board.close()
                self.display.close()

    def over(self, total: int) -> bool:
        return self.trainer.clock.round >= total or self.trainer.stage() is None or self.notes["stopped"] is not None

    @property
    def stopped(self) -> str | None:
        """Why it is finished before its recorded length, where it is."""
        if self.notes["stopped"] is None:
            return None
        patience = self.configuration.watching.patience
        return f"stopped early at round {self.trainer.clock.round} of {self.notes['stopped']}: {patience} judgements without a better held-out score"

    def settled(self) -> bool:
        """Whether all learning rates are nearer to their last values than to their first; those that stand still are."""
        clock, length = self.trainer.clock, self.configuration.rounds
        rates = lambda round: [player.optimizer.at(replace(clock, round=round))["lr"] for player in self.trainer.players.values()]
        return all(abs(now - last) <= abs(now - first) for first, now, last in zip(rates(0), rates(clock.round), rates(length)))

    def prepare(self) -> None:
        """What watching needs, before the first round: extractors are trained or fetched here."""
        part = self.data.held_out
        if part is None:
            self.display.warn("too few items to hold any out: nothing will be measured and the last checkpoint is the best")
        elif self.judge_every and makes(self.game):
            if self.game.space.pictures:
                self.display.note("preparing metrics (for new pictures the network that judges them is trained first: about a minute, once)")
            with torch.random.fork_rng(devices=[]):
                watching = self.configuration.watching
                self.judge = judge_for(self.data, part, names=watching.metrics, n=watching.items, game=self.game)
            if self.judge is None:
                few = self.data.count(part)
                self.display.warn(f"{few} items are held out, metrics need {FEWEST}: nothing will be measured and the last checkpoint is the best")

    def loop(self, total: int, board: TensorBoard, deadline: float | None) -> None:
        saved_at, again, stage = time.monotonic(), True, self.trainer.stage_number()
        while again and not self.over(total):
            again = False
            for record in self.trainer.rounds(total - self.trainer.clock.round, every=self.tick):
                if record.in_a_row >= PATIENCE:
                    self.go_back()
                    again = True
                    break
                at_end = self.over(total)
                if self.leads:
                    event = self.look(record, at_end)
                    self.events.append(event)
                    self.folder.append_event(event)
                    board.event(event)
                    self.display.event(event)
                    self.consult()
                if not at_end and ranks.highest(self.leads and 0 < self.configuration.watching.patience <= self.notes["stale"]):
                    self.notes["stopped"], at_end = total, True
                out_of_time = deadline is not None and time.monotonic() > deadline
                if ranks.highest(self.trainer.stopped or out_of_time):        # never set back: a signal may come between these two lines
                    self.trainer.stopped = True
                late = time.monotonic() - saved_at > 60 * self.configuration.watching.checkpoint_minutes
                due, stage = self.improved or late or record.stage != stage, record.stage
                # a checkpoint in a row of failing moves may be what a roll-back wants to leave behind
                if at_end or self.trainer.stopped or ranks.highest(self.leads and due and not record.in_a_row):
                    self.save()
                    saved_at = time.monotonic()
                if at_end:
                    return
        if signum := ranks.highest(self.signal):
            if self.folder.checkpoints()[-1].name != f"{self.trainer.clock.round:06d}":
                self.save()
            raise Interrupted(signum, self.folder.path)

    def rehearse(self) -> dict[str, float]:
        """Seconds that a round, a tick, a preview and a judgement take. For a run that is thrown away."""
        lazy = getattr(self.configuration.game, "penalty", None)
        period = 2 * (lazy.every if lazy is not None else 1)
        self.restore()
        self.prepare()
        play = lambda: sum(1 for _ in self.trainer.rounds(period, every=period))
        play()
        played, start = 0, time.perf_counter()
        while time.perf_counter() - start < 3 or played < period:
            play()
            played += period
        costs = {"round": (time.perf_counter() - start) / played, "judgement": 0.0}
        with watching(self.game):
            costs["tick"] = _seconds(self.verdicts)
            costs["preview"] = _seconds(lambda: self.preview(0))
            if self.judge is not None:
                costs["judgement"] = _seconds(self.judgement)
        return costs

    # ---- looking

    def look(self, record: Record, at_end: bool) -> dict[str, Any]:
        """The event of this tick."""
        self.improved = False                            # what was not saved then is not what stands here now
        self.notes["seconds"] += record.seconds
        finite = lambda values: {k: v if v == v and abs(v) != float("inf") else None for k, v in values.items()}
        event = {
            "round": record.round, "images": record.images, "epoch": round(record.epoch, 3), "seconds": round(self.notes["seconds"], 2),
            "stage": record.stage, "attempt": self.trainer.clock.attempt, "terms": finite(record.terms), "watch": finite(record.watch),
            "metrics": {}, "health": [], "speed": {k: round(v, 2) for k, v in record.speed.items()}, "skipped": record.skipped,
        }  # fmt: skip
        with watching(self.game):
            event["watch"] |= finite(self.verdicts())
            if self.scores:
                event["scores"] = self.scores
            if self.judge is not None and (record.round % self.judge_every == 0 or at_end):
                measured = self.judgement()["metrics"]
                event["metrics"] = {k: {f: m[f] for f in ("value", "floor", "skill") if f in m} for k, m in measured.items()}
                event["skill"] = mean_skill(measured)
                if event["skill"] is not None:
                    better = self.notes["skill"] is None or event["skill"] > self.notes["skill"]
                    self.notes["stale"] = 0 if better or not self.settled() else self.notes["stale"] + 1
                    highest = max(event["skill"], self.notes["skill"] or 0.0)
                    slack = TOLERANCE * max(1.0, SURE / min(self.configuration.watching.items, self.data.count(self.data.held_out))) ** 0.5
                    self.notes["skill"], self.improved = highest, event["skill"] >= highest - slack
            if self.preview_every and (record.round % self.preview_every == 0 or at_end):
                self.preview(record.round)
        event["health"] = [finding.code for finding in health.examine([*self.events, event])] if event["metrics"] or at_end else []
        return event

    def judgement(self) -> dict[str, Any]:
        """What is measured during training."""
        return judged(self.judge, self.data, self.game, self.data.held_out, self.configuration.watching.items, seed=1)

    def verdicts(self) -> dict[str, float]:
        """The discriminator's accuracy on held-out and on generated items; remembers its calibration and how its scores are spread."""
        if not (isinstance(self.game, Scores) and makes(self.game)):
            return {}
        part = self.data.held_out or "train"
        some = torch.randperm(len(self.data.part(part)["x"]), generator=generator("verdicts"))[:VERDICTS]      # data may be sorted by label
        real = {k: v[some] for k, v in self.data.part(part).items()}
        made = fakes(self.data, self.game, part, len(real["x"]), seed=2)
        real_score, fake_score = (score_items(self.game, self.data.codec, batch) for batch in (real, made))
        self.notes["calibration"] = asdict(calibrate(real_score, fake_score, part))
        self.scores = spread(real_score, fake_score)
        return accuracy(real_score, fake_score)

    def preview(self, round: int) -> None:
        """previews/000100.png for fixed noise, or for fixed given pictures: each beside what was made of it and its target."""
        if not makes(self.game):
            return
        (self.folder.path / "previews").mkdir(exist_ok=True)
        if isinstance(self.game, Transforms):
            items, rows = triples(self.data.codec, answers(self.data, self.game, self.data.held_out or "train", PREVIEWED, seed=0))
            self.data.codec.preview(items, self.folder.path / "previews" / f"{round:06d}.png", rows)
            return
        classes = len(self.game.space.labels) if tells(self.game) else 0
        labels = torch.arange(min(classes, 20)).repeat_interleave(PER_LABEL) if classes else None
        pictures = self.game.space.pictures
        n = len(labels) if labels is not None else 64 if pictures else 2500
        asked = labels if labels is not None else conditions(self.game, n, seed=0)
        items = self.data.codec.decode(sample(self.game, n, 0, asked))
        real = lambda: self.data.codec.decode(self.data.codec.expand({"x": self.data.first("train", 2500)})["x"])
        drawn = {} if pictures else {"real": real(), "score": self.probability}
        self.data.codec.preview(items, self.folder.path / "previews" / f"{round:06d}.png", None if labels is None else labels.numpy(), **drawn)

    def probability(self, points) -> Any:
        """Of being real, for points in the data's units: the heat map of a preview. None for games without a discriminator."""
        if self.notes["calibration"] is None or self.game.conditional:
            return torch.full((len(points),), 0.5).numpy()
        scores = score_items(self.game, self.data.codec, {"x": self.data.codec.compact(points)})
        return Calibration(**self.notes["calibration"])(scores).numpy()

    def consult(self) -> None:
        """Says what the doctor found, each thing once."""
        if self.events[-1]["health"]:
            for finding in health.examine(self.events):
                if finding.code not in self.codes:
                    self.codes.add(finding.code)
                    self.display.warn(f"{finding.code} since round {finding.since_round}: {finding.cause} {finding.advice[0]}")

    # ---- checkpoints

    def save(self) -> None:
        """A checkpoint of this round, and the pointers to it."""
        round = self.trainer.clock.round
        target = self.folder.checkpoints_path / f"{round:06d}"
        if self.improved:
            self.notes["best"] = target.name
        if self.leads:
            notes = self.notes | {"events": self.folder.events_size()}
            with files.new_folder(target) as folder:
                save_trainer(self.trainer, folder, notes)
                save_local(self.game, folder)
            self.folder.point("last", target)
            if self.improved:
                self.folder.point("best", target)
            self.folder.prune()
            self.folder.set_status("running", round, self.saved["rounds"])
        self.improved = False
        ranks.wait()
        if not self.leads:
            save_local(self.game, target)

    def restore(self) -> None:
        """The state of the newest checkpoint that is whole; says so when a newer one is damaged."""
        checkpoints = self.folder.checkpoints()
        good = [c for c in checkpoints if whole(c)]
        if not good:
            raise UserError(f"{self.folder.path} has no checkpoint that is whole: the files are missing or cut short; train again")
        if self.leads and good[-1] != checkpoints[-1]:
            self.display.warn(f"checkpoint {checkpoints[-1].name} is damaged; going on from {good[-1].name}")
        notes = load_trainer(self.trainer, good[-1])
        self.notes |= {k: v for k, v in notes.items() if k != "events"}
        if self.leads:
            self.folder.drop_after(good[-1])
            for which, name in (("last", good[-1].name), ("best", self.notes["best"])):        # a kill may have come before these
                if name and (self.folder.checkpoints_path / name).is_dir():
                    self.folder.point(which, self.folder.checkpoints_path / name)
            self.folder.cut_events(notes["events"])
            self.events = self.folder.events()
            self.codes = {code for event in self.events for code in event["health"]}

    def go_back(self) -> None:
        """To the last checkpoint, with another attempt: other randomness and half the learning rate."""
        attempt = self.trainer.clock.attempt + 1
        if attempt > ATTEMPTS:
            advice = "lower the learning rates, raise penalty.gamma, or look at the data with `sparring inspect`"
            raise WorkError(f"training stays not finite after {ATTEMPTS} roll-backs: {advice}")
        ranks.wait()
        self.restore()
        for count in self.trainer.failing.values():
            count.zero_()
        self.trainer.meter.read()
        self.trainer.clock = replace(self.trainer.clock, attempt=attempt)
        where = f"back to round {self.trainer.clock.round}, attempt {attempt + 1}, learning rates x {CAUTION**attempt:g}"
        self.display.warn(f"{PATIENCE} moves in a row were not finite: {where}")
        if self.leads:
            save_clock(self.trainer, self.folder.checkpoints()[-1], self.notes | {"events": self.folder.events_size()})

    # ---- signals

    @contextlib.contextmanager
    def listening(self):
        """Ctrl-C and SIGTERM end the round and save; a second one, or one before the first round, ends at once."""

        def stop(signum, frame):
            if self.signal or not self.looping:
                raise Interrupted(signum, self.folder.path)
            self.signal, self.trainer.stopped = signum, True

        import threading

        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {s: signal.signal(s, stop) for s in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for s, handler in before.items():
                signal.signal(s, handler)


def score_items(game: Game, codec, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """Logits (n,) on the CPU of compact items, told their label where the game wants one; the game must be watched or settled."""
    device = next(game.parameters()).device
    scores = []
    for first in range(0, len(batch["x"]), 256):
        part = codec.expand({name: column[first : first + 256].to(device) for name, column in batch.items()})
        scores.append(game.score(part["x"], part.get("y")).float().cpu())
    return torch.cat(scores)


def spread(real: torch.Tensor, fake: torch.Tensor) -> dict[str, list[float]]:
    """{range: [least, greatest], real: counts, fake: counts} of logits in BINS equal parts; {} where none is finite."""
    real, fake = (s[s.isfinite()].double() for s in (real, fake))
    low, high = (float(f(torch.cat([real, fake]))) for f in (torch.min, torch.max)) if len(real) + len(fake) else (0.0, 0.0)
    if not low < high:
        return {}
    count = lambda s: torch.histc(s, BINS, low, high).long().tolist()
    return {"range": [round(low, 4), round(high, 4)], "real": count(real), "fake": count(fake)}


def environment() -> dict[str, Any]:
    """Versions and the machine, for recipe.json."""
    import platform

    import numpy

    from sparring import __version__

    return {
        "sparring": __version__, "torch": torch.__version__, "numpy": numpy.__version__, "python": platform.python_version(),
        "system": platform.system(), "machine": platform.machine(), "cores": os.cpu_count(), "world": ranks.world(),
    }  # fmt: skip
