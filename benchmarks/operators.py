"""StyleGAN2's operators, training and generator beside the same networks written as the reference writes them, in one process.

    python -m benchmarks.operators [--side 64] [--batch 32] [--base 1024 --width 128 --style 128] [--pairs 12] [--threads N] [--compile]
                                   [--out benchmarks/results/operators.json]

reference   every item has a weight of its own in a grouped convolution; filters run over zeros that are put between pixels (pad, reshape, full
            convolution, throw away); noise, bias, activation and gain are passes of their own; fp32, contiguous, unfused Adam; the
            discriminator's gradients are computed, and thrown away, in the generator's step
ours        the recipe's defaults
Same networks, weights, batch and order of play, the published objective, lazy R1 (16) and path length (4). Blocks of 16 rounds take turns; medians
and quartiles of the ratios are printed. The generator row is one picture at a time. The recipe's networks for pictures of 64 px have --base 1024
--width 128 --style 128, those published for them 16384, 512 and 512.
"""

import argparse
import contextlib
import statistics
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.machine import write_result
from sparring.base.devices import Hardware, precision, resolve
from sparring.base.settings import override
from sparring.base.space import ImageSpace
from sparring.layers import equalized, modulation, resampling
from sparring.networks import stylegan2
from sparring.play.stream import Stream
from sparring.play.trainer import Trainer
from sparring.recipes.images import stylegan2 as recipe
from sparring.recipes.recipe import Facts

ROUNDS = 16
"""of a block: every lazy turn falls into it"""


# ---- the reference's forms


def filtered(x: Tensor, *, up: int = 1, down: int = 1, pad: tuple[int, int], gain: float = 1.0) -> Tensor:
    """Zeros between the pixels, padding, the whole filter, every down-th pixel."""
    n, c, h, w = x.shape
    x = F.pad(x.reshape(n, c, h, 1, w, 1), (0, up - 1, 0, 0, 0, up - 1)).reshape(n, c, h * up, w * up)
    x = F.pad(x, (*pad, *pad))
    line = torch.tensor([1.0, 3, 3, 1], device=x.device)
    kernel = (torch.outer(line, line) / 64 * gain).to(x.dtype).expand(c, 1, 4, 4)
    return F.conv2d(x, kernel, groups=c)[:, :, ::down, ::down]


def doubled(x: Tensor) -> Tensor:
    return filtered(x, up=2, pad=(2, 1), gain=4)


def halved(x: Tensor) -> Tensor:
    return filtered(x, down=2, pad=(1, 1))


def halving_conv(x: Tensor, weight: Tensor) -> Tensor:
    return F.conv2d(filtered(x, pad=(2, 2)), weight, stride=2)


def modulated_conv(x: Tensor, weight: Tensor, style: Tensor, *, demodulate: bool, double: bool = False) -> Tensor:
    """Weights (n, o, i, k, k), items as groups of one convolution."""
    n, i, h, w = x.shape
    weights = weight[None] * style[:, None, :, None, None]
    if demodulate:
        weights = weights * (weights.square().sum((2, 3, 4), keepdim=True) + 1e-8).rsqrt()
    o, k = weights.shape[1], weights.shape[3]
    x = x.reshape(1, n * i, h, w)
    if double:
        turned = weights.transpose(1, 2).reshape(n * i, o, k, k)
        x = F.conv_transpose2d(x, turned, stride=2, groups=n)
        return filtered(x.reshape(n, o, *x.shape[2:]), pad=(1, 1), gain=4)
    return F.conv2d(x, weights.reshape(n * o, i, k, k), padding=k // 2, groups=n).reshape(n, o, h, w)


def styled_forward(self, x: Tensor, w: Tensor, fresh: bool) -> Tensor:
    h = modulated_conv(x, self.weight * self.scale, self.affine(w), demodulate=True, double=self.double)
    noise = torch.randn(len(h), *self.noise.shape[1:], device=h.device) if fresh else self.noise
    h = h + noise * self.strength
    h = h + self.bias[None, :, None, None]
    return F.leaky_relu(h, equalized.SLOPE) * equalized.GAIN


def conv_forward(self, x: Tensor) -> Tensor:
    y = F.conv2d(x, self.weight * (self.scale / self.gain), padding=self.padding)
    y = y + self.bias[None, :, None, None] if self.bias is not None else y
    return (F.leaky_relu(y, equalized.SLOPE) if self.leaky else y) * self.gain


PATCHES = (
    (modulation, "modulated_conv", modulated_conv), (modulation.StyledConv, "forward", styled_forward), (stylegan2, "doubled", doubled),
    (stylegan2, "halved", halved), (stylegan2, "halving_conv", halving_conv), (equalized.Conv2d, "forward", conv_forward),
)  # fmt: skip


@contextlib.contextmanager
def reference_form():
    kept = [(owner, name, getattr(owner, name)) for owner, name, _ in PATCHES]
    for owner, name, other in PATCHES:
        setattr(owner, name, other)
    try:
        yield
    finally:
        for owner, name, mine in kept:
            setattr(owner, name, mine)


# ---- training


SIZES = {"base": 1024, "width": 128, "style": 128}
PUBLISHED = {"base": 16384, "width": 512, "style": 512}


def configuration(side: int, batch: int):
    made = recipe(Facts(ImageSpace(shape=(3, side, side)), count=10**6))
    sized = {f"{network}.{name}": value for network in ("generator", "discriminator") for name, value in SIZES.items()}
    published = {"objective": "non-saturating", "penalty.every": 16, "augmentation.kind": "none", "noise": SIZES["style"]}
    return override(made, sized | published | {"batch": batch})


def pictures(side: int) -> Tensor:
    return torch.randint(0, 256, (512, 3, side, side), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def expand(batch: dict) -> dict:
    return {"x": batch["x"].float().div_(127.5).sub_(1)}


def game_of(conf, side: int):
    torch.manual_seed(0)
    return conf.game.build(space=ImageSpace(shape=(3, side, side)))


class Ours:
    def __init__(self, side: int, batch: int, hardware: Hardware):
        conf = configuration(side, batch)
        stream = Stream({"x": pictures(side)}, batch, expand=expand, memory_format=torch.channels_last)
        self.trainer = Trainer(game_of(conf, side).to(memory_format=torch.channels_last), stream, length=10**6, precision=precision(hardware))

    def play(self) -> None:
        for _ in self.trainer.rounds(ROUNDS, every=10**6):
            pass


class Reference:
    """The same turns in a plain loop."""

    def __init__(self, side: int, batch: int):
        conf = configuration(side, batch)
        self.game, self.batch, self.data = game_of(conf, side).train(), batch, pictures(side)
        adam = lambda network, a: torch.optim.Adam(network.parameters(), a.lr.start, (a.beta1, a.beta2.start), foreach=False)
        settings = conf.game
        self.g = adam(self.game.generator, settings.generator_optimizer)
        self.d = adam(self.game.discriminator, settings.discriminator_optimizer)
        self.turns = self.game.stages()[0].turns

    def play(self) -> None:
        with reference_form():
            for r in range(ROUNDS):
                for turn in self.turns:
                    if r % turn.every:
                        continue
                    batch = expand({"x": self.data[torch.randint(len(self.data), (self.batch,))]})
                    player = self.d if turn.player == "discriminator" else self.g
                    self.g.zero_grad()
                    self.d.zero_grad()
                    if turn.player == "discriminator":
                        self.game.generator.requires_grad_(False)
                    (sum(turn.loss(batch).values()) * turn.gain).backward()
                    self.game.generator.requires_grad_(True)
                    player.step()
                with torch.no_grad():
                    for mean, p in zip(self.game.average.mean.parameters(), self.game.generator.parameters()):
                        mean.copy_(p.lerp(mean, 0.999))


def ratios(ours: Callable[[], None], theirs: Callable[[], None], pairs: int) -> dict:
    """Times theirs / ours over interleaved blocks."""
    ours(), theirs()
    found, times = [], {"ours": [], "reference": []}
    for i in range(pairs):
        seconds = {}
        for name, side in (("ours", ours), ("reference", theirs))[:: 1 if i % 2 else -1]:
            start = time.perf_counter()
            side()
            seconds[name] = time.perf_counter() - start
            times[name].append(seconds[name])
        found.append(seconds["reference"] / seconds["ours"])
    low, middle, high = statistics.quantiles(found, n=4)
    return {"times as quick": round(middle, 3), "quartiles": [round(low, 3), round(high, 3)], "pairs": pairs,
            "median seconds": {name: round(statistics.median(t), 4) for name, t in times.items()}}  # fmt: skip


# ---- operators and the generator


def operators(batch: int, pairs: int, autocast) -> dict:
    """Forward and backward of each operator on 64 channels at 32 px, ours in the precision that is used against the reference's fp32."""
    x, w, s = torch.randn(batch, 64, 32, 32), torch.randn(64, 64, 3, 3), torch.randn(batch, 64)
    cases = {
        "modulated convolution": (lambda x: modulation.modulated_conv(x, w, s, demodulate=True), lambda x: modulated_conv(x, w, s, demodulate=True)),
        "doubling modulated convolution": (lambda x: modulation.modulated_conv(x, w, s, demodulate=True, double=True),
                                           lambda x: modulated_conv(x, w, s, demodulate=True, double=True)),
        "halving convolution": (lambda x: resampling.halving_conv(x, w), lambda x: halving_conv(x, w)),
        "doubling": (resampling.doubled, doubled),
        "halving": (resampling.halved, halved),
    }  # fmt: skip

    def both_ways(f, channels_last, context):
        def run():
            y = (x.contiguous(memory_format=torch.channels_last) if channels_last else x).detach().requires_grad_(True)
            with context():
                f(y).float().sum().backward()

        return run

    return {name: ratios(both_ways(a, True, autocast), both_ways(b, False, contextlib.nullcontext), pairs) for name, (a, b) in cases.items()}


def generator(side: int, pairs: int, autocast, compiled: bool) -> dict:
    """One picture at a time through the averaged generator."""
    game = game_of(configuration(side, 32), side).eval()
    fast = game_of(configuration(side, 32), side).eval()
    z = game.noise(1, 0)

    @torch.no_grad()
    def reference():
        with reference_form():
            game.render(z)

    def ours(context, render):
        @torch.no_grad()
        def run():
            with context():
                render(z)

        return run

    found = {"fp32": ratios(ours(contextlib.nullcontext, fast.render), reference, 5 * pairs)}
    if autocast is not contextlib.nullcontext:
        found["bf16"] = ratios(ours(autocast, fast.render), reference, 5 * pairs)
    if compiled:
        quick = torch.compile(fast.average.mean)
        found["fp32, torch.compile"] = ratios(ours(contextlib.nullcontext, quick), reference, 5 * pairs)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--batch", type=int, default=32)
    for name, value in SIZES.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--pairs", type=int, default=12)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--out", default="benchmarks/results/operators.json")
    options = parser.parse_args()
    SIZES.update({name: getattr(options, name) for name in SIZES})
    hardware, why = resolve(Hardware(threads=options.threads or "auto"), pictures=True, fine=False)
    torch.set_num_threads(hardware.threads)
    autocast = precision(hardware)
    gap = agreement(options.side)
    ours, theirs = Ours(options.side, options.batch, hardware), Reference(options.side, options.batch)
    training = ratios(ours.play, theirs.play, options.pairs)
    per = {name: round(ROUNDS * options.batch / s, 1) for name, s in training["median seconds"].items()}
    write_result(options.out, {
        "hardware": hardware.model_dump(), "why": why, "side": options.side, "batch": options.batch,
        "sizes": {name: getattr(options, name) for name in SIZES},
        "largest difference of the two forms, of pictures in [-1, 1], fp32": gap,
        "parameters": {name: sum(p.numel() for p in player.parameters()) for name, player in ours.trainer.players.items()},
        "training": training | {"images a second": per}, "generator, batch 1": generators(options, autocast),
        "operators": operators(options.batch, 3 * options.pairs, autocast),
    })  # fmt: skip


def generators(options: argparse.Namespace, autocast) -> dict:
    """These networks, and those published for 64 px."""
    found = {"these networks": generator(options.side, options.pairs, autocast, options.compile)}
    SIZES.update(PUBLISHED)
    return found | {"networks as published": generator(options.side, max(2, options.pairs // 3), autocast, options.compile)}


@torch.no_grad()
def agreement(side: int) -> float:
    """Both forms are the same function."""
    game = game_of(configuration(side, 32), side).eval()
    z = game.noise(4, 0)
    mine = game.render(z)
    with reference_form():
        other = game.render(z)
    return float((mine - other).abs().max())


if __name__ == "__main__":
    main()
