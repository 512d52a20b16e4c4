"""Whether the server can be reached, as any part of the client learns it, for all of them."""

from __future__ import annotations

import asyncio
from typing import Literal

from hinterland.kit.clock import Clock

Way = Literal["http", "socket"]
LEAST = 0.05  # seconds of a pause that nothing shortens


class Connectivity:
    """What is known of each way to the server. A pause before the next try ends early when the other way, which had
    been lost too, leads there again; one that never failed says nothing of a way that does."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lost: set[Way] = set()
        self._pauses: dict[asyncio.Event, Way] = {}

    @property
    def is_reachable(self) -> bool:
        """Whether the last try on each way reached the server."""
        return not self._lost

    def lost(self, way: Way) -> None:
        """Nothing came back on this way."""
        self._lost.add(way)

    def reached(self, way: Way) -> None:
        """The server was reached on this way."""
        if way in self._lost:
            self._lost.discard(way)
            for pause, waiting in self._pauses.items():
                if waiting != way:
                    pause.set()

    async def pause(self, seconds: float, way: Way) -> None:
        """Return after `seconds`, or when the other way leads there again."""
        await self._clock.sleep(min(seconds, LEAST))
        if seconds <= LEAST:
            return
        ended = asyncio.Event()
        self._pauses[ended] = way
        tasks = [asyncio.ensure_future(self._clock.sleep(seconds - LEAST)), asyncio.ensure_future(ended.wait())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            del self._pauses[ended]
            for task in tasks:
                task.cancel()
