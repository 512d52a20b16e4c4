"""Over real sockets, against servers that behave and servers that do not."""

from __future__ import annotations

import asyncio
import gzip
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from hinterland.client import errors
from hinterland.client.exchange import Request
from hinterland.client.options import Options
from hinterland.client.transports.network import Network, translated
from tests.support.certificate import certificate
from tests.support.ports import free_port

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nX-Up: A\r\n\r\nok"


class Peer:
    """A server on a free port that does what the test says with each connection, and keeps what it received."""

    def __init__(self) -> None:
        self.received = b""
        self.url = ""

    async def take(self, reader: asyncio.StreamReader) -> None:
        """Reads one request's head."""
        self.received += await reader.readuntil(b"\r\n\r\n")

    def answering(self, *answers: bytes) -> Serve:
        """Answers each request of a connection, then closes it."""

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            for answer in answers:
                await self.take(reader)
                writer.write(answer)
                await writer.drain()

        return serve


@pytest.fixture
async def network() -> AsyncIterator[Network]:
    """The transport, closed after the test."""
    transport = Network(Options(write=1, pool=0.05, max_connections=1))
    yield transport
    await transport.close()


@pytest.fixture
async def peer() -> AsyncIterator[Callable[..., Awaitable[Peer]]]:
    """`await peer(serve)` starts a server; `serve` may be a function of the peer."""
    servers: list[asyncio.Server] = []

    async def start(make: Callable[[Peer], Serve], *, context: ssl.SSLContext | None = None) -> Peer:
        peer = Peer()
        serve = make(peer)

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await serve(reader, writer)
            except (asyncio.IncompleteReadError, ConnectionError):
                pass
            finally:
                writer.close()

        server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=context)
        servers.append(server)
        scheme = "https" if context else "http"
        peer.url = f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        return peer

    yield start
    for server in servers:
        server.close()
        await server.wait_closed()


Start = Callable[..., Awaitable[Peer]]


def get(peer: Peer, **named: object) -> Request:
    """A request to a peer."""
    return Request(method="GET", url=peer.url, **named)  # type: ignore[arg-type]


async def test_a_request_goes_and_comes_back(network: Network, peer: Start) -> None:
    """Method, headers and body go; status, headers in lower case and body come back; the journal has the phases."""
    server = await peer(lambda p: p.answering(OK))
    request = Request(method="POST", url=server.url, headers={"x-mine": "1"}, content=b"{}")
    response = await network(request)
    assert (response.status, response.content, response.headers["x-up"]) == (200, b"ok", "A")
    assert b"POST / HTTP/1.1" in server.received
    assert b"x-mine: 1" in server.received
    assert b"user-agent: hinterland-python" in server.received.lower()
    assert [phase.name for phase in request.journal.phases] == ["connect", "send", "wait", "receive"]


async def test_no_redirect_is_followed_here(network: Network, peer: Start) -> None:
    """A redirect is an answer: what to do with it is decided elsewhere."""
    server = await peer(lambda p: p.answering(b"HTTP/1.1 302 X\r\nlocation: /b\r\ncontent-length: 0\r\n\r\n"))
    assert (await network(get(server))).status == 302


async def test_a_compressed_answer_is_opened(network: Network, peer: Start) -> None:
    """gzip is asked for and undone; a body that is none is an InvalidResponse."""
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\nconnection: close\r\n\r\n"
    good = await peer(lambda p: p.answering(head + gzip.compress(b"text")))
    assert (await network(get(good))).content == b"text"
    bad = await peer(lambda p: p.answering(head + b"no gzip"))
    with pytest.raises(errors.InvalidResponse):
        await network(get(bad))


async def test_a_stream_comes_piece_by_piece(network: Network, peer: Start) -> None:
    """A stream's pieces come as they are sent, and its sudden end is a lost connection."""
    gate = asyncio.Event()

    def make(p: Peer) -> Serve:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await p.take(reader)
            writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n")
            await gate.wait()
            writer.write(b"3\r\ntwo\r\n")

        return serve

    response = await network(get(await peer(make), is_stream=True))
    assert response.stream is not None
    assert await anext(response.stream) == b"one"
    gate.set()
    assert await anext(response.stream) == b"two"
    with pytest.raises(errors.ConnectionLost):
        await anext(response.stream)
    await response.close()


async def test_closing_ends_who_still_reads(network: Network, peer: Start) -> None:
    """A reader that waits for the next piece of a stream hears of the end when the transport is closed."""

    def make(p: Peer) -> Serve:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await p.take(reader)
            writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n")
            await reader.read()

        return serve

    response = await network(get(await peer(make), is_stream=True))
    assert response.stream is not None
    assert await anext(response.stream) == b"one"
    reading = asyncio.ensure_future(anext(response.stream))
    for _ in range(5):
        await asyncio.sleep(0)
    await network.close()
    with pytest.raises(errors.ConnectionLost):
        await asyncio.wait_for(reading, 30)


async def test_a_refused_stream_is_an_answer(network: Network, peer: Start) -> None:
    """An error answer to a stream has its whole body."""
    server = await peer(lambda p: p.answering(b"HTTP/1.1 403 No\r\ncontent-length: 2\r\n\r\nno"))
    response = await network(get(server, is_stream=True))
    assert (response.status, response.content, response.stream) == (403, b"no", None)


async def test_nobody_listens(network: Network) -> None:
    """A refused connection is a ConnectError: nothing was sent."""
    with pytest.raises(errors.ConnectError) as caught:
        await network(Request(method="GET", url=f"http://127.0.0.1:{free_port()}/"))
    assert type(caught.value) is errors.ConnectError
    assert caught.value.sent == "no"


async def test_a_name_without_address(network: Network) -> None:
    """A name that has no address is an error of its own: DNS may come back."""
    with pytest.raises(errors.NameNotFound) as caught:
        await network(Request(method="GET", url="http://no-such-host.invalid/"))
    assert caught.value.sent == "no"


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf", b"\0\0 no http\r\n\r\n"])
async def test_a_broken_answer_is_a_lost_connection(network: Network, peer: Start, answer: bytes) -> None:
    """A connection that ends too early, or does not speak HTTP, is lost: whether the server acted is unknown."""
    server = await peer(lambda p: p.answering(answer))
    with pytest.raises(errors.ConnectionLost) as caught:
        await network(get(server))
    assert caught.value.sent == "maybe"


async def test_silence_ends_by_the_timeouts(network: Network, peer: Start) -> None:
    """A server that takes a request and says nothing is a ReadTimeout; who waits for its connection a PoolTimeout."""
    gate = asyncio.Event()

    def make(p: Peer) -> Serve:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await p.take(reader)
            await gate.wait()

        return serve

    server = await peer(make)
    waiting = asyncio.create_task(network(get(server, read=0.2)))
    while not server.received:  # noqa: ASYNC110
        await asyncio.sleep(0)
    with pytest.raises(errors.PoolTimeout) as pool:
        await network(get(server))
    with pytest.raises(errors.ReadTimeout) as read:
        await waiting
    assert (pool.value.sent, read.value.sent) == ("no", "maybe")
    gate.set()


async def test_an_address_that_takes_no_connection(network: Network) -> None:
    """A connection that is not made in time is a ConnectTimeout: nothing was sent."""
    with pytest.raises((errors.ConnectTimeout, errors.ConnectError)) as caught:
        # TEST-NET-1 (RFC 5737): no packet comes back; some networks say at once that there is no way.
        await network(Request(method="GET", url="http://192.0.2.1/", connect=0.05))
    assert caught.value.sent == "no"


async def test_what_can_not_be_sent_is_refused(network: Network, peer: Start) -> None:
    """A header that would break the request is refused before anything is sent."""
    server = await peer(lambda p: p.answering(OK))
    with pytest.raises(errors.UnsafeRequest):
        await network(get(server, headers={"x-bad": "a\r\nx-planted: 1"}))
    assert b"planted" not in server.received


async def test_a_closed_transport_opens_again(network: Network, peer: Start) -> None:
    """After closing, another request opens new connections."""
    server = await peer(lambda p: p.answering(OK))
    await network(get(server))
    await network.close()
    await network.close()
    assert (await network(get(server))).status == 200


def test_what_is_not_the_librarys_is_left_alone() -> None:
    """Errors that are not the library's pass as they are."""
    with pytest.raises(ZeroDivisionError), translated():
        raise ZeroDivisionError


# ---------------------------------------------------------------- TLS


BAD = {
    "self-signed": ("127.0.0.1", 1, False),
    "wrong host": ("other.example", 1, True),
    "expired": ("127.0.0.1", -1, True),
}


@pytest.mark.parametrize(("host", "days", "is_trusted"), BAD.values(), ids=BAD.keys())
async def test_a_bad_certificate_gets_nothing(
    peer: Start, tmp_path: Path, host: str, days: int, is_trusted: bool
) -> None:
    """Expired, wrong host, self-signed → typed error and 0 bytes of request sent."""
    file, context = certificate(tmp_path, host, days=days)
    server = await peer(lambda p: p.answering(OK), context=context)
    network = Network(verify=str(file) if is_trusted else None)
    with pytest.raises(errors.TlsError) as caught:
        await network(get(server, headers={"authorization": "planted"}))
    await network.close()
    assert caught.value.sent == "no"
    assert server.received == b""


async def test_a_server_without_tls_is_recognised(peer: Start) -> None:
    """A server at an https address that speaks plain HTTP gets nothing, and the advice is about the address."""

    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()

    server = await peer(lambda _: plain)
    network = Network()
    with pytest.raises(errors.TlsError) as caught:
        await network(Request(method="GET", url=server.url.replace("http:", "https:")))
    await network.close()
    assert caught.value.advice == "Check its address: the server does not use TLS at this port."


async def test_a_trusted_certificate_is_used(peer: Start, tmp_path: Path) -> None:
    """A certificate that is trusted by its file, and names the host, carries the request."""
    file, context = certificate(tmp_path, "127.0.0.1")
    server = await peer(lambda p: p.answering(OK), context=context)
    network = Network(verify=str(file))
    request = get(server)
    assert (await network(request)).content == b"ok"
    assert [phase.name for phase in request.journal.phases][:2] == ["connect", "tls"]
    await network.close()
