"""Rows become choices and places within bins, and come back: every type, missing and infinite values, many categories, columns that tell others."""

import csv
import datetime
import json

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet
import pytest
import torch

from sparring.base.errors import UserError
from sparring.modalities.kinds import load_codec, save_codec
from sparring.modalities.settings import Tables
from sparring.modalities.table_source import from_frame
from sparring.modalities.tables import fit

N = 4000
DRAW = np.random.default_rng(0)
DAY = datetime.datetime(2001, 2, 28)


def with_missing(values, share=0.1):
    return [None if drop else value for value, drop in zip(values, DRAW.random(N) < share)]


def dates(step):
    return [DAY + datetime.timedelta(**{step: int(k)}) for k in DRAW.integers(0, 10**6 if step == "seconds" else 3000, N)]


COLUMNS = {
    "category": [f"word {k}" for k in DRAW.integers(0, 9, N)],
    "category, missing": with_missing(DRAW.choice(["a,b", 'quo"te', "", "new\nline"], N).tolist()),
    "boolean": DRAW.random(N) < 0.3,
    "boolean, missing": with_missing((DRAW.random(N) < 0.3).tolist()),
    "few integers": DRAW.integers(-3, 4, N),
    "many integers": DRAW.normal(40_000, 9_000, N).astype(np.int64),
    "many integers, missing": pa.array(with_missing(DRAW.integers(-(10**6), 10**6, N).tolist()), pa.int64()),
    "big integers, few": DRAW.choice([2**53 + 1, 2**53 + 2, -(2**63), 2**63 - 2], N),
    "big integers, near": 2**60 + DRAW.integers(0, 10**6, N),
    "spike and tail": np.where(DRAW.random(N) < 0.9, 0, DRAW.integers(1, 10**5, N)),
    "real": DRAW.normal(size=N),
    "real, missing and infinite": with_missing(np.where(DRAW.random(N) < 0.1, DRAW.choice([np.inf, -np.inf], N), DRAW.exponential(size=N)).tolist()),
    "decimals": np.round(DRAW.normal(100, 30, N), 2),
    "few reals": DRAW.choice([0.1, 0.2, 0.30000000000000004, -1e300], N),
    "days": dates("days"),
    "seconds": dates("seconds"),
    "dates, missing": with_missing(dates("days")),
}
EXACT = set(COLUMNS) - {"real", "real, missing and infinite"}


def source(columns=None, n=N):
    columns = columns or COLUMNS
    return from_frame(pa.table({name: pa.array(values).slice(0, n) for name, values in columns.items()}), "made up")


@pytest.fixture(scope="module")
def made():
    opened = source()
    return opened, fit(opened, Tables())


def dense(codec, opened, rows=None):
    return codec.expand(codec.encode(opened, rows))["x"]


def test_rows_come_back(made):
    opened, codec = made
    assert set(opened.table.column_names) == set(COLUMNS)
    back = codec.decode(dense(codec, opened))
    assert back.schema.equals(opened.table.schema)
    for name in opened.table.column_names:
        if name in EXACT:
            assert back[name].equals(opened.table[name]), name
        else:
            a, b = (table[name].combine_chunks() for table in (opened.table, back))
            assert a.is_null().equals(b.is_null())
            x, y = (column.drop_null().to_numpy() for column in (a, b))
            finite = np.isfinite(x)
            assert np.array_equal(x[~finite], y[~finite])
            assert np.allclose(x[finite], y[finite], atol=2e-6 * np.ptp(x[finite]))


def test_compact_rows_are_codes_and_the_inverse_of_decoding(made):
    opened, codec = made
    x = codec.encode(opened)["x"]
    assert x.dtype == torch.int32 and x.shape == (N, len(codec.space.spans))
    y = codec.compact(codec.decode(codec.expand({"x": x})["x"]))
    choices = len(codec.space.choices)
    assert torch.equal(x[:, :choices], y[:, :choices])
    assert (x - y)[:, choices:].abs().max() < 2**30 * 1e-5
    assert torch.equal(codec.encode(opened, np.array([5, 3]))["x"], x[[5, 3]])


def test_what_games_see(made):
    opened, codec = made
    x, space = dense(codec, opened), codec.space
    assert x.shape == (N, *space.shape)
    values = iter(space.values)
    for span in space.choices:
        chosen = x[:, span.start :][:, : span.size]
        assert torch.equal(chosen.sum(1), torch.ones(N)) and chosen.amax() == 1
        assert torch.allclose(chosen.mean(0), torch.tensor(span.shares), atol=1e-6)
        if span.bins:
            value, within = x[:, next(values).start], chosen[:, : span.bins].sum(1) == 1
            assert (value[~within] == 0).all() and value.abs().max() <= 1
            assert abs(value[within].mean()) < 0.05 and value[within].std() == pytest.approx(3**-0.5, rel=0.05)          # uniform by rank


def test_spikes_missing_and_infinite_values_are_choices_of_their_own(made):
    codec = made[1]
    spans = {span.column: span for span in codec.space.choices}
    assert spans["spike and tail"].shares[-1] == pytest.approx(0.9, abs=0.02)
    assert spans["real, missing and infinite"].size == spans["real, missing and infinite"].bins + 3
    assert spans["many integers"].bins == spans["many integers"].size == 64
    assert not spans["few integers"].bins


def test_any_number_decodes_to_a_value_of_the_type(made):
    """Also between what the data have: whole numbers stay whole, days stay days, two digits two digits, all within the range."""
    opened, codec = made
    back = codec.decode(torch.rand(3000, *codec.space.shape) * 2 - 1)
    for name, step in (("days", 86_400 * 10**6), ("seconds", 10**6)):
        assert not (back[name].cast(pa.int64()).to_numpy() % step).any()
    assert np.array_equal(back["decimals"].to_numpy(), np.round(back["decimals"].to_numpy(), 2))
    for name in ("many integers", "real", "decimals", "big integers, near"):
        low, high = (pc.min_max(table[name]).as_py() for table in (opened.table, back))
        assert low["min"] <= high["min"] and high["max"] <= low["max"]


@pytest.mark.parametrize("numbers", ["quantiles", "mixtures"])
def test_months_are_counted_in_months(numbers):
    """Of monthly figures of many years every number decodes to the first of a month; one other day, and days are counted."""
    draw = np.random.default_rng(0)
    months = np.datetime64("1960-01") + draw.integers(0, 500, 3000)
    for days, steps in ((months.astype("M8[D]"), "M8[M]"), (np.append(months.astype("M8[D]"), np.datetime64("1999-12-31")), "M8[D]")):
        source = from_frame({"day": days})
        codec = fit(source, Tables(numbers=numbers))
        x = codec.expand(codec.encode(source))["x"]
        assert codec.decode(x).equals(source.table)
        x[:, codec.width :] = 2 * torch.rand(len(x), x.shape[1] - codec.width) - 1
        made = codec.decode(x).column("day").to_numpy().astype("M8[D]")
        assert (made == made.astype("M8[M]").astype("M8[D]")).all() == (steps == "M8[M]")
        assert np.abs(made - days).astype(int).mean() < (100 if numbers == "quantiles" else 6000)


def test_the_codec_is_kept_without_rows(made, tmp_path):
    opened, codec = made
    save_codec(codec, tmp_path / "codec")
    again = load_codec(tmp_path / "codec")
    assert again.space == codec.space and again.columns == codec.columns
    x = dense(codec, opened)
    assert again.decode(x).equals(codec.decode(x))
    assert torch.equal(again.compact(opened.table), codec.compact(opened.table))
    (tmp_path / "codec" / "codec.arrow").write_bytes(b"nothing")
    with pytest.raises(UserError, match="damaged"):
        load_codec(tmp_path / "codec")


def test_few_rows_do_not_stand_in_the_codec():
    """At most one value in eight is kept of a column of many values."""
    codec = fit(source({"x": DRAW.normal(size=400), "y": DRAW.integers(0, 3, 400)}, n=400), Tables())
    assert len(codec.codings[0].knots) <= 400 // 8 + 1
    opened = source({"x": DRAW.normal(size=30), "y": DRAW.integers(0, 3, 30)}, n=30)
    codec = fit(opened, Tables())
    assert codec.space.choices[0].bins == 3 and codec.space.choices[1].bins == 0          # of few rows too, not a list of them
    assert not set(codec.codings[0].knots[1:-1].tolist()) - set(opened.table["x"].to_pylist())
    assert len(codec.codings[0].knots) == 4


def test_unseen_values_are_named(made):
    opened, codec = made
    table = opened.table.slice(0, 10)

    def replaced(name, value):
        at = table.column_names.index(name)
        return table.set_column(at, name, pa.array([value] * 10, table.schema.field(name).type))

    with pytest.raises(UserError, match="'category' has the value 'strange'"):
        codec.compact(replaced("category", "strange"))
    with pytest.raises(UserError, match="'few integers' has missing values"):
        codec.compact(replaced("few integers", None))
    with pytest.raises(UserError, match="'decimals' has the value missing"):
        codec.compact(replaced("decimals", None))
    with pytest.raises(UserError, match="'real' has the value inf"):
        codec.compact(replaced("real", np.inf))
    with pytest.raises(UserError, match="must have the columns"):
        codec.compact(table.drop_columns(["real"]))
    far = codec.decode(codec.expand({"x": codec.compact(replaced("many integers", 10**9))})["x"])["many integers"]
    assert set(far.to_pylist()) == {pc.max(opened.table["many integers"]).as_py()}                   # beyond the range: its end


@pytest.mark.parametrize(("few", "bins"), [(5, 2), (0, 64), (5, 4096), (10_000, 4)])
def test_any_number_of_bins(few, bins):
    opened = source(n=1000)
    codec = fit(opened, Tables(few=few, bins=bins))
    back = codec.decode(dense(codec, opened))
    assert all(back[name].equals(opened.table[name]) for name in EXACT)
    assert codec.compact(opened.table.slice(0, 0)).shape == (0, len(codec.space.spans))


def test_thousands_of_categories_are_chosen_in_two_steps():
    n, k = 60_000, 20_000
    words = pa.array([f"w{i}" for i in np.concatenate([np.arange(k), DRAW.zipf(1.3, n - k) % k])])
    table = pa.table({"word": words, "coin": DRAW.integers(0, 2, n)})
    opened = from_frame(table, "words")
    codec = fit(opened, Tables())
    assert [span.size for span in codec.space.choices if span.column == "word"] == [141, 142]
    x = codec.encode(opened)["x"]
    assert codec.decode(codec.expand({"x": x[:5000]})["x"])["word"].equals(opened.table["word"].slice(0, 5000))
    last = torch.zeros(1, *codec.space.shape)                                   # a pair of choices that no category has
    last[0, [140, 141 + 141, 141 + 142]] = 1
    assert codec.decode(last)["word"][0].as_py() in set(words.to_pylist())


def test_a_column_that_another_tells_is_no_choice(tmp_path):
    city = DRAW.integers(0, 40, N)
    table = {"country": [f"c{k // 8}" for k in city], "city": [f"t{k}" for k in city], "code": city * 100 + 7, "coin": DRAW.integers(0, 2, N)}
    opened = source(table)
    codec = fit(opened, Tables())
    assert {span.column for span in codec.space.choices} == {"city", "coin"}
    save_codec(codec, tmp_path / "codec")
    for one in (codec, load_codec(tmp_path / "codec")):
        assert one.decode(dense(one, opened)).equals(opened.table)
        rows = one.decode(torch.rand(500, *codec.space.shape)).to_pylist()
        assert all(row["country"] == f"c{int(row['city'][1:]) // 8}" and row["code"] == int(row["city"][1:]) * 100 + 7 for row in rows)
    wrong = opened.table.set_column(0, "country", opened.table["country"].combine_chunks().take(pa.array(np.arange(N)[::-1])))
    with pytest.raises(UserError, match=r"country=.* with city=.* never come together"):
        codec.compact(wrong)


def test_few_rows_tell_nothing():
    """Of 30 rows many columns tell others by chance."""
    codec = fit(source({"a": np.arange(30) % 15, "b": np.arange(30) % 15 > 3, "c": DRAW.integers(0, 2, 30)}, n=30), Tables())
    assert len(codec.space.choices) == 3


def test_constants_are_written_and_not_learnt():
    opened = source({"x": DRAW.normal(size=N), "unit": ["cm"] * N, "zero": np.zeros(N, np.int64)})
    codec = fit(opened, Tables())
    assert {span.column for span in codec.space.choices} == {"x"}
    back = codec.decode(dense(codec, opened))
    assert back["unit"].equals(opened.table["unit"]) and back["zero"].equals(opened.table["zero"])
    with pytest.raises(UserError, match="nothing to learn"):
        fit(source({"unit": ["cm"] * N, "zero": np.zeros(N, np.int64)}), Tables())


@pytest.mark.parametrize("suffix", ["csv", "tsv", "parquet", "jsonl"])
def test_files_hold_all_rows_whatever_the_parts(made, tmp_path, suffix):
    opened, codec = made
    rows = opened.table.slice(0, 1000)
    codec.write(rows, tmp_path / f"a.{suffix}")
    codec.write_parts((rows.slice(first, 300) for first in range(0, 1000, 300)), tmp_path / f"b.{suffix}")
    if suffix == "parquet":
        whole = pa.parquet.read_table(tmp_path / "a.parquet")
        assert whole.equals(pa.parquet.read_table(tmp_path / "b.parquet")) and whole["category"].equals(rows["category"])
        return
    assert (tmp_path / f"a.{suffix}").read_bytes() == (tmp_path / f"b.{suffix}").read_bytes()
    with open(tmp_path / f"a.{suffix}", newline="", encoding="utf-8") as file:
        if suffix == "jsonl":
            read = [json.loads(line) for line in file]
            assert read[0]["category, missing"] == rows["category, missing"][0].as_py()
        else:
            read = list(csv.DictReader(file, delimiter="," if suffix == "csv" else "\t"))
            assert [row["category"] for row in read] == rows["category"].to_pylist()
            assert [row["category, missing"] for row in read] == [word or "" for word in rows["category, missing"].to_pylist()]
    assert len(read) == 1000


def test_an_unknown_suffix_and_a_failing_writer_leave_nothing(made, tmp_path):
    opened, codec = made
    with pytest.raises(UserError, match=r"end the name in \.csv"):
        codec.write(opened.table, tmp_path / "rows.png")

    def parts():
        yield opened.table
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError):
        codec.write_parts(parts(), tmp_path / "rows.csv")
    assert not list(tmp_path.iterdir())


def test_baseline_and_control(made):
    opened, codec = made
    x = codec.encode(opened)["x"]
    free = codec.baseline(x, 3000, seed=1)
    assert free.shape == (3000, x.shape[1])
    for at, span in enumerate(codec.space.choices):
        shares = np.bincount(free[:, at], minlength=span.size) / 3000
        assert np.abs(shares - span.shares).sum() / 2 < 0.1
    codec.decode(codec.expand({"x": codec.spoil(x, 0)})["x"])
    assert (codec.spoil(x, 0) != x).float().mean() > 0.4


def test_a_preview_is_a_picture(made, tmp_path):
    opened, codec = made
    codec.preview(opened.table.slice(0, 500), tmp_path / "a.png", real=opened.table.slice(500, 500))
    codec.preview(opened.table.slice(0, 500), tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes()[:4] == b"\x89PNG" != (tmp_path / "b.png").read_bytes()


@pytest.mark.parametrize(("rows", "bins"), [(200, 8), (800, 20), (4000, 64)])
def test_few_rows_have_few_bins(rows, bins):
    codec = fit(from_frame(pa.table({"x": DRAW.normal(size=rows)}), "some"), Tables())
    assert codec.encoding.bins == codec.codings[0].bins == bins
    assert fit(from_frame(pa.table({"x": DRAW.normal(size=rows)}), "some"), Tables(bins=5)).codings[0].bins == 5
