"""Repositories that ask a real server for records and for those that are related to them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from hinterland.client.errors import HinterlandError
from hinterland.contract.fields import Integer, Text
from hinterland.contract.records import EVERYBODY, Collection
from hinterland.testing.backend import TestBackend, running_backend

NOTES = Collection(name="notes", fields={"text": Text(required=True), "number": Integer()}, rules=EVERYBODY)
COMMENTS = Collection(name="comments", fields={"text": Text()}, parent="notes", rules=EVERYBODY)


class NoteWithComments(msgspec.Struct):
    """A note with those that come with it, as an app sees it."""

    id: str
    text: str
    related: dict[str, Any] = msgspec.field(name="_expand", default={})


@pytest.fixture
async def backend() -> AsyncIterator[TestBackend]:
    """A real backend in this process."""
    async with running_backend([NOTES, COMMENTS]) as backend:
        yield backend


async def test_related_records_come_with_others(backend: TestBackend) -> None:
    """Lists and single records have some of their fields, and others with them, as plain objects and as a type."""
    client = await backend.client()
    notes = client.collection("notes", NoteWithComments)
    note = await notes.create({"text": "a", "number": 1})
    await client.collection("comments", parent=f"notes/{note.id}").create({"text": "b"})
    wanted: dict[str, Any] = {"fields": "text", "expand": ["comments(fields=text,limit=1)"]}
    one = await notes.get(note.id, **wanted)
    [comment] = one.related["comments"]["items"]
    assert (comment.keys(), comment["text"]) == ({"id", "text"}, "b")
    assert (await notes.list(**wanted)).items == [one] == [each async for each in notes.iterate(**wanted)]
    plain = client.collection("notes")
    assert await plain.get(note.id, fields=["text"]) == {"id": note.id, "text": "a"}
    with pytest.raises(HinterlandError, match="no relation 'author'"):
        await plain.get(note.id, expand="author")
