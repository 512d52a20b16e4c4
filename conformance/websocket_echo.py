"""A server that sends back every message of a WebSocket, on the server's own HTTP/1.1 connections."""

from __future__ import annotations

import asyncio
import sys

import uvicorn

from hinterland.kit.asgi import AsgiReceive, AsgiScope, AsgiSend
from hinterland.server.http import HttpAnswer, send_answer
from hinterland.server.protocols.http1.connection import HttpConnection
from hinterland.server.websocket import SOCKET, Handshake, SocketClosed, SocketMessage

MOST_BYTES = 64 * 1024 * 1024


class Compressed(SocketMessage):
    """A message that is compressed whatever its size, since the cases are about that."""

    __slots__ = ()
    least_compressed, most_compressed = 0, sys.maxsize


async def echo(scope: AsgiScope, receive: AsgiReceive, send: AsgiSend) -> None:
    """The application."""
    handshake: Handshake | None = scope.get(SOCKET)
    if handshake is None:
        await send_answer(scope, send, HttpAnswer(426, [(b"upgrade", b"websocket")], b"a WebSocket\n"))
        return
    socket = await handshake.accept(most_bytes=MOST_BYTES, silence=60.0)
    try:
        while True:
            waiting = socket.send(Compressed(await socket.receive()))
            if waiting is not None:
                await waiting
    except SocketClosed:
        pass


if __name__ == "__main__":
    config = uvicorn.Config(
        echo,
        port=int(sys.argv[1]),
        lifespan="off",
        access_log=False,
        http=HttpConnection,
        ws="none",
        log_level="warning",
    )
    asyncio.run(uvicorn.Server(config).serve())
