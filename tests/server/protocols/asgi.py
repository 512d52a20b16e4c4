"""Speaks ASGI to the server in this process, as a web server would."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlencode

from hinterland.kit.event_stream import EventStreamParser, Message
from hinterland.server.app import Server


class Answer(NamedTuple):
    """A whole answer; `json` is its body decoded."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The decoded body."""
        return json.loads(self.body)


def scope_of(method: str, path: str, query: Sequence[tuple[str, str]], headers: Mapping[str, str]) -> dict[str, Any]:
    """ASGI's scope of a request."""
    pairs = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    return {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": urlencode(query).encode(),
        "headers": pairs,
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }


def bearer(token: str) -> dict[str, str]:
    """The header of an access token."""
    return {"Authorization": f"Bearer {token}"}


async def ask(server: Server, method: str, path: str, body: object = None, headers: Mapping[str, str] = {}) -> Answer:
    """One request and its whole answer."""
    data = b"" if body is None else json.dumps(body).encode()
    headers = {**headers, "Content-Length": str(len(data)), "Content-Type": "application/json"}
    stream = Stream(server, path, headers=headers, method=method, body=data)
    await stream.task
    return Answer(stream.status, stream.headers, b"".join(stream.chunks))


class Stream:
    """A request whose answer is looked at while it comes. `is_broken`: nothing more can be sent."""

    def __init__(
        self,
        server: Server,
        path: str,
        *query: tuple[str, str],
        headers: Mapping[str, str] = {},
        method: str = "GET",
        body: bytes = b"",
    ) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.chunks: list[bytes] = []
        self.is_whole = False
        self.is_broken = False
        self._taken = asyncio.Event()
        self._taken.set()
        self._body = body
        self._gone = asyncio.Event()
        self._news = asyncio.Event()
        self._parser = EventStreamParser()
        self._events: list[Message] = []
        self._parsed = 0
        self._is_asked = False
        self.task = asyncio.create_task(server(scope_of(method, path, query, headers), self._receive, self._send))
        self.task.add_done_callback(lambda task: self._news.set())

    async def _receive(self) -> dict[str, Any]:
        if not self._is_asked:
            self._is_asked = True
            return {"type": "http.request", "body": self._body, "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
            return
        if self.is_broken:
            raise OSError("the connection is broken")
        await self._taken.wait()
        self.chunks.append(message["body"])
        self.is_whole = not message.get("more_body", False)
        self._news.set()

    def hold(self) -> None:
        """The reader takes nothing more."""
        self._taken.clear()

    def go_on(self) -> None:
        """The reader takes what waits."""
        self._taken.set()

    def leave(self) -> None:
        """The reader goes away."""
        self._gone.set()

    async def next(self) -> Message:
        """The next event; fails after half a minute, or where the stream ends."""
        event = await self.next_if_any()
        assert event is not None, "the stream has ended"
        return event

    async def next_if_any(self) -> Message | None:
        """The next event; None where the stream ends."""
        while not self._events:
            if self.task.done() and self._parsed == len(self.chunks):
                return None
            await asyncio.wait_for(self._news.wait(), 30)
            self._news.clear()
            for chunk in self.chunks[self._parsed :]:
                self._events += self._parser.feed(chunk)
            self._parsed = len(self.chunks)
        return self._events.pop(0)


class Socket:
    """A WebSocket, spoken as a web server does with an application of ASGI."""

    def __init__(
        self, server: Server, path: str, *query: tuple[str, str], headers: Mapping[str, str] = {}, subprotocol: str = ""
    ) -> None:
        self.answer: Answer | None = None
        self.subprotocol: str | None = None
        self.close: tuple[int, str] | None = None
        self._to_server: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._to_client: asyncio.Queue[str | bytes] = asyncio.Queue()
        self._taken = asyncio.Event()
        self._taken.set()
        self._to_server.put_nowait({"type": "websocket.connect"})
        offered = [subprotocol] if subprotocol else []
        scope = scope_of("GET", path, query, headers)
        scope |= {"type": "websocket", "scheme": "ws", "subprotocols": offered}
        scope["extensions"] = {"websocket.http.response": {}}
        self.task = asyncio.create_task(server(scope, self._to_server.get, self._send))
        self.task.add_done_callback(lambda task: self._to_client.put_nowait(""))

    async def _send(self, message: Any) -> None:
        kind = message["type"]
        if kind == "websocket.accept":
            self.subprotocol = message["subprotocol"]
        elif kind == "websocket.http.response.start":
            headers = {name.decode(): value.decode() for name, value in message["headers"]}
            self.answer = Answer(message["status"], headers, b"")
        elif kind == "websocket.http.response.body":
            assert self.answer is not None
            self.answer = self.answer._replace(body=self.answer.body + message.get("body", b""))
        elif kind == "websocket.close":
            self.close = (message["code"], message["reason"])
            self._to_client.put_nowait("")
            self._to_server.put_nowait({"type": "websocket.disconnect", "code": message["code"]})
        else:
            await self._taken.wait()
            text = message.get("text")
            self._to_client.put_nowait(message["bytes"] if text is None else text)

    def send(self, message: object = None, **members: Any) -> None:
        """Send a message: an object of these members, a text as it is, or bytes."""
        if isinstance(message, bytes):
            self._to_server.put_nowait({"type": "websocket.receive", "bytes": message})
        else:
            text = message if isinstance(message, str) else json.dumps(members if message is None else message)
            self._to_server.put_nowait({"type": "websocket.receive", "text": text})

    def hold(self) -> None:
        """Take no more messages."""
        self._taken.clear()

    def go_on(self) -> None:
        """Take what waits."""
        self._taken.set()

    async def raw(self) -> str | bytes:
        """The next message as it was sent; "" at the end."""
        return await asyncio.wait_for(self._to_client.get(), 30)

    async def next(self) -> dict[str, Any]:
        """The next message. Fails where the socket has ended."""
        data = await self.raw()
        assert data, f"the socket has ended: {self.close} {self.answer}"
        message: dict[str, Any] = json.loads(data)
        return message

    async def asked(self, message: object = None, **members: Any) -> dict[str, Any]:
        """The next message, after another was sent."""
        self.send(message, **members)
        return await self.next()

    async def end(self) -> tuple[int, str]:
        """How the server closes the socket."""
        while await self.raw():
            pass
        assert self.close is not None
        return self.close

    async def leave(self, code: int = 1001) -> None:
        """Go away, and wait until the server has noticed."""
        self._to_server.put_nowait({"type": "websocket.disconnect", "code": code})
        await asyncio.wait_for(self.task, 30)
