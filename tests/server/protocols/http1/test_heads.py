"""Requests whose head does not end."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
import uvicorn

from hinterland.server.http import HttpAnswer, Receive, Scope, Send, send_answer
from hinterland.server.protocols.http1.connection import Connection
from hinterland.server.protocols.http1.heads import HEAD_BYTES, BoundedHeads
from tests.server.protocols.http1.wire import answered, connected, hello

BEGUN = b"GET / HTTP/1.1\r\nHost: x\r\n"


class _Hasty(BoundedHeads):
    head_seconds = 0.05


class _HastyConnection(_Hasty, Connection):
    pass


async def _hello(scope: Scope, receive: Receive, send: Send) -> None:
    while (await receive()).get("more_body"):
        pass
    await send_answer(scope, send, HttpAnswer(200, [], b"hello"))


@asynccontextmanager
async def _served(kind: type[BoundedHeads]) -> AsyncIterator[int]:
    config = uvicorn.Config(_hello, http=kind, lifespan="off", log_config=None, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    listener = socket.create_server(("127.0.0.1", 0), backlog=16)
    task = asyncio.create_task(server._serve([listener]))
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        await task
        listener.close()


async def _answer(port: int, *parts: bytes) -> bytes:
    """All that is answered until the connection is closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for part in parts:
            writer.write(part)
        return await asyncio.wait_for(reader.read(), 10)
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def test_a_head_without_an_end() -> None:
    """A head beyond every bound is cut off while it is read, not kept until it ends."""
    async with _served(BoundedHeads) as port:
        answered = await _answer(port, BEGUN, b"X-A: ", b"a" * (HEAD_BYTES + 1))
        assert answered == b"" or answered.startswith(b"HTTP/1.1 431 ")


async def test_a_head_that_takes_its_time() -> None:
    """A connection on which no whole head arrives in time is closed, whether it has begun one or not."""
    async with _served(_Hasty) as port:
        assert await _answer(port, BEGUN) == b""
        assert await _answer(port) == b""


async def test_a_second_head_that_takes_its_time() -> None:
    """Nor does a whole request give the next one on the connection more time."""
    async with _served(_Hasty) as port:
        answered = await _answer(port, BEGUN + b"\r\n", BEGUN)
        assert (answered.count(b"HTTP/1.1 200 OK"), answered.endswith(b"hello")) == (1, True)


async def test_a_body_is_no_head() -> None:
    """What follows a whole head is not bound by it."""
    async with _served(BoundedHeads) as port:
        large = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 300000\r\n\r\n" + b"b" * 300_000
        answered = await _answer(port, large, BEGUN + b"Connection: close\r\n\r\n")
        assert answered.count(b"HTTP/1.1 200 OK") == 2


async def test_a_head_without_a_host(caplog: pytest.LogCaptureFixture) -> None:
    """A request of HTTP/1.1 names its host once, else it is answered 400 (RFC 9112 §3.2); one of HTTP/1.0 need not.
    Whose mistake it is, the log says: no error of ours."""
    async with _served(BoundedHeads) as port:
        for head in (b"GET / HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n"):
            answered = await _answer(port, head + b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert answered.startswith(b"HTTP/1.1 400 Bad Request\r\n")
            assert b"must have one Host header" in answered
        assert b"200 OK" in await _answer(port, b"GET / HTTP/1.0\r\n\r\n")
        assert b"Invalid HTTP" in await _answer(port, b"GET\r\n\r\n")
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


@pytest.mark.parametrize(("asked", "more"), [(b"", b"\r\n"), (b"", b"G"), (b"Content-Length: 999\r\n", b"x")])
async def test_a_byte_now_and_then(asked: bytes, more: bytes) -> None:
    """What comes behind an answer and is no whole head gives a connection no more time, however often it comes."""
    async with connected(hello, _HastyConnection) as (reader, writer):
        writer.write(BEGUN + asked + b"\r\n")
        await reader.readuntil(b"hello /")
        with suppress(ConnectionError):
            async with asyncio.timeout(3):
                while not reader.at_eof():
                    writer.write(more)
                    with suppress(TimeoutError):
                        await asyncio.wait_for(reader.read(1), 0.01)


@pytest.mark.parametrize("host", [b"a b@c/", b"", b" ", b"a/b", b"a:b", b"a@b", b"[::1", b"a%zz"])
async def test_a_host_that_is_none(host: bytes) -> None:
    """A Host that names no host is answered 400, in each version of HTTP/1 (RFC 9112 §3.2)."""
    for version in (b"1.0", b"1.1"):
        answer = await answered(hello, b"GET / HTTP/%b\r\nHost: %b\r\n\r\n" % (version, host))
        assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")


@pytest.mark.parametrize("host", [b"a", b"a:", b"a.example:80", b"[::1]:8000", b"127.0.0.1", b"a_b", b"x%20y", b"a  "])
async def test_a_host_that_is_one(host: bytes) -> None:
    """Names, addresses and ports are hosts (RFC 3986 §3.2.2)."""
    closing = b"GET / HTTP/1.1\r\nHost: %b\r\nConnection: close\r\n\r\n" % host
    assert (await answered(hello, closing)).startswith(b"HTTP/1.1 200 OK\r\n")
