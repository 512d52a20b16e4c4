"""Subscribers to server-sent events: what each received and when, read out after the clock has stopped."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from benchmarks.http1 import take_chunks


@dataclass(frozen=True)
class Event:
    """One event of a stream and when its last byte came, by `time.perf_counter`, in seconds."""

    name: str
    data: bytes
    at: float


class Subscriber(asyncio.Protocol):
    """One open stream. While it runs, bytes are only kept; `events` takes them apart."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._transport: asyncio.Transport | None = None
        self._arrived: list[tuple[float, bytes]] = []
        self._raw = b""  # of chunks that are not whole yet
        self._rest = b""  # of an event that is not whole yet
        self._events: list[Event] = []
        self.head = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asks for the stream (called by the loop)."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Notes what came and when (called by the loop)."""
        self._arrived.append((time.perf_counter(), data))

    def events(self) -> list[Event]:
        """Every event so far, in the order in which they came."""
        for at, data in self._arrived:
            self._feed(at, data)
        self._arrived.clear()
        return self._events

    def close(self) -> None:
        """Ends the stream."""
        if self._transport is not None:
            self._transport.close()

    def _feed(self, at: float, data: bytes) -> None:
        self._raw += data
        if not self.head:
            self.head, end, self._raw = self._raw.partition(b"\r\n\r\n")
            if not end:
                self.head, self._raw = b"", self.head
                return
        content, self._raw = take_chunks(self._raw) if b"chunked" in self.head.lower() else (self._raw, b"")
        *blocks, self._rest = (self._rest + content).split(b"\n\n")
        self._events += [parsed(block, at) for block in blocks if block]


def parsed(block: bytes, at: float) -> Event:
    """One event from its lines (HTML standard §9.2.6); comments and ids are left out."""
    name, data = "message", []
    for line in block.split(b"\n"):
        word, _, value = line.partition(b":")
        if word == b"event":
            name = value.removeprefix(b" ").decode()
        elif word == b"data":
            data.append(value.removeprefix(b" "))
    return Event(name, b"\n".join(data), at)


async def subscribe(port: int, request: bytes, is_open: Callable[[Event], bool]) -> tuple[Subscriber, Event]:
    """Opens a stream; returns with the event that says that it is open. Raises ConnectionError without one in 10 s."""
    loop = asyncio.get_running_loop()
    _, subscriber = await loop.create_connection(lambda: Subscriber(request), "127.0.0.1", port)
    until = time.perf_counter() + 10
    while time.perf_counter() < until:
        opened = [event for event in subscriber.events() if is_open(event)]
        if opened:
            return subscriber, opened[0]
        await asyncio.sleep(0.005)
    raise ConnectionError(f"the stream did not open: {subscriber.head.decode(errors='replace')}")
