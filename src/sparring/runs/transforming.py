"""A network from picture to picture, applied to files of any size: one, or a folder of them, which a second call finishes."""

import io
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from sparring.base.errors import UserError
from sparring.base.files import full_disk, write
from sparring.modalities.image_files import pictures, store_of
from sparring.modalities.image_pixels import MODES, Unreadable, opened, standard
from sparring.modalities.images import PICTURES
from sparring.modalities.tiles import layout, tiled
from sparring.runs.progress import Bar, Display, Quiet

BLEND = 16
"""pixels over which tiles fade into each other, beside those that are thrown away"""
SAVING = {"PNG": {}, "JPEG": {"quality": 95, "subsampling": "4:4:4"}, "WEBP": {"quality": 95}}
LARGEST = {"PNG": 2**31 - 1, "JPEG": 65500, "WEBP": 16383}
"""the longest side that a format holds"""
MADE_BY = ".made-by"
"""file in a folder of results that says what made them: those of another network are not taken for its own"""
LARGER = 2.0
"""times the side of what a network learnt from that a picture may have before something is said"""
ORIENTATION, EXIF, EXIF_WIDTH, EXIF_HEIGHT = 0x0112, 0x8769, 0xA002, 0xA003
STALE = frozenset({*range(0x00FE, 0x0107), 0x0111, *range(0x0115, 0x011A), 0x011C, 0x013D, 0x0140, *range(0x0142, 0x0146), 0x014A, 0x0152,
                   0x0153, 0x015B, *range(0x0200, 0x020A), 0x02BC, 0x8773})  # fmt: skip
"""tags that tell how a TIFF file stores its pixels, or repeat what other blocks say: not true of the result"""


@dataclass(frozen=True)
class Network:
    """A function from picture to picture and how it is cut: see `tiled`."""

    apply: Callable[[Tensor], Tensor]
    channels_in: int
    channels_out: int
    scale: int
    tile: int
    overlap: int
    reach: int
    multiple: int

    def tiles(self, h: int, w: int) -> int:
        rows, columns = layout(h, w, tile=self.tile, overlap=self.overlap, reach=self.reach, multiple=self.multiple)
        return len(rows) * len(columns)

    def on(self, x: Tensor, step: Callable[[float], None]) -> Tensor:
        """(c, h, w) uint8 -> (c', scale * h, scale * w) uint8; calls `step` with the share done by each tile."""
        share = 1 / self.tiles(*x.shape[1:])

        def apply(part: Tensor) -> Tensor:
            made = self.apply(part)
            step(share)
            return made

        return tiled(x, apply, scale=self.scale, tile=self.tile, overlap=self.overlap, reach=self.reach, multiple=self.multiple)


@dataclass(frozen=True)
class Job:
    """One picture to transform."""

    name: str
    source: Path
    out: Path
    mask: Path | None


@dataclass(frozen=True)
class Given:
    """What a file held, upright: (c, h, w) uint8 pixels, and what goes past the network."""

    x: Tensor
    alpha: Image.Image | None
    exif: bytes
    profile: bytes | None
    frames: int
    """of an animated picture; the first is what is looked at"""


def transform_files(
    apply: Callable[[Tensor], Tensor], given: Path, out: Path, *, channels_in: int, channels_out: int, scale: int, reach: int, multiple: int,
    mask: Path | None = None, tile: int = 256, display: Display | None = None, read: Callable[[Image.Image, str], np.ndarray] | None = None,
    written: Callable[[Tensor], Tensor] | None = None, by: str = "", learnt: tuple[int, int] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Applies a network to a picture file, or to every picture in a folder and below it, under the same names in the folder `out`.

    `apply` takes (1, channels_in, th, tw) float in [-1, 1] to (1, channels_out, scale * th, scale * tw); th and tw are at most `tile` pixels
    and multiples of `multiple`, and it looks `reach` pixels around (see `tiled`). With `mask`, a picture or a folder of one for each picture,
    white where it is to be filled in, it gets one channel more, after the picture's: 1 in the hole, 0 elsewhere; the picture is 0 there.

    `read` makes pixels (h, w, channels_in) uint8 of an upright picture of that name, by default by converting it. `written` makes
    pixels to be written, (c, h, w) uint8, of the whole result (channels_out, h, w) uint8: label maps, whose colours are exact, so that they
    are always .png.

    `by` says what makes them, if it is not always the same. `learnt`: height and width of what a network has learnt from that takes the whole of
    what it sees for its measure; of much larger pictures it is said that they are seen in parts.

    Results are upright and keep EXIF data, an RGB or grey colour profile, and transparency, enlarged (.jpg has none: it becomes white). What
    cannot be written in its own format is written as .png. A file appears when it is whole. In a folder, results newer than
    their picture and mask and made `by` the same are kept, so that calling again finishes what was interrupted; one picture is always made anew.

    -> {"files": those written, "skipped": [{"name", "problem"}], "kept": how many, "seconds", "megapixels": of the files written}. Skipped are
    pictures that cannot be read, or that the format cannot hold, and in a folder label maps of other colours. UserError for paths, masks or tiles
    that do not fit; WorkError where nothing can be written.
    """
    start, display = time.perf_counter(), display or Quiet()
    jobs = _jobs(given, out, mask, PICTURES if written is None else (".png",))
    since = (_made_since(out, by) if by else 0) if given.is_dir() else None
    todo = [job for job in jobs if since is None or not _done(job, since)]
    _check_masks(todo)
    network = _network(apply if mask is None else _with_hole(apply), channels_in, channels_out, scale, reach, multiple, tile)
    files, skipped, pixels, told = [], [], 0, network.reach == reach
    if given.is_dir() and since is None:
        _write(out / MADE_BY, by.encode())
    with _bar(display, len(jobs), len(jobs) - len(todo)) as reached:
        for i, job in enumerate(todo, len(jobs) - len(todo)):
            reached(i)
            try:
                held = _read(job, network, read or _converted(channels_in))
                if not told and network.tiles(*held.x.shape[1:]) > 1:
                    told = True
                    display.note(f"the network looks {reach} pixels around, too far for tiles of {tile}: their seams are blended, not exact")
                if learnt and max(held.x.shape[1] / learnt[0], held.x.shape[2] / learnt[1]) > LARGER:
                    size, learnt = f"{learnt[1]}x{learnt[0]}", None
                    display.warn(f"{job.name} is {held.x.shape[2]}x{held.x.shape[1]} and the network learnt from pictures of {size}: it sees it in "
                                 f"parts, larger than it knows things; bring pictures down to about {size}, or train with a larger --resolution")
                if held.frames > 1:
                    display.warn(f"{job.name} has {held.frames} frames, of which the first is taken")
                if job.mask is not None and not held.x[-1].any():
                    display.warn(f"nothing is white in {job.mask}: {job.name} stays as it is")
                y = network.on(held.x, lambda share, i=i: reached(i, share))
                if written is not None:
                    y, held = written(y), replace(held, alpha=None, profile=None)
                content = _encoded(y, held, job.out)
            except (Unreadable, UserError) as problem:
                if isinstance(problem, UserError) and not given.is_dir():
                    raise
                skipped.append({"name": job.name, "problem": str(problem)})
                display.warn(f"skipped {job.name}: {problem}")
                continue
            _write(job.out, content)
            files.append(str(job.out))
            pixels += y[0].numel()
    seconds = round(time.perf_counter() - start, 3)
    return {"files": files, "skipped": skipped, "kept": len(jobs) - len(todo), "seconds": seconds, "megapixels": round(pixels / 1e6, 6)}


def _network(
    apply: Callable[[Tensor], Tensor], channels_in: int, channels_out: int, scale: int, reach: int, multiple: int, tile: int
) -> Network:  # fmt: skip
    """How it is cut: exactly, if it looks no further than about a quarter of a tile around, else as well as tiles of that size allow. UserError
    for a tile that is no multiple."""
    overlap = min(2 * reach + BLEND, tile // multiple // 2 * multiple)
    network = Network(apply, channels_in, channels_out, scale, tile, overlap, min(reach, max(0, overlap - BLEND) // 2), multiple)
    network.tiles(1, 1)
    return network


@contextmanager
def _bar(display: Display, total: int, done: int) -> Iterator[Callable[..., None]]:
    """A function that moves a bar to (pictures done) or by a (share of one), where the display is a bar."""
    if not isinstance(display, Bar):
        yield lambda count, share=0.0: None
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = [TextColumn("picture {task.fields[shown]:,}/{task.total:,.0f}"), BarColumn(), TimeElapsedColumn(), TextColumn("left"),
               TimeRemainingColumn()]  # fmt: skip
    with Progress(*columns, console=display.console, transient=True, disable=not display.console.is_terminal) as progress:
        task = progress.add_task("", total=total, completed=done, shown=min(done + 1, total))

        def reached(count: int, share: float = 0.0) -> None:
            if share:
                progress.advance(task, share)
            else:
                progress.update(task, completed=count, shown=count + 1)

        yield reached


# ---- what is to be done


def _jobs(given: Path, out: Path, mask: Path | None, formats: tuple[str, ...]) -> list[Job]:
    if given.is_dir():
        jobs = _folder_jobs(given, out, mask, formats)
    elif given.is_file():
        jobs = [_file_job(given, out, mask, formats)]
    else:
        raise UserError(f"there is no picture at {given}: give a picture, or a folder of pictures")
    read = {path.resolve() for job in jobs for path in (job.source, job.mask) if path is not None}
    inside = given.resolve() if given.is_dir() else None
    for job in jobs:
        result = job.out.resolve()
        if inside is not None and result.is_relative_to(inside):
            raise UserError(f"results would be written into {given}, among the pictures that are read: give --out a folder outside it")
        if result in read:
            raise UserError(f"the result would replace {job.out}, which is read: give --out another name")
    return jobs


def _file_job(given: Path, out: Path, mask: Path | None, formats: tuple[str, ...]) -> Job:
    if given.suffix.lower() == ".zip":
        raise UserError(f"{given} is an archive: unpack it and give the folder")
    if out.is_dir() or not out.suffix:
        out = out / _result_names([given.name], formats)[0]
    elif out.suffix.lower() not in formats:
        names = ".png, .jpg or .webp" if formats == PICTURES else " or ".join(formats)
        raise UserError(f"the result cannot be written to {out}: end the name in {names}, or give a folder")
    if mask is not None and mask.is_dir():
        mask = _mask_in(mask, given.name)
    if mask is not None and not mask.is_file():
        raise UserError(f"there is no mask at {mask}: give a picture of the same size, white where it is to be filled in")
    return Job(given.name, given, out, mask)


def _folder_jobs(given: Path, out: Path, mask: Path | None, formats: tuple[str, ...]) -> list[Job]:
    if out.suffix.lower() in PICTURES or out.is_file():
        raise UserError(f"{given} is a folder and {out} names a file: give --out a folder")
    if mask is not None and not mask.is_dir():
        raise UserError(f"{given} is a folder: give --mask a folder too, with a mask for each picture under the same name, not {mask}")
    store = store_of(given)
    names = [file.name for file in pictures(store, store.files())]
    masks = [None if mask is None else _mask_in(mask, name) for name in names]
    bare = [name for name, its in zip(names, masks) if its is not None and not its.is_file()]
    if bare:
        raise UserError(f"{len(bare)} of {len(names)} pictures have no mask in {mask} (first: {bare[0]}): add them under the same names")
    return [Job(name, given / name, out / result, its) for name, result, its in zip(names, _result_names(names, formats), masks)]


def _result_names(names: Sequence[str], formats: tuple[str, ...]) -> list[str]:
    """The same names, but a.tif becomes a.png, or a.tif.png where that is the name of another."""
    taken, found = set(names), []
    for name in names:
        if PurePosixPath(name).suffix.lower() not in formats:
            short = str(PurePosixPath(name).with_suffix(".png"))
            name = f"{name}.png" if short in taken else short
            taken.add(name)
        found.append(name)
    return found


def _mask_in(folder: Path, name: str) -> Path:
    """The mask of that name, or of that name as .png: photographs are .jpg, and masks seldom are."""
    png = (folder / name).with_suffix(".png")
    return png if png.is_file() and not (folder / name).is_file() else folder / name


def _made_since(out: Path, by: str) -> int | None:
    """Since when results of the same network are written into a folder, in nanoseconds; None where they are of another, or of none."""
    try:
        said = out / MADE_BY
        return said.stat().st_mtime_ns if said.read_text("utf-8") == by else None
    except OSError:
        return None


def _done(job: Job, since: int) -> bool:
    """Whether its result is there and newer than what it is made from."""
    try:
        made = job.out.stat().st_mtime_ns
        return made >= since and all(path.stat().st_mtime_ns < made for path in (job.source, job.mask) if path is not None)
    except OSError:
        return False


def _check_masks(jobs: Sequence[Job]) -> None:
    """UserError where a mask cannot be read or has another size than its picture: before hours of work, not after."""
    for job in jobs:
        if job.mask is None:
            continue
        try:
            mask = _upright_size(job.mask)
        except Unreadable as problem:
            raise UserError(f"cannot read the mask {job.mask} ({problem}): give a picture, white where it is to be filled in") from None
        try:
            size = _upright_size(job.source)
        except Unreadable:  # skipped when its turn comes
            continue
        if mask != size:
            (w, h), (width, height) = mask, size
            raise UserError(f"the mask {job.mask} is {w}x{h} and its picture {width}x{height}: make them the same size")


def _upright_size(path: Path) -> tuple[int, int]:
    """Width and height when turned as the EXIF data say."""
    with opened(str(path)) as picture:
        turned = picture.getexif().get(ORIENTATION, 1) in (5, 6, 7, 8) and picture.format != "TIFF"     # whose size is upright already
        return picture.size[::-1] if turned else picture.size


# ---- reading


def _read(job: Job, network: Network, read: Callable[[Image.Image, str], np.ndarray]) -> Given:
    """Raises Unreadable, also for a result that would be too large for its format."""
    with opened(str(job.source)) as picture:
        upright = standard(picture)
        profile = picture.info.get("icc_profile")
        size = (network.scale * upright.width, network.scale * upright.height)
        exif, frames = _exif(picture, size), getattr(picture, "n_frames", 1)
    format = _format(job.out)
    if max(size) > LARGEST[format]:
        raise Unreadable(f"the result is {size[0]}x{size[1]}, and {format} holds {LARGEST[format]} at most: write it as .png")
    alpha = upright.getchannel("A") if upright.mode == "RGBA" and network.channels_in < 4 and network.channels_out < 4 else None
    x = torch.from_numpy(read(upright, job.name)).permute(2, 0, 1)  # (h, w, c) -> (c, h, w)
    if job.mask is not None:
        x = torch.cat([x, torch.from_numpy(_hole(job.mask))[None]])  # one channel more
    space = b"GRAY" if network.channels_out == 1 else b"RGB "
    return Given(x, alpha, exif, profile if profile and profile[16:20] == space else None, frames)  # a profile of CMYK would spoil RGB


def _converted(channels: int) -> Callable[[Image.Image, str], np.ndarray]:
    return lambda picture, name: np.array(picture.convert(MODES[channels])).reshape(picture.height, picture.width, channels)


def _hole(path: Path) -> np.ndarray:
    """(h, w) uint8: 255 where the mask is white, 0 elsewhere, also where it is transparent."""
    with opened(str(path)) as picture:
        mask = standard(picture)
        if mask.mode == "RGBA":
            mask = Image.alpha_composite(Image.new("RGBA", mask.size, "black"), mask)
        return np.where(np.asarray(mask.convert("L")) > 127, 255, 0).astype(np.uint8)


def _with_hole(apply: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """`apply` as `tiled` calls it, which scales a mask like a picture: -1 becomes 0, and the picture 0 in the hole."""

    def filled(x: Tensor) -> Tensor:
        hole = x[:, -1:] > 0  # (1, 1, h, w)
        return apply(torch.cat([x[:, :-1].masked_fill(hole, 0), hole.to(x)], 1))

    return filled


def _exif(picture: Image.Image, size: tuple[int, int]) -> bytes:
    """The picture's EXIF block for an upright result of that width and height; empty if it has none."""
    try:
        exif = picture.getexif()
        for tag in STALE & exif.keys():
            del exif[tag]
        if not len(exif):
            return b""
        exif[ORIENTATION] = 1
        inner = exif.get_ifd(EXIF)
        for tag, side in zip((EXIF_WIDTH, EXIF_HEIGHT), size):
            if tag in inner:
                inner[tag] = side
        return exif.tobytes()
    except Exception:  # cameras write EXIF data that cannot be written again; the picture matters more
        return b""


# ---- writing


def _encoded(y: Tensor, held: Given, out: Path) -> bytes:
    """(c, h, w) uint8 as a file's content. Raises Unreadable where the format refuses."""
    pixels = np.ascontiguousarray(y.permute(1, 2, 0).cpu().numpy())  # (c, h, w) -> (h, w, c), as it lies in memory
    picture = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    if held.alpha is not None:
        picture.putalpha(held.alpha.resize(picture.size, Image.Resampling.LANCZOS))
    format, file = _format(out), io.BytesIO()
    if format == "JPEG" and picture.has_transparency_data:
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("L" if pixels.shape[2] == 1 else "RGB")
    exif = held.exif if format != "JPEG" or len(held.exif) < 65500 else b""  # what a JPEG segment holds
    try:
        picture.save(file, format, exif=exif, icc_profile=held.profile, **SAVING[format])
    except (OSError, ValueError) as error:
        raise Unreadable(f"cannot be written as {format}: {error}") from None
    return file.getvalue()


def _format(out: Path) -> str:
    return Image.registered_extensions()[out.suffix.lower()]


def _write(out: Path, content: bytes) -> None:
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise full_disk(error, out) from error
    write(out, content)
