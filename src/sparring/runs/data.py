"""The data of a run: opened, split, fitted and encoded."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sparring.base import files
from sparring.base.errors import UserError
from sparring.base.seeding import seed_of
from sparring.modalities.kinds import load_codec, save_codec
from sparring.modalities.open import opened
from sparring.modalities.source import Codec, Source
from sparring.modalities.split import Split, split
from sparring.play.stream import Stream, Together

KEPT = "data.parquet"
"""in a run folder, what was trained on, if it lay in no file"""


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
    given_rows: dict[str, np.ndarray] | None = None
    """the same numbers of what items are made from, where it is not paired with them"""
    given_encoded: dict[str, Tensor] = field(default_factory=dict)

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

    def first(self, name: str, n: int) -> Tensor:
        """Compact rows of a part's first items, n at most."""
        return self.codec.encode(self.source, self.rows[name][:n])["x"]

    def given(self, name: str) -> Tensor:
        """Of data whose items are made from others, the compact rows of those, of a part or the whole; of paired data one each item."""
        if name not in self.given_encoded:
            rows = None if name == "whole" else (self.given_rows or self.rows)[name]
            self.given_encoded[name] = self.codec.given(self.source, rows)
        return self.given_encoded[name]

    def given_labels(self, name: str) -> Tensor | None:
        """Class numbers of what items of a part are made from, (n,), where it has the items' labels; else None."""
        return self.codec.given_labels(self.source, (self.given_rows or self.rows)[name])

    def stream(self, batch: int, *, seed: int, device: str | torch.device, memory_format: torch.memory_format) -> Stream | Together:
        """Endless batches of the training part as games see them."""
        deal = lambda tensors, rows, seed: Stream(
            tensors, batch, rows=torch.from_numpy(rows["train"]), seed=seed, expand=self.codec.expand, device=device, memory_format=memory_format
        )
        if self.source.kind != "pairs":
            return deal(self.whole(), self.rows, seed)
        given = {"given": self.given("whole")}
        if self.given_rows is None:
            return deal(self.whole() | given, self.rows, seed)
        return Together([deal(self.whole(), self.rows, seed), deal(given, self.given_rows, seed_of("given", seed))])

    def count(self, part: str) -> int:
        """How many items of a part can be judged: those, or what they are made from, if that is fewer."""
        return min(len(rows[part]) for rows in (self.rows, self.given_rows) if rows is not None)

    @property
    def held_out(self) -> str | None:
        """The part that watching during training uses: validation, or test where only that is there."""
        return next((name for name in ("validation", "test") if self.count(name) > 1), None)


def prepare(text: str, source: Source, codec: Codec, parts: Split) -> Data:
    source = codec.items(source)
    given = source.given_hashes()
    return Data(text, source, codec, split(source.hashes(), parts), source.content(), {}, None if given is None else split(given, parts))


def describe(data: Data) -> dict[str, Any]:
    """data.json: where the data came from, counts, content hash, split; never an item."""
    return {
        "data": KEPT if data.source.loose else data.text,
        "name": data.source.name,
        "kind": data.source.kind,
        "count": len(data.source),
        "labels": list(data.source.classes),
        "content": data.content,
        "split": {name: len(rows) for name, rows in data.rows.items()},
        "problems": list(data.source.problems),
    } | ({} if data.given_rows is None else {"given split": {name: len(rows) for name, rows in data.given_rows.items()}})


def save(data: Data, folder: Path) -> None:
    files.write_json(folder / "data.json", describe(data))
    save_codec(data.codec, folder / "codec")
    if data.source.loose:
        data.source.keep(folder / KEPT)


def reopen(folder: Path, parts: Split, other: Any = None) -> Data:
    """The data that a run was trained on, or `other` (a text or a frame) through the same codec; UserError when the run's own have changed."""
    saved = files.read_record(folder / "data.json", "data", "kind", "content")
    codec = load_codec(folder / "codec")
    own = str(folder / KEPT) if saved["data"] == KEPT else saved["data"]
    full, source = opened(own if other is None else other, (saved["kind"],), getattr(codec.encoding, "memory", "auto") if other is None else "auto")
    if source.kind != saved["kind"]:
        raise UserError(f"{full} holds {source.kind}, the run was trained on {saved['kind']}")
    data = prepare(full, source, codec, parts)
    if other is None and data.content != saved["content"]:
        raise UserError(f"the data at {saved['data']} have changed since the run began: restore them, or start a new run with --from {folder}")
    return data


def frequencies(part: dict[str, Tensor], classes: int) -> Tensor:
    """How often each label occurs, (classes,), as probabilities."""
    counts = torch.bincount(part["y"], minlength=classes).double()
    return counts / counts.sum()
