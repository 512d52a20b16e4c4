"""Streams that are cut anywhere."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hinterland.contract.changes import Write
from hinterland.contract.errors import Refusal
from hinterland.contract.events import Commit
from hinterland.contract.identity import Principal
from hinterland.kit.clock import ManualClock
from hinterland.kit.event_stream import EventStreamParser, Message
from hinterland.server.storage.postgres import PostgresStorage
from hinterland.server.storage.protocol import Storage
from hinterland.server.storage.sqlite import SqliteStorage
from tests.server.data.world import ADA, BEN, HANGING, Replica, World, delete, note, opened, patch


class Reader:
    """A client that reads a few events and goes away, and comes back with the last id that it saw."""

    def __init__(self, world: World, caller: Principal) -> None:
        self.world = world
        self.caller = caller
        self.cursor = ""
        self.revisions: list[int] = []
        self.replica = Replica(world, caller, "notes")

    async def read(self, count: int) -> None:
        """Take `count` events, or all that there are until nothing is missing; the rest of the chunk is lost."""
        subscription = await self.world.subscribe(self.caller, "notes", cursor=self.cursor)
        parser = EventStreamParser()
        try:
            while count > 0:
                for message in parser.feed(await asyncio.wait_for(subscription.next(), HANGING))[:count]:
                    self._take(message)
                    count -= 1
                if self.world.cursors.read(self.cursor).revision >= (await self.world.storage.head()).revision:
                    return
        finally:
            subscription.end()

    def _take(self, message: Message) -> None:
        assert message.event in ("ready", "commit", "position")
        self.cursor = message.id
        if message.event == "commit":
            commit = msgspec.json.decode(message.data, type=Commit)
            self.revisions += [change.revision for change in commit.changes]
            self.replica.apply(commit.changes)


ACTS: dict[str, Callable[[str, list[str]], Write]] = {
    "create": lambda id, members: note(id, *members),
    "patch": lambda id, members: patch("notes", id, members=members),
    "delete": lambda id, members: delete("notes", id),
}
WRITES = st.lists(
    st.tuples(st.sampled_from([*ACTS]), st.sampled_from("abcd"), st.lists(st.sampled_from(["ada", "ben"]), max_size=2)),
    min_size=1,
    max_size=3,
)
STEPS = st.lists(st.one_of(WRITES, st.integers(1, 5)), max_size=30)


async def write(world: World, acts: list[Any]) -> None:
    with suppress(Refusal):  # of what is there already, or is not
        await world.write(*[ACTS[act](id, members) for act, id, members in acts])


async def expected(world: World, caller: Principal) -> list[int]:
    """The revisions that a caller must be sent, from the log and the rule."""
    entry = world.catalogue["notes"]
    return [
        change.revision
        for change in await world.storage.log(0, 100_000)
        if any(state is not None and entry.allows("list", caller, state) for state in (change.before, change.after))
    ]


@given(STEPS)
@settings(max_examples=40)
def test_cut_anywhere(tmp_path_factory: pytest.TempPathFactory, steps: list[Any]) -> None:
    """an SSE stream cut at any event → resumed, no gap, no duplicate."""

    async def run() -> None:
        async with opened(SqliteStorage(tmp_path_factory.mktemp("data")), ManualClock()) as world:
            readers = [Reader(world, caller) for caller in (ADA, BEN)]
            for reader in readers:
                await reader.read(1)
            for step in steps:
                if isinstance(step, int):
                    for reader in readers:
                        await reader.read(step)
                else:
                    await write(world, step)
            for reader in readers:
                await reader.read(1_000)
                assert reader.revisions == await expected(world, reader.caller)
                assert reader.replica.rows == await world.visible(reader.caller, "notes")

    asyncio.run(run())


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
async def test_cut_under_load(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, database: str
) -> None:
    """Streams that come and go while others write, each at its own pace: no gap, no duplicate."""
    storage: Storage = SqliteStorage(tmp_path_factory.mktemp("data"))
    if database == "postgres":
        storage = PostgresStorage(request.getfixturevalue("postgres_dsn"), connections=6)
    random = Random(7)

    async def follow(reader: Reader) -> None:
        while not writing.done():
            await reader.read(random.randint(1, 9))
        await reader.read(1_000)

    async def fill(world: World) -> None:
        for number in range(150):
            members = random.sample(["ada", "ben"], random.randint(0, 2))
            await world.write(
                note(f"n{number}", *members), patch("notes", f"n{random.randint(0, number)}", count=number)
            )
        await world.write(note("last", "ada", "ben"))  # no live stream waits for what its reader is never shown

    async with opened(storage, ManualClock()) as world:
        readers = [Reader(world, caller) for caller in (ADA, BEN) * 3]
        for reader in readers:
            await reader.read(1)
        writing = asyncio.create_task(fill(world))
        await asyncio.gather(writing, *map(follow, readers))
        for reader in readers:
            assert reader.revisions == await expected(world, reader.caller)
