"""The data of a run: opened, split, fitted and encoded."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sparring.base import files
from sparring.base.errors import UserError
from sparring.modalities.kinds import load_codec, save_codec
from sparring.modalities.open import open_named
from sparring.modalities.source import Codec, Source
from sparring.modalities.split import Split, split


@dataclass
class Data:
    """A source with its codec, cut into parts."""

    text: str
    """what the user wrote, with a relative path made absolute"""
    source: Source
    codec: Codec
    rows: dict[str, np.ndarray]
    """train, validation, test: item numbers"""
    content: str
    """hash of all items, whatever their order"""
    encoded: dict[str, dict[str, Tensor]]
    """the compact tensors of the parts that were encoded so far"""

    def whole(self) -> dict[str, Tensor]:
        """Compact tensors of all items; pictures stay where they are mapped, if they are."""
        if "whole" not in self.encoded:
            self.encoded["whole"] = self.codec.encode(self.source)
        return self.encoded["whole"]

    def part(self, name: str) -> dict[str, Tensor]:
        """A part's compact tensors {"x": (n, ...), "y": (n,) with labels}."""
        if name not in self.encoded:
            self.encoded[name] = self.codec.encode(self.source, self.rows[name])
        return self.encoded[name]

    @property
    def held_out(self) -> str | None:
        """The part that watching during training uses: validation, or test where only that is there."""
        return next((name for name in ("validation", "test") if len(self.rows[name]) > 1), None)


def prepare(text: str, source: Source, codec: Codec, parts: Split) -> Data:
    source = codec.items(source)
    hashes = source.hashes()
    return Data(text, source, codec, split(hashes, parts), files.hash_bytes(*(h.encode() for h in sorted(hashes))), {})


def describe(data: Data) -> dict[str, Any]:
    """data.json: where the data came from, counts, content hash, split; never an item."""
    return {
        "data": data.text,
        "name": data.source.name,
        "kind": data.source.kind,
        "count": len(data.source),
        "labels": list(data.source.classes),
        "content": data.content,
        "split": {name: len(rows) for name, rows in data.rows.items()},
        "problems": list(data.source.problems),
    }


def save(data: Data, folder: Path) -> None:
    files.write_json(folder / "data.json", describe(data))
    save_codec(data.codec, folder / "codec")


def reopen(folder: Path, parts: Split, text: str | None = None) -> Data:
    """The data that a run was trained on, or others (`text`) through the same codec; UserError when the run's own have changed."""
    saved = files.read_record(folder / "data.json", "data", "kind", "content")
    codec = load_codec(folder / "codec")
    full, source = open_named(text or saved["data"])
    if source.kind != saved["kind"]:
        raise UserError(f"{full} holds {source.kind}, the run was trained on {saved['kind']}")
    data = prepare(full, source, codec, parts)
    if text is None and data.content != saved["content"]:
        raise UserError(f"the data at {saved['data']} have changed since the run began: restore them, or start a new run with --from {folder}")
    return data


def frequencies(part: dict[str, Tensor], classes: int) -> Tensor:
    """How often each label occurs, (classes,), as probabilities."""
    counts = torch.bincount(part["y"], minlength=classes).double()
    return counts / counts.sum()
