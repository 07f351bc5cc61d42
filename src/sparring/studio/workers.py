"""Worker processes as the server sees them: messages in, messages out, an end with the server."""

import asyncio
import contextlib
import json
import struct
import sys
from collections.abc import AsyncIterator
from typing import Any

LARGEST = 64 * 2**20
"""bytes of one message"""
LAST_LINES = 20
"""of what a worker printed, kept for the one who asks why it ended"""


class Worker:
    """A process that reads JSON lines and writes messages (`pipes`)."""

    def __init__(self, process: asyncio.subprocess.Process):
        self.process, self.lines = process, []
        self._printing = asyncio.create_task(self._listen())

    @classmethod
    async def start(cls, module: str) -> "Worker":
        pipe = asyncio.subprocess.PIPE
        return cls(await asyncio.create_subprocess_exec(sys.executable, "-m", module, stdin=pipe, stdout=pipe, stderr=pipe, limit=LARGEST))

    async def _listen(self) -> None:
        async for line in self.process.stderr:
            self.lines = [*self.lines, line.decode(errors="replace").rstrip()][-LAST_LINES:]

    async def tell(self, message: dict[str, Any]) -> None:
        self.process.stdin.write(json.dumps(message).encode() + b"\n")
        await self.process.stdin.drain()

    async def messages(self) -> AsyncIterator[tuple[str, bytes]]:
        """(J or B, content) until the process ends."""
        while True:
            try:
                head = await self.process.stdout.readexactly(5)
                yield chr(head[0]), await self.process.stdout.readexactly(struct.unpack(">I", head[1:])[0])
            except asyncio.IncompleteReadError:
                return

    async def end(self) -> None:
        """Gently, then not."""
        if self.process.returncode is None:
            self.process.stdin.close()
            try:
                await asyncio.wait_for(self.process.wait(), 2)
            except TimeoutError:
                self.process.kill()
                await self.process.wait()
        with contextlib.suppress(TimeoutError):                         # its last words may still be on their way
            await asyncio.wait_for(self._printing, 1)
