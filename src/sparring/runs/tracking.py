"""Mirrors of events.jsonl for other programs."""

import contextlib
import time
from pathlib import Path
from typing import Any


class TensorBoard:
    """The same numbers for TensorBoard, in tensorboard/; silent where the extra `track` is not installed, or when it cannot be written.

    Written at once, without the thread of tensorboardX's SummaryWriter: that one waits for ever after a full disk.
    """

    def __init__(self, folder: Path):
        self.writer = None
        with contextlib.suppress(ImportError, OSError):
            from tensorboardX.event_file_writer import EventsWriter

            (folder / "tensorboard").mkdir(exist_ok=True)
            self.writer = EventsWriter(str(folder / "tensorboard" / "events"))

    def event(self, event: dict[str, Any]) -> None:
        if self.writer is None:
            return
        from tensorboardX.proto.event_pb2 import Event
        from tensorboardX.proto.summary_pb2 import Summary

        flat = event["terms"] | {f"watch/{k}": v for k, v in event.get("watch", {}).items()}
        flat |= {f"metrics/{k}": v["value"] for k, v in event.get("metrics", {}).items()} | {f"speed/{k}": v for k, v in event["speed"].items()}
        values = [Summary.Value(tag=name, simple_value=value) for name, value in flat.items() if value is not None]
        try:
            self.writer.write_event(Event(wall_time=time.time(), step=event["round"], summary=Summary(value=values)))
            self.writer.flush()
        except OSError:
            self.writer = None

    def close(self) -> None:
        if self.writer is not None:
            with contextlib.suppress(OSError):
                self.writer.close()
