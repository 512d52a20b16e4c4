"""How synchronisation is doing, and watching that or anything else that changes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import msgspec

from hinterland.client.errors import HinterlandError

Mode = Literal["stopped", "connecting", "online", "offline", "paused", "following"]


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """`stopped`; `connecting`: the first exchange is under way; `online`; `offline`: the server does not answer and is
    tried again; `paused`: it wants the user to sign in again, and the outbox waits; `following`: another process
    synchronises this store.

    `synced_at` is when the store last held all that the server had (seconds since 1970), `error` why it is offline or
    paused.
    """

    state: Mode = "stopped"
    synced_at: float | None = None
    error: HinterlandError | None = None


class Signal:
    """Wakes every waiter when something changed; each waiter sees each notify, however often it notifications in
    between. `notifications` counts them."""

    def __init__(self) -> None:
        self._waiters: set[asyncio.Event] = set()
        self.notifications = 0

    def notify(self) -> None:
        """Something changed."""
        self.notifications += 1
        for waiter in self._waiters:
            waiter.set()

    @contextmanager
    def listening(self) -> Iterator[asyncio.Event]:
        """An event that every notify sets; who waits clears it."""
        waiter = asyncio.Event()
        self._waiters.add(waiter)
        try:
            yield waiter
        finally:
            self._waiters.discard(waiter)


async def either(*events: asyncio.Event) -> None:
    """Wait until one of the events is set."""
    tasks = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
