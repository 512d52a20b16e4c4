"""A steady stream of requests that does not wait for answers: a slow answer does not slow the questions."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Iterator

from benchmarks.load import Connection
from benchmarks.ours import Hinterland
from benchmarks.works import RequestWork
from hinterland.kit.clock import SystemClock
from tests.figures.scale import Progress

LONGEST = 30.0  # seconds that the last answers may take
CLOCK = SystemClock()


class OpenLoop:
    """Sends each request at its time on a connection that is free, or on a new one.

    A latency counts from the time at which the request was due, so that waiting for its turn is part of it.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: deque[Connection] = deque()
        self._due: dict[Connection, float] = {}
        self.connections = 0
        self.latencies: list[float] = []
        self.answers: list[tuple[int, bytes]] = []
        self.lost = 0

    async def run(self, requests: Iterator[tuple[float, int, bytes]], progress: Progress) -> None:
        """Send (due, number, request) in the order of their times, and wait for the last answers."""
        began = CLOCK.monotonic()
        for due, number, data in requests:
            if (early := began + due - CLOCK.monotonic()) > 0:
                await CLOCK.sleep(early)
            connection = self._idle.popleft() if self._idle else await self._connect()
            self._due[connection] = began + due
            connection.send(number, data)
            progress.at(number, f"({self.connections} connections)")
        async with asyncio.timeout(LONGEST):
            while self._due:
                await CLOCK.sleep(0.01)

    def close(self) -> None:
        """End the connections."""
        for connection in self._idle:
            connection.close()

    async def _connect(self) -> Connection:
        self.connections += 1
        connection = Connection(self._answered, lambda: self._lost(connection))
        await asyncio.get_running_loop().create_connection(lambda: connection, "127.0.0.1", self._port)
        return connection

    def _answered(self, connection: Connection, answer: bytes) -> None:
        self.latencies.append(CLOCK.monotonic() - self._due.pop(connection))
        self.answers.append((connection.number, answer))
        self._idle.append(connection)

    def _lost(self, connection: Connection) -> None:
        if self._due.pop(connection, None) is not None:
            self.lost += 1
        elif connection in self._idle:
            self._idle.remove(connection)  # the server lets connections go that were long idle


def arrivals(
    peer: Hinterland, chosen: list[RequestWork], rate: float, chance: random.Random
) -> Iterator[tuple[float, int, bytes]]:
    """Requests at random times, `rate` a second on average, as from many people who know nothing of one another."""
    due = 0.0
    for number, work in enumerate(chosen):
        due += chance.expovariate(rate)
        yield due, number, work.request(peer, number)
