"""Questions to the local records: filter, equality, search, order, page. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from hinterland.contract.records import Document

Test = Callable[[Document], bool]
NEWEST_FIRST = ("-created_at", "-id")


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked: records for which the CEL expression `filter` is true, whose fields have the values of `equals`,
    and in one of whose `fields` the text `search` occurs, whatever its case.

    Without `sort`, newest first; where text is searched, by the first of `fields`.
    """

    filter: str = ""
    equals: Mapping[str, Any] = {}
    search: str = ""
    fields: tuple[str, ...] = ()
    sort: tuple[str, ...] = ()

    @property
    def order(self) -> tuple[str, ...]:
        """The sort in force."""
        return self.sort or ((f"~{self.fields[0]}", "id") if self.search and self.fields else NEWEST_FIRST)


def answers(question: Question, documents: Iterable[Document], test: Test | None) -> list[Document]:
    """The documents that answer the question, in order; `test` is its filter."""
    found = list(documents)
    if test is not None:
        found = [document for document in found if test(document)]
    for name, value in question.equals.items():
        found = [document for document in found if _is_equal(document.get(name), value)]
    if question.search:
        wanted = question.search.casefold()
        found = [document for document in found if _occurs(wanted, document, question.fields)]
    return ordered(found, question.order)


def _is_equal(held: Any, wanted: Any) -> bool:
    # True is 1 in Python and not in a record.
    return isinstance(held, bool) is isinstance(wanted, bool) and held == wanted


def _occurs(wanted: str, document: Document, fields: Sequence[str]) -> bool:
    return any(isinstance(text := document.get(name), str) and wanted in text.casefold() for name in fields)


def ordered(documents: list[Document], sort: Sequence[str]) -> list[Document]:
    """The documents sorted by fields, `-` before one for descending, `~` for any case; no value comes first."""
    for name in reversed(sort):
        field, rank = name.lstrip("-~"), _folded if name.startswith("~") else _rank
        documents = sorted(documents, key=lambda document: rank(document.get(field)), reverse=name.startswith("-"))
    return documents


def _rank(value: Any) -> tuple[int, Any]:
    """What values of different types, which only an undeclared field has, are sorted by."""
    if value is None:
        return 0, 0
    if isinstance(value, bool | int | float):
        return 1, value
    return (2, value) if isinstance(value, str) else (3, msgspec.json.encode(value))


def _folded(value: Any) -> tuple[int, Any]:
    return _rank(value.casefold() if isinstance(value, str) else value)
