"""How a stream ends, by trouble, by its right or by its reader, and how it goes on beside other processes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from hinterland.contract.errors import Refusal
from hinterland.contract.fields import Text
from hinterland.contract.identity import SIGNED_OUT
from hinterland.kit.clock import ManualClock
from hinterland.server.data import feed as feeding
from hinterland.server.data.catalogue import Catalogue
from hinterland.server.data.requests import WriteRequest
from hinterland.server.data.subscription import Subscription
from hinterland.server.protocols.sse import SSE
from hinterland.server.security.sessions import account_subject, proved, session_subject
from hinterland.server.storage.postgres import PostgresStorage
from hinterland.server.storage.protocol import LogPage
from hinterland.server.storage.sqlite import SqliteStorage
from hinterland.server.storage.system import Drop, Put, RowAct
from tests.server.data.world import (
    ADA,
    ADA_SIGNED_IN,
    BEN,
    COLLECTIONS,
    NOTES,
    Listener,
    World,
    delete,
    listen,
    note,
    opened,
    summary,
)  # fmt: skip

# ------------------------------------------------------------------ how a stream ends


async def ended(listener: Listener) -> bool:
    """Whether a stream has ended in order."""
    return listener.subscription.has_ended and await listener.raw() == b""


async def test_slow(tmp_path: Path, clock: ManualClock) -> None:
    """A subscriber that does not take its events is cut, the others are served; it resumes from its cursor."""
    async with opened(SqliteStorage(tmp_path), clock, buffer=2) as world:
        slow, quick = await listen(world, ADA, "notes"), await listen(world, ADA, "notes")
        seen = []
        for name in "abcd":
            await world.write(note(name, "ada"))
            seen += summary(await quick.changes())
        assert [id for _, id in seen] == [*"abcd"]
        assert slow.subscription.is_slow
        assert await ended(slow)
        cursor = slow.subscription.outlet.cursor(0, 0)
        again = await listen(world, ADA, "notes", cursor=cursor)
        assert [summary(await again.changes()) for _ in range(4)] == [[("create", name)] for name in "abcd"]


async def test_keep_alive(world: World, clock: ManualClock) -> None:
    """Every fifteen seconds there is a later cursor where the log went on without news, else a comment."""
    ada = await listen(world, ADA, "notes")
    await clock.advance(16)
    assert await ada.raw() == SSE.silence
    await world.write(note("b", "ben"))
    ben = await listen(world, BEN, "notes")
    await world.write(note("c", "ben"))
    await ben.changes()
    await clock.advance(15)
    message = await ada.next()
    assert (message.event, world.cursors.read(message.id).revision) == ("position", 2)


async def test_silence_is_broken_in_turns(lite: World, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the silence of many streams is broken, others have their turn; a stream that ends meanwhile is sent nothing
    more."""
    streams = [await listen(lite, caller, "notes") for caller in (ADA, BEN) * 40]
    served: list[Subscription] = []
    send = Subscription.send

    def noted(subscription: Subscription, pieces: Sequence[bytes]) -> None:
        served.append(subscription)
        send(subscription, pieces)

    monkeypatch.setattr(Subscription, "send", noted)
    monkeypatch.setattr(feeding, "_STEPS_AT_ONCE", 0)
    await clock.advance(16)
    while not served:  # noqa: ASYNC110 - the turn of the feed's task
        await asyncio.sleep(0)
    assert (before := len(served)) < len(streams) / 2
    leaving = [stream.subscription for stream in streams if stream.subscription not in served]
    for subscription in leaving:
        subscription.end()
    for _ in range(10 * len(streams)):
        await asyncio.sleep(0)
    assert len(served) == before


def acting(act: RowAct) -> WriteRequest:
    return WriteRequest((), acts=[act])


async def end_session(world: World) -> None:
    await world.writer.submit(acting(Put("_sessions", {"id": "ada1", "ended": world.clock.now()})))


async def expire(world: World) -> None:
    world.clock.jump(90_000)


async def disable(world: World) -> None:
    await world.writer.submit(acting(Put("_accounts", {"id": "ada", "is_disabled": True})))


async def promote(world: World) -> None:
    await world.writer.submit(acting(Put("_accounts", {"id": "ada", "roles": '["staff"]'})))


async def authenticate_anew(world: World) -> None:
    await world.writer.submit(acting(Put("_sessions", {"id": "ada1", **proved(("pwd", "otp", "mfa"), 0.0)})))


async def erase(world: World) -> None:
    await world.writer.submit(acting(Drop("_accounts", {"id": "ada"})))


async def remove_user(world: World) -> None:
    await world.write(delete("users", "ada"))


@pytest.mark.parametrize("act", [end_session, expire, disable, promote, authenticate_anew, erase, remove_user])
async def test_right_ends(world: World, clock: ManualClock, act: Callable[[World], Awaitable[None]]) -> None:
    """A stream ends within a second when its session or its right ends or is another, wherever that happened; others
    go on."""
    await world.sign_in(ADA_SIGNED_IN)
    ada, anybody = await listen(world, ADA_SIGNED_IN, "notes"), await listen(world, SIGNED_OUT, "posts")
    await clock.advance(2)
    while not clock.waiting:  # noqa: ASYNC110 - the check of the second that has passed
        await asyncio.sleep(0)
    assert not ada.subscription.has_ended
    await act(world)
    await clock.advance(1)
    await asyncio.wait_for(ada.subscription.ended, 30)
    assert await ended(ada)
    assert not anybody.subscription.has_ended


@pytest.mark.parametrize("subject", [session_subject("ada1"), account_subject("ada")])
async def test_signal(lite: World, subject: str) -> None:
    """A signal about a session or an account ends the streams that lost their right at once, without the clock; those
    that may go on do, and so do those of others."""
    await lite.sign_in(ADA_SIGNED_IN)
    ada, other = await listen(lite, ADA_SIGNED_IN, "notes"), await listen(lite, BEN, "notes")
    lite.feed.rights.recheck(subject)
    await lite.write(note("a", "ada"))
    assert summary(await ada.changes()) == [("create", "a")]
    await end_session(lite)
    lite.feed.rights.recheck(subject)
    await asyncio.wait_for(ada.subscription.ended, 30)
    assert await ended(ada)
    assert not other.subscription.has_ended


async def test_close(lite: World) -> None:
    """A server that goes down ends every stream, and lets nobody begin another."""
    streams = [await listen(lite, ADA, "notes"), Listener(await lite.subscribe(BEN, "notes"))]
    waiting = asyncio.create_task(streams[0].subscription.next())
    await asyncio.sleep(0)
    await lite.feed.close()
    assert await waiting == b""
    assert all(stream.subscription.has_ended for stream in streams)
    with pytest.raises(Refusal) as caught:
        await lite.subscribe(ADA, "notes")
    assert caught.value.code == "unavailable"


async def test_a_stream_that_opens_while_all_end(tmp_path: Path, clock: ManualClock) -> None:
    """A stream that is being opened when the server ends all streams is refused, and counts no longer."""
    storage = Interrupted(tmp_path)
    async with opened(storage, clock) as world:
        await world.subscribe(ADA, "notes")
        storage.before_head = world.feed.end_streams
        with pytest.raises(Refusal) as caught:
            await world.subscribe(ADA, "notes")
        assert (caught.value.code, caught.value.retry_after) == ("unavailable", 1)
        assert world.feed._allowances.of("ada").streams == 0


async def test_a_stream_that_opens_while_its_collection_is_declared_anew(tmp_path: Path, clock: ManualClock) -> None:
    """A stream that is being opened when its collection is declared anew ends, so that its reader comes back to the new
    one; others go on."""
    storage = Interrupted(tmp_path)
    async with opened(storage, clock) as world:
        other, before = await listen(world, ADA, "posts"), await listen(world, ADA, "notes")
        notes = replace(NOTES, fields={**NOTES.fields, "mood": Text()})
        declared = [notes if collection is NOTES else collection for collection in COLLECTIONS]

        def declare() -> None:
            storage.before_head = lambda: None
            world.feed.end_changed(world.catalogue.adopt(Catalogue(declared, storage.dialect)))

        storage.before_head = declare
        opening, others = await world.subscribe(ADA, "notes"), await world.subscribe(ADA, "posts")
        assert (opening.has_ended, before.subscription.has_ended) == (True, True)
        assert (others.has_ended, other.subscription.has_ended) == (False, False)
        assert not (await world.subscribe(ADA, "notes")).has_ended


# ------------------------------------------------------------------ trouble, and other processes


class Failing(SqliteStorage):
    """A database that can't be read for a while."""

    is_down = False

    def snapshot(self) -> Any:
        if self.is_down:
            raise Refusal("unavailable")
        return super().snapshot()

    async def fetch_some(self, *arguments: Any) -> Any:
        if self.is_down:
            raise Refusal("unavailable")
        return await super().fetch_some(*arguments)


async def test_outage(tmp_path: Path, clock: ManualClock, caplog: pytest.LogCaptureFixture) -> None:
    """While the database can't be read, streams wait; then they are sent everything, without a gap."""
    storage = Failing(tmp_path)
    async with opened(storage, clock) as world:
        await world.sign_in(ADA_SIGNED_IN)
        ada = await listen(world, ADA_SIGNED_IN, "notes")
        storage.is_down = True
        with caplog.at_level(logging.WARNING):
            await world.write(note("a", "ada"))
            await clock.advance(3)
        assert "streams wait" in caplog.text
        assert "can't be checked" in caplog.text
        storage.is_down = False
        await clock.advance(1)
        assert summary(await ada.changes()) == [("create", "a")]


class Interrupted(SqliteStorage):
    """A database in which something happens right after the next page of the log was read, or before a snapshot."""

    then: Callable[[], Awaitable[object]] | None = None
    before_head: Callable[[], None] = staticmethod(lambda: None)

    def snapshot(self) -> Any:
        self.before_head()
        return super().snapshot()

    async def log(self, after: int, limit: int, *more: Any, **named: Any) -> LogPage:
        entries = await super().log(after, limit, *more, **named)
        then, self.then = self.then, None
        if then is not None:
            await then()
        return entries


async def test_written_while_joining(tmp_path: Path, clock: ManualClock) -> None:
    """What is written and served to others just when a stream has caught up is not missed by it."""
    storage = Interrupted(tmp_path)
    async with opened(storage, clock) as world:
        ada = await listen(world, ADA, "notes")
        await world.write(note("0", "ada"))
        assert summary(await ada.changes()) == [("create", "0")]
        late = Listener(await world.subscribe(ADA, "notes"))

        async def meanwhile() -> None:
            await world.write(note("a", "ada"))
            assert summary(await ada.changes()) == [("create", "a")]

        storage.then = meanwhile
        assert (await late.next()).event == "ready"
        assert summary(await late.changes()) == [("create", "a")]
        await world.write(note("b", "ada"))
        assert summary(await late.changes()) == summary(await ada.changes()) == [("create", "b")]


async def test_left_while_catching_up(tmp_path: Path, clock: ManualClock) -> None:
    """A stream that ends while it reads what it missed does not become live."""
    storage = Interrupted(tmp_path)
    async with opened(storage, clock) as world:
        late = await world.subscribe(ADA, "notes")
        await late.next()

        async def meanwhile() -> None:
            late.end()

        storage.then = meanwhile
        assert await late.next() == b""
        assert not late.is_live


async def test_many_outlets(lite: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the commits of a page others get their turn; outlets that share a view share its texts."""
    monkeypatch.setattr(feeding, "_STEPS_AT_ONCE", 0)
    both, one = await listen(lite, ADA, "notes", "posts"), await listen(lite, ADA, "notes")
    await asyncio.gather(*(lite.write(note(name, "ada")) for name in "ab"))
    for listener in (both, one):
        assert [summary(await listener.changes()) for _ in range(2)] == [[("create", "a")], [("create", "b")]]


async def test_other_process(postgres_dsn: str, clock: ManualClock) -> None:
    """What another process writes to the same PostgreSQL is sent within a second, also without its notification."""
    storages = [PostgresStorage(postgres_dsn, connections=3) for _ in range(2)]
    async with opened(storages[0], clock) as here, opened(storages[1], clock) as there:
        ada = await listen(here, ADA, "notes")
        await there.write(note("a", "ada"))
        await clock.advance(1)
        assert summary(await ada.changes()) == [("create", "a")]
