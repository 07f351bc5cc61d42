"""The studio's server: pages, and the interface under them. It never imports torch; games live in worker processes."""

import asyncio
import contextlib
import json
from pathlib import Path
from typing import Any

from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.datastructures import MutableHeaders

from sparring import __version__, service
from sparring.base.errors import UserError, WorkError
from sparring.studio import explorer, workshop
from sparring.studio.explorer import Explorer
from sparring.studio.guard import LOOPBACK, Guard
from sparring.studio.roots import Roots
from sparring.studio.trainings import Trainings
from sparring.studio.workers import Worker

PAGES = Path(__file__).parent / "dist"
PLAYGROUND = "sparring.studio.playground_worker"
LONGEST = 2**20
"""characters of one message of a page"""
POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; style-src 'self' 'unsafe-inline'; "
    "connect-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
)


class Careful:
    """ASGI middleware: headers that keep a page to itself. Not one of FastAPI's own, behind which no request learns that its page went away."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        async def answer(message):
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("Content-Security-Policy", POLICY)
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Referrer-Policy"] = "no-referrer"
                if scope["path"].startswith("/assets/"):
                    headers["Cache-Control"] = "public, max-age=31536000, immutable"        # their names hold their hashes
            await send(message)

        await self.app(scope, receive, answer if scope["type"] == "http" else send)


def create(
    *, runs: Path = Path("runs"), allowed: tuple[Path, ...] = (), hosts: tuple[str, ...] | None = LOOPBACK, token: str | None = None
) -> Guard:
    """The application. `runs`: the folder of runs; `allowed`: folders whose data may be read; `hosts`: names under which it answers;
    `token`: what a page must know, where others can reach it."""
    workers: set[Worker] = set()
    trainings, exploring, roots = Trainings(), Explorer(), Roots(runs, allowed)

    @contextlib.asynccontextmanager
    async def living(app: FastAPI):
        yield
        await asyncio.gather(trainings.end(), exploring.end(), *(worker.end() for worker in workers))

    # /openapi.json describes it; the pages that FastAPI would make of that load scripts from elsewhere, which the policy forbids
    app = FastAPI(title="Sparring studio", version=__version__, lifespan=living, docs_url=None, redoc_url=None)

    app.add_middleware(Careful)

    @app.exception_handler(UserError)
    def wrong(request, error: UserError) -> JSONResponse:
        return JSONResponse({"error": str(error)}, status_code=400)

    @app.exception_handler(WorkError)
    def failed(request, error: WorkError) -> JSONResponse:
        return JSONResponse({"error": str(error)}, status_code=500)

    app.include_router(workshop.routes(roots, trainings))
    app.include_router(explorer.routes(roots, exploring))

    @app.get("/api/about")
    def about() -> dict[str, str]:
        """Which version this is."""
        return {"version": __version__}

    @app.get("/api/playground")
    def playground_catalogue() -> dict[str, Any]:
        """Families, shapes, failures with their cures, the course, and the default game with its settings as rows of a form."""
        return service.playground_catalogue()

    @app.websocket("/api/playground/play")
    async def play(page: WebSocket) -> None:
        """Games of one page. Text both ways is JSON (`playground_worker.Worker.do_...`), binary are frames (`playground.frames`)."""
        await page.accept()
        worker = await Worker.start(PLAYGROUND)
        workers.add(worker)
        try:
            await _between(page, worker)
        finally:
            workers.discard(worker)
            await worker.end()

    if PAGES.is_dir():
        app.mount("/", StaticFiles(directory=PAGES, html=True))
    return Guard(app, hosts, token)


async def _between(page: WebSocket, worker: Worker) -> None:
    """Messages of both, until one ends; a worker that ends by itself leaves its last words."""

    async def down() -> None:
        async for kind, content in worker.messages():
            if kind == "B":
                await page.send_bytes(content)
            else:
                await page.send_text(content.decode())
        with contextlib.suppress(RuntimeError):
            await page.send_text(json.dumps({"say": "ended", "lines": worker.lines}))
            await page.close()

    async def up() -> None:
        while True:
            text = await page.receive_text()
            try:
                message = json.loads(text[:LONGEST])
            except ValueError:
                message = None
            await worker.tell(message if isinstance(message, dict) else {"do": "what is no JSON"})

    tasks = {asyncio.create_task(down()), asyncio.create_task(up())}
    done, left = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in left:
        task.cancel()
    for task in done:
        with contextlib.suppress(WebSocketDisconnect, ConnectionError, RuntimeError):
            task.result()
