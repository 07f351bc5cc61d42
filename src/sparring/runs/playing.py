"""Plays a run: the trainer yields records; here is decided when to look (`looking`), about `best`, checkpoints, the doctor, and when to go back."""

import contextlib
import math
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from sparring.base import devices, files, ranks
from sparring.base.errors import UserError, WorkError
from sparring.base.seeding import reseed
from sparring.play.checkpoint import load_trainer, save_clock, save_local, save_trainer
from sparring.play.game import Game
from sparring.play.optimizers import CAUTION
from sparring.play.trainer import Record, Trainer
from sparring.play.watching import watching
from sparring.recipes.recipe import Configuration
from sparring.runs import health
from sparring.runs.compiling import compiled
from sparring.runs.data import Data
from sparring.runs.folder import Folder, whole
from sparring.runs.judging import mean_skill
from sparring.runs.looking import Looks, periods
from sparring.runs.progress import Display
from sparring.runs.tracking import TensorBoard

PATIENCE = 5
"""moves in a row that are not finite before the run goes back to a checkpoint"""
ATTEMPTS = 4
"""roll-backs before the run gives up"""
TOLERANCE, SURE = 0.01, 500
"""how far below the highest mean skill a later checkpoint may be and still become the best, by so many held-out items or more: fewer are not as
sure, by the root of their number"""


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
    if hardware.compile and not any(turn.compiles for stage in game.stages() for turn in stage.turns):
        raise UserError("torch.compile takes none of this game's losses: set hardware.compile to false")
    memory_format = torch.channels_last if hardware.channels_last else torch.contiguous_format
    game = game.to(hardware.device, memory_format=memory_format) if hardware.channels_last else game.to(hardware.device)
    stream = data.stream(configuration.batch, seed=seed, device=hardware.device, memory_format=memory_format)
    return Trainer(
        game, stream, length=configuration.rounds, seed=seed, chunks=hardware.chunks, precision=devices.precision(hardware),
        compiler=compiled if hardware.compile else lambda loss: loss,
    )  # fmt: skip


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
        self.signal, self.looping = 0, False
        self.tick, self.judge_every, self.preview_every = periods(self.configuration.watching, self.configuration.rounds)
        self.looks = Looks(self.game, data, self.configuration.watching, folder.path)

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
                    self.looks.prepare(self.display)
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
        settings = self.configuration.game
        period = 2 * math.lcm(*(part.every for part in (settings, getattr(settings, "penalty", None)) if hasattr(part, "every")))
        self.restore()
        self.looks.prepare(self.display)
        total, begins, costs = self.trainer.clock.rounds, 0, {"round": 0.0, "judgement": 0.0}
        for stage in self.game.stages():                                        # each costs what its rounds cost, for its part of the run
            ends = total if stage.rounds is None else min(total, begins + stage.rounds)
            if ends > begins:
                self.trainer.clock = replace(self.trainer.clock, round=begins)
                costs["round"] += self.round_costs(period) * (ends - begins) / total
            begins = ends
        with watching(self.game):
            costs["tick"] = _seconds(self.looks.verdicts)
            costs["preview"] = _seconds(lambda: self.looks.preview(0))
            if self.looks.judge is not None:
                costs["judgement"] = _seconds(self.looks.judgement)
        return costs

    def round_costs(self, period: int) -> float:
        """Seconds that a round takes from here on, the mean over some periods."""
        play = lambda: sum(1 for _ in self.trainer.rounds(period, every=period))
        play()
        played, start = 0, time.perf_counter()
        while time.perf_counter() - start < 3 or played < period:
            play()
            played += period
        return (time.perf_counter() - start) / played

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
            event["watch"] |= finite(self.looks.verdicts())
            self.notes["calibration"] = self.looks.calibration
            if self.looks.scores:
                event["scores"] = self.looks.scores
            if self.looks.judge is not None and (record.round % self.judge_every == 0 or at_end):
                measured = self.looks.judgement()["metrics"]
                event["metrics"] = {k: {f: m[f] for f in ("value", "floor", "skill") if f in m} for k, m in measured.items()}
                event["skill"] = mean_skill(measured)
                if event["skill"] is not None:
                    better = self.notes["skill"] is None or event["skill"] > self.notes["skill"]
                    self.notes["stale"] = 0 if better or not self.settled() else self.notes["stale"] + 1
                    highest = max(event["skill"], self.notes["skill"] or 0.0)
                    slack = TOLERANCE * max(1.0, SURE / min(self.configuration.watching.items, self.data.count(self.data.held_out))) ** 0.5
                    self.notes["skill"], self.improved = highest, event["skill"] >= highest - slack
            if self.preview_every and (record.round % self.preview_every == 0 or at_end):
                self.looks.preview(record.round)
        event["health"] = [finding.code for finding in health.examine([*self.events, event])] if event["metrics"] or at_end else []
        return event

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
        self.looks.calibration = self.notes["calibration"]
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
