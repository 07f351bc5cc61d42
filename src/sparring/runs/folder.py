"""The files of a run folder. Every prefix of the order in which they are written leaves a folder that can be loaded."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sparring.base import files
from sparring.base.clock import Clock
from sparring.base.errors import UserError, WorkError
from sparring.base.settings import dump, load
from sparring.recipes.recipe import Configuration
from sparring.runs.lock import Lock

EVENT = {"round", "terms", "watch", "metrics", "health", "speed"}
"""what every event holds"""


class Folder:
    """Paths and small files of one run. Readers never lock; the one writer holds `lock`."""

    def __init__(self, path: Path | str):
        self.path = Path(path)

    @classmethod
    def existing(cls, path: Path | str) -> "Folder":
        """UserError when there is no run at this path."""
        folder = cls(path)
        if not folder.path.is_dir():
            raise UserError(f"there is no run folder at {path}: give the folder that `sparring train` named in its last line")
        if not (folder.path / "recipe.json").exists():
            raise UserError(f"{path} is no run folder (it has no recipe.json): give the folder that `sparring train` named in its last line")
        return folder

    @property
    def events_path(self) -> Path:
        return self.path / "events.jsonl"

    @property
    def checkpoints_path(self) -> Path:
        return self.path / "checkpoints"

    @property
    def lock(self) -> Lock:
        return Lock(self.path)

    # ---- recipe.json

    def recipe(self) -> dict[str, Any]:
        saved = files.read_record(self.path / "recipe.json", "recipe", "configuration", "seed", "rounds")
        if type(saved["seed"]) is not int or type(saved["rounds"]) is not int or saved["rounds"] < 1:
            raise UserError(f"{self.path / 'recipe.json'} is damaged (seed and rounds must be whole numbers): restore it or start a new run")
        return saved

    def configuration(self) -> Configuration:
        import sparring.recipes  # noqa: F401 - registers the components that a configuration can name

        path = self.path / "recipe.json"
        configuration = load(Configuration, self.recipe()["configuration"], str(path))
        if "auto" in (configuration.hardware.device, configuration.hardware.threads, configuration.hardware.precision):
            raise UserError(f"{path} is damaged (hardware must be what the run began with, not auto): restore it or start a new run")
        return configuration

    @staticmethod
    def recipe_document(recipe: str, configuration: Configuration, why: dict[str, str], seed: int, rounds: int, **facts: Any) -> dict:
        return {"recipe": recipe, "seed": seed, "rounds": rounds, "configuration": dump(configuration), "why": why, **facts}

    # ---- status.json

    def set_status(self, state: str, round: int, rounds: int, error: str | None = None, stopped: str | None = None) -> None:
        """error: why it failed; stopped: why it is finished before its recorded length."""
        status = {"state": state, "pid": os.getpid(), "round": round, "rounds": rounds, "error": error, "stopped": stopped}
        files.write_json(self.path / "status.json", status)

    def status(self) -> dict[str, Any]:
        """status.json; a run that says running while nobody holds the lock was interrupted."""
        path = self.path / "status.json"
        if not path.exists():
            return {"state": "interrupted", "pid": None, "round": 0, "rounds": self.recipe()["rounds"], "error": None}
        status = files.read_record(path, "state", "pid", "round", "rounds", "error")
        if status["state"] == "running" and not self.lock.taken:
            status["state"] = "interrupted"
        return status

    # ---- events.jsonl

    def events(self) -> list[dict[str, Any]]:
        """One object a tick, up to the first line that is none (a kill leaves the last one unfinished)."""
        return list(self._events())

    def _events(self) -> Iterator[dict[str, Any]]:
        if self.events_path.exists():
            with open(self.events_path, encoding="utf-8") as file:
                for line in file:
                    try:
                        event = json.loads(line)
                    except ValueError:
                        return
                    if not (isinstance(event, dict) and event.keys() >= EVENT):
                        return
                    yield event

    def append_event(self, event: dict[str, Any]) -> None:
        try:
            with open(self.events_path, "a", encoding="utf-8") as file:
                file.write(json.dumps(event, allow_nan=False) + "\n")
        except OSError as error:
            raise files.full_disk(error, self.events_path) from error

    def cut_events(self, size: int) -> None:
        """Forgets events after a checkpoint: what is replayed is logged anew."""
        if self.events_size() > size:
            os.truncate(self.events_path, size)

    def events_size(self) -> int:
        return self.events_path.stat().st_size if self.events_path.exists() else 0

    # ---- checkpoints

    def checkpoints(self) -> list[Path]:
        """Complete checkpoints, oldest first."""
        if not self.checkpoints_path.is_dir():
            return []
        found = [p for p in self.checkpoints_path.iterdir() if p.name.isdecimal() and (p / "clock.json").exists()]
        return sorted(found, key=lambda p: int(p.name))

    def checkpoint(self, which: str) -> Path:
        """The checkpoint that `best` or `last` names; where it is gone or damaged, the newest that is whole."""
        pointer = self.path / which
        named = [self.checkpoints_path / pointer.read_text(encoding="utf-8").strip()] if pointer.exists() else []
        for candidate in [*named, *reversed(self.checkpoints())]:
            if whole(candidate):
                return candidate
        raise UserError(f"{self.path} has no checkpoint that is whole: the files are missing or cut short; restore them or train again")

    def point(self, which: str, checkpoint: Path) -> None:
        files.write(self.path / which, checkpoint.name + "\n")

    def prune(self) -> None:
        """Keeps the last two checkpoints and the best."""
        best = self.path / "best"
        kept = {best.read_text(encoding="utf-8").strip()} if best.exists() else set()
        for old in self.checkpoints()[:-2]:
            if old.name not in kept:
                shutil.rmtree(old, ignore_errors=True)

    def sweep(self) -> None:
        """Removes what a killed writer left half written; only for the one writer."""
        for folder in (self.path, self.checkpoints_path, self.path / "previews"):
            for left in [*folder.glob(".*.tmp"), *folder.glob(".*.old")]:
                shutil.rmtree(left, ignore_errors=True) if left.is_dir() else left.unlink(missing_ok=True)

    def drop_after(self, checkpoint: Path) -> None:
        """Removes checkpoints newer than this one (a roll-back)."""
        for newer in self.checkpoints():
            if int(newer.name) > int(checkpoint.name):
                shutil.rmtree(newer, ignore_errors=True)

    # ---- measure.json

    def measured(self) -> dict[str, Any] | None:
        path = self.path / "measure.json"
        return files.read_json(path) if path.exists() else None


def whole(checkpoint: Path) -> bool:
    """Whether a checkpoint's files can be read to their ends (safetensors checks lengths when it opens a file)."""
    from safetensors import SafetensorError, safe_open

    try:
        saved = files.read_record(checkpoint / "clock.json", "clock", "failing", "notes")
        Clock(**saved["clock"])
        saved["notes"]["events"]
        for name in ("weights.safetensors", "optimizers.safetensors"):
            with safe_open(checkpoint / name, framework="pt"):
                pass
    except (UserError, SafetensorError, OSError, KeyError, TypeError):
        return False
    return True


def new_run_path(root: Path, recipe: str, data: str) -> Path:
    """runs/<recipe>-<data>-<number>, the first number that is free."""
    stem = f"{recipe}-{''.join(c if c.isalnum() or c in '._' else '-' for c in data).strip('-') or 'data'}"
    number = 1
    while (root / f"{stem}-{number}").exists():
        number += 1
    return root / f"{stem}-{number}"


def reserve(path: Path, numbered: bool) -> Path:
    """Makes the empty folder, so that no other process takes the same; where its number is taken by now, the next free one."""
    claim(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        try:
            path.mkdir()
        except FileExistsError:
            if not numbered:
                claim(path)                              # an empty folder of the user's is fine
                return path
            stem, _, number = path.name.rpartition("-")
            path = path.with_name(f"{stem}-{int(number) + 1}")
        else:
            return path


def claim(path: Path) -> None:
    """UserError when something is at this path already, or nothing can be; makes nothing."""
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        what = "a run; `sparring resume` continues it" if (path / "recipe.json").exists() else "something else"
        raise UserError(f"{path} already holds {what}: choose another --run")
    there = next(p for p in path.absolute().parents if p.exists())
    if not there.is_dir():
        raise UserError(f"cannot make {path}: {there} is a file; choose another --run")
    if not os.access(there, os.W_OK):
        raise WorkError(f"cannot write to {there}: choose another --run")
