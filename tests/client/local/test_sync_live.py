"""Own writes that come back on the live stream of a real server."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from pathlib import Path

import pytest

from hinterland.client.client import Client
from hinterland.client.errors import ConnectionLost
from hinterland.client.exchange import Request, Response, Transport
from hinterland.client.local import results
from hinterland.client.vault.memory import MemoryVault
from hinterland.contract.fields import Integer, Text
from hinterland.contract.records import EVERYBODY, Collection, Rules
from hinterland.kit.clock import ManualClock
from hinterland.testing.backend import TestBackend, running_backend
from tests.client.local.conftest import next_of, until

NOTES = Collection(name="notes", fields={"text": Text(), "count": Integer(merge="counter")}, rules=EVERYBODY)
ORDERS = Collection(name="orders", fields={"amount": Integer()}, ids="integer", rules=EVERYBODY)
REPORTS = Collection(name="reports", fields={"text": Text()}, rules=Rules(create="true", list="false"))


class Counted:
    """A way to the server that counts the requests by operation, and loses the answers that a test names."""

    def __init__(self, below: Transport) -> None:
        self.below = below
        self.counts = Counter[str]()
        self.lost: list[str] = []

    async def __call__(self, request: Request) -> Response:
        self.counts[request.operation] += 1
        response = await self.below(request)
        if request.operation in self.lost:
            self.lost.remove(request.operation)
            raise ConnectionLost
        return response

    async def close(self) -> None:
        await self.below.close()


@pytest.fixture
async def backend(clock: ManualClock) -> AsyncIterator[TestBackend]:
    """A real backend in this process, on a clock that the test turns."""
    async with running_backend([NOTES, ORDERS, REPORTS], clock=clock) as backend:
        yield backend


@pytest.fixture
async def online(backend: TestBackend, tmp_path: Path) -> tuple[Client, Counted]:
    """A device that is in step and live, and the way on which its requests are counted."""
    way = Counted(backend.transport())
    client = await backend.client(store=tmp_path / "app.db", vault=MemoryVault(), transport=way, random=lambda: 1.0)
    await client.auth.sign_up(name="ada", email="ada@example.org", password="a long walk outside")
    for name in ("notes", "reports"):
        client.local.collection(name)
    client.local.collection("orders", ids="integer")
    client.sync.start()
    await until(lambda: client.sync._is_live and client.sync.status.state == "online")
    way.counts.clear()
    return client, way


async def is_contained(client: Client) -> bool:
    """Whether the store holds every applied write as the server says it."""
    return not await client.local.store.read(lambda c: results.has_applied(c, client.local.scope))


async def contained(client: Client) -> None:
    while not await is_contained(client):  # noqa: ASYNC110 - the store has a thread of its own
        await asyncio.sleep(0)


async def test_own_writes_settle_from_the_live_stream(online: tuple[Client, Counted], clock: ManualClock) -> None:
    """Ten creations online are ten pushes and no pull: each is settled, contained, and shown once all the time."""
    client, way = online
    notes = client.local.collection("notes")
    async with aclosing(notes.watch(limit=100)) as watching:
        assert await next_of(watching) == []
        for number in range(1, 11):
            written = await notes.create({"text": str(number)})
            assert (await written.settled()).is_applied
            assert len((await notes.list(limit=100)).items) == number
            await contained(client)
            assert len((await notes.list(limit=100)).items) == number
    for _ in range(10):
        await clock.advance(1)
        await asyncio.sleep(0)
    assert way.counts["sync.push"] <= 10
    assert way.counts["sync.pull"] == 0
    on_server = (await client.collection("notes").list(sort=["id"], limit=100)).items
    assert (await notes.list(sort=["id"], limit=100)).items == on_server


async def test_counters_and_ids_from_the_live_stream(online: tuple[Client, Counted]) -> None:
    """An increment is shown once before, while and after it comes back; a creation gets the server's id."""
    client, way = online
    notes, orders = client.local.collection("notes"), client.local.collection("orders", ids="integer")
    note = await notes.create({"count": 1})
    order = await orders.create({"amount": 1})
    seen: list[int] = []
    async with aclosing(notes.watch()) as watching:
        for _ in range(5):
            await notes.update(note.id, {"count": {"$increment": 1}})
        while not seen or seen[-1] < 6:
            seen.append((await next_of(watching))[0]["count"])
    await contained(client)
    assert seen == sorted(seen)
    assert (await notes.get(note.id))["count"] == (await client.collection("notes").get(note.id))["count"] == 6
    assert [row["id"] for row in (await orders.list()).items] == [1]
    assert list((await order.settled()).ids.values()) == [1]
    assert way.counts["sync.pull"] == 0


async def test_a_write_that_its_writer_cannot_see(online: tuple[Client, Counted], clock: ManualClock) -> None:
    """A write that does not come back, since its writer can't see it, is contained by a pull after a while; so it is
    where others go on being written."""
    client, way = online
    for work in (0, 3):
        await (await client.local.collection("reports").create({"text": "hidden"})).settled()
        await until(lambda: client.sync._echo_by is not None)
        before = way.counts["sync.pull"]
        for _ in range(work):
            await client.local.collection("reports").create({"text": "hidden too"})
            await clock.advance(0.5)
            assert way.counts["sync.pull"] == before
        await _turned(clock, lambda: way.counts["sync.pull"] > before)  # noqa: B023
        await contained(client)
    assert (await client.local.collection("reports").list()).items == []


async def _turned(clock: ManualClock, is_reached: Callable[[], bool]) -> None:
    while not is_reached():
        await clock.advance(0.25)
        await asyncio.sleep(0)


async def test_a_push_whose_answer_is_lost(online: tuple[Client, Counted], clock: ManualClock) -> None:
    """A live commit that comes while the outcome of an own write is unknown is pulled: the write is shown once."""
    client, way = online
    notes = client.local.collection("notes")
    note = await notes.create({"count": 1})
    await contained(client)
    way.lost = ["sync.push"] * 4
    written = await notes.update(note.id, {"count": {"$increment": 1}})
    await _turned(clock, lambda: not way.lost)
    assert (await notes.get(note.id))["count"] == 2
    settled = asyncio.ensure_future(written.settled())
    await _turned(clock, settled.done)
    await contained(client)
    assert (await notes.get(note.id))["count"] == 2
    assert (await client.collection("notes").get(note.id))["count"] == 2
