"""Figures of a report: pictures as data addresses; curves, histograms and scatter plots as inline SVG.

Colours are classes (`real`, `generated`, `discriminator` ...) whose values the page's style gives, in light and in dark.
"""

import base64
import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from PIL import Image

from sparring.modalities.images import grid

WIDTH, HEIGHT = 400, 210
LEFT, RIGHT, TOP, BOTTOM = 46, 10, 12, 24
MOST_POINTS = 300
"""of a curve: a resumed run with a record every round has very many"""
LARGE = 250_000
"""bytes above which a picture is stored with losses"""
SIDE = 1200
"""pixels of the longest side of a sheet"""
BINS = 25
DOTS = 2000
PLANE = 3000
"""units of a scatter plot's side, so that coordinates are short integers"""


# ---- pictures


def image(picture: Image.Image, alt: str, largest: int = LARGE) -> str:
    """An <img> that carries its pixels: PNG, or WebP with small losses where that would be more than `largest` bytes."""
    stream, kind = io.BytesIO(), "png"
    picture.save(stream, "PNG", optimize=True)
    if stream.tell() > largest:
        stream, kind = io.BytesIO(), "webp"
        picture.save(stream, "WEBP", quality=80)
    data = base64.b64encode(stream.getvalue()).decode()
    width, height = picture.size
    return f'<img src="data:image/{kind};base64,{data}" width="{width}" height="{height}" alt="{escape(alt)}">'


def sheet(items: np.ndarray, alt: str, labels: np.ndarray | None = None) -> str:
    """Pictures (n, h, w, c) uint8 in a grid with transparent gutters, so that it lies well on a light and on a dark page."""
    colours = Image.fromarray(grid(items, labels)).convert("RGB")
    gutters = grid(np.zeros((*items.shape[:3], 1), np.uint8), labels)         # white where there is no picture
    colours.putalpha(Image.fromarray(255 - gutters))
    colours.thumbnail((SIDE, SIDE))
    return image(colours, alt)


# ---- curves


@dataclass(frozen=True)
class Series:
    """One curve: a value for each x; None where there is none."""

    name: str
    colour: str
    xs: Sequence[float]
    ys: Sequence[float | None]

    def finite(self) -> list[tuple[float, float]]:
        return [(x, y) for x, y in zip(self.xs, self.ys) if y is not None and math.isfinite(y)]


@dataclass(frozen=True)
class Mark:
    """A dashed horizontal line: what real items get, or the value at equilibrium."""

    name: str
    colour: str
    value: float


@dataclass(frozen=True)
class Scale:
    """Numbers to places on an axis, linear or logarithmic."""

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool = False

    def __call__(self, value: float) -> float:
        low, high = self.low, self.high
        if self.logarithmic:
            value, low, high = math.log10(max(value, self.low / 10)), math.log10(low), math.log10(high)
        return self.start + (value - low) / (high - low) * (self.end - self.start)

    def ticks(self) -> list[float]:
        if not self.logarithmic:
            return round_numbers(self.low, self.high)
        decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        ladder = (1,) if math.log10(self.high / self.low) > 2 else (1, 3)
        ticks = [m * 10.0**d for d in decades for m in ladder if self.low <= m * 10.0**d <= self.high]
        return ticks[:: max(1, math.ceil(len(ticks) / 5))]


def round_numbers(low: float, high: float, about: int = 4) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten between two numbers, about four of them."""
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = min((m * power for m in (1, 2, 5, 10)), key=lambda s: abs(s - rough))
    return [i * step for i in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]


def short(value: float) -> str:
    """A number for an axis."""
    if value and abs(value) < 0.001:
        return f"{value:.0e}".replace("e-0", "e-")
    if abs(value) >= 1e6:
        return f"{value / 1e6:g}M"
    return f"{value / 1e3:g}k" if abs(value) >= 1e4 else f"{round(value, 6):g}"


def axis_percent(share: float) -> str:
    return f"{100 * share:.3g}%"


def thinned(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """At most 300 points, each the mean of those that it stands for; the last one stays."""
    each = math.ceil(len(points) / MOST_POINTS)
    if each <= 1:
        return points
    return [tuple(np.mean(points[i : i + each], 0)) for i in range(0, len(points) - 1, each)] + [points[-1]]


def value_scale(values: list[float], marks: list[float], share: bool, linear: bool) -> Scale:
    """Room for nearly all values: a single spike must not flatten a curve."""
    if share:
        top = max([*values, *marks])
        return Scale(0, 1 if top > 0.4 else max(0.01, 1.15 * top), HEIGHT - BOTTOM, TOP)
    cut = 0.01 if len(values) > 50 else 0
    low, high = (float(v) for v in np.quantile(values, [cut, 1 - cut]))
    low, high = min([low, *marks]), max([high, *marks])
    if low > 0 and high / low > 30 and not linear:
        return Scale(low / 1.2, high * 1.2, HEIGHT - BOTTOM, TOP, logarithmic=True)
    room = 0.06 * (high - low) or 0.1 * abs(high) or 1.0
    return Scale(0 if 0 <= low < 0.3 * high else low - room, high + room, HEIGHT - BOTTOM, TOP)


def curves(
    title: str, series: Sequence[Series], marks: Sequence[Mark] = (), *, about: str = "", share: bool = False, linear: bool = False
) -> str:
    """Curves over rounds as a <figure>; nothing when no series has a point. `share`: in per cent. `linear`: never logarithmic."""
    drawn = [(s, thinned(points)) for s in series if (points := s.finite())]
    if not drawn:
        return ""
    y = value_scale([v for _, points in drawn for _, v in points], [m.value for m in marks], share, linear)
    last = max(points[-1][0] for _, points in drawn)
    x = Scale(0, last or 1, LEFT, WIDTH - RIGHT)
    body = [*_axes(x, y, share), *(_mark(m, y) for m in marks), *(_curve(s, points, x, y) for s, points in drawn)]
    legend = [(s.name, s.colour, "") for s, _ in drawn] + [(m.name, m.colour, "dashed") for m in marks]
    notes = [about] if about else []
    return figure(title, svg(WIDTH, HEIGHT, body, f"{title} over the rounds"), legend, " · ".join(notes + ["logarithmic"] * y.logarithmic))


def figure(title: str, drawing: str, legend: Sequence[tuple[str, str, str]] = (), about: str = "") -> str:
    keys = "".join(f'<span class="key {colour} {style}">{escape(name)}</span>' for name, colour, style in legend)
    words = f'<p class="about">{escape(about)}</p>' if about else ""
    return f'<figure class="chart"><figcaption><b>{escape(title)}</b> <span class="keys">{keys}</span></figcaption>{drawing}{words}</figure>'


def svg(width: int, height: int, body: Sequence[str], words: str) -> str:
    inside = "".join(body)
    return f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(words)}">{inside}</svg>'


def _axes(x: Scale, y: Scale, share: bool) -> Iterator[str]:
    for tick in y.ticks():
        place = y(tick)
        yield f'<path class="rule" d="M{LEFT} {place:.1f}H{WIDTH - RIGHT}"/>'
        yield f'<text class="tick" x="{LEFT - 6}" y="{place + 4:.1f}" text-anchor="end">{axis_percent(tick) if share else short(tick)}</text>'
    for tick in x.ticks():
        anchor = "end" if x(tick) > WIDTH - RIGHT - 14 else "middle"
        yield f'<text class="tick" x="{x(tick):.1f}" y="{HEIGHT - 7}" text-anchor="{anchor}">{short(tick)}</text>'


def _mark(mark: Mark, y: Scale) -> str:
    return f'<path class="mark {mark.colour}" d="M{LEFT} {y(mark.value):.1f}H{WIDTH - RIGHT}"/>'


def _curve(series: Series, points: list[tuple[float, float]], x: Scale, y: Scale) -> str:
    """The line, with a dot where it ends; what is off the scale runs along its edge."""
    inside = lambda place: min(max(place, TOP - 6), HEIGHT - BOTTOM)
    places = [(x(px), inside(y(py))) for px, py in points]
    path = "L".join(f"{px:.1f} {py:.1f}" for px, py in places)
    end = f'<circle class="end {series.colour}" cx="{places[-1][0]:.1f}" cy="{places[-1][1]:.1f}" r="2.6"/>'
    return f'<path class="line {series.colour}" d="M{path}"/>{end}'


# ---- histograms


def histogram(
    title: str, groups: Sequence[tuple[str, str, np.ndarray]], low: float, high: float, *, middle: float | None = None, about: str = ""
) -> str:
    """Shares of items by a value between low and high; groups of (name, colour, values). `middle`: where a dashed line stands."""
    shares = [np.histogram(np.clip(v, low, high), BINS, (low, high))[0] / max(len(v), 1) for _, _, v in groups]
    x, y = Scale(low, high, LEFT, WIDTH - RIGHT), Scale(0, max(0.01, 1.08 * max(s.max() for s in shares)), HEIGHT - BOTTOM, TOP)
    body = [f'<path class="rule" d="M{LEFT} {y(t):.1f}H{WIDTH - RIGHT}"/>'
            f'<text class="tick" x="{LEFT - 6}" y="{y(t) + 4:.1f}" text-anchor="end">{axis_percent(t)}</text>' for t in y.ticks()]  # fmt: skip
    body += [f'<text class="tick" x="{x(t):.1f}" y="{HEIGHT - 7}" text-anchor="middle">{short(t)}</text>' for t in x.ticks()]
    for (_, colour, _), heights in zip(groups, shares):
        steps = "".join(f"V{y(h):.1f}H{x(low + (i + 1) * (high - low) / BINS):.1f}" for i, h in enumerate(heights))
        body.append(f'<path class="area {colour}" d="M{LEFT} {y(0):.1f}{steps}V{y(0):.1f}Z"/>')
    if middle is not None:
        body.append(f'<path class="mark" d="M{x(middle):.1f} {TOP}V{HEIGHT - BOTTOM}"/>')
    return figure(title, svg(WIDTH, HEIGHT, body, title), [(name, colour, "") for name, colour, _ in groups], about)


# ---- points in the plane


@dataclass(frozen=True)
class Window:
    """A square of the plane."""

    centre: np.ndarray
    """(2,)"""
    half: float

    @classmethod
    def around(cls, points: np.ndarray) -> "Window":
        low, high = points.min(0), points.max(0)
        return cls((low + high) / 2, max(0.58 * float((high - low).max()), 1e-6))

    def raster(self, cells: int) -> np.ndarray:
        """Centres of cells, row by row from the top: (cells * cells, 2)."""
        axis = (np.arange(cells) + 0.5) / cells * 2 - 1
        xs, ys = np.meshgrid(axis, -axis)
        return np.stack([xs, ys], -1).reshape(-1, 2) * self.half + self.centre

    def places(self, points: np.ndarray) -> np.ndarray:
        """Whole units of the drawing, (m, 2), of the points that lie inside."""
        unit = (points - self.centre) / self.half * (1, -1)
        inside = np.abs(unit).max(1) <= 1                                      # false for points that are not finite
        return np.rint((unit[inside] + 1) / 2 * PLANE).astype(int)


def plane(points: np.ndarray) -> np.ndarray:
    """The first two coordinates, (n, 2); one coordinate lies on a line."""
    return (points if points.shape[1] > 1 else np.concatenate([points, np.zeros_like(points)], 1))[:, :2]


def scatter(
    title: str,
    groups: Sequence[tuple[str, str, np.ndarray]],
    window: Window,
    *,
    probability: np.ndarray | None = None,
    circle: tuple[str, np.ndarray, float] | None = None,
    about: str = "",
) -> str:
    """Dots of (name, colour, (n, 2)) groups. `probability` of being real, (cells * cells,) as `window.raster` lists places, is a heat map
    behind them; `circle` is (name, centre, radius)."""
    body = [] if probability is None else [_heat(probability)]
    for _, colour, points in groups:
        dots = "".join(f"M{a} {b}h0" for a, b in window.places(points[:DOTS]))
        body.append(f'<path class="dots {colour}" d="{dots}"/>')
    legend = [(name, colour, "dot") for name, colour, _ in groups]
    if circle is not None:
        name, centre, radius = circle
        (a, b), r = (centre - window.centre) / window.half * (1, -1), radius / window.half
        body.append(f'<circle class="ring" cx="{(a + 1) / 2 * PLANE:.0f}" cy="{(b + 1) / 2 * PLANE:.0f}" r="{r / 2 * PLANE:.0f}"/>')
        legend.append((name, "", "dashed"))
    return figure(title, svg(PLANE, PLANE, body, title), legend, about)


def _heat(probability: np.ndarray) -> str:
    """Blue where an item would pass for real, orange where it would not, clear where the discriminator cannot tell."""
    cells = math.isqrt(len(probability))
    p = np.clip(probability, 0, 1).reshape(cells, cells, 1)
    colour = np.where(p > 0.5, (70, 110, 200), (225, 105, 45))
    picture = np.concatenate([colour, 255 * 0.75 * np.abs(p - 0.5)], 2).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "PNG", optimize=True)
    data = base64.b64encode(stream.getvalue()).decode()
    return f'<image href="data:image/png;base64,{data}" width="{PLANE}" height="{PLANE}"/>'
