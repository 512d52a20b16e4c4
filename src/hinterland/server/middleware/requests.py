"""A log line for each request: what was asked, the outcome, and how long it took."""

from __future__ import annotations

import logging
import time

from hinterland.kit.asgi import AsgiApp, AsgiMessage, AsgiReceive, AsgiScope, AsgiSend

log = logging.getLogger("hinterland.requests")


class RequestLog:
    """Logs each HTTP request once it is answered, a stream once it ends; without the query, which may hold secrets."""

    def __init__(self, app: AsgiApp) -> None:
        self.app = app

    async def __call__(self, scope: AsgiScope, receive: AsgiReceive, send: AsgiSend) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        watched = _Watched(send)
        began = time.perf_counter()
        try:
            await self.app(scope, receive, watched)
        finally:
            took = (time.perf_counter() - began) * 1_000
            path = ascii(scope["path"][:500])[1:-1]  # what a caller sends forges no line
            log.info("%s %s %s %.1f ms %s", scope["method"], path, watched.status or "-", took, watched.id)


class _Watched:
    """ASGI's `send` that remembers the answer's status and the request's id."""

    __slots__ = ("id", "send", "status")

    def __init__(self, send: AsgiSend) -> None:
        self.send = send
        self.status = 0
        self.id = "-"

    async def __call__(self, message: AsgiMessage) -> None:
        if "headers" in message:
            self.status = message["status"]
            self.id = dict(message["headers"]).get(b"x-request-id", b"-").decode()
        await self.send(message)
