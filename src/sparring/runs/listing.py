"""Runs at a glance, from their small files alone: no torch, no checkpoint, a few milliseconds each."""

import json
from pathlib import Path
from typing import Any

from sparring.base import files
from sparring.base.errors import UserError
from sparring.runs.folder import EVENT, Folder

TAIL = 2**16
"""bytes at the end of the log in which its last event stands"""


def listed(root: Path) -> list[dict[str, Any]]:
    """The runs in a folder, the latest first; what is no run is left out, a damaged one stands there with its error."""
    if not root.is_dir():
        return []
    found = [glance(p) for p in root.iterdir() if not p.name.startswith(".") and (p / "recipe.json").is_file()]
    return sorted(found, key=lambda run: run["changed"], reverse=True)


def glance(path: Path) -> dict[str, Any]:
    """{name, changed, recipe, data, kind, state, round, rounds, error, stopped, seconds, measured: {metric: {value, floor, skill}}, skill, health,
    preview}; of a damaged one {name, changed, state, error}."""
    folder = Folder(path)
    log = folder.events_path
    known = {"name": path.name, "changed": (log if log.exists() else path / "recipe.json").stat().st_mtime}
    try:
        recipe, status = folder.recipe(), folder.status()
        data = files.read_record(path / "data.json", "data", "name", "kind")
        last = last_event(folder)
        measured = (folder.measured() or {}).get("metrics", {}) or (last or {}).get("metrics", {})
    except (UserError, OSError) as error:
        return known | {"state": "damaged", "error": str(error)}
    keep = ("value", "floor", "skill")
    skills = [m["skill"] for m in measured.values() if "skill" in m]
    return known | {
        "recipe": recipe["recipe"], "data": data["name"], "kind": data["kind"], "state": status["state"], "round": status["round"],
        "rounds": status["rounds"], "error": status["error"], "stopped": status.get("stopped"), "seconds": (last or {}).get("seconds", 0.0),
        "measured": {name: {k: m[k] for k in keep if k in m} for name, m in measured.items()},
        "skill": sum(min(1.0, max(0.0, s)) for s in skills) / len(skills) if skills else None,
        "health": (last or {}).get("health", []), "preview": next(iter(previews(path)[-1:]), None),
    }  # fmt: skip


def last_event(folder: Folder) -> dict[str, Any] | None:
    """The last whole line of the log."""
    if not folder.events_path.exists():
        return None
    with open(folder.events_path, "rb") as file:
        file.seek(max(0, folder.events_size() - TAIL))
        lines = file.read().split(b"\n")
    for line in reversed(lines):
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict) and event.keys() >= EVENT:
            return event
    return None


def events_after(path: Path, start: int) -> tuple[list[dict[str, Any]], int]:
    """Events of the log from that byte on, and the byte after the last whole one. A log that became shorter (a run that was resumed or went
    back) begins anew: then the byte is less than `start`."""
    folder = Folder(path)
    size = folder.events_size()
    start = start if 0 <= start <= size else 0
    if size == start:
        return [], start
    with open(folder.events_path, "rb") as file:
        file.seek(start)
        text = file.read()
    whole = text[: text.rfind(b"\n") + 1]
    found = []
    for line in whole.splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            break
    return found, start + len(whole)


def previews(path: Path) -> list[str]:
    """Names of its previews, by round."""
    folder = path / "previews"
    return sorted(p.name for p in folder.iterdir() if p.stem.isdecimal()) if folder.is_dir() else []
