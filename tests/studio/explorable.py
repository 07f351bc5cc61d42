"""Runs of every kind that can be explored, hardly trained: tests of the interface and of the page share them."""

from pathlib import Path

import numpy as np
from PIL import Image

import sparring
from sparring.runs.explore import own_extractor
from tests.running import short_extractors

QUIET = {"watching.judge": 0, "hardware.threads": 1, "hardware.precision": "fp32", "batch": 8}
SMALL = QUIET | {"game.generator.width": 4, "game.discriminator.width": 4}
RUNS = {
    "dcgan": ("dcgan", "digits8", SMALL),
    "style": ("stylegan2", "digits8", SMALL),
    "vae": ("vae", "digits8", QUIET),
    "table": ("table-vae", "rows.csv", QUIET | {"split.test": 0.05}),
    "maps": ("pix2pix", "maps::photos", SMALL | {"perceptual": 0, "generator.kind": "unet", "resolution": 16}),
    "inpaint": ("inpaint", "photos", QUIET | {"game.restorer.width": 8, "game.restorer.blocks": 1, "game.discriminator.width": 4, "resolution": 16}),
}  # fmt: skip


def photo(h, w, mode="RGB"):
    draw = np.random.default_rng(h * w)
    return Image.fromarray(draw.integers(0, 256, (4, 4, len(mode)), dtype=np.uint8)).resize((w, h), Image.Resampling.BICUBIC)


def label_map(h, w):
    """Three classes side by side, written as the dark greys 0, 3 and 7."""
    return Image.fromarray(np.tile(np.repeat(np.array([0, 3, 7], np.uint8), -(-w // 3))[:w], (h, 1)))


def train(root: Path) -> None:
    """Data beside `root`/runs, and the network that judges digits in the cache."""
    for folder, picture in (("photos", photo), ("maps", label_map)):
        (root / folder).mkdir()
        for i in range(30):
            picture(20 + i, 18).save(root / folder / f"{i:02d}.png")
    draw = np.random.default_rng(0)
    rows = [f"{draw.integers(18, 80)},{('Ulm', 'Bonn', '<b>')[draw.integers(3)]}" for _ in range(300)]
    (root / "rows.csv").write_text("\n".join(["age,town", *rows]) + "\n")
    with short_extractors(10):
        for name, (recipe, data, settings) in RUNS.items():
            paths = [str(root / part) if (root / part).exists() else part for part in data.split("::")]
            run = sparring.train(recipe, "::".join(paths), run=root / "runs" / name, rounds=2, settings=settings)
            if recipe == "dcgan":
                own_extractor(run)
