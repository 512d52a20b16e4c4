"""A real server, devices that use it, and waiting for what happens in the background."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from hinterland.client.local.local import Local
from hinterland.contract.fields import Integer, List, Number, Text
from hinterland.contract.identity import RecordId
from hinterland.contract.records import EVERYBODY, Collection
from hinterland.kit.clock import ManualClock
from tests.support.sync_backend import SyncBackend

NOTES = Collection(
    name="notes",
    fields={"text": Text(), "count": Integer(), "tags": List(), "price": Number()},
    rules=EVERYBODY,
)
ORDERS = Collection(name="orders", fields={"amount": Integer(), "after": Integer()}, ids="integer", rules=EVERYBODY)
LINES = Collection(name="lines", fields={"text": Text()}, parent="orders", rules=EVERYBODY)
OPEN = Callable[..., Awaitable[Local]]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def server(tmp_path: Path, clock: ManualClock) -> AsyncIterator[SyncBackend]:
    """A real server, which starts when something first reaches it."""
    server = SyncBackend(tmp_path / "server", clock, [NOTES, ORDERS, LINES])
    yield server
    await server.close()


@pytest.fixture
async def device(tmp_path: Path, clock: ManualClock, server: SyncBackend) -> AsyncIterator[OPEN]:
    """`await device("phone")` opens the store of a device for a signed-in user; the same name is the same file."""
    opened: list[Local] = []

    async def open_one(name: str = "phone", account: RecordId = "ada", **options: Any) -> Local:
        local = Local(tmp_path / f"{name}.db", options.pop("remote", server), clock, random=lambda: 1.0, **options)
        opened.append(local)
        await local.open()
        await local.switch(account)
        local.collection("notes")
        return local

    yield open_one
    for local in opened:
        await local.close()


async def until(condition: Callable[[], Any], within: float = 20.0) -> None:
    """Let everything run until the condition holds."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        await asyncio.sleep(0)


async def next_of(iterator: AsyncIterator[Any]) -> Any:
    """The next item, which has to come."""
    return await asyncio.wait_for(anext(iterator), 20.0)
