"""What is still answered when a connection ends."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from hinterland.server.http import HttpAnswer, send_answer
from hinterland.server.protocols.http1.connection import HttpConnection
from tests.server.protocols.http1.wire import GET, answered, connected, hello

BAD = b"GET / HTTP/1.1\r\n\r\n"
POST = b"POST /post HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n"


def stream_for(went: asyncio.Event) -> Any:
    """An app whose answers are streams until their reader is gone, which sets `went`."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"begun", "more_body": True})
        while (await receive())["type"] != "http.disconnect":
            pass
        went.set()

    return app


@pytest.mark.parametrize("turns", [0, 1, 100])
async def test_a_caller_that_has_said_all(turns: int) -> None:
    """Who closes its side behind a request is answered, however long that takes, and then the connection ends."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        for _ in range(turns):
            await asyncio.sleep(0)
        await send_answer(scope, send, HttpAnswer(200, [], b"hello"))

    assert (await answered(app, GET, fin=True)).endswith(b"\r\n\r\nhello")


async def test_all_that_was_asked() -> None:
    """Requests one behind the other are all answered after it, up to the first that is not whole."""
    for rest in (b"", b"GET /third HT", POST, POST + b"a"):
        answers = await answered(hello, GET + GET.replace(b"/ ", b"/second ") + rest, fin=True)
        assert answers.count(b"200 OK") == 2
        assert answers.endswith(b"hello /second")
    assert await answered(hello, POST, fin=True) == b""
    assert await answered(hello, fin=True) == b""


async def test_an_answer_that_is_just_made() -> None:
    """A FIN that is read in the turn in which an answer was made loses nothing of it."""
    heard = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send_answer(scope, send, HttpAnswer(200, [], b"hello"))
        heard.set()

    class Fin(HttpConnection):
        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            asyncio.create_task(self._fin())  # noqa: RUF006

        async def _fin(self) -> None:
            await heard.wait()
            if not self.eof_received():
                self.transport.close()

    assert (await answered(app, GET, kind=Fin)).endswith(b"hello")


@pytest.mark.parametrize("behind", [b"", GET])
async def test_a_stream_whose_reader_leaves(behind: bytes) -> None:
    """A stream ends when its reader closes its side, also where that has asked for more behind it."""
    went = asyncio.Event()
    async with connected(stream_for(went)) as (reader, writer):
        writer.write(GET + behind)
        await reader.readuntil(b"begun")
        writer.write_eof()
        await asyncio.wait_for(went.wait(), 30)
        await reader.read()


async def test_a_stream_whose_reader_has_left() -> None:
    """A stream that begins behind a FIN ends at once."""
    went = asyncio.Event()
    stream = stream_for(went)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        for _ in range(100):
            await asyncio.sleep(0)
        await stream(scope, receive, send)

    assert (await answered(app, GET, fin=True)).startswith(b"HTTP/1.1 200 OK")
    await asyncio.wait_for(went.wait(), 30)


@pytest.mark.parametrize("bad", [BAD, b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\nX: " + b"a" * 200_000])
async def test_a_bad_request_behind_a_good_one(bad: bytes) -> None:
    """What can't be read is refused, with the connection closed, when what was asked before it is answered."""
    answers = await answered(hello, GET + GET.replace(b"/ ", b"/second ") + bad)
    assert [answers.count(b"HTTP/1.1 %b" % status) for status in (b"200 OK", b"4")] == [2, 1]
    assert answers.index(b"hello /second") < answers.index(b"HTTP/1.1 4")


async def test_nothing_is_asked_for_long() -> None:
    """A connection ends when nothing was asked for its time; a request that is answered, or has begun, is no idleness,
    however long it takes."""
    looks, slow, begun = 0, asyncio.Event(), asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/slow":
            await slow.wait()
        await hello(scope, receive, send)

    class Idle(HttpConnection):
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self.timeout_keep_alive = 0.02  # type: ignore[assignment]

        def _end_idle(self) -> None:
            super()._end_idle()
            nonlocal looks
            looks += 1
            if looks == 3:
                slow.set()
            if looks == 6:
                begun.set()

    async with connected(app, Idle) as (reader, writer):
        writer.write(GET + GET.replace(b"/ ", b"/slow "))
        await reader.readuntil(b"hello /slow")
        writer.write(GET[:9])
        await begun.wait()
        writer.write(GET[9:])
        assert (await asyncio.wait_for(reader.read(), 30)).endswith(b"hello /")


async def test_a_bad_request_behind_the_last() -> None:
    """What follows a request that closes the connection is not looked at."""
    closing = GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    assert (await answered(hello, closing + BAD)).endswith(b"hello /")
