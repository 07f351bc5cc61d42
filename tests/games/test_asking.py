"""Rows that obey conditions have the distribution of the rows that obey by themselves."""

import datetime

import numpy as np
import pyarrow as pa
import pytest
import torch

from sparring.base.errors import UserError
from sparring.games.asking import Asking
from sparring.games.table_settings import TableGAN, TableVAE
from sparring.modalities.settings import Tables
from sparring.modalities.table_source import from_frame
from sparring.modalities.tables import fit
from sparring.networks.table_settings import RowPerceptron, TableDiscriminator, TableEncoder
from sparring.play.watching import sample, settle

N = 4000
MANY = 60_000


@pytest.fixture(scope="module")
def codec():
    draw = np.random.default_rng(0)
    town = draw.choice(["Ulm", "Aalen", "Köln", "Bonn"], N, p=[0.5, 0.3, 0.15, 0.05])
    day = np.datetime64("2020-01-01") + draw.integers(0, 900, N).astype("timedelta64[D]")
    frame = {
        "town": town, "region": np.where(town == "Ulm", "south", np.where(town == "Aalen", "south", "west")), "age": draw.integers(18, 60, N),
        "pay": np.round(draw.gamma(3, 900, N), 2), "spent": np.where(draw.random(N) < 0.4, 0.0, draw.gamma(2, 50, N)),
        "day": day, "plz": [f"{i:05d}" for i in draw.integers(0, 90, N) ** 2 // 60],
        "paid": [True if u < 0.6 else None if u > 0.9 else False for u in draw.random(N)],
    }  # fmt: skip
    return fit(from_frame(frame), Tables(factor=40))


def untrained(game, scale=0.7):
    """Logits far enough from nothing that columns depend on each other."""
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in game.average.mean.parameters():
            parameter.add_(scale * torch.randn_like(parameter))
    settle(game.eval())
    return game


@pytest.fixture(scope="module")
def autoencoder(codec):
    return untrained(TableVAE(latent=4, encoder=TableEncoder(width=16), decoder=RowPerceptron(width=16, depth=1)).build(space=codec.space))


@pytest.fixture(scope="module")
def adversarial(codec):
    return untrained(TableGAN(noise=4, generator=RowPerceptron(width=16), discriminator=TableDiscriminator(width=16)).build(space=codec.space), 0.35)


@pytest.fixture(scope="module")
def unasked(codec, autoencoder):
    return codec.decode(sample(autoencoder, MANY, 7))


def frame(rows):
    return rows.to_pandas()


def test_columns_are_what_the_conditions_are_for(codec):
    kinds = {type(coding).__name__ for coding in codec.codings}
    assert kinds == {"Listed", "Derived", "Binned"} and any(len(coding.sizes) == 2 for coding in codec.codings)


@pytest.mark.parametrize(
    "where",
    [
        ["town=Bonn"], ["town!=Ulm"], ["region=west"], ["age>=45"], ["pay>2000"], ["spent=0"], ["spent>0", "spent<=60"], ["day<2020-06-01"],
        ["plz=00000"], ["plz!=00001", "region=south"], ["paid="], ["paid!=", "paid!=true"], ["town=Köln", "age<30", "pay>=1234.5"],
        ["age=33"], ["day>=2021-03-05", "day<=2021-05-20", "town!=Bonn"],
    ],
)  # fmt: skip
def test_asked_rows_are_those_that_obey_anyway(codec, autoencoder, unasked, where):
    conditions = codec.asked(where)
    expected = frame(unasked.filter(pa.array(conditions.hold(unasked))))
    asking = Asking(autoencoder, conditions, codec.decode)
    n = 6000
    rows = codec.decode(asking.rows(n, 3))
    assert len(rows) == n and conditions.hold(rows).all()
    assert asking.acceptance == pytest.approx(len(expected) / MANY, rel=0.15, abs=0.002)
    made, slack = frame(rows), 3.5 / np.sqrt(len(expected)) + 0.04
    for name in ("age", "pay", "spent"):
        points = np.quantile(expected[name], [0.1, 0.3, 0.5, 0.7, 0.9])
        below = lambda values: np.array([(values <= p).mean() for p in points])
        assert np.abs(below(made[name]) - below(expected[name])).max() < slack, name
    for name in ("town", "region", "plz", "paid"):
        shares = [table[name].astype(str).value_counts(normalize=True) for table in (made, expected)]
        assert (shares[0].sub(shares[1], fill_value=0).abs().head(8) < slack).all(), name


def test_categories_of_all_columns_and_both_families(codec, autoencoder, adversarial):
    for game in (autoencoder, adversarial):
        for coding in codec.codings:
            values = getattr(coding, "listed", coding)
            listed = values.values.to_pylist() if hasattr(values, "values") else []
            for value in listed[:: max(1, len(listed) // 12)]:                                  # of many categories, some from end to end
                text = "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
                conditions = codec.asked([f"{coding.column.name}={text}"])
                rows = codec.decode(Asking(game, conditions, codec.decode).rows(20, 0))
                assert rows[coding.column.name].unique().to_pylist() == [value]


def test_a_told_game_is_told_what_leaves_least(codec, adversarial):
    asking = Asking(adversarial, codec.asked(["region=south", "town=Aalen", "age>20"]), codec.decode)
    label = asking._label(500, torch.Generator().manual_seed(0))
    span = codec.space.choices[0]
    assert span.column == "town" and label.unique().tolist() == [span.start + 1]
    several = Asking(adversarial, codec.asked(["town!=Ulm"]), codec.decode)._label(20_000, torch.Generator().manual_seed(0))
    shares = torch.bincount(several, minlength=4)[:4] / 20_000
    assert shares.tolist() == pytest.approx([0, 0.6, 0.3, 0.1], abs=0.03)


def test_rows_do_not_depend_on_how_many_there_are(codec, autoencoder):
    asking = lambda: Asking(autoencoder, codec.asked(["age>=45", "pay>2000"]), codec.decode)
    whole = asking().rows(2500, 5)
    assert torch.equal(asking().rows(10, 5), whole[:10]) and torch.equal(asking().rows(600, 5, start=900), whole[900:1500])
    assert not torch.equal(asking().rows(10, 6), whole[:10])


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("town=Koln", "did you mean 'Köln'"), ("twon=Ulm", "did you mean 'town'"), ("town", "like age>=60"), ("town>Ulm", "no order"),
        ("age>=60", "goes from 18 to 59"), ("age=old", "a number"), ("age>", "compares with nothing"), ("age=", "never missing"),
        ("day>2030-01-01", "from 2020-01-01 to 2022-06-18"), ("day=1.1.", "a date"), ("paid=maybe", "true or false"), ("pay<-1", "goes from"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said(codec, where, said):
    with pytest.raises(UserError, match=said):
        codec.asked([where])


def test_conditions_against_each_other(codec, autoencoder):
    with pytest.raises(UserError, match="town=Ulm and town=Bonn"):
        codec.asked(["town=Ulm", "town=Bonn"])
    with pytest.raises(UserError, match="ask for less"):
        codec.asked(["town=Ulm", "region=west"])
    narrow = Asking(autoencoder, codec.asked(["spent>50.123", "spent<50.1230001"]), codec.decode)
    with pytest.raises(UserError, match="wider ranges"):
        narrow.rows(5, 0)


def test_values_by_column_and_names_that_hold_signs():
    draw = np.random.default_rng(1)
    when = [datetime.date(2024, 1, d % 9 + 1) for d in range(200)]
    codec = fit(from_frame({"a": draw.choice(["x", "b=3"], 200), "a>=b": draw.integers(0, 5, 200), "when": when}), Tables())
    assert [str(c) for c in codec.asked(["a>=b=3", "a=b=3"]).conditions] == ["a>=b=3", "a=b=3"]
    assert codec.asked(["a>=b=3"]).conditions[0].column.name == "a>=b"
    by_name = codec.asked({"a>=b": 2, "when": datetime.date(2024, 1, 5)})
    assert [c.value for c in by_name.conditions][0] == 2 and by_name.allowed[0].mask.sum() == 1


# ---- what is asked


@pytest.fixture(scope="module")
def odd():
    """Columns of one value of each kind, words with spaces around them, times of a zone."""
    n = 60
    return from_frame({
        "year": [2024] * n, "rate": [1.5] * n, "open": [True] * n, "since": [datetime.date(2024, 1, 31)] * n, "land": ["DE"] * n,
        "work": [[" Private", " State", "none", " none"][i % 4] for i in range(n)], "x": [None if i % 4 == 0 else i / 4 for i in range(n)],
        "month": ["2024-01"] * n, "five": ["5"] * n, "sure": ["yes"] * n,
        "paid": [i % 3 == 0 for i in range(n)], "at": [f"2024-06-05T{i % 24:02d}:00:00.400+02:00" for i in range(n)],
    })  # fmt: skip


ASKED = {
    "constants": (["year=2024", "rate<=1.5", "open=true", "since=2024-01-31", "land=DE"], 60),
    "constants in words": (["month=2024-01", "five=5", "sure=yes"], 60),
    "constants by value": ({"year": 2024, "rate": 1.5, "open": True, "since": datetime.date(2024, 1, 31), "land": "DE"}, 60),
    "truths by value": ({"paid": np.bool_(False)}, 40),
    "missing by value": ({"x": float("nan")}, 15),
    "spaces by value": ({"work": " Private"}, 15),
    "spaces are not needed": (["work=State"], 15),
    "where they tell words apart": ({"work": "none"}, 15),
    "as the data write it": (["at>=2024-06-05T12:00:00.400+02:00"], 24),
    "by the clock on the wall": (["at>=2024-06-05 12:00:00.4"], 24),
    "in another zone": (["at>=2024-06-05T10:00:00.400Z"], 24),
}


@pytest.mark.parametrize("where, rows", ASKED.values(), ids=ASKED)
def test_what_can_be_asked(odd, where, rows):
    assert fit(odd, Tables()).asked(where).hold(odd.table).sum() == rows


@pytest.mark.parametrize("where, words", [(["year=2023"], "goes from 2024 to 2024"), (["land>DE"], "no order"), (["open=maybe"], "true or false")])
def test_what_cannot(odd, where, words):
    with pytest.raises(UserError, match=words):
        fit(odd, Tables()).asked(where)


def test_conditions_of_a_file_may_name_a_column_twice(odd, tmp_path):
    (tmp_path / "c.csv").write_text("x,x,n\n>=3,<=4,5\n\n>=10,,2\n")
    assert fit(odd, Tables()).asked_by(tmp_path / "c.csv", 1) == {("x>=3", "x<=4"): 5, ("x>=10",): 2}
    (tmp_path / "c.csv").write_text("x,n\n>=3\n")
    with pytest.raises(UserError, match="line 2, has more or fewer cells"):
        fit(odd, Tables()).asked_by(tmp_path / "c.csv", 1)
