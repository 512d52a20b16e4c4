"""After-hooks: readers of the log that keep their place."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from hinterland.contract.changes import Write
from hinterland.kit.clock import ManualClock
from hinterland.server.data.after_hooks import AfterHooks
from hinterland.server.hooks import AfterWrite, Hooks
from hinterland.server.storage.postgres import PostgresStorage
from hinterland.server.storage.protocol import Storage
from tests.server.data.world import HANGING, World, delete, note, opened, patch

Seen = tuple[str, object, object]


class Recorder:
    """An after-hook that remembers what it saw, and fails where the test wants it."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.failures = 0
        self.called = asyncio.Event()

    async def hook(self, change: AfterWrite) -> None:
        """Remember the change."""
        if self.failures:
            self.failures -= 1
            raise ZeroDivisionError
        old, new = (None if state is None else state["title"] for state in (change.old, change.new))
        self.seen.append((change.kind, old, new))
        self.called.set()


@asynccontextmanager
async def following(world: World, hook: Callable[[AfterWrite], Awaitable[None]]) -> AsyncIterator[AfterHooks]:
    """A world whose notes have an after-hook."""
    hooks = Hooks()
    hooks.add_after("notes", hook)
    after = AfterHooks(hooks, world.storage, world.catalogue, world.commands, world.clock, 5.0)
    await after.start()
    world.writer.wake = after.wake
    try:
        yield after
    finally:
        await after.close()


async def seen(recorder: Recorder, *wanted: Seen) -> None:
    """Wait until the hook saw these changes, and no others."""
    async with asyncio.timeout(HANGING):
        while len(recorder.seen) < len(wanted):
            await recorder.called.wait()
            recorder.called.clear()
    assert recorder.seen == [*wanted]


async def test_changes_in_order(world: World) -> None:
    """A hook is given each change of its collection from its declaration on, in the order of the log, with the record
    before and after."""
    recorder = Recorder()
    await world.write(note("before", title="x"))
    async with following(world, recorder.hook):
        await world.write(note("a", title="1"), note("b", title="2"))
        await world.write(patch("notes", "a", title="3"))
        await world.write(delete("notes", "b"))
        await seen(recorder, ("create", None, "1"), ("create", None, "2"), ("update", "1", "3"), ("delete", "2", None))


async def test_a_restart(storage: Storage, clock: ManualClock) -> None:
    """After a restart a hook goes on with the first change that it has not handled."""
    recorder = Recorder()
    async with opened(storage, clock) as world:
        async with following(world, recorder.hook):
            await world.write(note("a", title="1"))
            await seen(recorder, ("create", None, "1"))
        await world.write(note("b", title="2"))
        async with following(world, recorder.hook):
            await world.write(note("c", title="3"))
            await seen(recorder, *(("create", None, title) for title in "123"))


async def test_a_process_that_was_killed(lite: World) -> None:
    """The claim of a process that was killed holds up nobody where one process serves the database. A change whose
    position was not kept is handled once more."""
    recorder = Recorder()
    async with following(lite, recorder.hook) as after, asyncio.timeout(HANGING):
        await lite.write(note("a", title="1"))
        await seen(recorder, ("create", None, "1"))
        for task in after._tasks:
            task.cancel()
        await lite.write(note("b", title="2"))
        async with following(lite, recorder.hook):
            while recorder.seen[-1] != ("create", None, "2"):
                await recorder.called.wait()
                recorder.called.clear()
    assert recorder.seen.count(("create", None, "2")) == 1


async def test_a_hook_that_fails(lite: World, caplog: pytest.LogCaptureFixture) -> None:
    """A change with which a hook fails is logged and tried again until it passes; those after it wait."""
    recorder = Recorder()
    recorder.failures = 3
    async with following(lite, recorder.hook):
        with caplog.at_level(logging.ERROR, "hinterland.hooks"):
            await lite.write(note("a", title="1"))
            await lite.write(note("b", title="2"))
            while len(recorder.seen) < 2:
                await lite.clock.advance(1.0)
        await seen(recorder, ("create", None, "1"), ("create", None, "2"))
    waits = [record.args[1] for record in caplog.records if isinstance(record.args, tuple)]
    assert waits == [1.0, 2.0, 4.0]
    assert "the after-hook notes.hook failed" in caplog.text


async def test_a_hook_that_takes_long(lite: World) -> None:
    """A hook that takes longer than the setting is ended and tried again."""
    starts = 0

    async def hook(change: AfterWrite) -> None:
        nonlocal starts
        starts += 1
        if starts == 1:
            await asyncio.Event().wait()

    async with following(lite, hook):
        await lite.write(note("a"))
        while starts < 2:
            await lite.clock.advance(1.0)
    assert starts == 2


async def test_the_log_was_pruned(lite: World, caplog: pytest.LogCaptureFixture) -> None:
    """A hook that was away for longer than the log goes back says so and goes on with what there is."""
    recorder = Recorder()
    async with following(lite, recorder.hook):
        pass
    for title in "123":
        await lite.write(note("", title=title))
        await lite.clock.advance(10.0)
    await lite.storage.prune(lite.clock.now() - 15.0)
    async with following(lite, recorder.hook):
        await seen(recorder, ("create", None, "3"))
    assert "the after-hook notes.hook missed changes" in caplog.text


async def test_many_changes_of_others(lite: World) -> None:
    """The position moves on over changes of other collections, so that they are not read again after a restart."""

    async def kept() -> int:
        row = await lite.storage.row("_hooks", {"name": "notes.hook"})
        return 0 if row is None else int(row["revision"])

    async with following(lite, Recorder().hook), asyncio.timeout(HANGING):
        for _ in range(3):
            await lite.write(*(Write(act="create", collection="closed") for _ in range(500)))
        while await kept() < 1_000:
            await lite.clock.advance(0)


async def test_two_processes(postgres_dsn: str, clock: ManualClock) -> None:
    """Of the processes on one database one runs a hook, whichever process writes. Where that one hangs or is killed,
    another goes on when its claim has ended; the first one then stops."""
    one, two = Recorder(), Recorder()
    async with (
        asyncio.timeout(HANGING),
        opened(PostgresStorage(postgres_dsn, connections=4), clock) as first,
        opened(PostgresStorage(postgres_dsn, connections=4), clock) as second,
        following(first, one.hook) as hanging,
    ):
        await first.write(note("a", title="1"))
        await seen(one, ("create", None, "1"))
        async with following(second, two.hook):
            await second.write(note("b", title="2"))
            while len(one.seen) < 2:  # within the claim, whatever the database takes
                await clock.advance(1.0 if clock.monotonic() < 15 else 0.0)
            assert two.seen == []
            hanging.wake = lambda: None  # type: ignore[method-assign]
            await first.write(note("c", title="3"))
            for task in hanging._tasks:
                task.cancel()
            third = ("create", None, "3")
            while third not in two.seen:
                await clock.advance(1.0)
            # The place behind the second change may not have been kept before the first process was gone.
            assert two.seen in ([third], [("create", None, "2"), third])
            assert clock.monotonic() > 30
            assert await hanging._readers[0]._keep(clock.now() + 60) is False
