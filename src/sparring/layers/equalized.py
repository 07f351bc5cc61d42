"""Layers of StyleGAN: weights drawn from N(0, 1) and scaled at run time, so that Adam moves all of them at one relative speed.

Karras et al. 2017 (progressive growing), https://arxiv.org/abs/1710.10196, section 4.1. The gain of the activation is folded into weight
and bias (leaky_relu(g x) = g leaky_relu(x)), so that bias, activation and gain cost one pass over the pixels.
"""

import math
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SLOPE = 0.2
GAIN = math.sqrt(2 / (1 + SLOPE**2))
"""keeps the mean square through leaky_relu(0.2); StyleGAN rounds it to sqrt(2)"""


T = TypeVar("T")


def prepared(module: nn.Module, make: Callable[[], T]) -> T:
    """What depends on a module's own weights alone: made anew while they learn, kept while they rest (evaluation, no gradients), where at
    one picture at a time it would cost as much as the picture."""
    if module.training or torch.is_grad_enabled() or torch.compiler.is_compiling():
        return make()
    state = [(p.data_ptr(), p._version) for p in module.parameters(recurse=False)]
    kept = module.__dict__.get("_prepared")
    if kept is None or kept[0] != state:
        kept = module.__dict__["_prepared"] = (state, make())
    return kept[1]


class Linear(nn.Module):
    """(n, inputs) -> (n, outputs), after which `leaky` says whether leaky_relu(0.2) follows."""

    def __init__(self, inputs: int, outputs: int, *, leaky: bool = False, bias: float = 0.0, speed: float = 1.0):
        """`speed` multiplies the learning rate."""
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / speed)
        self.bias = nn.Parameter(torch.full((outputs,), bias / speed))
        self.scale, self.speed, self.leaky = speed / math.sqrt(inputs), speed, leaky

    def forward(self, x: Tensor) -> Tensor:
        gain = GAIN if self.leaky else 1.0
        y = F.linear(x, *prepared(self, lambda: (self.weight * (self.scale * gain), self.bias * (self.speed * gain))))
        return F.leaky_relu(y, SLOPE) if self.leaky else y


class Conv2d(nn.Module):
    """(n, inputs, h, w) -> (n, outputs, h', w'), zero padding that keeps the size at stride 1."""

    def __init__(self, inputs: int, outputs: int, kernel: int, *, leaky: bool = False, bias: bool = True, gain: float = 1.0):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None
        self.gain = gain * (GAIN if leaky else 1.0)
        self.scale, self.leaky, self.padding = self.gain / math.sqrt(inputs * kernel**2), leaky, kernel // 2

    def forward(self, x: Tensor) -> Tensor:
        bias = None if self.bias is None else self.bias * self.gain
        y = F.conv2d(x, self.weight * self.scale, bias, padding=self.padding)
        return F.leaky_relu(y, SLOPE) if self.leaky else y
