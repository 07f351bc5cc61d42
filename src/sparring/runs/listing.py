"""Runs at a glance, from their small files alone: no torch, no checkpoint, a few milliseconds each."""

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from sparring.base import files
from sparring.base.errors import UserError
from sparring.runs.folder import EVENT, Folder

TAIL = 2**16
"""bytes at the end of the log in which its last event stands"""
UNMEASURED = b'"metrics": {}'


def listed(root: Path, names: Collection[str] = ()) -> list[dict[str, Any]]:
    """The runs in a folder, the latest first; what is no run is left out, a damaged one stands there with its error. `names`: only these."""
    if not root.is_dir():
        return []
    folders = [p for p in root.iterdir() if not p.name.startswith(".") and (not names or p.name in names) and (p / "recipe.json").is_file()]
    return sorted(map(glance, folders), key=lambda run: run["changed"], reverse=True)


def glance(path: Path) -> dict[str, Any]:
    """{name, changed, recipe, data, kind, state, round, rounds, error, stopped, seconds, measured: {metric: {value, floor, skill}}, skill, health,
    preview}; of a damaged one {name, changed, state, error}."""
    folder = Folder(path)
    log = folder.events_path
    known = {"name": path.name, "changed": (log if log.exists() else path / "recipe.json").stat().st_mtime}
    try:
        recipe, status = folder.recipe(), folder.status()
        data = files.read_record(path / "data.json", "data", "name", "kind")
        last, judged = last_events(folder)
        measured = (folder.measured() or {}).get("metrics", {}) or judged.get("metrics", {})
    except (UserError, OSError) as error:
        return known | {"state": "damaged", "error": str(error)}
    keep = ("value", "floor", "skill")
    skills = [m["skill"] for m in measured.values() if "skill" in m]
    return known | {
        "recipe": recipe["recipe"], "data": data["name"], "kind": data["kind"], "state": status["state"],
        "round": last.get("round", 0) if status["state"] == "running" else status["round"],             # status.json has that of a checkpoint
        "rounds": status["rounds"], "error": status["error"], "stopped": status.get("stopped"), "seconds": last.get("seconds", 0.0),
        "measured": {name: {k: m[k] for k in keep if k in m} for name, m in measured.items()},
        "skill": sum(min(1.0, max(0.0, s)) for s in skills) / len(skills) if skills else None,
        "health": judged.get("health", []), "preview": next(iter(previews(path)[-1:]), None),
    }  # fmt: skip


def last_events(folder: Folder) -> tuple[dict[str, Any], dict[str, Any]]:
    """The last whole line of the log, and the last at which the doctor was asked: where metrics were measured, or else the same."""
    if not folder.events_path.exists():
        return {}, {}
    with open(folder.events_path, "rb") as file:
        file.seek(max(0, folder.events_size() - TAIL))
        lines = file.read().split(b"\n")
    last: dict[str, Any] = {}
    for line in reversed(lines):
        if last and UNMEASURED in line:                                 # reading them all is slow
            continue
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict) and event.keys() >= EVENT:
            last = last or event
            if event["metrics"]:
                return last, event
    return last, last


def events_after(path: Path, start: int) -> tuple[list[dict[str, Any]], int]:
    """Events of the log from that byte on, and the byte after the last whole one. A log that became shorter (a run that was resumed or went
    back) is read from its beginning: then that byte is less than `start`, or the first round is one that was known."""
    folder = Folder(path)
    size = folder.events_size()
    start = start if 0 <= start <= size else 0
    if size == start:
        return [], start
    with open(folder.events_path, "rb") as file:
        file.seek(max(0, start - 1))
        if start and file.read(1) != b"\n":                             # it grew again, beyond that byte
            start = 0
            file.seek(0)
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
