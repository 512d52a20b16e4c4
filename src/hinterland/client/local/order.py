"""The order of local records, and the place in it that a cursor names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from hinterland.contract.errors import Refusal
from hinterland.contract.matching import foreign_place, read_place, write_place
from hinterland.contract.records import Document

Rank = Callable[[Any], tuple[int, Any]]


def rank(value: Any) -> tuple[int, Any]:
    """What values are sorted by: none, numbers, texts by code point. Raises `invalid_query` for lists and objects."""
    if value is None:
        return 0, 0
    if isinstance(value, str):
        return 2, value
    if isinstance(value, bool | int | float):
        return 1, value
    raise Refusal("invalid_query", "lists and objects have no order")


def folded(value: Any) -> tuple[int, Any]:
    """The same, whatever a text's case."""
    return rank(value.casefold() if isinstance(value, str) else value)


def whole(value: Any) -> tuple[int, Any]:
    """The same for whole numbers that are texts; other texts are behind them."""
    try:
        return rank(int(value) if isinstance(value, str) else value)
    except ValueError:
        return rank(value)


class Term(NamedTuple):
    """A field, whether its highest value comes first, and what its values are sorted by."""

    name: str
    is_down: bool
    rank: Rank
    read: Callable[[Document], Any] | None = None
    """What gives a document's value; None: it is the field's."""

    def of(self, document: Document) -> Any:
        """A document's value."""
        return document.get(self.name) if self.read is None else self.read(document)

    def ranked(self, document: Document) -> tuple[int, Any]:
        """What a document is sorted by."""
        return self.rank(self.of(document))


class _Falling:
    """A rank of which the highest comes first."""

    __slots__ = ("rank",)

    def __init__(self, rank: tuple[int, Any]) -> None:
        self.rank = rank

    def __lt__(self, other: _Falling) -> bool:
        return other.rank < self.rank

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Falling) and other.rank == self.rank


class LocalOrder:
    """An order of records by `terms`, the last of which tells all apart."""

    def __init__(self, terms: Sequence[Term]) -> None:
        self.terms = terms

    def ordered(self, documents: Sequence[Document]) -> list[Document]:
        """The documents in order."""
        found = list(documents)
        for term in reversed(self.terms):
            found.sort(key=term.ranked, reverse=term.is_down)
        return found

    def key(self, document: Document) -> tuple[Any, ...]:
        """What tells the place of a document from those of others: of two, the lesser comes first."""
        return tuple(
            [_Falling(term.ranked(document)) if term.is_down else term.ranked(document) for term in self.terms]
        )

    def cursor(self, question: str, document: Document) -> str:
        """The cursor of the place after `document` in the answer to `question`."""
        return write_place(question, [term.of(document) for term in self.terms])

    def after(self, place: Sequence[tuple[int, Any]], documents: Sequence[Document]) -> int:
        """How many of the ordered `documents` are before a cursor's place."""
        beyond = (number for number, document in enumerate(documents) if self._is_beyond(place, document))
        return next(beyond, len(documents))

    def place(self, question: str, cursor: str) -> list[tuple[int, Any]]:
        """What the records of the cursor's place are sorted by. Raises `invalid_cursor`."""
        values = read_place(question, cursor, len(self.terms))
        place = [term.rank(value) for term, value in zip(self.terms, values, strict=True)]
        if any(
            term.rank is whole and isinstance(value, str) for term, (_, value) in zip(self.terms, place, strict=True)
        ):
            raise foreign_place()
        return place

    def _is_beyond(self, place: Sequence[tuple[int, Any]], document: Document) -> bool:
        for term, here in zip(self.terms, place, strict=True):
            there = term.ranked(document)
            if there != here:
                return there < here if term.is_down else there > here
        return False
