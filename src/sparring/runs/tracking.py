"""Mirrors of events.jsonl for other programs."""

import contextlib
from pathlib import Path
from typing import Any


class TensorBoard:
    """The same numbers for TensorBoard, in tensorboard/; silent where the extra `track` is not installed."""

    def __init__(self, folder: Path):
        self.writer = None
        with contextlib.suppress(ImportError):
            from tensorboardX import SummaryWriter

            self.writer = SummaryWriter(str(folder / "tensorboard"), flush_secs=10)

    def event(self, event: dict[str, Any]) -> None:
        if self.writer is None:
            return
        flat = event["terms"] | {f"watch/{k}": v for k, v in event.get("watch", {}).items()}
        flat |= {f"metrics/{k}": v["value"] for k, v in event.get("metrics", {}).items()} | {f"speed/{k}": v for k, v in event["speed"].items()}
        for name, value in flat.items():
            if value is not None:
                self.writer.add_scalar(name, value, event["round"])

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()
