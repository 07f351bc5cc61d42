"""Points: rows of numbers from a file, and mixtures in the plane whose density is known."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sparring.base import files
from sparring.base.errors import UserError
from sparring.base.seeding import generator, seed_of
from sparring.base.settings import dump, load
from sparring.base.space import PointSpace
from sparring.modalities.settings import Points
from sparring.modalities.source import Codec, Source

# ---- known densities


@dataclass(frozen=True)
class Mixture:
    """Gaussians of one standard deviation and equal weights."""

    means: np.ndarray
    """(modes, d)"""
    sigma: float

    def sample(self, n: int, seed: int) -> np.ndarray:
        """n points, (n, d) float32; a function of the seed."""
        draw = np.random.default_rng(seed_of("mixture", seed))
        modes = draw.integers(len(self.means), size=n)
        return (self.means[modes] + self.sigma * draw.standard_normal((n, self.means.shape[1]))).astype(np.float32)


@dataclass(frozen=True)
class Spiral:
    """Two arms of an Archimedean spiral with gaussian noise; a density without modes."""

    sigma: float = 0.02
    means: None = None

    def sample(self, n: int, seed: int) -> np.ndarray:
        draw = np.random.default_rng(seed_of("spiral", seed))
        angle = np.sqrt(draw.random(n)) * 3 * np.pi
        arm = draw.integers(2, size=n) * np.pi
        arms = (angle / (3 * np.pi))[:, None] * np.stack([np.cos(angle + arm), np.sin(angle + arm)], 1)
        return (arms + self.sigma * draw.standard_normal((n, 2))).astype(np.float32)


def ring() -> Mixture:
    """8 gaussians of sigma 0.01 on the unit circle (Lin et al. 2018, PacGAN, section 4.1)."""
    angle = np.arange(8) * np.pi / 4
    return Mixture(np.stack([np.cos(angle), np.sin(angle)], 1), 0.01)


def grid() -> Mixture:
    """25 gaussians of sigma 0.05 at {-4, -2, 0, 2, 4}^2 (Lin et al. 2018, PacGAN, section 4.1)."""
    axis = np.arange(-4, 5, 2.0)
    return Mixture(np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2), 0.05)


DENSITIES = {"ring": ring, "grid": grid, "spiral": Spiral}
BUILTIN_COUNT = 100_000


# ---- source


@dataclass
class PointSource(Source):
    """Rows of a table of numbers."""

    items: np.ndarray
    """(n, d) float32"""
    name: str
    columns: tuple[str, ...]
    labels: np.ndarray | None = None
    classes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    density: Mixture | Spiral | None = None
    """where it is known: what metrics compare with"""
    kind: str = field(default="points", init=False)

    def __len__(self) -> int:
        return len(self.items)

    def hashes(self) -> list[str]:
        return [files.hash_bytes(row.tobytes()) for row in np.ascontiguousarray(self.items)]

    def describe(self) -> dict[str, Any]:
        columns = [
            {"name": name, "mean": float(c.mean()), "std": float(c.std()), "min": float(c.min()), "max": float(c.max())}
            for name, c in zip(self.columns, self.items.T)
        ]
        labels = {c: int((self.labels == i).sum()) for i, c in enumerate(self.classes)} if self.labels is not None else {}
        return {
            "kind": "points", "name": self.name, "count": len(self), "dimensions": self.items.shape[1], "columns": columns, "labels": labels,
            "duplicates": len(self) - len(np.unique(self.items, axis=0)), "problems": list(self.problems),
        }  # fmt: skip


def builtin(name: str) -> PointSource:
    """100,000 points of `ring`, `grid` or `spiral`, always the same."""
    density = DENSITIES[name]()
    return PointSource(density.sample(BUILTIN_COUNT, seed=0), name, ("x", "y"), density=density)


def from_array(items: np.ndarray, name: str, where: str = "the array") -> PointSource:
    """Rows of an array (n, d) of real numbers; rows that are not finite are left out and named."""
    if items.ndim != 2 or not np.issubdtype(items.dtype, np.number) or np.iscomplexobj(items):
        raise UserError(f"{where} must be a table of real numbers (n, d), not {items.dtype} of shape {items.shape}")
    return _checked(items.astype(np.float32), None, tuple(f"x{i}" for i in range(items.shape[1])), name, where)


def open_points(path: Path) -> PointSource:
    """A .csv of numbers; a header is optional, a column called label or class holds labels, an empty cell is a missing value."""
    import csv

    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            rows = [row for row in csv.reader(file) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"cannot read {path} as CSV ({error})") from None
    if not rows:
        raise UserError(f"{path} is empty: a CSV of points has one row of numbers a point")
    named = not all(map(_is_number, rows[0]))
    header = tuple(c.strip() for c in rows.pop(0)) if named else tuple(f"x{i}" for i in range(len(rows[0])))
    at = next((i for i, c in enumerate(header) if c.lower() in ("label", "class")), None)
    numbers, names = [], []
    for line, row in enumerate(rows, 1 + named):
        if len(row) != len(header):
            raise UserError(f"{path} line {line} has {len(row)} columns where {len(header)} are expected")
        cells = [c for i, c in enumerate(row) if i != at]
        if wrong := [c for c in cells if not _is_number(c)]:
            what = "points are rows of numbers (with an optional column `label`), others are tables"
            raise UserError(f"{path} line {line}: {wrong[0]!r} is no number; {what}")
        numbers.append([_number(c) for c in cells])
        names.append(row[at] if at is not None else "")
    columns = tuple(c for i, c in enumerate(header) if i != at)
    return _checked(np.array(numbers, np.float32).reshape(-1, len(columns)), names if at is not None else None, columns, path.stem, str(path))


def _checked(items: np.ndarray, names: list[str] | None, columns: tuple[str, ...], name: str, where: str) -> PointSource:
    good = np.isfinite(items).all(1)
    problems = (f"left out {(~good).sum()} of {len(good)} rows, which have missing or infinite values",) if not good.all() else ()
    if not good.any():
        raise UserError(f"{where} has no row of finite numbers")
    classes = tuple(sorted(set(names))) if names else ()
    labels = np.array([classes.index(n) for n in names])[good] if names else None
    return PointSource(items[good], name, columns, labels, classes, problems)


def _is_number(cell: str) -> bool:
    try:
        _number(cell)
    except ValueError:
        return False
    return True


def _number(cell: str) -> float:
    return float(cell.strip() or "nan")


# ---- codec


@dataclass
class PointCodec(Codec):
    """Standardised rows of float32."""

    encoding: Points
    space: PointSpace
    mean: np.ndarray
    """(d,)"""
    scale: np.ndarray
    """(d,)"""
    columns: tuple[str, ...]
    file_name = "points.csv"

    def encode(self, source: PointSource, rows: np.ndarray | None = None) -> dict[str, Tensor]:
        rows = slice(None) if rows is None else rows
        batch = {"x": self.compact(source.items[rows])}
        if source.labels is not None and self.space.labels:
            batch["y"] = torch.from_numpy(self.numbers(source)[rows])
        return batch

    def facts(self, source: PointSource) -> dict[str, Any]:
        """The finest detail: the median radius that holds a hundredth of the points, in units of the codec."""
        rows = torch.randperm(len(source), generator=generator("detail"))[:2000].numpy()
        x = self.compact(source.items[rows]).double()
        return {"detail": float(torch.cdist(x, x).kthvalue(max(2, len(x) // 100), 1).values.median()) if len(x) > 1 else 1.0}

    def expand(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        return batch

    def decode(self, x: Tensor) -> np.ndarray:
        return x.detach().cpu().double().numpy() * self.scale + self.mean

    def compact(self, items: np.ndarray) -> Tensor:
        if items.ndim != 2 or items.shape[1] != len(self.mean):
            raise UserError(f"points must have {len(self.mean)} columns, not the shape {items.shape}")
        return torch.from_numpy(((items - self.mean) / self.scale).astype(np.float32))

    def write(self, items: np.ndarray, out: Path, labels: np.ndarray | None = None) -> None:
        kind = out.suffix.lower()
        if kind not in (".csv", ".npy", ".npz"):
            raise UserError(f"points cannot be written to {out}: end the name in .csv, .npy or .npz")
        out.parent.mkdir(parents=True, exist_ok=True)
        if kind == ".npy":
            np.save(out, items.astype(np.float32))
            return
        if kind == ".npz":
            named = {} if labels is None else {"y": labels, "classes": np.array(self.space.labels)}
            np.savez_compressed(out, x=items.astype(np.float32), **named)
            return
        lines = [",".join([*self.columns, *(["label"] if labels is not None else [])])]
        for i, row in enumerate(items):
            lines.append(",".join([*(f"{v:.6g}" for v in row), *([self.space.labels[labels[i]]] if labels is not None else [])]))
        files.write(out, "\n".join(lines) + "\n")

    def preview(self, items: np.ndarray, path: Path, labels: np.ndarray | None = None, real: np.ndarray | None = None, score: Any = None) -> None:
        """A scatter plot of the first two columns. `real` (n, d) is drawn below; `score` maps points (n, d) to the probability
        that they are real, drawn as a heat map where d is 2."""
        from sparring.modalities.scatter import draw

        files.write(path, draw(items, real, score if len(self.mean) == 2 else None))

    def baseline(self, compact: Tensor, n: int, seed: int) -> Tensor:
        """One gaussian with the training items' mean and covariance (independent columns would be the true density of a grid)."""
        draw = generator("baseline", seed)
        x = compact.double()
        values, vectors = torch.linalg.eigh(torch.cov(x.T).reshape(x.shape[1], x.shape[1]))
        z = torch.randn(n, x.shape[1], generator=draw, dtype=torch.float64) * values.clamp_min(0).sqrt()
        return (z @ vectors.T + x.mean(0)).float()

    def spoil(self, compact: Tensor, seed: int) -> Tensor:
        """Noise as large as the data."""
        return compact + torch.randn(compact.shape, generator=generator("spoil", seed)) * compact.std(0)

    def save(self, folder: Path) -> None:
        content = {
            "encoding": dump(self.encoding), "space": dump(self.space), "columns": self.columns,
            "mean": self.mean.tolist(), "scale": self.scale.tolist(),
        }  # fmt: skip
        (folder / "codec.json").write_text(json.dumps(content, indent=2), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> "PointCodec":
        saved = files.read_json(folder / "codec.json")
        space, encoding = load(PointSpace, saved["space"]), load(Points, saved["encoding"])
        return cls(encoding, space, np.array(saved["mean"]), np.array(saved["scale"]), tuple(saved["columns"]))


def fit(source: PointSource, encoding: Points) -> PointCodec:
    """One scale for all columns, so that distances keep their meaning: the root mean square over all of them."""
    d = source.items.shape[1]
    mean, scale = np.zeros(d), np.ones(d)
    if encoding.standardise:
        mean = source.items.mean(0, dtype=np.float64)
        scale = np.full(d, max(float(np.sqrt((source.items - mean).astype(np.float64).var(0).mean())), 1e-12))
    return PointCodec(encoding, PointSpace(shape=(d,), labels=source.classes), mean, scale, source.columns)


