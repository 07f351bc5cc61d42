"""Worker processes for work on many files, under a progress bar. No torch: workers start quickly."""

import gc
import multiprocessing
import os
import sys
import types
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any

MANY = 500
"""items from which worker processes pay for their start"""
CHUNK = 64
"""items that a worker takes at a time"""
AHEAD = 4
"""chunks a worker that are begun before they are asked for: results that nobody takes yet stay in memory"""


def by_chunks(function: Callable, items: list, arguments: tuple, title: str, size: int = CHUNK) -> Iterator[Any]:
    """`function(chunk of `size` items, *arguments)` in order, in worker processes when there are many items, under a progress bar."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    chunks = [items[i : i + size] for i in range(0, len(items), size)]
    console = Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with _uncollected(), Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(title, total=len(items))
        for chunk, result in zip(chunks, _results(function, chunks, arguments, len(items) > MANY)):
            yield result
            progress.advance(task, len(chunk))


def _results(function: Callable, chunks: list[list], arguments: tuple, many: bool) -> Iterator[Any]:
    workers = min(8, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    done, begun = 0, deque()
    if workers > 1 and many:
        try:
            with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
                while done < len(chunks):
                    with _unknown_main():
                        while len(begun) < AHEAD * workers and done + len(begun) < len(chunks):
                            begun.append(pool.submit(function, chunks[done + len(begun)], *arguments))
                    yield begun.popleft().result()
                    done += 1
            return
        except BrokenProcessPool:  # no memory for workers: go on here
            pass
    for chunk in chunks[done:]:
        yield function(chunk, *arguments)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the cyclic garbage collector: results that are kept make it look again and again through all that was imported, on a core that
    a worker could have."""
    collected = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collected:
            gc.enable()


@contextmanager
def _unknown_main() -> Iterator[None]:
    """While workers are started they are not told of the user's script: they would run it again, all of it where it has no
    `if __name__ == "__main__"`, and need nothing from it."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
