"""The order of a list, and the place in it that a cursor names (a keyset: the sort values of the last record)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hinterland.contract.errors import Refusal
from hinterland.contract.matching import check_sort, foreign_place, read_place, sort_keys, wanted, write_place
from hinterland.contract.records import Collection
from hinterland.kit.cel.predicates import Variables
from hinterland.server.data.rules import column
from hinterland.server.data.select.parts import NOTHING, Bind, SqlPart, filled, joined
from hinterland.server.data.select.question import Select
from hinterland.server.storage.statements import META_COLUMNS

PlaceValues = tuple[Any, ...]
RANK = "_rank"
"""The key of an order by relevance; no field has such a name."""


def reversed_sort(sort: Sequence[str]) -> tuple[str, ...]:
    """The sort that orders records the other way round."""
    return tuple([name.removeprefix("-") if name.startswith("-") else f"-{name}" for name in sort]) or ("-id",)


class SqlOrder:
    """A collection's order by `sort` (names, `-` before one for descending), with the id to tell equal ones apart; or
    by relevance, where it `is_ranked`."""

    def __init__(
        self, collection: Collection, sort: Sequence[str], *, is_postgres: bool, is_ranked: bool = False
    ) -> None:
        self.collection = collection
        check_sort(collection, sort)
        self.keys = sort_keys((RANK,) if is_ranked else sort)
        self.names = frozenset(name for name, _ in self.keys)
        self._is_postgres = is_postgres

    def by(self, alias: str) -> str:
        """What follows ORDER BY."""
        return ", ".join([self._ordered(alias, name, is_down) for name, is_down in self.keys])

    def _ordered(self, alias: str, name: str, is_down: bool) -> str:
        # SQLite sorts null first; PostgreSQL does so only on request.
        is_requested = self._is_postgres and _is_nullable(name)
        nulls = (" NULLS LAST" if is_down else " NULLS FIRST") if is_requested else ""
        return f"{column(alias, name)}{' DESC' if is_down else ''}{nulls}"

    # ------------------------------------------------------------ cursors

    def cursor(self, values: Sequence[Any]) -> str:
        """The cursor that continues after the record whose keys' columns hold `values`; to be sealed for its list."""
        return write_place("", [self._shown(name, value) for (name, _), value in zip(self.keys, values, strict=True)])

    def _shown(self, name: str, value: Any) -> Any:
        field = self.collection.fields.get(name)
        return value if field is None else field.from_column(value)

    def place(self, cursor: str) -> PlaceValues:
        """What the keys' columns hold at a cursor. Raises `invalid_cursor`."""
        values = read_place("", cursor, len(self.keys))
        return tuple([self._held(name, value) for (name, _), value in zip(self.keys, values, strict=True)])

    def _held(self, name: str, value: Any) -> Any:
        if value is None:
            return None
        if name == RANK:
            if type(value) is not int:
                raise foreign_place()
            return value
        if name in META_COLUMNS and type(value) not in (int, str):
            raise foreign_place()
        try:
            held = wanted(self.collection, name, value)
        except Refusal:
            raise foreign_place() from None
        field = self.collection.fields.get(name)
        return held if field is None else field.to_column(held)

    # ------------------------------------------------------------ what is beyond a place

    def spans(self, alias: str, place: PlaceValues) -> list[SqlPart]:
        """The conditions of the records beyond a place of this kind, in order.

        Each is one range of an index over the first key, so that a search begins at the place, however deep it is;
        where both values and nulls follow, they are two ranges.
        """
        name, is_down = self.keys[0]
        key = column(alias, name)
        if place[0] is None:
            at_null = joined([SqlPart(f"{key} IS NULL"), self._beyond(alias, place, 1)], " AND ")
            return [at_null] if is_down else [at_null, SqlPart(f"{key} IS NOT NULL")]
        first = self._from_value(alias, place)
        return [first, SqlPart(f"{key} IS NULL")] if is_down and _is_nullable(name) else [first]

    def _from_value(self, alias: str, place: PlaceValues) -> SqlPart:
        name, is_down = self.keys[0]
        key, sign = column(alias, name), "<" if is_down else ">"
        if len(self.keys) == 1:
            return SqlPart(f"{key} {sign} ?", (_value(0),))
        if self._is_one_range(place):
            names = ", ".join([column(alias, name) for name, _ in self.keys])
            return SqlPart(f"({names}) {sign} ({', '.join('?' * len(self.keys))})", (_values,))
        beyond = filled(f"({key} {sign} ? OR {{}})", self._beyond(alias, place, 1))
        return SqlPart(f"{key} {sign}= ? AND {beyond.text}", (_value(0), _value(0), *beyond.binds))

    def _is_one_range(self, place: PlaceValues) -> bool:
        """Whether a comparison of all keys together finds what is beyond: with a null on either side it is null."""
        is_down = self.keys[0].is_down
        if None in place or any(key.is_down is not is_down for key in self.keys):
            return False
        return not (is_down and any(_is_nullable(key.name) for key in self.keys[1:]))

    def _beyond(self, alias: str, place: PlaceValues, number: int) -> SqlPart:
        """The records beyond the place by the keys from `number` on; null comes before every value."""
        name, is_down = self.keys[number]
        key, is_null = column(alias, name), place[number] is None
        later = _later(key, number, is_down, is_null=is_null, is_nullable=_is_nullable(name))
        if number == len(self.keys) - 1:
            return later
        same = SqlPart(f"{key} IS NULL") if is_null else SqlPart(f"{key} = ?", (_value(number),))
        both = filled("({} AND {})", same, self._beyond(alias, place, number + 1))
        return both if is_null and is_down else filled("({} OR {})", later, both)


def is_after(keys: Sequence[tuple[str, bool]], place: PlaceValues, number: int = 0) -> SqlPart:
    """The condition of the rows beyond a place by `keys` from `number` on, columns that may be null (it comes first),
    each with whether the highest value comes first."""
    (key, is_down), is_null = keys[number], place[number] is None
    later = NOTHING if is_null and is_down else _later(key, number, is_down, is_null=is_null, is_nullable=True)
    if number == len(keys) - 1:
        return later
    same = SqlPart(f"{key} IS NULL") if is_null else SqlPart(f"{key} = ?", (_value(number),))
    return filled("({} OR ({} AND {}))", later, same, is_after(keys, place, number + 1))


def _later(key: str, number: int, is_down: bool, *, is_null: bool, is_nullable: bool) -> SqlPart:
    if is_null:
        return SqlPart(f"{key} IS NOT NULL")
    if is_down and is_nullable:
        return SqlPart(f"({key} < ? OR {key} IS NULL)", (_value(number),))
    return SqlPart(f"{key} {'<' if is_down else '>'} ?", (_value(number),))


def _is_nullable(name: str) -> bool:
    return name not in META_COLUMNS and name != RANK


def _values(select: Select, variables: Variables) -> PlaceValues:
    assert select.window.after is not None
    return select.window.after


def _value(number: int) -> Bind:
    return lambda select, variables: (_values(select, variables)[number],)
