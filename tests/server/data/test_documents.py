"""A record as text, stored and on the wire."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from hinterland.server.data import documents
from hinterland.server.storage.protocol import StoredRecord

NAMES = st.sampled_from(["a", "b", "c", "d"])
VALUES = st.one_of(
    st.none(), st.text(st.characters(exclude_categories=["Cs"])), st.integers(-9, 9), st.lists(st.text('é"\\'))
)
DOCUMENTS = st.dictionaries(NAMES, VALUES)


def stored(document: dict[str, Any], private: set[str], id: str | int = "x") -> StoredRecord:
    """The stored record of a document."""
    return StoredRecord("", id, 7, "2026-01-01T00:00:00.000000Z", "t", *documents.split(document, private))


@given(DOCUMENTS, st.sets(NAMES), st.one_of(st.none(), st.sets(NAMES)))
def test_the_wire(document: dict[str, Any], private: set[str], shown: set[str] | None) -> None:
    """The wire has id, times and revision, the public fields and of the private ones those that are shown."""
    record = stored(document, private)
    assert documents.document_of(record) == document
    seen = private if shown is None else private & shown
    expected = {"id": "x", "created_at": record.created, "updated_at": "t", "revision": 7}
    expected |= {name: value for name, value in document.items() if name not in private or name in seen}
    text = documents.wire(record, shown)
    assert msgspec.json.decode(text) == expected
    assert list(msgspec.json.decode(text))[:4] == ["id", "created_at", "updated_at", "revision"]


def test_integer_ids_are_numbers() -> None:
    """An integer id is a number on the wire."""
    assert documents.wire(stored({}, set(), 5), None).startswith('{"id":5,')


def test_what_rules_read() -> None:
    """A rule reads the document with the server's fields; without the document just those."""
    record = stored({"a": 1}, set())
    meta = {"id": "x", "parent": "", "created_at": record.created, "updated_at": "t", "revision": 7}
    assert documents.meta_of(record) == meta
    assert documents.with_meta(record, {"a": 1}) == {"a": 1, **meta}
