"""Columns of a table and pairs of them as inline SVG: how real and generated rows are distributed, one over the other or side by side."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape

import numpy as np
import pyarrow as pa

from sparring.metrics.table_rows import FINITE, aligned, array_of, codes, is_number
from sparring.modalities.table_columns import Column
from sparring.runs.figures import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Scale, axis_percent, figure, round_numbers, short, svg
from sparring.runs.report_words import number, percent

BARS, CELLS, BANDS = 40, 24, 12
"""bars of a number; cells of a number on either side of a density, and beside a category"""
SHOWN = 8
"""categories that are shown by themselves"""
CENTRE = (0.005, 0.995)
"""quantiles of the real rows between which a number is drawn; what lies outside is counted at the ends"""
SPIKE, FEW = 0.5, 10
"""share of the real rows from which one value is told in words and not drawn, and different values up to which it is drawn all the same"""
LONG, SHORT = 17, 11
"""letters of a category's name in a column of names, and in a slanting row of them"""
LETTER, CAPITAL = 5.9, 7.6
"""units of a letter of a name and of a large one, about"""
PAIR, PANEL, BETWEEN, TITLE, FOOT, SLANT = 540, 190, 16, 26, 34, 76
"""width of a pair; height of its panels, room between them, above them, under them, and there with slanting names"""
LEVELS = 14
"""shades of a heat map"""
SIDES = (("training rows", "real"), ("generated", "generated"))


@dataclass(frozen=True)
class Axis:
    """A column cut into cells. rows: of the real rows and of the generated ones, which cell each is in (n,), -1 for a missing value; ticks: what is
    written where, in cells from the beginning."""

    name: str
    number: bool
    cells: int
    rows: tuple[np.ndarray, np.ndarray]
    ticks: Sequence[tuple[float, str]]

    @cached_property
    def missing(self) -> bool:
        return any((rows < 0).any() for rows in self.rows)

    def closed(self) -> "Axis":
        """The same with a last cell for missing values, if there are any."""
        if not self.missing:
            return self
        rows = tuple(np.where(rows < 0, self.cells, rows) for rows in self.rows)
        ticks = [(place, text) for place, text in self.ticks if place < 0.65 * self.cells or not self.number]
        return Axis(self.name, self.number, self.cells + 1, rows, [*ticks, (self.cells + 0.5, "missing")])

    def shares(self) -> list[np.ndarray]:
        """Of all rows of either side the share in each cell."""
        return [np.bincount(rows[rows >= 0], minlength=self.cells) / max(len(rows), 1) for rows in self.rows]


def axis_of(column: Column, real: pa.Table, made: pa.Table, most: int) -> Axis:
    """A number in `most` cells or fewer of equal width, which the real rows lay down; categories one by one, the rarer ones together."""
    return _numbers(column, real, made, most) if is_number(column) else _categories(column, real, made)


def _numbers(column: Column, real: pa.Table, made: pa.Table, most: int) -> Axis:
    values = [x[:, 0] for x in aligned([column], real, made)]
    known = np.clip(np.sort(values[0][np.isfinite(values[0])]), -FINITE, FINITE)           # their difference is finite too
    low, high = (float(known[round(q * (len(known) - 1))]) for q in CENTRE) if len(known) else (0.0, 0.0)
    if low == high and len(known):
        low, high = float(known[0]), float(known[-1])
    decimals = 0 if column.kind == "integer" else column.decimals if column.kind == "real" else None
    unit = 0.0 if decimals is None else 10.0**-decimals                        # a cell holds as many possible values as the next one
    width = (high - low + unit) / most or 1.0
    if unit:
        width = unit * math.ceil(width / unit - 1e-9)
    start, cells = low - unit / 2, max(1, math.ceil((high - low + unit) / width - 1e-9))
    place = lambda x: np.clip(np.floor((np.clip(x, low, high) - start) / width), 0, cells - 1)
    rows = tuple(np.where(np.isnan(x), -1, place(x)).astype(np.int64) for x in values)
    ticks = _days(start, start + cells * width) if column.kind == "date" else [(t, short(t)) for t in round_numbers(start, start + cells * width)]
    return Axis(column.name, True, cells, rows, [((at - start) / width, text) for at, text in ticks])


def _days(low: float, high: float, most: int = 4) -> list[tuple[float, str]]:
    """Beginnings of years, months, days or less between two numbers of microseconds since 1970."""
    for unit in ("Y", "M", "D", "h", "m", "s", "us"):
        first, last = (np.datetime64(round(at), "us").astype(f"M8[{unit}]") for at in (low, high))
        days = np.arange(first + 1, last + 1)
        if len(days) >= most - 1:
            break
    return [(float(day.astype("M8[us]").astype(np.int64)), str(day)) for day in days[:: max(1, math.ceil(len(days) / most))]]


def _categories(column: Column, real: pa.Table, made: pa.Table) -> Axis:
    both, names = codes([array_of(table, column) for table in (real, made)])
    alone = len(names) if len(names) <= SHOWN + 1 else SHOWN
    texts = names[:alone] + ([f"{len(names) - alone:,} others"] if alone < len(names) else [])
    rows = tuple(np.where(np.isnan(x), -1, np.minimum(x, alone)).astype(np.int64) for x in both)
    return Axis(column.name, False, max(1, len(texts)), rows, [(k + 0.5, text) for k, text in enumerate(texts)])


def names_width(axis: Axis) -> float:
    """Units that what is written on the left takes."""
    return 12 + max((sum(CAPITAL if letter.isupper() else LETTER for letter in cut(text, LONG)) for _, text in axis.ticks), default=0)


def cut(text: str, most: int) -> str:
    text = " ".join(text.split()) or "(empty)"
    return text if len(text) <= most else text[: most - 1] + "…"


# ---- columns


def column_figure(column: Column, real: pa.Table, made: pa.Table, about: str) -> str:
    """Real and generated rows by the values of a column, one over the other."""
    legend = [(words, colour, "") for words, colour in SIDES]
    if not is_number(column):
        body = _bars(axis_of(column, real, made, SHOWN).closed())
        return figure(column.name, svg(WIDTH, HEIGHT, list(body), f"how often values of {column.name} occur"), legend, about)
    values, said = [x[:, 0] for x in aligned([column], real, made)], [about]
    if any(np.isnan(x).any() for x in values):
        said.append(f"Missing in {_of_both(np.isnan(x) for x in values)}.")
    if (spike := _spike(values[0])) is not None:
        value = str(np.datetime64(int(spike), "us").astype("M8[s]")) if column.kind == "date" else number(spike)
        said.append(f"{value} in {_of_both(x == spike for x in values)}; the others are drawn.")
        real, made = (table.filter(pa.array(x != spike)) for table, x in zip((real, made), values))
    body = _steps(axis_of(column, real, made, BARS))
    return figure(column.name, svg(WIDTH, HEIGHT, list(body), f"how {column.name} is distributed"), legend, " ".join(said))


def _spike(x: np.ndarray) -> float | None:
    """The one value that most rows have, if there are others to draw."""
    levels, counts = np.unique(x[np.isfinite(x)], return_counts=True)
    return float(levels[counts.argmax()]) if len(levels) > FEW and counts.max() >= SPIKE * len(x) else None


def _of_both(where: Iterable[np.ndarray]) -> str:
    return " and ".join(f"{percent(float(rows.mean()))} of {side}" for rows, side in zip(where, ("real rows", "generated ones")))


def _steps(axis: Axis) -> Iterator[str]:
    """Two histograms."""
    shares = axis.shares()
    x = Scale(0, axis.cells, LEFT, WIDTH - RIGHT)
    y = Scale(0, 1.08 * max(float(s.max()) for s in shares) or 1.0, HEIGHT - BOTTOM, TOP)
    for tick in y.ticks():
        yield f'<path class="rule" d="M{LEFT} {y(tick):.1f}H{WIDTH - RIGHT}"/>'
        yield f'<text class="tick" x="{LEFT - 6}" y="{y(tick) + 4:.1f}" text-anchor="end">{axis_percent(tick)}</text>'
    for place, text in axis.ticks:
        yield f'<text class="tick" x="{x(place):.1f}" y="{HEIGHT - 7}" text-anchor="middle">{escape(text)}</text>'
    for (_, colour), heights in zip(SIDES, shares):
        steps = "".join(f"V{y(h):.1f}H{x(i + 1):.1f}" for i, h in enumerate(heights))
        yield f'<path class="area {colour}" d="M{LEFT} {y(0):.1f}{steps}V{y(0):.1f}Z"/>'


def _bars(axis: Axis) -> Iterator[str]:
    """Two bars for every category."""
    shares, left = axis.shares(), names_width(axis)
    x = Scale(0, 1.05 * max(float(s.max()) for s in shares) or 1.0, left, WIDTH - RIGHT)
    row = min(34, (HEIGHT - BOTTOM - TOP) / axis.cells)
    end = TOP + row * axis.cells
    for tick in x.ticks():
        yield f'<path class="rule" d="M{x(tick):.1f} {TOP}V{end:.1f}"/>'
        yield f'<text class="tick" x="{x(tick):.1f}" y="{end + 17:.1f}" text-anchor="middle">{axis_percent(tick)}</text>'
    for place, text in axis.ticks:
        yield f'<text class="tick" x="{left - 7:.1f}" y="{TOP + row * place + 4:.1f}" text-anchor="end">{escape(cut(text, LONG))}</text>'
    for side, ((_, colour), lengths) in enumerate(zip(SIDES, shares)):
        thick = 0.4 * row
        bars = "".join(f"M{left:.1f} {TOP + row * (k + 0.1) + side * thick:.1f}H{x(s):.1f}v{thick:.1f}H{left:.1f}Z" for k, s in enumerate(lengths))
        yield f'<path class="area {colour}" d="{bars}"/>'


# ---- pairs


def pair_figure(columns: tuple[Column, Column], real: pa.Table, made: pa.Table, about: str) -> str:
    """Real and generated rows by the values of two columns, side by side: the darker, the more rows, on one scale for both."""
    numbers = sum(is_number(column) for column in columns)
    axes = [axis_of(column, real, made, CELLS if numbers == 2 else BANDS).closed() for column in columns]
    across, up = axes if axes[0].number or not axes[1].number and axes[0].cells < axes[1].cells else axes[::-1]
    maps = [np.bincount(a * up.cells + b, minlength=across.cells * up.cells) / max(len(a), 1) for a, b in zip(across.rows, up.rows)]
    most, left = max(float(shares.max()) for shares in maps), 18 + names_width(up)
    wide, height = (PAIR - left - BETWEEN - 6) / 2, TITLE + PANEL + (FOOT if across.number else SLANT)
    middle = f'transform="translate(11 {TITLE + PANEL / 2}) rotate(-90)"'
    body = [f'<text class="tick" {middle} text-anchor="middle">{escape(cut(up.name, 2 * LONG))}</text>', *_side(up, left)]
    for side, ((words, colour), shares) in enumerate(zip(SIDES, maps)):
        start = left + side * (wide + BETWEEN)
        body.append(f'<text class="tick {colour}" x="{start:.1f}" y="{TITLE - 9}">{words}</text>')
        body += _shades(shares, most, across, up, start, wide, colour)
        body += [f'<rect class="rule" x="{start:.1f}" y="{TITLE}" width="{wide:.1f}" height="{PANEL}"/>', *_foot(across, start, wide)]
    middle = f'x="{left + wide + BETWEEN / 2:.1f}" y="{height - 4}"'
    body.append(f'<text class="tick" {middle} text-anchor="middle">{escape(cut(across.name, 3 * LONG))}</text>')
    name = " and ".join(column.name for column in columns)
    return figure(name, svg(PAIR, height, body, f"how {name} go together, in real and in generated rows"), about=about)


def _shades(shares: np.ndarray, most: float, across: Axis, up: Axis, left: float, wide: float, colour: str) -> Iterator[str]:
    """A path for every shade; shades go with the root of the share, so that what is rare is still seen."""
    edges = lambda start, size, cells: [f"{start + size * k / cells:.1f}" for k in range(cells + 1)]
    xs, ys = edges(left, wide, across.cells), edges(TITLE, PANEL, up.cells)
    shade = np.ceil(LEVELS * np.sqrt(shares / (most or 1.0))).astype(int).reshape(across.cells, up.cells)
    shade = shade[:, ::-1] if up.number else shade                             # numbers go up, categories down
    for level in range(1, LEVELS + 1):
        path = "".join(f"M{xs[i]} {ys[j]}H{xs[i + 1]}V{ys[j + 1]}H{xs[i]}z" for i, j in np.argwhere(shade == level).tolist())
        if path:
            yield f'<path class="shade {colour}" fill-opacity="{level / LEVELS:.2f}" d="{path}"/>'


def _side(axis: Axis, left: float) -> Iterator[str]:
    for place, text in axis.ticks:
        at = 1 - place / axis.cells if axis.number else place / axis.cells
        yield f'<text class="tick" x="{left - 7:.1f}" y="{TITLE + PANEL * at + 4:.1f}" text-anchor="end">{escape(cut(text, LONG))}</text>'


def _foot(axis: Axis, left: float, wide: float) -> Iterator[str]:
    for place, text in axis.ticks:
        last = axis.number and place > axis.cells - 1                          # what is written at the end must not reach into the next panel
        at, anchor = left + wide * (1 if last else place / axis.cells), "middle" if axis.number and not last else "end"
        turned = "" if axis.number else " rotate(-38)"
        where = f'transform="translate({at:.1f} {TITLE + PANEL + 15}){turned}" text-anchor="{anchor}"'
        yield f'<text class="tick" {where}>{escape(cut(text, SHORT))}</text>'
