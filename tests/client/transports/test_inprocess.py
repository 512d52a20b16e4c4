"""Straight into an ASGI app."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from hinterland.client.errors import ConnectionLost
from hinterland.client.exchange import Request
from hinterland.client.transports.inprocess import InProcess
from hinterland.kit.asgi import AsgiMessage, AsgiReceive, AsgiSend

GET = Request(method="GET", url="http://user@example.org:81/a%20b/ä?x=1&y=ä".replace("ä", "%C3%A4"))


class App:
    """An ASGI app whose answers are chosen by the path; `seen` keeps what it received."""

    def __init__(self) -> None:
        self.seen: list[Any] = []
        self.gate = asyncio.Event()

    async def __call__(self, scope: Any, receive: AsgiReceive, send: AsgiSend) -> None:
        """Serve one request, or the lifespan."""
        if scope["type"] == "lifespan":
            for answer in ("startup", "shutdown"):
                self.seen.append((await receive())["type"])
                await send({"type": f"lifespan.{answer}.complete"})
            return
        self.seen.append(scope)
        self.seen.append(await receive())
        await getattr(self, "at_" + scope["path"].strip("/").replace(" ", "_").replace("ä", "ae").replace("/", "_"))(
            receive, send
        )

    async def at_a_b_ae(self, receive: AsgiReceive, send: AsgiSend) -> None:
        headers = [(b"X-One", b"1"), (b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")]
        await send({"type": "http.response.start", "status": 201, "headers": headers})
        await send({"type": "http.response.body", "body": b"half ", "more_body": True})
        await send({"type": "http.response.body", "body": b"whole"})

    async def at_stream(self, receive: AsgiReceive, send: AsgiSend) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for number in range(1000):
            await send({"type": "http.response.body", "body": b"%d" % number, "more_body": True})
            self.seen.append(number)

    async def at_listen(self, receive: AsgiReceive, send: AsgiSend) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        try:
            self.seen.append(await receive())
        finally:
            self.seen.append("gone")

    async def at_refused(self, receive: AsgiReceive, send: AsgiSend) -> None:
        await send({"type": "http.response.start", "status": 403, "headers": []})
        await send({"type": "http.response.body", "body": b"no"})

    async def at_broken(self, receive: AsgiReceive, send: AsgiSend) -> None:
        raise ValueError("planted")

    async def at_half(self, receive: AsgiReceive, send: AsgiSend) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})


def to(path: str, **named: Any) -> Request:
    """A request for a path."""
    return Request(method="GET", url=f"http://127.0.0.1/{path}", **named)


async def test_a_request_arrives_as_over_a_socket() -> None:
    """The app sees method, decoded and raw path, query, headers with host and length, and body; the answer comes back
    whole, with equal headers joined."""
    app = App()
    transport = InProcess(app)
    response = await transport(GET.replaced(method="POST", content=b"body", headers={"x-mine": "1"}))
    await transport.close()
    assert (response.status, response.content) == (201, b"half whole")
    assert response.headers == {"x-one": "1", "set-cookie": "a=1, b=2"}
    started, scope, message, ended = app.seen
    assert (started, ended) == ("lifespan.startup", "lifespan.shutdown")
    assert message == {"type": "http.request", "body": b"body", "more_body": False}
    assert (scope["method"], scope["path"], scope["raw_path"]) == ("POST", "/a b/ä", b"/a%20b/%C3%A4")
    assert (scope["query_string"], scope["server"]) == (b"x=1&y=%C3%A4", ("example.org", 81))
    assert dict(scope["headers"]) == {b"host": b"example.org:81", b"content-length": b"4", b"x-mine": b"1"}


async def test_a_stream_comes_piece_by_piece() -> None:
    """A stream is handed on as it comes, and a slow reader slows the app; when it is closed the app hears of it."""
    app = App()
    transport = InProcess(app, is_running=True)
    response = await transport(to("stream", is_stream=True))
    assert response.stream is not None
    assert [await anext(response.stream) for _ in range(3)] == [b"0", b"1", b"2"]
    assert app.seen[-1] < 30
    await response.close()
    await response.close()
    listening = await transport(to("listen", is_stream=True))
    await transport.close()
    assert app.seen[-1] == "gone"
    await listening.close()


async def test_a_refused_stream_is_an_answer() -> None:
    """An error answer to a stream has its whole body."""
    response = await InProcess(App(), is_running=True)(to("refused", is_stream=True))
    assert (response.status, response.content, response.stream) == (403, b"no", None)


@pytest.mark.parametrize(("path", "why"), [("broken", "ValueError..planted"), ("half", "ended before its answer")])
async def test_an_app_that_fails_is_a_lost_connection(path: str, why: str) -> None:
    """An app that fails, or ends before its answer does, is what a lost connection is over a socket."""
    with pytest.raises(ConnectionLost, match=why):
        await InProcess(App(), is_running=True)(to(path))


async def test_a_caller_that_is_cancelled_ends_the_app() -> None:
    """When the caller gives up, so does the app."""
    app = App()
    caller = asyncio.create_task(InProcess(app, is_running=True)(to("listen")))
    for _ in range(5):
        await asyncio.sleep(0)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert app.seen[-1] == "gone"


async def test_an_app_that_can_not_start_is_an_error() -> None:
    """A start that fails says why; an app that knows no lifespan is served all the same."""

    async def failing(scope: Any, receive: AsgiReceive, send: AsgiSend) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no disk"})

    async def simple(scope: Any, receive: AsgiReceive, send: AsgiSend) -> None:
        assert scope["type"] == "http"
        message: AsgiMessage = {"type": "http.response.start", "status": 204}
        await send(message)
        await send({"type": "http.response.body"})

    with pytest.raises(ConnectionLost, match="the app can't start: no disk"):
        await InProcess(failing)(GET)
    transport = InProcess(simple)
    assert (await transport(GET)).status == 204
    await transport.close()


async def test_closing_ends_who_still_reads() -> None:
    """A reader that waits for the next piece of a stream hears of the end when the transport is closed."""
    transport = InProcess(App(), is_running=True)
    response = await transport(to("listen", is_stream=True))
    reading = asyncio.create_task(response.read())
    for _ in range(5):
        await asyncio.sleep(0)
    await transport.close()
    with pytest.raises(ConnectionLost):
        await reading
