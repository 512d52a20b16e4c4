"""Written columns: the values of fields that questions read, beside each record, in a form that SQLite compares and
sorts as Python does. Pure.

A column is for one field in one *form*. Its *kinds* are letters for all that it was ever asked to hold: by them a
question knows whether the database's answer is exact. `-` no such field, `n` null, `b` boolean, `i` integer within
±(2^53 − 1), `l` other 64-bit integer, `d` double, `t` text, `m` text that is an instant, `T` list of texts, `w` 64-bit
integer as text, `v` the same as a number, `x` anything else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import msgspec

from hinterland.contract.records import Document
from hinterland.contract.values import MAX_INT64, MAX_SAFE_INTEGER, MIN_INT64, is_instant, parse_int64

ColumnForm = Literal["plain", "folded", "whole", "list"]
Stored = tuple[str, Any]  # the kind's letter, and what the column holds

MOST = 24  # columns of one collection
EMPTY = "n-"  # the kinds that a column holds as NULL
_BEYOND = ("x", b"")  # a blob is neither NULL nor equal to anything
INSIDE = "\x1f"  # between the names of a value inside of an object: no such name holds it
_INSTANT_LENGTH = 27
_ID_SLOT = -1
_encode = msgspec.json.Encoder().encode


def plain(value: Any) -> Stored:
    """A value as it is; texts sort by code point, behind numbers, among which booleans are 0 and 1."""
    kind = value.__class__
    if kind is str:
        return "m" if len(value) == _INSTANT_LENGTH and is_instant(value) else "t", value
    if value is None:
        return "n", None
    if kind is bool:
        return "b", int(value)
    if kind is int and MIN_INT64 <= value <= MAX_INT64:
        return "i" if -MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER else "l", value
    if kind is float:
        return "d", value
    if kind is list and all(item.__class__ is str for item in value):
        return "T", b""
    return _BEYOND


def folded(value: Any) -> Stored:
    """The same, texts without their case."""
    return ("t", value.casefold()) if value.__class__ is str else plain(value)


def whole(value: Any) -> Stored:
    """A 64-bit integer, which a record holds as text."""
    if value is None:
        return "n", None
    if value.__class__ is str:
        try:
            return ("w", int(value)) if parse_int64(value) == value else _BEYOND
        except ValueError:
            return _BEYOND
    kind, stored = plain(value)
    return ("v", stored) if kind in ("i", "l") else _BEYOND


def listed(value: Any) -> Stored:
    """A list of texts as JSON."""
    if value is None:
        return "n", None
    return ("T", _encode(value).decode()) if plain(value)[0] == "T" else _BEYOND


FORMS: Mapping[str, Callable[[Any], Stored]] = {"plain": plain, "folded": folded, "whole": whole, "list": listed}


class WrittenColumn(NamedTuple):
    """A column `k<slot>` for the field `name` in a `form`; `filled` is the row up to which it was filled, None: all."""

    name: str
    form: ColumnForm
    slot: int
    kinds: str
    filled: int | None

    @property
    def sql(self) -> str:
        """The column in a statement over `records AS r`."""
        return f"r.{self.bare}"

    @property
    def bare(self) -> str:
        """The column's own name."""
        return "id" if self.slot == _ID_SLOT else f"k{self.slot}"

    def stored(self, document: Document) -> Stored:
        """What the column holds for a document."""
        if self.name in document:
            return FORMS[self.form](document[self.name])
        value: Any = document
        for name in self.name.split(INSIDE):
            if value.__class__ is not dict or name not in value:
                return "-", None
            value = value[name]
        return FORMS[self.form](value)

    def fits(self, kinds: str) -> bool:
        """Whether all that it holds is of these kinds, or nothing."""
        return set(self.kinds) <= {*kinds, *EMPTY}


ID = WrittenColumn("id", "plain", _ID_SLOT, "it", None)  # that of the record's key


class WrittenColumns:
    """The written columns of one collection, as they are in a transaction."""

    def __init__(self, columns: Sequence[WrittenColumn]) -> None:
        self._columns = {(column.name, column.form): column for column in columns}
        self.names = ["is_shown", *(f"k{column.slot}" for column in columns)]

    def find(self, name: str, form: ColumnForm) -> WrittenColumn | None:
        """The column of a field in a form, where there is one."""
        return self._columns.get((name, form))

    def all(self) -> list[WrittenColumn]:
        """All of them, in the order of `names`."""
        return [*self._columns.values()]

    def stored(self, document: Document | None) -> tuple[list[Any], list[WrittenColumn]]:
        """The values of `names` for a document (None: the record is not seen), and the columns of which the kinds are
        more than before."""
        if document is None:
            return [0, *([None] * len(self._columns))], []
        values: list[Any] = [1]
        grown: list[WrittenColumn] = []
        for key, column in self._columns.items():
            kind, value = column.stored(document)
            values.append(value)
            if kind not in column.kinds:
                self._columns[key] = column._replace(kinds=column.kinds + kind)
                grown.append(self._columns[key])
        return values, grown
