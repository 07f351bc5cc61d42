"""The sections of a report that show rows of a table."""

import tempfile
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from PIL import Image

from sparring.base.errors import UserError
from sparring.base.seeding import generator
from sparring.metrics.table_rows import is_number
from sparring.metrics.tables import worst
from sparring.modalities.table_columns import Column
from sparring.modalities.table_types import as_text
from sparring.runs.figures import image
from sparring.runs.report_material import SEED, Material
from sparring.runs.report_words import percent
from sparring.runs.table_figures import column_figure, pair_figure

ROWS, COUNTED, RESTORED, DRAWN = 8, 2500, 500, 5000
"""rows shown; rows that bars are of; rows that are reconstructed; rows that the worst columns are drawn of"""
COLUMNS, PAIRS = 6, 4
"""columns and pairs that are drawn"""


def samples(material: Material) -> str:
    """How often every value occurs, generated beside real, and some rows of both."""
    real, made = material.items(material.some(material.shown_part, COUNTED, "shown")["x"]), material.run.items(COUNTED, seed=SEED)
    with tempfile.TemporaryDirectory() as folder:
        material.run.codec.preview(made, Path(folder) / "bars.png", real=real)
        with Image.open(Path(folder) / "bars.png") as picture:
            bars = image(picture.convert("RGB"), "how often values of every column occur, in real and in generated rows")
    part = "training" if material.shown_part == "train" else "held-out"
    about = f"Blue: {len(real):,} {part} rows, orange: {len(made):,} generated ones; numbers and bins of numbers from the least to the greatest."
    return f'{bars}<p class="about">{about}</p><h3>Generated rows</h3>{rows(material, made)}<h3>Real rows</h3>{rows(material, real)}'


def rows(material: Material, table: pa.Table) -> str:
    """The first rows as HTML."""
    cells = as_text(table.slice(0, ROWS), material.run.codec.columns).to_pylist()
    head = "".join(f"<th>{escape(name)}</th>" for name in table.column_names)
    body = "".join("<tr>" + "".join(f"<td>{escape(str(v)) if v is not None else ''}</td>" for v in row.values()) + "</tr>" for row in cells)
    return f'<div class="scroll" style="overflow-x:auto"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def reconstructions(material: Material) -> str:
    """The share of cells of every column that come back as they were."""
    items = material.items(material.some(material.shown_part, RESTORED, "reconstructed")["x"])
    back = material.run.reconstruct(items)
    kept = {name: kept_share(items[name], back[name]) for name in items.column_names}
    lines = "".join(f"<tr><td>{escape(name)}</td><td>{percent(share)}</td></tr>" for name, share in sorted(kept.items(), key=lambda pair: pair[1]))
    words = f"<p>Of {len(items):,} rows, the share of cells that come back through the bottleneck exactly as they were.</p>"
    return f"{words}<table><thead><tr><th>column</th><th>kept</th></tr></thead><tbody>{lines}</tbody></table>"


def kept_share(a: pa.ChunkedArray, b: pa.ChunkedArray) -> float:
    """The share of equal cells; two missing ones are equal."""
    equal = pc.or_kleene(pc.equal(a, b).fill_null(False), pc.and_(a.is_null(), b.is_null()))
    return pc.mean(equal.cast(pa.float64())).as_py()


# ---- the worst columns and pairs


def worst_parts(material: Material) -> str:
    """The columns of the lowest `shapes` and the pairs of the lowest `pairs`, drawn."""
    found = worst((material.measured or {}).get("metrics", {}), 10**9)
    shapes = sorted((row for row in found["columns"] if "shape" in row), key=lambda row: row["shape"])
    if not shapes:
        raise UserError(f"shapes were not measured on held-out rows, `sparring measure {material.run.path}` does that")
    columns = {column.name: column for column in material.run.codec.columns}
    real, made = training_rows(material), material.run.items(DRAWN, seed=SEED)
    of = lambda row: column_figure(columns[row["column"]], real, made, said_of_column(row, columns[row["column"]]))
    alone = "".join(of(row) for row in shapes[:COLUMNS])
    both = lambda row: tuple(columns[name] for name in row["columns"])
    couples = "".join(pair_figure(both(row), real, made, said_of_pair(row, both(row))) for row in found["pairs"][:PAIRS])
    words = (
        "<p>What generated rows get wrong most. The scores are those of the measures <b>shapes</b> and <b>pairs</b>, where 1 is equal, beside what "
        f"held-out rows get. Drawn are {len(real):,} of the training rows, which the scores compare with, and {len(made):,} generated ones.</p>"
    )
    beside = (
        '<h3>Pairs of columns</h3><p class="about">The stronger a colour, the more rows are there, on one scale for both sides of a pair.</p>'
        f'<div class="couplings">{couples}</div>'
    )
    return f'{words}<h3>Columns</h3><div class="charts">{alone}</div>{beside if couples else ""}'


def training_rows(material: Material) -> pa.Table:
    """Some of the training part, as they are in the data."""
    data = material.run.data
    rows = data.rows["train"]
    drawn = torch.randperm(len(rows), generator=generator("report", "drawn"))[:DRAWN].numpy()
    return data.source.take(np.sort(rows[drawn]))


def said_of_column(row: dict[str, Any], column: Column) -> str:
    """A score in words: what a Kolmogorov-Smirnov and a total variation distance are of all rows."""
    what = "lie on the wrong side of some value" if is_number(column) else "are in categories that are too frequent"
    return f"{_beside(row['shape'], row['shape_floor'])}: {percent(1 - row['shape'])} of rows {what}."


def said_of_pair(row: dict[str, Any], columns: Sequence[Column]) -> str:
    """A score in words: what half a difference of correlations, and a total variation distance of all rows, are."""
    numbers = all(is_number(column) for column in columns)
    off = 1 - row["value"]
    what = f"the correlations differ by {2 * off:.2f}" if numbers else f"{percent(off)} of rows are combinations that are too frequent"
    return f"{_beside(row['value'], row['floor'])}: {what}."


def _beside(value: float, floor: float | None) -> str:
    return f"Score {value:.3f}" + ("" if floor is None else f", held-out rows {floor:.3f}")
