"""The clock of a training, and schedules as functions of it."""

import math
from dataclasses import dataclass
from typing import Literal

from pydantic import Field, model_validator

from sparring.base.settings import Settings


@dataclass(frozen=True)
class Clock:
    """Plain numbers, read-only for games: the trainer puts a new clock in place after every round."""

    round: int = 0
    """rounds played"""
    images: int = 0
    """items seen, over all processes"""
    drawn: int = 0
    """items of the latest round, over all processes"""
    batches: int = 0
    """batches drawn, over all processes: the position in the data"""
    rounds: int = 1
    """the length of the run, fixed before round 0"""
    attempt: int = 0
    """how often the run was rolled back; part of every seed"""

    @property
    def progress(self) -> float:
        """The part of the length that is played, in [0, 1]; past the end it stays 1."""
        return min(1.0, self.round / max(1, self.rounds))

    def due(self, every: int) -> bool:
        """Whether something that happens every so many rounds happens in this one."""
        return self.round % every == 0


class Schedule(Settings):
    """A number that changes with the clock. Written as one number it is constant."""

    shape: Literal["constant", "linear", "cosine"] = "constant"
    """how it goes from start to end"""
    start: float
    """value at round 0"""
    end: float
    """value from the part `over` of the run on"""
    hold: float = Field(0.0, ge=0, lt=1)
    """the part of the run's length before it changes"""
    over: float = Field(1.0, gt=0, le=1)
    """the part of the run's length after which it changes no more"""

    @model_validator(mode="before")
    @classmethod
    def _number(cls, value):
        if isinstance(value, (int, float, str)):
            return {"start": value, "end": value}
        if isinstance(value, dict) and "start" in value and "end" not in value:
            return value | {"end": value["start"]}
        if isinstance(value, dict) and "shape" not in value and value.get("start") != value.get("end"):
            return value | {"shape": "cosine"}
        return value

    @model_validator(mode="after")
    def _has_one_value(self):
        if self.shape == "constant" and self.start != self.end:
            raise ValueError("a constant schedule has one value: give that number alone, or the shape linear or cosine before the end")
        if self.hold >= self.over:
            raise ValueError(f"a schedule cannot hold until {self.hold:g} and be over at {self.over:g}: give a smaller hold")
        return self

    def at(self, clock: Clock) -> float:
        """The value at this time. R3GAN's cosine: end + (start - end) (1 + cos(pi t)) / 2."""
        if self.shape == "constant":                      # whoever compiles this need not look at the clock
            return self.start
        t = min(1.0, max(0.0, clock.progress - self.hold) / (self.over - self.hold))
        if self.shape == "cosine":
            t = (1 - math.cos(math.pi * t)) / 2
        return self.start + (self.end - self.start) * t


def constant(value: float) -> Schedule:
    return Schedule(shape="constant", start=value, end=value)


def cosine(start: float, end: float) -> Schedule:
    return Schedule(shape="cosine", start=start, end=end)
