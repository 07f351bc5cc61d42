"""What every result carries: the command, the date and the machine."""

import datetime
import json
import os
import platform
import sys
from pathlib import Path

import torch

import sparring


def facts() -> dict:
    model = platform.processor()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), model)
    bf16 = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return {
        "processor": model, "cores": os.cpu_count(), "bf16 in hardware": bf16, "python": platform.python_version(), "torch": torch.__version__,
        "sparring": sparring.__version__, "system": platform.system(),
    }  # fmt: skip


def write_result(path: str, result: dict) -> None:
    """Writes and prints {command, date, machine, result}."""
    arguments = list(sys.argv[1:])
    if "--out" in arguments:                       # where it was written is no part of what was run
        del arguments[(at := arguments.index("--out")) : at + 2]
    arguments = [Path(a).name if Path(a).is_absolute() else a for a in arguments]          # nor is where the data lay
    command = " ".join(["python", "-m", f"benchmarks.{Path(sys.argv[0]).stem}", *arguments])
    document = {"command": command, "date": datetime.date.today().isoformat(), "machine": facts(), "result": result}
    text = json.dumps(document, indent=2)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text + "\n")
    print(text)
