"""HTTP/1.1 connections whose requests' heads have a bound: in bytes and in time, before any of it is a request.

The server keeps what it has read of a head until the head is whole; without these bounds a caller that never ends one
would hold memory and a connection for as long as it likes. A whole head must name one host (RFC 9112 §3.2).
"""

from __future__ import annotations

import asyncio
import re

from hinterland.server.protocols.http1.endings import OrderlyEnds

HEAD_BYTES = 128 * 1024  # beyond what a whole head may have, which the application answers in its own words
HEAD_SECONDS = 20.0
_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_NO_HOST = "A request must have one Host header, with the name or address of a host."
_HOST = re.compile(rb"(\[[\da-fA-Fv.:]+\]|([\w.~!$&'()*+,;=-]|%[\da-fA-F]{2})+)(:\d*)?[ \t]*")  # RFC 3986 §3.2.2


class BoundedHeads(OrderlyEnds):
    """Closes a connection that does not end a head within `head_seconds` and `HEAD_BYTES` (RFC 6585 §5).

    The time begins with whatever comes while nothing is answered: line breaks, or the body of what was answered early.
    """

    head_seconds = HEAD_SECONDS
    _has_host = True
    _hosts: list[bytes] | None = None
    _is_in_head = True
    _read = 0
    _due: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A head must begin and end in time."""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is awaited any more."""
        self._arrived()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._is_in_head = True
        self._read = 0

    def on_headers_complete(self) -> None:
        """A head is whole. Raises ValueError, which is answered 400, where it does not name its host."""
        self._arrived()
        hosts = [value for name, value in self.headers if name == b"host"]
        if hosts != self._hosts:  # who asks more than once names the same one
            self._has_host = _is_host(hosts) or (not hosts and self.parser.get_http_version() == "1.0")
            if not self._has_host:
                raise ValueError(_NO_HOST)
            self._hosts = hosts or None
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no request, and close."""
        super().send_400_response(msg if self._has_host else _NO_HOST)

    def data_received(self, data: bytes) -> None:
        """Read on, unless too much of a head was read already."""
        was_in_head = self._is_in_head
        super().data_received(data)
        if not self._is_in_head and (self._answering is None or not self._answering.response_complete):
            return  # most heads are whole at once; one that was refused closes the connection
        self._await_head()
        self._read += len(data) if was_in_head else 0
        if self._read > HEAD_BYTES and self._is_in_head and not self.transport.is_closing():
            self._end_with(self._refuse_large)

    def _refuse_large(self) -> None:
        self.transport.write(_TOO_LARGE)
        self.transport.close()

    def _await_head(self) -> None:
        if self._due is None:
            self._due = self.loop.call_later(self.head_seconds, self.transport.close)

    def _arrived(self) -> None:
        self._is_in_head = False
        if self._due is not None:
            self._due.cancel()
            self._due = None


def _is_host(values: list[bytes]) -> bool:
    return len(values) == 1 and _HOST.fullmatch(values[0]) is not None
