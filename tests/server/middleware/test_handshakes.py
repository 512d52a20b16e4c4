"""WebSockets of other web servers."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from hinterland.server.middleware.handshakes import AsgiWebSocket
from hinterland.server.websocket import SocketClosed


async def test_closed_socket_receives_nothing() -> None:
    """What a peer sends after its socket was closed is not received, also where it was waited for already."""
    coming: asyncio.Queue[Any] = asyncio.Queue()
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    socket = AsgiWebSocket(coming.get, send, 1_000)
    waiting = asyncio.create_task(socket.receive())
    await asyncio.sleep(0)
    await socket.close(4401, "ended")
    coming.put_nowait({"type": "websocket.receive", "text": "late"})
    for receiving in (waiting, socket.receive()):
        with pytest.raises(SocketClosed) as end:
            await receiving
        assert end.value.code == 4401
    assert sent == [{"type": "websocket.close", "code": 4401, "reason": "ended"}]
