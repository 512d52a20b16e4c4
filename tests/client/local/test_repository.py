from __future__ import annotations

import asyncio
import math
from typing import Any

import msgspec
import pytest

from hinterland.client.errors import BadRequest, Conflict, StatusError, Unauthorized, ValidationFailed
from hinterland.contract.changes import Write
from hinterland.contract.fields import Text
from hinterland.contract.records import Collection
from hinterland.kit.clock import ManualClock
from tests.client.local.conftest import NOTES, OPEN, next_of, until
from tests.client.local.steps import Note
from tests.support.sync_backend import SyncBackend


@pytest.mark.parametrize("body", [None, [], "text", 5, [{"id": "a"}]])
async def test_a_body_that_is_not_an_object(device: OPEN, body: Any) -> None:
    """What is not an object is refused, as by the server's repository."""
    notes = (await device(collections=[NOTES])).collection("notes")
    for act in (notes.create(body), notes.update("a", body), notes.replace("a", body)):
        with pytest.raises(BadRequest, match="the body must be a JSON object"):
            await act


async def test_errors_found_here(device: OPEN) -> None:
    """An error that is found on the device says that nothing was sent, and has no HTTP status."""
    local = await device(collections=[NOTES])
    notes = local.collection("notes")
    await notes.create({"id": "a"})
    for act in (
        notes.get("b"),
        notes.create({"id": "a"}),
        notes.create({"count": "many"}),
        notes.list(filter="record.count >"),
        notes.list(filter="record.count"),
        local.outbox.discard("x"),
    ):
        with pytest.raises(StatusError) as raised:
            await act
        assert (raised.value.sent, raised.value.status) == ("no", 0)
        assert "status" not in str(raised.value)
    await local.switch("")
    with pytest.raises(Unauthorized) as refused:
        await notes.create({})
    assert refused.value.sent == "no"


async def test_fields_that_only_administrators_set(device: OPEN) -> None:
    """A value that only an administrator can set is refused at once, as by the server; the value that the record has
    may be sent back."""
    declared = Collection(name="notes", fields={"text": Text(), "plan": Text(write="admin", default="free")})
    notes = (await device(collections=[declared])).collection("notes")
    await notes.create({"id": "a", "plan": "free"})
    for act in (notes.create({"plan": "pro"}), notes.update("a", {"plan": "pro"}), notes.replace("a", {"plan": "pro"})):
        with pytest.raises(ValidationFailed) as refused:
            await act
        assert refused.value.errors == {"plan": ["can only be set by an administrator"]}
    await notes.update("a", {"text": "x", "plan": "free"})
    assert (await notes.get("a"))["text"] == "x"
    await notes.delete("a")


@pytest.mark.parametrize("collections", [[], [NOTES]])
@pytest.mark.parametrize("value", [math.nan, math.inf, ["\0"], {"a": "\ud800"}, 10**400])
async def test_what_no_server_would_take(device: OPEN, collections: list[Collection], value: Any) -> None:
    """NaN, Infinity and what else no server takes is refused by its field before anything is kept, in every write and
    in an edit of one that waits, and so is an id that is none."""
    local = await device(collections=collections)
    notes = local.collection("notes")
    kept = await notes.create({"id": "a", "text": "x"})
    wrong: dict[str, Any] = {"text": value}
    for act in (
        notes.create(wrong),
        notes.update("a", wrong),
        notes.replace("a", wrong),
        local.write(Write(act="patch", collection="notes", id="a", body=wrong)),
        local.outbox.edit(kept.mutation, wrong),
    ):
        with pytest.raises(ValidationFailed) as raised:
            await act
        assert (list(raised.value.errors), raised.value.sent) == (["text"], "no")
    for record_id in ("x" * 129, "a/b", "é" * 65):
        with pytest.raises(ValidationFailed, match="must have 1 to 128 bytes"):
            await notes.create({"id": record_id})
    assert [entry.id for entry in await local.outbox.list()] == [kept.mutation]
    assert (await notes.get("a"))["text"] == "x"


async def test_integers_beyond_64_bits(device: OPEN) -> None:
    """An integer beyond 64 bits is the double that the server takes it for, at once."""
    notes = (await device()).collection("notes")
    await notes.create({"id": "a", "count": 10**20, "any": {"x": [2**64 + 1]}})
    note = await notes.get("a")
    assert (repr(note["count"]), note["any"]) == ("1e+20", {"x": [2.0**64]})


async def test_pages(device: OPEN, clock: ManualClock) -> None:
    """A list has pages by number or by cursor, and a total on request; without sort the newest come first."""
    local = await device()
    notes = local.collection("notes", Note)
    for number in range(5):
        await notes.create({"count": number})
        await clock.advance(1)
    first = await notes.list(limit=2, total=True)
    assert ([note.count for note in first.items], first.total) == ([4, 3], 5)
    assert [note.count for note in (await notes.list(page=2, limit=2)).items] == [2, 1]
    assert first.next is not None
    second = await notes.list(limit=2, cursor=first.next)
    assert second.next is not None
    last = await notes.list(limit=2, cursor=second.next)
    assert ([note.count for note in last.items], last.next, last.total) == ([0], None, None)


@pytest.mark.parametrize("kind", [Note, dict])
@pytest.mark.parametrize("collections", [[], [NOTES]])
async def test_filters(device: OPEN, kind: type[Any], collections: list[Collection]) -> None:
    """Filters, equality and order together; types from the declaration, from the struct, or from the records."""
    local = await device(collections=collections)
    notes = local.collection("notes", kind)
    for number in range(5):
        await notes.create({"text": "even" if number % 2 == 0 else "odd", "count": number})
    found = (await notes.list(filter="record.count > 0 && record.text != 'odd'", sort="-count")).items
    assert [msgspec.to_builtins(note)["count"] for note in found] == [4, 2]
    assert len((await notes.list(text="odd")).items) == 2
    with pytest.raises(BadRequest):
        await notes.list(filter="record.count >")


async def test_search(device: OPEN, clock: ManualClock) -> None:
    """A part of the text finds, whatever its case, ordered by the first field; an empty text lists the newest first."""
    local = await device()
    notes = local.collection("notes", Note)
    for text in ("Zebra crossing", "a crossing", "tunnel"):
        await notes.create({"text": text})
        await clock.advance(1)
    assert [note.text for note in await notes.search("CROSS", ["text"])] == ["a crossing", "Zebra crossing"]
    assert [note.text for note in await notes.search("", ["text"], limit=1)] == ["tunnel"]


async def test_a_clash_may_replace(device: OPEN) -> None:
    """An insert returns its id, and may replace the record that has the same value in a unique field."""
    local = await device()
    notes = local.collection("notes", Note)
    first = await notes.create({"text": "unique", "count": 1}, replace_on="text")
    second = await notes.create({"text": "unique", "count": 2}, replace_on="text")
    third = await notes.create({"count": 3}, replace_on="text")
    assert first.id == second.id != third.id
    assert sorted(note.count or 0 for note in (await notes.list()).items) == [2, 3]
    with pytest.raises(Conflict):
        await notes.create({"id": first.id})


async def test_clashes_at_the_same_moment(device: OPEN) -> None:
    """Of several inserts at the same moment with one value in `replace_on` the first creates a record, and the others
    replace it."""
    notes = (await device()).collection("notes", Note)
    made = await asyncio.gather(*(notes.create({"text": "one", "count": n}, replace_on="text") for n in range(5)))
    assert len({each.id for each in made}) == 1
    assert [note.text for note in (await notes.list()).items] == ["one"]


async def test_nested_records(device: OPEN, server: SyncBackend) -> None:
    """Records of one parent are not those of another."""
    local = await device()
    one, two = (local.collection("lines", parent=f"orders/{number}") for number in (1, 2))
    await one.create({"id": "a", "text": "one's"})
    await two.create({"id": "a", "text": "two's"})
    assert (await one.get("a"))["text"] == "one's"
    assert [line["text"] for line in (await two.list()).items] == ["two's"]


async def test_a_query_as_a_state(device: OPEN, server: SyncBackend) -> None:
    """A query is an observable state: loading before the first sync, then data, stale while the server is away, and
    what is wrong where it can't be answered."""
    await server.write(Write(act="create", collection="notes", id="a", body={"text": "x", "count": 1}))
    local = await device()
    states = local.collection("notes", Note).states(filter="record.count > 0")
    loading = await next_of(states)
    assert (loading.data, loading.is_loading, loading.is_stale) == (None, True, True)
    local.sync.start()
    state = loading
    while state.is_loading or state.is_stale:
        state = await next_of(states)
    assert [note.id for note in state.data] == ["a"]
    await until(lambda: local.sync._live is not None)
    async with server.down():
        while not state.is_stale:
            state = await next_of(states)
        assert [note.id for note in state.data] == ["a"]
        while state.error is None:
            state = await next_of(states)
    await states.aclose()
    broken = local.collection("notes", Note).states(filter="record.nothing > 0")
    state = await next_of(broken)
    assert (state.data, state.error.code) == (None, "invalid_query")
    await broken.aclose()


async def test_watching_a_part(device: OPEN, server: SyncBackend) -> None:
    """A watcher hears of changes that alter its answer, and of no others."""
    local = await device()
    notes = local.collection("notes", Note)
    watching = notes.watch(search="x", fields=["text"], limit=1)
    assert await next_of(watching) == []
    await notes.create({"text": "something else"})
    await notes.create({"id": "b", "text": "box"})
    assert [note.id for note in await next_of(watching)] == ["b"]
    await notes.create({"id": "a", "text": "an x"})
    assert [note.id for note in await next_of(watching)] == ["a"]
    await watching.aclose()
