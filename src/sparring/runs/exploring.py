"""A run as pages explore it: every wish (`runs.wishes`) as a picture, rows, or a file. Pictures are functions of seeds, so nothing is remembered
but the latents of pictures that were projected."""

import io
import math
import secrets
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from sparring.base import files
from sparring.base.errors import UserError, nearest
from sparring.games.asking import Asking
from sparring.games.capabilities import Encodes, Reconstructs, Restores, Scores, Transforms, Translates
from sparring.games.latents import Styles
from sparring.games.tables import Foretells
from sparring.latents import space
from sparring.latents.directions import Direction, components, steepest
from sparring.latents.projection import project
from sparring.latents.space import Which
from sparring.modalities.image_pixels import Unreadable, fitted, opened, standard
from sparring.play.average import Average
from sparring.play.game import Generates
from sparring.play.watching import settle
from sparring.runs import applying, wishes
from sparring.runs.explore import own_extractor, pictures, rows_of
from sparring.runs.run import Run

KEPT = 16
"""projected pictures of a run"""
LARGEST = 2**26
"""pixels of a picture that is given: more than cameras make"""
LARGEST_MADE = 2**24
"""pixels of a picture that a network is to make of a given one"""
STATISTICS = 64
"""truncations whose statistics are remembered"""
LISTED = 200
"""values of a table's column that are told"""
MEDIA = {"zip": "application/zip", "npz": "application/octet-stream", "csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}
FORMATS = {"images": ("zip", "npz"), "pairs": ("zip", "npz"), "points": ("csv", "npz"), "tables": ("csv", "parquet")}

Picture = np.ndarray
"""(h, w) or (h, w, 3|4) uint8"""


@dataclass(frozen=True)
class Latents:
    """What n items are made from."""

    values: Tensor
    """(n, *noise_shape) in z, (n, layers, d) in w"""
    which: Which
    y: Tensor | None
    noises: dict[str, Tensor] | None = None
    """noise maps of each, (n, 1, h, w); None for the model's own"""

    def __getitem__(self, rows: slice) -> "Latents":
        return Latents(self.values[rows], self.which, None if self.y is None else self.y[rows],
                       None if self.noises is None else {name: maps[rows] for name, maps in self.noises.items()})  # fmt: skip


@dataclass(frozen=True)
class Projected:
    """A given picture as latents of one item."""

    latents: Latents
    given: np.ndarray
    """(h, w, c) as the model sees it"""
    made: np.ndarray
    distance: float
    """perceptual, of a search; root mean square of pixels in [-1, 1], of an encoder"""


class Exploration:
    """Answers wishes about one run. Wrong ones are UserErrors."""

    def __init__(self, run: Run, projected: dict[str, Projected]):
        self.run, self.projected = run, projected
        self._statistics: dict[float, list[Tensor]] = {}

    # ---- what it can do

    def about(self) -> dict[str, Any]:
        """What a page needs to know to show the tools that fit."""
        run, game, its = self.run, self.run.game, self.run.codec.space
        generates = isinstance(game, Generates) and not isinstance(game, Transforms)
        told = generates and game.conditional
        pointers = {which: run.folder.checkpoint(which).name for which in ("best", "last")}
        return {
            "recipe": run.folder.recipe()["recipe"], "game": run.configuration.game.kind, "kind": its.kind, "shape": list(its.shape),
            "checkpoint": run.checkpoint.name, "checkpoints": pointers, "round": game.clock.round,
            "generates": generates, "styles": isinstance(game, Styles), "encodes": its.pictures and isinstance(game, Encodes),
            "reconstructs": its.pictures and isinstance(game, Reconstructs), "transforms": isinstance(game, Transforms),
            "scores": isinstance(game, Scores), "conditions": isinstance(game, Foretells), "projects": generates and its.pictures,
            "noise": math.prod(game.noise_shape) if generates else 0, "space": space.best_space(game) if generates else None,
            "layers": game.layers if isinstance(game, Styles) else 0,
            "bands": {name: list(layers) for name, layers in space.bands(game.layers).items()} if isinstance(game, Styles) else {},
            "directions": [d.name for d in self.directions] if generates and its.pictures else [],
            "labels": list(its.labels) if told else [],
            "attributes": [
                {"name": a.name, "tag": a.tag, "mean": a.mean, "deviation": a.deviation, "least": a.quantiles[0], "greatest": a.quantiles[-1]}
                for a in (its.attributes if told else ())
            ],
            "columns": self._columns(), "formats": list(FORMATS[its.kind]) if generates else [], "transform": self._transforming(),
        }  # fmt: skip

    def _transforming(self) -> dict[str, Any] | None:
        game = self.run.game
        if not isinstance(game, Transforms):
            return None
        return {"restores": isinstance(game, Restores), "scale": game.scale, "mask": isinstance(game, Restores) and game.masked,
                "directions": list(game.directions) if isinstance(game, Translates) else [], "largest": LARGEST_MADE // game.scale**2}  # fmt: skip

    def _columns(self) -> list[dict[str, Any]]:
        """Columns of points or rows; of those that list their values also these, the most frequent first."""
        codec = self.run.codec
        if codec.space.kind == "points":
            return [{"name": name, "kind": "real", "values": []} for name in codec.columns]
        if codec.space.kind != "tables":
            return []
        values = {coding.column.name: getattr(coding, "values", ()) for coding in codec.codings}
        return [{"name": c.name, "kind": c.kind, "values": [str(v) for v in values.get(c.name, ())[:LISTED] if v.is_valid]} for c in codec.written]

    @cached_property
    def directions(self) -> list[Direction]:
        """The principal directions: along which styles vary most, or noise changes pictures most."""
        pictures(self.run)
        game = self.run.game
        if isinstance(game, Styles):
            return components(game, min(wishes.DIRECTIONS, math.prod(game.noise_shape)), range(game.layers))
        return steepest(game, min(wishes.DIRECTIONS, math.prod(game.noise_shape)))

    # ---- latents

    def latents(self, seeds: Sequence[wishes.Seed], wish: wishes.Drawn, which: Which | None = None) -> Latents:
        """Of the first item of each seed, or of projected pictures by their names."""
        pictures(self.run)
        labels = [wish.label] * len(seeds) if isinstance(wish.label, str | None) else list(wish.label)
        if len(labels) != len(seeds):
            raise UserError(f"there are {len(labels)} labels for {len(seeds)} items")
        found = [self._one(seed, label, wish, which or space.best_space(self.run.game)) for seed, label in zip(seeds, labels)]
        noises = None
        if any(one.noises for one in found):
            own = self.run.game.noises()
            noises = {name: torch.cat([(one.noises or own)[name].view(1, *own[name].shape[1:]) for one in found]) for name in own}
        y = None if found[0].y is None else torch.cat([one.y for one in found])
        return Latents(torch.cat([one.values for one in found]), found[0].which, y, noises)

    @torch.no_grad()
    def _one(self, seed: wishes.Seed, label: str | None, wish: wishes.Drawn, which: Which) -> Latents:
        game = self.run.game
        if isinstance(seed, str):
            latents = self.kept(seed).latents
        else:
            latents = Latents(game.noise(1, seed), "z", self.run.conditions(1, label, wish.where, seed))
        if latents.which == which:
            return latents
        if which == "z":
            raise UserError(f"{seed} was projected into styles, which no noise gives: leave the space z out")
        return Latents(space.latents(game, latents.values, latents.y, "w"), "w", latents.y)

    def kept(self, name: str) -> Projected:
        if name not in self.projected:
            raise UserError(f"there is no projected picture {name!r}, or no longer: project it again")
        return self.projected[name]

    def _keep(self, projected: Projected) -> str:
        name = f"p{secrets.token_hex(6)}"
        self.projected[name] = projected
        while len(self.projected) > KEPT:
            del self.projected[next(iter(self.projected))]
        return name

    @cached_property
    def _centre(self) -> Tensor:
        return space.centre(self.run.game)

    def _moved(self, latents: Latents, wish: wishes.Drawn) -> Latents:
        """Truncated, and steps along the principal directions from there; noise is cut after the steps, so that it obeys."""
        values = latents.values
        step = sum(offset * self._direction(i, latents.which).vector for i, offset in enumerate(wish.offsets) if offset)
        if latents.which == "w":
            values = values if wish.truncation is None else torch.lerp(self._centre, values, wish.truncation)
            return replace(latents, values=values + step)
        values = values + step
        return replace(latents, values=values if wish.truncation is None else space.truncated_noise(values, wish.truncation))

    def _direction(self, number: int, which: Which) -> Direction:
        if number >= len(self.directions):
            raise UserError(f"this model has {len(self.directions)} principal directions, there is no number {number}")
        if self.directions[number].space != which:
            raise UserError(f"the principal directions of this model are in {self.directions[number].space}: leave the space or the offsets out")
        return self.directions[number]

    # ---- pictures

    @torch.no_grad()
    def _made(self, latents: Latents, wish: wishes.Drawn) -> np.ndarray:
        """Pictures (n, h, w, c) uint8."""
        game, latents = self.run.game, self._moved(latents, wish)
        with self._settled(wish.truncation if latents.which == "z" else None):
            if latents.noises is None:
                made = space.items(game, latents.values, latents.y, latents.which)
            else:
                made = space.styled(game).paint(latents.values, latents.noises)
        return self.run.codec.decode(made)

    @contextmanager
    def _settled(self, truncation: float | None) -> Iterator[None]:
        """With the statistics of noise that is truncated so, which batch norm must know, as `Run.items` has it; they are remembered."""
        buffers = [b for m in self.run.game.modules() if isinstance(m, Average) for b in m.mean.buffers()]
        if truncation is None or not buffers:
            yield
            return
        plain = [b.clone() for b in buffers]
        try:
            if truncation not in self._statistics:
                settle(self.run.game, lambda noise: space.truncated_noise(noise, truncation))
                self._statistics[truncation] = [b.clone() for b in buffers]
                if len(self._statistics) > STATISTICS:
                    del self._statistics[next(iter(self._statistics))]
            for buffer, kept in zip(buffers, self._statistics[truncation]):
                buffer.copy_(kept)
            yield
        finally:
            for buffer, kept in zip(buffers, plain):
                buffer.copy_(kept)

    def sample(self, wish: wishes.Sample) -> Picture | dict[str, Any]:
        """A picture, or a sheet of several; of points and tables rows."""
        run = self.run
        if not run.codec.space.pictures:
            return self._rows(wish)
        if wish.seeds:
            latents = self.latents(wish.seeds, wish)
        else:
            pictures(run)
            if wish.n > wishes.PICTURES:
                raise UserError(f"a sheet holds {wishes.PICTURES} pictures, not {wish.n}: download them")
            label = list(wish.label) if isinstance(wish.label, tuple) else wish.label
            y = run.conditions(wish.n, label, wish.where, wish.seed)
            noise, which = run.game.noise(wish.n, wish.seed, wish.start), space.best_space(run.game)
            with torch.no_grad():
                latents = Latents(space.latents(run.game, noise, y, which), which, y)
        return sheet(self._made(latents, wish), wish.columns)

    def _rows(self, wish: wishes.Sample) -> dict[str, Any]:
        """{columns, rows, acceptance: share of the run's rows that obey, said: the same in words}; rows of tables as text, as files have it."""
        codec = self.run.codec
        if wish.seeds or wish.offsets:
            raise UserError("seeds and offsets are for pictures: rows are asked for by seed, start and n")
        label = list(wish.label) if isinstance(wish.label, tuple) else wish.label
        asked = {"seed": wish.seed, "start": wish.start, "label": label, "truncation": wish.truncation, "where": wish.where}
        items = codec.joined([*self.run.parts(wish.n, **asked)]) if codec.part else self.run.items(wish.n, **asked)
        if codec.space.kind != "tables":
            return {"columns": [{"name": name, "kind": "real"} for name in codec.columns], "rows": items.tolist(), "acceptance": None, "said": None}
        from sparring.modalities.table_types import as_text

        (items,) = codec.numbered([items], wish.seed, wish.start)
        text = as_text(items, codec.written)
        asking = self._asking(wish.where)
        return {
            "columns": [{"name": c.name, "kind": c.kind} for c in codec.written],
            "rows": [list(row) for row in zip(*(column.to_pylist() for column in text.columns))],
            "acceptance": asking and asking.acceptance, "said": asking and str(asking),
        }  # fmt: skip

    def _asking(self, where: tuple[str, ...]) -> Asking | None:
        return self.run.asking(where) if where else None

    def mix(self, wish: wishes.Mix) -> Picture:
        """An item with the styles of others at some layers."""
        game = space.styled(self.run.game)
        latents = self.latents([wish.seed, *wish.bands.values()], wish, "w")
        values = latents.values[:1]
        for i, name in enumerate(wish.bands, 1):
            values = space.mixed(values, latents.values[i : i + 1], self._layers(name, game.layers))
        return sheet(self._made(replace(latents[:1], values=values), wish))

    @staticmethod
    def _layers(name: str, layers: int) -> range:
        named = space.bands(layers)
        if name in named:
            return named[name]
        first, _, last = name.partition("-")
        if not (first.isdecimal() and (last or first).isdecimal() and int(first) <= int(last or first) < layers):
            raise UserError(f"layers are {', '.join(named)}, or numbers from 0 to {layers - 1} like 2 or 1-3, not {name!r}{nearest(name, named)}")
        return range(int(first), int(last or first) + 1)

    def frame(self, wish: wishes.Frame) -> Picture:
        """One picture of a way through items."""
        if wish.frame >= wish.length:
            raise UserError(f"this way has {wish.length} frames, the last is number {wish.length - 1}, not {wish.frame}")
        return sheet(self._frames(wish, range(wish.frame, wish.frame + 1)))

    def film(self, wish: wishes.Film, out: Path, between: Callable[[], None]) -> str:
        """All of them as a moving picture; returns its media type. Calls `between` now and then."""
        from sparring.modalities.films import write_film

        parts = []
        for first in range(0, wish.length, 8):
            between()
            parts.append(self._frames(wish, range(first, min(first + 8, wish.length))))
        write_film(np.concatenate(parts), out.with_suffix(f".{wish.format}"), wish.rate)
        out.with_suffix(f".{wish.format}").replace(out)
        return {"gif": "image/gif", "mp4": "video/mp4"}[wish.format]

    def _frames(self, wish: wishes.Path, numbers: range) -> np.ndarray:
        """Pictures of these numbers on the way, as `latents.space.path` has it, labels fading into each other."""
        keys = self.latents(wish.seeds, wish, wish.space)
        on = lambda those, way: torch.cat([between_keys(those, number, wish.frames, way) for number in numbers])
        y = None if keys.y is None or keys.which == "w" else on(self.run.codec.space.vector(keys.y), "line")
        noises = None if keys.noises is None else {name: on(maps, "sphere") for name, maps in keys.noises.items()}
        return self._made(Latents(on(keys.values, wish.way), keys.which, y, noises), wish)

    def traverse(self, wish: wishes.Traverse) -> Picture:
        """A row for each number of the noise, or each principal direction, along which an item is changed."""
        along = wish.along == "directions"
        base = self.latents([wish.seed], wish, self.directions[0].space if along else "z")
        there = len(self.directions) if along else base.values[0].numel()
        if wish.first + wish.rows > there:
            last, what = wish.first + wish.rows - 1, "directions" if along else "numbers of noise"
            raise UserError(f"this model has {there} {what}, from 0 on: there is no number {last}")
        places = torch.linspace(-wish.reach, wish.reach, wish.steps)
        values = base.values.repeat(wish.rows * wish.steps, *[1] * (base.values.ndim - 1))
        for row in range(wish.rows):
            its = values[row * wish.steps : (row + 1) * wish.steps]
            if along:
                its += places.view(-1, *[1] * (its.ndim - 1)) * self.directions[wish.first + row].vector
            else:
                its.view(wish.steps, -1)[:, wish.first + row] = places
        every = lambda its: its.expand(len(values), *its.shape[1:])
        noises = None if base.noises is None else {name: every(maps) for name, maps in base.noises.items()}
        latents = Latents(values, base.which, None if base.y is None else every(base.y), noises)
        return sheet(self._made(latents, wish), wish.steps)

    # ---- pictures of the user

    def given(self, picture: Path) -> Tensor:
        """A picture as the model sees it, (1, c, h, w) in [-1, 1]."""
        codec = self.run.codec
        if not codec.space.pictures:
            raise UserError(f"{self.run.path} was trained on {codec.space.kind}: it cannot be given a picture")
        fit = "crop" if codec.encoding.fit == "tiles" else codec.encoding.fit
        pixels = fitted(read(picture), codec.encoding.size, codec.encoding.channels, fit)
        return codec.expand({"x": torch.from_numpy(np.array(pixels))[None]})["x"]

    @torch.no_grad()
    def reconstruct(self, wish: wishes.Reconstruct, picture: Path) -> Picture:
        game = self.run.game
        if not isinstance(game, Reconstructs):
            raise UserError(f"{self.run.path} holds a {self.run.configuration.game.kind}, which does not reconstruct")
        x = self.given(picture)
        made = game.reconstruct(x)
        return sheet(self.run.codec.decode(torch.cat([x, made]) if wish.beside else made), 2)

    @torch.no_grad()
    def encode(self, wish: wishes.Encode, picture: Path) -> dict[str, Any]:
        """{name: what stands for the picture where seeds are asked for, distance}."""
        game = self.run.game
        if not isinstance(game, Encodes) or not isinstance(game, Generates):
            raise UserError(f"{self.run.path} holds a {self.run.configuration.game.kind}, which has no encoder: project the picture")
        x = self.given(picture)
        latents = Latents(game.encode(x)[0], "z", None)
        made = game.render(latents.values)
        given, made, distance = *self.run.codec.decode(torch.cat([x, made])), float((made - x).square().mean().sqrt())
        return {"name": self._keep(Projected(latents, given, made, distance)), "distance": round(distance, 5)}

    def check_projection(self, wish: wishes.Project) -> None:
        pictures(self.run)
        if wish.space in ("w", "w+"):
            space.styled(self.run.game)
        self.run.conditions(1, wish.label, seed=0)

    def project(self, wish: wishes.Project, x: Tensor, tick: Callable[[int, float], None]) -> tuple[str, float]:
        """The name of the latents whose item looks like x (1, c, h, w), and their perceptual distance."""
        run = self.run
        which = ("w+" if space.best_space(run.game) == "w" else "z") if wish.space == "auto" else wish.space
        y = run.conditions(1, wish.label, seed=0)
        found = project(run.game, x, y, own_extractor(run).maps, space=which, steps=wish.steps, tick=tick)
        latents = Latents(found.latents, "z" if which == "z" else "w", y, found.noises or None)
        distance = round(found.distances[-1][0], 5)
        return self._keep(Projected(latents, *run.codec.decode(torch.cat([x, found.items])), distance)), distance

    def projection(self, wish: wishes.Projected) -> Picture:
        """What is made of a projected picture's latents, what was given, or both."""
        kept = self.kept(wish.name)
        return sheet(np.stack({"made": [kept.made], "given": [kept.given], "both": [kept.given, kept.made]}[wish.shown]), 2)

    def transform(self, wish: wishes.Transform, picture: Path, mask: Path | None, out: Path, between: Callable[[], None]) -> str:
        """What `sparring transform` makes of a picture, as a .png file; returns its media type."""
        applying.how(self.run, mask=mask, scale=wish.scale, direction=wish.direction)               # what is wrong is said before anything is read
        for file in filter(None, (picture, mask)):
            check(file, LARGEST_MADE // self.run.game.scale**2)
        png = out.with_suffix(".png")
        done = applying.transform(self.run, picture, png, mask=mask, scale=wish.scale, direction=wish.direction, between=between)
        if done["skipped"]:
            raise UserError(f"the picture cannot be used: {done['skipped'][0]['problem']}")
        png.replace(out)
        return "image/png"

    # ---- files

    def download(self, wish: wishes.Download, out: Path, between: Callable[[], None]) -> dict[str, str]:
        """Items as a file, the same as `sparring sample` makes; returns its media type and a name. Calls `between` now and then."""
        run, codec = self.run, self.run.codec
        formats = FORMATS[codec.space.kind]
        kind = wish.format or formats[0]
        if kind not in formats:
            raise UserError(f"{codec.space.kind} are downloaded as {' or '.join(formats)}, not as {kind}")
        if codec.space.pictures and wish.n > wishes.ROWS:
            raise UserError(f"a file holds {wishes.ROWS} pictures, not {wish.n}: use `sparring sample {run.path} -n {wish.n}`")
        asked = {"seed": wish.seed, "label": wish.label, "truncation": wish.truncation, "where": wish.where}
        with tempfile.TemporaryDirectory(dir=out.parent) as folder:
            file = Path(folder) / (codec.file_name if kind == "zip" else f"items.{kind}")
            if codec.part:
                codec.write_parts(codec.numbered(breathing(run.parts(wish.n, **asked), between), wish.seed), file)
            else:
                codec.write(run.items(wish.n, **asked), file, run.label_numbers(wish.n, wish.label, wish.seed))
            zipped(file, out) if kind == "zip" else file.replace(out)
        return {"type": MEDIA[kind], "name": f"{run.path.name}.{kind}"}


def between_keys(keys: Tensor, number: int, frames: int, way: str) -> Tensor:
    """The latent (1, *shape) of that number on the way through keys (k, *shape), `frames` a step."""
    first, part = divmod(number, frames)
    return space.WAYS[way](keys[first], keys[(first + 1) % len(keys)], torch.tensor([part / frames]))


def breathing(parts: Iterator[Any], between: Callable[[], None]) -> Iterator[Any]:
    for part in parts:
        between()
        yield part


def sheet(items: np.ndarray, columns: int | None = None) -> Picture:
    """One picture as it is, several as a grid."""
    if len(items) > 1:
        return rows_of(items, columns or math.ceil(math.sqrt(len(items))))
    return items[0, ..., 0] if items.shape[3] == 1 else items[0]


def png(picture: Picture) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG", compress_level=1)
    return file.getvalue()


def check(picture: Path, largest: int) -> None:
    """UserError for a file that is no picture, or has more pixels than that: its head is read, and nothing is decoded."""
    try:
        with opened(str(picture)) as head:
            width, height = head.size
    except Unreadable as problem:
        raise UserError(f"the picture cannot be used: {problem}") from None
    if width * height > largest:
        raise UserError(f"the picture has {width}x{height} pixels, and {largest / 1e6:.1f} megapixels are the most: make it smaller")


def read(picture: Path) -> Image.Image:
    """An uploaded picture, upright."""
    check(picture, LARGEST)
    try:
        with opened(str(picture)) as found:
            return standard(found)
    except Unreadable as problem:
        raise UserError(f"the picture cannot be used: {problem}") from None


def zipped(folder: Path, out: Path) -> None:
    try:
        with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:                     # pictures are compressed already
            for file in sorted(folder.rglob("*.png")):
                archive.write(file, file.relative_to(folder).as_posix())
    except OSError as error:
        raise files.full_disk(error, out) from error
