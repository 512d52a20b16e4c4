"""Synchronisation behind a portal or a proxy that has its own ideas."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any

import pytest

from hinterland.client.answers import error_in
from hinterland.client.calls import Calls
from hinterland.client.connectivity import Connectivity
from hinterland.client.events import Event, EventReader
from hinterland.client.exchange import Request, Response
from hinterland.client.options import Options
from hinterland.contract.changes import Write
from hinterland.contract.sync import Pull, PullResult
from hinterland.kit.clock import ManualClock
from tests.client.foreign import FOREIGN, response
from tests.client.local.conftest import OPEN, next_of, until
from tests.client.local.steps import Way
from tests.support.sync_backend import SyncBackend


@pytest.mark.parametrize(("status", "content"), FOREIGN)
async def test_a_portal_neither_pauses_nor_parks(
    device: OPEN, server: SyncBackend, clock: ManualClock, status: int, content: bytes
) -> None:
    """Where something on the way answers everything, synchronisation is offline and tries again by itself; nothing is
    held, and it goes on when the way is free."""
    local = await device(remote=(way := Way(server)))

    def fault(*_: object) -> None:
        raise error_in(response(status, content))

    way.fault = fault
    written = await local.collection("notes").create({"text": "x"})
    local.sync.start()
    for tries in range(1, 20):
        await until(lambda: len(way.pushed) >= tries and clock.waiting > 1)  # noqa: B023
        assert local.sync.status.state == "offline"
        await clock.advance(5)
    await until(lambda: clock.waiting > 1)
    assert [entry.state for entry in await local.outbox.list()] == ["sent"]
    way.fault = None
    await clock.advance(5)
    assert (await written.settled()).is_applied
    await until(lambda: local.sync.status.state == "online")


class Cutting:
    """The way to a server over a proxy that ends every event stream after its first event."""

    def __init__(self, server: SyncBackend, clock: ManualClock) -> None:
        self.server = server
        self.requests = 0
        calls = Calls(self._send, "http://127.0.0.1:8000", clock, Options())
        self._feed = EventReader(calls, clock, Connectivity(clock), lambda: 0.5)

    async def _send(self, request: Request) -> Response:
        self.requests += 1

        async def pieces() -> AsyncIterator[bytes]:
            yield b"id: c0\nevent: ready\ndata: {}\n\n"

        return Response(status=200, stream=pieces())

    async def pull(self, account: Any, pull: Pull) -> PullResult:
        """A pull, counted."""
        self.requests += 1
        return await self.server.pull(account, pull)

    def events(self, account: Any, collections: Sequence[str], cursor: str) -> AsyncGenerator[Event, None]:
        """The streams, as the proxy leaves them."""
        return self._feed.events(collections, cursor=cursor)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.server, name)


async def test_a_proxy_that_ends_streams(device: OPEN, server: SyncBackend, clock: ManualClock) -> None:
    """A proxy that ends each event stream after its first event: the state stays online, requests stay few, news comes
    by rounds."""
    local = await device(remote=(remote := Cutting(server, clock)))
    local.sync.start()
    await until(lambda: local.sync.status.state == "online")
    states: list[str] = []

    async def watch() -> None:
        async with aclosing(local.sync.watch()) as statuses:
            async for status in statuses:
                states.append(status.state)

    watching = asyncio.create_task(watch())
    for _ in range(120):
        await clock.advance(0.5)
        await local.outbox.counts()  # the clock waits for the store's thread
    assert set(states) == {"online"}
    assert 20 < remote.requests < 80
    rows = local.collection("notes").watch()
    assert await next_of(rows) == []
    await server.write(Write(act="create", collection="notes", id="store_change", body={}))
    for _ in range(10):
        await clock.advance(0.5)
        await local.outbox.counts()
    assert [row["id"] for row in await next_of(rows)] == ["store_change"]
    await rows.aclose()
    watching.cancel()
