"""What waits for something when the store is closed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from hinterland.client import Client
from hinterland.client.errors import ClientClosed
from hinterland.client.local.local import Local
from hinterland.client.local.repository import LocalRepository
from tests.client.local.conftest import OPEN, until

Notes = LocalRepository[dict[str, Any]]


async def exhausted(items: Any) -> None:
    """Take items until there are no more."""
    async for _ in items:
        pass


WAITS: dict[str, Callable[[Local, Notes], Awaitable[Any]]] = {
    "watch": lambda local, notes: exhausted(notes.watch()),
    "states": lambda local, notes: exhausted(notes.states()),
    "outbox.watch": lambda local, notes: exhausted(local.outbox.watch()),
    "sync.watch": lambda local, notes: exhausted(local.sync.watch()),
}


@pytest.mark.parametrize("name", WAITS)
@pytest.mark.parametrize("is_running", [False, True])
async def test_after_close_every_wait_ends(device: OPEN, name: str, is_running: bool) -> None:
    """A caller who waits for changes when the store is closed, or begins to afterwards, gets ClientClosed."""
    local = await device()
    notes = local.collection("notes")
    if is_running:
        local.sync.start()
    waiting = asyncio.create_task(_as_task(WAITS[name](local, notes)))
    await until(lambda: local.store.signals._watchers)
    await local.outbox.counts()
    await local.close()
    with pytest.raises(ClientClosed):
        await asyncio.wait_for(waiting, 20)
    with pytest.raises(ClientClosed):
        await asyncio.wait_for(_as_task(WAITS[name](local, notes)), 20)


async def _as_task(act: Awaitable[Any]) -> None:
    await act


async def test_after_close_an_outcome_is_not_waited_for(device: OPEN) -> None:
    """A caller who waits for an outcome when the store is closed, or asks for it afterwards, gets ClientClosed; the
    write waits."""
    local = await device()
    written = await local.collection("notes").create({"text": "x"})
    waiting = [asyncio.create_task(_as_task(written.settled())) for _ in range(2)]
    await until(lambda: local.store.signals._watchers)
    waiting[1].cancel()
    await local.close()
    with pytest.raises(ClientClosed):
        await asyncio.wait_for(waiting[0], 20)
    with pytest.raises(ClientClosed):
        await asyncio.wait_for(written.settled(), 20)
    again = await device()
    assert len(await again.outbox.list()) == 1


@pytest.mark.parametrize("was_started", [False, True])
async def test_after_close_nothing_is_started(device: OPEN, was_started: bool) -> None:
    """Synchronisation can't be started when the store is closed: a caller who tries is reported, and nothing runs."""
    local = await device()
    if was_started:
        local.sync.start()
    await local.close()
    with pytest.raises(ClientClosed):
        local.sync.start()
    assert (local.sync.is_running, local.sync.status.state) == (False, "stopped")


@pytest.mark.parametrize("name", ["list", "create", "watch", "now", "start"])
async def test_a_client_that_was_not_opened(tmp_path: Path, name: str) -> None:
    """A caller who uses the local store of a client that was never opened gets an error, and what to do."""
    client = Client("http://127.0.0.1:8000", store=tmp_path / "app.db")
    notes, sync = client.local.collection("notes"), client.sync
    acts: dict[str, Callable[[], Any]] = {
        "list": notes.list, "create": lambda: notes.create({}), "watch": lambda: exhausted(notes.watch()),
        "now": sync.now, "start": sync.start,
    }  # fmt: skip
    with pytest.raises(ClientClosed) as caught:
        await acts[name]()
    assert caught.value.message == "The client was not opened."
    assert "async with" in caught.value.advice
    await client.close()
