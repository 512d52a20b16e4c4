"""A few slots for work, shared fairly by name: a caller with much work waits for itself and delays no others."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class TooManyWaiting(Exception):
    """As many as may wait under one name do so already."""


class FairTurns:
    """`places` for work at once, `each` of them at most under one name, where `waiting` more may wait.

    A place that becomes free goes to the name that was served longest ago.
    """

    def __init__(self, places: int, each: int, waiting: int) -> None:
        self._free = places
        self._each = each
        self._most_waiting = waiting
        self._running: dict[str, int] = {}
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    @asynccontextmanager
    async def of(self, name: str) -> AsyncIterator[None]:
        """A place under `name`, once there is one. Raises TooManyWaiting."""
        if self._free and self._running.get(name, 0) < self._each:
            self._take(name)
        else:
            await self._wait(name)
        try:
            yield
        finally:
            self._give_back(name)

    def _take(self, name: str) -> None:
        self._free -= 1
        self._running[name] = self._running.get(name, 0) + 1

    def _give_back(self, name: str) -> None:
        self._free += 1
        self._running[name] -= 1
        if not self._running[name]:
            del self._running[name]
        self._call_next()

    async def _wait(self, name: str) -> None:
        queue = self._waiting.setdefault(name, deque())
        if len(queue) >= self._most_waiting:
            raise TooManyWaiting(name)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._leave(name, turn)
            else:  # called, and cancelled before it heard
                self._give_back(name)
            raise

    def _leave(self, name: str, turn: asyncio.Future[None]) -> None:
        queue = self._waiting[name]
        queue.remove(turn)
        if not queue:
            del self._waiting[name]

    def _call_next(self) -> None:
        for name, queue in self._waiting.items():
            turn = next((turn for turn in queue if not turn.done()), None)  # one that is cancelled leaves soon
            if turn is not None and self._running.get(name, 0) < self._each:
                turn.set_result(None)
                self._take(name)
                self._leave(name, turn)
                if queue:
                    self._waiting[name] = self._waiting.pop(name)  # behind the others
                return
