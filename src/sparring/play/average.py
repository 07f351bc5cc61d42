"""Exponential moving average of weights: what is sampled, judged and exported."""

import copy

import torch
from torch import nn

from sparring.base.clock import Clock, Schedule
from sparring.play.game import Follower


class Average(Follower):
    """theta_mean <- beta theta_mean + (1 - beta) theta, beta = 2^(-images of the round / half-life); buffers are copied."""

    def __init__(self, network: nn.Module, half_life: Schedule, warm_up: float):
        """`half_life` in images; while it is longer than `warm_up` times the images seen, it is that."""
        super().__init__()
        self._source = [network]                          # in a list: the source is no submodule of its average
        self.half_life, self.warm_up = half_life, warm_up
        self.mean = copy.deepcopy(network)

    @torch.no_grad()
    def follow(self, clock: Clock) -> None:
        half_life = min(self.half_life.at(clock), self.warm_up * clock.images)
        beta = 0.5 ** (clock.drawn / half_life) if half_life > 0 else 0.0
        source = self._source[0]
        torch._foreach_lerp_(list(self.mean.parameters()), list(source.parameters()), 1 - beta)
        for mine, theirs in zip(self.mean.buffers(), source.buffers()):
            mine.copy_(theirs)

    def forward(self, *inputs, **named):
        return self.mean(*inputs, **named)
