"""Connections of HTTP/1.1 that become WebSockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode

from hinterland.contract.errors import Refusal
from hinterland.server.http import Disconnected, HttpAnswer, send_answer
from hinterland.server.protocols.http1 import upgrade
from hinterland.server.protocols.http1.upgrade import WebSocketConnection
from hinterland.server.websocket import SOCKET, Handshake, SocketClosed, SocketMessage, serve_socket
from tests.server.protocols.http1.wire import GET, connected, until

KEY = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
OFFER = (
    b"GET /chat HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n%bSec-WebSocket-Version: 13\r\n\r\n"
)
ACCEPTED = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # the example of RFC 6455 §1.3
Serve = Callable[[Any], Awaitable[None]]


class Sockets:
    """An application of WebSockets: how its sockets ended, and those that it has."""

    def __init__(self, serve: Serve | None = None, *, most_bytes: int = 1_000, silence: float = 3_600.0) -> None:
        self._serve = serve
        self._most_bytes = most_bytes
        self._silence = silence
        self.open: list[WebSocketConnection] = []
        self.ends: asyncio.Queue[SocketClosed] = asyncio.Queue()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        handshake: Handshake | None = scope.get(SOCKET)
        if handshake is None:
            await send_answer(scope, send, HttpAnswer(200, [], b"http"))
            return
        if scope["path"] == "/refused":
            raise Refusal("forbidden", "not here")
        chosen = next(iter(handshake.subprotocols), "")
        socket: Any = await handshake.accept(chosen, most_bytes=self._most_bytes, silence=self._silence)
        self.open.append(socket)
        try:
            await (self._serve or self._echo)(socket)
        except SocketClosed as end:
            self.ends.put_nowait(end)

    async def _echo(self, socket: Any) -> None:
        while True:
            if (waiting := socket.send(SocketMessage(await socket.receive()))) is not None:
                await waiting

    async def end(self) -> tuple[int, str]:
        """The code and the reason of the next socket that ends."""
        end = await asyncio.wait_for(self.ends.get(), 30)
        return end.code, end.reason


@asynccontextmanager
async def opened(app: Sockets, **options: Any) -> AsyncIterator[ClientConnection]:
    """A client's WebSocket to a server of `app`."""
    async with connected(app) as (_, writer):
        host, port = writer.get_extra_info("peername")
        async with connect(f"ws://{host}:{port}/chat", **options) as client:
            yield client


# ------------------------------------------------------------ handshakes


async def test_handshake() -> None:
    """A valid offer is answered as RFC 6455 §4.2.2 says, with the accepted key."""
    async with connected(Sockets()) as (reader, writer):
        writer.write(OFFER % KEY)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 ")
        assert b"Sec-WebSocket-Accept: " + ACCEPTED in head


async def test_messages_come_and_go() -> None:
    """Texts and bytes go both ways, whatever compression is agreed on."""
    for compression in (None, "deflate"):
        async with opened(Sockets(), compression=compression) as client:
            for sent in ("hé", b"\0\xff", "x" * 999, ""):
                await client.send(sent)
                assert await client.recv() == sent


async def test_chosen_subprotocol() -> None:
    """The application chooses among the subprotocols that the client speaks."""
    async with opened(Sockets(), subprotocols=["one", "two"]) as client:
        assert client.subprotocol == "one"


async def test_refused_handshake_is_an_answer() -> None:
    """A handshake that is refused is answered as any request, and the connection serves the next."""
    async with connected(Sockets()) as (reader, writer):
        writer.write((OFFER % KEY).replace(b"/chat", b"/refused"))
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 403 ")
        assert b'"code":"forbidden"' in await reader.readuntil(b"}")
        writer.write(GET)
        assert (await reader.readuntil(b"http")).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    ("part", "other", "status"),
    [
        (KEY, b"", b"400"),
        (KEY, b"Sec-WebSocket-Key: short\r\n", b"400"),
        (b"Version: 13", b"Version: 12", b"426"),
        (b"GET", b"POST", b"200"),
        (b"HTTP/1.1", b"HTTP/1.0", b"200"),
        (b"Upgrade: websocket", b"Upgrade: h2c", b"200"),
        (b"Host: x", b"Host: x\r\nContent-Length: 0", b"101"),
    ],
)
async def test_offers_that_are_none(part: bytes, other: bytes, status: bytes) -> None:
    """A handshake that is not valid gets its error; what offers no WebSocket is a request like others."""
    async with connected(Sockets()) as (reader, writer):
        writer.write((OFFER % KEY).replace(part, other, 1))
        line = await reader.readline()
        assert line.split()[1] == status
        if status == b"426":
            assert b"sec-websocket-version: 13" in (await reader.readuntil(b"\r\n\r\n")).lower()


async def test_frames_before_the_answer() -> None:
    """Who sends frames before the handshake is answered has not made one (RFC 6455 §4.1): it is a request."""
    async with connected(Sockets()) as (reader, writer):
        writer.write(OFFER % KEY + Frame(Opcode.TEXT, b"early").serialize(mask=True))
        assert (await reader.readline()).split()[1] == b"200"


async def test_frames_while_it_is_decided() -> None:
    """The same where they come while the application decides: the handshake is refused."""
    asked: asyncio.Queue[Any] = asyncio.Queue()
    decided, app = asyncio.Event(), Sockets()

    async def slowly(scope: Any, receive: Any, send: Any) -> None:
        if SOCKET in scope:
            asked.put_nowait(scope[SOCKET]._switch.__self__)
            await decided.wait()
        await app(scope, receive, send)

    async with connected(slowly) as (reader, writer):
        writer.write(OFFER % KEY)
        connection = await asked.get()
        writer.write(GET)
        await until(lambda: bool(connection.pipeline))
        decided.set()
        assert (await reader.readline()).split()[1] == b"400"


async def test_caller_that_leaves_before_it_is_decided() -> None:
    """Nothing becomes of a connection that was closed before its handshake was answered."""
    asked, left, app = asyncio.Queue[Any](), asyncio.Event(), Sockets()

    async def wait(scope: Any, receive: Any, send: Any) -> None:
        connection = scope[SOCKET]._switch.__self__
        asked.put_nowait(connection)
        await until(lambda: connection.answers.is_half_closed)
        with pytest.raises(Disconnected):
            await app(scope, receive, send)
        left.set()

    async with connected(wait) as (_, writer):
        writer.write(OFFER % KEY)
        await asked.get()
        writer.close()
        await asyncio.wait_for(left.wait(), 30)
    assert not app.open


# ------------------------------------------------------------ messages


async def test_limits_of_a_message() -> None:
    """A message beyond the limit ends the socket with 1009: as it is, compressed, in fragments."""
    for sent in ("y" * 1_001, "z" * 100_000, ["a" * 600, "b" * 600]):
        app = Sockets()
        async with opened(app) as client:
            with pytest.raises(ConnectionClosed) as raised:
                await client.send(sent)
                await client.recv()
            assert raised.value.rcvd is not None
            assert raised.value.rcvd.code == 1009
            assert (await app.end())[0] == 1009


async def test_limit_of_fragments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody makes the server keep any number of empty fragments."""
    monkeypatch.setattr(upgrade, "MOST_FRAGMENTS", 10)
    app = Sockets()
    async with opened(app) as client:
        with pytest.raises(ConnectionClosed) as raised:
            await client.send([b""] * 12)
            await client.recv()
        assert raised.value.rcvd is not None
        assert raised.value.rcvd.code == 1009


async def test_text_that_is_not_utf8() -> None:
    """A text that is not UTF-8 ends the socket with 1007."""
    app = Sockets()
    async with opened(app) as client:
        client.protocol.send_text(b"\xff\xfe")
        client.transport.write(b"".join(client.protocol.data_to_send()))
        assert (await app.end())[0] == 1007


@pytest.mark.parametrize("compression", [None, "deflate"])
async def test_reads_no_faster_than_it_is_received(compression: Any) -> None:
    """A peer that sends faster than the application receives is not read, however little it sends that unpacks to a
    lot, and nothing of what it sent is lost."""
    begin, got, count = asyncio.Event(), list[Any](), 4_000

    async def slowly(socket: Any) -> None:
        await begin.wait()
        while len(got) < count:
            got.append(await socket.receive())
        await socket.close()

    app = Sockets(slowly)
    async with opened(app, compression=compression) as client:

        async def send_all() -> None:
            for number in range(count):
                await client.send(f"{number:0500}")

        sending = asyncio.create_task(send_all())
        await until(lambda: bool(app.open) and app.open[0]._is_paused)
        assert app.open[0]._size < 200_000  # of 2,000,000: one slice of what was read, unpacked
        begin.set()
        await sending
        await client.wait_closed()
    assert got == [f"{number:0500}" for number in range(count)]


async def test_reader_that_is_slow() -> None:
    """What is sent to a peer that does not read is waited for; one that takes nothing at all is given up."""
    waited: asyncio.Queue[bool] = asyncio.Queue()

    async def flood(socket: Any) -> None:
        while True:
            waiting = socket.send(SocketMessage(b"x" * 100_000))
            if waiting is not None:
                waited.put_nowait(True)
                await waiting
            if socket._ended is not None:
                raise socket._ended

    app = Sockets(flood)
    async with connected(app) as (reader, writer):
        writer.write(OFFER % KEY)
        await reader.readuntil(b"\r\n\r\n")
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.wait_for(waited.get(), 30)
        socket = app.open[0]
        socket._look()
        while not socket.transport.is_closing():  # the kernel may take a little more after the first look
            socket._look()
        assert (await app.end())[0] == 1006


async def test_pings_of_a_peer() -> None:
    """Pings are answered with what they carry."""
    async with opened(Sockets()) as client:
        pong = await client.ping(b"there?")
        await asyncio.wait_for(pong, 30)


# ------------------------------------------------------------ ends


async def test_peer_that_closes() -> None:
    """The application hears the peer's code and reason, and the peer hears its own code back."""
    app = Sockets()
    async with opened(app) as client:
        await client.close(4001, "enough")
        assert client.close_code == 4001
        assert await app.end() == (4001, "enough")
        assert app.open[0].send(SocketMessage("late")) is None


async def test_peer_that_closes_within_a_message() -> None:
    """A close frame between fragments is answered as any other; the message is dropped."""
    app = Sockets()
    async with opened(app) as client:
        client.protocol.send_text(b"begun", fin=False)
        client.protocol.send_close(1000)
        client.transport.write(b"".join(client.protocol.data_to_send()))
        await client.wait_closed()
        assert client.close_code == 1000
        assert (await app.end())[0] == 1000


async def test_close() -> None:
    """The application ends a socket with a code and a reason, which is cut to what a frame can have."""

    async def refuse(socket: Any) -> None:
        await socket.close(4401, "é" * 100)
        await socket.close(4999)
        await socket.receive()

    app = Sockets(refuse)
    async with opened(app) as client:
        await client.wait_closed()
        assert (client.close_code, client.close_reason) == (4401, "é" * 61)
        assert (await app.end())[0] == 4401


async def test_peer_that_is_cut_off() -> None:
    """A connection that is lost ends the socket with 1006."""
    app = Sockets()
    async with opened(app) as client:
        await client.send("here")
        await client.recv()
        client.transport.abort()
        assert await app.end() == (1006, "")


async def test_silent_peer_is_given_up() -> None:
    """A peer of which nothing is heard for two beats, not even pongs, is gone; one that answers pings stays."""
    app = Sockets()
    async with opened(app) as client:
        await client.send("here")
        await client.recv()
        socket = app.open[0]
        for _ in range(5):
            socket._beat()
            await client.send("alive")
            await client.recv()
        client.transport.pause_reading()
        for _ in range(3):
            socket._beat()
        assert await app.end() == (1006, "")
        client.transport.abort()


async def test_sending_to_one_that_was_given_up() -> None:
    """What is sent after a connection was given up, and before that is reported, is dropped."""

    async def give_up(socket: Any) -> None:
        socket.transport.abort()
        assert socket.send(SocketMessage("too late")) is None
        await socket.close()
        socket._beat()
        await socket.receive()

    app = Sockets(give_up)
    async with opened(app) as client:
        assert await app.end() == (1006, "")
        with pytest.raises(ConnectionClosed):
            await client.recv()


async def test_error_of_what_serves_it() -> None:
    """A socket whose server has an error is closed with 1011, and no response of HTTP is written into it."""

    async def break_off(socket: Any) -> None:
        raise LookupError("a bug")

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        socket = await scope[SOCKET].accept("", most_bytes=1_000, silence=3_600.0)
        try:
            await serve_socket(socket, break_off(socket))
        except LookupError:
            await send_answer(scope, send, HttpAnswer(500, [], b"an error"))

    async with connected(serve) as (_, writer):
        host, port = writer.get_extra_info("peername")
        async with connect(f"ws://{host}:{port}/chat") as client:
            with pytest.raises(ConnectionClosed) as closed:
                await client.recv()
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1011, "internal server error")


async def test_server_that_ends() -> None:
    """A server that shuts down says so with 1012, and does not wait for its sockets."""
    app = Sockets()
    async with connected(app) as (_, writer):
        host, port = writer.get_extra_info("peername")
        client = await connect(f"ws://{host}:{port}/")
        await client.send("here")
        await client.recv()
        app.open[0].shutdown()
        await client.wait_closed()
        assert client.close_code == 1012
        assert (await app.end())[0] == 1012
