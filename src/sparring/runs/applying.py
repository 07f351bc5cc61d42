"""How a run's network is applied to the files of a user: which function, from what pixels to which."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from sparring.base.errors import UserError
from sparring.base.files import hash_bytes
from sparring.games.capabilities import Restores, Transforms, Translates
from sparring.modalities.pairs import GivenLabels
from sparring.networks.translators import InstanceNorm
from sparring.runs.progress import Display
from sparring.runs.run import Run
from sparring.runs.transforming import transform_files


@dataclass(frozen=True)
class How:
    """What `transforming.transform_files` wants to know of a network."""

    apply: Callable[[Tensor], Tensor]
    channels_in: int
    channels_out: int
    direction: str | None = None
    read: Callable[[Image.Image, str], np.ndarray] | None = None
    written: Callable[[Tensor], Tensor] | None = None


def how(run: Run, *, mask: Path | str | None = None, scale: int | None = None, direction: str | None = None) -> How:
    """UserError for runs that make pictures from nothing, and for a mask, a scale or a direction that does not suit the run."""
    game = run.game
    if not isinstance(game, Transforms):
        raise UserError(f"{run.path} was trained by {run.folder.recipe()['recipe']}, which makes pictures from nothing: see `sparring sample`")
    if isinstance(game, Translates):
        return _translating(run, game, mask, scale, direction)
    if direction is not None:
        raise UserError(f"{run.path} restores pictures and does not translate them: leave --direction out")
    return _restoring(run, game, mask, scale)


@torch.no_grad()
def transform(
    run: Run, given: Path, out: Path, *, mask: Path | None = None, scale: int | None = None, direction: str | None = None,
    tile: int | None = None, display: Display | None = None, between: Callable[[], None] = lambda: None,
) -> dict[str, Any]:  # fmt: skip
    """What the run makes of a picture, or of every picture of a folder (`transforming.transform_files`); calls `between` before each tile.

    tile: by default 256, or as large as what a network has learnt from that takes means over the whole of what it sees.
    """
    game, network = run.game, how(run, mask=mask, scale=scale, direction=direction)
    learnt = game.space.shape[1:] if any(isinstance(module, InstanceNorm) for module in game.modules()) else None
    if tile is None:
        tile = max(256, 2 * game.multiple, *(-(-side // game.multiple) * game.multiple for side in learnt or ()))

    weights = (run.checkpoint / "weights.safetensors").stat()

    def apply(x: Tensor) -> Tensor:
        between()
        return network.apply(x)

    done = transform_files(
        apply, given, out, channels_in=network.channels_in, channels_out=network.channels_out, scale=game.scale, reach=game.reach,
        multiple=game.multiple, mask=mask, tile=tile, display=display, read=network.read, written=network.written,
        by=hash_bytes(f"{run.path.resolve()} {run.checkpoint.name} {weights.st_mtime_ns} {network.direction or ''} {tile}".encode()), learnt=learnt,
    )  # fmt: skip
    told = {"direction": network.direction} if network.direction else {}
    return {"run": str(run.path), "out": str(out), "scale": game.scale, **told, **done}


def _restoring(run: Run, game: Restores, mask: Path | str | None, scale: int | None) -> How:
    if scale not in (None, game.scale):
        raise UserError(f"{run.path} enlarges {game.scale} times, not {scale}: train another with --degradation.scale {scale}")
    if game.masked and mask is None:
        raise UserError("which part is to be filled in? Give --mask, a picture of the same size that is white there")
    if mask is not None and not game.masked:
        raise UserError(f"{run.path} fills no holes: leave --mask out")
    return How(game.restore, game.given, game.space.shape[0])


def _translating(run: Run, game: Translates, mask: Path | str | None, scale: int | None, direction: str | None) -> How:
    if mask is not None:
        raise UserError(f"{run.path} fills no holes: leave --mask out")
    if scale not in (None, game.scale):
        raise UserError(f"{run.path} keeps the size of pictures: leave --scale out")
    direction = direction or game.directions[0]
    if direction not in game.directions:
        advice = "train cyclegan for both, or another run with --swapped true" if direction == "b2a" else "leave --direction out"
        raise UserError(f"{run.path} translates {' and '.join(game.directions)} only: {advice}")
    taken, made = run.codec.taken, game.space.shape[0]
    maps = taken if isinstance(taken, GivenLabels) else None
    if direction == "b2a":
        return How(lambda x: game.translate(x, "b2a"), made, taken.channels, direction, written=maps and maps.written)
    # pixels, or class numbers, as they were before they were scaled: what is given is seen as it was in training
    as_given = lambda x: taken.expand(x.add(1).mul(127.5).round().byte())
    return How(lambda x: game.translate(as_given(x)), taken.read_channels, made, direction, read=taken.read)
