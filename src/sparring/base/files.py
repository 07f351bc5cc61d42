"""Files that survive a crash: atomic writes, content hashes, the cache, the writer's lock."""

import contextlib
import errno
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sparring.base.errors import UserError, WorkError

CACHE_BYTES = 8 * 2**30


def write(path: Path, content: str | bytes) -> None:
    """Replaces a file atomically: a reader sees the old content or the new, a crash leaves one of them."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise full_disk(error, path) from error


def write_json(path: Path, value: Any) -> None:
    write(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """JSON of a file the program wrote itself; UserError when it is missing or damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from None
    except ValueError as error:
        raise UserError(f"{path} is damaged ({error}): restore it or start a new run") from None


def read_record(path: Path, *keys: str) -> dict[str, Any]:
    """A JSON object with these keys at least; UserError otherwise."""
    record = read_json(path)
    if not isinstance(record, dict) or not set(keys) <= record.keys():
        raise UserError(f"{path} is damaged (it must hold {', '.join(keys)}): restore it or start a new run")
    return record


def sync_folder(folder: Path) -> None:
    """Makes renames inside a folder durable, where the platform can."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def full_disk(error: OSError, path: Path) -> Exception:
    """An OSError while writing, as one line that says what to do."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return WorkError(f"the disk is full while writing {path}: free some space and resume; the last checkpoint is intact")
    if error.errno == errno.EFBIG:
        return WorkError(f"a file-size limit was hit while writing {path}: raise it (ulimit -f) and resume; the last checkpoint is intact")
    return WorkError(f"cannot write {path}: {error.strerror or error}")


def hash_bytes(*parts: bytes | memoryview) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def hash_file(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# ---- the cache


def cache() -> Path:
    """The cache folder: $SPARRING_CACHE, or the platform's place for caches."""
    if given := os.environ.get("SPARRING_CACHE"):
        folder = Path(given)
    elif sys.platform == "darwin":
        folder = Path.home() / "Library" / "Caches" / "sparring"
    elif os.name == "nt":
        folder = Path(os.environ.get("LOCALAPPDATA", Path.home())) / "sparring" / "Cache"
    else:
        folder = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "sparring"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextlib.contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Fills a temporary folder beside `folder` and renames it there when the block ends well: all or nothing."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        yield temporary
        for file in temporary.rglob("*"):
            if file.is_file():
                with open(file, "rb") as handle:
                    os.fsync(handle.fileno())
        sync_folder(temporary)
        old = folder.with_name(f".{folder.name}.{os.getpid()}.old")
        if folder.exists():
            os.replace(folder, old)
        os.replace(temporary, folder)
        shutil.rmtree(old, ignore_errors=True)
        sync_folder(folder.parent)
    except OSError as error:
        raise full_disk(error, folder) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def cache_entries() -> list[tuple[Path, int, float]]:
    """(folder, bytes, time of last use) of every cache entry, the least recently used first."""
    entries = []
    for room in cache().iterdir():
        for entry in room.iterdir() if room.is_dir() else ():
            if not entry.name.startswith("."):
                files = [entry, *entry.rglob("*")]
                entries.append((entry, sum(f.stat().st_size for f in files if f.is_file()), max(f.stat().st_mtime for f in files)))
    return sorted(entries, key=lambda e: e[2])


def touch(entry: Path) -> None:
    """Marks a cache entry as used now."""
    with contextlib.suppress(OSError):
        os.utime(entry)


def trim_cache(limit: int = CACHE_BYTES) -> int:
    """Removes the least recently used entries until the cache fits; returns the bytes removed."""
    entries = cache_entries()
    total, removed = sum(size for _, size, _ in entries), 0
    for entry, size, _ in entries:
        if total - removed <= limit:
            break
        shutil.rmtree(entry, ignore_errors=True) if entry.is_dir() else entry.unlink(missing_ok=True)
        removed += size
    return removed
