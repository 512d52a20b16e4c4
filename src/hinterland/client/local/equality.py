"""Equality of a field's value with what a question names: as a test of a value, and as a condition of a column."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from hinterland.client.local.columns import WrittenColumn, whole
from hinterland.contract.errors import Refusal
from hinterland.contract.fields import Boolean, Integer, Number
from hinterland.contract.identity import ID_HINT, is_record_id
from hinterland.contract.matching import meta_value
from hinterland.contract.records import SERVER_FIELDS
from hinterland.contract.values import MAX_INT64, MIN_INT64, is_same, parse_instant

NEVER = "(1 = 0)"


class ColumnCondition(NamedTuple):
    """An SQL condition with its `values`. `is_pinned`: it is true for one value of its column only."""

    text: str
    values: list[Any]
    is_pinned: bool = False


class ValueEquality(Protocol):
    """Whether a value is what is asked for."""

    def __call__(self, held: Any) -> bool:
        """Whether `held` is equal. Raises `invalid_query` where such values can't be compared."""
        ...

    def condition(self, column: WrittenColumn) -> ColumnCondition | None:
        """The same over a column; None where the database can't tell exactly."""
        ...


class Exactly:
    """Equality with one value."""

    def __init__(self, expected: Any) -> None:
        self.expected = expected

    def __call__(self, held: Any) -> bool:
        """Whether `held` is equal."""
        return bool(held == self.expected)

    def condition(self, column: WrittenColumn) -> ColumnCondition | None:
        """The same over a column."""
        if column.form == "whole":
            kind, number = whole(self.expected)
            test = ColumnCondition(f"{column.sql} = ?", [number], True) if kind == "w" else ColumnCondition(NEVER, [])
            return test if column.fits("w") else None
        if "x" in column.kinds or not is_bindable(self.expected):
            return None
        return ColumnCondition(f"{column.sql} = ?", [self.expected], True)


class AnyOf:
    """Equality with one of some values: that of a field which an open collection does not declare."""

    def __init__(self, expected: Sequence[Any]) -> None:
        self._expected = expected

    def __call__(self, held: Any) -> bool:
        """Whether `held` is equal to one; true is not 1."""
        return any(is_same(held, one) for one in self._expected)

    def condition(self, column: WrittenColumn) -> ColumnCondition | None:
        """The same over a column, in which true is 1: where it holds booleans, or numbers."""
        texts = [one for one in self._expected if isinstance(one, str)]
        truths = [one for one in self._expected if isinstance(one, bool)]
        numbers = [one for one in self._expected if isinstance(one, int | float) and not isinstance(one, bool)]
        if column.fits("tmTild"):
            return one_of(column, texts + numbers)
        return one_of(column, texts + truths) if column.fits("tmTb") else None


class StandingFor:
    """Equality with the value that a text means, by the type of each value."""

    def __init__(self, text: str) -> None:
        self._integer, self._decimal, self._truth = (kind.from_text(text) for kind in (Integer(), Number(), Boolean()))
        self._texts = [text] if (moment := _moment(text)) in (None, text) else [text, moment]

    def __call__(self, held: Any) -> bool:
        """Whether `held` is equal. Raises `invalid_query` for a list or object."""
        if isinstance(held, bool):
            return held is self._truth
        if isinstance(held, int | float):
            return bool(held == (self._integer if isinstance(held, int) else self._decimal))
        if isinstance(held, list | dict):
            raise Refusal("invalid_query", "lists and objects can't be compared for equality: use filter")
        return held in self._texts

    def condition(self, column: WrittenColumn) -> ColumnCondition | None:
        """The same over a column."""
        if column.name == "id":
            return one_of(column, [*self._texts, *filter(is_bindable, self._whole())])
        if column.fits("tm"):
            return one_of(column, self._texts)
        if column.fits("b"):
            return one_of(column, [self._truth] if isinstance(self._truth, bool) else [])
        if column.fits("il") or self._integer == self._decimal:
            return one_of(column, self._whole()) if column.fits("ild") else None
        if column.fits("ild") and not self._whole():
            decimal = [self._decimal] if isinstance(self._decimal, float) else []
            test = f"{column.sql} = ? AND typeof({column.sql}) = 'real'" if decimal else NEVER
            return ColumnCondition(f"({test})", decimal)
        return None

    def _whole(self) -> list[Any]:
        return [self._integer] if isinstance(self._integer, int) else []


def one_of(column: WrittenColumn, values: list[Any]) -> ColumnCondition | None:
    """The condition that a column holds one of some values; None where the database can't take one."""
    if not all(map(is_bindable, values)):
        return None
    if len(values) == 1:
        return ColumnCondition(f"{column.sql} = ?", values, True)
    return ColumnCondition(f"{column.sql} IN ({', '.join('?' * len(values))})" if values else NEVER, values)


def undeclared_equality(name: str, value: Any) -> ValueEquality:
    """Equality for a field of a collection that nobody has declared. Raises `invalid_query`."""
    if name in SERVER_FIELDS:
        try:
            return Exactly(meta_value(name, value, "string"))
        except ValueError as error:
            raise Refusal("invalid_query", f"{name}: {error}") from None
    if name == "id" and not is_record_id(str(value)):
        raise Refusal("invalid_query", f"id: {ID_HINT}")
    return StandingFor(str(value))


def is_bindable(value: Any) -> bool:
    """Whether the database can take the value for what it is."""
    if isinstance(value, str):
        return value.isascii() or not any("\ud800" <= character <= "\udfff" for character in value)
    if isinstance(value, int):
        return MIN_INT64 <= value <= MAX_INT64
    return isinstance(value, float)


def _moment(text: str) -> str | None:
    """The form that an instant has in the store; None: the text is none."""
    try:
        return parse_instant(text)
    except ValueError:
        return None
