"""The report and the card of a run on a table: the worst columns and pairs drawn, names escaped, and no promise of privacy."""

import re

import numpy as np
import pyarrow as pa
import pytest

import sparring
from sparring.base import files
from sparring.modalities.table_columns import Column
from sparring.runs.report import write_report
from sparring.runs.table_figures import axis_of, column_figure, pair_figure
from tests.runs.test_report import EVIL, Outline, read

N = 900
BOLD = "<b>Ulm & Aix"


def table(n=N, seed=0):
    """Every kind of column, with names that try to be markup; most of `gain` is 0, some of `pay` is missing."""
    draw = np.random.default_rng(seed)
    age = draw.integers(18, 80, n)
    pay = np.exp(draw.normal(2 + 0.02 * age, 0.3))
    town = np.where(age % 3 == 0, EVIL, np.where(age % 3 == 1, BOLD, "Köln"))
    day = np.datetime64("2020-01-01", "us") + (pay * 86_400e6).astype("timedelta64[us]")
    gain = np.where(draw.random(n) < 0.9, 0, draw.integers(1, 5000, n))
    street = [f"street {k}" for k in draw.integers(0, 40, n)]
    return pa.table({EVIL: age, "pay": pa.array(pay, mask=draw.random(n) < 0.1), "town": town, "day": day, "gain": gain, "street": street})


KINDS = {EVIL: "integer", "pay": "real", "town": "category", "day": "date", "gain": "integer", "street": "category"}
COLUMNS = {name: Column(name=name, kind=kind) for name, kind in KINDS.items()}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    settings = {"watching.judge": 10, "watching.preview": 10, "watching.items": 60, "batch": 64}
    settings |= {"encoder.width": 16, "decoder.width": 16, "latent": 4}
    return sparring.train("table-vae", table().to_pandas(), run=tmp_path_factory.mktemp("table") / "run", rounds=10, settings=settings)


def test_the_worst_are_drawn_with_their_scores_and_escaped(run):
    page, outline = read(run)
    section = page.split('<section id="worst">')[1].split("</section>")[0]
    entries = run.folder.measured()["metrics"]
    assert section.count("<figure") == 6 + 4 and section.count("<svg") == 10
    lowest = min(entries["shapes"]["per_column"], key=lambda row: row["value"])
    assert f"Score {lowest['value']:.3f}, held-out rows {lowest['floor']:.3f}" in section
    assert f"Score {entries['pairs']['per_pair'][0]['value']:.3f}" in section
    assert outline.scripts == 1 and EVIL in outline.words and BOLD in outline.words and "<b>Ulm" not in page
    assert not re.search(r"\b(nan|inf)\b", section) and len(section) < 300_000
    assert [source for source in outline.sources if not source.startswith("data:image/")] == []
    before = (run.path / "report.html").read_bytes()
    write_report(run)
    assert (run.path / "report.html").read_bytes() == before


def test_says_so_where_nothing_was_measured(run):
    measured = files.read_json(run.path / "measure.json")
    (run.path / "measure.json").unlink()
    write_report(run)
    assert "shapes were not measured on held-out rows" in read(run)[1].words
    files.write_json(run.path / "measure.json", measured)


def test_the_card_promises_nothing_and_says_what_was_looked_for(run):
    card = (run.path / "card.md").read_text(encoding="utf-8")
    assert "**No formal privacy guarantee is given.**" in card and "They do not see" in card
    assert "Not measured: dcr, membership, exact_copies." in card
    before = files.read_json(run.path / "measure.json")
    document = run.measure(metrics=("dcr", "membership", "exact_copies", "shapes"))
    files.write_json(run.path / "measure.json", document)
    write_report(run)
    card = (run.path / "card.md").read_text(encoding="utf-8")
    seen = document["metrics"]
    assert f"{seen['dcr']['value']:.2f} ± {seen['dcr']['std']:.2f}" in card and "copied training rows get" in card
    assert "Generated rows that equal a training row: 0\u202f% (held-out rows 0\u202f%)." in card and "Not measured" not in card
    why = "too few held-out or generated rows to see copying: copied training rows get 0.52 ± 0.05"
    files.write_json(run.path / "measure.json", document | {"metrics": {"shapes": seen["shapes"]}, "skipped": {"dcr": why}})
    write_report(run)
    card = (run.path / "card.md").read_text(encoding="utf-8")
    assert f"Dcr: not measured, {why}." in card and "Not measured: membership, exact_copies." in card and why in read(run)[1].words
    files.write_json(run.path / "measure.json", before)


# ---- figures


def test_cells_are_of_the_real_rows_and_hold_all_of_both():
    real, made = table(), table(300, 1)
    for name, column in COLUMNS.items():
        axis = axis_of(column, real, made, 24)
        whole = axis.closed()
        assert all(shares.sum() == pytest.approx(1) for shares in whole.shares())
        assert whole.cells == axis.cells + axis.missing and axis.missing == (name == "pay")
        assert axis.cells <= 24 and all(0 <= place <= whole.cells for place, _ in whole.ticks)
    far = pa.table({"pay": pa.array(1000.0 + np.arange(300))})
    assert axis_of(COLUMNS["pay"], real, far, 24).shares()[1][-1] == 1                       # beyond every real row: in the last cell
    whole = axis_of(Column(name="k", kind="integer"), pa.table({"k": [1, 2, 2, 5]}), pa.table({"k": [3]}), 24)
    assert whole.cells == 5 and whole.shares()[0].tolist() == [0.25, 0.5, 0, 0, 0.25]        # as many cells as there are whole numbers
    assert axis_of(COLUMNS["street"], real, made, 24).ticks[-1][1] == "32 others"


def test_most_rows_in_one_value_are_told_and_the_others_drawn():
    drawn = column_figure(COLUMNS["gain"], table(), table(300, 1), "Score 1.")
    assert re.search(r"Score 1\. 0 in (8[89]|9[01])\.\d\u202f% of real rows and \d+\.\d\u202f% of generated ones; the others are drawn", drawn)
    assert "Missing in" in column_figure(COLUMNS["pay"], table(), table(300, 1), "")


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_odd_columns_are_drawn():
    n = 40
    odd = pa.table({
        "wild": [float("inf"), -float("inf"), 1e308, -1e308] * 10, "same": ["a"] * n, "none": pa.nulls(n, pa.float64()), "one": [7] * n,
        "gone": pa.nulls(n, pa.string()), "blank": ["", " \n"] * 20, "when": pa.array([0, 1] * 20, pa.timestamp("us")),
    })  # fmt: skip
    kinds = {"wild": "real", "same": "category", "none": "real", "gone": "category", "one": "integer", "blank": "category", "when": "date"}
    columns = [Column(name=name, kind=kind) for name, kind in kinds.items()]
    for column in columns:
        Outline(drawn := column_figure(column, odd, odd.slice(0, 3), "about"))
        assert not re.search(r"\b(nan|inf)\b", drawn)
        for other in columns:
            if other is not column:
                Outline(drawn := pair_figure((column, other), odd, odd.slice(0, 3), "about"))
                assert not re.search(r"\b(nan|inf)\b", drawn)
