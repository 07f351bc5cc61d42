"""Settings that games share."""

from pydantic import Field

from sparring.base.clock import Schedule, constant
from sparring.base.settings import Settings


class EMA(Settings):
    """Average of the generator's weights, from which samples are made."""

    half_life: Schedule = constant(10_000)
    """images after which a weight counts half"""
    warm_up: float = Field(0.05, ge=0)
    """the half-life is at most this part of the images seen so far"""
