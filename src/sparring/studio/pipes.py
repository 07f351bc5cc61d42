"""The worker's end of the pipe (`workers.Worker` is the server's): JSON lines come in, messages go out.

A message is a byte J or B, four bytes of length (big-endian), and JSON text or content.
"""

import json
import os
import struct
import sys
import threading
from collections.abc import Callable
from typing import Any, BinaryIO


class Out:
    """What goes out; any thread may write."""

    def __init__(self, file: BinaryIO):
        self._file, self._lock = file, threading.Lock()

    @classmethod
    def standard(cls) -> "Out":
        """Takes over standard output: what a library prints there from now on is no message and goes to standard error."""
        file = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        return cls(file)

    def say(self, **message: Any) -> None:
        self.write(b"J", json.dumps(message, allow_nan=False).encode())

    def write(self, kind: bytes, content: bytes) -> None:
        message = memoryview(kind + struct.pack(">I", len(content)) + content)
        with self._lock:
            while message:                                              # a pipe takes a part at a time
                message = message[self._file.write(message) :]


def listen(heard: Callable[[dict | None], None]) -> None:
    """Calls `heard` in a thread with every message that comes in, and with None at the end."""

    def lines() -> None:
        for line in sys.stdin.buffer:
            try:
                heard(json.loads(line))
            except ValueError:
                heard({"do": "what is no JSON"})
        heard(None)

    threading.Thread(target=lines, daemon=True).start()
