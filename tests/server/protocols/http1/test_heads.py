"""Requests whose head does not end."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from typing import Any

import pytest

from hinterland.server.http import HttpAnswer, send_answer
from hinterland.server.protocols.http1.connection import HttpConnection
from hinterland.server.protocols.http1.heads import BLANKS, HEAD_BYTES, PIPELINED
from tests.server.protocols.http1.wire import GET, answered, connected, hello

BEGUN = b"GET / HTTP/1.1\r\nHost: x\r\n"


class _Hasty(HttpConnection):
    head_seconds = 0.05


async def _taking(scope: Any, receive: Any, send: Any) -> None:
    """Answer when the body was read."""
    while (await receive()).get("more_body"):
        pass
    await send_answer(scope, send, HttpAnswer(200, [], b"hello"))


async def test_a_head_without_an_end() -> None:
    """A head beyond every bound is cut off while it is read, not kept until it ends."""
    answer = await answered(hello, BEGUN.ljust(HEAD_BYTES + 1, b"a"))
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert b'"code":"headers_too_large"' in answer


@pytest.mark.parametrize("version", [b"1.2", b"1.9"])
async def test_a_later_minor_version(version: bytes) -> None:
    """A later minor version of HTTP/1 is answered as HTTP/1.1 is (RFC 9110 §2.5): with its framing and on one
    connection, wherever in the input it comes."""
    later = b"HTTP/" + version
    for before in (b"", b"\r\n", GET):
        asked = before + BEGUN.replace(b"HTTP/1.1", later) + b"Transfer-Encoding: chunked\r\n\r\n1\r\nb\r\n0\r\n\r\n"
        answer = await answered(_taking, asked, BEGUN.replace(b"/ ", b"/HTTP/1.2 ") + b"Connection: close\r\n\r\n")
        assert answer.count(b"HTTP/1.1 200 OK") == 2 + before.count(b"GET")
    assert (await answered(hello, b"GET / " + later + b"\r\n\r\n")).startswith(b"HTTP/1.1 400 ")  # it names no host


async def test_a_head_that_takes_its_time() -> None:
    """A connection on which no whole head arrives in time is closed, whether it has begun one or not."""
    assert await answered(hello, BEGUN, kind=_Hasty) == b""
    assert await answered(hello, kind=_Hasty) == b""


async def test_a_second_head_that_takes_its_time() -> None:
    """Nor does a whole request give the next one on the connection more time."""
    answer = await answered(_taking, BEGUN + b"\r\n", BEGUN, kind=_Hasty)
    assert (answer.count(b"HTTP/1.1 200 OK"), answer.endswith(b"hello")) == (1, True)


async def test_a_body_is_no_head() -> None:
    """What follows a whole head is not bound by it."""
    large = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 300000\r\n\r\n" + b"b" * 300_000
    answer = await answered(_taking, large, BEGUN + b"Connection: close\r\n\r\n")
    assert answer.count(b"HTTP/1.1 200 OK") == 2


async def test_a_head_without_a_host(caplog: pytest.LogCaptureFixture) -> None:
    """A request of HTTP/1.1 names its host once, else it is answered 400 (RFC 9112 §3.2); one of HTTP/1.0 need not.
    The log does not grow with it."""
    for head in (b"GET / HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n"):
        answer = await answered(hello, head + GET)
        assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
        assert b"must have one Host header" in answer
        assert b"200 OK" not in answer
    assert b"200 OK" in await answered(hello, b"GET / HTTP/1.0\r\n\r\n")
    assert caplog.records == []


@pytest.mark.parametrize(
    ("target", "host"),
    [(b"/p", b"x"), (b"http://evil.example/p", b"evil.example"), (b"http://evil.example:81/p", b"evil.example:81"),
     (b"http://[::1]:8/p", b"[::1]:8"), (b"http://a:b@x/p", b""), (b"http://a@x/p", b"")],
)  # fmt: skip
async def test_a_target_in_absolute_form(target: bytes, host: bytes) -> None:
    """The host that a target names counts, and what Host says beside it is ignored (RFC 9112 §3.2.2), so that both
    never differ; user information in a target is refused (RFC 9110 §4.2.4)."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        named = [value for name, value in scope["headers"] if name == b"host"]
        await send_answer(scope, send, HttpAnswer(200, [], b"|".join([scope["raw_path"], *named])))

    answer = await answered(app, b"GET %b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % target)
    assert answer.startswith(b"HTTP/1.1 200 " if host else b"HTTP/1.1 400 ")
    assert answer.endswith(b"\r\n\r\n/p|%b" % host) or not host


@pytest.mark.parametrize(("asked", "more"), [(b"", b"\r\n"), (b"", b"G"), (b"Content-Length: 999\r\n", b"x")])
async def test_a_byte_now_and_then(asked: bytes, more: bytes) -> None:
    """What comes behind an answer and is no whole head gives a connection no more time, however often it comes."""
    async with connected(hello, _Hasty) as (reader, writer):
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


UPGRADE = b"POST /offer HTTP/1.1\r\nHost: x\r\n%b: %b\r\nConnection: %b\r\n%b\r\n\r\n%b"


@pytest.mark.parametrize("offer", [b"h2c", b"websocket", b"TLS/1.0", b"h2c\r\nUpgrade: websocket"])
@pytest.mark.parametrize(("name", "connection"), [(b"Upgrade", b"Upgrade, HTTP2-Settings"), (b"uPGRADE", b"uPgRaDe")])
@pytest.mark.parametrize(
    ("framing", "body"), [(b"Content-Length: 4", b"body"), (b"Transfer-Encoding: chunked", b"4\r\nbody\r\n0\r\n\r\n")]
)
async def test_an_offer_to_upgrade(offer: bytes, name: bytes, connection: bytes, framing: bytes, body: bytes) -> None:
    """A request that offers another protocol is answered as one of HTTP/1.1, with its body, as are those behind it
    (RFC 9110 §7.8): in one packet or in many."""
    bodies: list[bytes] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        more = True
        parts = []
        while more:
            message = await receive()
            parts.append(message["body"])
            more = message["more_body"]
        bodies.append(b"".join(parts))
        await send_answer(scope, send, HttpAnswer(200, [], b"hello " + scope["raw_path"]))

    sent = UPGRADE % (name, offer, connection, framing, body)
    closing = GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    for parts in ([sent + sent + closing], [bytes([byte]) for byte in sent + closing]):
        answers = await answered(app, *parts)
        assert answers.count(b"200 OK") == answers.count(b"hello /") == len(bodies)
        assert answers.endswith(b"hello /")
        assert bodies == [b"body"] * (len(bodies) - 1) + [b""]
        bodies.clear()


async def test_many_requests_at_once() -> None:
    """Requests that come faster than they are answered are all answered, in order, also behind a FIN; few of them are
    held as requests meanwhile."""
    held: list[int] = []

    class Counting(HttpConnection):
        def _start_asgi_task(self, cycle: Any, app: Any) -> None:
            held.append(len(self.pipeline))
            super()._start_asgi_task(cycle, app)

    requests = b"".join(GET.replace(b"/ ", b"/%d " % number) for number in range(1_000))
    answers = await answered(hello, requests, fin=True, kind=Counting)
    assert [int(number) for number in re.findall(rb"hello /(\d+)", answers)] == [*range(1_000)]
    assert max(held) <= PIPELINED
    answers = await answered(hello, requests, GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    assert answers.count(b"hello /") == 1_001


async def test_a_target_with_its_host() -> None:
    """A target may be an absolute URL, with an empty path too, and escapes are decoded in `path` alone."""
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append((scope["path"], scope["raw_path"], scope["query_string"]))
        await hello(scope, receive, send)

    for target in (b"http://x", b"http://x/a%20b?c=%20"):
        await answered(app, b"GET %b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % target)
    assert seen == [("/", b"/", b""), ("/a b", b"/a%20b", b"c=%20")]


async def test_line_breaks_before_a_request() -> None:
    """Line breaks in front of a request are passed over, as long as they are few: each takes as long as a head."""
    closing = GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    answer = await answered(hello, b"\r\n\r\n" * BLANKS + GET + b"\r\n\r\n" * BLANKS + closing)
    assert answer.count(b"HTTP/1.1 200 OK") == 2
    refused = await answered(hello, b"\r\n\r\n" * 100_000 + closing)
    assert (refused.count(b"HTTP/1.1 400 "), refused.count(b"HTTP/1.1 ")) == (1, 1)


async def test_requests_without_an_end() -> None:
    """Who sends requests faster than they are answered is not read on: little of what was read waits."""
    most = 0

    class Watched(HttpConnection):
        def data_received(self, data: bytes) -> None:
            nonlocal most
            super().data_received(data)
            most = max(most, len(self._rest))

    async def slowly(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await asyncio.sleep(0)
        await send_answer(scope, send, HttpAnswer(200, [], b"hello"))

    async with connected(slowly, Watched) as (reader, writer):
        sending = asyncio.create_task(_send_on(writer))
        for _ in range(500):
            await reader.readuntil(b"hello")
        sending.cancel()
    assert 0 < most < 2**20


async def _send_on(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(GET * 10_000)
        await writer.drain()
