"""Latent tools on a run: each makes pictures or films in a folder and returns what it found as plain values."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sparring.base import files
from sparring.base.errors import UserError
from sparring.extractors.choice import of_labels, of_pictures
from sparring.extractors.extractor import Extractor
from sparring.games.capabilities import Transforms
from sparring.latents import directions as finding
from sparring.latents import space
from sparring.latents.directions import Direction
from sparring.latents.projection import project as optimise
from sparring.modalities.films import write_film
from sparring.modalities.images import folder_name, grid
from sparring.modalities.open import open_named
from sparring.play.checkpoint import read_tensors, write_tensors
from sparring.runs.run import Run

FRAMES, RATE = 24, 24
PROJECTED = 16
"""pictures that are projected at once, at most"""


def pictures(run: Run) -> None:
    if not run.codec.space.pictures:
        raise UserError(f"latent tools show pictures, and {run.path} makes {run.codec.space.kind}")
    if isinstance(run.game, Transforms):
        raise UserError(f"{run.path} makes pictures of pictures and has no latents: see `sparring transform`")


def at_least(least: int, **asked: int) -> None:
    """UserError for a number that is less."""
    for name, value in asked.items():
        if value < least:
            raise UserError(f"{'-' if len(name) == 1 else '--'}{name} must be at least {least}, not {value}")


def own_extractor(run: Run) -> Extractor:
    """The network that knows this run's data: a classifier of their labels, or where there are none one trained without."""
    codec, name, training = run.data.codec, run.data.source.name, run.data.part("train")
    with torch.random.fork_rng(devices=[]):
        return (of_labels(codec, name, training, run.data.part("test")) or of_pictures(codec, name, training)).requires_grad_(False)


def made(run: Run, latents: Tensor, y: Tensor | None, which: space.Which) -> np.ndarray:
    with torch.no_grad():
        return run.codec.decode(space.items(run.game, latents, y, which))


def rows_of(items: np.ndarray, columns: int) -> np.ndarray:
    """Items row by row as one picture."""
    return grid(items, np.arange(len(items)) // columns) if len(items) > columns else grid(items, np.zeros(len(items), int))


def write_picture(picture: np.ndarray, path: Path) -> str:
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path)
    return str(path)


def film_of_grids(items: np.ndarray, frames: int) -> np.ndarray:
    """Items (cells * frames, h, w, c), one cell after the other, as frames (frames, H, W, 3) of all cells side by side."""
    cells = items.reshape(-1, frames, *items.shape[1:])
    sheets = [grid(np.ascontiguousarray(cells[:, f])) for f in range(frames)]
    return np.stack([s if s.ndim == 3 else s[..., None] for s in sheets])


# ---- interpolation, variation, traversal


@torch.no_grad()
def interpolate(
    run: Run, out: Path, *, seeds: Sequence[int], frames: int = FRAMES, way: str | None = None, which: space.Which | None = None,
    label: str | None = None, formats: Sequence[str] = ("gif", "mp4"),
) -> dict[str, Any]:  # fmt: skip
    """A film through the items of several seeds and back: `way` is line (by default in w) or sphere (in z), `which` z or w."""
    pictures(run)
    if len(seeds) < 2:
        raise UserError("an interpolation goes through two seeds or more: --seeds 0-3")
    at_least(1, frames=frames)
    which = which or space.best_space(run.game)
    way = way or ("line" if which == "w" else "sphere")
    y = run.conditions(len(seeds), label, seed=seeds[0])
    noise = torch.cat([run.game.noise(1, seed) for seed in seeds])
    keys = noise if which == "z" else space.latents(run.game, noise, y, "w")
    steps = space.path(keys, frames, way)
    told = None if y is None else (y[:1].expand(len(steps), *y.shape[1:]) if label is not None else _faded(run, y, frames))
    items = made(run, steps, told, which)
    paths = [out / f"interpolation.{kind}" for kind in formats]
    for path in paths:
        write_film(items, path, RATE)
    strip = items[:: max(1, len(items) // 16)]
    return {"files": [*map(str, paths), write_picture(rows_of(strip, 8), out / "interpolation.png")], "seeds": list(seeds), "way": way,
            "space": which, "frames": len(items)}  # fmt: skip


def _faded(run: Run, y: Tensor, frames: int) -> Tensor:
    """Conditions that change evenly from key to key, and back: games are told vectors between labels."""
    vectors = run.codec.space.vector(y)
    return space.path(vectors, frames, "line")


@torch.no_grad()
def vary(run: Run, out: Path, *, seed: int = 0, n: int = 24, amount: float = 0.3, label: str | None = None) -> dict[str, Any]:
    """An item and others near it: `amount` 0 is the same, 1 unrelated."""
    pictures(run)
    if not 0 <= amount <= 1:
        raise UserError("--amount is between 0 (the same) and 1 (unrelated)")
    at_least(1, n=n)
    y = run.conditions(1, label, seed=seed)
    base = run.game.noise(1, seed)
    noise = torch.cat([base, space.near(base, n, amount, seed)])
    items = made(run, noise, None if y is None else y.expand(n + 1, *y.shape[1:]), "z")
    return {"files": [write_picture(rows_of(items, 5), out / "variations.png")], "seed": seed, "amount": amount, "n": n}


@torch.no_grad()
def traverse(
    run: Run, out: Path, *, numbers: int = 8, steps: int = 9, seed: int = 0, reach: float = 2.5, label: str | None = None, along: str | None = None
) -> dict[str, Any]:
    """A row for each of the first numbers of the latent vector, which alone goes from -reach to +reach; or for each of the first
    directions that `directions` wrote into the folder `along`, from -3 to +3 deviations."""
    pictures(run)
    at_least(1, numbers=numbers)
    at_least(2, steps=steps)
    if along is not None:
        return _along(run, out, load_directions(Path(along), run)[:numbers], steps=steps, seed=seed, label=label)
    y, base = run.conditions(1, label, seed=seed), run.game.noise(1, seed).flatten()
    numbers = min(numbers, len(base))
    latents = base.repeat(numbers * steps, 1)
    for i in range(numbers):
        latents[i * steps : (i + 1) * steps, i] = torch.linspace(-reach, reach, steps)
    items = made(run, latents.view(-1, *run.game.noise_shape), None if y is None else y.expand(len(latents), *y.shape[1:]), "z")
    moved = items.reshape(numbers, steps, -1).astype(np.float32)
    change = np.abs(moved[:, -1] - moved[:, 0]).mean(1) / 255
    return {"files": [write_picture(rows_of(items, steps), out / "traversal.png")], "numbers": numbers, "reach": reach, "seed": seed,
            "mean change of a pixel": [round(float(c), 4) for c in change]}  # fmt: skip


def _along(run: Run, out: Path, found: Sequence[Direction], *, steps: int, seed: int, label: str | None) -> dict[str, Any]:
    game, which = run.game, found[0].space
    y = run.conditions(1, label, seed=seed)
    base = space.latents(game, game.noise(1, seed), y, which)
    items = torch.cat([finding.strip(game, direction, steps, base, y) for direction in found])
    sheet = write_picture(rows_of(run.codec.decode(items), steps), out / "traversal.png")
    return {"files": [sheet], "directions": [d.name for d in found], "space": which, "reach": finding.REACH, "seed": seed}


# ---- style mixing


@torch.no_grad()
def mix(run: Run, out: Path, *, rows: Sequence[int], columns: Sequence[int], label: str | None = None) -> dict[str, Any]:
    """Three grids: the columns' items with the coarse, the middle or the fine styles of the rows' items."""
    pictures(run)
    game = space.styled(run.game)
    y = run.conditions(1, label, seed=0)
    told = lambda n: None if y is None else y.expand(n, *y.shape[1:])
    w = {seed: space.latents(game, game.noise(1, seed), told(1), "w") for seed in {*rows, *columns}}
    paths, found = [], {}
    for name, layers in space.bands(game.layers).items():
        top = [torch.zeros_like(w[columns[0]]), *(w[c] for c in columns)]
        body = [[w[r], *(space.mixed(w[c], w[r], layers) for c in columns)] for r in rows]
        items = made(run, torch.cat([*top, *(cell for row in body for cell in row)]), None, "w")
        items[0] = 255                                                          # the corner
        paths.append(write_picture(rows_of(items, len(columns) + 1), out / f"mixing-{name}.png"))
        found[name] = list(layers)
    return {"files": paths, "rows": list(rows), "columns": list(columns), "layers": found}


# ---- projection


def project(
    run: Run, out: Path, *, data: str, which: str = "auto", steps: int = 300, label: str | None = None,
    tick: Callable[[int, float], None] = lambda step, distance: None,
) -> dict[str, Any]:  # fmt: skip
    """The latents of a user's pictures, at most 16: what was given, what the generator makes of it, and how it got there. In z they are made
    with `label`; without, with their sub-folders where those are labels of the run, or else with the label of the nearest of some random items."""
    pictures(run)
    which = ("w+" if space.best_space(run.game) == "w" else "z") if which == "auto" else which
    if which not in ("z", "w", "w+"):
        raise UserError(f"a latent space is z, w or w+, not {which!r}")
    if which != "z":
        space.styled(run.game)
    _, source = open_named(data)
    if source.kind != "images":
        raise UserError(f"{data} holds {source.kind}: give a picture, or a folder of them")
    n, names = min(len(source), PROJECTED), run.codec.space.labels
    if label is None and run.game.conditional and source.labels is not None and set(source.classes) <= set(names):
        label = [source.classes[i] for i in source.labels[:n]]
    x = run.codec.expand({"x": run.codec.encode(without_labels(source), np.arange(n))["x"]})["x"]
    y = None if label is None else run.conditions(n, label)
    extractor = own_extractor(run)
    result = optimise(run.game, x, y, extractor.maps, space=which, steps=steps, tick=tick)
    frames = result.frames[:: max(1, len(result.frames) // 6)][:6]
    shown = torch.stack([x, *frames, result.items], 1).flatten(0, 1)                      # (n * columns, c, h, w)
    sheet = write_picture(rows_of(run.codec.decode(shown), len(frames) + 2), out / "projection.png")
    film = np.stack([_beside(run, x, frame) for frame in result.frames])
    write_film(film, out / "projection.gif", 4)
    write_tensors(out / "projection.safetensors", {"latents": result.latents} | {f"noise/{k}": v for k, v in result.noises.items()})
    write_picture(grid(run.codec.decode(result.items)), out / "result.png")
    told = [{"label": names[i]} for i in result.y] if which == "z" and names and result.y is not None else [{}] * n
    pixels = (result.items - x).square().flatten(1).mean(1)
    return {
        "files": [sheet, str(out / "projection.gif"), str(out / "result.png"), str(out / "projection.safetensors")], "space": which, "steps": steps,
        "extractor": extractor.name, "projected": f"{n} of {len(source)} pictures", "items": [
            {"item": str(name)} | condition
            | {"perceptual distance": round(d, 5), "at the start": round(s, 5), "psnr, dB": round(float(10 * torch.log10(4 / p)), 2)}
            for name, condition, d, s, p in zip(source.names, told, result.distances[-1], result.distances[0], pixels)
        ],
    }  # fmt: skip


def without_labels(source: Any) -> Any:
    """The same pictures as a source that has no labels."""
    import copy

    bare = copy.copy(source)
    bare.labels, bare.classes, bare.values, bare.attributes = None, (), None, ()
    return bare


def _beside(run: Run, x: Tensor, made: Tensor) -> np.ndarray:
    sheet = rows_of(run.codec.decode(torch.cat([x, made])), len(x))
    return sheet if sheet.ndim == 3 else sheet[..., None]


# ---- directions


def directions(
    run: Run, out: Path, *, how: str = "auto", k: int | None = None, layers: str = "all", steps: int = 7, items: int = 4
) -> dict[str, Any]:
    """k directions (by default five; all labels) found by closed form (sefa) or principal components (pca) in w, by gradients in z (steepest),
    or by labels; a filmstrip of each, and what it does to the labels."""
    pictures(run)
    game, extractor = run.game, own_extractor(run)
    which = space.best_space(game)
    names = run.codec.space.labels
    seen = lambda x: extractor.classify(x)
    has_labels = bool(names) and seen(torch.zeros(1, *run.codec.space.shape)) is not None
    how = ("sefa" if which == "w" else "labels" if has_labels else "steepest") if how == "auto" else how
    if how not in ("sefa", "pca", "steepest", "labels"):
        raise UserError(f"directions are found by sefa, pca, steepest or labels, not {how!r}")
    if how == "labels" and not has_labels:
        other = "sefa or pca" if which == "w" else "steepest"
        raise UserError(f"the data have no labels to find directions from (tags and attributes are none): use --how {other}")
    which = "w" if how in ("sefa", "pca") else "z" if how == "steepest" else which
    latent = finding.some_latents(game, 1, which)[0][0]
    most = len(names) if how == "labels" else latent.shape[-1] if which == "w" else latent.numel()
    if k is not None and not 1 <= k <= most:
        raise UserError(f"there are 1 to {most} directions to be found by {how}, not {k}")
    k = k or (most if how == "labels" else min(5, most))
    if how in ("sefa", "pca"):
        bands = {"all": range(space.styled(game).layers)} | space.bands(game.layers)
        if layers not in bands:
            raise UserError(f"--layers is all, coarse, middle or fine, not {layers!r}")
        found = (finding.closed_form if how == "sefa" else finding.components)(game, k, bands[layers])
    elif how == "labels":
        found = finding.supervised(game, lambda x: log_odds(seen(x)), names, which)[:k]
    else:
        found = finding.steepest(game, k)
    effects, paths = [], []
    for i, direction in enumerate(found):
        strip = run.codec.decode(finding.strip(game, direction, steps, *finding.some_latents(game, items, direction.space)))
        paths.append(write_picture(rows_of(strip, steps), out / f"{i + 1:02d} {folder_name(direction.name)}.png"))
        effects.append(finding.effect(game, direction, lambda x: seen(x).softmax(1), names) if has_labels else {"direction": direction.name})
    write_tensors(out / "directions.safetensors", {d.name: d.vector for d in found})
    files.write_json(out / "effects.json", effects)
    written = [*paths, str(out / "directions.safetensors"), str(out / "effects.json")]
    return {"files": written, "how": how, "space": which, "extractor": extractor.name,
            "from -3 to +3 deviations, mean of 64 items": effects}  # fmt: skip


def log_odds(scores: Tensor) -> Tensor:
    """Class scores (n, c) as the log-odds of each class against all others."""
    p = scores.double().softmax(1).clamp(1e-6, 1 - 1e-6)
    return p.log() - (1 - p).log()


def load_directions(folder: Path, run: Run) -> list[Direction]:
    """What `directions` wrote, of this run or of another with latents of the same shape. UserError where there is nothing that fits."""
    file = folder / "directions.safetensors"
    if not file.exists():
        raise UserError(f"there are no directions in {folder}: make some with `sparring explore {run.path} directions`")
    vectors, y = read_tensors(file), run.conditions(1, None, seed=0)
    for which in ("w", "z") if space.best_space(run.game) == "w" else ("z",):
        shape = space.latents(run.game, run.game.noise(1, 0), y, which).shape[1:]
        if all(vector.shape == shape for vector in vectors.values()):
            return [Direction(name, which, vector) for name, vector in vectors.items()]
    given = tuple(next(iter(vectors.values())).shape)
    raise UserError(f"the directions in {folder} are of another model: their shape is {given}, not {tuple(shape)}")


# ---- what one command shows of a run


def gallery(run: Run, out: Path, *, seeds: Sequence[int] = tuple(range(4)), truncation: float | None = None) -> dict[str, Any]:
    """A grid of samples, an interpolation film, and the film of the training: what to put on a page."""
    pictures(run)
    told = run.codec.space.labels if run.game.conditional else ()
    rows = [name for name in told[:10] for _ in range(10)]
    items = run.sample(len(rows) or 100, seed=0, label=rows or None, truncation=truncation)
    paths = [write_picture(rows_of(items, 10), out / "samples.png")]
    paths += interpolate(run, out, seeds=seeds, formats=("gif",))["files"]
    return {"files": [*paths, *training_film(run, out)]}


def training_film(run: Run, out: Path) -> list[str]:
    """The previews of fixed noise over time as a film; none where fewer than two were kept."""
    from PIL import Image

    kept = sorted((p for p in (run.path / "previews").glob("*.png") if p.stem.isdigit()), key=lambda p: int(p.stem))
    if len(kept) < 2:
        return []
    frames = [np.asarray(Image.open(p).convert("RGB")) for p in kept]
    shape = frames[-1].shape
    path = out / "training.gif"
    write_film(np.stack([f for f in frames if f.shape == shape]), path, 6)
    return [str(path)]


Tool = Callable[..., Mapping[str, Any]]
TOOLS: dict[str, Tool] = {
    "interpolate": interpolate, "project": project, "mix": mix, "directions": directions, "vary": vary, "traverse": traverse, "gallery": gallery,
}  # fmt: skip
