"""The floor of delivery: a server that writes the bytes that it is sent to all who listen, and does nothing else.

`python -m benchmarks.bare_fanout PORT` serves it. Connections that send GET listen; a POST goes to all of them.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import cast

import uvloop

from benchmarks.http1 import content_length, request
from benchmarks.load import Connection
from benchmarks.meter import Meter, Usage
from benchmarks.process import ServerProcess, free_port
from benchmarks.streams import Subscriber, subscribe
from benchmarks.works import WrongAnswer

_END = b"\r\n\r\n"
_HELLO = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\nevent: ready\n\n"
_DONE = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
PATIENCE = 10.0  # seconds
listening: set[asyncio.Transport] = set()


class BareConnection(asyncio.Protocol):
    """One connection of the floor."""

    def __init__(self) -> None:
        self._data = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the transport (called by the loop)."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Takes a request that is whole (called by the loop)."""
        self._data += data
        head, end, body = self._data.partition(_END)
        if not end or len(body) < (content_length(head) or 0):
            return
        self._data = b""
        if head.startswith(b"POST"):
            for transport in listening:
                transport.write(body)
            self._transport.write(_DONE)
        elif head.startswith(b"GET /ready"):
            self._transport.write(_DONE)
        else:
            self._transport.write(_HELLO)
            listening.add(self._transport)

    def connection_lost(self, error: Exception | None) -> None:
        """Forgets the transport (called by the loop)."""
        listening.discard(self._transport)


class BareFanout:
    """The floor as a process, for one measurement after the other."""

    def __init__(self, folder: Path) -> None:
        self._port = free_port()
        command = [sys.executable, "-m", "benchmarks.bare_fanout", str(self._port)]
        self.process = ServerProcess(command, self._port, "/ready", folder / "bare.log")

    async def measure(self, data: bytes, subscribers: int, events: int, pace: float) -> Usage:
        """Sends `data` `events` times, `pace` times a second. Raises WrongAnswer unless all came to each subscriber."""
        streams = [await self._open() for _ in range(subscribers)]
        try:
            await self._send(streams, data, max(1, events // 10), pace)
            meter = Meter(self.process)
            await self._send(streams, data, events, pace)
            return meter.stop()
        finally:
            for stream in streams:
                stream.close()

    async def _open(self) -> Subscriber:
        stream, _ = await subscribe(self._port, request("GET", "/"), lambda event: event.name == "ready")
        return stream

    async def _send(self, streams: list[Subscriber], data: bytes, events: int, pace: float) -> None:
        answers: asyncio.Queue[bytes] = asyncio.Queue()
        loop = asyncio.get_running_loop()
        _, writer = await loop.create_connection(
            lambda: Connection(lambda _, answer: answers.put_nowait(answer), lambda: None), "127.0.0.1", self._port
        )
        wanted, began = [stream.size + len(data) * events for stream in streams], loop.time()
        for turn in range(events):
            await asyncio.sleep(max(0.0, began + turn / pace - loop.time()))
            writer.send(turn, request("POST", "/", {}, data))
            await asyncio.wait_for(answers.get(), 30)
        writer.close()
        until = loop.time() + PATIENCE
        while [stream.size for stream in streams] != wanted:
            if loop.time() > until:
                raise WrongAnswer("the bare program did not send everything")
            await asyncio.sleep(0.02)


if __name__ == "__main__":

    async def _serve() -> None:
        server = await asyncio.get_running_loop().create_server(BareConnection, "127.0.0.1", int(sys.argv[1]))
        await server.serve_forever()

    uvloop.run(_serve())
