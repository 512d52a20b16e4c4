"""Local records as the app's own type, and those that do not fit it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from hinterland.client.errors import InvalidResponse, NotFound, ValidationFailed
from hinterland.client.repository import Page
from hinterland.contract.changes import Write
from tests.client.local.conftest import OPEN, next_of
from tests.client.local.steps import Note
from tests.support.sync_backend import SyncBackend


async def test_typed_records(device: OPEN) -> None:
    """Records are the app's own type, as from the network: read, listed, created, changed, replaced, deleted."""
    local = await device()
    notes = local.collection("notes", Note)
    written = await notes.create(Note(id="a", text="one", count=1))
    assert written.record == Note("a", "one", 1)
    assert (await notes.update("a", {"count": 2})).record == Note("a", "one", 2)
    assert (await notes.replace("a", {"text": "two"})).record == Note("a", "two")
    assert await notes.get("a") == Note("a", "two")
    assert await notes.list() == Page([Note("a", "two")])
    assert [note async for note in notes.iterate()] == [Note("a", "two")]
    assert (await notes.delete("a")).record is None
    with pytest.raises(NotFound):
        await notes.get("a")
    with pytest.raises(NotFound):
        await notes.delete("a")


class Summary(msgspec.Struct):
    """The app's type of an older version, in which a count was text."""

    id: str
    count: str
    tags: list[str] | None = None


class Older(msgspec.Struct):
    """The app's type of an older version, in which a count was text and might be missing."""

    id: str
    count: str | None


WRONG: list[tuple[dict[str, Any], dict[str, list[str]]]] = [
    ({"count": 1}, {"count": ["must be text, is a whole number"]}),
    ({}, {"count": ["is required"]}),
    ({"count": None, "tags": "a"}, {"count": ["is required"], "tags": ["must be a list or null, is text"]}),
    ({"count": "1", "tags": [1]}, {"tags": ["must be text, is a whole number at [0]"]}),
]


@pytest.mark.parametrize("act", ["create", "replace", "update"])
@pytest.mark.parametrize(("body", "wrong"), WRONG)
async def test_a_write_that_does_not_fit(
    device: OPEN, act: str, body: dict[str, Any], wrong: dict[str, list[str]]
) -> None:
    """A write whose record would not fit the repository's type is refused with the messages by field; nothing is
    kept."""
    local = await device()
    notes = local.collection("notes", Summary)
    await notes.create({"id": "a", "count": "one"})
    before = await local.outbox.list()
    patch = {"count": None, **body}
    write = {"create": notes.create(body), "replace": notes.replace("a", body), "update": notes.update("a", patch)}
    for name, unused in write.items():
        if name != act:
            unused.close()
    with pytest.raises(ValidationFailed) as refused:
        await write[act]
    assert refused.value.errors == wrong
    assert (refused.value.sent, refused.value.status) == ("no", 0)
    assert await local.outbox.list() == before
    assert (await notes.list()).items == [Summary("a", "one")]


class Strict(msgspec.Struct, forbid_unknown_fields=True):
    id: str


async def test_a_type_that_nothing_fits(device: OPEN) -> None:
    """A mismatch that is no single field's is reported as a whole."""
    local = await device()
    with pytest.raises(ValidationFailed, match="unknown field `created_at`") as refused:
        await local.collection("notes", Strict).create({})
    assert refused.value.errors == {}
    assert await local.outbox.list() == []


async def test_a_record_that_does_not_fit(device: OPEN, server: SyncBackend) -> None:
    """A record of the server that does not fit the app's type hides no other: it is beside those that do, as an
    error that names the record, the path in it and what was found; only who asks for the record itself is refused."""
    await server.write(Write(act="create", collection="notes", id="a", body={"count": 1}))
    await server.write(Write(act="create", collection="notes", id="b", body={"text": "fits"}))
    local = await device()
    await local.sync.now()
    notes = local.collection("notes", Older)
    page, found = await notes.list(total=True), await notes.search("", ["text"])
    iteration, watching, states = notes.iterate(), notes.watch(), notes.states()
    rows, state = await next_of(watching), await next_of(states)
    items = [note async for note in iteration]
    assert page.items == found == items == rows == state.data == [Older("b", None)]
    assert (page.total, state.error, state.is_loading) == (2, None, False)
    for mismatches in (page.mismatches, found.mismatches, iteration.mismatches, rows.mismatches, state.mismatches):
        [error] = mismatches
        assert (error.path, error.found, error.sent) == ("notes/a.count", "int", "no")
    with pytest.raises(InvalidResponse, match=r"notes/a\.count"):
        await notes.get("a")
    assert (await notes.get("b")) == Older("b", None)
    await local.collection("notes").update("a", {"count": "fits"})
    rows, state = await next_of(watching), await next_of(states)
    assert (len(rows), rows.mismatches, len(state.data), state.mismatches) == (2, [], 2, [])
    await watching.aclose()
    await states.aclose()


async def test_pages_with_records_that_do_not_fit(device: OPEN, server: SyncBackend) -> None:
    """Pages go on behind records that do not fit, each of which is on one page; where none fits, the list is whole and
    empty, with all of them beside it."""
    for number in range(7):
        await server.write(Write(act="create", collection="notes", id=f"n{number}", body={"count": number or None}))
    local = await device()
    await local.sync.now()
    notes = local.collection("notes", Older)
    paths, items = [], []
    cursor: str | None = ""
    while cursor is not None:
        page = await notes.list(limit=2, sort="id", cursor=cursor)
        paths += [mismatch.path for mismatch in page.mismatches]
        items += page.items
        cursor = page.next
    assert paths == [f"notes/n{number}.count" for number in range(1, 7)]
    assert items == [Older("n0", None)]
    states = notes.states(filter="record.id != 'n0'")
    state = await next_of(states)
    assert (state.data, len(state.mismatches), state.is_loading) == ([], 6, False)
    await states.aclose()


async def test_a_nested_record_that_does_not_fit(device: OPEN) -> None:
    """A nested record is named by its whole path."""
    local = await device()
    await local.collection("lines", parent="orders/1").create({"id": "b"})
    with pytest.raises(InvalidResponse) as raised:
        await local.collection("lines", Summary, parent="orders/1").get("b")
    assert (raised.value.path, raised.value.found) == ("orders/1/lines/b.count", "nothing")
    assert "missing required field `count`" in raised.value.detail
