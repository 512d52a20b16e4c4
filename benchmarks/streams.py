"""Subscribers to live events: what each received and when, read out after the clock has stopped."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import msgspec

from benchmarks.frames import TEXT, take_frames
from benchmarks.http1 import take_chunks


@dataclass(frozen=True)
class Event:
    """One event of a stream and when its last byte came, by `time.perf_counter`, in seconds."""

    name: str
    data: bytes
    at: float


class Subscriber(asyncio.Protocol):
    """One open stream. While it runs, bytes are only kept; `events` takes them apart.

    `size`: how many bytes came; `last`: those that were read last; `answered`: whether any were.
    """

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._transport: asyncio.Transport | None = None
        self._arrived: list[tuple[float, bytes]] = []
        self._raw = b""  # of chunks that are not whole yet
        self._rest = b""  # of an event that is not whole yet
        self._events: list[Event] = []
        self.head = self.last = b""
        self.size = 0
        self.answered = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asks for the stream (called by the loop)."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Notes what came and when (called by the loop)."""
        self._arrived.append((time.perf_counter(), data))
        self.last = data
        self.size += len(data)
        self.answered.set()

    def events(self) -> list[Event]:
        """Every event so far, in the order in which they came."""
        for at, data in self._arrived:
            self._feed(at, data)
        self._arrived.clear()
        return self._events

    def send(self, data: bytes) -> None:
        """Sends bytes on the open connection."""
        assert self._transport is not None
        self._transport.write(data)

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
        self._events += self._taken(at)

    def _taken(self, at: float) -> list[Event]:
        """The whole events of what came."""
        content, self._raw = take_chunks(self._raw) if b"chunked" in self.head.lower() else (self._raw, b"")
        *blocks, self._rest = (self._rest + content).split(b"\n\n")
        return [parsed(block, at) for block in blocks if block]


_PING, _PONG = b"\x89\x00", b"\x8a\x80\0\0\0\0"  # without content, that of a client masked (RFC 6455 §5.5)


class SocketSubscriber(Subscriber):
    """One open WebSocket, whose messages are JSON objects: the name of an event is a message's `type`.

    It answers pings, or the server would take it for gone while thousands are opened."""

    def data_received(self, data: bytes) -> None:
        """Notes what came and when (called by the loop)."""
        super().data_received(data)
        if data.endswith(_PING):
            self.send(_PONG)

    def _taken(self, at: float) -> list[Event]:
        frames, self._raw = take_frames(self._raw)
        return [Event(_typed.decode(data).type, data, at) for opcode, data in frames if opcode == TEXT]


class _Typed(msgspec.Struct):
    type: str


_typed = msgspec.json.Decoder(_Typed)


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


async def subscribe(
    port: int, request: bytes, is_open: Callable[[Event], bool], kind: type[Subscriber] = Subscriber
) -> tuple[Subscriber, Event]:
    """Opens a stream; returns with the event that says that it is open. Raises ConnectionError without one in 10 s."""
    loop = asyncio.get_running_loop()
    _, subscriber = await loop.create_connection(lambda: kind(request), "127.0.0.1", port)
    return subscriber, await first_event(subscriber, is_open)


async def first_event(subscriber: Subscriber, is_it: Callable[[Event], bool]) -> Event:
    """The first event of a kind. Raises ConnectionError without one in 10 s."""
    until = time.perf_counter() + 10
    while time.perf_counter() < until:
        found = next((event for event in subscriber.events() if is_it(event)), None)
        if found is not None:
            return found
        await asyncio.sleep(0.005)
    raise ConnectionError(f"the stream did not open: {subscriber.head.decode(errors='replace')}")
