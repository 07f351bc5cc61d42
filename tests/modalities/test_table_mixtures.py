"""Numbers as modes of a Gaussian mixture and places within them: what they find, and that numbers come back."""

import datetime

import numpy as np
import pyarrow as pa
import pytest
import torch

from sparring.base.errors import UserError
from sparring.modalities.kinds import load_codec, save_codec
from sparring.modalities.settings import Tables
from sparring.modalities.table_columns import Column
from sparring.modalities.table_mixtures import REACH, Mixture, uniform_of
from sparring.modalities.table_source import from_frame
from sparring.modalities.tables import fit

N = 3000
DRAW = np.random.default_rng(0)
DAY = datetime.datetime(2001, 2, 28)


def with_missing(values, share=0.1):
    return [None if drop else value for value, drop in zip(values, DRAW.random(N) < share)]


COLUMNS = {
    "two modes": np.where(DRAW.random(N) < 0.3, DRAW.normal(-50, 2, N), DRAW.normal(80, 5, N)),
    "integers": DRAW.normal(40_000, 9_000, N).astype(np.int64),
    "integers, missing": pa.array(with_missing(DRAW.integers(-(10**6), 10**6, N).tolist()), pa.int64()),
    "big integers": 2**60 + DRAW.integers(0, 10**6, N),
    "decimals": np.round(DRAW.uniform(100, 130, N), 2),
    "reals, missing and infinite": with_missing(np.where(DRAW.random(N) < 0.1, DRAW.choice([np.inf, -np.inf], N), DRAW.random(N)).tolist()),
    "days": [DAY + datetime.timedelta(days=int(k)) for k in DRAW.integers(0, 3000, N)],
    "few": DRAW.integers(-3, 4, N),
    "word": DRAW.choice(["a", "b", "c"], N),
}
EXACT = set(COLUMNS) - {"two modes", "reals, missing and infinite"}
ENCODING = Tables(numbers="mixtures", few=10)


@pytest.fixture(scope="module")
def made():
    opened = from_frame(pa.table({name: pa.array(values) for name, values in COLUMNS.items()}))
    return opened, fit(opened, ENCODING)


def coding_of(codec, name):
    return next(coding for coding in codec.codings if coding.column.name == name)


def dense(codec, opened, rows=None):
    return codec.expand(codec.encode(opened, rows))["x"]


def test_rows_come_back(made):
    opened, codec = made
    mixed = {coding.column.name for coding in codec.codings if isinstance(coding, Mixture)}
    assert mixed == set(COLUMNS) - {"few", "word"}
    back = codec.decode(dense(codec, opened))
    assert back.schema.equals(opened.table.schema)
    for name in EXACT:
        assert back[name].equals(opened.table[name]), name
    for name in set(COLUMNS) - EXACT:
        a, b = (table[name].combine_chunks() for table in (opened.table, back))
        assert a.is_null().equals(b.is_null())
        x, y = (column.drop_null().to_numpy() for column in (a, b))
        finite = np.isfinite(x)
        assert np.array_equal(x[~finite], y[~finite]) and np.allclose(x[finite], y[finite], atol=1e-6 * np.ptp(x[finite])), name


def test_missing_and_infinite_values_are_choices_of_their_own(made):
    spans = {span.column: span for span in made[1].space.choices}
    assert spans["integers, missing"].size == spans["integers, missing"].bins + 1
    assert spans["reals, missing and infinite"].size == spans["reals, missing and infinite"].bins + 3
    assert spans["integers"].size == spans["integers"].bins <= 10
    assert not spans["few"].bins and not spans["word"].bins
    for span in spans.values():
        assert sum(span.shares) == pytest.approx(1)


def test_two_modes_are_found():
    """Each value is in a mode of its own side, and places are distances in units of four deviations."""
    n = 20_000
    x = np.where(DRAW.random(n) < 0.3, DRAW.normal(-50, 2, n), DRAW.normal(80, 5, n))
    coding = Mixture.fit(Column(name="x", kind="real"), pa.array(x), 10)
    (code,), within = coding.encode(pa.array(x))
    weights, means, deviations = coding.modes
    centre, spread = coding.span[0] + means * np.ptp(coding.span), deviations * np.ptp(coding.span)
    left = centre < 0
    assert weights[left].sum() == pytest.approx(0.3, abs=0.02) and (left[code] == (x < 0)).all()
    mean = lambda values, side: np.average(values[side], weights=weights[side])
    spread_of = lambda side: np.sqrt(mean(spread**2 + centre**2, side) - mean(centre, side) ** 2)
    assert mean(centre, left) == pytest.approx(-50, abs=0.2) and mean(centre, ~left) == pytest.approx(80, abs=0.3)
    assert spread_of(left) == pytest.approx(2, rel=0.5) and spread_of(~left) == pytest.approx(5, rel=0.1)            # the prior widens light modes
    assert np.allclose(within, (x - centre[code]) / (REACH * spread[code]), atol=1e-9) and np.abs(within).max() <= 1


def test_modes_are_drawn_by_their_chances():
    """At every value a mode comes up with its posterior probability, and always the same for the same value."""
    column, x = Column(name="x", kind="real"), DRAW.uniform(-1, 3, 200_000)
    coding = Mixture(column, pa.array([], pa.float64()), np.array([-1.0, 3.0]), np.array([[0.6, 0.4], [0.25, 0.5], [0.1, 0.2]]), 0, np.ones(2))
    code, _ = coding.place(x)
    part = (x + 1) / 4
    density = np.array([0.6 / 0.1, 0.4 / 0.2]) * np.exp(-(((part[:, None] - [0.25, 0.5]) / [0.1, 0.2]) ** 2) / 2)
    second = np.where(np.abs(part - 0.25) > 0.4, 1, density[:, 1] / density.sum(1))                  # too far from the first mode
    for low in np.arange(-1, 3, 0.25):
        here = (low <= x) & (x < low + 0.25)
        assert code[here].mean() == pytest.approx(second[here].mean(), abs=0.025)
    assert np.array_equal(coding.place(x[::-1])[0], code[::-1])
    assert np.array_equal(uniform_of(np.array([0.0])), uniform_of(np.array([-0.0])))


def test_rows_are_encoded_alike_in_any_company(made):
    opened, codec = made
    x = codec.encode(opened)["x"]
    rows = DRAW.permutation(N)[:100]
    assert torch.equal(codec.encode(opened, rows)["x"], x[torch.from_numpy(rows)])
    shuffled = opened.like(codec.columns).table.take(pa.array(np.arange(N)[::-1].copy()))
    for one, other in zip(codec.codings, fit(from_frame(shuffled), ENCODING).codings):              # and fitted alike
        if isinstance(one, Mixture):
            assert np.array_equal(one.modes, other.modes) and np.array_equal(one.shares[0], other.shares[0]), one.column.name


def test_numbers_out_of_range_become_its_ends(made):
    opened, codec = made
    table = opened.table.slice(0, 2)
    at = table.column_names.index("integers")
    far = table.set_column(at, "integers", pa.array([-(10**9), 10**9]))
    x = codec.expand({"x": codec.compact(far)})["x"]
    assert x.abs().max() <= 1
    back, known = codec.decode(x)["integers"].to_numpy(), opened.table["integers"].to_numpy()
    low, high = coding_of(codec, "integers").ends()
    assert known.min() <= low.min() <= back[0] < back[1] <= high.max() <= known.max()
    strange = table.set_column(at, "integers", pa.array([None, 1], pa.int64()))
    with pytest.raises(UserError, match="'integers' has the value missing"):
        codec.compact(strange)


def test_any_place_decodes_to_a_value_of_the_type(made):
    """Whole numbers stay whole, two digits two digits, days days, all within the range and within what a mode says it reaches."""
    opened, codec = made
    x = codec.space.example(3000, 0)["x"]
    back = codec.decode(x)
    assert back.schema.equals(opened.table.schema)
    assert np.array_equal(back["decimals"].to_numpy(), np.round(back["decimals"].to_numpy(), 2))
    assert not (back["days"].cast(pa.int64()).to_numpy() % (86_400 * 10**6)).any()
    spans = {span.column: span for span in codec.space.choices}
    for name in ("integers", "big integers", "decimals", "two modes"):
        low, high = coding_of(codec, name).ends()
        made, code = back[name].to_numpy(), x[:, spans[name].start :][:, : spans[name].size].argmax(1).numpy()
        assert (low[code] <= made).all() and (made <= high[code]).all(), name
        known = opened.table[name].to_numpy()
        assert known.min() <= made.min() and made.max() <= known.max()


def test_the_codec_is_kept(made, tmp_path):
    opened, codec = made
    save_codec(codec, tmp_path / "codec")
    again = load_codec(tmp_path / "codec")
    x = dense(codec, opened)
    assert again.space == codec.space and again.encoding == codec.encoding == ENCODING.model_copy(update={"bins": codec.encoding.bins})
    assert again.decode(x).equals(codec.decode(x)) and torch.equal(again.compact(opened.table), codec.compact(opened.table))


@pytest.mark.parametrize("values", [[1.5], [1.5, 2.5], [0.0] * 50_000 + [1.0], [None, 3.0, 4.0], [np.inf, 1.0, 2.0]])
def test_columns_of_hardly_any_numbers(values):
    opened = from_frame(pa.table({"x": pa.array(values, pa.float64()), "y": pa.array(np.arange(len(values)) % 2)}))
    column = Column(name="x", kind="real", missing=True, infinite=True)
    coding = Mixture.fit(column, opened.like((column,)).table["x"].combine_chunks(), 10)
    if len(set(values)) == 1:
        assert coding is None
    else:
        codes, within = coding.encode(pa.array(values, pa.float64()))
        assert np.isfinite(coding.modes).all() and np.isfinite(within).all() and len(coding.decode(codes, within, len(values))) == len(values)
