"""The sections of a report that show rows of a table."""

import tempfile
from html import escape
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from PIL import Image

from sparring.modalities.table_types import as_text
from sparring.runs.figures import image
from sparring.runs.report_material import SEED, Material
from sparring.runs.report_words import percent

ROWS, COUNTED, RESTORED = 8, 2500, 500
"""rows shown; rows that bars are of; rows that are reconstructed"""


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
