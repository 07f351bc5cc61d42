"""This machine, this installation and its cache."""

import importlib.util
import os
import shutil
import time
from pathlib import Path
from typing import Any

from sparring import __version__
from sparring.base import devices, files, ranks


def machine() -> dict[str, Any]:
    """This machine and installation, for `doctor` without a run."""
    import torch

    device = devices.best_device()
    threads, speeds = devices.probe_threads()
    extras = {"demo": "mlxtend", "judge": "efficientnet_lite_pytorch", "track": "tensorboardX"}
    findings = []
    if importlib.util.find_spec("torchvision") is not None:
        cause = "torchvision is installed: a build that does not match torch breaks other packages at import, and Sparring does not use it."
        advice = ["pip uninstall torchvision"]
        findings.append({"code": "torchvision", "severity": "warning", "since_round": 0, "evidence": {}, "cause": cause, "advice": advice})
    return {
        "run": None, "verdict": "warning" if findings else "healthy", "findings": findings, "sparring": __version__,
        "torch": torch.__version__, "device": device, "cores": os.cpu_count(), "fastest threads": threads,
        "thread probe, ms": {str(n): round(1000 * s, 2) for n, s in speeds.items()}, "bf16": devices.has_bf16(device),
        "free memory, bytes": devices.free_memory(), "cache": str(files.cache()),
        "extras": {name: importlib.util.find_spec(module) is not None for name, module in extras.items()},
    }  # fmt: skip


def environment() -> dict[str, Any]:
    """Versions and the machine, for recipe.json."""
    import platform

    import numpy
    import torch

    return {
        "sparring": __version__, "torch": torch.__version__, "numpy": numpy.__version__, "python": platform.python_version(),
        "system": platform.system(), "machine": platform.machine(), "cores": os.cpu_count(), "world": ranks.world(),
    }  # fmt: skip


def being_filled(entry: Path) -> bool:
    """Whether a process may be at work on an entry of the cache (`files.new_folder`): a hidden one in which something changed in the last hour."""
    if not entry.name.startswith("."):
        return False
    changed = max(path.stat().st_mtime for path in (entry, *entry.rglob("*")) if path.exists())
    return time.time() - changed < 3600


def cache_contents(clear: bool = False) -> dict[str, Any]:
    """The cache's entries; `clear` removes them."""
    entries = files.cache_entries()
    if clear:
        for room in filter(Path.is_dir, files.cache().iterdir()):
            for entry in room.iterdir():                                       # also what a process that was killed left there
                if not being_filled(entry):
                    shutil.rmtree(entry, ignore_errors=True) if entry.is_dir() else entry.unlink(missing_ok=True)
    return {
        "cache": str(files.cache()), "bytes": sum(size for _, size, _ in entries), "limit": files.CACHE_BYTES, "cleared": clear,
        "entries": [{"name": f"{e.parent.name}/{e.name}", "bytes": size} for e, size, _ in entries],
    }  # fmt: skip
