"""The kind of every column is found from its values, said with a reason, and values are written back as they came."""

import datetime
import json
import random

import numpy as np
import pyarrow as pa
import pytest

from sparring.base.errors import UserError
from sparring.modalities.table_columns import TableSchema, read_schema
from sparring.modalities.table_source import from_frame, open_table
from sparring.modalities.table_types import arrow_type, as_text, restored

DRAW = np.random.default_rng(0)
N = 60
DAYS = [datetime.datetime(1999, 12, 30) + datetime.timedelta(days=37 * (i * 7 % 41), seconds=7919 * i) for i in range(N)]


def of_text(tmp_path, cells, name="x"):
    """A source of a CSV with this column (and another)."""
    quoted = ('"' + c.replace('"', '""') + '"' if any(s in c for s in ',"\n') else c for c in cells)
    (tmp_path / "t.csv").write_text(f"{name},other\n" + "".join(f"{c},{'ab'[i % 2]}\n" for i, c in enumerate(quoted)))
    return open_table(tmp_path / "t.csv")


def some(*words):
    return [words[i % len(words)] for i in range(N)]


TEXTS = {
    "whole numbers": (some("3", "-17", "0", "250"), "integer", "whole numbers, 4 different"),
    "0 and 1 are numbers": (some("0", "1"), "integer", "2 different"),
    "whole, written as real": (some("3.0", "4.0", "10.0"), "integer", "whole numbers"),
    "whole, some missing": (some("3", "", "NA", "5"), "integer", "missing: 'NA' 15"),
    "real": (some("3.25", "-0.5", "10"), "real", "numbers, 3 different"),
    "always two digits": (some("3.50", "-0.25", "10.00"), "real", "numbers"),
    "at least one digit": (some("3.5", "-0.25", "10.0"), "real", "numbers"),
    "powers of ten": (some("1e-7", "2.5", "3e+20"), "real", "numbers"),
    "thousands": (some("1,234,567", "-23,456", "999"), "integer", "whole numbers"),
    "thousands with cents": (some("1,234,567.50", "-23,456.00", "999.25"), "real", "numbers"),
    "with infinities": (some("inf", "2.5", "-inf", "nan"), "real", "30 infinite; missing: 'nan' 15"),
    "a spike and a tail": (["0"] * 40 + [str(i * i) for i in range(40)], "integer", "a spike and a tail: 0 in 51%"),
    "nearly unique": ([str(i * i) for i in range(N)][::-1], "integer", "all different"),
    "no numbers: zip codes": (some("01234", "00001", "99999"), "category", "codes: digits with leading zeros"),
    "no numbers: account numbers": (some("12345678901234567890", "9876543210987654321098"), "category", "codes"),
    "words": (some("a", "b", "cat"), "category", "3 different words"),
    "numbers and words": (some("1", "2", "10+"), "category", "numbers and words ('10+' 20), 3 different"),
    "truth": (some("True", "False", ""), "boolean", "only 'False' and 'True'"),
    "truth in other words": (some("no", "yes"), "boolean", "only 'no' and 'yes'"),
    "truth of several spellings": (some("no", "yes", "No"), "category", "3 different words"),
    "Namibia": (some("NA", "DE", "FR", "IT", "ES", "GB", "US"), "category", "7 different words"),
    "None is a word": (some("None", "Brick", "Stone"), "category", "3 different words"),
    "a question mark is missing": (some("?", "Private", "State"), "category", "missing: '?' 20"),
    "constant": (some("7"), "constant", "only '7'"),
    "constant word": (some("same"), "constant", "only 'same'"),
    "constant date": (some("2020-02-03"), "constant", "only '2020-02-03 00:00:00"),
    "one value or missing": (some("7", ""), "integer", "1 different"),
    "time of day": ([d.strftime("%H:%M") for d in DAYS], "date", "all like %H:%M"),
    "whole numbers that are dates": ([d.strftime("%Y%m%d") for d in DAYS], "date", "all like %Y%m%d"),
    "years": ([str(d.year) for d in DAYS], "integer", "whole numbers"),
    "fractions of seconds": ([d.strftime("%Y-%m-%dT%H:%M:%S.") + f"{i % 8 * 125:03}" for i, d in enumerate(DAYS)], "date", "all like"),
    "universal time": ([d.strftime("%Y-%m-%dT%H:%M:%SZ") for d in DAYS], "date", "%SZ"),
    "a zone": ([d.strftime("%Y-%m-%d %H:%M:%S+02:00") for d in DAYS], "date", "%S+02:00"),
    "no leading zeros": ([f"{d.month}/{d.day}/{d.year}" for d in DAYS], "date", "%-m/%-d/%Y"),
    "no leading zeros of the hour": ([f"{d.day}.{d.month}.{d.year} {d.hour}:{d:%M}" for d in DAYS], "date", "%-d.%-m.%Y %-H:%M"),
    "capitals": ([d.strftime("%d-%b-%Y").upper() for d in DAYS], "date", "%d-%^b-%Y"),
    "dates and missing ones": ([d.strftime("%Y-%m-%d") if i % 5 else "NULL" for i, d in enumerate(DAYS)], "date", "missing: 'NULL' 12"),
} | {
    f"dates like {format}": ([d.strftime(format) for d in DAYS], "date", f"all like {format}")
    for format in (
        "%Y-%m-%d", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%b %d, %Y", "%b %d %Y", "%d %B %Y", "%Y-%m-%d %H:%M:%S", "%d/%m/%Y %H:%M",
        "%m/%d/%Y %I:%M %p",
    )
}  # fmt: skip


@pytest.mark.parametrize("cells, kind, why", TEXTS.values(), ids=TEXTS)
def test_kinds_of_text(tmp_path, cells, kind, why):
    """The kind, its reason, and the same text again."""
    source = of_text(tmp_path, cells)
    column = source.columns[0]
    assert (column.kind, column.name) == (kind, "x") and why in column.why, column
    types = {"category": pa.string(), "boolean": pa.bool_(), "integer": pa.int64(), "real": pa.float64(), "date": pa.timestamp("us")}
    assert source.table.schema.field("x").type == types.get(kind, source.table.schema.field("x").type)
    back = as_text(source.table, source.columns).column("x").to_pylist()
    nothing = {"", "NA", "nan", "NULL", "?"} if column.missing else set()
    assert [b for b, c in zip(back, cells) if c not in nothing] == [c for c in cells if c not in nothing]
    assert {b for b, c in zip(back, cells) if c in nothing} <= {column.null}
    assert column.missing == (source.table.column("x").null_count > 0) and column.infinite == ("infinite" in column.why)
    assert source.like(source.columns[::-1]).table.select(["x", "other"]).equals(source.table), "told what was found, it finds the same"


LEFT_OUT = {
    "numbers in order": ([str(100 + i) for i in range(N)], "x", "an identifier: all different, the whole numbers from 100 to 159"),
    "numbers in order with gaps": ([str(100 + i + i // 7) for i in range(N)], "x", "all different, in order"),
    "numbers called id": ([str(i * 7919 % 10007) for i in range(N)], "customer_id", "the name 'customer_id'"),
    "UUIDs": ([f"{i * 7919:08x}-0000-4000-8000-{i:012x}" for i in range(N)], "x", "UUIDs"),
    "keys of one pattern": ([f"C{i * 7919 % 10007:05}" for i in range(N)], "x", "of one pattern like 'C00000'"),
    "names": ([f"{a} {b}" for a in ("Ann", "Bo", "Cy", "Di", "Ed", "Flo") for b in "KLMNOPQRST"], "x", "names, not categories"),
    "free text": ([f"the {a} and the {b}, which were there" for a in "ABCDEF" for b in "KLMNOPQRST"], "x", "free text: 60"),
    "nothing": (some("", "NA"), "x", "all values are missing"),
}  # fmt: skip


@pytest.mark.parametrize("cells, name, why", LEFT_OUT.values(), ids=LEFT_OUT)
def test_columns_that_are_not_modelled(tmp_path, cells, name, why):
    source = of_text(tmp_path, cells, name)
    assert why in source.dropped[name] and [c.name for c in source.columns] == ["other"]
    assert any(p.startswith(f"column {name} is left out: ") for p in source.problems)


def test_measurements_are_no_identifiers(tmp_path):
    """All different whole numbers, but neither in order nor dense; few rows; years; dates in order."""
    assert of_text(tmp_path, sorted((str(i**3) for i in range(N)), key=int)).columns[0].kind == "integer"
    assert of_text(tmp_path, [str(i) for i in range(10)]).columns[0].kind == "integer"
    assert of_text(tmp_path, [str(1950 + i) for i in range(N)], "Year").columns[0].kind == "integer"
    assert of_text(tmp_path, [d.strftime("%Y-%m-%d") for d in sorted(DAYS)]).columns[0].kind == "date"


def test_few_words_among_many_numbers_are_missing_and_counted(tmp_path):
    cells = [f"{v:.3f}" for v in DRAW.normal(size=300)]
    cells[7], cells[9], cells[11] = "unknown", "unknown", "1.2.3"
    source = of_text(tmp_path, cells)
    assert source.columns[0].kind == "real" and source.table.column("x").null_count == 3
    assert source.problems == ("column x: 3 of 300 values are no numbers ('unknown' 2, '1.2.3' 1) and taken for missing",)


def test_impossible_dates_are_missing_and_counted(tmp_path):
    cells = [d.strftime("%d/%m/%Y") for d in DAYS]
    cells[3] = "31/02/2020"
    source = of_text(tmp_path, cells)
    assert source.columns[0].kind == "date" and source.table.column("x").null_count == 1
    assert "1 of 60 values are no dates like %d/%m/%Y ('31/02/2020' 1)" in source.problems[0]


def test_day_or_month_first_is_said(tmp_path):
    source = of_text(tmp_path, [f"{1 + i % 12:02}/{1 + i * 5 % 12:02}/2020" for i in range(N)])
    assert source.columns[0].format == "%m/%d/%Y" and "could be %m/%d/%Y or %d/%m/%Y" in source.problems[0]
    told = source.told(TableSchema(columns={"x": {"kind": "date", "format": "%d/%m/%Y"}}))
    assert told.columns[0].format == "%d/%m/%Y" and told.table.column("x")[1].as_py() == datetime.datetime(2020, 6, 2)


def test_dates_of_several_zones_are_brought_to_one(tmp_path):
    source = of_text(tmp_path, some("2020-01-01T12:00:00Z", "2020-01-01T12:00:00+02:00", "2020-01-02T00:00:00-0100"))
    assert [v.hour for v in source.table.column("x").to_pylist()[:3]] == [12, 10, 1] and "brought to UTC" in source.problems[0]


def test_a_comma_for_the_point(tmp_path):
    (tmp_path / "t.csv").write_text("x;y\n" + "".join(f"{i},{i % 100:02};{'ab'[i % 2]}\n" for i in range(N)))
    source = open_table(tmp_path / "t.csv")
    assert source.columns[0].kind == "real" and source.table.column("x")[3].as_py() == 3.03
    assert as_text(source.table, source.columns).column("x").to_pylist() == [f"{i},{i % 100:02}" for i in range(N)]


@pytest.mark.parametrize("proof", ["0,988", "-0,250", "7,5"])
def test_commas_before_three_digits(tmp_path, proof):
    """A zero before the comma says that it stands for the point; where nothing says so, what is done is said."""
    rows = lambda *words: "x;y\n" + "".join(f"{w};{i % 7}\n" for i, w in enumerate(words * 20))
    (tmp_path / "t.csv").write_text(rows("19,290", "8,459", proof))
    source = open_table(tmp_path / "t.csv")
    assert source.columns[0].kind == "real" and source.table.column("x")[0].as_py() == 19.29 and not source.problems
    (tmp_path / "t.csv").write_text(rows("19,290", "8,459", "4,120"))
    source = open_table(tmp_path / "t.csv")
    assert source.table.column("x")[0].as_py() == 19290 and "taken for those of thousands" in source.problems[0]


def test_thousands_of_categories(tmp_path):
    words = [f"town {i}" for i in range(3000)]
    random.Random(0).shuffle(words := words + words[:1500] * 3)
    column = of_text(tmp_path, words).columns[0]
    assert column.kind == "category" and "3,000 different words, 1,500 of them once" in column.why


def test_a_single_row(tmp_path):
    source = of_text(tmp_path, ["3.5"])
    assert len(source) == 1 and [c.kind for c in source.columns] == ["constant", "constant"]


# ---- columns with a type

ARRAYS = {
    "int8": (pa.array([1, None, -3] * 9, pa.int8()), "integer"),
    "uint64": (pa.array([1, 2, 3] * 9, pa.uint64()), "integer"),
    "numbers beyond int64": (pa.array([2**64 - 1, 2**63, 5] * 9, pa.uint64()), "category"),
    "double": (pa.array([0.1, float("nan"), float("inf"), None] * 9), "real"),
    "float": (pa.array([0.1, 2.7182818, None] * 9, pa.float32()), "real"),
    "halffloat": (pa.array(np.array([0.5, 2.25] * 9, np.float16)), "real"),
    "whole doubles": (pa.array([1.0, None, 3.0] * 9), "integer"),
    "decimal": (pa.array(["1.50", "2.25"] * 9).cast(pa.decimal128(9, 2)), "real"),
    "bool": (pa.array([True, None, False] * 9), "boolean"),
    "date32": (pa.array([datetime.date(2020, 1, 1), datetime.date(1920, 1, 5)] * 9), "date"),
    "timestamp with a zone": (pa.array([0, 10**9] * 9, pa.timestamp("s", "Europe/Berlin")), "date"),
    "timestamp[ns]": (pa.array([0, 10**15] * 9, pa.timestamp("ns")), "date"),
    "time": (pa.array([datetime.time(10, 20), datetime.time(23, 1, 59)] * 9), "date"),
    "times with fractions": (pa.array([datetime.time(12, i, 0, 500_000 * (i % 2)) for i in range(6)] * 9, pa.time64("us")), "category"),
    "ordered words": (pa.DictionaryArray.from_arrays([2, 0, None, 1] * 9, ["S", "M", "L", "XL"], ordered=True), "category"),
    "ordered numbers": (pa.DictionaryArray.from_arrays([2, 0, 1] * 9, [5, 4, 3]), "integer"),
    "duration": (pa.array([5, 7] * 9, pa.duration("s")), "integer"),
    "string": (pa.array(["a", "", None] * 9), "category"),
    "large_string of numbers": (pa.array(["1", "20"] * 9, pa.large_string()), "integer"),
    "string_view": (pa.array(["a", "b"] * 9, pa.string_view()), "category"),
    "dictionary": (pa.array(["a", "b", None] * 9).dictionary_encode(), "category"),
    "constant": (pa.array([5] * 9, pa.int16()), "constant"),
}


@pytest.mark.parametrize("array, kind", ARRAYS.values(), ids=ARRAYS)
def test_columns_of_binary_files_and_frames(array, kind):
    """The kind, and the same type and values again."""
    source = from_frame(pa.table({"x": array}))
    column = source.columns[0]
    assert column.kind == kind and arrow_type(column.type) == array.type
    back = restored(source.table, source.columns).column("x")
    plain = [None if v != v else v for v in array.to_pylist()]
    assert back.type == array.type and back.to_pylist() == plain
    assert (s := from_frame(pa.table({"x": array, "y": array}))).like(s.columns[::-1]).table.select(["x", "y"]).equals(s.table)
    as_text(source.table, source.columns)


def test_categories_keep_their_list_and_order():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"x": pd.Categorical(["L", "S", None, "M"] * 9, ["S", "M", "L", "XL"], ordered=True)})
    source = from_frame(frame)
    back = restored(source.table, source.columns).to_pandas()
    assert back["x"].dtype == frame["x"].dtype and (back["x"] > "S").sum() == (frame["x"] > "S").sum() == 18


def test_times_with_zones_and_fractions_as_text():
    moments = pa.array([250_000 + 86_400_000_000 * i for i in range(36)], pa.timestamp("us", "Europe/Berlin"))
    source = from_frame(pa.table({"x": moments}))
    assert as_text(source.table, source.columns).column("x")[1].as_py() == "1970-01-02T00:00:00.25Z"


@pytest.mark.parametrize("array", [pa.array([[1], [2]]), pa.array([{"a": 1}, None]), pa.array([b"x", b"y"])], ids=str)
def test_cells_that_are_no_values(array):
    source = from_frame(pa.table({"x": array, "y": [1.5, 2.5]}))
    assert "a cell holds one number, word or date" in source.dropped["x"]
    with pytest.raises(UserError, match="no column that can be modelled: x is values of type"):
        from_frame(pa.table({"x": array}))


# ---- schemas


def test_a_schema_says_what_is_missing(tmp_path):
    (tmp_path / "t.csv").write_text("age,word,all\n" + "".join(f"{i % 9},{('NA', 'b', '')[i % 3]},{i % 4}\n" for i in range(N)))
    (tmp_path / "s.yaml").write_text("columns:\n  age: {missing: [3, 8]}\n  word: {missing: []}\n")
    source = open_table(tmp_path / "t.csv", read_schema(tmp_path / "s.yaml"))
    assert [c.kind for c in source.columns] == ["integer", "category", "integer"]
    assert [set(column.to_pylist()) for column in source.table.columns[:2]] == [{0, 1, 2, None, 4, 5, 6, 7}, {"NA", "b", None}]
    frame = from_frame({"age": [i % 9 for i in range(N)]}, schema=TableSchema(columns={"age": {"missing": ["3"]}}))
    assert 3 not in frame.table.column("age").to_pylist() and frame.columns[0].missing


def test_missing_numbers_are_found_however_they_are_written(tmp_path):
    (tmp_path / "t.csv").write_text("x,code\n" + "".join(f"{i % 5}.{'0' if i % 5 == 0 else '5'},00{i % 4}\n" for i in range(N)))
    schema = TableSchema(columns={"x": {"missing": ["0"]}, "code": {"missing": ["1"]}})
    source = open_table(tmp_path / "t.csv", schema)
    assert source.table.column("x").null_count == N / 5 and source.table.column("code").null_count == 0, "001 is a code"
    (tmp_path / "t.csv").write_text("x,y\n" + "".join(f"+{i % 5}.5,a\n-9.,b\n" for i in range(N)))
    assert open_table(tmp_path / "t.csv", TableSchema(columns={"x": {"missing": ["-9"]}})).table.column("x").null_count == N
    frame = from_frame({"x": [-999.0 if i % 3 else i + 0.5 for i in range(N)]}, schema=TableSchema(columns={"x": {"missing": ["-999.0"]}}))
    assert frame.table.column("x").null_count == 2 * N / 3


def test_a_schema_overrides(tmp_path):
    rows = (f"{i},{1 + i % 9}/1/2020,{i % 3},{i % 5},{'JN'[i % 2]},{i % 7}\n" for i in range(N))
    (tmp_path / "t.csv").write_text("id,when,code,n,w,r\n" + "".join(rows))
    (tmp_path / "s.yaml").write_text(
        "columns:\n  id: integer\n  n: drop\n  code: category\n  r: {kind: real, missing: ['3']}\n"
        "  w: {kind: boolean, words: [N, J]}\n  when: {kind: date, format: '%-d/%-m/%Y'}\n"
    )
    source = open_table(tmp_path / "t.csv", read_schema(tmp_path / "s.yaml"))
    assert [c.kind for c in source.columns] == ["integer", "date", "category", "boolean", "real"] and source.dropped == {"n": "the schema drops it"}
    assert all(c.why.startswith("the schema says so") for c in source.columns) and not source.problems
    assert source.table.column("when")[4].as_py() == datetime.datetime(2020, 1, 5) and source.table.column("w")[0].as_py() is True
    assert source.table.column("r").null_count == sum(i % 7 == 3 for i in range(N))
    assert open_table(tmp_path / "t.csv").like(source.columns).table.equals(source.table), "a codec that was fitted to it needs no schema"
    again = open_table(tmp_path / "t.csv").told(read_schema(tmp_path / "s.yaml"))
    assert again.columns == source.columns and again.table.equals(source.table)


WRONG = {
    "no such column": ({"aeg": "integer"}, "column 'aeg'.*did you mean 'age'"),
    "no such kind": ({"age": "number"}, "age"),
    "words as numbers": ({"word": "integer"}, "column word cannot be integer, as the schema says: no value is one"),
    "fractions as whole": ({"real": "integer"}, "not whole: say real"),
    "a format with a zone": ({"word": {"kind": "date", "format": "%Y %z"}}, "cannot hold a zone"),
    "words as dates": ({"word": "date"}, "column word cannot be date"),
    "numbers as truth": ({"age": "boolean"}, "column age cannot be boolean.*words: "),
    "truths of YAML": ({"word": {"kind": "boolean", "words": [False, True]}}, "in quotes"),
    "unknown setting": ({"age": {"kind": "date", "formt": "%Y"}}, "formt"),
}  # fmt: skip


@pytest.mark.parametrize("columns, line", WRONG.values(), ids=WRONG)
def test_schemas_that_do_not_fit(tmp_path, columns, line):
    (tmp_path / "t.csv").write_text("age,word,real\n" + "".join(f"{i % 9},{'ab'[i % 2]},{i}.5\n" for i in range(N)))
    (tmp_path / "s.json").write_text(json.dumps({"columns": columns}))
    with pytest.raises(UserError, match=line) as caught:
        open_table(tmp_path / "t.csv", read_schema(tmp_path / "s.json"))
    assert "\n" not in str(caught.value)


def test_lists_of_numbers_and_dates_in_words_take_new_ones():
    """Categories of a frame that are numbers are modelled as numbers: what is made need not be in the list."""
    words = [f"{i:d}" for i in range(1000, 1300)]
    frame = pa.table({"x": pa.DictionaryArray.from_arrays(list(range(300)) * 2, words), "y": ["a", "b"] * 300})
    source = from_frame(frame)
    column = source.columns[0]
    assert column.kind == "integer" and column.categories is None
    made = restored(pa.table({"x": [1000, 5000], "y": ["a", "b"]}), source.columns).column("x")
    assert made.to_pylist() == ["1000", "5000"] and made.type == frame.schema.field("x").type
