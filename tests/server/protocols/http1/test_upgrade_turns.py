"""A WebSocket whose peer sends a lot at once."""

from __future__ import annotations

import asyncio
from typing import Any

from websockets.asyncio.client import connect
from websockets.frames import Frame, Opcode

from hinterland.server.websocket import SOCKET, SocketClosed, SocketMessage
from tests.server.protocols.http1.wire import connected


async def test_many_small_frames_leave_others_their_turn() -> None:
    """Thousands of fragments that come at once are read in many turns of the loop, in order, and none is lost."""
    sockets: list[Any] = []

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        sockets.append(await scope[SOCKET].accept("", most_bytes=10_000, silence=3_600.0))
        try:
            sockets[0].send(SocketMessage("open"))
            sockets[0].send(SocketMessage(await sockets[0].receive()))
            await sockets[0].receive()
        except SocketClosed:
            pass

    digits = [b"%d" % (number % 10) for number in range(5_000)]
    frames = [Frame(Opcode.CONT if number else Opcode.TEXT, digit, fin=number == 4_999).serialize(mask=True)
              for number, digit in enumerate(digits)]  # fmt: skip
    turns = 0
    async with connected(serve) as (_, writer):
        host, port = writer.get_extra_info("peername")
        async with connect(f"ws://{host}:{port}/chat") as client:
            assert await client.recv() == "open"
            sockets[0].data_received(b"".join(frames))
            while sockets[0]._unparsed:
                turns += 1
                await asyncio.sleep(0)
            assert await client.recv() == b"".join(digits).decode()
    assert turns >= 10
