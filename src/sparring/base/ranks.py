"""Which process this is. One process unless torch.distributed was started (torchrun)."""

import os


def rank() -> int:
    return int(os.environ.get("RANK", 0))


def world() -> int:
    return int(os.environ.get("WORLD_SIZE", 1))


def join() -> None:
    """Joins the other processes of a torchrun launch; does nothing for one process or when already joined."""
    if world() > 1:
        import torch.distributed as dist

        if not dist.is_initialized():
            import torch

            dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")


def highest(number: int) -> int:
    """The highest of all processes' numbers: how they agree to stop or to save. A collective: every process must call it."""
    if world() == 1:
        return number
    import torch
    import torch.distributed as dist

    device = "cuda" if dist.get_backend() == "nccl" else "cpu"
    shared = torch.tensor(int(number), device=device)
    dist.all_reduce(shared, op=dist.ReduceOp.MAX)
    return int(shared)


def wait() -> None:
    """Until every process is here."""
    if world() > 1:
        import torch.distributed as dist

        dist.barrier()
