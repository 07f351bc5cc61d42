"""An endless shuffled stream of batches."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from sparring.base.ranks import rank, world
from sparring.base.seeding import generator


class Stream:
    """The k-th batch is a function of (seed, k) alone, by global index over processes.

    Every epoch is a permutation; batches run across its end, so that no item is dropped and a batch may be larger than the set.
    """

    def __init__(
        self,
        tensors: dict[str, Tensor],
        batch: int,
        *,
        rows: Tensor | None = None,
        seed: int = 0,
        expand: Callable[[dict[str, Tensor]], dict[str, Tensor]] = lambda rows: rows,
        device: str | torch.device = "cpu",
        memory_format: torch.memory_format = torch.contiguous_format,
    ):
        """`tensors` hold one row an item, compact as they are kept (uint8 pictures, a memory map); `expand` makes
        the floats that games see, of whole batches, on the device. `batch` counts the items of one process.
        `rows` (items,) are those that are meant; without, all."""
        self.tensors, self.batch, self.seed, self.expand = tensors, batch, seed, expand
        self.chosen = torch.arange(len(next(iter(tensors.values())))) if rows is None else rows
        self.device, self.memory_format = torch.device(device), memory_format
        self.size = len(self.chosen)
        self._orders: dict[int, Tensor] = {}

    def rows(self, k: int) -> Tensor:
        """Which items make batch k of this process, (batch,)."""
        at = (k * world() + rank()) * self.batch
        end, parts = at + self.batch, []
        while at < end:                                                                 # a batch may go over the end of an epoch, or of several
            epoch, place = divmod(at, self.size)
            parts.append(self._order(epoch)[place : place + end - at])
            at += len(parts[-1])
        return self.chosen[torch.cat(parts)]

    def _order(self, epoch: int) -> Tensor:
        if epoch not in self._orders:
            self._orders = {e: o for e, o in self._orders.items() if e >= epoch - 1}
            self._orders[epoch] = torch.randperm(self.size, generator=generator("epoch", self.seed, epoch))
        return self._orders[epoch]

    def __getitem__(self, k: int) -> dict[str, Tensor]:
        rows = self.rows(k)
        taken = {name: tensor[rows].to(self.device, non_blocking=True) for name, tensor in self.tensors.items()}
        return {name: self._format(tensor) for name, tensor in self.expand(taken).items()}

    def _format(self, tensor: Tensor) -> Tensor:
        return tensor.contiguous(memory_format=self.memory_format) if tensor.ndim == 4 else tensor


class Together:
    """Several streams as one: batch k holds what the batches k of all hold. Each deals in an order of its own, so items are not paired."""

    def __init__(self, streams: Sequence[Stream]):
        """All deal batches of as many items."""
        self.streams, self.batch, self.size = streams, streams[0].batch, max(stream.size for stream in streams)

    def __getitem__(self, k: int) -> dict[str, Tensor]:
        return {name: tensor for stream in self.streams for name, tensor in stream[k].items()}
