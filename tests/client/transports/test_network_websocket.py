"""WebSockets of the transport: the way to the server, and its errors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from websockets.asyncio.server import ServerConnection, serve

from hinterland.client import errors
from hinterland.client.exchange import OpenWebSocket, Request, Response, WebSocketOffer
from hinterland.client.transports.network import Network
from tests.support.ports import free_port


@pytest.fixture
async def echo() -> AsyncIterator[int]:
    """The port of a server that sends back every message, and speaks `second` of the subprotocols."""

    async def handle(peer: ServerConnection) -> None:
        async for message in peer:
            await peer.send(message)

    async with serve(handle, "127.0.0.1", 0, subprotocols=["second"]) as server:  # type: ignore[list-item]
        yield server.sockets[0].getsockname()[1]


class Proxy:
    """A proxy that makes connections for those who ask with CONNECT (RFC 9110 §9.3.6), or refuses."""

    def __init__(self, *, refuses: bool = False) -> None:
        self.asked: list[str] = []
        self._refuses = refuses

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        target = head.split()[1]
        self.asked.append(target)
        if self._refuses:
            writer.write(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n")
            writer.close()
            return
        host, _, port = target.rpartition(":")
        there, back = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        with suppress(ConnectionError):
            await asyncio.gather(forward(reader, back), forward(there, writer))


async def forward(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    """Pass on what comes, to its end."""
    while data := await source.read(65_536):
        target.write(data)
        await target.drain()
    target.close()


async def asked(url: str, **offer: object) -> Response:
    """The response to a handshake."""
    network = Network()
    try:
        headers = {"accept": "x", "x-own": "1"}
        asking = WebSocketOffer(**offer)  # type: ignore[arg-type]
        return await network(Request(method="GET", url=url, headers=headers, websocket=asking))
    finally:
        await network.close()


async def opened(url: str, **offer: object) -> OpenWebSocket:
    """An open WebSocket."""
    websocket = (await asked(url, **offer)).websocket
    assert websocket is not None
    return websocket


async def test_it_is_opened(echo: int) -> None:
    """Texts and bytes go and come; the server chooses a subprotocol; what was closed can't be sent on."""
    websocket = await opened(f"http://127.0.0.1:{echo}/", subprotocols=("first", "second"))
    assert websocket.subprotocol == "second"
    await websocket.send("text")
    await websocket.send(b"bytes")
    assert [await websocket.receive(), await websocket.receive()] == ["text", b"bytes"]
    await websocket.close()
    with pytest.raises(errors.ConnectionClosed) as sending:
        await websocket.send("late")
    with pytest.raises(errors.ConnectionClosed) as receiving:
        await websocket.receive()
    assert (sending.value.sent, receiving.value.close_code) == ("no", 1000)


async def test_nobody_listens() -> None:
    """A server that is not there is a ConnectError: nothing was sent."""
    with pytest.raises(errors.ConnectError) as caught:
        await asked(f"http://127.0.0.1:{free_port()}/")
    assert caught.value.sent == "no"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"HTTP/1.1 101 Switching Protocols\r\nupgrade: other\r\nconnection: upgrade\r\n\r\n", errors.InvalidResponse),
        (b"no HTTP at all\r\n\r\n", errors.ConnectionLost),
        (b"", errors.ConnectionLost),
    ],
)
async def test_what_is_no_websocket(answer: bytes, error: type[Exception]) -> None:
    """A server that speaks something else is a typed error."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    with pytest.raises(error):
        await asked(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
    server.close()


@pytest.mark.parametrize("name", ["http_proxy", "ALL_PROXY"])
async def test_a_proxy_makes_the_connection(echo: int, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The proxies of the environment are those of requests; NO_PROXY leaves them out."""
    proxy = Proxy()
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    monkeypatch.setenv(name, f"127.0.0.1:{server.sockets[0].getsockname()[1]}")
    websocket = await opened(f"http://127.0.0.1:{echo}/", subprotocols=("second",))
    await websocket.send("through")
    assert (await websocket.receive(), proxy.asked) == ("through", [f"127.0.0.1:{echo}"])
    await websocket.close()
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    await (await opened(f"http://127.0.0.1:{echo}/", subprotocols=("second",))).close()
    assert len(proxy.asked) == 1
    server.close()


async def test_a_proxy_that_does_not_is_named(echo: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that refuses, and one that can't be reached, are named with the variable."""
    server = await asyncio.start_server(Proxy(refuses=True).serve, "127.0.0.1", 0)
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    with pytest.raises(errors.ConnectError, match=r"HTTP_PROXY=.* makes no connection"):
        await asked(f"http://127.0.0.1:{echo}/")
    server.close()
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(errors.ConnectError, match=r"HTTP_PROXY=.* can't be reached"):
        await asked(f"http://127.0.0.1:{echo}/")
