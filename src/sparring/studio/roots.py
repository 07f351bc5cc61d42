"""What the studio may read: runs in one folder, data in some. Symbolic links and `..` are followed first and asked about then."""

import contextlib
import os
from pathlib import Path
from typing import Any

from sparring.base.errors import UserError
from sparring.modalities.builtins import BUILTINS

SHOWN = 2000
"""entries of a folder that are listed"""
LONGEST = 60
"""letters of a run's name, whose four bytes each file systems take"""


class Roots:
    """UserError for everything outside."""

    def __init__(self, runs: Path, data: tuple[Path, ...]):
        self.runs, self.data = runs.resolve(), tuple(path.resolve() for path in data)

    def run(self, name: str) -> Path:
        """The folder of a run, by its name."""
        path = self._inside(self.runs / name, (self.runs,), name)
        if path.parent != self.runs or not os.path.isfile(path / "recipe.json"):                      # a Path would fail at a name that is too long
            raise UserError(f"there is no run {name!r} in {self.runs}")
        return path

    def file(self, run: str, *parts: str) -> Path:
        """A file of a run."""
        folder = self.run(run)
        path = self._inside(folder.joinpath(*parts), (folder,), parts[-1])
        if not path.is_file():
            raise UserError(f"the run {run} has no {'/'.join(parts)}")
        return path

    def new(self, name: str) -> Path:
        """Where a new run of this name goes."""
        if not name.isprintable() or not name or name.startswith(".") or Path(name).name != name or "\\" in name or len(name) > LONGEST:
            raise UserError(f"{name[:LONGEST]!r} is no name for a run: letters, digits, - and _, {LONGEST} at most")
        return self.runs / name

    def source(self, text: str) -> str:
        """Data as the command line takes them (a path, A::B, PATH::halves, a built-in), where all of it lies inside."""
        first, pair, second = text.partition("::")
        checked = [first] if first in BUILTINS and not pair else [str(self._inside(Path(first), self.data, first))]
        if pair:
            checked.append(second if second == "halves" else str(self._inside(Path(second), self.data, second)))
        return "::".join(checked)

    def browse(self, path: str | None) -> dict[str, Any]:
        """What is in a folder: {path, parent, entries: [{name, folder, bytes}]}; without a path the roots themselves."""
        if not path:
            return {"path": None, "parent": None, "entries": [{"name": str(root), "folder": True, "bytes": None} for root in self.data]}
        folder = self._inside(Path(path), self.data, path)
        if not folder.is_dir():
            raise UserError(f"{path} is no folder")
        entries = []
        try:
            found = os.scandir(folder)
        except OSError as error:
            raise UserError(f"{path} cannot be looked into: {error.strerror}") from None
        with found:
            for entry in found:
                with contextlib.suppress(OSError, RuntimeError):                # a link to nothing or in a loop, a file that has just gone
                    if not entry.name.startswith(".") and self._is_inside(Path(entry.path).resolve(), self.data):
                        entries.append({"name": entry.name, "folder": entry.is_dir(), "bytes": None if entry.is_dir() else entry.stat().st_size})
                if len(entries) == SHOWN:
                    break
        entries.sort(key=lambda e: (not e["folder"], e["name"].lower()))
        return {"path": str(folder), "parent": None if folder in self.data else str(folder.parent), "entries": entries}

    @staticmethod
    def _is_inside(path: Path, roots: tuple[Path, ...]) -> bool:
        return any(path == root or root in path.parents for root in roots)

    def _inside(self, path: Path, roots: tuple[Path, ...], said: str) -> Path:
        try:
            real = path.resolve()
        except (OSError, ValueError, RuntimeError):                     # a loop of links, a zero byte
            raise UserError(f"{said!r} is no path") from None
        if not self._is_inside(real, roots):
            raise UserError(f"{said} is outside of what this studio may read ({', '.join(map(str, roots))}): start it with --allow FOLDER")
        return real
