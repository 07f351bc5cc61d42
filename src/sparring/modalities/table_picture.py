"""A table at a glance, as PNG bytes: a panel of bars for every column."""

import io
from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image, ImageDraw

from sparring.modalities.scatter import FAKE, REAL

PANEL, GAP, ACROSS, MOST = (150, 84), 12, 4, 24
"""pixels of a panel, and between two; panels in a row, and at most"""
BARS = 48
"""bars of a panel: more possibilities than that share bars"""
TITLE, INK, PAPER = 13, (40, 40, 40, 255), (255, 255, 255, 255)


def draw(columns: Mapping[str, Sequence[np.ndarray]], compared: bool) -> bytes:
    """`columns`: counts (k,) of every possibility, of real rows (blue) and of generated ones (orange), or of one of both."""
    shown = dict(list(columns.items())[:MOST])
    across = min(ACROSS, max(1, len(shown)))
    cell = (PANEL[0] + GAP, PANEL[1] + GAP + TITLE)
    size = (across * cell[0] + GAP, -(-max(1, len(shown)) // across) * cell[1] + GAP)
    picture = Image.new("RGBA", size, PAPER)
    for place, (name, counts) in enumerate(shown.items()):
        left, top = GAP + place % across * cell[0], GAP + place // across * cell[1]
        ImageDraw.Draw(picture).text((left, top), name if len(name) <= 24 else name[:23] + "~", fill=INK)
        heights = [bars(held) for held in counts]
        highest = max(float(h.max()) for h in heights) or 1.0
        for h, colour in zip(heights, (REAL, FAKE) if compared else (FAKE,)):
            layer = Image.new("RGBA", size, (0, 0, 0, 0))
            pen, width = ImageDraw.Draw(layer), PANEL[0] / len(h)
            for i, height in enumerate(h):
                spot = left + i * width, top + TITLE + PANEL[1] * (1 - height / highest)
                pen.rectangle((*spot, max(spot[0], left + (i + 1) * width - 1), top + TITLE + PANEL[1]), fill=colour)
            picture = Image.alpha_composite(picture, layer)
    stream = io.BytesIO()
    picture.convert("RGB").save(stream, "PNG")
    return stream.getvalue()


def bars(counts: np.ndarray) -> np.ndarray:
    """Shares of at most `BARS` stretches of neighbouring possibilities."""
    starts = np.arange(min(BARS, len(counts))) * len(counts) // min(BARS, len(counts))
    return np.add.reduceat(counts, starts) / max(1, counts.sum())
