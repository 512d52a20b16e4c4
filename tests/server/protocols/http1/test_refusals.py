"""What is answered to requests that are none."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from hinterland.contract.errors import CODES
from hinterland.server.protocols.http1.connection import HttpConnection
from tests.server.protocols.http1.wire import GET, answered, connected, hello
from tests.support.server import ServerProcess

SHOP = Path(__file__).parents[4] / "examples" / "shop" / "app.py"
PAGE = b"Host: x\r\nOrigin: http://localhost:3000\r\nX-Request-Id: mine-1\r\n\r\n"


@pytest.mark.parametrize(
    ("line", "code"),
    [(b"GET / HTTP/2.0", "http_version"), (b"GET / RTSP/1.0", "http_version"), (b"SOURCE / ICE/1.0", "http_version"),
     (b"GET / HTTP/0.9", "http_version"), (b"GET / HTTP/3.1", "http_version"), (b"PRI * HTTP/2.0", "http_version"),
     (b"GET /", "invalid_request"), (b"GET", "invalid_request"), (b"nonsense", "invalid_request"),
     (b"GET /a b HTTP/1.1", "invalid_request"), ("GET /ü HTTP/1.1".encode(), "invalid_request"),
     (b"GET /a#b HTTP/1.1", "invalid_request"), (b"GET /# HTTP/1.1", "invalid_request"),
     (b"GET /?q=1#x HTTP/1.1", "invalid_request"), (b"GET http://x/#b HTTP/1.1", "invalid_request"),
     (b"GET / HTTP/1.12", "http_version"), (b"GET / http/1.2", "http_version"),
     (b"GET / HTTP/1.1 ", "invalid_request"), (b"GET / HTTP/1.1\r\nA : b", "invalid_request"),
     (b"GET x:80 HTTP/1.1", "invalid_request"), (b"patch / HTTP/1.1", "not_implemented"),
     (b"BREW / HTTP/1.1", "not_implemented"), (b"CONNECT x:80 HTTP/1.1", "not_implemented")],
)  # fmt: skip
async def test_what_is_no_request(line: bytes, code: str, caplog: pytest.LogCaptureFixture) -> None:
    """A version, a method or a URL that can't be is refused with a problem and the connection closed, wherever in the
    input it comes; the log does not grow with it."""
    for before in (b"", b"\r\n", GET):
        answer = await answered(hello, before + line + b"\r\nHost: x\r\n\r\n" + GET)
        assert answer.count(b"200 OK") == before.count(b"GET")
        head, _, body = answer[answer.index(b"HTTP/1.1 %d " % CODES[code].status) :].partition(b"\r\n\r\n")
        assert json.loads(body)["code"] == code
        assert b"\r\nconnection: close" in head
    assert caplog.records == []


@pytest.mark.parametrize(
    "begun", [b"\x16\x03\x01\x02\x00\x01\x00", b"GET / HTTP/1.1\n", b"GET / HTTP/1.1\r\nHost: x\nA"]
)
async def test_what_never_becomes_a_request(begun: bytes) -> None:
    """The beginning of another protocol, or lines without CR, are refused at once, not when their time is over."""
    assert (await answered(hello, begun)).startswith(b"HTTP/1.1 400 ")
    assert (await answered(hello, begun[:1], begun[1:])).startswith(b"HTTP/1.1 400 ")


async def test_a_caller_that_still_sends() -> None:
    """Who is refused while it still sends reads why: its bytes are dropped, and the connection closes behind them, or
    soon, should they have no end."""

    class Hasty(HttpConnection):
        linger_seconds = 0.05

    head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n"
    async with connected(hello) as (reader, writer):
        for part in [head, *[b"x" * 100_000] * 20]:
            writer.write(part)
            await writer.drain()
        assert (await asyncio.wait_for(reader.read(), 30)).startswith(b"HTTP/1.1 501 ")
    async with connected(hello, Hasty) as (reader, writer):
        with suppress(ConnectionError):
            async with asyncio.timeout(5):
                while True:
                    writer.write(head)
                    await writer.drain()
                    await asyncio.sleep(0)


def exchange(server: ServerProcess, data: bytes) -> bytes:
    """What a server answers until it closes the connection."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as raw:
        raw.sendall(data)
        return b"".join(iter(lambda: raw.recv(4_096), b""))


def test_a_page_reads_why(server_process: Callable[..., ServerProcess]) -> None:
    """A page of an allowed origin may read why the protocol refused its request, by the request's id; HEAD has no
    body. Other origins are given no right to read it. The log does not grow with it."""
    server = server_process(SHOP)
    for line in (b"patch / HTTP/1.1\r\n", b"GET /a b HTTP/1.1\r\n", b"GET / HTTP/2.0\r\n"):
        head, _, body = exchange(server, line + PAGE).partition(b"\r\n\r\n")
        headers: Any = dict(part.split(b": ", 1) for part in head.split(b"\r\n")[1:])
        assert headers[b"content-type"] == b"application/problem+json; charset=utf-8"
        assert headers[b"access-control-allow-origin"] == b"http://localhost:3000"
        assert headers[b"x-request-id"] == b"mine-1"
        assert json.loads(body)["request_id"] == "mine-1"
    assert b"access-control-allow" not in exchange(server, line + PAGE.replace(b"localhost:3000", b"elsewhere.example"))
    assert exchange(server, b"HEAD / HTTP/2.0\r\n" + PAGE).endswith(b"\r\n\r\n")
    assert server.terminate() == 0
    assert "Invalid HTTP" not in server.log
    assert "ERROR" not in server.log
