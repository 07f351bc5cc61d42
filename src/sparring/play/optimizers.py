"""Optimizers as settings. Fused ones honour `found_inf`, so that a move can be skipped without reading the device."""

from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from sparring.base.clock import Clock, Schedule, constant
from sparring.base.settings import Component

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer as TorchOptimizer

CAUTION = 0.5
"""factor on the learning rate for each time that a run was rolled back"""


class Optimizer(Component):
    """How a player's weights move."""

    def make(self, parameters: "list[nn.Parameter]") -> "TorchOptimizer":
        """A fused torch optimizer over the parameters."""
        raise NotImplementedError

    def at(self, clock: Clock) -> dict[str, Any]:
        """The options of its parameter group at this time: functions of the clock, never saved."""
        raise NotImplementedError


class Adam(Optimizer):
    """Adam, Kingma & Ba 2014, https://arxiv.org/abs/1412.6980."""

    kind: ClassVar[str] = "adam"

    lr: Schedule = constant(2e-4)
    """learning rate"""
    beta1: float = Field(0.0, ge=0, lt=1)
    """decay of the mean of gradients; 0 for adversarial players, whose gradients turn quickly"""
    beta2: Schedule = constant(0.99)
    """decay of the mean of squared gradients"""
    eps: float = Field(1e-8, gt=0)
    """added to the root of the squares"""
    fused: bool = True
    """the whole step in one kernel; without it the device is read once a move, to skip moves that are not finite"""

    def make(self, parameters):
        import torch

        class Adam(torch.optim.Adam):                       # whose methods without what is around them, which imports the compiler for 1 s
            add_param_group, zero_grad = torch.optim.Adam.add_param_group.__wrapped__, torch.optim.Adam.zero_grad.__wrapped__
            step = torch.no_grad()(torch.optim.Adam.step.__wrapped__)

            def _init_group(self, group, *lists):           # as all lies in memory: of channels_last the kernel would copy it, twice
                held = super()._init_group(group, *lists)
                last = [x.ndim == 4 and x.permute(0, 2, 3, 1).is_contiguous() for x in lists[0]]
                for tensors in lists[:4]:                   # parameters, gradients, both means
                    tensors[:] = [x.permute(0, 2, 3, 1) if turned else x for x, turned in zip(tensors, last)]
                lists[1][:] = [x.contiguous() for x in lists[1]]
                return held

        return Adam(parameters, lr=self.lr.start, betas=(self.beta1, self.beta2.start), eps=self.eps, fused=self.fused)

    def at(self, clock):
        return {"lr": self.lr.at(clock) * CAUTION**clock.attempt, "betas": (self.beta1, self.beta2.at(clock))}


class SGD(Optimizer):
    """Plain stochastic gradient descent with momentum."""

    kind: ClassVar[str] = "sgd"

    lr: Schedule = constant(1e-2)
    """learning rate"""
    momentum: float = Field(0.0, ge=0, lt=1)
    """decay of the running sum of gradients"""

    def make(self, parameters):
        import torch

        return torch.optim.SGD(parameters, lr=self.lr.start, momentum=self.momentum, fused=True)

    def at(self, clock):
        return {"lr": self.lr.at(clock) * CAUTION**clock.attempt}
