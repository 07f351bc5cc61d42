"""Run by torchrun on two processes: plays every case and prints, on rank 0, one JSON object of gaps between the processes."""

import json
import sys
from pathlib import Path

import torch
import torch.distributed as dist

from sparring.base import ranks
from sparring.play import trainer as core
from sparring.play.checkpoint import local_buffers
from tests.laws.toys import CASES, play

ROUNDS = 12


def flat(game) -> torch.Tensor:
    local = local_buffers(game)
    return torch.cat([t.detach().flatten().double() for name, t in game.state_dict().items() if name not in local])


def gap(trainer) -> float:
    mine = flat(trainer.game)
    others = [torch.empty_like(mine) for _ in range(ranks.world())]
    dist.all_gather(others, mine)
    return float((others[0] - others[1]).abs().max())


def main() -> None:
    torch.set_num_threads(1)
    ranks.join()
    result = {"ranks": {}, "without the all-reduce": {}, "joint": {}}
    for name, case in CASES.items():                     # each process starts from weights of its own: rank 0's must win
        result["ranks"][name] = gap(play(case.trainer(init=ranks.rank(), batch=8), ROUNDS))
    for name in ("deterministic", "deterministic-channels-last"):
        result["joint"][name] = flat(play(CASES[name].trainer(batch=8), ROUNDS).game).tolist()
    core.average_gradients = lambda parameters: None
    for name in ("gan-points", "vae-images"):
        result["without the all-reduce"][name] = gap(play(CASES[name].trainer(batch=8), ROUNDS))
    ranks.wait()
    ranks.leave()
    result["threads left"] = len(list(Path("/proc/self/task").glob("*"))) if sys.platform == "linux" else 1
    if ranks.rank() == 0:
        print(json.dumps(result))


if __name__ == "__main__":
    main()
