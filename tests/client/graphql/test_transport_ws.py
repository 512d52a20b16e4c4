"""The subprotocol, with servers that send anything, in this process."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hinterland.client.errors import ConnectionClosed, ConnectionLost, HinterlandError, InvalidResponse
from hinterland.client.graphql.transport_ws import ACKNOWLEDGED_WITHIN, SUBPROTOCOL, SharedSocket
from hinterland.client.payloads import GraphQLPayload
from hinterland.kit.clock import ManualClock, SystemClock
from tests.client.local.conftest import until

ACK = '{"type":"connection_ack"}'
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
TYPES = st.sampled_from(["next", "error", "complete", "ping", "pong", "connection_ack", "ka", ""])
IDS = st.sampled_from(["1", "2", ""])
MESSAGES = st.one_of(
    st.builds(lambda type, id, payload: json.dumps({"type": type, "id": id, "payload": payload}), TYPES, IDS, JSON),
    st.builds(lambda type, id: json.dumps({"type": type, "id": id}), TYPES, IDS),
    st.builds(lambda id: json.dumps({"type": "next", "id": id, "payload": {"data": {"a": 1}}}), IDS),
    st.builds(json.dumps, JSON),
    st.text(max_size=5),
    st.binary(max_size=5),
)


class PlayedLine:
    """A WebSocket whose server sends these messages, whatever it gets, and then closes it or is silent."""

    subprotocol = SUBPROTOCOL

    def __init__(self, messages: list[str | bytes], *, is_silent: bool = False) -> None:
        self._messages = messages
        self._is_silent = is_silent
        self.sent: list[dict[str, Any]] = []
        self.is_closed = asyncio.Event()

    async def receive(self) -> str | bytes:
        """The next message."""
        await asyncio.sleep(0)
        if self._messages:
            return self._messages.pop(0)
        if self._is_silent:
            await self.is_closed.wait()
        raise ConnectionClosed(close_code=1006)

    async def send(self, message: str | bytes) -> None:
        """Keep what is sent."""
        self.sent.append(json.loads(message))

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close it."""
        self.is_closed.set()


async def no_params() -> None:
    """Nothing."""


def socket_of(line: PlayedLine) -> SharedSocket:
    """A socket over the line."""

    async def dial() -> PlayedLine:
        return line

    return SharedSocket(dial, no_params, SystemClock())


async def all_of(socket: SharedSocket) -> list[GraphQLPayload]:
    """The responses to an operation."""
    return [payload async for payload in socket.stream({"query": "{ a }"})]


@given(st.lists(MESSAGES, max_size=12))
def test_whatever_a_server_sends(messages: list[str | bytes]) -> None:
    """An operation ends, or raises an error of the client's, whatever the server sends; nothing of another operation's
    reaches it."""

    async def run() -> None:
        socket = socket_of(PlayedLine([ACK, *messages]))
        try:
            found = await asyncio.wait_for(all_of(socket), 10)
            assert all(isinstance(payload, GraphQLPayload) for payload in found)
        except HinterlandError:
            return
        finally:
            await socket.close()

    asyncio.run(run())


async def test_the_conversation() -> None:
    """The messages of both sides, with a ping between them."""
    answer = '{"type":"next","id":"1","payload":{"data":{"a":1}}}'
    ping = '{"type":"ping","payload":{"n":1}}'
    line = PlayedLine([ping, ACK, '{"type":"ping"}', answer, '{"type":"complete","id":"1"}'], is_silent=True)
    socket = socket_of(line)
    assert [payload.data for payload in await all_of(socket)] == [{"a": 1}]
    assert line.sent[:2] == [{"type": "connection_init"}, {"type": "pong", "payload": {"n": 1}}]
    assert {"type": "subscribe", "id": "1", "payload": {"query": "{ a }"}} in line.sent[2:]
    assert {"type": "pong"} in line.sent[2:]
    await socket.close()
    assert line.is_closed.is_set()


async def test_an_operation_that_is_left() -> None:
    """The server is sent `complete` for an operation that is left while it runs."""
    line = PlayedLine([ACK, '{"type":"next","id":"1","payload":{"data":{"a":1}}}'], is_silent=True)
    socket = socket_of(line)
    stream = socket.stream({"query": "{ a }"})
    assert (await anext(stream)).data == {"a": 1}
    await stream.aclose()
    assert line.sent[-1] == {"type": "complete", "id": "1"}
    await socket.close()


async def test_a_server_that_never_acknowledges() -> None:
    """A connection that is not acknowledged is given up, for all who wait for it."""
    line, clock = PlayedLine([], is_silent=True), ManualClock()

    async def dial() -> PlayedLine:
        return line

    socket = SharedSocket(dial, no_params, clock)
    waiting = [asyncio.create_task(all_of(socket)) for _ in range(3)]
    await until(lambda: clock.waiting)
    await clock.advance(ACKNOWLEDGED_WITHIN)
    for task in waiting:
        with pytest.raises(ConnectionLost):
            await asyncio.wait_for(task, 10)
    assert line.is_closed.is_set()


async def test_another_subprotocol() -> None:
    """A server that chose none is not spoken to."""
    line = PlayedLine([])
    line.subprotocol = ""
    with pytest.raises(InvalidResponse):
        await all_of(socket_of(line))
    assert (line.sent, line.is_closed.is_set()) == ([], True)
