"""CycleGAN's training at 64 px beside the loop as it was published, in one process, as ratios over interleaved pairs of blocks.

    python -m benchmarks.cyclegan_speed [--side 64] [--batches 1 8] [--pairs 20] [--rounds 4] [--threads N] [--precision auto|bf16|fp32]
        [--set path=value ...] [--out benchmarks/results/cyclegan_speed.json]

ours        the recipe's game and defaults through the trainer, with its averages of both translators
published   the same widths, depths, objective and weights, written as pytorch-CycleGAN-and-pix2pix has them: fp32, contiguous, a transposed 3x3
            convolution where ours repeats pixels, biases before instance norm, optimizers of torch's defaults over chained parameters, each
            discriminator's loss with a backward of its own, pools of 50 pictures in Python lists, every loss read every round
Both see random uint8 pictures that lie in memory. A block is a few rounds, fewer of larger batches; the two sides of a pair take turns in going
first; the medians and quartiles of the pairs' ratios are printed.
"""

import argparse
import itertools
import random
import statistics
import time

import torch
from torch import Tensor, nn

from benchmarks.machine import write_result
from sparring.base.devices import Hardware, precision, resolve
from sparring.base.settings import override
from sparring.base.space import PairSpace
from sparring.play.stream import Stream, Together
from sparring.play.trainer import Trainer
from sparring.recipes.recipe import Configuration, Facts
from sparring.recipes.translation import cyclegan

PICTURES = 1024


def pictures(side: int, seed: int) -> Tensor:
    return torch.randint(0, 256, (PICTURES, 3, side, side), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


def expand(batch: dict) -> dict:
    return {name: x.float().div_(127.5).sub_(1) for name, x in batch.items()}


# ---- ours


def space_of(side: int) -> PairSpace:
    return PairSpace(shape=(3, side, side), given=(3, side, side), paired=False)


class Ours:
    def __init__(self, configuration: Configuration, side: int, batch: int, hardware: Hardware):
        torch.manual_seed(0)
        layout = torch.channels_last if hardware.channels_last else torch.contiguous_format
        deal = lambda name, seed: Stream({name: pictures(side, seed)}, batch, seed=seed, expand=expand, memory_format=layout)
        game = configuration.game.build(space=space_of(side)).to(memory_format=layout)
        self.trainer = Trainer(game, Together([deal("x", 0), deal("given", 1)]), length=10**6, precision=precision(hardware))

    def play(self, rounds: int) -> None:
        for _ in self.trainer.rounds(rounds, every=10**6):
            pass

    def parameters(self) -> dict[str, int]:
        return {name: sum(p.numel() for p in parameters) for name, parameters in self.trainer.parameters.items()}


# ---- as published


def normal_init(network: nn.Module) -> nn.Module:
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.normal_(module.weight, 0, 0.02)
            nn.init.zeros_(module.bias)
    return network


class ResnetBlock(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        conv = lambda: (nn.ReflectionPad2d(1), nn.Conv2d(width, width, 3), nn.InstanceNorm2d(width))
        self.conv_block = nn.Sequential(*conv(), nn.ReLU(True), *conv())

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv_block(x)


def resnet_generator(width: int, blocks: int) -> nn.Module:
    between = lambda channels: (nn.InstanceNorm2d(channels), nn.ReLU(True))
    layers = [nn.ReflectionPad2d(3), nn.Conv2d(3, width, 7), *between(width)]
    for c in (width, 2 * width):
        layers += [nn.Conv2d(c, 2 * c, 3, stride=2, padding=1), *between(2 * c)]
    layers += [ResnetBlock(4 * width) for _ in range(blocks)]
    for c in (4 * width, 2 * width):
        layers += [nn.ConvTranspose2d(c, c // 2, 3, stride=2, padding=1, output_padding=1), *between(c // 2)]
    return normal_init(nn.Sequential(*layers, nn.ReflectionPad2d(3), nn.Conv2d(width, 3, 7), nn.Tanh()))


def patch_discriminator(width: int, halvings: int) -> nn.Module:
    layers = [nn.Conv2d(3, width, 4, 2, 1), nn.LeakyReLU(0.2, True)]
    for i in range(1, halvings + 1):
        a, b = width * min(2 ** (i - 1), 8), width * min(2**i, 8)
        layers += [nn.Conv2d(a, b, 4, 2 if i < halvings else 1, 1), nn.InstanceNorm2d(b), nn.LeakyReLU(0.2, True)]
    return normal_init(nn.Sequential(*layers, nn.Conv2d(b, 1, 4, 1, 1)))


class ImagePool:
    def __init__(self, size: int):
        self.size, self.images = size, []

    def query(self, images: Tensor) -> Tensor:
        back = []
        for image in images:
            image = torch.unsqueeze(image.data, 0)
            if len(self.images) < self.size:
                self.images.append(image)
                back.append(image)
            elif random.uniform(0, 1) > 0.5:
                place = random.randint(0, self.size - 1)
                back.append(self.images[place].clone())
                self.images[place] = image
            else:
                back.append(image)
        return torch.cat(back, 0)


def set_requires_grad(networks: list[nn.Module], wanted: bool) -> None:
    for network in networks:
        for p in network.parameters():
            p.requires_grad = wanted


class Published:
    """Weights of the paper's sum: our terms are halves of it."""

    def __init__(self, configuration: Configuration, side: int, batch: int):
        torch.manual_seed(0)
        translator, critic = configuration.game.translator, configuration.game.discriminator
        self.cycle, self.identity = 2 * configuration.game.cycle, configuration.game.identity / configuration.game.cycle      # 10 and 0.5
        self.g_a, self.g_b = (resnet_generator(translator.width, translator.blocks) for _ in "ab")
        self.d_a, self.d_b = (patch_discriminator(critic.width, critic.layers) for _ in "ab")
        self.pool_a, self.pool_b = ImagePool(50), ImagePool(50)
        self.l1, self.mse = nn.L1Loss(), nn.MSELoss()
        self.real, self.fake = torch.tensor(1.0), torch.tensor(0.0)
        self.g = torch.optim.Adam(itertools.chain(self.g_a.parameters(), self.g_b.parameters()), lr=2e-4, betas=(0.5, 0.999))
        self.d = torch.optim.Adam(itertools.chain(self.d_a.parameters(), self.d_b.parameters()), lr=2e-4, betas=(0.5, 0.999))
        self.data, self.batch, self.losses = (pictures(side, 1), pictures(side, 0)), batch, {}

    def parameters(self) -> dict[str, int]:
        count = lambda *networks: sum(p.numel() for network in networks for p in network.parameters())
        return {"generators": count(self.g_a, self.g_b), "discriminators": count(self.d_a, self.d_b)}

    def gan_loss(self, prediction: Tensor, real: bool) -> Tensor:
        return self.mse(prediction, (self.real if real else self.fake).expand_as(prediction))

    def backward_d(self, critic: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
        loss = (self.gan_loss(critic(real), True) + self.gan_loss(critic(fake.detach()), False)) * 0.5
        loss.backward()
        return loss

    def optimize_parameters(self, real_a: Tensor, real_b: Tensor) -> None:
        fake_b = self.g_a(real_a)
        rec_a = self.g_b(fake_b)
        fake_a = self.g_b(real_b)
        rec_b = self.g_a(fake_a)

        set_requires_grad([self.d_a, self.d_b], False)
        self.g.zero_grad()
        losses = {
            "G_A": self.gan_loss(self.d_a(fake_b), True),
            "G_B": self.gan_loss(self.d_b(fake_a), True),
            "cycle_A": self.l1(rec_a, real_a) * self.cycle,
            "cycle_B": self.l1(rec_b, real_b) * self.cycle,
        }
        if self.identity > 0:
            losses["idt_A"] = self.l1(self.g_a(real_b), real_b) * self.cycle * self.identity
            losses["idt_B"] = self.l1(self.g_b(real_a), real_a) * self.cycle * self.identity
        sum(losses.values()).backward()
        self.g.step()

        set_requires_grad([self.d_a, self.d_b], True)
        self.d.zero_grad()
        losses["D_A"] = self.backward_d(self.d_a, real_b, self.pool_b.query(fake_b))
        losses["D_B"] = self.backward_d(self.d_b, real_a, self.pool_a.query(fake_a))
        self.d.step()
        self.losses = {name: loss.item() for name, loss in losses.items()}

    def play(self, rounds: int) -> None:
        for _ in range(rounds):
            a, b = (side[torch.randint(len(side), (self.batch,))].float().div_(127.5).sub_(1) for side in self.data)
            self.optimize_parameters(a, b)


# ---- side by side


def compare(ours: Ours, published: Published, pairs: int, rounds: int, batch: int) -> dict:
    """Ratios published / ours of the time of a block: above 1 ours is quicker. An image is one of A and one of B."""
    sides = (("ours", ours), ("published", published))
    for _, side in sides:
        side.play(max(2, rounds))
    ratios, speeds = [], {name: [] for name, _ in sides}
    for i in range(pairs):
        seconds = {}
        for name, side in sides[:: 1 if i % 2 else -1]:
            start = time.perf_counter()
            side.play(rounds)
            seconds[name] = time.perf_counter() - start
            speeds[name].append(rounds * batch / seconds[name])
        ratios.append(seconds["published"] / seconds["ours"])
    low, middle, high = statistics.quantiles(ratios, n=4)
    return {"batch": batch, "times as quick": round(middle, 3), "quartiles": [round(low, 3), round(high, 3)], "pairs": pairs,
            "rounds a block": rounds, "images a second": {name: round(statistics.median(s), 2) for name, s in speeds.items()}}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=4, help="of a block of single pictures; half as many of more")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--precision", choices=("auto", "bf16", "fp32"), default="auto")
    parser.add_argument("--set", nargs="*", default=[], help="settings of our game, path=value")
    parser.add_argument("--out", default="benchmarks/results/cyclegan_speed.json")
    options = parser.parse_args()
    hardware, why = resolve(Hardware(threads=options.threads or "auto", precision=options.precision), pictures=True, fine=False)
    torch.set_num_threads(hardware.threads)
    random.seed(0)
    configuration = override(cyclegan(Facts(space_of(options.side))), dict(s.split("=", 1) for s in options.set))
    rows = []
    for batch in options.batches:
        ours, published = Ours(configuration, options.side, batch, hardware), Published(configuration, options.side, batch)
        rows.append(compare(ours, published, options.pairs, options.rounds if batch == 1 else max(1, options.rounds // 2), batch))
        print(rows[-1], flush=True)
    translator, critic = configuration.game.translator, configuration.game.discriminator
    write_result(options.out, {
        "hardware": hardware.model_dump(), "why": why, "side": options.side, "set": options.set,
        "networks": {"translator": [translator.width, translator.blocks], "discriminator": [critic.width, critic.layers]},
        "parameters": {"ours": ours.parameters(), "published, with biases before norms": published.parameters()}, "rows": rows,
    })  # fmt: skip


if __name__ == "__main__":
    main()
