"""The order of a list, and the place in it that a cursor names (a keyset: the sort values of the last record)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hinterland.contract.errors import Refusal
from hinterland.contract.fields import Boolean
from hinterland.contract.matching import check_sort, foreign_place, read_place, sort_keys, write_place
from hinterland.server.data.equality import stored_value
from hinterland.server.data.rules import META_COLUMNS, column

if TYPE_CHECKING:
    from hinterland.contract.records import Collection

Term = tuple[str, list[Any]]


class SqlOrder:
    """A collection's order by `sort` (names, `-` before one for descending), with the id to tell equal ones apart.

    `sql` is what stands behind ORDER BY; `columns` are read beside a record so that a cursor can name its place.
    """

    def __init__(self, collection: Collection, sort: Sequence[str], *, is_postgres: bool) -> None:
        self.collection = collection
        check_sort(collection, sort)
        self.keys = sort_keys(sort)
        self.names = frozenset(name for name, _ in self.keys)
        self.sql = ", ".join(_part(name, is_down, is_postgres=is_postgres) for name, is_down in self.keys)
        self.columns = ", ".join(column(name) for name, _ in self.keys)

    def cursor(self, values: Sequence[Any]) -> str:
        """The cursor that continues after the record with these values of `columns`; to be sealed for its list."""
        return write_place("", [self._shown(name, value) for (name, _), value in zip(self.keys, values, strict=True)])

    def _shown(self, name: str, value: Any) -> Any:
        is_truth = value is not None and isinstance(self.collection.fields.get(name), Boolean)
        return bool(value) if is_truth else value

    def after(self, cursor: str) -> Term:
        """The condition of the records beyond a cursor. Raises `invalid_cursor`."""
        place = read_place("", cursor, len(self.keys))
        sql = ""
        parameters: list[Any] = []
        for (name, is_down), value in reversed([*zip(self.keys, place, strict=True)]):
            held = self._held(name, value)
            sql, parameters = _beyond(column(name), held, is_down, sql, parameters)
        return sql, parameters

    def _held(self, name: str, value: Any) -> Any:
        """What the key's column holds for the value of a cursor."""
        if value is None:
            return None
        if name in META_COLUMNS and type(value) not in (int, str):
            raise foreign_place()
        try:
            return stored_value(self.collection, name, value)
        except Refusal:
            raise foreign_place() from None


def _part(name: str, is_down: bool, *, is_postgres: bool) -> str:
    # SQLite has null first; PostgreSQL is told to, where a value may be missing.
    nulls = (" NULLS LAST" if is_down else " NULLS FIRST") if is_postgres and name not in META_COLUMNS else ""
    return f"{column(name)}{' DESC' if is_down else ''}{nulls}"


def _beyond(name: str, value: Any, is_down: bool, rest: str, parameters: list[Any]) -> Term:
    """Records after `value` in one column, or at it and beyond by the `rest`; null comes before every value."""
    same, same_values = (f"{name} IS NULL", []) if value is None else (f"{name} = ?", [value])
    later, later_values = _later(name, value, is_down)
    if not rest:
        return later or "1 = 0", later_values
    both = f"({same} AND {rest})"
    if not later:
        return both, [*same_values, *parameters]
    return f"({later} OR {both})", [*later_values, *same_values, *parameters]


def _later(name: str, value: Any, is_down: bool) -> Term:
    if value is None:
        return ("", []) if is_down else (f"{name} IS NOT NULL", [])
    return (f"({name} < ? OR {name} IS NULL)" if is_down else f"{name} > ?"), [value]
