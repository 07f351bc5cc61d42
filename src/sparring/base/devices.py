"""What the machine can do, and what is fastest on it. torch is imported inside functions only."""

import contextlib
import os
import time
from typing import Annotated, Literal

from pydantic import Field, PositiveInt

from sparring.base.errors import UserError
from sparring.base.settings import Auto, Rule, Settings


class Hardware(Settings):
    """How the numbers are computed. Resolved once, before round 0, and written to recipe.json."""

    device: Annotated[Literal["cpu", "cuda", "mps"] | Auto, Rule("cuda where there is one, else mps, else cpu")] = "auto"
    """where a training computes; all other commands use the CPU"""
    threads: Annotated[PositiveInt | Auto, Rule("the number that is fastest in a short probe at start")] = "auto"
    """threads of one process on the CPU"""
    precision: Annotated[
        Literal["bf16", "fp32"] | Auto, Rule("bf16 for pictures and tables where the hardware has it (AVX512-BF16, AMX, CUDA), else fp32")
    ] = "auto"
    """of the networks' arithmetic inside a loss; weights, penalties' norms and metrics are always fp32"""
    channels_last: Annotated[bool | Auto, Rule("true for pictures")] = "auto"
    """memory layout of convolutions"""
    compile: bool = False
    """torch.compile for losses that allow it: wants a C++ compiler (Triton on a GPU) and 5 to 20 s, pays in long runs of small steps"""
    chunks: int = Field(1, gt=0)
    """computes each batch in so many parts, one after the other: less memory, slower; batch norm then sees a part only"""


def resolve(hardware: Hardware, *, pictures: bool, fine: bool) -> tuple[Hardware, dict[str, str]]:
    """Fills every `auto` for data that are pictures or not, and `fine` (`Space.fine`) or not; returns the reasons by field."""
    found, why = {}, {}
    if hardware.device == "auto":
        found["device"] = best_device()
        why["device"] = f"the best that torch finds here is {found['device']}"
    device = found.get("device", hardware.device)
    check_device(device)
    if hardware.threads == "auto":
        found["threads"], speeds = probe_threads(pictures)
        why["threads"] = "measured " + ", ".join(f"{n}: {1000 * s:.1f} ms" for n, s in speeds.items())
    if hardware.precision == "auto":
        found["precision"] = "bf16" if has_bf16(device) and not fine else "fp32"
        # its 8 bits blur what is finer than a 256th: modes of points came out a sixth too narrow
        why["precision"] = "bf16 would blur these data" if fine else f"{device} {'has' if has_bf16(device) else 'has no'} bf16 in hardware"
    if hardware.channels_last == "auto":
        found["channels_last"] = pictures
        why["channels_last"] = "convolutions on pictures" if pictures else "no pictures"
    return hardware.model_copy(update=found), why


def best_device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"


def check_device(device: str) -> None:
    import torch

    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not there[device]:
        raise UserError(f"there is no {device} device on this machine: use --device {best_device()} or --device auto")


def has_bf16(device: str) -> bool:
    """Whether bf16 arithmetic is in the hardware, where it pays; emulated bf16 does not count."""
    import torch

    if device == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device == "cpu" and (torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def probe_threads(pictures: bool = True) -> tuple[int, dict[int, float]]:
    """The thread count with the best median time of a small layer's forward and backward (a convolution for pictures, else a linear
    one), and the times in seconds."""
    import torch

    if pictures:
        layer = torch.nn.Conv2d(32, 64, 4, 2, 1).to(memory_format=torch.channels_last)
        x = torch.randn(32, 32, 32, 32).contiguous(memory_format=torch.channels_last)
    else:
        layer, x = torch.nn.Linear(128, 128), torch.randn(256, 128)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    speeds = {}
    for n in sorted({2**k for k in range(cores.bit_length())} | {cores}):
        torch.set_num_threads(n)
        times = []
        for _ in range(12):
            start = time.perf_counter()
            layer(x).sum().backward()
            times.append(time.perf_counter() - start)
        speeds[n] = sorted(times[2:])[5]
    return min(speeds, key=speeds.get), speeds


def precision(hardware: Hardware):
    """A maker of autocast contexts for resolved hardware."""
    import torch

    if hardware.precision == "fp32":
        return contextlib.nullcontext
    return lambda: torch.autocast(hardware.device, torch.bfloat16)


def free_memory() -> int:
    """Bytes of memory that are free now; 4 GiB where the platform does not say."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        with open("/proc/meminfo") as file:
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith("MemAvailable"))
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return 4 * 2**30
