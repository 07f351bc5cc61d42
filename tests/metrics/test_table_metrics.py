import json
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pytest

from sparring.base.errors import UserError
from sparring.metrics import table_privacy
from sparring.metrics.table_catalogue import METRICS
from sparring.metrics.table_detection import c2st, detection
from sparring.metrics.table_efficacy import augmented, efficacy
from sparring.metrics.table_privacy import copies, dcr, membership, nearest, prepared
from sparring.metrics.table_rows import aligned, auc
from sparring.metrics.table_sets import Sets
from sparring.metrics.table_shapes import Rare, correlations, kolmogorov, pairs, rare_categories, rare_recall, shapes
from sparring.metrics.tables import TableJudge, measure, worst
from sparring.modalities.table_columns import Column

ABC = (Column(name="x", kind="real"), Column(name="y", kind="real"), Column(name="c", kind="category"), Column(name="d", kind="category"))


def table(**columns):
    return pa.table(columns)


def columns(**kinds):
    return tuple(Column(name=name, kind=kind) for name, kind in kinds.items())


def people(n, seed=0):
    """A table with every kind of column, whose columns depend on each other; some values are missing."""
    draw = np.random.default_rng(seed)
    age = draw.integers(18, 80, n)
    degree = draw.random(n) < 0.2 + 0.3 * (age > 40)
    pay = np.exp(draw.normal(2 + 0.02 * age + 0.7 * degree, 0.3))
    town = np.where(draw.random(n) < 0.05, "rare" + (age % 8).astype(str).astype(object), np.array(["Ulm", "Aix", "Bath"], dtype=object)[age % 3])
    day = np.datetime64("2020-01-01", "us") + (pay * 86_400e6).astype("timedelta64[us]")
    return pa.table({
        "age": age, "pay": pa.array(pay, mask=draw.random(n) < 0.1), "town": pa.array(town, pa.string(), mask=draw.random(n) < 0.05),
        "degree": degree, "day": pa.array(day), "rich": np.where(pay > np.exp(3.4), "yes", "no"), "same": np.ones(n),
    })  # fmt: skip


PEOPLE = columns(age="integer", pay="real", town="category", degree="boolean", day="date", rich="category", same="constant")


# ---- rows


def test_tables_share_codes_in_order_of_frequency():
    a, b = table(c=["v", "u", "u", None]), table(c=["w", "v", "u", None])
    x, y = aligned(columns(c="category"), a, b)
    assert np.array_equal(x[:, 0], [1, 0, 0, np.nan], equal_nan=True) and np.array_equal(y[:, 0], [2, 1, 0, np.nan], equal_nan=True)
    x, y = aligned(columns(c="boolean"), table(c=[True, False, True]), table(c=[None, False, False]))
    assert x[:, 0].tolist() == [1, 0, 1] and y[1:, 0].tolist() == [0, 0]
    assert aligned(columns(c="date"), table(c=pa.array([1, None], pa.timestamp("s"))))[0][0, 0] == 1e6
    dictionary = table(c=pa.array(["u", "v"]).dictionary_encode())
    assert aligned(columns(c="category"), dictionary)[0][:, 0].tolist() == [0, 1]


def test_what_does_not_fit_is_said_in_one_line():
    with pytest.raises(UserError, match="no column 'z'"):
        aligned(columns(z="real"), table(x=[1.0]))
    with pytest.raises(UserError, match="'x' holds string, not values of the kind real"):
        aligned(columns(x="real"), table(x=["many"]))


def test_auc_counts_ties_half():
    assert auc(np.array([1.0, 2, 2, 3]), np.array([False, True, False, True])) == (0.5 * 1 + 1 + 1 + 1) / 4
    assert np.isnan(auc(np.ones(2), np.ones(2, dtype=bool)))


# ---- shapes and pairs: by hand


def test_shapes_by_hand():
    real, made = table(x=[1.0, 2, 3, 4], c=["a", "a", "b", None]), table(x=[1.0, 2, 3, 10], c=["a", "b", "b", "b"])
    found = shapes(real, made, columns(x="real", c="category"))
    assert found == {"x": 0.75, "c": 1 - (0.25 + 0.5 + 0.25) / 2}


def test_missing_numbers_count():
    one = columns(x="real")
    assert shapes(table(x=[1.0, 2, 3, None]), table(x=[1.0, 2, None, None]), one)["x"] == 0.75
    assert shapes(table(x=[1.0, 2, 3, 4]), table(x=[1.0, 2, 3, None]), one)["x"] == 0.75
    nothing = table(x=pa.array([None, None], pa.float64()))
    assert shapes(table(x=[1.0, 2]), nothing, one)["x"] == 0 and shapes(nothing, nothing, one)["x"] == 1
    assert shapes(table(x=[1.0, float("inf")]), table(x=[1.0, 1e300]), one)["x"] == 0.5


def test_kolmogorov_and_correlation_equal_known_libraries():
    stats = pytest.importorskip("scipy.stats")
    draw = np.random.default_rng(0)
    a, b = draw.normal(size=50).round(1), draw.normal(0.3, 2, size=70).round(1)
    assert kolmogorov(a, b) == pytest.approx(stats.ks_2samp(a, b).statistic)
    x = draw.normal(size=(60, 3)) @ draw.normal(size=(3, 3)) * [1, 1e-8, 1e12] + [0, 5, 1e15]
    assert np.allclose(correlations(x), np.corrcoef(x.T))
    x[::7, 0] = np.nan
    both = ~np.isnan(x[:, 0])
    assert correlations(x)[0, 1] == pytest.approx(np.corrcoef(x[both, 0], x[both, 1])[0, 1])
    assert np.isnan(correlations(np.c_[x, np.full(60, 0.1)])[3]).all()


def test_pairs_by_hand():
    x = [1.0, 2, 3, 4]
    real = table(x=x, y=x, c=["a", "a", "b", "b"], d=["u", "u", "v", "v"])
    assert np.nanmin(pairs(real, real, ABC)) == 1
    made = table(x=x, y=x[::-1], c=["a", "a", "b", "b"], d=["u", "v", "u", "v"])
    found = pairs(real, made, ABC)
    assert found[0, 1] == 0                                     # rho 1 against -1
    assert found[2, 3] == 0.5                                   # (1/2, 1/2) on the diagonal against 1/4 each
    assert found[0, 2] == 1 and found[1, 2] == 0                # each number in a bin of its own
    assert found[0, 3] == 0.5 and np.array_equal(found, found.T, equal_nan=True) and np.isnan(np.diag(found)).all()
    constant = table(x=x, y=[7.0] * 4, c=["a"] * 4, d=["u", "u", "v", "v"])
    assert pairs(real, constant, ABC)[0, 1] == 0.5              # rho 1 against none
    alone = pairs(constant, real, ABC)                          # constants have no pairs to keep
    assert np.isnan(alone[1]).all() and np.isnan(alone[2]).all() and alone[0, 3] == 1


def test_bins_are_those_of_the_real_rows():
    draw = np.random.default_rng(0)
    x, c = draw.normal(size=400), draw.choice(["a", "b"], 400)
    real, two = table(x=x, c=c), columns(x="real", c="category")
    assert pairs(real, table(x=1000 * x + 5000, c=c), two)[0, 1] < 1e-9         # bins fitted on each side would say 1
    assert pairs(real, table(x=1000 * x, c=c), two)[0, 1] < 0.1
    missing = pa.array(x, mask=np.arange(400) < 100)
    assert pairs(real, table(x=missing, c=c), two)[0, 1] == pytest.approx(0.75)
    wide = [float("inf"), -1e308, 1e308, 0.0]
    assert pairs(table(x=wide, c=list("abab")), table(x=wide, c=list("abab")), two)[0, 1] == 1


def test_rare_categories():
    real = table(c=["a"] * 970 + ["b"] * 4 + ["r"] * 9 + ["s"] * 5 + [None] * 12, x=range(1000))
    made = table(c=["a"] * 97 + ["r"] * 2 + ["t"], x=range(100))
    rare = rare_categories(real, made, columns(c="category", x="integer"))
    assert rare == [Rare("c", "r", 0.009, 0.02), Rare("c", "s", 0.005, 0.0)] and rare_recall(rare) == 0.5


# ---- told apart


def test_c2st_and_detection_of_equal_and_of_unlike_rows():
    real, fresh = people(900), people(900, 1)
    assert 0.45 < np.mean(c2st(real, fresh, PEOPLE)) < 0.57 and max(detection(real, fresh, PEOPLE).values()) < 0.56
    shuffled = Sets(fresh, fresh, PEOPLE, 900, None, 0).independent
    assert np.mean(c2st(real, shuffled, PEOPLE)) > 0.9 and max(detection(real, shuffled, PEOPLE).values()) < 0.56
    older = fresh.set_column(0, "age", pa.array(np.asarray(fresh["age"]) + 100))
    found = detection(real, older, PEOPLE)
    assert max(found, key=found.get) == "age" and found["age"] > 0.99 and np.mean(c2st(real, older.slice(0, 500), PEOPLE)) > 0.99


def test_detection_by_hand():
    """Half of the real rows and all generated ones are b: the best classifier has (1/2 * 1 + 1/2 * 1/2)."""
    real, made = table(c=["a", "b"] * 150), table(c=["b"] * 300)
    assert detection(real, made, columns(c="category"))["c"] == pytest.approx(0.75, abs=0.03)


def test_numbers_between_frequent_ones_are_detected():
    draw = np.random.default_rng(0)
    real, made = draw.choice([0.0, 1, 2], 600), draw.choice([0.0, 1, 2], 600) + draw.choice([0, 0.5], 600)
    assert detection(table(x=real), table(x=made), columns(x="real"))["x"] > 0.7


def test_thousands_of_categories_and_columns_without_values():
    draw = np.random.default_rng(0)
    names = lambda low, high: [f"k{i}" for i in draw.integers(low, high, 1200)]
    nothing = pa.array([None] * 1200, pa.float64())
    real, fresh, other = (table(c=names(*ends), x=nothing) for ends in ((0, 2000), (0, 2000), (5000, 7000)))
    both = columns(c="category", x="real")
    assert np.mean(c2st(real, fresh, both)) < 0.56 and np.mean(c2st(real, other, both)) > 0.9
    assert detection(real, other, both)["x"] == 0.5


# ---- training on generated rows


def test_efficacy_of_classes_of_numbers_and_of_nothing():
    train, test = people(600), people(400, 1)
    for target, least in (("rich", 0.9), ("age", 0.4), ("town", 0.6)):
        found = efficacy(train, test, PEOPLE, target)
        assert set(found) == {"boosting", "linear"} and all(len(values) == 3 for values in found.values())
        assert max(np.mean(values) for values in found.values()) > least, (target, found)
    one = train.set_column(5, "rich", pa.array(["yes"] * 600))
    assert efficacy(one, test, PEOPLE, "rich")["linear"] == [0.5] * 3
    unknown = train.set_column(5, "rich", pa.array(["perhaps", "rather"] * 300))
    assert efficacy(unknown, test, PEOPLE, "rich")["boosting"] == [0.5] * 3
    with pytest.raises(UserError, match="no column is called 'ritch'; did you mean 'rich'"):
        efficacy(train, test, PEOPLE, "ritch")


def test_a_linear_target_has_a_determination_near_1():
    draw = np.random.default_rng(0)
    rows = lambda n: (lambda x, c: table(x=x, c=c, y=3 * x + (c == "b")))(draw.normal(size=n), draw.choice(["a", "b"], n))
    found = efficacy(rows(400), rows(300), columns(x="real", c="category", y="real"), "y")
    assert min(found["linear"]) > 0.999 and min(found["boosting"]) > 0.9


def test_more_real_rows_help_and_wrong_ones_do_not():
    few, more, test = people(60), people(600, 1), people(500, 2)
    alone = np.mean(efficacy(few, test, PEOPLE, "rich")["boosting"])
    wrong = Sets(few, test, PEOPLE, 60, "rich", 0).mislabelled(more)
    assert np.mean(augmented(few, more, test, PEOPLE, "rich")["boosting"]) > alone + 0.02
    assert np.mean(augmented(few, wrong, test, PEOPLE, "rich")["boosting"]) < alone - 0.2


# ---- privacy


def distances(scale, rows, others, kinds):
    """Of each row to the nearest of the others, in the ranges of a third table."""
    _, x, y, of = prepared(kinds, scale, others, rows)
    return nearest(of(x), of(y))[1].tolist()


def test_distances_by_hand_and_in_blocks(monkeypatch):
    # the central 98 % of 0 ... 100 are 1 ... 99
    real = table(x=[float(i) for i in range(101)], c=["a"] * 100 + [None])
    made = table(x=[0.0, 10.98, None, 1e9, 100.0], c=["a", "b", "a", "a", "b"])
    assert distances(real, made, real, columns(x="real", c="category")) == pytest.approx([0, 1 + 0.02 / 98, 1, 1, 1])
    sets = people(300), people(200, 1), people(250, 2), PEOPLE
    whole = dcr(*sets), membership(*sets)
    monkeypatch.setattr(table_privacy, "CELLS", 7 * 500)
    assert [one.value for one in (dcr(*sets), membership(*sets))] == pytest.approx([one.value for one in whole], abs=1e-12)
    monkeypatch.setattr(table_privacy, "PAIRS", 500 * 120)
    less = dcr(*sets), membership(*sets)
    assert [(one.generated, one.training, one.held_out) for one in less] == [(120, 300, 200), (250, 120, 120)]


def test_many_categories_do_not_wrap_around():
    real = table(c=[f"k{i}" for i in range(600)])
    assert distances(real, table(c=["k0", "k256", "k512", "new"]), real, columns(c="category")) == [0, 0, 0, 1]


def test_copies_are_nearer_and_ties_are_shared():
    training, held_out = people(400), people(400, 1)
    assert dcr(training, held_out, training, PEOPLE).value > 0.97 and membership(training, held_out, training, PEOPLE).value > 0.97
    assert dcr(training, held_out, held_out, PEOPLE).value < 0.03 and membership(training, held_out, held_out, PEOPLE).value < 0.03
    assert dcr(training, training, people(100, 2), PEOPLE).value == pytest.approx(0.5, abs=1e-9)
    alike, more = table(c=["a", "b"] * 50), table(c=["a", "b"] * 350)
    for sets in ((alike, alike, alike), (more, alike, alike)):
        for found in (dcr(*sets, columns(c="category")), membership(*sets, columns(c="category"))):
            assert (found.value, found.chance) == (pytest.approx(0.5, abs=1e-9), pytest.approx(0, abs=1e-9))
    # of four generated rows three are nearest to one of two training rows and one to the only held-out row: (3/4 / 2) / (3/4 / 2 + 1/4 / 1)
    by_hand = dcr(table(x=[0.0, 100.0]), table(x=[50.0]), table(x=[1.0, 2.0, 99.0, 51.0]), columns(x="real"))
    assert by_hand.value == pytest.approx(0.6)


def test_chance_is_what_other_splits_get():
    """Training rows against held-out ones that anybody could have taken for them, also where many are equal: each is held out by itself."""
    pool, made, few = people(400), people(300, 2), tuple(column for column in PEOPLE if column.name in ("age", "town", "degree"))
    for kinds in (PEOPLE, few):
        for metric in (dcr, membership):
            found = []
            for seed in range(40):
                held = np.random.default_rng(seed).random(400) < 0.25
                found.append(metric(pool.filter(pa.array(~held)), pool.filter(pa.array(held)), made, kinds))
            values, chance = np.array([one.value for one in found]), np.mean([one.chance for one in found])
            assert values.mean() == pytest.approx(0.5, abs=3 * chance / 40**0.5 + 0.01), (metric, kinds)
            assert 0.7 < values.std() / chance < 1.4, (metric, values.std(), chance)


def test_copies_of_many_rows_are_seen_beside_few_held_out_ones():
    training, held_out, draw = people(20_000), people(300, 1), np.random.default_rng(0)
    copied, honest = training.take(draw.integers(0, 20_000, 2000)), people(2000, 2)
    found = measure(training, held_out, copied, PEOPLE, names=["dcr"])["dcr"]
    assert found["value"] > 0.95 and found["control"] > 0.95 and found["std"] < 0.1 and found["floor"] == 0.5 and "skill" not in found
    assert measure(training, held_out, honest, PEOPLE, names=["dcr"])["dcr"]["value"] == pytest.approx(0.5, abs=5 * found["std"])
    half = pa.concat_tables([copied.slice(0, 1000), honest.slice(0, 1000)])
    assert 0.6 < measure(training, held_out, half, PEOPLE, names=["dcr"])["dcr"]["value"] < 0.85


def test_says_where_copies_could_not_be_seen():
    judge = TableJudge(people(5000), people(60, 1), PEOPLE, names=["dcr", "membership", "exact-copies"])
    document = judge.judge(people(5000).slice(0, 60))
    assert list(document["metrics"]) == ["exact_copies"] and document["metrics"]["exact_copies"]["value"] == 1
    for why in document["skipped"].values():
        assert why.startswith("too few held-out or generated rows to see copying: copied training rows get ")


def test_exact_copies():
    training = table(x=[0.0, 1, None, float("inf")], c=["a", "b", "a", None])
    rows = table(x=[-0.0, None, 1, float("inf"), None], c=["a", "a", "a", None, None])
    assert copies(training, rows, columns(x="real", c="category")) == 3 / 5
    assert copies(people(300), people(300), PEOPLE) == 1 and copies(people(300), people(300, 1), PEOPLE) == 0


# ---- beside floor, baseline and control


@pytest.fixture(scope="module")
def judge():
    return TableJudge(people(600), people(600, 1), PEOPLE, target="rich", n=500)


def test_every_metric_stands_beside_what_must_win_and_what_must_lose(judge):
    document = judge.judge(people(700, 2))
    assert set(document["metrics"]) | {"rare_recall"} == set(METRICS) and document["n"] == 500
    assert document["skipped"] == {"rare_recall": "no category has less than 1 % but at least 5 of 500 real rows"}
    json.dumps(document, allow_nan=False)
    for name, entry in document["metrics"].items():
        sign = 1 if entry["better"] == "higher" else -1
        assert sign * (entry["floor"] - entry["control"]) > 0.004, (name, entry)
        assert sign * (entry["value"] - entry["control"]) > 0.004, (name, entry)
        assert {"n", "seed", "floor", "baseline", "control", "n_fake"} <= set(entry["protocol"])
        assert ("skill" in entry) == METRICS[name].graded, (name, entry)
        if name in ("pairs", "c2st", "tstr"):
            assert entry["skill"] > 0.8, entry
    assert document["metrics"]["tstr"]["protocol"]["score"].startswith("AUC")
    found = worst(document["metrics"], 3)
    assert len(found["columns"]) == len(found["pairs"]) == 3 and set(found["columns"][0]) == {"column", "detection", "shape", "shape_floor"}


def test_independent_marginals_have_no_skill_and_copies_are_seen(judge):
    shuffled = judge.judge(Sets(people(600), people(600, 1), PEOPLE, 500, None, 9).independent)["metrics"]
    assert all(abs(shuffled[name]["skill"]) < 0.25 for name in ("pairs", "c2st", "tstr"))
    copied = judge.judge(people(600))["metrics"]
    assert copied["c2st"]["value"] < 0.45 and copied["c2st"]["skill"] < 0.9
    for name in ("dcr", "membership", "exact_copies"):
        assert copied[name]["value"] > copied[name]["floor"] + 0.1, (name, copied[name])


def test_the_worst_come_first_and_a_column_of_another_unit_loses(judge):
    rows = people(700, 2)
    rows = rows.set_column(1, "pay", pa.array(1000 * np.asarray(rows["pay"]), mask=np.isnan(np.asarray(rows["pay"], dtype=float))))
    found = judge.judge(rows)["metrics"]
    assert found["shapes"]["per_column"][0]["column"] == found["detection"]["per_column"][0]["column"] == "pay"
    assert "pay" in found["pairs"]["per_pair"][0]["columns"] and found["c2st"]["value"] > 0.95 and found["pairs"]["skill"] < 0.3


def test_tables_of_categories_alone_and_of_numbers_alone():
    for kinds in (("rich", "degree", "town"), ("age", "pay", "same"), ("day", "degree"), ("town",)):
        some = tuple(column for column in PEOPLE if column.name in kinds)
        document = TableJudge(people(400), people(300, 1), some, target=kinds[0]).judge(people(300, 2))
        for name, entry in document["metrics"].items():
            sign = 1 if entry["better"] == "higher" else -1
            if name not in ("tstr", "augmented", "dcr", "membership", "exact_copies"):      # rows of few categories are all alike
                assert sign * (entry["floor"] - entry["control"]) > 0.004, (kinds, name, entry)
        json.dumps(document, allow_nan=False)
    assert document["skipped"]["pairs"] == "needs two columns that are not constant" and "tstr" in document["skipped"]


def test_rare_categories_beside_one_row_again_and_again():
    entry = measure(people(3000), people(3000, 1), people(3000, 2), PEOPLE, names=["rare-recall"])["rare_recall"]
    assert entry["value"] == entry["floor"] == 1 and entry["control"] < 0.2 and entry["protocol"]["categories"] == 8
    assert entry["frequency"]["ratio"] == pytest.approx(1, abs=0.2) and not entry["absent"]
    plain = people(3000, 2).filter(pa.compute.invert(pa.compute.starts_with(people(3000, 2)["town"], "rare")))
    entry = measure(people(3000), people(3000, 1), plain, PEOPLE, names=["rare_recall"])["rare_recall"]
    assert entry["value"] == 0 and len(entry["absent"]) == 8 and entry["absent"][0]["column"] == "town"


def test_a_target_of_two_numbers_is_a_class_and_one_of_many_is_not():
    rows = [table(y=(np.asarray(t["degree"]) * 1), x=t["pay"]) for t in (people(500), people(300, 1), people(300, 2))]
    found = measure(*rows, columns(y="integer", x="real"), target="y", names=["tstr"])["tstr"]
    assert found["protocol"]["score"].startswith("AUC") and found["control"] < 0.5 < found["value"]
    found = measure(*rows, columns(y="integer", x="real"), target="x", names=["tstr"])["tstr"]
    assert found["protocol"]["score"] == "R^2" and found["control"] < 0 < found["value"]


def test_the_same_twice_and_what_cannot_be_measured():
    sets = people(300), people(200, 1), people(200, 2)
    names = ["shapes", "c2st", "dcr", "tstr"]
    once, again = (measure(*sets, PEOPLE, target="rich", names=names) for _ in range(2))
    assert once == again
    assert "needs a target" in TableJudge(*sets[:2], PEOPLE, names=["tstr"]).judge(sets[2])["skipped"]["tstr"]
    assert "at least 30 rows" in TableJudge(*sets[:2], PEOPLE, names=["c2st"]).judge(sets[2].slice(0, 9))["skipped"]["c2st"]
    for wrong in (lambda: TableJudge(*sets[:2], PEOPLE, names=["shape"]), lambda: TableJudge(*sets[:2], PEOPLE, target="poor"),
                  lambda: measure(*sets[:2], sets[2].drop_columns(["age"]), PEOPLE)):  # fmt: skip
        with pytest.raises(UserError):
            wrong()


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_odd_values_have_finite_measures():
    def odd(n, seed):
        draw = np.random.default_rng(seed)
        wild = pa.array(draw.choice([np.inf, -np.inf, 0, 1e308, -1e308, 5], n), mask=draw.random(n) < 0.3)
        names, large = [f"x{i}" for i in draw.integers(0, 10**6, n)], draw.integers(-(2**62), 2**62, n)
        return table(wild=wild, empty=pa.array([None] * n, pa.float64()), names=names, large=large, same=["one"] * n)

    kinds = columns(wild="real", empty="real", names="category", large="integer", same="constant")
    judge = TableJudge(odd(60, 0), odd(60, 1), kinds, target="wild")
    nothing = pa.table({name: pa.nulls(60, type) for name, type in zip(odd(1, 0).column_names, odd(1, 0).schema.types)})
    for made in (odd(60, 2), nothing):
        json.dumps(judge.judge(made), allow_nan=False)
    for n in (0, 1, 2, 29):
        document = TableJudge(odd(60, 0), odd(60, 1), kinds).judge(odd(n, 2))
        assert document["n"] == n and set(document["skipped"]) >= {"c2st", "dcr"}


def test_the_mathematics_does_not_import_torch():
    names = ["catalogue", "rows", "shapes", "detection", "efficacy", "privacy", "sets"]
    code = f"import sys; {'; '.join(f'import sparring.metrics.table_{name}' for name in names)}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
