"""Collections and fields that are declared while the server runs."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self

import pytest
from msgspec.structs import replace

from hinterland.contract.errors import Refusal
from hinterland.contract.fields import Text
from hinterland.contract.records import EVERYBODY, Collection, Rules, users
from hinterland.kit.clock import ManualClock
from hinterland.server.data.catalogue import DeclarationError
from hinterland.server.data.live_schema import LiveSchema, declare
from hinterland.server.data.schema import SchemaChange
from hinterland.server.storage.failures import SchemaOutdated, StorageError
from hinterland.server.storage.postgres import PostgresStorage
from hinterland.server.storage.protocol import Storage
from tests.server.data.acts import make
from tests.server.data.world import ADA, HANGING, Replica, World, listen, opened, patch

POSTS = Collection(name="posts", fields={"title": Text()}, rules=EVERYBODY)
OTHERS = Collection(name="others", fields={"title": Text()}, rules=EVERYBODY)
BEFORE = [users(), POSTS, OTHERS]
LONGER = replace(POSTS, fields={**POSTS.fields, "mood": Text()})
COMMENTS = Collection(name="comments", fields={"text": Text()}, rules=EVERYBODY, parent="posts")
AFTER = [users(), LONGER, OTHERS, COMMENTS]


@asynccontextmanager
async def node(storage: Storage, clock: ManualClock, *, hears: bool = True) -> AsyncIterator[tuple[World, LiveSchema]]:
    """A process that serves `BEFORE`, or what the database is declared with; one that does not hear never gets a
    notification."""
    async with opened(storage, clock, BEFORE) as world:
        live = LiveSchema(storage, world.writer, clock, world.feed.end_changed)
        world.writer.signal = live.recheck
        await storage.listen(live.recheck if hears else lambda subject: None, world.feed.wake)
        await live.start()
        try:
            yield world, live
        finally:
            await live.close()


class Writing:
    """Creates records in several processes, one after the other in each, while the block lasts; `made` are the ids of
    those that were acknowledged."""

    def __init__(self, *worlds: World) -> None:
        self.made: set[str] = set()
        self._worlds = worlds
        self._is_over = False

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(self._write(*numbered)) for numbered in enumerate(self._worlds)]
        return self

    async def __aexit__(self, *error: object) -> None:
        self._is_over = True
        await asyncio.gather(*self._tasks)

    async def _write(self, number: int, world: World) -> None:
        for count in itertools.count():
            if self._is_over:
                return
            id = f"{number}-{count}"
            await world.write(make("posts", id, title=id), make("others", id, title=id))
            self.made.add(id)


async def rows(world: World, collection: str) -> dict[Any, Any]:
    """What a device has of a collection after a pull."""
    replica = Replica(world, ADA, collection)
    await replica.sync()
    return {key[2]: row for key, row in replica.rows.items()}


async def test_additions_while_writes_and_streams_go_on(storage: Storage, clock: ManualClock) -> None:
    """A field and a collection are added on a running server: no write is lost, the streams of other collections go on,
    and those of the changed one end and come back without missing anything."""
    async with asyncio.timeout(HANGING), node(storage, clock) as (world, live):
        others, posts = await listen(world, ADA, "others"), await listen(world, ADA, "posts")
        async with Writing(world, world) as writing:
            seen = [await others.changes() for _ in range(5)]
            await live.add(AFTER)
            new = make("posts", "new", title="n", mood="good")
            await world.write(new, make("comments", "c", "posts/new", text="t"))
            seen += [await others.changes() for _ in range(5)]
        while len(seen) < len(writing.made):
            seen.append(await others.changes())
        assert {change.id for changes in seen for change in changes} == writing.made
        last = ""
        while data := await posts.subscription.next():
            last = data.decode().rpartition("id: ")[2].split("\n")[0] or last
        again = await world.subscribe(ADA, "posts", cursor=last)
        assert b"event: resync" in await again.next()
        found = await rows(world, "posts")
        assert found.keys() == {*writing.made, "new"}
        assert (found["new"]["mood"], found["0-0"].get("mood")) == ("good", None)
        assert (await rows(world, "comments"))["c"]["text"] == "t"
    async with opened(type(storage)(storage.folder if hasattr(storage, "folder") else storage.dsn), clock, AFTER):  # type: ignore[attr-defined, call-arg]
        pass


async def test_two_processes(postgres_dsn: str, clock: ManualClock) -> None:
    """A process takes over what another declares, while both write: nothing that is written is lost, and no process
    that does not know a field takes it out of a record."""
    async with (
        asyncio.timeout(HANGING),
        node(PostgresStorage(postgres_dsn, connections=4), clock) as (one, live),
        node(PostgresStorage(postgres_dsn, connections=4), clock) as (two, _),
    ):
        stream = await listen(two, ADA, "others")
        async with Writing(one, two) as writing:
            seen = [await stream.changes()]
            await live.add(AFTER)
            while "comments" not in two.catalogue.entries:
                seen.append(await stream.changes())
            await two.write(make("comments", "c", "posts/0-0", text="t"))
        while len(seen) < len(writing.made):
            seen.append(await stream.changes())
        assert {change.id for changes in seen for change in changes} == writing.made
        assert (await rows(one, "posts")).keys() == (await rows(two, "posts")).keys() == writing.made
        assert two.catalogue.version == one.catalogue.version
        assert [*two.catalogue.entries] == [*one.catalogue.entries]  # in declared order, as on SQLite


async def test_a_process_that_hears_nothing(postgres_dsn: str, clock: ManualClock) -> None:
    """Where a notification is lost, a write takes over the declaration first; and so does a look every few seconds."""
    async with (
        asyncio.timeout(HANGING),
        node(PostgresStorage(postgres_dsn, connections=4), clock) as (one, live),
        node(PostgresStorage(postgres_dsn, connections=4), clock, hears=False) as (two, _),
    ):
        await live.add(AFTER)
        await one.write(make("posts", "p", title="t", mood="m"))
        await two.write(patch("posts", "p", title="other"))
        assert (await rows(one, "posts"))["p"]["mood"] == "m"
        assert "comments" in two.catalogue.entries
        await live.add([*AFTER, Collection(name="more", fields={}, rules=EVERYBODY)])
        while "more" not in two.catalogue.entries:
            await clock.advance(1.0)


async def test_additions_at_once(storage: Storage, clock: ManualClock) -> None:
    """What several administrators declare at once all stays: who adds one collection takes back nothing of another."""
    closed = replace(POSTS, rules=Rules(list="false"))
    async with node(storage, clock) as (world, live):
        await asyncio.gather(live.add([closed]), live.add([COMMENTS]), live.add([replace(OTHERS, rules=Rules())]))
        declared = {found.name: found for found in (await storage.declared()).collections}
        assert declared.keys() == world.catalogue.entries.keys() == {"users", "posts", "others", "comments"}
        assert declared["posts"] == closed == world.catalogue["posts"].collection
        assert declared["others"].rules == Rules()


async def test_what_can_not_be_added(storage: Storage, clock: ManualClock) -> None:
    """What touches stored records, can't be compiled or does not fit an index is refused, and nothing has changed."""
    async with node(storage, clock) as (world, live):
        version = world.catalogue.version
        await world.write(make("posts", "p", title="t" * 3_000))
        for wrong, error in (
            ([replace(POSTS, fields={})], SchemaChange),
            ([*BEFORE, replace(COMMENTS, parent="none")], DeclarationError),
            ([users(), replace(POSTS, fields={"title": Text(index=True)}), OTHERS], StorageError),
        ):
            with pytest.raises(error):
                await live.add(wrong)
        assert world.catalogue.version == version
        await world.write(make("posts", "q", title="t"))


async def test_a_declaration_that_this_version_can_not_read(
    postgres_dsn: str, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    """What another process declared and this one can't compile is not written past: writes are refused until it is."""
    async with node(PostgresStorage(postgres_dsn, connections=4), clock, hears=False) as (world, _):
        other = PostgresStorage(postgres_dsn, connections=1)
        await other.open()
        other.adopt(await other.declared())
        await other.declare([*BEFORE, replace(COMMENTS, parent="none")])
        await other.close()
        with pytest.raises(Refusal) as refused:
            await world.write(make("posts", "p", title="t"))
        assert refused.value.code == "unavailable"
        with caplog.at_level(logging.WARNING, "hinterland.schema"):
            while "cannot take over" not in caplog.text:
                await clock.advance(1.0)


async def test_two_that_declare_at_once(postgres_dsn: str, clock: ManualClock) -> None:
    """Of two processes that declare at once the second one looks at what the first one did; the declarations of both
    stay."""
    one, two = (PostgresStorage(postgres_dsn, connections=2) for _ in range(2))
    await asyncio.gather(one.open(), two.open())
    try:
        await declare(one, BEFORE)
        two.adopt(await two.declared())
        await declare(one, AFTER)
        with pytest.raises(SchemaOutdated):
            await two.declare([*BEFORE, Collection(name="more", fields={}, rules=EVERYBODY)])
        await declare(two, [*AFTER, Collection(name="more", fields={}, rules=EVERYBODY)])
        assert {found.name for found in (await one.declared()).collections} == {
            "users", "posts", "others", "comments", "more",
        }  # fmt: skip
    finally:
        await asyncio.gather(one.close(), two.close())
