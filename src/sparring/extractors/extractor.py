"""What every feature network gives, and how features of a whole collection are computed."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from sparring.base.files import cache, hash_bytes, new_folder, touch, write_json

BATCH = 250


class Extractor(nn.Module, ABC):
    """Items as games see them (pictures: floats in [-1, 1], (n, c, h, w)) to features (n, d)."""

    name: str
    """what reports call it: cnn-digits, efficientnet-lite0, pixels"""
    dimension: int
    """numbers in a feature vector"""
    test_accuracy: float | None = None
    """of a classifier on items it was not trained on"""

    @abstractmethod
    def features(self, x: Tensor) -> Tensor:
        """(n, ...) -> (n, dimension)"""

    def maps(self, x: Tensor) -> list[Tensor]:
        """What the network sees on its way, (n, c_l, h_l, w_l) each, the finest first: for perceptual distances."""
        raise NotImplementedError(f"{self.name} has no maps")

    def head(self, features: Tensor) -> Tensor | None:
        """Class scores (n, classes) from features; None when it is no classifier."""
        return None

    def classify(self, x: Tensor) -> Tensor | None:
        """Class scores (n, classes) of items; None when it is no classifier."""
        return self.head(self.features(x))

    @cached_property
    def hash(self) -> str:
        """Of the name and every weight: two extractors with equal hashes give equal features."""
        weights = [name.encode() + tensor.cpu().contiguous().numpy().tobytes() for name, tensor in sorted(self.state_dict().items())]
        return hash_bytes(f"{type(self).__name__} {self.name} {self.dimension}".encode(), *weights)[:16]


class Numbers(Extractor):
    """The items' own numbers: coordinates of points, and pictures shrunk to at most 16 pixels a side by averaging."""

    SIDE = 16

    def __init__(self, shape: tuple[int, ...]):
        super().__init__()
        self.name = "pixels" if len(shape) == 3 else "coordinates"
        self.sides = tuple(min(self.SIDE, side) for side in shape[1:])
        self.dimension = shape[0]
        for side in self.sides:
            self.dimension *= side

    def features(self, x: Tensor) -> Tensor:
        if x.dim() == 4 and x.shape[2:] != self.sides:
            x = nn.functional.adaptive_avg_pool2d(x, self.sides)
        return x.flatten(1)


@torch.no_grad()
def extract(extractor: Extractor, expand: Callable[[dict], dict], x: Tensor) -> Tensor:
    """Features (n, d) in float32 of compact items (n, ...), in batches of 250 and in evaluation mode. Draws nothing at random."""
    extractor.eval()
    with torch.autocast(x.device.type, enabled=False):
        return torch.cat([extractor.features(expand({"x": rows})["x"].float()).float() for rows in x.split(BATCH)])


def extract_cached(extractor: Extractor, expand: Callable[[dict], dict], x: Tensor) -> Tensor:
    """The same for items that are judged again and again, whose features are kept in the cache by their content, how they are expanded, and the
    extractor."""
    key = hash_bytes(content(x), content(expand({"x": x[:8]})["x"]), extractor.hash.encode())[:32]
    folder = cache() / "features" / key
    kept = read_tensors(folder)
    if kept is None:
        kept = write_tensors(folder, {"features": extract(extractor, expand, x).cpu()}, {"extractor": extractor.name})
    return kept["features"]


def content(x: Tensor) -> bytes:
    """Shape, type and bytes of a tensor, for hashes."""
    return f"{tuple(x.shape)} {x.dtype}".encode() + x.cpu().contiguous().numpy().tobytes()


def read_tensors(folder: Path) -> dict[str, Tensor] | None:
    """Tensors of a cache entry, None when it is absent; a damaged one counts as absent."""
    try:
        tensors = load_file(folder / "tensors.safetensors")
    except (OSError, SafetensorError):
        return None
    touch(folder)
    return tensors


def write_tensors(folder: Path, tensors: dict[str, Tensor], facts: dict) -> dict[str, Tensor]:
    """Makes a cache entry of tensors and of what they are (facts.json), and returns the tensors."""
    with new_folder(folder) as temporary:
        save_file({name: tensor.detach().contiguous() for name, tensor in tensors.items()}, temporary / "tensors.safetensors")
        write_json(temporary / "facts.json", facts)
    return tensors
