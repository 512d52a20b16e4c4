"""Requests on the direct path, on real sockets."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from hinterland.contract.errors import Refusal
from hinterland.kit.asgi import AsgiReceive, AsgiScope
from hinterland.server.http import REST, Headers, HttpAnswer, TimeLimiter, problem_answer, send_answer
from hinterland.server.middleware.boundary import Boundary
from tests.server.protocols.http1.wire import answered, connected


def post(path: str, body: bytes, *headers: str) -> bytes:
    """A request with a body."""
    lines = [f"POST {path} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def get(path: str, *headers: str) -> bytes:
    """A request."""
    lines = [f"GET {path} HTTP/1.1", "Host: x", *headers]
    return "\r\n".join([*lines, "", ""]).encode()


class DirectApplication:
    """An application with a direct path below /direct: `waiting` holds what /direct/wait waits for."""

    def __init__(self) -> None:
        self.direct = self
        self.release, self.waits, self.came = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.begun: list[str] = []
        self.writes: list[asyncio.Future[None]] = []
        self.asked: list[str] = []
        self.limits = Boundary(self.finish, 60)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """The ordinary way."""
        self.asked.append(scope["path"])
        self.came.set()
        if scope["path"] == "/direct/error":
            raise Refusal("not_found", "not there")
        if scope["path"] == "/slow":
            await self.release.wait()
        message = await receive()
        body = message["body"] if scope["path"] == "/direct/refused" else scope["raw_path"]
        await send_answer(scope, send, HttpAnswer(200, [], b"ordinary " + body))

    def begin(self, scope: AsgiScope, receive: AsgiReceive) -> tuple[Coroutine[Any, Any, HttpAnswer], bool] | None:
        """What is below /direct."""
        if not scope["path"].startswith("/direct"):
            return None
        return self._carry_out(scope["path"], receive), scope["method"] == "GET"

    def limit(self, cancel: Callable[[], object]) -> TimeLimiter:
        """The limit of a request."""
        return self.limits.limit(cancel)

    async def _carry_out(self, path: str, receive: AsgiReceive) -> HttpAnswer:
        self.begun.append(path)
        if path.startswith("/direct/write"):
            body: bytes = (await receive())["body"]
            for _ in range(2 if path.endswith("/twice") else 1):
                self.writes.append(asyncio.get_running_loop().create_future())
                self.waits.set()
                await self.writes[-1]
            return HttpAnswer(201, [], b"written " + body)
        if path in ("/direct/error", "/direct/refused"):
            raise ValueError
        if path == "/direct/wait":
            self.waits.set()
            await self.release.wait()
        return HttpAnswer(200, [], b"x" * 200_000 if path == "/direct/large" else b"at once " + path.encode())

    def headers(self, answer: HttpAnswer) -> Headers:
        """All headers."""
        split = [(b"x-split", b"a\r\nb")] if answer.body in (b"at once /direct/split", b"written split") else []
        return [(b"content-length", b"%d" % len(answer.body)), *split]

    async def finish(self, scope: Any, receive: Any, send: Any) -> None:
        """What waited."""
        try:
            answer = await scope[REST]
        except (Refusal, TimeoutError) as error:
            answer = problem_answer(error if isinstance(error, Refusal) else Refusal("timeout", "it took too long"))
        await send_answer(scope, send, answer._replace(headers=self.headers(answer)))


@pytest.fixture
async def application() -> DirectApplication:
    """The application."""
    return DirectApplication()


async def read(reader: asyncio.StreamReader) -> bytes:
    """The body of the next answer."""
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
    length = re.search(rb"content-length: (\d+)", head)
    assert length is not None
    return await reader.readexactly(int(length[1]))


async def test_at_once(application: DirectApplication) -> None:
    """What does not wait is answered without the application, one request after the other."""
    async with connected(application) as (reader, writer):
        for _ in range(3):
            writer.write(get("/direct/a"))
            assert await read(reader) == b"at once /direct/a"
        writer.write(get("/other"))
        assert await read(reader) == b"ordinary /other"
        writer.write(get("/direct/large"))
        assert await read(reader) == b"x" * 200_000
    assert application.asked == ["/other"]


async def test_in_order(application: DirectApplication) -> None:
    """Requests that come together are answered in their order, whichever way each goes, and the one that waits holds
    back those behind it."""
    paths = ["/direct/wait", "/direct/a", "/other", "/direct/error", "/direct/b"]
    async with connected(application) as (reader, writer):
        writer.write(b"".join(map(get, paths)))
        await asyncio.wait_for(application.waits.wait(), 30)
        application.release.set()
        bodies = [await read(reader) for _ in paths]
    assert bodies[0] == b"at once /direct/wait"
    assert [b"/direct/a" in bodies[1], b"/other" in bodies[2], b"not_found" in bodies[3]] == [True] * 3
    assert bodies[4].endswith(b"/direct/b")


async def test_in_order_behind_an_error(application: DirectApplication) -> None:
    """What comes behind a direct request that went the ordinary way keeps its place, however long it takes."""
    async with connected(application) as (reader, writer):
        writer.write(get("/direct/error") + get("/slow"))
        assert b"not_found" in await read(reader)
        writer.write(get("/direct/a"))
        await turns(20)
        application.release.set()
        assert await read(reader) == b"ordinary /slow"
        assert (await read(reader)).endswith(b"/direct/a")


async def test_an_error_goes_the_ordinary_way(application: DirectApplication) -> None:
    """What the direct path raises is found again, and answered, by the application."""
    assert b"404 Not Found" in await answered(application, get("/direct/error", "Connection: close"))
    async with connected(application) as (reader, writer):
        writer.write(get("/direct/error"))
        assert b"not_found" in await read(reader)
        writer.write(get("/direct/a"))
        assert await read(reader) == b"at once /direct/a"
    assert application.asked == ["/direct/error"] * 2


async def test_a_header_with_a_line_break(application: DirectApplication) -> None:
    """A response that can't be sent is found again by the application, and the requests of others are carried out."""
    async with connected(application) as (reader, writer), connected(application) as (other, second):
        writer.write(get("/direct/split"))
        second.write(get("/direct/a"))
        assert await read(reader) == b"ordinary /direct/split"
        assert await read(other) == b"at once /direct/a"


async def turns(count: int) -> None:
    """Let the loop turn."""
    for _ in range(count):
        await asyncio.sleep(0)


async def waiting(application: DirectApplication) -> asyncio.Future[None]:
    """What the write that was begun last waits for."""
    await asyncio.wait_for(application.waits.wait(), 30)
    application.waits.clear()
    return application.writes[-1]


async def test_a_write(application: DirectApplication) -> None:
    """A write is answered when what it waits for is done, without the application; those behind it wait for it, and no
    time limit stays behind."""
    async with connected(application) as (reader, writer):
        writer.write(post("/direct/write", b"a") + post("/direct/write", b"b") + get("/direct/c"))
        (await waiting(application)).set_result(None)
        assert await read(reader) == b"written a"
        assert b"/direct/write" in await read(reader)
        assert b"/direct/c" in await read(reader)
        writer.write(post("/direct/write", b""))
        (await waiting(application)).set_result(None)
        assert await read(reader) == b"written "
        assert not application.limits._limits._running
    assert application.asked == ["/direct/write", "/direct/c"]  # what waits behind another goes the ordinary way


async def test_a_write_that_is_refused_at_once(application: DirectApplication) -> None:
    """A write that the direct path raises for is answered by the application, which receives its body."""
    async with connected(application) as (reader, writer):
        for body in (b"a", b"bc", b""):
            writer.write(post("/direct/refused", body))
            assert await read(reader) == b"ordinary " + body
    assert application.begun == ["/direct/refused"] * 3


async def test_a_write_that_waits_twice(application: DirectApplication) -> None:
    """What waits again is answered by a task."""
    async with connected(application) as (reader, writer):
        writer.write(post("/direct/write/twice", b"a"))
        (await waiting(application)).set_result(None)
        (await waiting(application)).set_result(None)
        assert await read(reader) == b"written a"


async def test_a_write_that_takes_too_long(application: DirectApplication) -> None:
    """A write that waits beyond the time of a request is cancelled, and answered so."""
    application.limits = Boundary(application.finish, 0.01)
    async with connected(application) as (reader, writer):
        writer.write(post("/direct/write", b"a"))
        future = await waiting(application)
        assert b"timeout" in await read(reader)
        assert future.cancelled()


async def test_a_write_whose_response_cannot_be_sent(application: DirectApplication) -> None:
    """A write that was carried out is not carried out again, also where its response can't be sent."""
    async with connected(application) as (reader, writer):
        writer.write(post("/direct/write", b"split"))
        (await waiting(application)).set_result(None)
        assert not (await reader.read()).startswith(b"HTTP/1.1 2")
    assert (application.begun, application.asked) == (["/direct/write"], [])


async def test_a_write_that_fails(application: DirectApplication) -> None:
    """The error of a write that waited is answered."""
    async with connected(application) as (reader, writer):
        writer.write(post("/direct/write", b"a"))
        (await waiting(application)).set_exception(Refusal("conflict", "it is there already"))
        assert b"it is there already" in await read(reader)
        writer.write(get("/direct/a"))
        assert await read(reader) == b"at once /direct/a"


async def test_bodies_that_come_late_or_are_large(application: DirectApplication) -> None:
    """A body that was not read with its head, or is large, is left to the application."""
    async with connected(application) as (reader, writer):
        head = post("/direct/write", b"abc")
        writer.write(head[:-1])
        await asyncio.wait_for(application.came.wait(), 30)
        writer.write(head[-1:])
        assert await read(reader) == b"ordinary /direct/write"
        writer.write(post("/direct/write", b"x" * 65_537))
        assert await read(reader) == b"ordinary /direct/write"
    assert application.begun == []


async def test_what_has_more_to_it(application: DirectApplication) -> None:
    """A request whose body has no length, that expects something, or ends the connection is left to the application."""
    for headers in (
        ("Transfer-Encoding: chunked",),
        ("Expect: 100-continue", "Content-Length: 0"),
        ("Connection: close",),
    ):
        end = b"0\r\n\r\n" if "chunked" in headers[0] else b""
        got = await answered(application, get("/direct/a", *headers) + end, get("/other", "Connection: close"))
        assert b"ordinary /direct/a" in got
    assert application.begun == []


async def test_the_end_of_the_input(application: DirectApplication) -> None:
    """A caller that sends its FIN behind a request gets the answer, and the connection is closed."""
    async with connected(application) as (reader, writer):
        writer.write(post("/direct/write", b"a"))
        writer.write_eof()
        future = await waiting(application)
        await turns(5)
        future.set_result(None)
        assert (await reader.read()).endswith(b"written a")
    assert (await answered(application, get("/direct/a"), fin=True)).endswith(b"at once /direct/a")


async def test_a_caller_that_leaves(application: DirectApplication) -> None:
    """A caller that is gone when the turn of its request comes, or while that waits, harms nobody."""
    async with connected(application) as (_, writer):
        writer.write(get("/direct/wait"))
        await asyncio.wait_for(application.waits.wait(), 30)
        writer.transport.abort()
        application.release.set()
        await asyncio.sleep(0)
    async with connected(application) as (_, writer):
        writer.write(post("/direct/write", b"a"))
        future = await waiting(application)
        writer.transport.abort()
        await turns(5)
        future.set_result(None)
    async with connected(application) as (reader, writer):
        writer.write(get("/direct/a"))
        assert await read(reader) == b"at once /direct/a"
