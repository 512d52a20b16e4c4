"""The statement of a question with aggregates: groups of the records that a list would show, and values of each.

The result is made before `having` and the place of a cursor are asked: databases would draw conditions on a group's
columns into the search for its records, where they would be worked out on hidden ones too (see `visibility`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from hinterland.contract.matching import read_place, write_place
from hinterland.contract.result_columns import PARTS, ResultColumn, having_of
from hinterland.kit.cel.sql import to_sql
from hinterland.kit.cel.types import BOOL, DOUBLE, INT, INT64
from hinterland.server.data.rules import DIALECTS, column
from hinterland.server.data.select.level import KeptStatement
from hinterland.server.data.select.order import is_after
from hinterland.server.data.select.parts import Bind, SqlPart, filled, gated, joined, limited
from hinterland.server.data.select.question import Select, Window
from hinterland.server.data.select.visibility import asked_of, gates_of, rule_of, visible
from hinterland.server.storage.protocol import DialectName, Texts

if TYPE_CHECKING:
    from hinterland.server.data.catalogue import Entry

_ALIAS = "r0"
_VALUES: dict[DialectName, dict[str, str]] = {
    # SQLite's own sum of integers fails where one on the way is beyond 64 bits: halves of 32 bits are added.
    "sqlite": {
        "sum of integers": (
            "CASE WHEN count({0}) = 0 THEN NULL "
            "WHEN sum({0} >> 32) + (sum({0} & 4294967295) >> 32) BETWEEN -2147483648 AND 2147483647 "
            "THEN ((sum({0} >> 32) + (sum({0} & 4294967295) >> 32)) << 32) | (sum({0} & 4294967295) & 4294967295) "
            "ELSE abs(-9223372036854775807 - 1 + 0 * count({0})) END"  # which fails
        ),
        "sum": "sum({0})",
        "avg": "avg({0})",
        "min of booleans": "min({0})",
        "max of booleans": "max({0})",
    },
    "postgres": {
        "sum of integers": "sum({0})::bigint",
        "sum": "sum({0})",
        "avg": "sum({0})::double precision / nullif(count({0}), 0)",
        "min of booleans": "bool_and({0})",
        "max of booleans": "bool_or({0})",
    },
}


class Aggregates(NamedTuple):
    """The result of a question with aggregates: its columns, `having` (CEL over these), and its order: the places of
    columns, and whether the highest value comes first."""

    columns: tuple[ResultColumn, ...]
    having: str = ""
    order: tuple[tuple[int, bool], ...] = ()

    @property
    def has_places(self) -> bool:
        """Whether a cursor names a place among the groups, which stay what they are, and not a number of rows."""
        return all(self.columns[place].act == "group" for place, _ in self.order)

    @property
    def description(self) -> tuple[Any, ...]:
        """What tells the cursors of one result from those of others."""
        return tuple([each.name for each in self.columns]), self.having, self.order

    def window(self, limit: int, cursor: str) -> Window:
        """The window of at most `limit` rows beyond a cursor ("": from the beginning)."""
        if not cursor:
            return Window(limit)
        *place, _ = read_place("", cursor, len(self.order) + 1 if self.has_places else 2)
        return Window(limit, 0, tuple(place)) if self.has_places else Window(limit, place[0])

    def cursor(self, window: Window, rows: Sequence[Sequence[Any]]) -> str:
        """The cursor that continues after the `rows` of a window; to be sealed for its result."""
        place = [rows[-1][key] for key, _ in self.order] if self.has_places else [window.offset + len(rows)]
        return write_place("", [*place, 0])  # whose last value is never null


def aggregated_statement(entry: Entry, select: Select, *, is_free: bool) -> KeptStatement:
    """The statement of a question with aggregates. Raises what `Compiler.compile` does."""
    aggregates = select.aggregates
    assert aggregates is not None
    columns, dialect = aggregates.columns, entry.table.dialect
    conditions = [rule_of(entry, condition) for condition in select.where]
    names = frozenset([each.field for each in columns if each.field]).union(*[rule.reads_record for rule in conditions])
    rule = None if is_free else entry.rules[select.action]
    is_costly = any(each.is_costly for each in conditions) or (rule is not None and rule.multiplies)
    is_costly |= not names.isdisjoint(entry.book.known.long)
    if select.search is not None:
        is_costly |= select.search.is_joined and dialect == "sqlite"
    sql = filled(
        "WITH _result AS MATERIALIZED ({}) SELECT * FROM _result AS a{}{}",
        _result(entry, select, is_free=is_free),
        _wanted(aggregates, select, dialect),
        SqlPart(_ordered(aggregates, dialect)),
    )
    part = limited(sql, select.window)
    return KeptStatement(*part, _texts(columns), is_costly, ((entry, names),) if entry.private else (), ())


def _result(entry: Entry, select: Select, *, is_free: bool) -> SqlPart:
    """The groups of all records that are shown. What is asked of the caller alone is part of it: without a group there
    is one row, whatever is shown."""
    assert select.aggregates is not None
    columns = select.aggregates.columns
    gates = [gated(gate) for gate in gates_of(entry, select, is_free=is_free)]
    rule = None if is_free else entry.rules[select.action]
    terms = [*gates, *visible(rule, _ALIAS, asked_of(entry, _ALIAS, select, is_free=is_free))]
    values = ", ".join([f"{_value(each, entry.table.dialect)} AS c{place}" for place, each in enumerate(columns)])
    groups = ", ".join([str(place + 1) for place, each in enumerate(columns) if each.act == "group"])
    template = f"SELECT {values} FROM {entry.table.name} {_ALIAS} WHERE {{}}"
    # Without a WHERE, SQLite counts in one step, which nothing interrupts.
    return filled(
        template + (f" GROUP BY {groups}" if groups else ""), joined(terms, " AND ") if terms else SqlPart("TRUE")
    )


def _value(asked: ResultColumn, dialect: DialectName) -> str:
    act, values = asked.act, _VALUES[dialect]
    if not asked.field:
        return "count(*)"
    name = column(_ALIAS, asked.field)
    if act == "group":
        return f"substr({name}, 1, {PARTS[asked.part]})" if asked.part else name
    if act == "distinct":
        return f"count(DISTINCT {name})"
    if act == "sum" and asked.type in (INT, INT64):
        return values["sum of integers"].format(name)
    if act in ("min", "max") and asked.type is BOOL:
        return values[f"{act} of booleans"].format(name)
    return values.get(act, f"{act}({{0}})").format(name)


def _wanted(aggregates: Aggregates, select: Select, dialect: DialectName) -> SqlPart:
    """The WHERE of the rows that `having` lets through and that are beyond a place."""
    terms: list[SqlPart] = []
    if aggregates.having:
        places = {each.name: f"a.c{place}" for place, each in enumerate(aggregates.columns)}
        having = having_of(aggregates.columns, aggregates.having)
        sql = to_sql(having.tree, DIALECTS[dialect], places.__getitem__, variable=having.variable)
        bind: Bind = lambda select, variables: sql.bind(variables)  # noqa: E731
        terms.append(SqlPart(f"({sql.text})", (bind,) if sql.parameters else ()))
    if select.window.after is not None:
        keys = [(f"a.c{place}", is_down) for place, is_down in aggregates.order]
        terms.append(is_after(keys, select.window.after))
    return filled(" WHERE {}", joined(terms, " AND ")) if terms else SqlPart("")


def _ordered(aggregates: Aggregates, dialect: DialectName) -> str:
    """The ORDER BY: null first, as in lists."""
    nulls = {False: " NULLS FIRST", True: " DESC NULLS LAST"} if dialect == "postgres" else {False: "", True: " DESC"}
    keys = ", ".join([f"a.c{place}{nulls[is_down]}" for place, is_down in aggregates.order])
    return f" ORDER BY {keys}" if keys else ""


def _texts(columns: Sequence[ResultColumn]) -> Texts | None:
    """The texts by which rows are bounded."""
    numbers = (BOOL, INT, INT64, DOUBLE)
    places = [place for place, each in enumerate(columns) if each.type not in numbers and not each.part]
    return Texts(tuple([f"c{place}" for place in range(len(columns))]), tuple(places)) if places else None
