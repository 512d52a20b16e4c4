"""What is known on this device of a collection's fields: by its declaration, or from the app's type and the records."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from hinterland.client.local.filters import Test, annotated, compiled, compiled_for
from hinterland.client.local.order import Rank, rank, whole
from hinterland.contract.errors import Refusal
from hinterland.contract.expressions import record_fields
from hinterland.contract.fields import Boolean, Integer, Number
from hinterland.contract.identity import ID_HINT, is_record_id
from hinterland.contract.matching import check_sort, meta_value, wanted
from hinterland.contract.records import META, SERVER_FIELDS, Collection, Document
from hinterland.contract.values import parse_instant
from hinterland.kit.cel.types import INT64


class Fields(Protocol):
    """What questions need to know. Its methods raise `invalid_query` for what can't be asked."""

    def filter(self, text: str) -> Test:
        """The filter as a test of a record."""
        ...

    def equality(self, name: str, value: Any) -> Callable[[Any], bool]:
        """A test of a field's value: is it what `value`, a text where it comes from a question, stands for?"""
        ...

    def check_sort(self, sort: Sequence[str]) -> None:
        """Refuses names that records can't be sorted by."""
        ...

    def check_names(self, names: Sequence[str]) -> None:
        """Refuses names that are no fields."""
        ...

    def rank(self, name: str) -> Rank:
        """What the field's values are sorted by."""
        ...


class Declared:
    """The fields of a declared collection: every question means what it means on the server."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection

    def filter(self, text: str) -> Test:
        """The filter as a test of a record."""
        return compiled(text, record_fields(self._collection))

    def equality(self, name: str, value: Any) -> Callable[[Any], bool]:
        """A test of a field's value."""
        expected = wanted(self._collection, name, value)
        return lambda held: bool(held == expected)

    def check_sort(self, sort: Sequence[str]) -> None:
        """Refuses names that records can't be sorted by."""
        check_sort(self._collection, sort)

    def check_names(self, names: Sequence[str]) -> None:
        """Refuses names that are no fields."""
        _refuse(self._collection.name, [name for name in names if name not in (*self._collection.fields, *META)])

    def rank(self, name: str) -> Rank:
        """What the field's values are sorted by."""
        field = self._collection.fields.get(name)
        return whole if field is not None and field.type is INT64 else rank


class Guessed:
    """The fields of an undeclared collection, as far as the app's type and the `documents` tell."""

    def __init__(self, collection: str, kind: type[Any], documents: Sequence[Document]) -> None:
        self._collection = collection
        self._kind = kind
        self._documents = documents

    def filter(self, text: str) -> Test:
        """The filter as a test of a record."""
        return compiled_for(text, self._documents, annotated(self._kind))

    def equality(self, name: str, value: Any) -> Callable[[Any], bool]:
        """A test of a field's value, which is of the type that each record's own value has."""
        self.check_names([name])
        if name in SERVER_FIELDS:
            expected = _meant(name, value)
            return lambda held: bool(held == expected)
        if name == "id" and not is_record_id(str(value)):
            raise Refusal("invalid_query", f"id: {ID_HINT}")
        return _standing_for(str(value))

    def check_sort(self, sort: Sequence[str]) -> None:
        """Refuses names that records can't be sorted by."""
        self.check_names([name.removeprefix("-") for name in sort])

    def check_names(self, names: Sequence[str]) -> None:
        """Refuses names that neither the app's type nor any record has, where that is certain."""
        known = {*META, *(annotated(self._kind) or ())}
        unseen = [name for name in names if name not in known and not any(name in each for each in self._documents)]
        if len(known) > len(META) or any(each.get("revision") for each in self._documents):
            _refuse(self._collection, unseen)  # a record that comes from the server has all fields

    def rank(self, name: str) -> Rank:
        """What the field's values are sorted by."""
        return rank


def _refuse(collection: str, unknown: Sequence[str]) -> None:
    if unknown:
        raise Refusal("invalid_query", f"{unknown[0][:64]!r} is not a field of {collection}")


def _meant(name: str, value: Any) -> Any:
    try:
        return meta_value(name, value, "string")
    except ValueError as error:
        raise Refusal("invalid_query", f"{name}: {error}") from None


def _standing_for(text: str) -> Callable[[Any], bool]:
    integer, decimal, truth = (kind.from_text(text) for kind in (Integer(), Number(), Boolean()))
    moment = _moment(text)

    def test(held: Any) -> bool:
        if isinstance(held, bool):
            return held is truth
        if isinstance(held, int | float):
            return bool(held == (integer if isinstance(held, int) else decimal))
        if isinstance(held, list | dict):
            raise Refusal("invalid_query", "lists and objects can't be compared for equality: use filter")
        return held is not None and held in (text, moment)

    return test


def _moment(text: str) -> str | None:
    """The form that an instant has in the store; None: the text is none."""
    try:
        return parse_instant(text)
    except ValueError:
        return None
