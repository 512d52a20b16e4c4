"""GraphQL over Server-sent events, a connection for each operation: its responses are `next` events, and `complete`
says that there are no more."""

from __future__ import annotations

from collections.abc import Awaitable

import msgspec
from graphql import OperationType

from hinterland.contract.errors import Refusal
from hinterland.contract.identity import Principal
from hinterland.kit.asgi import AsgiMessage, AsgiSend
from hinterland.kit.eager import begin
from hinterland.server.backend import Backend
from hinterland.server.data.delivery import END, Delivery
from hinterland.server.data.subscription import Subscription
from hinterland.server.http import LIMIT, HttpRequest
from hinterland.server.operations.call import Call
from hinterland.server.protocols.graphql.endpoint import Parameters
from hinterland.server.protocols.graphql.errors import RequestError, errors_of
from hinterland.server.protocols.graphql.service import GraphQL
from hinterland.server.protocols.graphql.subscriptions import COMMIT, ENDED, POSITION, READY, RESYNC
from hinterland.server.streaming import serve

_encode = msgspec.json.encode
SILENCE, _COMPLETE = b":\n\n", b"event: complete\ndata:\n\n"
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store, no-transform"),
    (b"x-accel-buffering", b"no"),
]


class GraphQLStream:
    """One response."""

    def __init__(self, backend: Backend, service: GraphQL, caller: Principal, address: str) -> None:
        self._backend = backend
        self._service = service
        self._caller = caller
        self._address = address

    async def serve(self, asked: Parameters, request: HttpRequest, send: AsgiSend) -> None:
        """Answer a request. What is wrong with the document is its response; raises refusals of the caller."""
        try:
            call = Call(caller=self._caller, input=None, address=self._address)
            _, operation = await self._service.read(asked, call.asker)
            if operation.operation is not OperationType.SUBSCRIPTION:
                is_get = request.method != "POST"
                body = (await self._service.respond(self._caller, self._address, asked, is_get=is_get)).body
                await _whole(send, _next(body))
                return
            followed = await self._service.follow(asked, call)
        except (RequestError, Refusal) as error:
            await _whole(send, _next(_encode({"errors": errors_of(error)})))
            return
        if LIMIT in request.scope:
            request.scope[LIMIT].lift()
        subscription = followed.subscription
        shown = COMMIT + RESYNC + ENDED + (READY + POSITION if followed.tells_cursor else b"")
        try:
            await send(start())
            sending = _send_all(subscription, shown, send)
            await serve(subscription, sending, request.receive, self._backend.clock)
        finally:
            subscription.end()


async def _send_all(subscription: Subscription, shown: bytes, send: AsgiSend) -> None:
    await send(piece(SILENCE))
    is_complete = False

    def deliver(data: bytes) -> Awaitable[None] | None:
        nonlocal is_complete
        events = [event for event in data.split(END) if event and event[:1] in shown]
        is_complete = bool(events) and events[-1][:1] == ENDED
        return begin(send(piece(b"".join([_next(event[1:]) for event in events]) or SILENCE)))

    await Delivery(subscription, deliver).run()
    # One that the server can't continue is cut: its client opens it anew, with its cursor.
    await send(piece(_COMPLETE if is_complete else b"", has_more=False))


async def _whole(send: AsgiSend, events: bytes) -> None:
    await send(start())
    await send(piece(events + _COMPLETE, has_more=False))


def start() -> AsgiMessage:
    """The beginning of a stream."""
    return {"type": "http.response.start", "status": 200, "headers": [*_HEADERS]}


def piece(data: bytes, *, has_more: bool = True) -> AsgiMessage:
    """A piece of it."""
    return {"type": "http.response.body", "body": data, "more_body": has_more}


def _next(body: bytes) -> bytes:
    return b"event: next\ndata: %b\n\n" % body
