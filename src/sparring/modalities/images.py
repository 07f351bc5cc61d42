"""Pictures and tensors: uint8 (channels, height, width) in memory, [-1, 1] before the games, files outside."""

import io
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from sparring.base.errors import UserError
from sparring.base.files import full_disk, read_json, write, write_json
from sparring.base.seeding import generator
from sparring.base.settings import dump, load
from sparring.base.space import Attribute, ImageSpace
from sparring.modalities import mirror
from sparring.modalities.image_cache import gathered
from sparring.modalities.image_size import derive
from sparring.modalities.image_source import ImageSource
from sparring.modalities.image_tiles import Tiles
from sparring.modalities.settings import Images
from sparring.modalities.source import Codec

PICTURES = (".png", ".jpg", ".jpeg", ".webp")
GUTTER = 2
READABLE = 64
"""side in pixels that small pictures are enlarged to in grids"""
BLOCKS = 4
"""`spoil` cuts a picture into so many rows and columns of blocks"""
DRAWN_FROM = 500
"""items whose attributes are kept to draw from"""
NOISE = 25.0
"""standard deviation of `spoil`'s noise, of 255"""


def fit(source: ImageSource, encoding: Images) -> "ImageCodec":
    """A codec for that source; what the encoding leaves auto comes from the pictures."""
    encoding, why = derive(source.sizes, source.channels, encoding)
    return ImageCodec(encoding, source.classes, why, attributes(source))


def attributes(source: ImageSource) -> tuple[Attribute, ...]:
    """The source's attributes with what games need to see them standardised, and to draw some."""
    if not source.attributes:
        return ()
    some = torch.randperm(len(source.values), generator=generator("attributes"))[:DRAWN_FROM].numpy()
    found = []
    for name, column in zip(source.attributes, source.values.T):
        values = tuple(round(float(value), 6) for value in column[some])
        mean, deviation, least, greatest = float(column.mean()), float(column.std()) or 1.0, float(column.min()), float(column.max())
        tag = bool(np.isin(column, (0, 1)).all())
        found.append(Attribute(name=name, mean=mean, deviation=deviation, tag=tag, least=least, greatest=greatest, values=values))
    return tuple(found)


class ImageCodec(Codec):
    """Pictures of one size."""

    space: ImageSpace
    encoding: Images

    file_name = "pictures"

    def __init__(
        self, encoding: Images, classes: tuple[str, ...] = (), why: dict[str, str] | None = None, attributes: tuple[Attribute, ...] = ()
    ):
        """`encoding` has nothing left to derive; `why` gives the reason for each field that was derived."""
        self.encoding, self.why = encoding, why or {}
        self.space = ImageSpace(shape=(encoding.channels, *encoding.size), labels=classes, attributes=attributes)

    # ---- to tensors and back

    def encode(self, source: ImageSource, rows: np.ndarray | None = None) -> dict[str, Tensor]:
        """{"x": (n, c, h, w) uint8, "y": (n,) int64 where both sides have labels}. "x" stays on disk, memory-mapped, when it
        would take more than half of the free memory. UserError for labels that the codec does not know."""
        batch = {"x": torch.from_numpy(gathered(source.pixels(self.encoding), rows, self.encoding.memory))}
        if self.space.labels and source.labels is not None:
            y = self.numbers(source)
            batch["y"] = torch.from_numpy(y if rows is None else y[rows])
        elif self.space.attributes and source.values is not None:
            values = self._values(source)
            batch["y"] = torch.from_numpy(values if rows is None else values[rows])
        return batch

    def items(self, source: ImageSource) -> ImageSource:
        return Tiles(source, self.encoding.size) if self.encoding.fit == "tiles" and not isinstance(source, Tiles) else source

    def facts(self, source: ImageSource) -> dict[str, Any]:
        rows = np.sort(torch.randperm(len(source), generator=generator("mirror", "rows"))[: mirror.LOOKED_AT].numpy())
        return {"mirrors": mirror.mirrors(torch.from_numpy(np.ascontiguousarray(source.pixels(self.encoding)[rows])))}

    def _values(self, source: ImageSource) -> np.ndarray:
        """The source's attributes in this codec's order, (n, d) float32."""
        absent = [a.name for a in self.space.attributes if a.name not in source.attributes]
        if absent:
            raise UserError(f"{source.name} does not have the attributes {', '.join(absent[:5])}, which this model was trained with")
        return np.ascontiguousarray(source.values[:, [source.attributes.index(a.name) for a in self.space.attributes]])

    def expand(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        told = {"y": self.space.told(batch["y"])} if "y" in batch else {}
        return batch | {"x": batch["x"].float().div_(127.5).sub_(1)} | told  # 0..255 -> [-1, 1], in the memory format it has

    def decode(self, x: Tensor) -> np.ndarray:
        x = x.detach().float().add(1).mul_(127.5).round_().clamp_(0, 255)
        return x.to(torch.uint8).permute(0, 2, 3, 1).contiguous().cpu().numpy()  # (n, c, h, w) -> (n, h, w, c)

    def compact(self, items: np.ndarray) -> Tensor:
        """(n, h, w, c) uint8, or (n, h, w) for grey, as (n, c, h, w). UserError for another shape or type."""
        c, h, w = self.space.shape
        items = np.asarray(items)
        grey = items[..., None] if items.ndim == 3 and c == 1 else items
        if grey.shape[1:] != (h, w, c) or items.dtype != np.uint8:
            given = f"{items.dtype} {items.shape}"
            raise UserError(f"pictures must be uint8 of shape (n, {h}, {w}, {c}), got {given}: resize and convert them, or give files")
        return torch.from_numpy(grey.transpose(0, 3, 1, 2).copy())  # (n, h, w, c) -> (n, c, h, w)

    # ---- files

    def write(self, items: np.ndarray, out: Path, labels: np.ndarray | None = None) -> None:
        """`out` ending in .npz (x, y, classes) or .npy: one array; in .png, .jpg or .webp: the picture, or a grid of several;
        without a suffix: a folder of 000000.png ..., in one sub-folder per label."""
        kind = out.suffix.lower()
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
            if kind == ".npz":
                named = {} if labels is None else {"y": labels, "classes": np.array(self.space.labels)}
                np.savez_compressed(out, x=items, **named)
            elif kind == ".npy":
                np.save(out, items)
            elif kind in PICTURES:
                _picture(items[0]).save(out) if len(items) == 1 else self.preview(items, out, labels)
            elif kind:
                raise UserError(f"pictures cannot be written to {out}: end the name in .png, .npz or .npy, or give a folder")
            else:
                self._write_folder(items, out, labels)
        except OSError as error:
            raise full_disk(error, out) from error

    def _write_folder(self, items: np.ndarray, out: Path, labels: np.ndarray | None) -> None:
        for i, item in enumerate(items):
            folder = out if labels is None else out / folder_name(self.space.labels[labels[i]])
            folder.mkdir(parents=True, exist_ok=True)
            _picture(item).save(folder / f"{i:06d}.png")

    def preview(self, items: np.ndarray, path: Path, labels: np.ndarray | None = None, **drawn) -> None:
        """A grid as a picture file: one row a label when there are several labels, else nearly square."""
        picture = io.BytesIO()
        Image.fromarray(grid(items, labels)).save(picture, Image.registered_extensions()[path.suffix.lower()])
        write(path, picture.getvalue())

    # ---- what metrics are compared with

    def baseline(self, compact: Tensor, n: int, seed: int) -> Tensor:
        """Independent pixels, each drawn from the values that this pixel and channel has in training items."""
        draw = generator("pixel baseline", seed)
        values = compact.flatten(1)  # (items, numbers)
        number = torch.arange(values.shape[1])
        rows = [values[torch.randint(len(values), number.shape, generator=draw), number] for _ in range(n)]
        return torch.stack(rows).view(n, *compact.shape[1:])

    def spoil(self, compact: Tensor, seed: int) -> Tensor:
        """Blocks of a quarter of the sides in random order, and noise: the colours survive, the content does not."""
        draw = generator("spoilt pictures", seed)
        n, c, h, w = compact.shape
        rows, columns = min(BLOCKS, h), min(BLOCKS, w)
        height, width = h // rows, w // columns  # of a block; a remainder at the right and the bottom stays in place
        order = torch.rand(n, rows * columns, generator=draw).argsort(1)
        part = compact[:, :, : rows * height, : columns * width]
        blocks = part.reshape(n, c, rows, height, columns, width).permute(0, 2, 4, 1, 3, 5).flatten(1, 2)  # (n, blocks, c, height, width)
        blocks = blocks[torch.arange(n)[:, None], order].view(n, rows, columns, c, height, width)
        spoilt = compact.float()
        spoilt[:, :, : rows * height, : columns * width] = blocks.permute(0, 3, 1, 4, 2, 5).reshape(part.shape).float()
        return spoilt.add_(torch.randn(spoilt.shape, generator=draw), alpha=NOISE).round_().clamp_(0, 255).to(torch.uint8)

    # ---- the run folder

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        told = {"labels": list(self.space.labels), "attributes": dump(self.space.attributes)}
        write_json(folder / "codec.json", {"encoding": dump(self.encoding), **told, "why": self.why})

    @classmethod
    def load(cls, folder: Path) -> "ImageCodec":
        saved = read_json(folder / "codec.json")
        file = str(folder / "codec.json")
        attributes = tuple(load(Attribute, a, file) for a in saved.get("attributes", ()))
        return cls(load(Images, saved["encoding"], file), tuple(saved["labels"]), saved["why"], attributes)


def grid(items: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
    """(n, h, w, c) uint8 pictures side by side, white between them, (H, W) or (H, W, 3) uint8; one row a label when there are several.

    Small pictures are enlarged without smoothing, transparent ones lie on a chequerboard.
    """
    items = _on_chequerboard(items) if items.shape[3] == 4 else items
    times = max(1, READABLE // max(items.shape[1:3]))
    cells = items.repeat(times, 1).repeat(times, 2)
    rows = _rows(len(items), labels)
    _, h, w, c = cells.shape
    sheet = np.full((len(rows) * (h + GUTTER) + GUTTER, max(map(len, rows)) * (w + GUTTER) + GUTTER, c), 255, np.uint8)
    for i, row in enumerate(rows):
        for j, item in enumerate(row):
            top, left = GUTTER + i * (h + GUTTER), GUTTER + j * (w + GUTTER)
            sheet[top : top + h, left : left + w] = cells[item]
    return sheet[..., 0] if c == 1 else sheet


def _rows(n: int, labels: np.ndarray | None) -> list[list[int]]:
    """Which items lie in each row of a grid."""
    if labels is not None and len(set(labels.tolist())) > 1:
        return [np.flatnonzero(labels == label).tolist() for label in np.unique(labels)]
    columns = math.ceil(math.sqrt(n))
    return [list(range(start, min(n, start + columns))) for start in range(0, n, columns)]


def _on_chequerboard(items: np.ndarray) -> np.ndarray:
    """(n, h, w, 4) -> (n, h, w, 3)."""
    n, h, w, _ = items.shape
    side = max(1, min(h, w) // 8)
    squares = (np.arange(h)[:, None] // side + np.arange(w) // side) % 2
    board = np.where(squares, 255, 204)[..., None]  # (h, w, 1)
    alpha = items[..., 3:] / 255
    return (items[..., :3] * alpha + board * (1 - alpha)).round().astype(np.uint8)


def _picture(item: np.ndarray) -> Image.Image:
    return Image.fromarray(item[..., 0] if item.shape[2] == 1 else item)


def folder_name(label: str) -> str:
    """A label as the name of a folder or a file: labels come from files of strangers and must not lead elsewhere."""
    return re.sub(r'[\x00-\x1f/\\:*?"<>|]|^\.+', "_", label) or "_"
