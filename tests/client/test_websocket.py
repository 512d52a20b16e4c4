"""A WebSocket to any backend, which is another library's server here."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any

import msgspec
import pytest
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed as Ended
from websockets.http11 import Request, Response

from hinterland.client.errors import (
    ConnectionClosed,
    InsecureAddress,
    InvalidResponse,
    InvalidSetting,
    QueueFull,
    TlsError,
    Unauthorized,
)
from hinterland.client.websocket import WebSocketClient
from tests.client.local.conftest import until
from tests.support.certificate import certificate
from tests.support.ports import free_port

Handle = Callable[[ServerConnection], Awaitable[None]]
SECRET = {"authorization": "Bearer planted"}


class Chat(msgspec.Struct):
    """A message of an app."""

    text: str


class Room:
    """A server; it remembers what it received over all of its starts, and sends each message back."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"ws://127.0.0.1:{self.port}/room"
        self.received: list[str | bytes] = []
        self.headers: list[Headers] = []
        self.server: Server | None = None

    async def open(self, handle: Handle | None = None, **settings: Any) -> None:
        """Start it, at the same port each time."""
        self.server = await serve(handle or self.echo, "127.0.0.1", self.port, **settings)

    async def echo(self, peer: ServerConnection) -> None:
        """Send every message back."""
        assert peer.request is not None
        self.headers.append(peer.request.headers)
        with suppress(Ended):
            async for message in peer:
                self.received.append(message)
                await peer.send(message)

    async def cut(self) -> None:
        """End every connection without a word, and take no new one."""
        assert self.server is not None
        for peer in self.server.connections:
            peer.transport.abort()
        self.server.close(close_connections=False)
        await self.server.wait_closed()


class Pings(logging.Handler):
    """Counts the pings that a server receives."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0
        self.logger = logging.getLogger("tests.pings")
        self.logger.setLevel(logging.DEBUG)
        self.logger.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """A line of the server's log."""
        self.count += record.getMessage().startswith("< PING")


@pytest.fixture
async def room() -> AsyncIterator[Room]:
    """A server that runs."""
    made = Room()
    await made.open()
    yield made
    assert made.server is not None
    made.server.close()
    await made.server.wait_closed()


async def test_typed_messages_go_and_come(room: Room) -> None:
    """The contract that tutorials teach: connect, send, messages, is_connected, disconnect, which ends the messages."""
    socket = WebSocketClient(room.url, Chat)
    known = [socket.is_connected]
    await socket.connect()
    await socket.send(Chat("one"))
    await socket.send({"text": "two"})
    messages = socket.messages
    assert [await anext(messages), await anext(messages)] == [Chat("one"), Chat("two")]
    known.append(socket.is_connected)
    await socket.disconnect()
    known.append(socket.is_connected)
    assert known == [False, True, False]
    assert [message async for message in socket.messages] == []


async def test_texts_bytes_and_messagepack(room: Room) -> None:
    """Without a type, texts and bytes come as they are; with MessagePack, binary messages are typed."""
    async with WebSocketClient(room.url) as plain:
        await plain.send("é")
        await plain.send(b"\x00\xff")
        messages = plain.messages
        assert [await anext(messages), await anext(messages)] == ["é", b"\x00\xff"]
    async with WebSocketClient(room.url, Chat, format="msgpack") as packed:
        await packed.send(Chat("packed"))
        assert await anext(packed.messages) == Chat("packed")
    assert room.received[-1] == msgspec.msgpack.encode(Chat("packed"))


async def test_a_message_that_does_not_fit(room: Room) -> None:
    """It is an error that names the place, and hides no other message."""
    async with WebSocketClient(room.url, Chat) as socket:
        for message in ('{"text": 1}', b"\xc1", '{"text": "good"}'):
            await socket.send(message)
        with pytest.raises(InvalidResponse) as caught:
            await anext(socket.messages)
        assert (caught.value.path, caught.value.found) == ("$.text", "int")
        with pytest.raises(InvalidResponse):
            await anext(socket.messages)
        assert await anext(socket.messages) == Chat("good")


async def test_it_comes_back_and_sends_what_waited(room: Room) -> None:
    """After a cut it connects anew; what was sent meanwhile arrives in order, and too much is refused."""
    async with WebSocketClient(room.url, max_queued=3) as socket:
        await socket.send("before")
        assert await anext(socket.messages) == "before"
        await room.cut()
        await until(lambda: not socket.is_connected)
        for text in ("1", "2", "3"):
            await socket.send(text)
        with pytest.raises(QueueFull):
            await socket.send("4")
        await room.open()
        messages = socket.messages
        assert [await anext(messages) for _ in range(3)] == ["1", "2", "3"]
        assert room.received == ["before", "1", "2", "3"]


async def test_states_tell_of_cuts(room: Room) -> None:
    """`states` has the state now and each change of it."""
    async with WebSocketClient(room.url) as socket:
        states = socket.states()
        assert await anext(states) is True
        await room.cut()
        assert await anext(states) is False
        await room.open()
        assert await anext(states) is True


@pytest.mark.parametrize(("code", "is_error"), [(1000, False), (1008, True), (4401, True)])
async def test_an_end_that_is_meant(room: Room, code: int, is_error: bool) -> None:
    """1000 ends the messages; a code that trying again can't help is an error, also for what is sent."""
    await room.cut()

    async def leave(peer: ServerConnection) -> None:
        await peer.send("last")
        await peer.close(code, "enough")

    await room.open(leave)
    socket = WebSocketClient(room.url)
    await socket.connect()
    messages = socket.messages
    assert await anext(messages) == "last"
    if is_error:
        with pytest.raises(ConnectionClosed) as caught:
            await anext(messages)
        assert (caught.value.close_code, caught.value.reason) == (code, "enough")
    else:
        assert [message async for message in messages] == []
    with pytest.raises(ConnectionClosed):
        await socket.send("late")
    await socket.disconnect()


async def test_a_refused_handshake_is_the_servers_error(room: Room) -> None:
    """The status of a refusal gives the error; one that passes is waited for. Headers are made anew each time."""
    await room.cut()
    seen: list[str] = []

    def check(peer: ServerConnection, request: Request) -> Response | None:
        seen.append(request.headers["Authorization"])
        busy, gone = HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.UNAUTHORIZED
        return peer.respond(busy if len(seen) == 1 else gone, "no\n")

    async def headers() -> dict[str, str]:
        return {"Authorization": f"Bearer {len(seen)}"}

    await room.open(process_request=check)
    socket = WebSocketClient(room.url, headers=headers)
    with pytest.raises(Unauthorized):
        await socket.connect()
    assert seen == ["Bearer 0", "Bearer 1"]
    await socket.disconnect()


async def test_a_redirect_gets_no_secret(room: Room) -> None:
    """A redirect to another origin is followed without the headers that are meant for the first."""
    first = Room()

    def elsewhere(peer: ServerConnection, request: Request) -> Response:
        response = peer.respond(HTTPStatus.FOUND, "")
        response.headers["Location"] = room.url.replace("ws", "http", 1)
        return response

    await first.open(process_request=elsewhere)
    assert first.server is not None
    async with WebSocketClient(first.url, headers=SECRET) as socket:
        await socket.send("there")
        assert await anext(socket.messages) == "there"
    assert "Authorization" not in room.headers[0]
    first.server.close()
    await first.server.wait_closed()


async def test_a_silent_server_is_given_up() -> None:
    """A server that answers no ping is left; a busy app that does not read is no reason to."""
    opened: list[asyncio.StreamWriter] = []

    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from websockets.server import ServerProtocol

        protocol = ServerProtocol()
        protocol.receive_data(await reader.readuntil(b"\r\n\r\n"))
        (request,) = protocol.events_received()
        assert isinstance(request, Request)
        protocol.send_response(protocol.accept(request))
        writer.write(b"".join(protocol.data_to_send()))
        opened.append(writer)

    server = await asyncio.start_server(mute, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with WebSocketClient(f"ws://127.0.0.1:{port}", ping_seconds=0.05, random=lambda: 0.0):
        await until(lambda: len(opened) > 1)
    for writer in opened:
        writer.close()
    server.close()


async def test_an_app_that_does_not_read_slows_the_server(room: Room) -> None:
    """Messages that nobody reads stay with the server, the connection lives, and none is lost."""
    await room.cut()
    sent, pings = 0, Pings()

    async def flood(peer: ServerConnection) -> None:
        nonlocal sent
        for number in range(200):
            await peer.send(f"{number} ".ljust(100_000, "x"))
            sent += 1

    await room.open(flood, compression=None, logger=pings.logger)
    async with WebSocketClient(room.url, max_queued=2, ping_seconds=0.05) as socket:
        await until(lambda: pings.count >= 3)  # of which none may be answered in time
        assert sent < 200
        numbers = [int((await anext(socket.messages)).split()[0]) for _ in range(200)]
    assert numbers == [*range(200)]


async def test_large_messages_are_refused(room: Room) -> None:
    """A message over the limit ends the connection with 1009, which is not tried again."""
    socket = WebSocketClient(room.url, max_bytes=1_000)
    await socket.connect()
    await socket.send("x" * 1_001)
    with pytest.raises(ConnectionClosed):
        await anext(socket.messages)
    await socket.disconnect()


@pytest.mark.parametrize(
    ("url", "error"),
    [("ws://other.example", InsecureAddress), ("ftp://127.0.0.1", InvalidSetting), ("127.0.0.1", InvalidSetting)],
)
async def test_addresses(url: str, error: type[Exception]) -> None:
    """Plain ws to another machine, and what is no address, are refused before anything is sent."""
    with pytest.raises(error):
        WebSocketClient(url)


async def test_certificates(tmp_path: Path) -> None:
    """A server whose certificate is not trusted gets nothing; an authority of one's own is trusted."""
    file, context = certificate(tmp_path, "127.0.0.1")
    room = Room()
    await room.open(ssl=context)
    url = room.url.replace("ws", "wss", 1)
    stranger = WebSocketClient(url)
    with pytest.raises(TlsError):
        await stranger.connect()
    await stranger.disconnect()
    async with WebSocketClient(url, verify=str(file)) as socket:
        await socket.send("safe")
        assert await anext(socket.messages) == "safe"
    assert room.server is not None
    room.server.close()
    await room.server.wait_closed()
