"""The transport straight into an ASGI app in this process: no socket, no port, the same bytes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any
from urllib.parse import unquote, urlsplit

from hinterland.client.errors import ConnectionLost
from hinterland.client.exchange import Request, Response
from hinterland.client.transports.inprocess_websocket import dial_app
from hinterland.kit.asgi import AsgiApp, AsgiMessage

_END = None


class InProcess:
    """Sends requests to `app`. Its lifespan begins with the first request and ends with `close`; not so where the app
    `is_running` already."""

    def __init__(self, app: AsgiApp, *, is_running: bool = False) -> None:
        self._app = app
        self._is_running = is_running
        self._life: _Lifespan | None = None
        self._calls: set[_AppCall] = set()

    async def __call__(self, request: Request) -> Response:
        """Send the request once, following no redirect."""
        if not self._is_running:
            self._life = self._life or _Lifespan(self._app)
            await self._life.started()
        if request.websocket is not None:
            return await dial_app(self._app, {**_scope(request), "type": "websocket"}, request.websocket)
        call = _AppCall(self._app, request)
        self._calls.add(call)
        try:
            response = await call.response()
        except BaseException:
            await self._end(call)
            raise
        if request.is_stream and not response.is_error:
            response.stream, response.close = call.pieces(), lambda: self._end(call)
            return response
        try:
            response.content = b"".join([piece async for piece in call.pieces()])
        finally:
            await self._end(call)
        return response

    async def close(self) -> None:
        """End what still runs, and the app's lifespan."""
        for call in tuple(self._calls):
            await self._end(call)
        life, self._life = self._life, None
        if life is not None:
            await life.end()

    async def _end(self, call: _AppCall) -> None:
        self._calls.discard(call)
        await call.end()


class _AppCall:
    """One run of the app: what it sends waits in a short queue, so that a slow reader slows the app."""

    def __init__(self, app: AsgiApp, request: Request) -> None:
        self._request = request
        self._pieces = _pieces(request)
        self._gone = asyncio.Event()
        self._sent: asyncio.Queue[AsgiMessage | None] = asyncio.Queue(16)
        self._task = asyncio.create_task(self._run(app))

    async def response(self) -> Response:
        message = await self._sent.get()
        if message is _END:
            raise ConnectionLost(detail=self._failure())
        headers: dict[str, str] = {}
        for raw_name, raw_value in message.get("headers", ()):
            name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        return Response(status=message["status"], headers=headers)

    async def pieces(self) -> AsyncIterator[bytes]:
        while True:
            message = await self._sent.get()
            if message is _END:
                raise ConnectionLost(detail=self._failure())
            if body := message.get("body", b""):
                yield body
            if not message.get("more_body", False):
                return

    async def end(self) -> None:
        self._gone.set()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        # A reader must not wait for ever: the end replaces what nobody will read.
        while not self._sent.empty():
            self._sent.get_nowait()
        self._sent.put_nowait(_END)

    async def _run(self, app: AsgiApp) -> None:
        try:
            await app(_scope(self._request), self._receive, self._sent.put)
        finally:
            if not self._gone.is_set():
                await self._sent.put(_END)

    async def _receive(self) -> AsgiMessage:
        async for piece, has_more in self._pieces:
            return {"type": "http.request", "body": piece, "more_body": has_more}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    def _failure(self) -> str:
        error = self._task.exception() if self._task.done() and not self._task.cancelled() else None
        return f"the app failed: {error!r}" if error else "the app ended before its answer did"


class _Lifespan:
    """The app's start and end (ASGI lifespan protocol 2.0); an app that knows none is served all the same."""

    def __init__(self, app: AsgiApp) -> None:
        self._messages: asyncio.Queue[AsgiMessage] = asyncio.Queue()
        self._messages.put_nowait({"type": "lifespan.startup"})
        self._started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._run(app))

    async def started(self) -> None:
        await asyncio.shield(self._started)

    async def end(self) -> None:
        self._messages.put_nowait({"type": "lifespan.shutdown"})
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self, app: AsgiApp) -> None:
        try:
            await app(
                {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, self._messages.get, self._on_lifespan
            )
        except Exception:
            if self._started.done():
                raise
        if not self._started.done():
            self._started.set_result(None)

    async def _on_lifespan(self, message: AsgiMessage) -> None:
        if message["type"] == "lifespan.startup.complete":
            self._started.set_result(None)
        elif message["type"] == "lifespan.startup.failed":
            self._started.set_exception(ConnectionLost(detail=f"the app can't start: {message.get('message', '')}"))


async def _pieces(request: Request) -> AsyncIterator[tuple[bytes, bool]]:
    """The pieces of a request's body, each with whether another follows."""
    if request.body is not None:
        async with aclosing(request.body.open()) as pieces:
            async for piece in pieces:
                yield piece, True
    yield request.content, False


def _framing(request: Request) -> dict[str, str]:
    """The header that says where the body ends."""
    length = len(request.content) if request.body is None else request.body.length
    return {"transfer-encoding": "chunked"} if length is None else {"content-length": str(length)}


def _scope(request: Request) -> dict[str, Any]:
    parts = urlsplit(request.url)
    headers = {"host": parts.netloc.rpartition("@")[2], **_framing(request), **request.headers}
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": parts.scheme,
        "path": unquote(parts.path),
        "raw_path": parts.path.encode("ascii"),
        "query_string": parts.query.encode("ascii"),
        "root_path": "",
        "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()],
        "client": ("127.0.0.1", 0),
        "server": (parts.hostname, parts.port or 80),
        "state": {},
    }
