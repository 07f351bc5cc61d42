"""A training on disk: weights.safetensors, optimizers.safetensors, clock.json. Nothing is pickled.

Tensors are written contiguous, each storage once. On load every optimizer tensor is copied into the layout of its parameter:
a fused step pairs the wrong elements, without an error, when moments are contiguous beside channels_last weights.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from sparring.base import files, ranks
from sparring.base.clock import Clock
from sparring.base.errors import UserError
from sparring.play.game import Follower, Game
from sparring.play.trainer import Trainer


def save_trainer(trainer: Trainer, folder: Path, notes: dict[str, Any] | None = None) -> None:
    """Writes a whole training into an existing folder; `notes` are plain values kept in clock.json."""
    write_tensors(folder / "weights.safetensors", weights(trainer.game))
    write_tensors(folder / "optimizers.safetensors", optimizer_state(trainer))
    save_clock(trainer, folder, notes)


def save_clock(trainer: Trainer, folder: Path, notes: dict[str, Any] | None = None) -> None:
    """Writes the plain values only: for a checkpoint whose tensors are those of the trainer."""
    failing = {k: int(v) for k, v in trainer.failing.items()}
    files.write_json(folder / "clock.json", {"clock": asdict(trainer.clock), "failing": failing, "notes": notes or {}})


def save_local(game: Game, folder: Path) -> None:
    """Buffers that differ between processes, written by each of them under ranks/."""
    if local := local_buffers(game):
        (folder / "ranks").mkdir(exist_ok=True)
        write_tensors(folder / "ranks" / f"{ranks.rank()}.safetensors", local)


def load_trainer(trainer: Trainer, folder: Path) -> dict[str, Any]:
    """Puts a trainer into the saved state, bit for bit; returns the notes."""
    load_weights(trainer.game, folder)
    put_optimizer_state(trainer, read_tensors(folder / "optimizers.safetensors"))
    trainer.clock = clock_of(folder)
    clock = files.read_json(folder / "clock.json")
    for player, count in clock["failing"].items():
        trainer.failing[player].fill_(count)
    return clock["notes"]


def clock_of(folder: Path) -> Clock:
    """The clock at a checkpoint: schedules that rendering depends on are functions of it."""
    return Clock(**files.read_json(folder / "clock.json")["clock"])


def in_layout_of(parameter: nn.Parameter, value: Tensor) -> Tensor:
    """A copy of an optimizer's tensor with the memory layout and device of its parameter."""
    if value.shape != parameter.shape:
        return value.to(parameter.device)
    return torch.empty_like(parameter, dtype=value.dtype, requires_grad=False).copy_(value)


def load_weights(game: Game, folder: Path) -> None:
    """The game's state dict from a checkpoint folder, strictly."""
    state = read_tensors(folder / "weights.safetensors")
    own = folder / "ranks" / f"{ranks.rank()}.safetensors"
    if own.exists():
        state |= read_tensors(own)
    try:
        game.load_state_dict(state, strict=True)
    except RuntimeError as error:
        raise UserError(f"{folder} does not fit this game: {' '.join(str(error).split())[:200]}") from None


def load_fitting(game: Game, folder: Path) -> list[str]:
    """What fits of another training's weights: the names of this game's tensors that stay as they are, because the other has none of that
    name and shape (an embedding of other labels). UserError when less than half of all weights would be taken."""
    saved, own = read_tensors(folder / "weights.safetensors"), game.state_dict()
    fitting = {name: t for name, t in saved.items() if name in own and own[name].shape == t.shape}
    if 2 * sum(t.numel() for t in fitting.values()) < sum(t.numel() for t in own.values()):
        raise UserError(f"{folder} does not fit this game: most weights have other shapes; train the same recipe, networks and resolution")
    game.load_state_dict(fitting, strict=False)
    return sorted(own.keys() - fitting.keys())


def weights(game: Game) -> dict[str, Tensor]:
    return {name: tensor.detach() for name, tensor in game.state_dict().items()}


def local_buffers(game: Game) -> dict[str, Tensor]:
    return {
        f"{path}.{name}".lstrip("."): buffer
        for path, module in game.named_modules()
        if isinstance(module, Follower)
        for name, buffer in module.named_buffers(recurse=False)
        if name in module.local
    }


def optimizer_state(trainer: Trainer) -> dict[str, Tensor]:
    """Moments by name, `player/parameter name/state`, never by index."""
    return {
        f"{player}/{name}/{key}": value
        for player, name, parameter in _named(trainer)
        for key, value in trainer.optimizers[player].state.get(parameter, {}).items()
        if isinstance(value, Tensor)
    }


def put_optimizer_state(trainer: Trainer, saved: dict[str, Tensor]) -> None:
    """What `optimizer_state` told, into a trainer; weights it does not name have no moments."""
    for player, name, parameter in _named(trainer):
        state, prefix = trainer.optimizers[player].state[parameter], f"{player}/{name}/"
        state.clear()                                # a checkpoint at round 0 has no moments yet
        for key in [k for k in saved if k.startswith(prefix)]:
            state[key.removeprefix(prefix)] = in_layout_of(parameter, saved[key])


def _named(trainer: Trainer):
    names = {parameter: name for name, parameter in trainer.game.named_parameters()}
    for player, parameters in trainer.parameters.items():
        for parameter in parameters:
            yield player, names[parameter], parameter


# ---- files


def write_tensors(path: Path, tensors: dict[str, Tensor]) -> None:
    """Contiguous, each storage once; further names of the same tensor stand in the metadata."""
    kept, first, aliases = {}, {}, {}
    for name, tensor in tensors.items():
        place = (tensor.data_ptr(), tensor.shape, tensor.stride(), tensor.dtype)
        if tensor.numel() and place in first:
            aliases[name] = first[place]
        else:
            first[place] = name
            kept[name] = tensor.detach().cpu().contiguous().clone(memory_format=torch.contiguous_format)
    files.write(path, save(kept, metadata={"format": "pt", "aliases": json.dumps(aliases)}))


def read_tensors(path: Path) -> dict[str, Tensor]:
    """UserError when the file is missing, cut short or not safetensors: nothing in it is ever executed."""
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
            aliases = json.loads((file.metadata() or {}).get("aliases", "{}"))
    except (SafetensorError, OSError, ValueError) as error:
        raise UserError(f"{path} is missing or damaged ({error})") from None
    return tensors | {name: tensors[target] for name, target in aliases.items()}


def digest(module: nn.Module) -> str:
    """A hash of every weight and buffer, to compare two trainings bit for bit."""
    plain = ((name, t.detach().cpu().contiguous().flatten()) for name, t in module.state_dict().items())
    return files.hash_bytes(*(name.encode() + t.view(torch.uint8).numpy().tobytes() for name, t in plain))
