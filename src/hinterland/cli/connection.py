"""The server's HTTP/1.1 connections: bounded heads, and an answer's head and body in one write.

uvicorn writes the head by itself; joined with what follows it, an answer costs one system call and one packet less.
"""

from __future__ import annotations

import asyncio

from hinterland.cli.heads import BoundedHeads

_HEAD = b"HTTP/1.1 "
_INTERIM = b"HTTP/1.1 1"  # 100 Continue asks for the body: it can't wait for an answer


class JoinedWrites:
    """A transport that keeps an answer's head for what is written next, at most until the loop's next turn."""

    __slots__ = ("_head", "_loop", "_transport", "is_closing")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._head = b""
        self.is_closing = transport.is_closing

    def write(self, data: bytes) -> None:
        """Write `data`, behind the head that waits."""
        if self._head:
            data, self._head = self._head + data, b""
        elif data.startswith(_HEAD) and not data.startswith(_INTERIM):
            self._head = data
            self._loop.call_soon(self._flush)
            return
        self._transport.write(data)

    def close(self) -> None:
        """Close when everything is written."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._head:
            self._transport.write(self._head)
            self._head = b""


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
