"""A plain loop for networks that learn alone, and the cache of what they learned."""

import json
import math
from collections.abc import Callable, Mapping
from typing import Protocol, TypeVar

import torch
from torch import Tensor, nn

from sparring.base.files import cache, hash_bytes
from sparring.base.seeding import seed_of
from sparring.base.settings import Settings, to_json
from sparring.extractors.extractor import content, read_tensors, write_tensors

Batch = Mapping[str, Tensor]
WARM_UP = 0.25
VERSION = 1
"""to be raised when networks or loops change, so that the cache forgets what older ones learned"""


class Learns(Protocol):
    """A network that can be trained alone."""

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        """Named terms of a batch of floats; their sum is minimised."""


N = TypeVar("N", bound=nn.Module)


def train(network: Learns, data: Batch, expand: Callable[[dict], dict], *, steps: int, batch: int, learning_rate: float) -> None:
    """AdamW with weight decay 0.05 over one cycle of the learning rate; batches without replacement, the rest of an epoch carried over.

    data: compact columns; `expand` makes the floats of a batch from them. bf16 where the processor has it.
    """
    n = len(data["x"])
    device = data["x"].device
    optimizer = torch.optim.AdamW(network.parameters(), learning_rate, weight_decay=0.05, fused=True)
    fast = device.type == "cuda" or (device.type == "cpu" and torch.cpu._is_avx512_bf16_supported())
    order = torch.empty(0, dtype=torch.long)
    network.train()
    for step in range(steps):
        while len(order) < batch:
            order = torch.cat([order, torch.randperm(n)])
        rows, order = order[:batch], order[batch:]
        floats = expand({name: column[rows] for name, column in data.items()})
        with torch.autocast(device.type, torch.bfloat16, enabled=fast):
            loss = sum(network.loss(floats).values())
        optimizer.zero_grad()
        loss.backward()
        for group in optimizer.param_groups:
            group["lr"] = learning_rate * one_cycle((step + 1) / steps)
        optimizer.step()
    network.eval()


def one_cycle(t: float) -> float:
    """Part of the peak learning rate at the time t in (0, 1]: a cosine up over the first quarter, a cosine down to zero at the end."""
    return (1 - math.cos(math.pi * t / WARM_UP)) / 2 if t < WARM_UP else (1 + math.cos(math.pi * (t - WARM_UP) / (1 - WARM_UP))) / 2


def trained(make: Callable[[], N], learn: Callable[[N], None], data: Batch, settings: Settings, seed: int) -> N:
    """The network that `learn` makes of `make()` on these data, from the cache when it was done before.

    A function of (data, settings, seed) for a given number of threads; torch's global random state is left as it was.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_of("extractor", seed))
        network = make()
        facts = {"version": VERSION, "network": type(network).__name__, "seed": seed, "settings": json.loads(to_json(settings))}
        key = hash_bytes(json.dumps(facts, sort_keys=True).encode(), *(name.encode() + content(data[name]) for name in sorted(data)))[:32]
        folder = cache() / "extractors" / key
        kept = read_tensors(folder)
        if kept is None:
            learn(network)
            kept = write_tensors(folder, network.state_dict(), facts)
        network.load_state_dict(kept)
    return network.eval()
