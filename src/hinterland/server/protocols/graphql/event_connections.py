"""GraphQL over Server-sent events with one connection for all operations of a client.

A client reserves a connection and is given its token. It opens the stream with that, and begins and ends operations by
requests of their own, which name them by ids. What the operations have as results goes through the stream.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Coroutine
from typing import Any

import msgspec
from graphql import OperationType

from hinterland.contract.errors import Refusal
from hinterland.contract.identity import SIGNED_OUT, Principal
from hinterland.kit.asgi import AsgiReceive, AsgiSend
from hinterland.kit.eager import begin
from hinterland.server.backend import Backend
from hinterland.server.data.delivery import END, Delivery
from hinterland.server.http import LIMIT, HttpRequest
from hinterland.server.operations.call import Call
from hinterland.server.protocols.graphql.endpoint import Parameters
from hinterland.server.protocols.graphql.errors import RequestError, errors_of
from hinterland.server.protocols.graphql.service import GraphQL
from hinterland.server.protocols.graphql.streams import SILENCE, piece, start
from hinterland.server.protocols.graphql.subscriptions import COMMIT, ENDED, POSITION, READY, RESYNC

log = logging.getLogger("hinterland.graphql")
RESERVED_SECONDS = 30.0  # for which a reservation waits to be opened
MOST_OPERATIONS = 100  # of one connection at once
MOST_ID = 256  # characters: each event of a subscription has its id
_encode = msgspec.json.encode


class EventConnection:
    """The operations of one client, and the stream of their results once it is open."""

    def __init__(self, backend: Backend, service: GraphQL, caller: Principal, address: str) -> None:
        self.token = secrets.token_urlsafe(24)
        self.caller = caller
        self.owner = caller.id or address
        self.is_open = False
        self._backend = backend
        self._service = service
        self.address = address
        self._running: dict[str, asyncio.Task[None]] = {}
        self._opened = asyncio.Event()
        self._ended = asyncio.Event()
        self._turn = asyncio.Lock()
        self._send: AsgiSend | None = None

    # ---------------------------------------------------------------- the stream

    async def serve(self, request: HttpRequest, send: AsgiSend) -> None:
        """Send what the operations deliver until the reader goes away, or the caller's right or the server ends."""
        self.is_open, self._send = True, send
        if LIMIT in request.scope:
            request.scope[LIMIT].lift()
        waits = (
            _gone(request.receive), self._ended.wait(), self._backend.feed.closed.wait(), self._keep_alive()
        )  # fmt: skip
        tasks = [asyncio.ensure_future(each) for each in waits]
        try:
            await send(start())
            await send(piece(SILENCE))
            self._opened.set()
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await _cancelled([*tasks, *self._running.values()])
        await send(piece(b"", has_more=False))

    def end(self) -> None:
        """The caller's session has ended, or its rights are others: the client connects anew."""
        self._ended.set()
        if not self.is_open:
            self.discard()

    @property
    def has_ended(self) -> bool:
        """Whether nothing may be done any longer that its caller asked for."""
        return self._ended.is_set()

    def discard(self) -> None:
        """End the operations of a connection that was never opened."""
        for task in self._running.values():
            task.cancel()

    async def _keep_alive(self) -> None:
        while True:
            await self._backend.clock.sleep(self._backend.settings.keep_alive_seconds)
            await self._write(SILENCE)

    async def _write(self, data: bytes) -> None:
        await self._opened.wait()
        async with self._turn:
            assert self._send is not None
            await self._send(piece(data))

    # ---------------------------------------------------------------- operations

    def begin(self, id: str, asked: Parameters, kind: OperationType, caller: Principal, *, is_get: bool) -> None:
        """Begin an operation. Raises refusals of what it is and of its id."""
        if id in self._running:
            raise Refusal("conflict", f"the operation {id[:100]!r} runs already; give each an id of its own")
        if len(self._running) >= MOST_OPERATIONS:
            message = f"a connection has {MOST_OPERATIONS} operations at most; end one first"
            raise Refusal("rate_limited", message, retry_after=1)
        if is_get and kind is OperationType.MUTATION:
            raise Refusal("method_not_allowed", "send a mutation with POST", headers=(("Allow", "POST"),))
        work = self._follow if kind is OperationType.SUBSCRIPTION else self._respond
        task = self._running[id] = asyncio.create_task(self._operate(id, work(id, asked, caller)))
        task.add_done_callback(lambda task: self._has_ended(id, task))

    def stop(self, id: str) -> None:
        """End an operation, if it runs."""
        if (task := self._running.get(id)) is not None:
            task.cancel()

    async def _operate(self, id: str, work: Coroutine[Any, Any, bool]) -> None:
        try:
            is_complete = await work
        except (RequestError, Refusal) as error:
            is_complete = await self._fail(id, errors_of(error))
        self._running.pop(id, None)
        if is_complete:
            await self._write(b'event: complete\ndata: {"id":%b}\n\n' % _encode(id))
        else:
            self.end()

    def _has_ended(self, id: str, task: asyncio.Task[None]) -> None:
        if self._running.get(id) is task:
            del self._running[id]
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("an operation on a stream failed", exc_info=error)
            self.end()

    async def _fail(self, id: str, errors: list[dict[str, Any]]) -> bool:
        await self._write(_next(id, _encode({"errors": errors})))
        return True

    async def _respond(self, id: str, asked: Parameters, caller: Principal) -> bool:
        await self._opened.wait()  # so that no response is kept for who may never come
        body = (await self._service.respond(caller, self.address, asked, is_get=False)).body
        await self._write(_next(id, body))
        return True

    async def _follow(self, id: str, asked: Parameters, caller: Principal) -> bool:
        """Whether it is over; else the server can't continue it, and the client opens a connection anew."""
        followed = await self._service.follow(asked, Call(caller=caller, input=None, address=self.address))
        shown = COMMIT + RESYNC + ENDED + (READY + POSITION if followed.tells_cursor else b"")

        is_over = False

        def deliver(data: bytes) -> Awaitable[None] | None:
            nonlocal is_over
            events = [event for event in data.split(END) if event and event[:1] in shown]
            is_over = bool(events) and events[-1][:1] == ENDED
            return begin(self._write(b"".join([_next(id, event[1:]) for event in events]))) if events else None

        try:
            await Delivery(followed.subscription, deliver).run()
        finally:
            followed.subscription.end()
        return is_over


class EventConnections:
    """The connections of this process, by their tokens."""

    def __init__(self, backend: Backend, service: GraphQL) -> None:
        self._backend = backend
        self._service = service
        self._found: dict[str, EventConnection] = {}
        self._expiries: set[asyncio.Task[None]] = set()  # which nothing else refers to

    def reserve(self, caller: Principal, address: str) -> str:
        """Reserve a connection; its token. Raises `rate_limited`."""
        made, settings = EventConnection(self._backend, self._service, caller, address), self._backend.settings
        most = settings.streams_per_account if caller.is_signed_in else settings.streams_per_address
        if sum(each.owner == made.owner for each in self._found.values()) >= most:
            raise Refusal("rate_limited", f"there are {most:,} connections; close one, then retry", retry_after=5)
        self._found[made.token] = made
        self._backend.feed.rights.listeners.add(made)  # from now on: what is begun may wait for the stream
        expiry = asyncio.create_task(self._expire(made))
        self._expiries.add(expiry)
        expiry.add_done_callback(self._expiries.discard)
        return made.token

    async def serve(self, token: str, request: HttpRequest, send: AsgiSend) -> None:
        """Serve the stream of a connection. Raises `not_found`, and `conflict` where it is open already.

        A browser's EventSource sends no header: the token alone opens the stream, once and soon after it was reserved.
        """
        found = self._of(token, None if request.caller is SIGNED_OUT else request.caller)
        if found.is_open:
            raise Refusal("conflict", "this connection is open already; reserve another one")
        try:
            await found.serve(request, send)
        finally:
            self._forget(found)

    async def begin(self, token: str, caller: Principal, asked: Parameters, *, is_get: bool) -> bytes | None:
        """Begin an operation; the body of a response where its document is wrong. Raises `not_found`,
        `invalid_body` for one without an id, `conflict` and `rate_limited`."""
        call = Call(caller=caller, input=None, address=self._of(token, caller).address)
        id = asked.extensions.get("operationId")
        if not isinstance(id, str) or not 1 <= len(id) <= MOST_ID:
            message = f"extensions.operationId: give each operation an id, a text of 1 to {MOST_ID} characters"
            raise Refusal("invalid_body", message)
        try:
            _, operation = await self._service.read(asked, call.asker)
        except RequestError as error:
            return _encode({"errors": errors_of(error)})
        self._of(token, caller).begin(id, asked, operation.operation, caller, is_get=is_get)
        return None

    def stop(self, token: str, request: HttpRequest) -> None:
        """End the operation that a request names, if it runs. Raises `not_found`, and `invalid_query` without an id."""
        id = next((value for name, value in request.query() if name == "operationId"), "")
        if not id:
            raise Refusal("invalid_query", "the parameter operationId is missing; name the operation to end")
        self._of(token, request.caller).stop(id)

    def _of(self, token: str, caller: Principal | None) -> EventConnection:
        """The connection with this token, which is the caller's. Raises `not_found`."""
        found = self._found.get(token)
        if found is None or found.has_ended or (caller is not None and found.caller.id != caller.id):
            message = "there is no such connection, or it is of another server process; reserve one with PUT"
            raise Refusal("not_found", message)
        return found

    async def _expire(self, reserved: EventConnection) -> None:
        """Forget a reservation that is not opened in time."""
        await self._backend.clock.sleep(RESERVED_SECONDS)
        if not reserved.is_open:
            self._forget(reserved)
            reserved.discard()

    def _forget(self, connection: EventConnection) -> None:
        self._found.pop(connection.token, None)
        self._backend.feed.rights.listeners.discard(connection)


async def _gone(receive: AsgiReceive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _cancelled(tasks: list[asyncio.Future[Any]]) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)


def _next(id: str, body: bytes) -> bytes:
    return b'event: next\ndata: {"id":%b,"payload":%b}\n\n' % (_encode(id), body)
