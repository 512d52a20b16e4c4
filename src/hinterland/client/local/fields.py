"""What is known on this device of a collection's fields: by its declaration, or from the app's type and the records."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Protocol

from hinterland.client.local.equality import AnyOf, Exactly, ValueEquality, undeclared_equality
from hinterland.client.local.filters import annotated, checked_filter, filter_of_documents
from hinterland.client.local.order import Rank, rank, whole
from hinterland.contract.described import DescribedCollection
from hinterland.contract.errors import Refusal
from hinterland.contract.expressions import record_fields
from hinterland.contract.kinds.field import Field
from hinterland.contract.kinds.undeclared import UNDECLARED
from hinterland.contract.matching import check_sort, meanings, wanted
from hinterland.contract.records import META, Collection, CompiledCollection, Document
from hinterland.contract.searching import searched_fields
from hinterland.kit.cel.typed import Typed
from hinterland.kit.cel.types import INT64

_OF_SERVER = ("fields", "expand")  # which lists of the server take

Searched = Sequence[tuple[str, Field]]


class Fields(Protocol):
    """What questions need to know. Its methods raise `invalid_query` for what can't be asked."""

    def filter(self, text: str) -> Typed:
        """The filter as a checked tree."""
        ...

    def equality(self, name: str, value: Any) -> ValueEquality:
        """A test of a field's value: does it equal what `value` means, a text where it comes from a question?"""
        ...

    def check_sort(self, sort: Sequence[str]) -> None:
        """Refuses names that records can't be sorted by."""
        ...

    def check_names(self, names: Sequence[str]) -> None:
        """Refuses names that are not fields."""
        ...

    def rank(self, name: str) -> Rank:
        """What the field's values are sorted by."""
        ...

    def searched(self) -> Searched:
        """The fields whose words a search finds."""
        ...


class Declared:
    """The fields of a declared collection, some of which not every reader sees: every question means what it means on
    the server."""

    def __init__(self, collection: Collection, private: AbstractSet[str] = frozenset()) -> None:
        self._collection = collection
        self._private = private

    def filter(self, text: str) -> Typed:
        """The filter as a checked tree."""
        return checked_filter(text, record_fields(self._collection), is_open=self._collection.is_open)

    def equality(self, name: str, value: Any) -> ValueEquality:
        """A test of a field's value."""
        if self._collection.field(name) is UNDECLARED:
            return AnyOf(meanings(value))
        if name in _OF_SERVER and name not in self._collection.fields:
            message = f"{name} is not for records on the device; ask the server: client.collection(…).list({name}=…)"
            raise Refusal("invalid_query", message)
        return Exactly(wanted(self._collection, name, value))

    def check_sort(self, sort: Sequence[str]) -> None:
        """Refuses names that records can't be sorted by."""
        check_sort(self._collection, sort)

    def check_names(self, names: Sequence[str]) -> None:
        """Refuses names that are not fields."""
        unknown = [name for name in names if self._collection.field(name) is None and name not in META]
        _refuse(self._collection.name, unknown)

    def rank(self, name: str) -> Rank:
        """What the field's values are sorted by."""
        field = self._collection.fields.get(name)
        return whole if field is not None and field.type is INT64 else rank

    def searched(self) -> Searched:
        """The fields whose words a search finds; none of them may be private, since here it is not known of whom."""
        names, known = searched_fields(self._collection.fields), self._collection.name
        if not names:
            raise Refusal("invalid_query", f"{known} has no field to search; declare one with search=True")
        if hidden := [name for name in names if name in self._private]:
            raise Refusal("forbidden", f"{', '.join(hidden)} of {known} can't be searched offline; ask the server")
        return [(name, self._collection.fields[name]) for name in names]


def declared(shape: CompiledCollection) -> Declared:
    """The fields of a compiled declaration, or of a description, which says what not every reader sees."""
    fields = shape.collection.fields
    hidden = shape.private if isinstance(shape, DescribedCollection) else {name for name in fields if fields[name].read}
    return Declared(shape.collection, hidden)


class UndeclaredFields(ABC):
    """What is the same of all fields that no declaration names."""

    def equality(self, name: str, value: Any) -> ValueEquality:
        """A test of a field's value, which is of the type that each record's own value has."""
        self.check_names([name])
        return undeclared_equality(name, value)

    def check_sort(self, sort: Sequence[str]) -> None:
        """Refuses names that records can't be sorted by."""
        self.check_names([name.removeprefix("-") for name in sort])

    @abstractmethod
    def check_names(self, names: Sequence[str]) -> None:
        """Refuses names that are not fields, where that is certain."""

    def rank(self, name: str) -> Rank:
        """What the field's values are sorted by."""
        return rank

    def searched(self) -> Searched:
        """Nobody knows here which they are."""
        raise Refusal(
            "invalid_query", "this device does not know which fields are searched; connect to the server once"
        )


class Guessed(UndeclaredFields):
    """The fields of an undeclared collection, as far as the app's type and the `documents` tell."""

    def __init__(self, collection: str, kind: type[Any], documents: Sequence[Document]) -> None:
        self._collection = collection
        self._kind = kind
        self._documents = documents

    def filter(self, text: str) -> Typed:
        """The filter as a checked tree."""
        return filter_of_documents(text, self._documents, annotated(self._kind))

    def check_names(self, names: Sequence[str]) -> None:
        """Refuses names that neither the app's type nor any record has, where that is certain."""
        known = {*META, *(annotated(self._kind) or ())}
        unseen = [name for name in names if name not in known and not any(name in each for each in self._documents)]
        if len(known) > len(META) or any(each.get("revision") for each in self._documents):
            _refuse(self._collection, unseen)  # a record that comes from the server has all fields


def _refuse(collection: str, unknown: Sequence[str]) -> None:
    if unknown:
        raise Refusal("invalid_query", f"{unknown[0][:64]!r} is not a field of {collection}")
