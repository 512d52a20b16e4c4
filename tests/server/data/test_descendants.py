"""What is below a record goes with it: all of that and nothing else, and no more than one request may do."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import AsyncIterator

import pytest

from hinterland.contract.fields import Json, Text
from hinterland.contract.records import EVERYBODY, Collection, users
from hinterland.kit.clock import ManualClock
from hinterland.server.data import documents
from hinterland.server.data.requests import WriteRequest
from hinterland.server.storage.protocol import Storage
from tests.server.data.acts import make, read
from tests.server.data.world import ADA, BEN, World, delete, opened, patch
from tests.server.refused import refused

DIARY = Collection(name="diary", fields={"text": Text()}, rules=EVERYBODY)
PAGES = Collection(name="pages", fields={"text": Text()}, rules=EVERYBODY, parent="diary")
FILES = Collection(name="files", fields={"any": Json()}, rules=EVERYBODY, parent="diary")
POSTS = Collection(name="posts", fields={"title": Text()}, rules=EVERYBODY, ids="integer")
COMMENTS = Collection(name="comments", fields={"text": Text()}, rules=EVERYBODY, parent="posts")
LIKES = Collection(name="likes", fields={"by": Text()}, rules=EVERYBODY, parent="comments")
STARS = Collection(name="stars", fields={}, rules=EVERYBODY, parent="likes", ids="integer")


@pytest.fixture
async def world(storage: Storage, clock: ManualClock) -> AsyncIterator[World]:
    """A data engine on each database."""
    async with opened(storage, clock, (users(), DIARY, PAGES, FILES, POSTS, COMMENTS, LIKES, STARS)) as made:
        yield made


async def test_only_what_is_below_goes(world: World) -> None:
    """A parent's deletion leaves alone what is below others whose ids begin alike."""
    ids = ("a", "a-b", "a0", "a_b", "b")
    for id in ids:
        await world.write(make("diary", id, text="x"), make("pages", "p", f"diary/{id}", text=id))
    await world.write(make("posts"), *(make("comments", id, "posts/1") for id in ids))
    await world.write(*(make("likes", "l", f"posts/1/comments/{id}") for id in ids))
    await world.write(*(make("stars", parent=f"posts/1/comments/{id}/likes/l") for id in ids))
    await world.write(delete("diary", "a"), delete("comments", "a", "posts/1"))
    assert [await read(world, "pages", "p", f"diary/{id}") is not None for id in ids] == [False, *[True] * 4]
    assert [await read(world, "likes", "l", f"posts/1/comments/{id}") is not None for id in ids] == [False, *[True] * 4]
    assert await world.storage.fetch("SELECT id FROM stars ORDER BY id") == [(n,) for n in (2, 3, 4, 5)]
    await world.write(delete("posts", 1))
    assert await world.storage.fetch("SELECT id FROM stars") == []
    assert [await read(world, "likes", "l", f"posts/1/comments/{id}") for id in ids] == [None] * 5


async def test_what_a_group_did_below_a_deleted_parent(world: World) -> None:
    """A parent's deletion meets what earlier writes of its group and of its own request did below the parent."""
    await world.write(make("posts"), *(make("comments", id, "posts/1", text="old") for id in "abc"))
    requests = [
        WriteRequest([delete("comments", "a", "posts/1"), make("comments", "d", "posts/1")], ADA),
        WriteRequest([make("comments", "a", "posts/1"), patch("comments", "b", "posts/1", text="new")], BEN),
        WriteRequest([make("comments", "e", "posts/1"), delete("comments", "c", "posts/1"), delete("posts", 1)], ADA),
        WriteRequest([make("comments", "f", "posts/1")], BEN),
    ]
    answers = world.writer.submit_all(requests)
    assert [(await answer).revision for answer in answers[:3]] == [6, 8, 15]
    with refused("not_found"):
        await answers[3]
    log = await world.storage.log(8, 20)
    texts = [entry.before and documents.document_of(entry.before).get("text") for entry in log]
    assert [(entry.kind, entry.id, text) for entry, text in zip(log, texts, strict=True)] == [
        ("create", "e", None), ("delete", "c", "old"), ("delete", "a", None), ("delete", "b", "new"),
        ("delete", "d", None), ("delete", "e", None), ("delete", 1, None),
    ]  # fmt: skip


async def test_too_much_below_a_parent(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A parent with more below it than one request may keep in memory is not deleted, and the refusal says what to do;
    little more than that is read. What was deleted by itself before no longer counts."""
    monkeypatch.setattr("hinterland.server.data.weights.MAX_BYTES", 8 * 2**20)
    await world.write(make("diary", "d", text="x"))
    for number in range(20):
        await world.write(make("files", f"f{number}", "diary/d", any="x" * 2**20))
    tracemalloc.start()
    try:
        with refused("too_large", "the records below diary/d take more than 8 MiB together; delete some of those"):
            await world.write(delete("diary", "d"))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 18 * 2**20
    with refused("too_large", "the records that this writes take more than 8 MiB together; write fewer at once"):
        await world.write(*(delete("files", f"f{number}", "diary/d") for number in range(20)))
    for number in range(14):
        await world.write(delete("files", f"f{number}", "diary/d"))
    await world.write(delete("diary", "d"))
    assert await read(world, "files", "f19", "diary/d") is None


async def test_many_small_records_below_a_parent(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many records below a parent go in one commit, and others get their turn on the loop meanwhile; each takes memory
    beside its texts, so that not any number of small ones goes at once."""
    await world.write(make("diary", "d", text="x"))
    for _ in range(4):
        await world.write(*(make("pages", parent="diary/d") for _ in range(500)))
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    with monkeypatch.context() as patched, refused("too_large", "the records below diary/d"):
        patched.setattr("hinterland.server.data.weights.MAX_BYTES", 2_000 * 1024)
        await world.write(delete("diary", "d"))
    outcome = await world.write(delete("diary", "d"))
    counting.cancel()
    assert outcome.revision == 4_002
    assert turns > 100
    assert await world.storage.fetch("SELECT id FROM pages") == []
