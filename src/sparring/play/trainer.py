"""The trainer: plays rounds of any game, on one process or many."""

import contextlib
import functools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.utils.parametrizations import _SpectralNorm

from sparring.base import ranks
from sparring.base.clock import Clock
from sparring.base.seeding import reseed
from sparring.play.average import Average
from sparring.play.game import Batch, Follower, Game, Loss, Stage, Turn
from sparring.play.stream import Stream, Together


@dataclass
class Record:
    """What happened since the last tick: means of terms and of what the game watched."""

    round: int
    images: int
    epoch: float
    seconds: float
    stage: int
    terms: dict[str, float]
    watch: dict[str, float] = field(default_factory=dict)
    speed: dict[str, float] = field(default_factory=dict)
    skipped: dict[str, int] = field(default_factory=dict)
    """moves that were not finite, by player"""
    in_a_row: int = 0
    """the longest row of such moves that has not ended yet"""


class Trainer:
    """Plays a game on a stream of batches.

    The loop is a generator: `for record in Trainer(game, data).rounds(1000)` yields a record a tick and reads the device nowhere else.
    While a trainer holds a game, weights take no gradients outside moves; `game.requires_grad_(True)` gives them back.
    """

    def __init__(
        self,
        game: Game,
        data: Stream | Together | dict[str, Tensor],
        *,
        length: int | None = None,
        seed: int = 0,
        chunks: int = 1,
        precision: Callable[[], contextlib.AbstractContextManager] = contextlib.nullcontext,
        compiler: Callable[[Loss], Loss] = lambda loss: loss,
    ):
        """`data`: a stream, or tensors of which batches of 64 are drawn. `length`: rounds of the whole run, which schedules
        refer to (default: what the first call of `rounds` asks for). `precision` makes the autocast context of one loss, `compiler`
        a quicker form of it."""
        self.game = game.train()
        self.data = Stream(data, 64, seed=seed) if isinstance(data, dict) else data
        self.seed, self.chunks, self.precision, self.length = seed, chunks, precision, length
        self.compiled = functools.cache(compiler)
        self.stopped = False
        """set it (a signal handler may) to end `rounds` after the round that is being played"""
        game.requires_grad_(False)
        ranks.join()
        if ranks.world() > 1:
            for tensor in [*game.parameters(), *game.buffers()]:
                dist.broadcast(tensor, 0)
        self.players = game.players()
        self.parameters = {name: player.parameters() for name, player in self.players.items()}
        self.optimizers = {name: player.optimizer.make(self.parameters[name]) for name, player in self.players.items()}
        self.frozen = {name: list(_running_state(game, player.networks)) for name, player in self.players.items()}
        self.touched = {name: _touched(game, player.networks) for name, player in self.players.items()}
        self.shared = list(_shared_buffers(game))
        self.followers: list[Follower] = []
        game.apply(lambda module: self.followers.append(module) if isinstance(module, Follower) else None)       # parts before wholes
        device = next(game.parameters()).device
        self.failing = {name: torch.zeros((), device=device) for name in self.players}
        """moves in a row that were not finite, by player"""
        self.skipped = {name: torch.zeros((), device=device) for name in self.players}
        """the same since the last tick"""
        self.clock = Clock(rounds=length or 1)
        self.batches = 0
        self.meter = Meter()

    @property
    def clock(self) -> Clock:
        return self.game.clock

    @clock.setter
    def clock(self, clock: Clock) -> None:
        self.game.clock, self.batches = clock, clock.batches

    # ---- the loop

    def rounds(self, n: int, every: int | None = None) -> Iterator[Record]:
        """Plays n rounds (fewer when the last stage or `stopped` ends them); yields a record every so many rounds, at the end of a
        stage and at the end."""
        if self.length is None:
            self.length = n
            self.clock = replace(self.clock, rounds=n)
        every = every or max(1, self.length // 200)
        last, start, began = self.clock.round + n, time.perf_counter(), self.clock
        alone, stop = ranks.world() == 1, self.stopped
        while self.clock.round < last and self.stage() is not None and not stop:
            stage = self.stage_number()
            self.play_round()
            tick = self.clock.due(every) or self.clock.round == last or self.stage_number() != stage
            stop = self.stopped if alone else tick and bool(ranks.highest(self.stopped))      # processes agree, at ticks
            if tick or stop:
                yield self.record(began, start)
                start, began = time.perf_counter(), self.clock        # what the caller did in between is not counted
                stop = stop or (alone and self.stopped)

    def record(self, began: Clock, start: float) -> Record:
        """Reads the device: means since the last tick, which was at `began` and, by time.perf_counter, at `start`."""
        means, skipped = self.meter.read(), {name: int(count) for name, count in self.skipped.items() if count}
        for count in self.skipped.values():
            count.zero_()
        seconds = time.perf_counter() - start               # only now: before, a GPU may still be working off its queue
        take = lambda prefix: {k.removeprefix(prefix): v for k, v in means.items() if k.startswith(prefix)}
        images, played = self.clock.images - began.images, self.clock.round - began.round
        return Record(
            round=self.clock.round,
            images=self.clock.images,
            epoch=self.clock.images / self.data.size,
            seconds=seconds,
            stage=self.stage_number(),
            terms=take("terms/"),
            watch=take("watch/"),
            speed={"images": images / seconds, "rounds": played / seconds},
            skipped=skipped,
            in_a_row=max(int(n) for n in self.failing.values()),
        )

    def stage_number(self) -> int:
        """The stage that the clock is in, computed from the clock; the number of stages when all are over."""
        left = self.clock.round
        stages = self.game.stages()
        for number, stage in enumerate(stages):
            if stage.rounds is None or left < stage.rounds:
                return number
            left -= stage.rounds
        return len(stages)

    def stage(self) -> Stage | None:
        stages, number = self.game.stages(), self.stage_number()
        return stages[number] if number < len(stages) else None

    def draw(self) -> list[Batch]:
        """The next batch as chunks. What a turn leaves in its chunk is seen by later turns until a new draw."""
        batch = self.data[self.batches]
        self.batches += 1
        parts = {name: tensor.chunk(self.chunks) for name, tensor in batch.items()}
        return [dict(zip(parts, chunk)) for chunk in zip(*parts.values())]

    def play_round(self, only: str | None = None) -> None:
        """Every turn of the stage once (of this player only), then the followers."""
        reseed("round", self.seed, self.clock.attempt, ranks.rank(), self.clock.round)
        chunks, fresh = self.draw(), True
        for turn in self.stage().turns:
            if self.clock.due(turn.every) and only in (None, turn.player):
                for _ in range(turn.times):
                    if (turn.fresh or turn.times > 1) and not fresh:
                        chunks = self.draw()
                    self.play(turn, chunks)
                    fresh = False
        self.average_buffers()
        drawn = (self.batches - self.clock.batches) * self.data.batch * ranks.world()
        self.clock = replace(
            self.clock, round=self.clock.round + 1, images=self.clock.images + drawn, drawn=drawn, batches=self.batches
        )
        for follower in self.followers:
            follower.follow(self.clock)

    def play(self, turn: Turn, chunks: list[Batch]) -> None:
        """One move: only the player's weights and running statistics can change."""
        name = turn.player
        parameters, optimizer, buffers = self.parameters[name], self.optimizers[name], self.touched[name]
        before, loss = [buffer.clone() for buffer in buffers], self.compiled(turn.loss) if turn.compiles else turn.loss
        sizes = [len(next(iter(chunk.values()))) for chunk in chunks]             # the last chunk may be smaller
        with only(parameters, self.frozen[name]):
            for chunk, size in zip(chunks, sizes):
                with self.precision():           # around one loss, never a round: its cache of cast weights goes stale after a step
                    terms = loss(chunk)
                (sum(terms.values()) * (turn.gain * size / sum(sizes))).backward()
                self.meter.add({f"terms/{name}/{term}": value for term, value in terms.items()})
                self.meter.add({f"watch/{what}": value for what, value in self.game.seen.items()})
                self.game.seen.clear()
        average_gradients(parameters)
        norm = nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None])
        unfit = (~norm.isfinite()).float()
        for group in optimizer.param_groups:
            group.update(self.players[name].optimizer.at(self.clock))
        if optimizer.defaults["fused"]:
            optimizer.found_inf = unfit          # a fused step that finds it set changes nothing
            optimizer.step()
        elif not unfit:                          # other steps cannot look: the device is read
            optimizer.step()
        for buffer, old in zip(buffers, before):
            torch.where(unfit.bool(), old, buffer, out=buffer)
        self.failing[name].add_(1).mul_(unfit)
        self.skipped[name].add_(unfit)
        self.meter.add({f"terms/{name}/gradient": norm})
        optimizer.zero_grad(set_to_none=True)

    def average_buffers(self) -> None:
        """Shared buffers become their mean over processes, so that followers see the same everywhere."""
        if ranks.world() > 1 and self.shared:
            flat = torch.cat([b.flatten().double() for b in self.shared])
            dist.all_reduce(flat)
            flat /= ranks.world()
            for buffer, mean in zip(self.shared, flat.split([b.numel() for b in self.shared])):
                buffer.copy_(mean.view_as(buffer))


# ---- one move


@contextlib.contextmanager
def only(parameters: list[nn.Parameter], frozen: list[tuple[nn.Module, str]]) -> Iterator[None]:
    """Within a turn every other weight is a constant, and the others' running statistics stand still."""
    for p in parameters:
        p.requires_grad_(True)
    for module, switch in frozen:
        setattr(module, switch, False)
    try:
        yield
    finally:
        for p in parameters:
            p.requires_grad_(False)
        for module, switch in frozen:
            setattr(module, switch, True)


def _running_state(game: Game, movers) -> Iterator[tuple[nn.Module, str]]:
    """(module, switch) for every module outside `movers` that changes its buffers when it is run in training mode:
    batch norm then uses batch statistics without keeping them, spectral norm its vectors without a power step."""
    moving = {id(m) for network in movers for m in network.modules()}
    for module in game.modules():
        if id(module) not in moving:
            if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.track_running_stats:
                yield module, "track_running_stats"
            elif isinstance(module, _SpectralNorm):
                yield module, "training"


def _touched(game: Game, movers) -> list[Tensor]:
    """Buffers that a skipped move puts back: those of the movers, and the followers' own."""
    found = [b for network in movers for b in network.buffers()]
    found += [b for m in game.modules() if isinstance(m, Follower) for name, b in m.named_buffers(recurse=False) if name not in m.guarded]
    return list({id(b): b for b in found}.values())


def _shared_buffers(game: Game) -> Iterator[Tensor]:
    averages = {id(m) for a in game.modules() if isinstance(a, Average) for m in a.mean.modules()}
    for module in game.modules():
        if id(module) not in averages:                # an average copies its source, which is shared already
            local = module.local if isinstance(module, Follower) else ()
            yield from (b for name, b in module.named_buffers(recurse=False) if name not in local)


def average_gradients(parameters: list[nn.Parameter]) -> None:
    """One all-reduce a move, after all backwards: frozen networks, double backward and repeated forwards need no special care.

    A weight without a gradient here but with one elsewhere counts as zero; without one anywhere it stays without.
    """
    if ranks.world() == 1:
        return
    given = [p.grad is not None for p in parameters]
    present = torch.tensor(given, dtype=torch.float32, device=parameters[0].device)
    flat = torch.cat([present, *(p.new_zeros(p.numel()) if p.grad is None else p.grad.flatten() for p in parameters)])
    dist.all_reduce(flat)
    present, flat = flat[: len(parameters)], flat[len(parameters) :] / ranks.world()
    anywhere = given if all(given) else present.tolist()          # read from the device only where a gradient is missing
    for p, some, mean in zip(parameters, anywhere, flat.split([p.numel() for p in parameters])):
        if some:                # in the weight's memory layout: a fused step pairs the wrong elements of two layouts without an error
            p.grad = torch.empty_like(p).copy_(mean.view_as(p))


class Meter:
    """Sums of scalars on the device, read once a tick."""

    def __init__(self):
        self.sums: dict[str, Tensor] = {}
        self.counts: dict[str, int] = {}

    def add(self, scalars: dict[str, Tensor]) -> None:
        for name, value in scalars.items():
            value = value.detach().float()
            self.sums[name] = self.sums[name] + value if name in self.sums else value
            self.counts[name] = self.counts.get(name, 0) + 1

    def read(self) -> dict[str, float]:
        """Means over processes since the last read; forgets them. Every process must call it at the same round."""
        if not self.sums:
            return {}
        stacked = torch.stack(list(self.sums.values()))
        if ranks.world() > 1:
            dist.all_reduce(stacked)
            stacked /= ranks.world()
        means = {name: value / self.counts[name] for name, value in zip(self.sums, stacked.tolist())}
        self.sums, self.counts = {}, {}
        return means
