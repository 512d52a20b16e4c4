"""Questions to the local records: filter, equality, search, order. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from hinterland.client.local.equality import Exactly, ValueEquality
from hinterland.client.local.fields import Fields
from hinterland.client.local.filters import predicate_of
from hinterland.client.local.order import LocalOrder, Term, folded, rank
from hinterland.contract import searching
from hinterland.contract.identity import is_temporary
from hinterland.contract.matching import sort_keys
from hinterland.contract.records import Document
from hinterland.contract.searching import has_found, kept_words, read_search, texts_of

NEWEST_FIRST = ("-created_at", "-id")


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked: records for which the CEL expression `filter` is true, whose fields have the values that the texts
    in `equals` stand for and those in `same` exactly, in one of whose `fields` the text `search` occurs, whatever
    its case, and which a search for `words` finds on the server.

    Without `sort`, newest first; where text is searched, by the first of `fields`; by relevance where words are.
    """

    filter: str = ""
    equals: Mapping[str, Any] = {}
    same: Mapping[str, Any] = {}
    search: str = ""
    fields: tuple[str, ...] = ()
    words: str = ""
    sort: tuple[str, ...] = ()


def answers(question: Question, documents: Sequence[Document], fields: Fields) -> list[Document]:
    """The documents that answer the question, in no order. Raises `invalid_query`."""
    found = documents
    if question.filter:
        test = predicate_of(fields.filter(question.filter))
        found = [document for document in found if test(document)]
    for name, value in question.equals.items():
        is_equal = equality_of(fields, name, value)
        found = [document for document in found if is_equal(document.get(name))]
    found = [document for document in found if all(document.get(n) == value for n, value in question.same.items())]
    fields.check_names(question.fields)
    if question.search:
        sought = question.search.casefold()
        found = [document for document in found if occurs(sought, document, question.fields)]
    if question.words:
        place = _placed(question, fields)
        found = [document for document in found if place(document) is not None]
    return list(found)


def _placed(question: Question, fields: Fields) -> Callable[[Document], int | None]:
    """What gives the rank of a document that the search for words finds; None: it is not found. Raises
    `invalid_query`."""
    search, names = read_search(question.words), fields.searched()

    def placed(document: Document) -> int | None:
        kept = kept_words(texts_of(names, document))
        return searching.rank(search, kept) if search and kept and has_found(search, kept) else None

    return placed


def order_of(question: Question, fields: Fields) -> LocalOrder:
    """The order in which the question wants its answers. Raises `invalid_query`."""
    if question.search and question.fields and not question.sort:
        return LocalOrder([Term(question.fields[0], False, folded), Term("id", False, rank)])
    if question.words and not question.sort:
        place = Term("", False, rank, _placed(question, fields))
        return LocalOrder([place, Term("id", False, rank)])
    fields.check_sort(question.sort)
    keys = sort_keys(question.sort or NEWEST_FIRST)
    return LocalOrder([Term(name, is_down, fields.rank(name)) for name, is_down in keys])


def equality_of(fields: Fields, name: str, value: Any) -> ValueEquality:
    """A test of a field's value. Raises `invalid_query`."""
    if is_temporary(value):  # the id of a record that the server has not seen is compared as it is
        return Exactly(value)
    return fields.equality(name, value)


def occurs(sought: str, document: Document, fields: Sequence[str]) -> bool:
    """Whether a text without case occurs in one of the fields, whatever its case."""
    return any(isinstance(text := document.get(name), str) and sought in text.casefold() for name in fields)
