"""The subprotocol `graphql-transport-ws`: any number of operations over one WebSocket, of any GraphQL server.

The connection opens with the first operation and closes a while after the last one. It does not come back by itself:
an operation that it cuts ends with the error, and its caller begins it again.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import suppress
from copy import copy
from typing import Any

import msgspec

from hinterland.client.documents import decoded
from hinterland.client.errors import ConnectionClosed, ConnectionLost, HinterlandError, InvalidResponse
from hinterland.client.exchange import OpenWebSocket
from hinterland.client.payloads import OPERATION, GraphQLPayload
from hinterland.kit.clock import Clock
from hinterland.kit.time_limit import within

SUBPROTOCOL = "graphql-transport-ws"
ACKNOWLEDGED_WITHIN = 10.0  # seconds
IDLE = 5.0  # seconds that a connection without operations is kept
MOST_UNREAD = 1_000  # responses of an operation that wait to be read; further ones end it, and it begins again
_encode = msgspec.json.encode
ConnectionParams = Callable[[], Awaitable[Mapping[str, Any] | None]]


class SocketMessageOfServer(msgspec.Struct, frozen=True):
    """A message of the server, as far as it is known before its type is."""

    type: str
    id: str = ""
    payload: msgspec.Raw = msgspec.Raw()


class RunningOperation:
    """An operation that runs over a connection: its responses that are not read yet, and how it ends."""

    def __init__(self) -> None:
        self.unread: asyncio.Queue[GraphQLPayload | HinterlandError | None] = asyncio.Queue()
        self.is_over = False

    def put(self, item: GraphQLPayload | HinterlandError | None) -> None:
        """Take a response, the error with which it ends, or None: it is complete."""
        if not self.is_over:
            self.is_over = not isinstance(item, GraphQLPayload)
            self.unread.put_nowait(item)


class SharedSocket:
    """One connection for many operations. `dial` opens it, `params` makes the payload of `connection_init`."""

    def __init__(self, dial: Callable[[], Awaitable[OpenWebSocket]], params: ConnectionParams, clock: Clock) -> None:
        self._dial = dial
        self._params = params
        self._clock = clock
        self._ids = itertools.count(1)
        self._running: dict[str, RunningOperation] = {}
        self._websocket: OpenWebSocket | None = None
        self._opening: asyncio.Task[OpenWebSocket] | None = None
        self._reading: asyncio.Task[None] | None = None
        self._idling: asyncio.Task[None] | None = None

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection now."""
        return self._websocket is not None

    async def stream(self, payload: Mapping[str, Any]) -> AsyncGenerator[GraphQLPayload, None]:
        """The responses to a request, to its end. Raises the error of a connection that ends before."""
        id, operation = str(next(self._ids)), RunningOperation()
        websocket = await self._connected(id, operation)
        try:
            await websocket.send(_message("subscribe", id, payload))
            while (item := await operation.unread.get()) is not None:
                if isinstance(item, HinterlandError):
                    raise copy(item)
                yield item
        finally:
            self._running.pop(id, None)
            if not operation.is_over and self._websocket is websocket:
                with suppress(ConnectionClosed):
                    await websocket.send(_message("complete", id))
            self._rest()

    async def close(self) -> None:
        """Close the connection; what runs over it raises ConnectionLost."""
        opening, self._opening = self._opening, None
        for task in (opening, self._idling):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        await self._let_go(ConnectionLost(detail="the connection was closed here", sent="no", operation=OPERATION))

    # ---------------------------------------------------------------- the connection

    async def _connected(self, id: str, operation: RunningOperation) -> OpenWebSocket:
        """The connection, opened where there is none: for all who ask meanwhile at once."""
        if self._idling is not None:
            self._idling.cancel()
            self._idling = None
        self._running[id] = operation
        try:
            if self._websocket is None:
                if self._opening is None or self._opening.done():
                    self._opening = asyncio.create_task(self._open())
                    self._opening.add_done_callback(lambda task: task.cancelled() or task.exception())
                return await asyncio.shield(self._opening)
        except asyncio.CancelledError:
            self._running.pop(id, None)
            if self._opening is None or self._opening.cancelled():
                raise ConnectionLost(detail="the connection was closed here", sent="no") from None
            raise
        except HinterlandError as error:
            self._running.pop(id, None)
            raise copy(error) from None
        return self._websocket

    async def _open(self) -> OpenWebSocket:
        websocket = await self._dial()
        try:
            if websocket.subprotocol != SUBPROTOCOL:
                raise InvalidResponse(f"The server does not speak {SUBPROTOCOL}.", operation=OPERATION)
            params = await self._params()
            await websocket.send(_message("connection_init", payload=params))
            await within(self._clock, ACKNOWLEDGED_WITHIN, lambda: self._acknowledged(websocket))
        except TimeoutError:
            await websocket.close()
            raise ConnectionLost(detail="the server did not acknowledge the connection", sent="no") from None
        except BaseException:
            await websocket.close()
            raise
        self._websocket = websocket
        self._reading = asyncio.create_task(self._read(websocket))
        return websocket

    async def _acknowledged(self, websocket: OpenWebSocket) -> None:
        while (message := _read_message(await websocket.receive())).type != "connection_ack":
            await self._answer(websocket, message)

    async def _read(self, websocket: OpenWebSocket) -> None:
        try:
            while True:
                message = _read_message(await websocket.receive())
                operation = self._running.get(message.id)
                if operation is None:
                    await self._answer(websocket, message)
                elif message.type == "next":
                    operation.put(decoded(bytes(message.payload), GraphQLPayload, operation=OPERATION))
                    if operation.unread.qsize() >= MOST_UNREAD:
                        operation.put(ConnectionLost(detail="too much was unread", operation=OPERATION))
                        await websocket.send(_message("complete", message.id))
                elif message.type == "error":
                    errors = decoded(bytes(message.payload), list[dict[str, Any]], operation=OPERATION)
                    operation.put(GraphQLPayload(errors=errors))
                    operation.put(None)
                elif message.type == "complete":
                    operation.put(None)
        except HinterlandError as error:
            self._lost(websocket, error)
            await websocket.close()

    async def _answer(self, websocket: OpenWebSocket, message: SocketMessageOfServer) -> None:
        """Answer a ping; other messages are of operations that have ended here."""
        if message.type == "ping":
            await websocket.send(_message("pong", payload=message.payload or None))

    def _lost(self, websocket: OpenWebSocket, error: HinterlandError) -> None:
        if self._websocket is websocket:
            self._websocket = None
            for operation in self._running.values():
                operation.put(error)

    async def _let_go(self, error: HinterlandError) -> None:
        websocket, reading = self._websocket, self._reading
        if websocket is not None:
            self._lost(websocket, error)
            await websocket.close()
        if reading is not None and reading is not asyncio.current_task():
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    def _rest(self) -> None:
        """Close the connection where nothing runs over it for a while."""
        if not self._running and self._websocket is not None and self._idling is None:
            self._idling = asyncio.create_task(self._close_idle())

    async def _close_idle(self) -> None:
        await self._clock.sleep(IDLE)
        self._idling = None
        if not self._running:
            await self._let_go(ConnectionLost(sent="no"))


def _message(type: str, id: str = "", payload: Any = None) -> str:
    message: dict[str, Any] = {"type": type}
    message |= {"id": id} if id else {}
    message |= {} if payload is None else {"payload": payload}
    return _encode(message).decode()


def _read_message(data: str | bytes) -> SocketMessageOfServer:
    return decoded(data.encode() if isinstance(data, str) else data, SocketMessageOfServer, operation=OPERATION)
