"""GraphQL over WebSocket: the subprotocols `graphql-transport-ws` and the older `graphql-ws`.

Both are the same conversation in other words: the client introduces itself, begins operations by ids of its own, and
may end each. A query or mutation has one response, a subscription any number.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Coroutine, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

import msgspec
from graphql import OperationType

from hinterland.contract.errors import Refusal
from hinterland.contract.identity import Principal
from hinterland.kit import strict_json
from hinterland.kit.pacer import Pacer
from hinterland.kit.time_limit import within
from hinterland.server.backend import Backend
from hinterland.server.callers import caller_of
from hinterland.server.data.delivery import END, Delivery, InTurn
from hinterland.server.operations.call import Call
from hinterland.server.protocols.graphql.endpoint import Parameters, asked_of
from hinterland.server.protocols.graphql.errors import RequestError, errors_of
from hinterland.server.protocols.graphql.service import GraphQL
from hinterland.server.protocols.graphql.subscriptions import COMMIT, ENDED, POSITION, READY, RESYNC
from hinterland.server.websocket import SocketClosed, SocketMessage, WebSocket

log = logging.getLogger("hinterland.graphql")
INIT_SECONDS = 10.0
KEEP_ALIVE_SECONDS = 15.0  # clients of the older protocol close a connection that brings no `ka` for 30
MOST_OPERATIONS = 100  # of one connection at once
MOST_ID = 256  # characters: each event of a subscription has its id
_INVALID = f"Invalid message: send a JSON object with type, and a text as id, of up to {MOST_ID} characters"
_LARGE = 16 * 1024  # bytes of a message, which is read in a thread
_TOKENS = ("authorization", "Authorization", "token", "access_token", "authToken")
_decode, _encode = strict_json.decode, msgspec.json.encode


class Words(NamedTuple):
    """The words of a subprotocol."""

    begin: str
    end: str
    result: str
    completes_on_error: bool


SUBPROTOCOLS = {
    "graphql-transport-ws": Words("subscribe", "complete", "next", completes_on_error=False),
    "graphql-ws": Words("start", "stop", "data", completes_on_error=True),
}


class GraphQLSocket:
    """One connection that speaks one of the subprotocols."""

    def __init__(
        self,
        backend: Backend,
        service: GraphQL,
        socket: WebSocket,
        name: str,
        caller: Principal,
        address: str,
        *,
        sees_schema: bool,
    ) -> None:
        self.caller = caller
        self._sees_schema = sees_schema
        self._backend = backend
        self._service = service
        self._socket = socket
        self._is_old = name == "graphql-ws"
        self._words = SUBPROTOCOLS[name]
        self._address = address
        self._running: dict[str, asyncio.Task[None]] = {}
        rate = backend.settings.socket_messages_per_second
        self._pacer = Pacer(backend.clock, rate, 2 * rate)
        self._keeping: asyncio.Task[None] | None = None
        self._until = backend.clock.monotonic() + INIT_SECONDS
        self._is_open = False
        self._is_ended = False

    async def run(self) -> None:
        """Serve until it ends."""
        listeners = self._backend.feed.rights.listeners
        listeners.add(self)
        try:
            while (data := await self._next()) is not None:
                await self._pacer.turn(len(data))
                await self._take(data)
        except SocketClosed:
            pass
        finally:
            listeners.discard(self)
            tasks = [*self._running.values(), *([self._keeping] if self._keeping is not None else [])]
            for task in tasks:
                task.cancel()
            if tasks:
                await asyncio.wait(tasks)

    def end(self) -> None:
        """The caller's session has ended, or its rights are others: the client connects anew."""
        self._is_ended = True
        self._start("", self._socket.close(4401, "Unauthorized"))

    async def _next(self) -> str | bytes | None:
        """The next message; None where the client is not introduced in time, whatever else it sends."""
        if self._is_open:
            return await self._socket.receive()
        left = self._until - self._backend.clock.monotonic()
        try:
            return await within(self._backend.clock, left, self._socket.receive)
        except TimeoutError:
            await self._socket.close(4408, "Connection initialisation timeout")
            return None

    async def _take(self, data: str | bytes) -> None:
        try:
            decode = partial(_decode, data.encode() if isinstance(data, str) else data)
            message = await asyncio.to_thread(decode) if len(data) > _LARGE else decode()
            kind, id = message.get("type"), message.get("id", "")
            payload = message.get("payload") or {}
            if not isinstance(id, str) or len(id) > MOST_ID or not isinstance(payload, dict):
                raise TypeError
        except (strict_json.StrictJsonError, AttributeError, TypeError):
            await self._socket.close(4400, _INVALID)
            return
        if kind == "connection_init":
            await self._introduce(payload)
        elif kind == "ping" and not self._is_old:
            await self._send_message("pong", payload=payload)
        elif kind == "pong" and not self._is_old:
            return
        elif kind == "connection_terminate" and self._is_old:
            await self._socket.close(1000)
        elif kind == self._words.begin and not self._is_open:
            await self._socket.close(4401, "Unauthorized: send connection_init first")
        elif kind == self._words.begin and id:
            await self._begin(id, payload)
        elif kind == self._words.end and id:
            if (task := self._running.get(id)) is not None:
                task.cancel()
        else:
            await self._socket.close(4400, f"Invalid message: {self._reason(kind)}")

    def _reason(self, kind: object) -> str:
        """Why a message is not taken, in the 123 bytes that a close frame has."""
        if kind in (self._words.begin, self._words.end):
            return f"{kind} needs an id"
        other = next((name for name, words in SUBPROTOCOLS.items() if kind in words[:2]), "")
        if other:
            return f"{kind} is of the subprotocol {other}; offer that one, or send {self._words.begin}"
        return f"unknown type {str(kind)[:32]!a}; send {self._words.begin} or {self._words.end}"

    async def _introduce(self, payload: Mapping[str, Any]) -> None:
        if self._is_open:
            await self._socket.close(4429, "Too many initialisation requests")
            return
        given = next((payload[name] for name in _TOKENS if payload.get(name)), None)
        headers = payload.get("headers")
        if given is None and isinstance(headers, dict):
            given = next((headers[name] for name in _TOKENS if headers.get(name)), None)
        try:
            if given is not None:
                text = str(given)
                text = text if text[:7].lower() == "bearer " else f"Bearer {text}"
                self.caller = await caller_of(self._backend, text.encode())
        except Refusal as refusal:
            if self._is_old:
                await self._send_message("connection_error", payload={"message": refusal.message})
            await self._socket.close(4403, f"Forbidden: {refusal.message}")
            return
        self._is_open = True
        await self._send_message("connection_ack")
        if self._is_old:
            self._keeping = asyncio.create_task(self._keep_alive())

    async def _keep_alive(self) -> None:
        """Say that the connection lives, now and as long as it does: the older protocol has no pings of the client."""
        with suppress(SocketClosed):
            while True:
                await self._send_message("ka")
                await self._backend.clock.sleep(KEEP_ALIVE_SECONDS)

    # ---------------------------------------------------------------- operations

    async def _begin(self, id: str, payload: Mapping[str, Any]) -> None:
        if id in self._running:
            await self._socket.close(4409, f"Subscriber for {id} already exists")
        elif len(self._running) >= MOST_OPERATIONS:
            refusal = Refusal("rate_limited", f"a connection has {MOST_OPERATIONS} operations at most; end one first")
            await self._fail(id, errors_of(refusal))
        else:
            self._start(id, self._operate(id, payload))

    def _start(self, id: str, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._running[id] = task
        task.add_done_callback(lambda task: self._ended(id, task))

    def _ended(self, id: str, task: asyncio.Task[None]) -> None:
        if self._running.get(id) is task:
            del self._running[id]
        if not task.cancelled() and (error := task.exception()) is not None and not isinstance(error, SocketClosed):
            log.error("a GraphQL socket broke off", exc_info=error)
            self._start("", self._socket.close(1011, "Internal server error"))

    async def _operate(self, id: str, payload: Mapping[str, Any]) -> None:
        try:
            asked = asked_of(dict(payload))._replace(sees_schema=self._sees_schema)
            call = Call(caller=self.caller, input=None, address=self._address)
            _, operation = await self._service.read(asked, call.asker)
            if operation.operation is OperationType.SUBSCRIPTION:
                await self._follow(id, asked, call)
            else:
                body = (await self._service.respond(call.caller, self._address, asked, is_get=False)).body
                await self._send(id, body)
        except (RequestError, Refusal) as error:
            await self._fail(id, errors_of(error))
            return
        if not self._is_ended:  # else it is cut off: the client comes back, and is not to take it for complete
            self._running.pop(id, None)
            await self._send_message("complete", id)

    async def _follow(self, id: str, asked: Parameters, call: Call[None]) -> None:
        followed = await self._service.follow(asked, call)
        head = b'{"type":%b,"id":%b,"payload":' % (_encode(self._words.result), _encode(id))
        shown = COMMIT + RESYNC + ENDED + (READY + POSITION if followed.tells_cursor else b"")

        is_over = False

        def deliver(data: bytes) -> Awaitable[None] | None:
            nonlocal is_over
            events = [event for event in data.split(END) if event and event[:1] in shown]
            messages = [SocketMessage.of_text(head + event[1:] + b"}") for event in events]
            is_over = bool(events) and events[-1][:1] == ENDED
            if len(events) == 1 and events[0][:1] == COMMIT:
                delivery.keep(data, messages[0])
            waiting = [sent for message in messages if (sent := self._socket.send(message)) is not None]
            return InTurn(waiting) if waiting else None

        # What is sent is made once for all who ask the same with the same id.
        delivery = Delivery(followed.subscription, deliver, self._socket.send, head)
        try:
            await delivery.run()
        finally:
            followed.subscription.end()
        if followed.subscription.is_slow:
            await self._socket.close(1013, "what was sent was not read in time")
        elif not is_over and not self._is_ended:  # which is not completion: the client comes back with its cursor
            await self._socket.close(1012, "the subscription can't go on; come back")

    # ---------------------------------------------------------------- sending

    async def _send(self, id: str, body: bytes) -> None:
        text = b'{"type":%b,"id":%b,"payload":%b}' % (_encode(self._words.result), _encode(id), body)
        await self._write(text)

    async def _fail(self, id: str, errors: list[dict[str, Any]]) -> None:
        self._running.pop(id, None)
        await self._send_message("error", id, payload=errors[0] if self._is_old else errors)
        if self._words.completes_on_error:
            await self._send_message("complete", id)

    async def _send_message(self, kind: str, id: str = "", payload: Any = None) -> None:
        message: dict[str, Any] = {"type": kind}
        message |= {"id": id} if id else {}
        message |= {"payload": payload} if payload else {}
        await self._write(_encode(message))

    async def _write(self, text: bytes) -> None:
        if (waiting := self._socket.send(SocketMessage.of_text(text))) is not None:
            await waiting
