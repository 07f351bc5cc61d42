"""The explorer's interface: what finished runs make, as pictures and rows. One worker process for all pages (`explorer_worker`)."""

import asyncio
import contextlib
import itertools
import json
import secrets
import shutil
import struct
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Query, Request, UploadFile
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.background import BackgroundTask

from sparring.base import files
from sparring.base.errors import UserError, WorkError
from sparring.runs import wishes
from sparring.studio.roots import Roots
from sparring.studio.workers import Worker

WORKER = "sparring.studio.explorer_worker"
UPLOAD = 32 * 2**20
"""bytes of a request, at most"""
JOBS = 64
"""projections that are remembered"""
TRIES = 3
"""workers that a wish is put to, when they die before they begin it"""
LOOKS = 0.5
"""seconds between two looks whether a page still waits for what is slow"""


class Job(BaseModel):
    """A projection."""

    job: str
    state: Literal["waiting", "preparing", "running", "done", "failed", "cancelled"]
    progress: float = 0.0
    """from 0 to 1"""
    distance: float | None = None
    """perceptual, between the picture and what is made of the latents so far"""
    name: str | None = None
    """what stands for the picture where seeds are asked for, once it is done"""
    error: str | None = None


class Unheard(Exception):
    """The worker died before it began a wish."""


class Gone(Exception):
    """The page went away before the answer was there."""


class Replaced(Exception):
    """A newer wish of the same page came before it was begun."""


@dataclass
class Asked:
    """A wish on its way."""

    answer: asyncio.Future
    begun: bool = False


class Explorer:
    """Starts the worker at the first wish, and again when it died; ends with the server."""

    def __init__(self):
        self.jobs: dict[str, Job] = {}
        self._worker: Worker | None = None
        self._asked: dict[int, Asked] = {}
        self._numbers, self._starting = itertools.count(), asyncio.Lock()
        self._listening: asyncio.Task | None = None
        self._folder: Path | None = None
        self._why = ""
        """of the last worker's end"""

    @property
    def folder(self) -> Path:
        """For files on their way."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="sparring-explorer-"))
        return self._folder

    def file(self) -> Path:
        return self.folder / secrets.token_hex(8)

    async def ask(self, do: str, run: Path, wish: wishes.Wish, gone: Callable[[], Awaitable[bool]] | None = None, **more: Any) -> Any:
        """JSON values, or a picture as a Response. UserError for wrong wishes, WorkError where the work failed, Replaced; Gone where `gone`, asked
        now and then, says that nobody waits for the answer any longer: then the work ends too."""
        message = {"do": do, "run": str(run), "wish": wish.model_dump(mode="json"), **{k: str(v) for k, v in more.items() if v is not None}}
        for _ in range(TRIES):
            with contextlib.suppress(Unheard):
                return await self._ask(message, gone)
        raise WorkError(self._why)

    async def _ask(self, message: dict[str, Any], gone: Callable[[], Awaitable[bool]] | None) -> Any:
        async with self._starting:
            if self._worker is None:
                self._worker = await Worker.start(WORKER)
                self._listening = asyncio.create_task(self._listen(self._worker))
        number, asked = next(self._numbers), Asked(asyncio.get_running_loop().create_future())
        self._asked[number] = asked
        with contextlib.suppress(ConnectionError):                      # it is dead: the one who listens will tell
            await self._worker.tell(message | {"id": number})
        while gone is not None and not (await asyncio.wait({asked.answer}, timeout=LOOKS))[0]:
            if await gone():
                self._asked.pop(number, None)
                with contextlib.suppress(ConnectionError, AttributeError):          # AttributeError: it has just ended
                    await self._worker.tell({"do": "forget", "of": number})
                raise Gone
        return await asked.answer

    async def _listen(self, worker: Worker) -> None:
        async for kind, content in worker.messages():
            self._heard(kind, content)
        await worker.end()
        self._worker = None
        last = worker.lines[-1] if worker.lines else f"without a word, code {worker.process.returncode}; a lack of memory ends processes so"
        self._why = f"the process that explores runs ended: {last}"
        for asked in self._asked.values():
            died = WorkError(self._why) if asked.begun else Unheard()
            if not asked.answer.done():
                asked.answer.set_exception(died)
        self._asked.clear()
        for name, job in self.jobs.items():
            if job.state in ("waiting", "preparing", "running"):
                self.jobs[name] = job.model_copy(update={"state": "failed", "error": self._why})

    def _heard(self, kind: str, content: bytes) -> None:
        if kind == "B":
            (length,) = struct.unpack("<I", content[:4])
            head = json.loads(content[4 : 4 + length])
            self._settle(head["id"], lambda future: future.set_result(Response(content[4 + length :], media_type=head["type"])))
            return
        said = json.loads(content)
        if "job" in said:
            known = self.jobs.get(said["job"], Job(job=said["job"], state="waiting"))
            self.jobs[said["job"]] = known.model_copy(update=said)
            while len(self.jobs) > JOBS:
                del self.jobs[next(iter(self.jobs))]
        elif "begun" in said:
            if asked := self._asked.get(said["id"]):
                asked.begun = True
        elif "answer" in said:
            self._settle(said["id"], lambda future: future.set_result(said["answer"]))
        else:
            problem = UserError(said["error"]) if "error" in said else WorkError(said["failed"]) if "failed" in said else Replaced()
            self._settle(said["id"], lambda future: future.set_exception(problem))

    def _settle(self, number: int, settle: Callable[[asyncio.Future], None]) -> None:
        asked = self._asked.pop(number, None)
        if asked is not None and not asked.answer.done():               # it is, where the page went away
            settle(asked.answer)

    def job(self, name: str) -> Job:
        if name not in self.jobs:
            raise UserError(f"there is no projection {name!r}, or no longer")
        return self.jobs[name]

    async def end(self) -> None:
        if self._worker is not None:
            await self._worker.end()
            await self._listening
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)


# ---- what comes in


class TooLarge(HTTPException):
    def __init__(self):
        super().__init__(413, f"a request holds {UPLOAD // 2**20} MB at most: make the picture smaller")


class Careful(APIRoute):
    """Requests of limited size; whatever is wrong with one is said in one line."""

    def get_route_handler(self):
        handler = super().get_route_handler()

        async def careful(request: Request) -> Response:
            size = 0

            async def receive():
                nonlocal size
                message = await request.receive()
                size += len(message.get("body", b""))
                if size > UPLOAD:
                    raise TooLarge
                return message

            try:
                length = request.headers.get("content-length", "0")
                if not length.isdecimal() or int(length) > UPLOAD:
                    raise TooLarge
                return await handler(Request(request.scope, receive))
            except RequestValidationError as error:
                raise UserError(said(error)) from None
            except HTTPException as error:
                return JSONResponse({"error": str(error.detail)}, error.status_code)
            except Gone:
                return Response(status_code=499)                        # nobody reads it
            except Replaced:
                return JSONResponse({"error": "a newer request of this page came before it was begun"}, 409)

        return careful


def said(error: RequestValidationError) -> str:
    """The first problem in one line."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"][1:]) or str(first["loc"][0])
    line = f"{where}: {first['msg'].removeprefix('Value error, ')}, got {first.get('input')!r}"[:300]
    return line.encode(errors="backslashreplace").decode()              # a name may hold half of a character


@contextlib.asynccontextmanager
async def uploaded(explorer: Explorer, *uploads: UploadFile | None) -> AsyncIterator[list[Path | None]]:
    """Uploads as files, for as long as it takes."""
    paths = [None if upload is None else explorer.file() for upload in uploads]
    try:
        for path, upload in zip(paths, uploads):
            if upload is not None:
                await asyncio.to_thread(_copied, upload, path)
        yield paths
    finally:
        for path in filter(None, paths):
            path.unlink(missing_ok=True)


def _copied(upload: UploadFile, path: Path) -> None:
    with open(path, "wb") as file:
        shutil.copyfileobj(upload.file, file)


# ---- routes

PICTURE: dict[str, Any] = {"response_class": Response, "responses": {200: {"content": {"image/png": {}}, "description": "a picture"}}}
EITHER: dict[str, Any] = {
    "response_class": Response, "responses": {200: {"content": {"image/png": {}, "application/json": {}}, "description": "a picture, or rows"}},
}  # fmt: skip
FILE: dict[str, Any] = {
    "response_class": FileResponse, "responses": {200: {"content": {"application/octet-stream": {}}, "description": "a file"}},
}  # fmt: skip


class Wrong(BaseModel):
    """What is wrong, in one line."""

    error: str


def routes(roots: Roots, explorer: Explorer) -> APIRouter:
    """Wrong input is answered with 400, what is too large with 413, what a newer request of the page replaced with 409."""
    wrong = {"4XX": {"model": Wrong, "description": "what is wrong"}}
    api = APIRouter(prefix="/api/explore/{run}", tags=["explorer"], route_class=Careful, responses=wrong)

    async def file(do: str, request: Request, run: str, wish: wishes.Wish, attached: bool = True, **more: Any) -> FileResponse:
        """What the worker writes into a file, which is gone when it was sent."""
        out = explorer.file()
        try:
            made = await explorer.ask(do, roots.run(run), wish, request.is_disconnected, out=out, **more)
        except BaseException:
            out.unlink(missing_ok=True)
            raise
        gone = BackgroundTask(out.unlink, missing_ok=True)
        return FileResponse(out, media_type=made["type"], filename=made["name"] if attached else None, background=gone)

    @api.get("/", include_in_schema=False)
    @api.get("")
    async def about(run: str, wish: Annotated[wishes.Wish, Query()]) -> dict[str, Any]:
        """What this run can do: which of the tools below fit, labels, attributes, columns, layers, principal directions, checkpoints. Loads it."""
        return await explorer.ask("about", roots.run(run), wish)

    @api.post("/sample", **EITHER)
    async def sample(run: str, wish: wishes.Sample) -> Any:
        """Items of seeds, moved along principal directions: a picture, or a sheet of several as PNG; of points and tables rows as JSON,
        {columns, rows, acceptance, said}."""
        found = await explorer.ask("sample", roots.run(run), wish)
        return found if isinstance(found, Response) else JSONResponse(found)

    @api.post("/mix", **PICTURE)
    async def mix(run: str, wish: wishes.Mix) -> Any:
        """An item that has the styles of others at some layers."""
        return await explorer.ask("mix", roots.run(run), wish)

    @api.post("/mixtures", **PICTURE)
    async def mixtures(run: str, wish: wishes.Mixtures) -> Any:
        """Items with some styles of others, as a table."""
        return await explorer.ask("mixtures", roots.run(run), wish)

    @api.post("/path", **PICTURE)
    async def path(run: str, wish: wishes.Frame) -> Any:
        """One frame of a way through the items of several seeds, or through labels."""
        return await explorer.ask("frame", roots.run(run), wish)

    @api.post("/film", **FILE)
    async def film(request: Request, run: str, wish: wishes.Film) -> Any:
        """All frames of such a way as .gif or .mp4."""
        return await file("film", request, run, wish)

    @api.post("/traverse", **PICTURE)
    async def traverse(run: str, wish: wishes.Traverse) -> Any:
        """An item as one number of its noise, or one principal direction, goes from one side to the other: a row for each."""
        return await explorer.ask("traverse", roots.run(run), wish)

    @api.get("/download", **FILE)
    async def download(request: Request, run: str, wish: Annotated[wishes.Download, Query()]) -> Any:
        """Items as a .zip of .png files, .csv, .parquet or .npz, the same as `sparring sample` makes."""
        return await file("download", request, run, wish)

    # ---- pictures of the user

    @api.post("/reconstruct", **PICTURE)
    async def reconstruct(run: str, picture: UploadFile, wish: Annotated[wishes.Reconstruct, Query()]) -> Any:
        """What an autoencoder makes of a picture."""
        async with uploaded(explorer, picture) as (path,):
            return await explorer.ask("reconstruct", roots.run(run), wish, picture=path)

    @api.post("/encode")
    async def encode(run: str, picture: UploadFile, wish: Annotated[wishes.Encode, Query()]) -> dict[str, Any]:
        """A picture as noise, by an autoencoder: {name, distance}; the name stands for it where seeds are asked for."""
        async with uploaded(explorer, picture) as (path,):
            return await explorer.ask("encode", roots.run(run), wish, picture=path)

    @api.post("/transform", **PICTURE)
    async def transform(
        request: Request, run: str, picture: UploadFile, wish: Annotated[wishes.Transform, Query()], mask: UploadFile | None = None
    ) -> Any:
        """A picture of any size restored, enlarged, filled in where the mask is white, or translated; its transparency is kept."""
        async with uploaded(explorer, picture, mask) as (path, hole):
            return await file("transform", request, run, wish, attached=False, picture=path, mask=hole)

    @api.post("/project", status_code=202)
    async def project(run: str, picture: UploadFile, wish: Annotated[wishes.Project, Query()]) -> Job:
        """Looks for what the generator would have to be given to make a picture. Takes a while: ask for the job. The first time in a run whose
        data no network judged yet, one is trained for half a minute."""
        folder = roots.run(run)
        roots.source(files.read_record(folder / "data.json", "data")["data"])        # the network that compares is trained on them
        async with uploaded(explorer, picture) as (path,):
            return explorer.job((await explorer.ask("project", folder, wish, picture=path, job=secrets.token_hex(6)))["job"])

    @api.get("/project/{job}")
    def progress(run: str, job: str) -> Job:
        """How far a projection is; once it is done, the name that stands for the picture where seeds are asked for."""
        roots.run(run)
        return explorer.job(job)

    @api.delete("/project/{job}")
    async def cancel(run: str, job: str) -> Job:
        """Ends a projection that nobody waits for."""
        explorer.job(job)
        await explorer.ask("cancel", roots.run(run), wishes.Wish(), job=job)
        return explorer.job(job)

    @api.get("/picture", **PICTURE)
    async def picture(run: str, wish: Annotated[wishes.Projected, Query()]) -> Any:
        """What is made of a projected or encoded picture's latents, the picture as the model sees it, or both."""
        return await explorer.ask("projection", roots.run(run), wish)

    return api
