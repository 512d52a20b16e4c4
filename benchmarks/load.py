"""The load generator: connections that ask again as soon as they were answered, and keep every answer for the check.

It decides nothing and decodes nothing while the clock runs, so that it is not what is measured.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self, cast

from benchmarks.http1 import is_whole


@dataclass
class Load:
    """What a run brought: each answer as (number of the request, bytes) and how long it took, in seconds."""

    answers: list[tuple[int, bytes]] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    elapsed: float = 0.0


class Connection(asyncio.Protocol):
    """One keep-alive connection, one request at a time; `on_answer` gets each whole answer."""

    def __init__(self, on_answer: Callable[[Connection, bytes], None], on_lost: Callable[[], None]) -> None:
        self._on_answer = on_answer
        self._on_lost = on_lost
        self._transport: asyncio.Transport | None = None
        self._part = b""
        self.number = 0
        self.sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the transport (called by the loop)."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Hands on the answer once it is whole (called by the loop)."""
        if self._part:
            data = self._part + data
        if is_whole(data):
            self._part = b""
            self._on_answer(self, data)
        else:
            self._part = data

    def connection_lost(self, error: Exception | None) -> None:
        """Reports that nothing more will come (called by the loop)."""
        self._on_lost()

    def send(self, number: int, request: bytes) -> None:
        """Sends a request; `number` is kept with its answer."""
        assert self._transport is not None
        self.number = number
        self.sent_at = time.perf_counter()
        self._transport.write(request)

    def close(self) -> None:
        """Ends the connection."""
        if self._transport is not None:
            self._transport.close()


class ClosedLoop:
    """`clients` connections to `port` that send `request(number)` for one number after the other.

    As a context it opens and closes the connections.
    """

    def __init__(self, port: int, clients: int, request: Callable[[int], bytes]) -> None:
        self._port = port
        self._clients = clients
        self._request = request
        self._connections: list[Connection] = []
        self._load = Load()
        self._until = 0.0
        self._next = 0
        self._busy = 0
        self._is_closing = False
        self._done: asyncio.Future[None] | None = None

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        for _ in range(self._clients):
            made = await loop.create_connection(lambda: Connection(self._answered, self._lost), "127.0.0.1", self._port)
            self._connections.append(made[1])
        return self

    async def __aexit__(self, *reason: object) -> None:
        self._is_closing = True
        for connection in self._connections:
            connection.close()

    async def run(self, seconds: float, first: int) -> Load:
        """Asks for a time, with numbers from `first` on; every request that was sent is also answered.

        Raises ConnectionError where the server closes a connection.
        """
        self._load, self._next, self._busy = Load(), first, self._clients
        self._done = asyncio.get_running_loop().create_future()
        began = time.perf_counter()
        self._until = began + seconds
        for connection in self._connections:
            self._send(connection)
        await asyncio.wait_for(self._done, seconds + 30)
        self._load.elapsed = time.perf_counter() - began
        return self._load

    def _send(self, connection: Connection) -> None:
        number = self._next
        self._next += 1
        connection.send(number, self._request(number))

    def _answered(self, connection: Connection, answer: bytes) -> None:
        now = time.perf_counter()
        self._load.latencies.append(now - connection.sent_at)
        self._load.answers.append((connection.number, answer))
        if now < self._until:
            self._send(connection)
            return
        self._busy -= 1
        if self._busy == 0 and self._done is not None and not self._done.done():
            self._done.set_result(None)

    def _lost(self) -> None:
        if not self._is_closing and self._done is not None and not self._done.done():
            self._done.set_exception(ConnectionError("the server closed a connection under load"))
