from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any

import msgspec
import pytest

from hinterland.client.errors import (
    ConnectError,
    Forbidden,
    HinterlandError,
    RateLimited,
    ServiceUnavailable,
    Unauthorized,
    UnknownCollection,
)
from hinterland.client.local.errors import StoreBusy
from hinterland.client.local.local import Local
from hinterland.contract.changes import Write
from hinterland.contract.sync import Pull, PullResult
from hinterland.kit.clock import ManualClock
from tests.client.local.conftest import NOTES, OPEN, next_of, until
from tests.support.sync_backend import SyncBackend, rules


class Tampered:
    """A server that refuses what a test wishes."""

    def __init__(self, server: SyncBackend) -> None:
        self.server = server
        self.error: HinterlandError | None = None
        self.stream_error: HinterlandError | None = None
        self.pulls = 0
        self.streams = 0

    async def pull(self, account: Any, pull: Pull) -> PullResult:
        self.pulls += 1
        if self.error is not None:
            raise self.error
        return await self.server.pull(account, pull)

    async def events(self, account: Any, collections: Any, cursor: str) -> Any:
        self.streams += 1
        if self.stream_error is not None:
            raise self.stream_error
        async for event in self.server.events(account, collections, cursor):
            yield event

    def __getattr__(self, name: str) -> Any:
        return getattr(self.server, name)


def note(id: str, **body: Any) -> Write:
    return Write(act="create", collection="notes", id=id, body=body)


async def is_online(local: Local) -> None:
    await until(lambda: local.sync.status.state == "online" and local.sync._is_live)


async def rows(local: Local) -> list[str]:
    return [row["id"] for row in (await local.collection("notes").list(sort=["id"])).items]


async def test_once_started_it_stays_in_step(device: OPEN, server: SyncBackend) -> None:
    """Started, it fetches what is there, takes live commits without asking, and hands writes in at once."""
    await server.write(note("a"))
    local = await device(remote=(remote := Tampered(server)))
    local.sync.start()
    local.sync.start()
    await is_online(local)
    assert await rows(local) == ["a"]
    asked = remote.pulls
    watching = local.collection("notes").watch(sort=["id"])
    assert [row["id"] for row in await next_of(watching)] == ["a"]
    await server.write(note("b"))
    assert [row["id"] for row in await next_of(watching)] == ["a", "b"]
    assert remote.pulls == asked
    written = await local.collection("notes").create({"text": "mine"})
    assert (await written.settled()).is_applied
    await local.sync.stop()
    assert local.sync.status.state == "stopped"
    await watching.aclose()


async def test_a_second_screen_sees_it_live(device: OPEN, server: SyncBackend) -> None:
    """What one device writes another sees live, each change once and in order, own writes without a flicker."""
    first, second = await device("first"), await device("second", "bob")
    for local in (first, second):
        local.sync.start()
        await is_online(local)
    note = await first.collection("notes").create({"count": 0})
    watching = second.collection("notes").watch()
    while not (seen := [row["count"] for row in await next_of(watching)]):
        pass
    own = first.collection("notes").watch()
    mine = [(await next_of(own))[0]["count"]]
    for _ in range(5):
        await first.collection("notes").update(note.id, {"count": {"$increment": 1}})
    while seen[-1] < 5:
        seen.append((await next_of(watching))[0]["count"])
    while mine[-1] < 5:
        mine.append((await next_of(own))[0]["count"])
    assert seen == sorted(seen)
    assert mine == sorted(mine)
    assert (await server.record("notes", note.id))["count"] == 5
    await own.aclose()
    await watching.aclose()


async def test_live_commits_that_come_together(
    device: OPEN, server: SyncBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Live commits that came meanwhile are applied in one transaction: the disk does not bound a busy stream."""
    local = await device()
    local.sync.start()
    await is_online(local)
    transactions, write, disk = [], local.store.write, asyncio.Event()

    async def counted(act: Any, **named: Any) -> Any:
        transactions.append(act)
        await disk.wait()
        return await write(act, **named)

    monkeypatch.setattr(local.store, "write", counted)
    await asyncio.gather(*(server.write(note(f"n{number}")) for number in range(100)))
    await until(lambda: transactions)
    disk.set()
    async with aclosing(local.collection("notes").watch()) as watching:
        while len(await next_of(watching)) < 100:
            pass
    assert 0 < len(transactions) < 20


async def test_an_outage_and_the_way_back(device: OPEN, server: SyncBackend, clock: ManualClock) -> None:
    """The machine sleeps, the clock jumps a year, the server is away: back in step within 5 s of the network's return,
    and nothing is lost."""
    local = await device()
    local.sync.start()
    await is_online(local)
    statuses = local.sync.watch()
    assert (await next_of(statuses)).state == "online"
    async with server.down():
        assert (await next_of(statuses)).state == "offline"
        await local.collection("notes").create({"text": "offline"})
        await until(lambda: local.sync.status.error is not None and local.sync.status.error.code == "connect")
        for _ in range(8):
            await clock.advance(5)
        await server.write(note("meanwhile"))
        clock.jump(365 * 86_400)
        assert (await local.outbox.counts()).waiting == 1
    await until(lambda: clock.waiting > 1)
    await clock.advance(5)
    await until(lambda: local.sync.status.state == "online")
    outbox = local.outbox.watch()
    while await next_of(outbox):
        pass
    await outbox.aclose()
    assert len(await rows(local)) == len(await server.records()) == 2
    await statuses.aclose()


async def test_starting_without_a_network(device: OPEN, server: SyncBackend, clock: ManualClock) -> None:
    """Without a network from the start the tries are spread by a backoff of at most 4 s; a nudge tries at once."""
    local = await device(remote=(remote := Tampered(server)))
    remote.error = ConnectError()
    local.sync.start()
    waits = []
    for number in range(1, 8):
        await until(lambda: remote.pulls == number and clock.waiting >= 2)  # noqa: B023
        before = clock.monotonic()
        while remote.pulls == number:
            await clock.advance(0.25)
            # The store has a thread of its own: the clock does not move while it works.
            await until(lambda: remote.pulls != number or clock.waiting >= 2)  # noqa: B023
        waits.append(clock.monotonic() - before)
    assert local.sync.status.state == "offline"
    assert max(waits) <= 4.5
    assert waits[-1] > waits[0]
    asked = remote.pulls
    await until(lambda: clock.waiting >= 2)
    remote.error = None
    local.sync.nudge()
    await until(lambda: remote.pulls > asked)
    await is_online(local)


async def test_the_server_says_when_to_come_back(device: OPEN, server: SyncBackend, clock: ManualClock) -> None:
    """503 and 429 with Retry-After: obeyed, and capped at a minute."""
    local = await device(remote=(remote := Tampered(server)))
    for asked, error in ((20.0, ServiceUnavailable(retry_after=20.0)), (60.0, RateLimited(retry_after=3600.0))):
        remote.error, before = error, remote.pulls
        local.sync.start()
        await until(lambda: remote.pulls == before + 1 and clock.waiting >= 2)  # noqa: B023
        await turn(clock, asked - 2)
        assert remote.pulls == before + 1
        await turn(clock, 4)
        await until(lambda: remote.pulls > before + 1)  # noqa: B023
        await local.sync.stop()


async def turn(clock: ManualClock, seconds: float) -> None:
    for _ in range(int(seconds)):
        await clock.advance(1)
        for _ in range(50):
            await asyncio.sleep(0)


async def test_a_401_pauses_and_drops_nothing(device: OPEN, server: SyncBackend, clock: ManualClock) -> None:
    """A 401 pauses the queue, never drops it; when the user has signed in again it goes on."""
    local = await device(remote=(remote := Tampered(server)))
    remote.error = Unauthorized()
    local.sync.start()
    written = await local.collection("notes").create({"text": "x"})
    await until(lambda: local.sync.status.state == "paused")
    assert isinstance(local.sync.status.error, Unauthorized)
    asked = remote.pulls
    await turn(clock, 120)
    assert remote.pulls == asked
    remote.error = None
    await local.switch("ada")
    assert (await written.settled()).is_applied
    await is_online(local)


async def test_a_stream_that_is_refused_does_not_stop_rounds(
    device: OPEN, server: SyncBackend, clock: ManualClock
) -> None:
    """Where live events can't be had, rounds go on, and the stream is asked for again after a while, not at once."""
    local = await device(remote=(remote := Tampered(server)))
    remote.stream_error = Forbidden()
    local.sync.start()
    await until(lambda: remote.streams == 1)
    await turn(clock, 3)
    assert remote.streams == 1
    await server.write(note("a"))
    remote.stream_error = None
    await turn(clock, 3)
    await until(lambda: remote.streams == 2)
    assert await rows(local) == ["a"]


async def test_a_resync_fetches_anew(device: OPEN, server: SyncBackend) -> None:
    """A cursor that the stream can't continue: the store is brought in step by a pull, and listens on."""
    await server.write(note("a", text="x"), note("b", text="y"))
    local = await device()
    local.sync.start()
    await is_online(local)
    watching = local.collection("notes").watch(sort=["id"])
    assert len(await next_of(watching)) == 2
    await server.set_rules("notes", rules(seen="record.text == 'x'"))
    assert [row["id"] for row in await next_of(watching)] == ["a"]
    await watching.aclose()


async def test_a_new_collection_is_listened_to(device: OPEN, server: SyncBackend) -> None:
    """A collection that a screen asks for later is fetched and listened to without a new start."""
    local = await device()
    local.sync.start()
    await is_online(local)
    orders = local.collection("orders", ids="integer").watch()
    assert await next_of(orders) == []
    await server.write(Write(act="create", collection="orders", id="~x", body={"amount": 1}))
    assert [row["amount"] for row in await next_of(orders)] == [1]
    await until(lambda: "orders" in local.sync._listening)
    await orders.aclose()


async def test_without_a_collection_there_is_nothing_to_fetch(
    tmp_path: Any, clock: ManualClock, server: SyncBackend
) -> None:
    """A store of which no collection was asked for yet is online and listens to nothing."""
    local = Local(tmp_path / "app.db", server, clock)
    await local.open()
    local.sync.start()
    await until(lambda: local.sync.status.state == "online")
    assert local.sync._live is None
    await local.close()


async def test_an_error_that_stays_is_shown(device: OPEN, server: SyncBackend, clock: ManualClock) -> None:
    """An error that stays is in the status, and `now` raises it."""
    local = await device(remote=(remote := Tampered(server)))
    remote.error = UnknownCollection()
    with pytest.raises(UnknownCollection):
        await local.sync.now()
    local.sync.start()
    await until(lambda: isinstance(local.sync.status.error, UnknownCollection))


async def test_a_collection_that_the_server_lacks(
    device: OPEN, server: SyncBackend, caplog: pytest.LogCaptureFixture
) -> None:
    """A collection that the server lacks is reported by its query state, by `now` and in the log; the others stay in
    step."""
    local = await device()
    typo = local.collection("nots").states()
    assert (await next_of(typo)).is_loading
    local.sync.start()
    while (state := await next_of(typo)).error is None:
        pass
    assert isinstance(state.error, UnknownCollection)
    assert "the collection nots is not synchronised: there is no collection 'nots'" in caplog.text
    assert (state.data, state.is_loading, state.is_stale) == (None, False, True)
    await is_online(local)
    watching = local.collection("notes").watch()
    assert await next_of(watching) == []
    await server.write(note("live"))
    assert len(await next_of(watching)) == 1
    assert (await (await local.collection("notes").create({"text": "x"})).settled()).is_applied
    with pytest.raises(UnknownCollection):
        await local.sync.now()
    assert local.sync.status.state == "online"
    await server.declare(msgspec.structs.replace(NOTES, name="nots"))
    local.sync.nudge()
    while (state := await next_of(typo)).error is not None or state.data is None:
        pass
    assert state.data == []
    await watching.aclose()
    await typo.aclose()


async def test_a_mistake_is_logged_and_not_the_end(
    device: OPEN, server: SyncBackend, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    """What nobody expected is logged, shown in the status, and tried again later."""
    local = await device(remote=(remote := Tampered(server)))
    remote.error = ZeroDivisionError()  # type: ignore[assignment]
    local.sync.start()
    await until(lambda: local.sync.status.state == "offline")
    assert "ZeroDivisionError" in caplog.text
    remote.error = None
    await turn(clock, 62)
    await is_online(local)


async def test_one_process_of_several_synchronises(device: OPEN, server: SyncBackend, clock: ManualClock) -> None:
    """Two processes on one store: one synchronises; the other follows, its writes are sent, it learns their outcomes
    and sees what comes, and takes over when the first ends."""
    first, second = await device(), await device()
    first.sync.start()
    await is_online(first)
    second.sync.start()
    await until(lambda: second.sync.status.state == "following")
    with pytest.raises(StoreBusy):
        await second.sync.now()
    await turn(clock, 3)
    watching = second.collection("notes").watch()
    assert await next_of(watching) == []
    written = await second.collection("notes").create({"text": "from the second"})
    assert len(await next_of(watching)) == 1
    waiting = asyncio.create_task(written.settled())
    await _while_turning(clock, server, waiting)
    assert waiting.result().is_applied
    await server.write(note("store_change"))
    coming = asyncio.ensure_future(next_of(watching))
    while len(await _while_turning(clock, server, coming)) < 2:
        coming = asyncio.ensure_future(next_of(watching))
    await first.sync.stop()
    await turn(clock, 4)
    await until(lambda: second.sync.status.state == "online")
    await watching.aclose()


async def test_another_process_is_heard_from_the_start(device: OPEN, server: SyncBackend, clock: ManualClock) -> None:
    """What another process writes right after the start is sent, and its outcome learnt, long before the next round."""
    first, second = await device(), await device()
    first.sync.start()
    await is_online(first)
    second.sync.start()
    written = await second.collection("notes").create({"text": "from the second"})
    began = clock.monotonic()
    assert (await _while_turning(clock, server, asyncio.create_task(written.settled()), first, second)).is_applied
    assert clock.monotonic() - began < 20


async def _while_turning(clock: ManualClock, server: SyncBackend, task: asyncio.Future[Any], *stores: Local) -> Any:
    while not task.done():
        await turn(clock, 1)
        await until(lambda: not server.under_way)
        for local in stores:
            await local.outbox.counts()  # the clock waits for the stores' threads
    return task.result()


async def test_now_without_start_lets_go(device: OPEN, server: SyncBackend) -> None:
    """A script's single round leaves the store to others."""
    first, second = await device(), await device()
    await first.sync.now()
    await second.sync.now()
    assert second.sync.status.state == "stopped"
    assert second.sync.status.synced_at is not None
