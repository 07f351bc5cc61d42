"""Which process this is. One process unless torch.distributed was started (torchrun)."""

import atexit
import os


def rank() -> int:
    return int(os.environ.get("RANK", 0))


def world() -> int:
    return int(os.environ.get("WORLD_SIZE", 1))


def join() -> None:
    """Joins the other processes of a torchrun launch; does nothing for one process or when already joined.

    Where there are GPUs each process takes its own, and tensors on the CPU still have a way of their own: `--device cpu` works there too.
    """
    if world() > 1:
        import torch.distributed as dist

        if not dist.is_initialized():
            import torch
            import torch.distributed.nn  # noqa: F401  its functions have the group of that moment as a default: before there is one

            if torch.cuda.is_available():
                torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", 0)))
            dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo")
            atexit.register(leave)


def leave() -> None:
    """Ends the group. One whose threads outlive the interpreter aborts the process at its very end, after all work was done."""
    import torch.distributed as dist

    if dist.is_initialized():
        dist.destroy_process_group()


def highest(number: int) -> int:
    """The highest of all processes' numbers: how they agree to stop or to save. A collective: every process must call it."""
    if world() == 1:
        return number
    import torch
    import torch.distributed as dist

    shared = torch.tensor(int(number))
    dist.all_reduce(shared, op=dist.ReduceOp.MAX)
    return int(shared)


def of_leader(text: str) -> str:
    """The text that the first process has. A collective: every process must call it."""
    if world() == 1:
        return text
    import torch.distributed as dist

    texts = [text]
    dist.broadcast_object_list(texts, 0)
    return texts[0]


def wait() -> None:
    """Until every process is here."""
    if world() > 1:
        import torch.distributed as dist

        dist.barrier()
