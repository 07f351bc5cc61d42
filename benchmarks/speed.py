"""Speed of a round of DCGAN 64x64 beside plain loops, in one process, as ratios over interleaved pairs of blocks.

    python -m benchmarks.speed [--pairs 20] [--out benchmarks/results/speed.json]

overhead   the core against tests/oracles-style plain code with the same precision, memory format, fused Adam and gradients
tutorial   the core's default switches against the loop as tutorials write it: fp32, contiguous, unfused Adam, and the
           discriminator's gradients computed (and thrown away) in the generator's step
Same networks, batch, non-saturating objective and no penalty everywhere. A block is a few rounds; the two sides of a pair take turns
in going first; the medians and quartiles of the pairs' ratios are printed.
"""

import argparse
import contextlib
import statistics
import time

import torch
import torch.nn.functional as F

from benchmarks.machine import write_result
from sparring.base.clock import constant
from sparring.base.devices import Hardware, precision, resolve
from sparring.base.space import ImageSpace
from sparring.games.settings import GAN
from sparring.networks.settings import DCGANDiscriminator, DCGANGenerator
from sparring.play.optimizers import Adam
from sparring.play.stream import Stream
from sparring.play.trainer import Trainer

SPACE, BATCH, NOISE = ImageSpace(shape=(3, 64, 64)), 64, 100
ADAM = Adam(lr=constant(2e-4), beta1=0.5, beta2=constant(0.999))


def make_game():
    torch.manual_seed(0)
    return GAN(
        noise=NOISE, objective="non-saturating", penalty="none", generator_optimizer=ADAM, discriminator_optimizer=ADAM,
        generator=DCGANGenerator(width=64), discriminator=DCGANDiscriminator(width=64, norm="batch"),
    ).build(space=SPACE)  # fmt: skip


def pictures() -> torch.Tensor:
    return torch.randint(0, 256, (2048, 3, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def expand(batch):
    return {"x": batch["x"].float().div_(127.5).sub_(1)}


class Core:
    """Sparring's trainer with resolved hardware settings."""

    def __init__(self, hardware: Hardware):
        memory_format = torch.channels_last if hardware.channels_last else torch.contiguous_format
        stream = Stream({"x": pictures()}, BATCH, expand=expand, memory_format=memory_format)
        game = make_game().to(memory_format=memory_format)
        self.trainer = Trainer(game, stream, length=10**6, precision=precision(hardware))

    def play(self, rounds: int) -> None:
        for _ in self.trainer.rounds(rounds, every=10**6):
            pass


class Plain:
    """The same networks in a plain loop. `lean`: the same precision, layout and frozen discriminator as the core; else as tutorials do."""

    def __init__(self, hardware: Hardware | None):
        self.lean = hardware is not None
        self.format = torch.channels_last if self.lean and hardware.channels_last else torch.contiguous_format
        self.autocast = precision(hardware) if self.lean else contextlib.nullcontext
        game = make_game().to(memory_format=self.format)
        self.generator, self.discriminator = game.generator.train(), game.discriminator.train()
        self.average = [p.detach().clone() for p in self.generator.parameters()]
        options = {"lr": 2e-4, "betas": (0.5, 0.999), "fused": self.lean, "foreach": False if not self.lean else None}
        self.d = torch.optim.Adam(self.discriminator.parameters(), **options)
        self.g = torch.optim.Adam(self.generator.parameters(), **options)
        self.data = pictures()

    def batch(self) -> torch.Tensor:
        rows = torch.randint(len(self.data), (BATCH,))
        return expand({"x": self.data[rows]})["x"].contiguous(memory_format=self.format)

    def play(self, rounds: int) -> None:
        for _ in range(rounds):
            real = self.batch()
            self.discriminator.requires_grad_(True)
            with self.autocast():
                with torch.no_grad() if self.lean else contextlib.nullcontext():
                    fake = self.generator(torch.randn(BATCH, NOISE))
                loss = F.softplus(-self.discriminator(real)).mean() + F.softplus(self.discriminator(fake.detach())).mean()
            self.d.zero_grad()
            loss.backward()
            self.d.step()
            if self.lean:
                self.batch()                                      # the core's generator has a batch of its own
                self.discriminator.requires_grad_(False)
            with self.autocast():
                loss = F.softplus(-self.discriminator(self.generator(torch.randn(BATCH, NOISE)))).mean()
            self.g.zero_grad()
            loss.backward()
            self.g.step()
            with torch.no_grad():
                torch._foreach_lerp_(self.average, list(self.generator.parameters()), 0.001)


def compare(ours, theirs, pairs: int, rounds: int) -> dict:
    """Ratios theirs / ours of the time of a block: above 1 the core is faster."""
    for side in (ours, theirs):
        side.play(2)
    ratios, speeds = [], {"core": [], "plain": []}
    for i in range(pairs):
        times = {}
        for name, side in (("core", ours), ("plain", theirs))[:: 1 if i % 2 else -1]:
            start = time.perf_counter()
            side.play(rounds)
            times[name] = time.perf_counter() - start
            speeds[name].append(rounds * BATCH / times[name])
        ratios.append(times["plain"] / times["core"])
    low, middle, high = statistics.quantiles(ratios, n=4)
    return {"median": middle, "quartiles": [low, high], "pairs": pairs, "rounds a block": rounds,
            "images/s": {name: statistics.median(s) for name, s in speeds.items()}}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--out", default="benchmarks/results/speed.json")
    options = parser.parse_args()
    hardware, why = resolve(Hardware(threads=options.threads or "auto"), pictures=True, fine=False)
    torch.set_num_threads(hardware.threads)
    result = {"hardware": hardware.model_dump(), "why": why}
    result["overhead"] = compare(Core(hardware), Plain(hardware), options.pairs, options.rounds)
    result["overhead"]["core costs more, %"] = 100 * (1 / result["overhead"]["median"] - 1)
    result["tutorial"] = compare(Core(hardware), Plain(None), options.pairs, options.rounds)
    write_result(options.out, result)


if __name__ == "__main__":
    main()
