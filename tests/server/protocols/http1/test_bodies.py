"""Where a request's body ends, and what of it is no content."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hinterland.server.http import HttpAnswer, send_answer
from hinterland.server.protocols.http1.bodies import EXTENSION_BYTES, LINES_AT_ONCE, TRAILER_BYTES, ChunkedBody
from hinterland.server.protocols.http1.connection import HttpConnection
from tests.server.protocols.http1.wire import GET, answered, connected
from tests.server.refused import refused

HEAD = b"POST /p HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
CLOSING = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answer the body, and the names of the headers."""
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    names = b",".join(sorted(name for name, _ in scope["headers"]))
    await send_answer(scope, send, HttpAnswer(200, [], b"<%b|%b>" % (body, names)))


def read(data: bytes) -> tuple[bytes, int]:
    """The content of a chunked body that comes at once, and where it ends."""
    return ChunkedBody().read(data, 0)


@given(
    st.lists(st.binary(min_size=1, max_size=40), max_size=4),
    st.sampled_from([b"", b";a", b';a="b;c"']),
    st.sampled_from([b"", b"X: y\r\n", b"X: y\r\nZ:\r\n"]),
    st.lists(st.integers(0, 200), max_size=6),
)
def test_chunks_in_any_packets(chunks: list[bytes], extension: bytes, trailer: bytes, cuts: list[int]) -> None:
    """A chunked body is its content, however the packets cut it; what follows it is not touched."""
    sent = (
        b"".join(b"%x%b\r\n%b\r\n" % (len(chunk), extension, chunk) for chunk in chunks) + b"0\r\n" + trailer + b"\r\n"
    )
    data = sent + b"GET /"
    body, content, done = ChunkedBody(), b"", 0
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    for begin, end in pairwise(edges):
        if not body.is_whole:
            part, done = body.read(data[:end], begin)
            content += part
    assert (content, done, body.is_whole) == (b"".join(chunks), len(sent), True)


def test_very_many_chunks() -> None:
    """Of very small chunks only so many are read in one turn of the loop: each costs more than its bytes."""
    body, data, at, content = ChunkedBody(), b"1\r\na\r\n" * LINES_AT_ONCE + b"0\r\n\r\n", 0, b""
    turns = 0
    while not body.is_whole:
        part, at = body.read(data, at)
        content += part
        turns += 1
        assert len(part) <= LINES_AT_ONCE
    assert (content, at, turns) == (b"a" * LINES_AT_ONCE, len(data), 3)


async def test_others_have_their_turn_between_chunks() -> None:
    """A body of very many small chunks arrives whole, with what is asked before and behind it; the loop goes on
    meanwhile."""
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    counting = asyncio.create_task(count())
    chunks = b"1\r\na\r\n" * 50_000 + b"0\r\n\r\n"
    answer = await answered(echo, GET + HEAD + b"\r\n" + chunks + GET + CLOSING)
    counting.cancel()
    assert [part.partition(b"|")[0] for part in answer.split(b"<")[1:]] == [b"", b"a" * 50_000, b"", b""]
    assert turns > 50_000 / LINES_AT_ONCE


async def test_endless_chunks() -> None:
    """Chunks that go on for ever behind the answer have the time of a head."""

    async def early(scope: Any, receive: Any, send: Any) -> None:
        await send_answer(scope, send, HttpAnswer(200, [], b"early"))

    async with connected(early, _Hasty) as (_, writer):
        writer.write(HEAD + b"\r\n")
        with pytest.raises(ConnectionError):
            async with asyncio.timeout(5):
                while True:
                    writer.write(b"1\r\na\r\n" * 10_000)
                    await writer.drain()


@pytest.mark.parametrize(
    "data", [b"x\r\n", b"\r\n", b"-1\r\n", b"0x1\r\n", b"1 \r\n", b"1\n", b"1\r\nab\r\n", b"1\r\na\n0\r\n\r\n",
             b"0\r\nno field\r\n", b"0\r\nA : b\r\n", b"1;\0\r\n", b"f" * 17 + b"\r\n", b"1" * 2_000],
)  # fmt: skip
def test_what_is_no_chunk(data: bytes) -> None:
    """A size, a line end or a trailer that is not as RFC 9112 §7.1 has it is refused."""
    with refused("invalid_request"):
        read(data)


def test_extensions_have_a_bound() -> None:
    """Chunk extensions are bounded over the whole body (RFC 9112 §7.1.1)."""
    one = b"1;" + b"e" * 500 + b"\r\na\r\n"
    assert read(one * 8) == (b"a" * 8, len(one) * 8)
    with refused("invalid_request", f"larger than {EXTENSION_BYTES:,}"):
        read(one * 9)


@pytest.mark.parametrize("field", [b"X: " + b"y" * 200 + b"\r\n", b"X:\r\n", b"X: " + b"y" * TRAILER_BYTES])
def test_trailers_have_a_bound(field: bytes) -> None:
    """Trailer fields are bounded as a head is, be they long or many; what comes is not kept."""
    body = ChunkedBody()
    body.read(b"0\r\n", 0)
    with refused("headers_too_large"):
        for _ in range(TRAILER_BYTES):
            body.read(field, 0)


def test_a_chunk_of_many_small_packets() -> None:
    """Lines that come byte by byte are the same lines."""
    body = ChunkedBody()
    sent = b"3;e\r\nabc\r\n0\r\nX: y\r\n\r\n"
    assert b"".join(body.read(bytes([byte]), 0)[0] for byte in sent) == b"abc"
    assert body.is_whole


@pytest.mark.parametrize("cut", [0, 3, 7, 9, 20, 40])
async def test_trailers_are_no_headers(cut: int) -> None:
    """A field behind the body never becomes a header (RFC 9110 §6.5.1), however the packets cut it."""
    rest = b"\r\n3\r\nabc\r\n0\r\nAuthorization: Bearer x\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n" + CLOSING
    async with connected(echo) as (reader, writer):
        writer.write(HEAD + rest[:cut])
        await writer.drain()
        await asyncio.sleep(0)
        writer.write(rest[cut:])
        answer = await asyncio.wait_for(reader.read(), 30)
    assert b"<abc|host,transfer-encoding>" in answer
    assert b"<|connection,host>" in answer


async def test_trailers_without_an_end() -> None:
    """Trailers beyond their bound are answered 431, and the connection closes."""
    answer = await answered(echo, HEAD + b"\r\n0\r\n", b"X: ".ljust(TRAILER_BYTES + 1, b"y"))
    assert answer.startswith(b"HTTP/1.1 431 ")


class _Hasty(HttpConnection):
    head_seconds = 0.05


async def test_trailers_that_take_their_time() -> None:
    """Trailers have the time of a head, however often a bit of them comes."""
    async with connected(echo, _Hasty) as (reader, writer):
        writer.write(HEAD + b"\r\n1\r\na\r\n0\r\n")
        with suppress(ConnectionError):
            async with asyncio.timeout(5):
                while not reader.at_eof():
                    writer.write(b"X: y\r\n")
                    with suppress(TimeoutError):
                        await asyncio.wait_for(reader.read(1), 0.01)


@pytest.mark.parametrize("bad", [b"x\r\n", b"1\r\nab\r\n"])
async def test_a_body_that_can_not_be_read(bad: bytes) -> None:
    """A request that waits for a body that is none answers 400, behind what was asked before; nothing is read behind
    it."""
    answers = await answered(echo, GET + HEAD + b"\r\n" + bad + GET)
    assert [answers.count(b"HTTP/1.1 %b" % status) for status in (b"200", b"400")] == [1, 1]
    assert b'"code":"invalid_request"' in answers


async def test_a_body_that_nobody_reads() -> None:
    """A request that was answered before its body turns out to be none is the connection's last."""

    async def early(scope: Any, receive: Any, send: Any) -> None:
        await send_answer(scope, send, HttpAnswer(200, [], b"early"))

    async with connected(early) as (reader, writer):
        writer.write(HEAD + b"\r\n")
        await reader.readuntil(b"early")
        writer.write(b"x\r\n" + GET)
        assert await asyncio.wait_for(reader.read(), 30) == b""


async def test_a_length_with_blanks() -> None:
    """Blanks around a value are no part of it (RFC 9112 §5.1)."""
    answer = await answered(echo, b"POST / HTTP/1.1\r\nHost: x \r\nContent-Length: \t3 \t\r\n\r\nabc" + CLOSING)
    assert b"<abc|content-length,host>" in answer


async def test_a_body_of_http_1_0_without_a_host() -> None:
    """A request of HTTP/1.0 that names no host has a body like any other, and no transfer coding either."""
    head = b"POST / HTTP/1.0\r\n%b\r\n\r\n"
    assert (await answered(echo, head % b"Content-Length: 3" + b"abc")).startswith(b"HTTP/1.1 200 ")
    answer = await answered(echo, head % b"Transfer-Encoding: chunked" + b"3\r\nabc\r\n0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(
    ("version", "coding", "status"),
    [(b"1.1", b"gzip, chunked", 501), (b"1.1", b"gzip", 501), (b"1.1", b"chunked, chunked", 400),
     (b"1.1", b"identity", 501), (b"1.0", b"chunked", 400), (b"1.1", b"gzip\r\nTransfer-Encoding: chunked", 501),
     (b"1.1", b"chunked\r\nContent-Length: 3", 400), (b"1.1", b"Chunked", 200)],
)  # fmt: skip
async def test_other_codings(version: bytes, coding: bytes, status: int) -> None:
    """A transfer coding other than chunked alone, one in HTTP/1.0, and one beside a length is refused and closes the
    connection (RFC 9112 §6.1)."""
    head = b"POST / HTTP/%b\r\nHost: x\r\nTransfer-Encoding: %b\r\n\r\n" % (version, coding)
    answer = await answered(echo, head + b"3\r\nabc\r\n0\r\n\r\n" + CLOSING)
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert answer.count(b"HTTP/1.1 ") == (2 if status == 200 else 1)
