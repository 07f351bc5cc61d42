"""One game in the plane while it is played: by rounds, by one player's move, with changes under way, and back in time.

A state is a function of `Play`, the events before it and the round: a link that holds these reproduces it, bit for bit.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from sparring.base.clock import Clock
from sparring.base.errors import UserError
from sparring.base.seeding import reseed
from sparring.base.settings import dump, load, override
from sparring.base.space import PointSpace
from sparring.play.checkpoint import optimizer_state, put_optimizer_state
from sparring.play.game import Game
from sparring.play.stream import Stream
from sparring.play.trainer import Record, Trainer
from sparring.playground.settings import Play, Shape
from sparring.playground.shapes import Scene

LENGTH = 1_000_000
"""rounds that schedules refer to: nobody knows how long a game will be played"""
KEPT = 64
"""states that are kept to go back to; from there rounds are played again"""


@dataclass(frozen=True)
class Event:
    """What a user did: from this round on other settings, or a round in which one player moves alone."""

    round: int
    change: dict[str, Any] = field(default_factory=dict)
    """settings by path, as flags have them"""
    player: str = ""

    def plain(self) -> dict[str, Any]:
        return {"round": self.round} | ({"change": self.change} if self.change else {}) | ({"player": self.player} if self.player else {})

    @classmethod
    def read(cls, plain: Any) -> "Event":
        """UserError for what is no event."""
        try:
            return cls(int(plain["round"]), dict(plain.get("change", {})), str(plain.get("player", "")))
        except (TypeError, ValueError, KeyError, AttributeError):
            raise UserError('an event is {"round": 120, "change": {"game.objective": "minimax"}} or {"round": 120, "player": "generator"}') from None


@dataclass(frozen=True)
class State:
    """A moment to go back to."""

    play: Play
    done: int
    """events before it"""
    clock: Clock
    weights: dict[str, Tensor]
    moments: dict[str, Tensor]


class Session:
    """Plays a game in the plane."""

    def __init__(self, play: Play, events: Sequence[Event] = ()):
        """`events`: a history, which happens again when its rounds are played."""
        self.first, self.events, self.done = play, sorted(events, key=lambda e: e.round), 0
        self.every, self.states = 1, {}
        self._make(play)
        self._keep()

    def _make(self, play: Play) -> None:
        """The game and its trainer at round 0."""
        self.play, self.scene = play, _scene(play.shape)
        self.data = self.scene.sample(play.points, "data", play.seed)
        reseed("init", play.seed)
        self.game: Game = play.game.build(space=PointSpace(shape=(2,)))
        self.trainer = Trainer(self.game, Stream({"x": self.data}, play.batch, seed=play.seed), length=LENGTH, seed=play.seed)

    @property
    def round(self) -> int:
        return self.trainer.clock.round

    @property
    def epoch(self) -> float:
        """How often the set was seen."""
        return self.trainer.clock.images / len(self.data)

    @property
    def players(self) -> tuple[str, ...]:
        return tuple(self.trainer.players)

    # ---- playing

    def advance(self, rounds: int) -> list[Record]:
        """Plays so many rounds, with the events of a history where they come; what happened, piece by piece."""
        target, records = self.round + rounds, []
        while True:
            event = self.events[self.done] if self.done < len(self.events) else None
            due = event is not None and event.round <= self.round
            if due and event.change:                                            # at once, also where no round is left to play
                self.done += 1
                self._change(event.change)
            elif self.round >= target:
                break
            elif due:
                self.done += 1
                began, start = self.trainer.clock, time.perf_counter()
                self.trainer.play_round(only=event.player)
                records.append(self.trainer.record(began, start))
            else:
                until = min(target, event.round) if event else target
                records += self.trainer.rounds(until - self.round, every=LENGTH)
        if self.round >= max(self.states) + self.every:
            self._keep()
        return records

    def move(self, player: str) -> list[Record]:
        """A round in which this player moves alone."""
        if player not in self.players:
            raise UserError(f"this game has no player {player!r}, only {' and '.join(self.players)}")
        self._forget_what_was_to_come()
        self.events.append(Event(self.round, player=player))
        return self.advance(1)

    def change(self, settings: dict[str, Any]) -> list[str]:
        """Settings by path, as flags have them (`game.objective`, `gamma`). Networks keep their weights where they can: the names of those that
        begin anew. UserError in one line for what cannot be; nothing has changed then."""
        if any(path.rpartition(".")[2] == "seed" for path in settings):
            raise UserError("another seed is another game: begin anew with it")
        anew = self._change(settings)
        self._forget_what_was_to_come()
        self.events.append(Event(self.round, dict(settings)))
        self.done += 1
        self._keep()
        return anew

    def _change(self, settings: dict[str, Any]) -> list[str]:
        play, before = override(self.play, settings), self._state()
        optimizers = {name: player.optimizer.kind for name, player in self.trainer.players.items()}
        try:
            self._make(play)
        except UserError:
            self._restore(before)
            raise
        except Exception as error:                                              # a network that is not made for points may fail anywhere
            self._restore(before)
            raise UserError(f"points in the plane cannot be played so: {' '.join(str(error).split())}") from None
        own, part = self.game.state_dict(), lambda name: name.split(".")[0]
        differ = {part(name) for name in own.keys() | before.weights.keys() if _shape(own, name) != _shape(before.weights, name)}
        self.game.load_state_dict({n: t for n, t in before.weights.items() if part(n) not in differ}, strict=False)
        same = {name for name, player in self.trainer.players.items() if optimizers.get(name) == player.optimizer.kind}
        kept = lambda player, name, *_: player in same and part(name) not in differ
        put_optimizer_state(self.trainer, {key: t for key, t in before.moments.items() if kept(*key.split("/"))})
        self.trainer.clock = before.clock
        return sorted(differ & {part(name) for name in own} - {"average"})

    # ---- time

    def travel(self, round: int) -> list[Record]:
        """To this round, back or on, and what was played on the way; the history stays until something else is done there."""
        if not 0 <= round < LENGTH:
            raise UserError(f"rounds go from 0 to {LENGTH:,}, not to {round}")
        nearest = max(r for r in self.states if r <= round)
        if round < self.round or nearest > self.round:
            self._restore(self.states[nearest])
        return self.advance(round - self.round)

    def history(self) -> dict[str, Any]:
        """What reproduces this state: {play, events, round}."""
        return {"play": dump(self.first), "events": [e.plain() for e in self.events[: self.done]], "round": self.round}

    @classmethod
    def at(cls, plain: Any) -> "Session":
        """The session at the state that `history` told; UserError for what is none."""
        try:
            play, events, round = plain["play"], list(plain.get("events", ())), int(plain.get("round", 0))
        except (TypeError, ValueError, KeyError, AttributeError):
            raise UserError("a history is {play: {...}, events: [...], round: 120}") from None
        session = cls(load(Play, play, "the history"), [Event.read(e) for e in events])
        session.travel(round)
        return session

    def _forget_what_was_to_come(self) -> None:
        self.events = self.events[: self.done]
        self.states = {r: state for r, state in self.states.items() if r <= self.round}

    def _state(self) -> State:
        clone = lambda tensors: {name: t.detach().clone() for name, t in tensors.items()}
        return State(self.play, self.done, self.trainer.clock, clone(self.game.state_dict()), clone(optimizer_state(self.trainer)))

    def _restore(self, state: State) -> None:
        self._make(state.play)
        self.done = state.done
        self.game.load_state_dict(state.weights)
        put_optimizer_state(self.trainer, state.moments)
        self.trainer.clock = state.clock

    def _keep(self) -> None:
        self.states[self.round] = self._state()
        while len(self.states) > KEPT:                                          # every other one goes, the first and the last stay
            self.every *= 2
            rounds = sorted(self.states)
            self.states = {r: self.states[r] for r in {*rounds[::2], rounds[-1]}}


@lru_cache(16)
def _scene(shape: Shape) -> Scene:
    """The same one for the same shape, so that its noise is measured once."""
    return shape.build()


def _shape(tensors: dict[str, Tensor], name: str) -> torch.Size | None:
    return tensors[name].shape if name in tensors else None
