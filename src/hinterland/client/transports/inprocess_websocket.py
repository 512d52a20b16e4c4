"""A WebSocket straight into an ASGI app in this process (ASGI's `websocket` scope)."""

from __future__ import annotations

import asyncio
from typing import Any

from hinterland.client.errors import ConnectionClosed, ConnectionLost
from hinterland.client.exchange import Response, WebSocketOffer
from hinterland.kit.asgi import AsgiApp, AsgiMessage

_RESPONSE = "websocket.http.response"
_GONE = 1006


async def dial_app(app: AsgiApp, scope: dict[str, Any], offer: WebSocketOffer) -> Response:
    """The app's response to a request that wishes to become a WebSocket."""
    names = [*offer.subprotocols]
    websocket = InProcessWebSocket(app, {**scope, "subprotocols": names, "extensions": {_RESPONSE: {}}})
    message = await websocket.sent.get()
    match message["type"]:
        case "websocket.accept":
            websocket.subprotocol = message.get("subprotocol") or ""
            return Response(status=101, websocket=websocket, close=websocket.close)
        case "websocket.http.response.start":
            headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in message["headers"]}
            body = await websocket.sent.get()
            await websocket.close()
            return Response(status=message["status"], headers=headers, content=body.get("body", b""))
        case _:
            await websocket.close()
            raise ConnectionLost(detail="the app ended before it took the WebSocket", sent="no")


class InProcessWebSocket:
    """An open WebSocket; what the app sends waits in a short queue."""

    def __init__(self, app: AsgiApp, scope: dict[str, Any]) -> None:
        self.subprotocol = ""
        self.sent: asyncio.Queue[AsgiMessage] = asyncio.Queue(16)
        self._coming: asyncio.Queue[AsgiMessage] = asyncio.Queue(16)
        self._coming.put_nowait({"type": "websocket.connect"})
        self._ended: ConnectionClosed | None = None
        self._task = asyncio.create_task(self._run(app, scope))

    async def receive(self) -> str | bytes:
        """The next message. Raises ConnectionClosed."""
        if self._ended is None:
            message = await self.sent.get()
            if message["type"] == "websocket.send":
                text = message.get("text")
                data: str | bytes = message["bytes"] if text is None else text
                return data
            self._end(message.get("code", 1000), message.get("reason") or "")
        assert self._ended is not None
        raise self._ended

    async def send(self, message: str | bytes) -> None:
        """Send a message. Raises ConnectionClosed."""
        if self._ended is not None or self._task.done():
            raise ConnectionClosed(close_code=_GONE, sent="no")
        kind = "text" if isinstance(message, str) else "bytes"
        await self._coming.put({"type": "websocket.receive", kind: message})

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close it."""
        self._end(code, reason)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        while not self.sent.empty():
            self.sent.get_nowait()
        self.sent.put_nowait({"type": "websocket.close", "code": code, "reason": reason})

    def _end(self, code: int, reason: str) -> None:
        self._ended = self._ended or ConnectionClosed(close_code=code, reason=reason, sent="maybe")

    async def _run(self, app: AsgiApp, scope: dict[str, Any]) -> None:
        try:
            await app(scope, self._coming.get, self.sent.put)
        finally:
            if self._ended is None:
                await self.sent.put({"type": "websocket.close", "code": _GONE})
