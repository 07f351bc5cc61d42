"""From what a schema says of rows, and the data, to constraints that can be kept. What data break is refused."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sparring.base.errors import UserError, nearest
from sparring.modalities.table_codings import NUMBERS, step_of
from sparring.modalities.table_columns import Column, TableSchema, Together, Unique
from sparring.modalities.table_conditions import Condition
from sparring.modalities.table_constraints import Constraints
from sparring.modalities.table_keys import fit_key, hashed, refuse, repeated
from sparring.modalities.table_relations import Bound, Gap, Joint, Order, Range, described, numbers
from sparring.modalities.table_source import Rows
from sparring.modalities.table_types import kind_of
from sparring.modalities.table_words import SOME

SIGN = re.compile(r"[<>]=?")
MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
FAR = 2**61
"""of whole numbers whose distances are to be whole numbers of 64 bits"""


def fit_constraints(schema: TableSchema, source: Rows) -> Constraints:
    """The constraints of a schema on the columns of a source that was told it. UserError for those that name what is not there, that contradict each
    other, and that rows of the data break."""
    if not schema.rules:
        return Constraints()
    first = next(iter(source.blocks([column.name for column in source.columns])))
    names = Names({column.name: numeric(column, first.schema.field(column.name).type) for column in source.columns}, source.dropped)
    rules = [names.rule(one) for one in schema.constraints if isinstance(one, str)]
    together = [one for one in schema.constraints if isinstance(one, Together)]
    unique = [one for one in schema.constraints if isinstance(one, Unique) and len(one.unique) > 1]
    ranged = dict.fromkeys(column.name for rule in rules for column in rule.columns)
    listed = [names.column(name, one).name for one in together for name in one.together]
    listed += [names.column(name, one).name for one in unique for name in one.unique]
    constrained = [*dict.fromkeys([*ranged, *listed])]
    table = pa.concat_tables(source.blocks(constrained)) if constrained else pa.table({})
    orders, bounds = (tuple(rule for rule in rules if isinstance(rule, kind)) for kind in (Order, Bound))
    Constraints(orders=orders, bounds=bounds).check(table)
    for one in unique:
        check_unique(one, [names.known[name] for name in one.unique], table)
    joints = fit_joints(together, table, source.titles)
    ranges = {name: fit_range(name, table[name]) for name in ranged}
    raw = source.came(schema.keys) if schema.keys else None
    shown = {*names.known, *schema.keys}
    return Constraints(
        orders=orders, bounds=bounds, ranges=tuple(ranges.values()), joints=joints, unique=tuple(one.unique for one in unique),
        gaps=fit_gaps(orders, ranges, {name: joint for joint in joints for name in joint.names}, table, source.titles),
        keys=tuple(fit_key(name, raw, schema.columns.get(name)) for name in schema.keys),
        order=tuple(name for name in source.titles if name in shown) if raw else (),
    )  # fmt: skip


class Arranged:
    """The rows of a source as constraints arrange them: what codings are fitted to."""

    def __init__(self, source: Rows, constraints: Constraints):
        self.source, self.constraints = source, constraints
        self.made = {gap.gap.name for gap in constraints.gaps} | {joint.column.name for joint in constraints.joints}

    def __len__(self) -> int:
        return len(self.source)

    def blocks(self, names: Sequence[str]) -> Iterator[pa.Table]:
        """Some columns of all rows, as many at a time as memory takes well."""
        known = [column.name for column in self.source.columns if column.name in names or column.name in self.constraints.names]
        return (self.constraints.inward(block).select(list(names)) for block in self.source.blocks(known))

    def values(self, name: str) -> pa.Array:
        """What stands for a column when it is learnt how to code it: of those that constraints make every value."""
        if name not in self.made:
            return self.source.values(name)
        return pa.concat_tables(self.blocks([name]))[name].combine_chunks()


class Names:
    """The columns that constraints may name."""

    def __init__(self, known: Mapping[str, Column], dropped: Mapping[str, str]):
        self.known, self.dropped = known, dropped

    def column(self, name: str, rule: object) -> Column:
        if name in self.known:
            return self.known[name]
        if name in self.dropped:
            raise UserError(f"the constraint {str(rule)!r} names the column {name!r}, which is left out: {self.dropped[name]}")
        raise UserError(f"the constraint {str(rule)!r} names a column {name!r} that is not there{nearest(name, [*self.known, *self.dropped])}")

    def rule(self, text: str) -> Order | Bound:
        """start <= end, or age >= 17. Names may hold such signs too: the first that stands beside a name is meant."""
        parts = [(text[: sign.start()].strip(), sign[0], text[sign.end() :].strip()) for sign in SIGN.finditer(text)]
        if not parts:
            raise UserError(f'a constraint is like "start <= end" or "age >= 17", not {text!r}')
        of_two = [part for part in parts if part[0] in self.known and part[2] in self.known]
        left, sign, right = next(iter(of_two or [part for part in parts if part[0] in self.known or part[2] in self.known] or parts))
        if right in self.known and left not in self.known:
            left, sign, right = right, MIRRORED[sign], left
        column = self.number(left, text)
        if right in self.known:
            lower, upper = (column, self.number(right, text)) if "<" in sign else (self.number(right, text), column)
            if lower == upper or (lower.kind == "date") != (upper.kind == "date"):
                raise UserError(f"the constraint {text!r} is to be of two different columns, of numbers or of dates")
            return Order(lower=lower, upper=upper, strict="=" not in sign)
        try:
            _ = Condition(column, sign, right).value
        except UserError as error:
            raise UserError(f"the constraint {text!r}: {error}{nearest(right, [*self.known, *self.dropped])}") from None
        return Bound(column=column, sign=sign, text=right)

    def number(self, name: str, text: str) -> Column:
        column = self.column(name, text)
        if column.kind not in NUMBERS:
            raise UserError(f"the constraint {text!r} compares column {name!r}, which is {column.kind}: only numbers and dates have an order")
        return column


def numeric(column: Column, kind: pa.DataType) -> Column:
    """A constant number as one that has a kind."""
    if column.kind != "constant" or (found := kind_of(kind)) not in NUMBERS:
        return column
    return column.model_copy(update={"kind": found})


def fit_range(name: str, array: pa.ChunkedArray) -> Range:
    values, missing = numbers(array)
    ends = [values[~missing].min(), values[~missing].max()]
    return Range(name=name, **{end: value.item() if np.isfinite(value) else None for end, value in zip(("least", "greatest"), ends)})


def fit_gaps(
    orders: Iterable[Order], ranges: Mapping[str, Range], members: Mapping[str, Joint], table: pa.Table, titles: Sequence[str]
) -> tuple[Gap, ...]:
    """Columns that are to be modelled as distances. None is where two columns have ranges that do not overlap, or are told together."""
    below: dict[str, list[Order]] = {}
    for order in orders:
        low, high = order.lower.name, order.upper.name
        if None in (ends := (ranges[low].least, ranges[low].greatest, ranges[high].least, ranges[high].greatest)):
            raise UserError(f"the constraint {str(order)!r} is of columns with infinite values, which have no distance: take it out of the schema")
        if ends[1] < ends[2] or (ends[1] == ends[2] and not order.strict) or (low in members and members[low] is members.get(high)):
            continue
        if high in members:
            raise UserError(f"column {high!r} is in the constraint {str(order)!r} and together with others: put {low!r} there too, or take one out")
        below.setdefault(high, []).append(order)
    try:
        turns = [*TopologicalSorter({name: [order.lower.name for order in some] for name, some in below.items()}).static_order()]
    except CycleError as error:
        raise UserError(f"constraints go round in a circle: {' <= '.join(reversed(error.args[1]))}; take one out of the schema") from None
    return tuple(fit_gap(below[name], ranges, table, titles) for name in turns if name in below)


def fit_gap(orders: list[Order], ranges: Mapping[str, Range], table: pa.Table, titles: Sequence[str]) -> Gap:
    upper, lowers = orders[0].upper, [order.lower for order in orders]
    ends = ranges[upper.name]
    values, missing = numbers(table[upper.name])
    whole = all((column.kind == "real") == (upper.kind == "real") for column in lowers) and upper.kind != "real"
    if whole and max(abs(ends.least), abs(ends.greatest), *(abs(ranges[column.name].least) for column in lowers)) > FAR:
        raise UserError(f"column {upper.name!r} holds numbers too great for the constraint {str(orders[0])!r}: take it out of the schema")
    step = step_of(upper, values[~missing])
    name = title(f"{upper.name} - {', '.join(column.name for column in lowers)}", titles)
    gap = Column(name=name, kind=upper.kind, missing=upper.missing, decimals=upper.decimals if step else None)
    return Gap(
        upper=upper, gap=gap, lowers=tuple((order.lower.name, order.strict) for order in orders), least=ends.least, greatest=ends.greatest,
        step=step, whole=whole,
    )  # fmt: skip


def fit_joints(sets: Iterable[Together], table: pa.Table, titles: Sequence[str]) -> tuple[Joint, ...]:
    made: list[Joint] = []
    for one in sets:
        if twice := next((joint for joint in made if set(joint.names) & set(one.together)), None):
            raise UserError(f"the constraints together of {', '.join(twice.names)} and of {', '.join(one.together)} share a column: make them one")
        joint = Joint(column=Column(name=title(", ".join(one.together), titles), kind="category"), names=one.together)
        different, n = pc.count_distinct(joint.inward(table)).as_py(), len(table)
        if different > max(SOME, n / 2):
            why = f"{different:,} combinations in {n:,} rows, so that generated rows would be copies"
            raise UserError(f"the constraint {str(one)!r} is of {why}: take columns out that are nearly all different")
        if different > 1:
            made.append(joint)
    return tuple(made)


def title(name: str, titles: Sequence[str]) -> str:
    """A name that no column has."""
    while name in titles:
        name += "'"
    return name


def check_unique(one: Unique, columns: Sequence[Column], table: pa.Table) -> None:
    """UserError where a combination comes twice."""
    codes: dict[bytes, int] = {}
    combined = [-1 - row if key is None else codes.setdefault(key, len(codes)) for row, key in enumerate(hashed(table, one.unique))]
    refuse(str(one), repeated(np.array(combined)), lambda row: f"{described(table, row, tuple(columns))} again")
