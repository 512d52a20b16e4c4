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
        """The next event; fails after five seconds, or where the stream ends."""
        while not self._events:
            await asyncio.wait_for(self._news.wait(), 30)
            self._news.clear()
            assert not self.task.done() or self._parsed < len(self.chunks), "the stream has ended"
            for chunk in self.chunks[self._parsed :]:
                self._events += self._parser.feed(chunk)
            self._parsed = len(self.chunks)
        return self._events.pop(0)
