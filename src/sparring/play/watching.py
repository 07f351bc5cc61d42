"""Looking at a game without changing it."""

import contextlib
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import _SpectralNorm

from sparring.base.seeding import reseed
from sparring.play.average import Average
from sparring.play.game import BLOCK, Game, Generates

Render = Callable[[Tensor, Tensor | None], Tensor]
SETTLING_BLOCKS = 8


@contextlib.contextmanager
def watching(game: Game) -> Iterator[None]:
    """Eval mode, no gradients, a forked random state, averages settled; on leaving everything is as it was."""
    training = [m for m in game.modules() if m.training]
    kept = [(b, b.clone()) for m in game.modules() if isinstance(m, Average) for b in m.mean.buffers()]
    device = next(game.parameters()).device
    devices = [device] if device.type == "cuda" else []           # asking other devices for their state would wake them up
    with torch.no_grad(), torch.random.fork_rng(devices=devices):
        reseed("watching")
        game.eval()
        try:
            if isinstance(game, Generates):
                settle(game)
            yield
        finally:
            for buffer, old in kept:
                buffer.copy_(old)
            for module in training:
                module.training = True


@torch.no_grad()
def settle(game: Game, change: Callable[[Tensor], Tensor] = lambda noise: noise) -> None:
    """Makes the averaged networks' buffers fit their averaged weights: batch norm's statistics are recomputed over a
    fixed set of noise ("standing statistics"), spectral norm gets further power steps. The game must be in eval mode.
    `change`: what is done to noise before it is rendered (truncation), when items are to be made in that way."""
    averages = [m for a in game.modules() if isinstance(a, Average) for m in a.mean.modules()]
    norms = [m for m in averages if isinstance(m, nn.modules.batchnorm._BatchNorm) and m.track_running_stats]
    spectral = [m for m in averages if isinstance(m, _SpectralNorm)]
    if not norms and not spectral:
        return
    momenta = [m.momentum for m in norms]
    for m in norms:
        m.reset_running_stats()
        m.momentum = None                                 # a plain mean over all blocks
    for m in [*norms, *spectral]:
        m.train()
    for block in range(SETTLING_BLOCKS):
        noise = game.noise(BLOCK, seed=0, start=block * BLOCK).to(next(game.parameters()).device)
        game.render(change(noise), conditions(game, BLOCK, seed=block))
    for m, momentum in zip(norms, momenta):
        m.momentum = momentum
    for m in [*norms, *spectral]:
        m.eval()


def conditions(game: Game, n: int, seed: int) -> Tensor | None:
    """n made-up conditions for a game that is told them, else None."""
    if not game.conditional:
        return None
    return game.space.some_conditions(n, seed).to(next(game.parameters()).device)


@torch.no_grad()
def sample(game: Game, n: int, seed: int, label: Tensor | None = None, start: int = 0, render: Render | None = None) -> Tensor:
    """n items (n, *shape) on the CPU, rendered in whole blocks so that n and its division among workers change no item.

    `label` (n,) class numbers or (n, d) attributes; `render` instead of the game's own (truncation, say); the game must
    be `watching` or settled.
    """
    device, size = next(game.parameters()).device, game.block
    render, items = render or game.render, []
    for first in range(start // size * size, start + n, size):
        asked = None
        if label is not None:
            asked = label.new_zeros(size, *label.shape[1:])
            low, high = max(start, first), min(start + n, first + size)
            asked[low - first : high - first] = label[low - start : high - start]
            asked = asked.to(device)
        items.append(render(game.noise(size, seed, first).to(device), asked).float().cpu())
    return torch.cat(items)[start % size :][:n]           # of (blocks * size, *shape)
