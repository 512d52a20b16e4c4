"""ASGI's `websocket` scopes, which other web servers than ours make, as GET requests that may become a WebSocket.

So a handshake passes hosts, origins and the boundary as every request does, and is refused with the same errors.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Generator, Sequence
from contextlib import suppress
from typing import Any

from hinterland.kit.asgi import AsgiApp, AsgiMessage, AsgiReceive, AsgiScope, AsgiSend
from hinterland.server.websocket import SOCKET, SocketClosed, SocketMessage

_RESPONSE = "websocket.http.response"  # ASGI extension: a handshake may be answered with a response of HTTP
_POLICY = 1008


async def as_request(app: AsgiApp, scope: AsgiScope, receive: AsgiReceive, send: AsgiSend) -> None:
    """Serve a WebSocket by an application of requests."""
    await receive()  # websocket.connect
    handshake = AsgiHandshake(scope, receive, send)
    scheme = "https" if scope.get("scheme") == "wss" else "http"
    request = {**scope, "type": "http", "method": "GET", "scheme": scheme, "extensions": {}, SOCKET: handshake}
    await app(request, handshake.request, handshake.respond)


class AsgiHandshake:
    """The handshake of a `websocket` scope."""

    def __init__(self, scope: AsgiScope, receive: AsgiReceive, send: AsgiSend) -> None:
        self.subprotocols: Sequence[str] = scope.get("subprotocols") or ()
        self._takes_responses = _RESPONSE in (scope.get("extensions") or ())
        self._receive = receive
        self._send = send
        self._is_asked = False

    async def accept(self, subprotocol: str = "", *, most_bytes: int, silence: float) -> AsgiWebSocket:
        """See `hinterland.server.websocket.Handshake`. When a silent peer is given up is the web server's setting."""
        await self._send({"type": "websocket.accept", "subprotocol": subprotocol or None})
        return AsgiWebSocket(self._receive, self._send, most_bytes)

    async def request(self) -> AsgiMessage:
        """ASGI's `receive` of the request, which has no body."""
        if self._is_asked:
            await asyncio.get_running_loop().create_future()  # it ends with its response
        self._is_asked = True
        return {"type": "http.request", "body": b"", "more_body": False}

    async def respond(self, message: AsgiMessage) -> None:
        """ASGI's `send` of a response, which refuses the handshake; with status 403 where the server takes none."""
        if self._takes_responses:
            kind = str(message["type"]).replace("http.response", _RESPONSE)
            await self._send({**message, "type": kind})
        elif message["type"] == "http.response.start":
            await self._send({"type": "websocket.close", "code": _POLICY})


class Sending:
    """A message that is sent when it is awaited; one whose reader has gone is dropped."""

    def __init__(self, send: AsgiSend, message: AsgiMessage) -> None:
        self._send = send
        self._message = message

    def __await__(self) -> Generator[Any, None, None]:
        return self._send(self._message).__await__()


class AsgiWebSocket:
    """An open WebSocket of another web server."""

    def __init__(self, receive: AsgiReceive, send: AsgiSend, most_bytes: int) -> None:
        self._receive = receive
        self._send = send
        self._most_bytes = most_bytes
        self._ended: SocketClosed | None = None

    async def receive(self) -> str | bytes:
        """See `hinterland.server.websocket.WebSocket`."""
        if self._ended is not None:
            raise self._ended
        message = await self._receive()
        if self._ended is not None:  # it was closed meanwhile: what the peer still sent is not received
            raise self._ended
        if message["type"] == "websocket.disconnect":
            self._ended = SocketClosed(message.get("code") or 1005, message.get("reason") or "")
            raise self._ended
        text = message.get("text")
        data: str | bytes = message["bytes"] if text is None else text
        if len(data) > self._most_bytes:
            await self.close(1009, f"a message is larger than {self._most_bytes:,} bytes")
            raise SocketClosed(1009)
        return data

    def send(self, message: SocketMessage) -> Awaitable[None] | None:
        """See `hinterland.server.websocket.WebSocket`."""
        if self._ended is not None:
            return None
        if message.is_text:
            return Sending(self._sent, {"type": "websocket.send", "text": message.data.decode()})
        return Sending(self._sent, {"type": "websocket.send", "bytes": message.data})

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """See `hinterland.server.websocket.WebSocket`."""
        if self._ended is None:
            self._ended = SocketClosed(code, reason)
            reason = reason.encode()[:123].decode(errors="ignore")  # what a close frame has room for
            await self._sent({"type": "websocket.close", "code": code, "reason": reason})

    async def _sent(self, message: AsgiMessage) -> None:
        with suppress(OSError):  # the peer has gone, which the next `receive` says
            await self._send(message)
