"""Style modulation: convolutions whose input channels are scaled by a style, per item.

Karras et al. 2019 (StyleGAN2), https://arxiv.org/abs/1912.04958, section 2.2, Eq. 1-3. Written on activations instead of weights:

    conv(x, s_i w_oik) d_o = d_o conv(s_i x_i, w_oik),   d_o = (sum_ik (s_i w_oik)^2 + eps)^(-1/2)

One convolution serves the whole batch, where the published form gives every item a weight of its own in a grouped convolution.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sparring.layers.equalized import GAIN, SLOPE, Linear, prepared
from sparring.layers.precision import unchanged
from sparring.layers.resampling import doubling_conv


def modulated_conv(
    x: Tensor, weight: Tensor, style: Tensor, *, demodulate: bool, double: bool = False, squares: Tensor | None = None
) -> Tensor:
    """x (n, i, h, w), weight (o, i, k, k), style (n, i) -> (n, o, h, w); doubled sides with `double`. `squares`: `squared(weight)`, where
    it is known already."""
    h = x * style.to(x.dtype)[:, :, None, None]
    h = doubling_conv(h, weight) if double else F.conv2d(h, weight, padding=weight.shape[2] // 2)
    if not demodulate:
        return h
    return h * demodulation(squared(weight) if squares is None else squares, style).to(h.dtype)[:, :, None, None]


def squared(weight: Tensor) -> Tensor:
    """sum_k w_oik^2, (i, o)."""
    return weight.float().square().sum((2, 3)).T.contiguous()


def demodulation(squares: Tensor, style: Tensor) -> Tensor:
    """d (n, o) of Eq. 3, in fp32, as one matrix product."""
    with unchanged(style):
        return (style.float().square() @ squares + 1e-8).rsqrt()


class StyledConv(nn.Module):
    """Modulated convolution, noise, bias, leaky_relu: (n, inputs, h, w), w (n, d) -> (n, outputs, h, w) or doubled."""

    def __init__(self, inputs: int, outputs: int, style: int, *, size: tuple[int, int], double: bool = False):
        super().__init__()
        self.affine = Linear(style, inputs, bias=1.0)
        self.weight = nn.Parameter(torch.randn(outputs, inputs, 3, 3))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.strength = nn.Parameter(torch.zeros(()))
        self.register_buffer("noise", torch.randn(1, 1, *size))
        self.scale, self.double = 1 / math.sqrt(inputs * 9), double

    def forward(self, x: Tensor, w: Tensor, fresh: bool) -> Tensor:
        """`fresh`: draws noise; else the same noise for every item, so that the result is a function of w."""
        weight, squares = prepared(self, self.scaled)
        h = modulated_conv(x, weight, self.affine(w), demodulate=True, double=self.double, squares=squares)
        noise = torch.randn(len(h), *self.noise.shape[1:], device=h.device) if fresh else self.noise
        rest = noise * self.strength + self.bias[:, None, None]                # (n | 1, outputs, h, w)
        return F.leaky_relu((h + rest.to(h.dtype)) * GAIN, SLOPE)


    def scaled(self) -> tuple[Tensor, Tensor]:
        """The weight at its run-time scale, and its squares."""
        weight = (self.weight * self.scale).contiguous()
        return weight, squared(weight)


class ToPicture(nn.Module):
    """1x1 modulated convolution without demodulation, to the picture's channels."""

    def __init__(self, inputs: int, channels: int, style: int):
        super().__init__()
        self.affine = Linear(style, inputs, bias=1.0)
        self.weight = nn.Parameter(torch.randn(channels, inputs, 1, 1))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.scale = 1 / math.sqrt(inputs)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        h = modulated_conv(x, self.weight, self.affine(w) * self.scale, demodulate=False)
        return h.float() + self.bias[:, None, None]                            # (n, channels, h, w)
