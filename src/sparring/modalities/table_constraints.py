"""What all rows of a table obey, by construction: between the table as people know it and the one that is modelled.

An upper column stands in the modelled table as its distance from the columns that it is not below, and columns that belong together are told by one
more that holds their combination. `table_rules.fit_constraints` makes these from a schema and the data.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property

import numpy as np
import pyarrow as pa

from sparring.base.errors import UserError
from sparring.base.settings import Settings
from sparring.modalities.table_codings import Coding, Derived, Listed, index_in
from sparring.modalities.table_columns import Column
from sparring.modalities.table_conditions import Condition
from sparring.modalities.table_keys import Counted, Drawn, refuse
from sparring.modalities.table_relations import Bound, Gap, Joint, Order, Range, described, spelt
from sparring.modalities.table_types import as_text


class Constraints(Settings):
    """All of a schema, fitted to data. Without any, both tables are the same."""

    orders: tuple[Order, ...] = ()
    bounds: tuple[Bound, ...] = ()
    ranges: tuple[Range, ...] = ()
    gaps: tuple[Gap, ...] = ()
    """each behind those of its lowers"""
    joints: tuple[Joint, ...] = ()
    unique: tuple[tuple[str, ...], ...] = ()
    """columns whose combination is another in every row"""
    keys: tuple[Counted | Drawn, ...] = ()
    order: tuple[str, ...] = ()
    """names of all columns and keys, as the file has them, where there are keys"""

    # ---- the two tables

    def inner(self, columns: Iterable[Column]) -> tuple[Column, ...]:
        """The columns that are modelled."""
        gaps = {gap.upper.name: gap.gap for gap in self.gaps}
        return (*(joint.column for joint in self.joints), *(gaps.get(column.name, column) for column in columns))

    def outer(self, columns: Iterable[Column]) -> tuple[Column, ...]:
        """The columns as people have them, of those that are modelled."""
        uppers, joints = {gap.gap.name: gap.upper for gap in self.gaps}, {joint.column.name for joint in self.joints}
        return tuple(uppers.get(column.name, column) for column in columns if column.name not in joints)

    @cached_property
    def names(self) -> frozenset[str]:
        """Columns that rows are looked at or arranged by."""
        return self.members | {column.name for rule in (*self.orders, *self.bounds) for column in rule.columns}

    @cached_property
    def members(self) -> frozenset[str]:
        """Columns that a joint one tells."""
        return frozenset(name for joint in self.joints for name in joint.names)

    def check(self, table: pa.Table) -> None:
        """UserError where a row breaks what is between its values."""
        for rule in (*self.orders, *self.bounds):
            refuse(str(rule), rule.broken(table), lambda row: described(table, row, rule.columns))

    def inward(self, table: pa.Table) -> pa.Table:
        """The table that is modelled; UserError where a row breaks a constraint."""
        self.check(table)
        made = table
        for gap in self.gaps:
            made = made.set_column(made.column_names.index(gap.upper.name), gap.gap.name, gap.inward(table))
        for joint in reversed(self.joints):
            made = made.add_column(0, joint.column.name, joint.inward(table))
        return made

    def outward(self, table: pa.Table) -> pa.Table:
        """Rows as people know them."""
        table = table.drop_columns([joint.column.name for joint in self.joints]) if self.joints else table
        for name, inside in self._ranges.items():
            if name in table.column_names:                                                            # or it is a gap, which knows its range
                table = table.set_column(table.column_names.index(name), name, inside.clipped(table[name]))
        for gap in self.gaps:
            table = table.set_column(table.column_names.index(gap.gap.name), gap.upper.name, gap.outward(table))
        return table

    @cached_property
    def _ranges(self) -> dict[str, Range]:
        return {one.name: one for one in self.ranges}

    def told(
        self, codings: Iterable[Coding], columns: Iterable[Column], blocks: Callable[[list[str]], Iterator[pa.Table]], factor: int
    ) -> tuple[Coding, ...]:
        """The codings of all columns, of those that are no members of a joint one; members are derived from that. blocks: rows of some columns."""
        by_name = {coding.column.name: coding for coding in codings}
        known = {column.name: column for column in columns}
        for joint in self.joints:
            table = pa.concat_tables(blocks([joint.column.name, *joint.names]))
            for name in joint.names:
                listed = Listed.fit(known[name], table[name].combine_chunks(), factor)
                by_name[name] = derived_from(by_name[joint.column.name], listed, table)
        return tuple(by_name[name] for name in known)

    # ---- conditions

    def implied(self, conditions: Iterable[Condition]) -> tuple[Condition, ...]:
        """What rows of the modelled table obey at least, where those of people obey conditions. UserError for what no row can obey."""
        return tuple(one for condition in conditions for one in self._implied(condition))

    def _implied(self, condition: Condition) -> list[Condition]:
        """Of an upper column: greatest >= value > least, base + gap >= value and base <= top need gap >= value - top, and so on."""
        gap = next((gap for gap in self.gaps if gap.upper.name == condition.column.name), None)
        if gap is None:
            return [condition]
        upper, within, sign = condition.column, lambda sign, text: Condition(gap.gap, sign, text), condition.sign
        top = max(gap.least, *(gap.allowed(np.array([self._ranges[name].greatest]), strict)[0] for name, strict in gap.lowers))
        if not condition.text:
            if sign == "=" and not upper.missing:
                raise UserError(f"column {upper.name!r} is never missing in the data")
            return [within(sign, "")] if upper.missing and (sign == "!=" or top <= gap.greatest) else []
        if not condition.reaches(np.array([gap.least]), np.array([gap.greatest]))[0]:
            ends = pa.table([gap.array(np.array([gap.least, gap.greatest]), np.zeros(2, bool))], names=[upper.name])
            low, high = as_text(ends, (upper,)).column(0).to_pylist()
            raise UserError(f"nothing in the data obeys {condition}: column {upper.name!r} goes from {low} to {high}")
        if sign == "!=":
            return []
        found, value = [within("!=", "")] if upper.missing else [], condition.value
        if sign in (">", ">=", "=") and gap.least < value and top + gap.slack < value:
            found.append(within(">=", spelt(value - top - gap.slack, upper.kind)))
        if sign in ("<", "<=", "=") and value < gap.greatest:
            found.append(within("<=", spelt(value - gap.least + gap.slack, upper.kind)))
            sure = [column for column in map(self._column, dict(gap.lowers)) if not column.missing]              # a missing one obeys no sign
            found += self.implied(Condition(column, "<=", spelt(value, column.kind)) for column in sure)
        return found

    def _column(self, name: str) -> Column:
        return next(column for order in self.orders for column in order.columns if column.name == name)

    # ---- keys, and what `inspect` shows

    def described(self) -> dict[str, str]:
        """How each constraint is kept."""
        gaps = {(name, gap.upper.name) for gap in self.gaps for name, _ in gap.lowers}
        told = {str(order): "as a distance" if (order.lower.name, order.upper.name) in gaps else "by the data's ranges or combinations"
                for order in self.orders}  # fmt: skip
        told |= {str(bound): "by the data's range" for bound in self.bounds}
        told |= {", ".join(joint.names): "together: as one choice" for joint in self.joints}
        told |= {", ".join(names): "unique: rows that repeat an earlier one are left out" for names in self.unique}
        return told | {key.column.name: f"unique: made anew, from {key.made(1, 0, 0)[0].as_py()} on" if isinstance(key, Counted) else
                       f"unique: made anew, like {key.made(1, 0, 0)[0].as_py()}" for key in self.keys}  # fmt: skip

    def keyed(self, table: pa.Table, seed: int, start: int) -> pa.Table:
        """Rows start ... with their keys."""
        made = {name: table[name] for name in table.column_names} | {key.column.name: key.made(len(table), seed, start) for key in self.keys}
        return pa.table({name: made[name] for name in self.order}) if self.keys else table


def derived_from(joint: Listed | Derived, listed: Listed, table: pa.Table) -> Derived:
    """The coding of a column by the code of the joint one that tells it, or by that of the column that tells the joint one."""
    own = joint.listed if isinstance(joint, Derived) else joint
    told = np.zeros(len(own.values), np.int64)
    told[_codes(own, table)] = _codes(listed, table)
    parent, told = (joint.parent, told[joint.told]) if isinstance(joint, Derived) else (joint, told)
    return Derived(listed.column, listed, parent, told)


def _codes(listed: Listed, table: pa.Table) -> np.ndarray:
    return index_in(table[listed.column.name].combine_chunks(), listed.values, listed.column.name)
