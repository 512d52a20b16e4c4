"""Answers on real sockets: whole, in order, whatever their parts."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest

from hinterland.server.http import PIECES, HttpAnswer, send_answer
from hinterland.server.protocols.http1.answers import JoinedWrites
from tests.server.protocols.http1.wire import GET, answered, connected
from tests.support.server import ServerProcess

SHOP = Path(__file__).parents[4] / "examples" / "shop" / "app.py"
HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"


async def joined() -> tuple[JoinedWrites, socket.socket]:
    """A joined transport on a real socket, and the other end."""
    mine, theirs = socket.socketpair()
    theirs.setblocking(False)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_connection(asyncio.Protocol, sock=mine)
    return JoinedWrites(transport, loop, transport.close), theirs


async def turn() -> None:
    """Let the loop take its next turn."""
    await asyncio.sleep(0)
    await asyncio.sleep(0)


async def test_an_answer_goes_in_the_next_turn() -> None:
    """A head and its body arrive together, in that order, with what other answers the same turn made."""
    writes, other = await joined()
    second, another = await joined()
    for each in (writes, second):
        each.write(HEAD)
        each.write(b"ok")
    with pytest.raises(BlockingIOError):
        other.recv(1_000)
    await turn()
    assert (other.recv(1_000), another.recv(1_000)) == (HEAD + b"ok", HEAD + b"ok")
    for end in (writes, second, other, another):
        end.close()


async def test_a_large_answer_is_not_held() -> None:
    """What is beyond a bound is written at once, in order, and what follows it goes by itself."""
    writes, other = await joined()
    writes.write(HEAD)
    writes.write(b"x" * 70_000)
    writes.write(b"end")
    received = b""
    while len(received) < len(HEAD) + 70_003:
        await turn()
        with suppress(BlockingIOError):
            received += other.recv(100_000)
    assert received == HEAD + b"x" * 70_000 + b"end"
    writes.close()
    other.close()


async def test_a_head_without_a_body_goes_in_the_next_turn() -> None:
    """A stream's head does not wait for the stream's first event, nor is it lost when the connection closes."""
    writes, other = await joined()
    writes.write(HEAD)
    await turn()
    assert other.recv(1_000) == HEAD
    writes.write(HEAD)
    writes.close()
    assert other.recv(1_000) == HEAD
    other.close()


async def test_a_request_for_the_body_goes_at_once() -> None:
    """100 Continue is written at once, since the caller waits for it."""
    writes, other = await joined()
    writes.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert other.recv(1_000).startswith(b"HTTP/1.1 100")
    writes.close()
    other.close()


async def test_an_answer_as_one_message() -> None:
    """An answer that is sent whole is formatted as one in parts; HTTP/1.0 closes behind it."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send_answer(scope, send, HttpAnswer(200, [(b"x", b"y")], b"ok"))

    answers = await answered(app, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n", b"HEAD / HTTP/1.0\r\n\r\n")
    first, _, second = answers.partition(b"\r\n\r\nok")
    assert first.startswith(b"HTTP/1.1 200 OK\r\n")
    assert first.endswith(b"\r\nx: y\r\ncontent-length: 2")
    assert second.endswith(b"\r\nx: y\r\ncontent-length: 2\r\nconnection: close\r\n\r\n")


async def test_a_stream_for_http_1_0() -> None:
    """HTTP/1.0 has no chunks: an answer in parts is sent as it is, and ends with the connection (RFC 9112 §6.3)."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x", b"y")]})
        await send({"type": "http.response.body", "body": b"one,", "more_body": True})
        await send({"type": "http.response.body", "body": b"two"})

    for asked in (b"", b"Connection: keep-alive\r\n"):
        head, _, body = (await answered(app, b"GET / HTTP/1.0\r\n%b\r\n" % asked)).partition(b"\r\n\r\n")
        assert (body, b"chunked" in head, head.endswith(b"connection: close")) == (b"one,two", False, True)
    assert b"\r\n4\r\none,\r\n3\r\ntwo\r\n0\r\n\r\n" in await answered(app, GET, fin=True)


async def test_an_answer_instead_of_the_body() -> None:
    """Who asks whether to send the body and is answered instead need not send it: the connection closes (RFC 9110)."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send_answer(scope, send, HttpAnswer(401, [], b"no"))

    asking = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9999999\r\nexpect: 100-continue\r\n\r\n"
    answers = await answered(app, asking)
    assert answers.startswith(b"HTTP/1.1 401 Unauthorized\r\n")
    assert answers.endswith(b"connection: close\r\n\r\nno")


async def test_a_slow_reader() -> None:
    """An answer waits while those before it are not read, and then arrives whole."""
    body = b"x" * 8_000_000

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send_answer(scope, send, HttpAnswer(200, [], body))

    first, last = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n", b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    answers = await answered(app, first + last)
    assert answers.count(b"HTTP/1.1 200 OK") == 2
    assert answers.count(b"x") == 2 * len(body)


async def test_a_header_is_one_line() -> None:
    """A header with a line break, by which one answer could become two, is answered 500, with nothing of it."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send_answer(scope, send, HttpAnswer(200, [(b"x", b"y\r\n\r\nHTTP/1.1 200 OK")], b"no"))

    answers = await answered(app, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
    assert answers.startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
    assert b"200 OK" not in answers


@pytest.mark.parametrize("method", [b"GET", b"HEAD"])
async def test_a_large_chunk(method: bytes) -> None:
    """A large part of a stream is one chunk of its own (RFC 9112 §7.1), between small ones; HEAD has none."""
    parts = [b"a", b"x" * 3_000_000, b"y" * 70_000, b"b"]

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for part in parts:
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async with connected(app) as (reader, writer):
        writer.write(method + b" / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        _, _, body = (await reader.read()).partition(b"\r\n\r\n")
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in [*parts, b""])
    assert body == (chunks if method == b"GET" else b"")


@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
async def test_pieces(version: bytes) -> None:
    """Pieces that are sent at once arrive as those that are sent as messages, between them, whatever their size and
    however slowly they are read."""
    parts = [b"a", b"b" * 10_000, b"x" * 3_000_000, b"c" * 50_000, b"d"]

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        assert PIECES in scope["extensions"]
        sinks: list[Any] = []
        await send({"type": PIECES, "use": sinks.append})
        for part in parts:
            rest = sinks[0](part)
            if rest is not None:
                await rest
        await send({"type": "http.response.body", "body": b"last"})

    async with connected(app) as (reader, writer):
        writer.write(b"GET / HTTP/%b\r\nhost: x\r\nconnection: close\r\n\r\n" % version)
        _, _, body = (await reader.read()).partition(b"\r\n\r\n")
    sent = [b"first", *parts, b"last"]
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in [*sent, b""])
    assert body == (chunks if version == b"1.1" else b"".join(sent))


async def test_a_piece_for_a_reader_that_went_away() -> None:
    """A piece is dropped where nobody reads it."""
    dropped = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": PIECES, "use": sinks.append})
        while (await receive())["type"] != "http.disconnect":
            pass
        assert sinks[0](b"x") is None
        dropped.set()

    sinks: list[Any] = []
    async with connected(app) as (_, writer):
        writer.write(GET)
        await writer.drain()
        writer.close()
        await dropped.wait()


async def test_a_large_chunk_for_a_reader_that_went_away() -> None:
    """What is large is dropped where nobody reads it, however often it is sent."""
    dropped = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while (await receive())["type"] != "http.disconnect":
            pass
        for _ in range(20):
            await send({"type": "http.response.body", "body": b"x" * 1_000_000, "more_body": True})
        dropped.set()

    async with connected(app) as (_, writer):
        writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        await writer.drain()
        writer.close()
        await dropped.wait()


async def test_a_reader_that_went_away() -> None:
    """An answer for a caller that goes away before it has sent its request is dropped."""
    dropped = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        await send_answer(scope, send, HttpAnswer(200, [], b"no"))
        dropped.set()

    async with connected(app) as (_, writer):
        writer.write(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\na")
        await writer.drain()
        writer.close()
        await dropped.wait()


def test_answers_of_every_shape(server_process: Callable[..., ServerProcess]) -> None:
    """GET, HEAD, an answer without a body, an error, a pipelined pair and a stream arrive whole on one connection."""
    server = server_process(SHOP)
    with httpx2.Client(base_url=server.url) as client:
        body = client.get("/health").content
        assert body == b'{"status":"ok"}'
        head = client.head("/health")
        assert (head.content, head.headers["content-length"]) == (b"", str(len(body)))
        assert client.options("/health").status_code == 204
        assert client.get("/nothing/at/all/here").json()["code"] == "not_found"
        with client.stream("GET", "/v1/events", params={"collection": "posts"}) as stream:
            assert next(stream.iter_lines()).startswith(":")
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as raw:
        raw.sendall(
            b"GET /health HTTP/1.1\r\nhost: [::1]\r\n\r\n"
            b"GET /readyz HTTP/1.1\r\nhost: [::1]\r\nconnection: close\r\n\r\n"
        )
        answers = b"".join(iter(lambda: raw.recv(4_096), b""))
    assert answers.index(b'{"status":"ok"}') < answers.index(b'"ready"')
    assert answers.count(b"HTTP/1.1 200 OK") == 2
