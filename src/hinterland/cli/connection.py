"""The server's HTTP/1.1 connections: bounded heads, and answers that are written together.

uvicorn writes an answer's head by itself, and each answer as soon as it is made. Here an answer is one system call, and
those of one turn of the loop go out one after the other: whoever waits for several is woken once, not for each.
"""

from __future__ import annotations

import asyncio

from hinterland.cli.heads import BoundedHeads

_HEAD = b"HTTP/1.1 "
_INTERIM = b"HTTP/1.1 1"  # 100 Continue asks for the body: it can't wait for an answer
_HELD_BYTES = 64 * 1024  # an answer beyond it is written as it comes, so that nothing large is copied


class JoinedWrites:
    """A transport that holds an answer from its head on until the loop's next turn."""

    __slots__ = ("_held", "_loop", "_transport", "is_closing")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held = b""
        self.is_closing = transport.is_closing

    def write(self, data: bytes) -> None:
        """Write `data`, behind what is held."""
        if self._held and len(self._held) + len(data) <= _HELD_BYTES:
            self._held += data
        elif not self._held and data.startswith(_HEAD) and not data.startswith(_INTERIM):
            self._held = data
            self._loop.call_soon(self.flush)
        else:
            self.flush()
            self._transport.write(data)

    def close(self) -> None:
        """Close when everything is written."""
        self.flush()
        self._transport.close()

    def flush(self) -> None:
        """Write what is held, now."""
        if self._held:
            held, self._held = self._held, b""
            self._transport.write(held)


class Connection(BoundedHeads):
    """uvicorn's connection with both."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Answers are written through `JoinedWrites`; the protocol itself keeps the transport."""
        super().connection_made(transport)
        self._joined = JoinedWrites(transport, self.loop)

    def on_headers_complete(self) -> None:
        """The new request's answer is joined."""
        before = self.cycle
        super().on_headers_complete()
        if self.cycle is not before:
            self.cycle.transport = self._joined  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        """What is read now comes after what was answered before, a refusal of the protocol's own too."""
        self._joined.flush()
        super().data_received(data)

    def shutdown(self) -> None:
        """End when what was answered is written."""
        self._joined.flush()
        super().shutdown()
