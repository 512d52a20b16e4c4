"""A WebSocket that the server closes while its peer goes on."""

from __future__ import annotations

import asyncio
from typing import Any

from websockets.asyncio.client import connect
from websockets.frames import Frame, Opcode

from hinterland.server.websocket import SOCKET, SocketClosed, SocketMessage
from tests.server.protocols.http1.wire import connected


async def test_closed_socket_receives_nothing() -> None:
    """What a peer sent before it was closed, and what it sends in place of its own close frame, is not received."""
    received: list[Any] = []
    ended = asyncio.Event()

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        socket = await scope[SOCKET].accept("", most_bytes=10_000, silence=3_600.0)
        received.append(await socket.receive())
        texts = [Frame(Opcode.TEXT, text).serialize(mask=True) for text in (b"before", b"behind")]
        socket.data_received(texts[0])
        await socket.close(4401, "ended")
        socket.data_received(texts[1])
        try:
            received.append(await socket.receive())
        except SocketClosed as end:
            received.append((end.code, end.reason))
        ended.set()

    async with connected(serve) as (_, writer):
        host, port = writer.get_extra_info("peername")
        async with connect(f"ws://{host}:{port}/chat") as client:
            await client.send("first")
            await asyncio.wait_for(ended.wait(), 30)
            await client.wait_closed()
            assert client.close_code == 4401
    assert received == ["first", (4401, "ended")]


async def test_who_waits_for_a_reader_that_is_lost() -> None:
    """Who waits until a slow reader takes more learns that its connection was lost, and prepares no more."""
    ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        socket = await scope[SOCKET].accept("", most_bytes=10_000, silence=3_600.0)
        while (waiting := socket.send(SocketMessage(b"x" * 1_000_000))) is None:
            pass
        asyncio.get_running_loop().call_soon(socket.transport.abort)
        try:
            await waiting
        except SocketClosed as end:
            ended.set_result(end.code)

    async with connected(serve) as (_, writer):
        host, port = writer.get_extra_info("peername")
        async with connect(f"ws://{host}:{port}/chat", max_size=None, max_queue=1):
            assert await asyncio.wait_for(ended, 30) == 1006
