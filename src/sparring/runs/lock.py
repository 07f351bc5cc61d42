"""One writer to a run folder."""

import os
import time
from pathlib import Path

from sparring.base.errors import UserError


class Lock:
    """The right to write to a folder, held by one process; the system releases it when the process dies."""

    def __init__(self, folder: Path):
        self.path, self.handle = folder / ".lock", None

    def __enter__(self):
        self.handle = open(self.path, "a+")
        for _ in range(20):
            if _try_lock(self.handle):
                break
            time.sleep(0.01)                     # a reader that asks whether it is taken holds it for a moment
        else:
            self.handle.close()
            raise UserError(f"another process is writing to {self.path.parent}: wait for it or stop it")
        self.handle.seek(0)
        self.handle.truncate()
        self.handle.write(f"{os.getpid()} {time.time():.0f}\n")
        self.handle.flush()
        return self

    def __exit__(self, *_):
        self.handle.close()

    @property
    def taken(self) -> bool:
        """Whether another process holds it now."""
        if not self.path.exists():
            return False
        with open(self.path, "a+" if os.name == "nt" else "r") as handle:       # readers may have no right to write
            return not _try_lock(handle)


def _try_lock(handle) -> bool:
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(handle.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
