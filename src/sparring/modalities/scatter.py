"""Scatter plots as PNG bytes: real points, generated points, and the discriminator's probability as a heat map."""

import io
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw

SIDE, CELLS, DOTS = 480, 60, 2500
REAL, FAKE = (60, 90, 160, 150), (214, 84, 40, 190)


def draw(fake: np.ndarray, real: np.ndarray | None, probability: Callable[[np.ndarray], np.ndarray] | None) -> bytes:
    """`fake` and `real` (n, >= 1) in data units; `probability` maps (m, 2) to (m,) in [0, 1]. Blue is real, orange generated."""
    fake, real = (None if p is None else (p if p.shape[1] > 1 else np.concatenate([p, np.zeros_like(p)], 1))[:DOTS, :2] for p in (fake, real))
    frame = real if real is not None else fake
    low, high = frame.min(0), frame.max(0)
    centre, half = (low + high) / 2, max(float((high - low).max()) * 0.58, 1e-6)
    picture = Image.new("RGBA", (SIDE, SIDE), (255, 255, 255, 255))
    if probability is not None:
        axis = (np.arange(CELLS) + 0.5) / CELLS * 2 - 1
        xs, ys = np.meshgrid(axis, -axis)
        p = np.clip(probability(np.stack([xs, ys], -1).reshape(-1, 2) * half + centre), 0, 1).reshape(CELLS, CELLS, 1)
        cold, white, warm = (np.array(c) for c in ((247, 209, 186), (255, 255, 255), (190, 208, 240)))
        heat = np.where(p < 0.5, cold + (white - cold) * 2 * p, white + (warm - white) * (2 * p - 1))
        picture = Image.fromarray(heat.astype(np.uint8)).resize((SIDE, SIDE), Image.Resampling.BICUBIC).convert("RGBA")
    for points, colour in ((real, REAL), (fake, FAKE)):
        if points is not None:
            layer = Image.new("RGBA", picture.size, (0, 0, 0, 0))
            pen = ImageDraw.Draw(layer)
            places = (np.clip((points - centre) / half, -1.5, 1.5) * (1, -1) + 1) / 2 * SIDE
            for x, y in places[np.isfinite(places).all(1)]:
                pen.ellipse((x - 1.6, y - 1.6, x + 1.6, y + 1.6), fill=colour)
            picture = Image.alpha_composite(picture, layer)
    stream = io.BytesIO()
    picture.convert("RGB").save(stream, "PNG")
    return stream.getvalue()
