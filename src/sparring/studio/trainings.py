"""Trainings that the studio starts: the command line in a process of its own, which can be stopped with a checkpoint and resumed."""

import asyncio
import contextlib
import json
import os
import re
import signal
import sys
from pathlib import Path
from typing import Any

from sparring.base.errors import UserError
from sparring.runs.folder import Folder

STARTS = 120.0
"""seconds in which a training makes its folder"""
ENDS = 60.0
"""seconds in which it saves a checkpoint when it is asked to stop"""

SETTING = re.compile(r"[a-z][a-z0-9_.-]*")
FLAGS = (
    "data", "run", "rounds", "minutes", "seed", "device", "from", "config", "dry-run", "quiet", "help", "json", "outdir", "output-dir",
    "output", "out",
)  # fmt: skip
"""what `sparring train` takes beside settings: paths among them would lead around what the studio may read and write"""


async def _begun(*arguments: str, stdout: int, start_new_session: bool = False) -> asyncio.subprocess.Process:
    """A command of Sparring; its standard error can be read."""
    try:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "sparring", *arguments, stdin=asyncio.subprocess.DEVNULL, stdout=stdout, stderr=asyncio.subprocess.PIPE,
            start_new_session=start_new_session,
        )  # fmt: skip
    except (ValueError, OSError) as error:                              # a zero byte, half of a character, too long
        raise UserError(f"no command line can hold this ({error})".encode(errors="backslashreplace").decode()) from None


async def asked(*arguments: str) -> dict[str, Any]:
    """What a command answers with --json, in a process of its own: it may need torch, and the server shall not. UserError with its words."""
    process = await _begun(*arguments, "--json", stdout=asyncio.subprocess.PIPE)
    out, said = await process.communicate()
    if process.returncode:
        raise UserError((said.decode(errors="replace").strip().splitlines() or ["it failed"])[-1].removeprefix("error: "))
    return json.loads(out)


class Trainings:
    """Processes by the name of their run."""

    def __init__(self):
        self.processes: dict[str, asyncio.subprocess.Process] = {}
        self.said: dict[str, list[str]] = {}
        """the last lines of each"""
        self._listening: set[asyncio.Task] = set()

    async def start(self, path: Path, recipe: str, data: str, *, length: dict[str, Any], seed: int, settings: dict[str, Any]) -> None:
        """Returns when the run folder is there; UserError with the command's own words when there will be none."""
        for name, value in settings.items():
            if not SETTING.fullmatch(name) or name.replace("_", "-") in FLAGS or str(value).lstrip().startswith("{"):
                raise UserError(f"{name!r} is no setting of a recipe, given one by one")
        flags = [f"--{name}={value}" for name, value in (length | settings).items()]
        await self._run(path, ["train", recipe, "--data", data, "--run", str(path), "--seed", str(seed), "--quiet", *flags])

    async def resume(self, path: Path, rounds: int | None) -> None:
        await self._run(path, ["resume", str(path), "--quiet", *([] if rounds is None else ["--rounds", str(rounds)])])

    def busy(self, name: str) -> bool:
        """Whether a process of ours works on it."""
        return name in self.processes and self.processes[name].returncode is None

    async def _run(self, path: Path, arguments: list[str]) -> None:
        if self.busy(path.name):
            raise UserError(f"the run {path.name} is being played already")
        process = await _begun(*arguments, stdout=asyncio.subprocess.DEVNULL, start_new_session=True)
        self.processes[path.name], self.said[path.name] = process, []
        task = asyncio.create_task(self._listen(path.name, process))
        self._listening.add(task)
        task.add_done_callback(self._listening.discard)
        began = asyncio.get_running_loop().time()
        while not self._plays(path, process):
            if process.returncode is not None:
                await task
                words = [line for line in self.said[path.name] if line.startswith("error: ")] or self.said[path.name] or ["it ended without a word"]
                raise UserError(words[-1].removeprefix("error: "))
            if asyncio.get_running_loop().time() - began > STARTS:
                raise UserError(f"the training did not begin within {STARTS:.0f} seconds")
            await asyncio.sleep(0.05)

    @staticmethod
    def _plays(path: Path, process: asyncio.subprocess.Process) -> bool:
        """Whether the run's status is this process's."""
        with contextlib.suppress(UserError, OSError):
            return (path / "status.json").exists() and Folder(path).status()["pid"] == process.pid
        return False

    async def _listen(self, name: str, process: asyncio.subprocess.Process) -> None:
        async for line in process.stderr:
            self.said[name] = [*self.said[name], line.decode(errors="replace").rstrip()][-20:]
        await process.wait()

    async def stop(self, path: Path) -> None:
        """Asks the process that plays a run, ours or another of this machine, to save a checkpoint and end; returns when it has."""
        status = Folder(path).status()
        if status["state"] != "running":
            raise UserError(f"the run {path.name} is not being played: it is {status['state']}")
        os.kill(status["pid"], signal.SIGINT)
        for _ in range(int(ENDS / 0.05)):
            await asyncio.sleep(0.05)
            ours = self.processes.get(path.name)
            if Folder(path).status()["state"] != "running" and (ours is None or ours.returncode is not None):
                return
        raise UserError(f"the run {path.name} has not stopped within {ENDS:.0f} seconds")

    async def end(self) -> None:
        """With the server: every training of ours saves a checkpoint."""
        running = [p for p in self.processes.values() if p.returncode is None]
        for process in running:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGINT)
        for process in running:
            try:
                await asyncio.wait_for(process.wait(), ENDS)
            except TimeoutError:
                process.kill()
