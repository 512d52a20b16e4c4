"""A request that becomes a WebSocket (RFC 6455), whatever web server it came through.

A handshake is a GET request as any other until its endpoint accepts it: it is authenticated, limited and refused with
the same errors. What it becomes then is a `WebSocket`, which has messages in both directions.
"""

from __future__ import annotations

import zlib
from collections.abc import Awaitable, Coroutine, Sequence
from typing import Any, Protocol

SOCKET = "hinterland.socket"  # in a scope: the `Handshake` of a request that offers to become a WebSocket
_TEXT, _BINARY = 0x81, 0x82  # the first byte of a frame that is a whole message (RFC 6455 §5.2)
_COMPRESSED = 0x40
_EMPTY_BLOCK = b"\0\0\xff\xff"


class SocketClosed(Exception):
    """The WebSocket has ended, with the close `code` of RFC 6455 §7.4 (1005: the peer gave none; 1006: the connection
    was lost) and the peer's `reason`."""

    def __init__(self, code: int, reason: str = "") -> None:
        self.code = code
        self.reason = reason
        super().__init__(f"{code} {reason}".rstrip())


class SocketMessage:
    """A text or bytes for one reader or for many: its frame, plain or compressed, is made once for all of them."""

    __slots__ = ("data", "frames", "is_text")
    least_compressed, most_compressed = 256, 64 * 1024  # bytes: less gains nothing, more takes others' time

    def __init__(self, data: str | bytes) -> None:
        self.is_text = isinstance(data, str)
        self.data = data.encode() if isinstance(data, str) else data
        self.frames: dict[int, bytes] = {}  # those that `frame` has made

    @classmethod
    def of_text(cls, data: bytes) -> SocketMessage:
        """The message whose text is `data` in UTF-8."""
        message = cls(data)
        message.is_text = True
        return message

    def frame(self, window_bits: int = 0) -> bytes:
        """The message as one frame; with `window_bits` compressed (RFC 7692 §7.2.1), where that is worth it."""
        frame = self.frames.get(window_bits)
        if frame is None:
            is_compressed = window_bits and self.least_compressed <= len(self.data) <= self.most_compressed
            frame = self.frame() if window_bits and not is_compressed else self._made(window_bits)
            self.frames[window_bits] = frame
        return frame

    def _made(self, window_bits: int) -> bytes:
        data, first = self.data, _TEXT if self.is_text else _BINARY
        if window_bits:
            # No context is taken over, so that the bytes are the same for every reader.
            packer = zlib.compressobj(wbits=-window_bits, memLevel=5)
            data = (packer.compress(data) + packer.flush(zlib.Z_SYNC_FLUSH)).removesuffix(_EMPTY_BLOCK)
            first |= _COMPRESSED
        return _head(first, len(data)) + data


def _head(first: int, size: int) -> bytes:
    """The head of a frame that is not masked (RFC 6455 §5.2)."""
    if size < 126:
        return bytes((first, size))
    if size < 1 << 16:
        return bytes((first, 126)) + size.to_bytes(2, "big")
    return bytes((first, 127)) + size.to_bytes(8, "big")


class WebSocket(Protocol):
    """An open WebSocket."""

    async def receive(self) -> str | bytes:
        """The next message. Raises `SocketClosed` when there will be none."""
        ...

    def send(self, message: SocketMessage) -> Awaitable[None] | None:
        """Send a message; what is returned is to be awaited before the next, where the reader is slow. What is sent
        after the end is dropped; who waits then has `SocketClosed`."""
        ...

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Say that nothing more comes, and why: at most 123 bytes of UTF-8. Nothing more is received."""
        ...


class Handshake(Protocol):
    """A request that offers to become a WebSocket. `subprotocols`: those that its sender speaks, in its order."""

    subprotocols: Sequence[str]

    async def accept(self, subprotocol: str = "", *, most_bytes: int, silence: float) -> WebSocket:
        """Make it a WebSocket that speaks `subprotocol`, which takes messages of up to `most_bytes` (before they were
        compressed) and is pinged each `silence` seconds: it ends where two pings are not answered until the next is
        due.

        Raises `invalid_request` for a handshake that is not valid, and `upgrade_required` for another version.
        """
        ...


async def serve_socket(socket: WebSocket, serving: Coroutine[Any, Any, None]) -> None:
    """Await what is `serving` a socket. Its errors are raised, and close the socket with 1011 (RFC 6455 §7.4.1)."""
    try:
        await serving
    except Exception:
        await socket.close(1011, "internal server error")
        raise
