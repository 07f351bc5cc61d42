"""The one process in which runs are explored, for all pages: wishes in, pictures and rows out, and the progress of projections.

In comes {id, do, run, wish, ...}; out goes J {id, begun} when it is begun, and then J {id, answer}, J {id, error} or J {id, failed}, or
B: four bytes of length (little-endian), the JSON {id, type}, and a file's content. J {id, replaced} says that it never will be begun, and
J {job, state, progress, distance} tells of projections.

Projections take long, films and files a while. They stop now and then and let through what is quick, so that sliders stay alive.
"""

import json
import os
import struct
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sparring.base.errors import UserError
from sparring.runs.folder import Folder
from sparring.studio.pipes import Out, listen

RUNS = 3
"""that stay loaded"""
JOBS = 8
"""projections that wait, at most"""
IDLE = 60.0
"""seconds between looks at whether the server is still there"""
TOLD = 0.1
"""seconds between two messages of a projection's progress"""
PASSING = 4
"""wishes that are let through at a time, so that what is slow gets on too"""
SLOW = ("film", "download", "transform")
"""not begun inside of another of these"""

Message = dict[str, Any]


class Inbox:
    """Messages that were not begun; of one page, run and kind the newest alone, in the place of the first."""

    def __init__(self):
        self._waiting: dict[tuple, Message] = {}
        self._changed = threading.Condition()
        self.ended = False
        self.forgotten: set[int] = set()
        """numbers of messages whose page went away after they were begun"""

    def put(self, message: Message | None) -> Message | None:
        """Takes one up and returns the one that it replaces; None is the end."""
        with self._changed:
            replaced = None
            if message is None:
                self.ended = True
            else:
                page = (message.get("wish") or {}).get("page")
                key = (page, message.get("run"), message.get("do")) if page else (message.get("id"),)
                replaced = self._waiting.get(key)
                self._waiting[key] = message
            self._changed.notify()
        return replaced

    def forget(self, number: int) -> None:
        """Takes out a message for whose answer nobody waits any longer, or says so where it is begun."""
        with self._changed:
            waiting = [key for key, message in self._waiting.items() if message.get("id") == number]
            for key in waiting:
                del self._waiting[key]
            if not waiting:
                self.forgotten.add(number)

    def take(self, seconds: float, without: tuple[str, ...] = ()) -> Message | None:
        """The first whose `do` is not among `without`, waiting for it so long."""
        with self._changed:
            find = lambda: next((key for key, message in self._waiting.items() if message.get("do") not in without), None)
            self._changed.wait_for(lambda: self.ended or find() is not None, seconds)
            key = find()
            return None if key is None else self._waiting.pop(key)


class Cancelled(Exception):
    """Nobody waits for this any longer."""


class Worker:
    def __init__(self, out: Out, inbox: Inbox):
        from sparring import service
        from sparring.runs import exploring_files, wishes

        self.service, self.files, self.wishes = service, exploring_files, wishes
        self.out, self.inbox = out, inbox
        self.loaded: OrderedDict[tuple[Path, str], tuple[tuple, Any]] = OrderedDict()
        self.projected: dict[Path, dict] = {}
        self.jobs: deque[tuple[str, Message, Any, Any]] = deque()
        self.playing, self.cancelled = None, set()
        self.slow: int | None = None
        """number of the slow message that is being worked on"""

    # ---- runs

    def exploration(self, run: Path, checkpoint: str) -> Any:
        """A run, loaded if it is not, or has changed; the one that nobody asked for the longest is dropped."""
        stamp = Folder.existing(run).checkpoint(checkpoint).name, (run / "recipe.json").stat().st_mtime_ns
        known, found = self.loaded.pop((run, checkpoint), (None, None))
        if known != stamp:
            found = self.service.exploration(run, checkpoint, self.projected.setdefault(run, {}))
            found.run.game                                              # noqa: B018 - loads it: a damaged run is not kept
        self.loaded[run, checkpoint] = stamp, found
        while len(self.loaded) > RUNS:
            self.loaded.popitem(last=False)
        return found

    # ---- messages

    def do(self, message: Message) -> None:
        """One wish; whatever is wrong with it is answered, and nothing else happens."""
        number = message.get("id")
        self.out.say(id=number, begun=True)
        if message.get("do") in SLOW:
            self.slow = number
        try:
            action = getattr(self, f"do_{message.get('do')}", None)
            if action is None:
                raise UserError(f"there is no {message.get('do')!r}")
            action(message)
        except Cancelled:
            self.out.say(id=number, failed="nobody waited for it any longer")
        except UserError as error:
            self.out.say(id=number, error=str(error))
        except Exception as error:                                      # of a run that is damaged in a way nobody thought of, or of the library
            self.out.say(id=number, failed=f"{message.get('do')} failed: {type(error).__name__}: {' '.join(str(error).split())}")
        self.inbox.forgotten.discard(number)

    def wish(self, message: Message, kind: str) -> tuple[Any, Any]:
        """What is asked, and the run that is asked."""
        wish = getattr(self.wishes, kind).model_validate(message["wish"])
        return wish, self.exploration(Path(message["run"]), wish.checkpoint)

    def answer(self, message: Message, found: Any) -> None:
        """A picture as a PNG file, all else as JSON."""
        if isinstance(found, (dict, str, list)):
            self.out.say(id=message["id"], answer=found)
            return
        head = json.dumps({"id": message["id"], "type": "image/png"}).encode()
        self.out.write(b"B", struct.pack("<I", len(head)) + head + self.files.png(found))

    def do_about(self, message: Message) -> None:
        _, run = self.wish(message, "Wish")
        self.answer(message, run.about())

    def do_sample(self, message: Message) -> None:
        wish, run = self.wish(message, "Sample")
        self.answer(message, run.sample(wish))

    def do_mix(self, message: Message) -> None:
        wish, run = self.wish(message, "Mix")
        self.answer(message, run.mix(wish))

    def do_mixtures(self, message: Message) -> None:
        wish, run = self.wish(message, "Mixtures")
        self.answer(message, run.mixtures(wish))

    def do_frame(self, message: Message) -> None:
        wish, run = self.wish(message, "Frame")
        self.answer(message, run.frame(wish))

    def do_traverse(self, message: Message) -> None:
        wish, run = self.wish(message, "Traverse")
        self.answer(message, run.traverse(wish))

    def do_reconstruct(self, message: Message) -> None:
        wish, run = self.wish(message, "Reconstruct")
        self.answer(message, run.reconstruct(wish, Path(message["picture"])))

    def do_encode(self, message: Message) -> None:
        wish, run = self.wish(message, "Encode")
        self.answer(message, run.encode(wish, Path(message["picture"])))

    def do_projection(self, message: Message) -> None:
        wish, run = self.wish(message, "Projected")
        self.answer(message, run.projection(wish))

    def do_film(self, message: Message) -> None:
        wish, run = self.wish(message, "Film")
        self.answer(message, {"type": run.film(wish, Path(message["out"]), self.between), "name": f"{Path(message['run']).name}.{wish.format}"})

    def do_download(self, message: Message) -> None:
        wish, run = self.wish(message, "Download")
        self.answer(message, run.download(wish, Path(message["out"]), self.between))

    def do_transform(self, message: Message) -> None:
        wish, run = self.wish(message, "Transform")
        mask = message.get("mask")
        found = run.transform(wish, Path(message["picture"]), mask and Path(mask), Path(message["out"]), self.between)
        self.answer(message, {"type": found, "name": f"{Path(message['run']).name}.png"})

    # ---- projections

    def do_project(self, message: Message) -> None:
        """Answered at once; the work begins when nothing else is to be done."""
        wish, run = self.wish(message, "Project")
        run.check_projection(wish)
        x = run.given(Path(message["picture"]))
        if len(self.jobs) >= JOBS:
            raise UserError(f"{JOBS} projections wait already: wait, or cancel one")
        self.jobs.append((message["job"], message, run, x))
        self.tell(message["job"], "waiting")
        self.answer(message, {"job": message["job"]})

    def do_cancel(self, message: Message) -> None:
        job = message["job"]
        for waiting in [entry for entry in self.jobs if entry[0] == job]:
            self.jobs.remove(waiting)
            self.tell(job, "cancelled")
        if job == self.playing:
            self.cancelled.add(job)
        self.answer(message, {"job": job})

    def tell(self, job: str, state: str, **more: Any) -> None:
        self.out.say(job=job, state=state, **more)

    def project(self, job: str, message: Message, run: Any, x: Any) -> None:
        wish, told = self.wishes.Project.model_validate(message["wish"]), 0.0

        def tick(step: int, distance: float) -> None:
            nonlocal told
            if time.monotonic() - told > TOLD:
                told = time.monotonic()
                self.tell(job, "running", progress=step / wish.steps, distance=round(distance, 5))
            self._let_through(())
            if job in self.cancelled:
                raise Cancelled

        self.playing = job
        self.tell(job, "preparing", progress=0.0)                        # the network that compares may have to be trained
        try:
            name, distance = run.project(wish, x, tick)
            self.tell(job, "done", progress=1.0, distance=distance, name=name)
        except Cancelled:
            self.tell(job, "cancelled")
        except UserError as error:
            self.tell(job, "failed", error=str(error))
        except Exception as error:
            self.tell(job, "failed", error=f"{type(error).__name__}: {' '.join(str(error).split())}")
        finally:
            self.playing = None
            self.cancelled.discard(job)

    # ---- the loop

    def between(self) -> None:
        """In the middle of something slow: what is quick may pass, and it ends where nobody waits for it any longer."""
        self._let_through(SLOW)
        if self.slow in self.inbox.forgotten:
            raise Cancelled

    def _let_through(self, without: tuple[str, ...]) -> None:
        if self.inbox.ended:
            raise SystemExit
        for _ in range(PASSING):
            if (message := self.inbox.take(0, without)) is None:
                return
            self.do(message)

    def serve(self, parent: int) -> None:
        while not self.inbox.ended and os.getppid() == parent:
            message = self.inbox.take(0 if self.jobs else IDLE)
            if message is not None:
                self.do(message)
            elif self.jobs:
                self.project(*self.jobs.popleft())


def heard(inbox: Inbox, out: Out) -> Callable[[Message | None], None]:
    def take_up(message: Message | None) -> None:
        if message is not None and message.get("do") == "forget":
            inbox.forget(message["of"])
        elif (replaced := inbox.put(message)) is not None:
            out.say(id=replaced["id"], replaced=True)

    return take_up


def main() -> None:
    parent, out, inbox = os.getppid(), Out.standard(), Inbox()
    listen(heard(inbox, out))
    Worker(out, inbox).serve(parent)


if __name__ == "__main__":
    main()
