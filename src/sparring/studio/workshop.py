"""The workshop's interface: runs as they are listed, started, watched, stopped, resumed and compared."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import FileResponse
from pydantic import BaseModel, ConfigDict, Field

from sparring import service
from sparring.base.errors import UserError
from sparring.recipes.recipe import find
from sparring.studio.explorer import Careful, Wrong
from sparring.studio.roots import Roots
from sparring.studio.trainings import Trainings, asked

REPORT_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; font-src data:; sandbox"
"""of a run's report: nothing in it is executed, whatever the run's data were called"""


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


PATHS = "schema"
"""the end of the names of settings that are paths"""


class NewRun(Body):
    """What `sparring train` is told."""

    recipe: str
    data: str
    """a path inside the allowed folders, A::B, or a built-in"""
    name: str | None = None
    """of the run's folder; without, recipe-data-number"""
    rounds: int | None = Field(None, ge=1, lt=2**53)
    minutes: float | None = Field(None, gt=0, allow_inf_nan=False)
    seed: int = Field(0, ge=0, lt=2**53)
    settings: dict[str, str | int | float | bool] = {}
    """by path, as flags have them"""


class Again(Body):
    rounds: int | None = Field(None, ge=1, lt=2**53)
    """a new total"""


class Events(BaseModel):
    """A piece of a run's log."""

    events: list[dict[str, Any]]
    next: int
    """where the next piece begins; less than what was asked for when the log began anew"""
    state: str
    previews: list[str] = []
    """that were made at the rounds of these events"""
    busy: bool = False
    """whether a process that the studio started still works on it: after the last round it measures and writes the report"""
    said: list[str] = []
    """the last lines of this process, once it is no longer playing"""


def routes(roots: Roots, trainings: Trainings) -> APIRouter:
    """Wrong input is a UserError, which the server answers with 400 and one line."""
    wrong = {"4XX": {"model": Wrong, "description": "what is wrong"}}
    api = APIRouter(prefix="/api", tags=["workshop"], route_class=Careful, responses=wrong)

    # ---- what there is

    @api.get("/recipes")
    def recipes() -> list[dict[str, Any]]:
        """Name, task, what data it takes and whether they need labels, one line, papers."""
        return service.catalogue("recipes")

    @api.get("/recipes/{name}")
    async def recipe(name: str, data: str | None = None) -> dict[str, Any]:
        """Every setting of a recipe as rows of a form: path, type, value, help, and the rule of what is derived. With data, as the recipe sets
        them for these (a second or two), or why it does not take them."""
        if data is None:
            return service.show(name)
        return await asked("show", find(name).name, "--data", roots.source(data))

    @api.get("/data")
    def data() -> list[dict[str, Any]]:
        """Built-in data."""
        return service.catalogue("data")

    @api.get("/metrics")
    def metrics() -> list[dict[str, Any]]:
        """Name, which way is better, what it says, and where it is from."""
        return service.catalogue("metrics")

    @api.get("/browse")
    def browse(path: str | None = None) -> dict[str, Any]:
        """A folder inside the allowed ones, or these."""
        return roots.browse(path)

    @api.get("/inspect")
    async def inspect(data: str) -> dict[str, Any]:
        """What is in a collection, as `sparring inspect` says it."""
        return await asked("inspect", roots.source(data))

    # ---- runs

    @api.get("/runs")
    def runs(name: Annotated[list[str], Query(max_length=200)] = []) -> list[dict[str, Any]]:  # noqa: B006 - it is only read
        """All runs at a glance, or those of these names, the latest first."""
        return service.runs(roots.runs, name)

    @api.post("/runs", status_code=201)
    async def start(new: NewRun) -> dict[str, Any]:
        """Starts a training in a process of its own; answers when its folder is there."""
        path = roots.new(new.name or service.run_name(roots.runs, new.recipe, new.data))
        length = {name: value for name, value in (("rounds", new.rounds), ("minutes", new.minutes)) if value is not None}
        settings = {name: roots.source(str(value)) if name.endswith(PATHS) else value for name, value in new.settings.items()}
        await trainings.start(path, new.recipe, roots.source(new.data), length=length, seed=new.seed, settings=settings)
        return service.glance(path)

    @api.get("/runs/{name}")
    def run(name: str) -> dict[str, Any]:
        """A run at a glance, with its settings, what was derived and why, the last measurement, findings with advice, previews."""
        return service.overview(roots.run(name))

    @api.get("/runs/{name}/events")
    def events(name: str, after: Annotated[int, Query(ge=0)] = 0) -> Events:
        """The log from a byte on: what a page that watches asks for again and again."""
        path = roots.run(name)
        found, end, state = service.log(path, after)
        rounds = {event.get("round") for event in found}
        made = [file for file in service.previews(path) if int(file.partition(".")[0]) in rounds] if found else []
        said = [] if state == "running" else trainings.said.get(name, [])
        return Events(events=found, next=end, state=state, previews=made, busy=trainings.busy(name), said=said)

    @api.post("/runs/{name}/stop")
    async def stop(name: str) -> dict[str, Any]:
        """Saves a checkpoint and ends the process; `resume` goes on from there, to the same bits."""
        await trainings.stop(roots.run(name))
        return service.glance(roots.run(name))

    @api.post("/runs/{name}/resume")
    async def resume(name: str, again: Again) -> dict[str, Any]:
        """Goes on."""
        await trainings.resume(roots.run(name), again.rounds)
        return service.glance(roots.run(name))

    @api.get("/runs/{name}/previews/{file}")
    def preview(name: str, file: str) -> FileResponse:
        """A preview."""
        if file not in service.previews(roots.run(name)):
            raise UserError(f"the run {name} has no preview {file}")
        return FileResponse(roots.file(name, "previews", file), headers={"Cache-Control": "private, max-age=3600"})

    @api.get("/runs/{name}/report")
    def report(name: str) -> FileResponse:
        """The report, as a page in which nothing is executed."""
        return FileResponse(roots.file(name, "report.html"), media_type="text/html", headers={"Content-Security-Policy": REPORT_POLICY})

    return api
