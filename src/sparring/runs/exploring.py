"""A run as pages explore it: every wish (`runs.wishes`) as a picture, rows, or a file. Pictures are functions of seeds, so nothing is remembered
but the latents of pictures that were projected."""

import math
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sparring.base.errors import UserError
from sparring.games.asking import Asking
from sparring.games.capabilities import Encodes, Reconstructs, Restores, Scores, Transforms, Translates
from sparring.games.latents import Styles
from sparring.games.tables import Foretells
from sparring.latents import space
from sparring.latents.projection import project
from sparring.modalities.image_pixels import fitted
from sparring.play.average import Average
from sparring.play.game import Generates
from sparring.play.watching import settle
from sparring.runs import applying, wishes
from sparring.runs.explore import own_extractor, pictures
from sparring.runs.exploring_files import FORMATS, MEDIA, Picture, check, read, sheet, zipped
from sparring.runs.exploring_latents import Latents, Origins, Projected
from sparring.runs.run import Run

LARGEST_MADE = 2**24
"""pixels of a picture that a network is to make of a given one"""
STATISTICS = 64
"""truncations whose statistics are remembered"""
LISTED = 200
"""values of a table's column that are told"""


class Exploration:
    """Answers wishes about one run. Wrong ones are UserErrors."""

    def __init__(self, run: Run, projected: dict[str, Projected]):
        self.run, self.origins = run, Origins(run, projected)
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
            "directions": [d.name for d in self.origins.directions] if generates and its.pictures else [],
            "labels": list(its.labels) if told else [],
            "attributes": [
                {"name": a.name, "tag": a.tag, "mean": a.mean, "deviation": a.deviation, "least": a.least, "greatest": a.greatest}
                for a in (its.attributes if told else ())
            ],
            "columns": self._columns(), "formats": list(FORMATS[its.kind]) if generates else [], "transform": self._transforming(),
        }  # fmt: skip

    def _transforming(self) -> dict[str, Any] | None:
        game = self.run.game
        if not isinstance(game, Transforms):
            return None
        return {"restores": isinstance(game, Restores), "scale": game.scale, "mask": isinstance(game, Restores) and game.masked,
                "directions": list(game.directions) if isinstance(game, Translates) else [], "largest": LARGEST_MADE // game.scale**2,
                "colours": self._colours()}  # fmt: skip

    def _colours(self) -> list[list[list[int]]]:
        """Of given label maps whose colours nobody can tell apart: each colour and the one that it is shown in."""
        palette = getattr(self.run.codec, "palette", None)
        if palette is None or np.array_equal(palette.colours, palette.shown):
            return []
        return np.stack([palette.colours, palette.shown], 1).tolist()                                     # (classes, 2, 3)

    def _columns(self) -> list[dict[str, Any]]:
        """Columns of points or rows; of those that list their values also these, the most frequent first."""
        codec = self.run.codec
        if codec.space.kind == "points":
            return [{"name": name, "kind": "real", "values": []} for name in codec.columns]
        if codec.space.kind != "tables":
            return []
        values = {coding.column.name: getattr(coding, "values", ()) for coding in codec.codings}
        return [{"name": c.name, "kind": c.kind, "values": [str(v) for v in values.get(c.name, ())[:LISTED] if v.is_valid]} for c in codec.written]

    # ---- pictures

    @torch.no_grad()
    def _made(self, latents: Latents, wish: wishes.Drawn) -> np.ndarray:
        """Pictures (n, h, w, c) uint8, with the steps of the wish; noise is cut after all steps, so that it obeys."""
        game, latents = self.run.game, self.origins.moved(latents, wish.offsets)
        if latents.which == "z" and wish.truncation is not None:
            latents = replace(latents, values=space.truncated_noise(latents.values, wish.truncation))
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
        pictures(run)
        if not wish.seeds and wish.n > wishes.PICTURES:
            raise UserError(f"a sheet holds {wishes.PICTURES} pictures, not {wish.n}: download them")
        latents = self.origins.of(wish.seeds, wish) if wish.seeds else self.origins.drawn(wish)
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
        item = wish.seed if isinstance(wish.seed, wishes.Item) else wishes.Item(seed=wish.seed)
        mixed = item.model_copy(update={"bands": item.bands | wish.bands})
        return sheet(self._made(self.origins.of([mixed], wish), wish))

    def mixtures(self, wish: wishes.Mixtures) -> Picture:
        """The columns' items above, the rows' on the left, and each column's item with some styles of each row's."""
        layers = self.origins.layers(wish.styles)
        latents = self.origins.of([*wish.columns, *wish.rows], wish, "w")
        columns, rows = range(len(wish.columns)), range(len(wish.columns), len(latents.values))
        base = latents[[0, *columns, *(i for row in rows for i in (row, *columns))]]                    # the corner is painted over
        given = latents.values[[0, *columns, *(row for row in rows for _ in (row, *columns))]]
        given[1 : len(columns) + 1] = base.values[1 : len(columns) + 1]
        made = self._made(replace(base, values=space.mixed(base.values, given, layers)), wish)
        made[0] = 255
        return sheet(made, len(columns) + 1)

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
        keys = self.origins.of(wish.seeds, wish, wish.space)
        on = lambda those, way: torch.cat([between_keys(those, number, wish.frames, way) for number in numbers])
        y = None if keys.y is None or keys.which == "w" else on(self.run.codec.space.vector(keys.y), "line")
        noises = None if keys.noises is None else {name: on(maps, "sphere") for name, maps in keys.noises.items()}
        return self._made(Latents(on(keys.values, wish.way), keys.which, y, noises), wish)

    def traverse(self, wish: wishes.Traverse) -> Picture:
        """A row for each number of the noise, or each principal direction, along which an item is changed."""
        along = wish.along == "directions"
        base = self.origins.of([wish.seed], wish, self.origins.directions[0].space if along else "z")
        there = len(self.origins.directions) if along else base.values[0].numel()
        if wish.first + wish.rows > there:
            last, what = wish.first + wish.rows - 1, "directions" if along else "numbers of noise"
            raise UserError(f"this model has {there} {what}, from 0 on: there is no number {last}")
        places = torch.linspace(-wish.reach, wish.reach, wish.steps)
        values = base.values.repeat(wish.rows * wish.steps, *[1] * (base.values.ndim - 1))
        for row in range(wish.rows):
            its = values[row * wish.steps : (row + 1) * wish.steps]
            if along:
                its += places.view(-1, *[1] * (its.ndim - 1)) * self.origins.directions[wish.first + row].vector
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
        return {"name": self.origins.keep(Projected(latents, given, made, distance)), "distance": round(distance, 5)}

    def check_projection(self, wish: wishes.Project) -> None:
        pictures(self.run)
        if wish.space in ("w", "w+"):
            space.styled(self.run.game)
        self.run.conditions(1, wish.label, seed=0)

    def project(self, wish: wishes.Project, x: Tensor, tick: Callable[[int, float], None]) -> tuple[str, float]:
        """The name of the latents whose item looks like x (1, c, h, w), and their perceptual distance."""
        run = self.run
        which = ("w+" if space.best_space(run.game) == "w" else "z") if wish.space == "auto" else wish.space
        y = None if wish.label is None else run.conditions(1, wish.label)
        found = project(run.game, x, y, own_extractor(run).maps, space=which, steps=wish.steps, tick=tick)
        latents = Latents(found.latents, "z" if which == "z" else "w", found.y, found.noises or None)
        distance = round(found.distances[-1][0], 5)
        return self.origins.keep(Projected(latents, *run.codec.decode(torch.cat([x, found.items])), distance)), distance

    def projection(self, wish: wishes.Projected) -> Picture:
        """What is made of a projected picture's latents, what was given, or both."""
        kept = self.origins.kept(wish.name)
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
