"""`GET /v1/events`: the feed as Server-sent events (WHATWG HTML §9.2), a raw ASGI application.

`collection=a&collection=b`, and for a single one `filter=` (CEL); `cursor=`, or the header Last-Event-ID, which wins
since a browser that comes back repeats the URL, as does `lastEventId=`, which libraries send that can't send a header.
A bearer header or a `ticket=` says who the caller is. A stream lives as long as the session of its caller: the access
token that opened it may expire meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from hinterland.contract.errors import Refusal
from hinterland.contract.events import Resync, StreamQuery
from hinterland.contract.identity import SIGNED_OUT, Principal
from hinterland.contract.operations import path_of
from hinterland.kit.asgi import AsgiMessage, AsgiReceive, AsgiScope, AsgiSend
from hinterland.kit.closest_first import closest_first
from hinterland.kit.eager import begin
from hinterland.server.backend import Backend
from hinterland.server.callers import authenticate, caller_address
from hinterland.server.data.encoding import VisibleChange
from hinterland.server.data.subscription import Sink, Subscription
from hinterland.server.data.views import change_head
from hinterland.server.http import LIMIT, PIECES, HttpRequest
from hinterland.server.operations.call import Call
from hinterland.server.operations.sync import subscribe
from hinterland.server.streaming import serve

_SECRETS = frozenset({"access_token", "token", "authorization", "bearer", "jwt"})
_WORDS = frozenset(StreamQuery.__struct_fields__)
_RETRY_AFTER_END = "retry: 60000"  # milliseconds, for a browser that comes back for the same stream
_NEWLINE = b"\ndata: "
_LONG_LINE = 16 * 1024  # characters; readers of lines have bounds, from 64 KiB on
_AROUND_RECORD = len(',"record":}')
_HEAD: AsgiMessage = {
    "type": "http.response.start",
    "status": 200,
    "headers": [
        (b"content-type", b"text/event-stream; charset=utf-8"),
        (b"cache-control", b"no-store, no-transform"),  # a proxy that compresses would hold events back
        (b"x-accel-buffering", b"no"),
    ],
}


def _head(name: str, cursor: str) -> bytes:
    id = f"id: {cursor}\n" if cursor else ""
    retry = f"{_RETRY_AFTER_END}\n" if name == "end" else ""
    return f"{id}event: {name}\n{retry}data: ".encode()


class SseEncoder:
    """Server-sent events, and a comment where nothing happens (WHATWG HTML §9.2). The data are JSON in short lines."""

    silence = b":\n\n"

    def ready(self, cursor: str) -> bytes:
        """The `ready` event."""
        return _event("ready", cursor, b"{}")

    def position(self, cursor: str) -> bytes:
        """The `position` event."""
        return _event("position", cursor, b"{}")

    def resync(self, cursor: str, reason: str) -> bytes:
        """The `resync` event."""
        return _event("resync", cursor, msgspec.json.encode(Resync(reason=reason)))

    def end(self, cursor: str, refusal: Refusal) -> bytes:
        """The `end` event."""
        return _event("end", cursor, msgspec.json.encode(refusal.problem()))

    def changes(self, revision: int, changes: Sequence[VisibleChange]) -> bytes:
        """The data of a `commit` event."""
        texts = (b"," + _NEWLINE).join(map(_change, changes))
        return b'{"revision":%d,"changes":[%b]}\n\n' % (revision, texts)

    def commit_head(self, cursor: str, changes: bytes) -> bytes:
        """A `commit` event up to its data."""
        return _head("commit", cursor)


SSE = SseEncoder()


def _event(name: str, cursor: str, data: bytes) -> bytes:
    return b"%b%b\n\n" % (_head(name, cursor), data)


def _change(change: VisibleChange) -> bytes:
    """A ChangeEvent; in a large one, each value is a line."""
    head = change_head(change.seen.kind, change.collection, change.delta)
    record = change.seen.record
    if record is None:
        return f"{head}}}".encode()
    if len(head) + len(record.text) + _AROUND_RECORD < _LONG_LINE:
        return b'%b,"record":%b}' % (head.encode(), record.encoded())
    lines = msgspec.json.format(f"{head}}}".encode(), indent=1).removesuffix(b"\n}").replace(b"\n", _NEWLINE)
    return b'%b,%b "record": %b%b}' % (lines, _NEWLINE, record.in_lines(_NEWLINE), _NEWLINE)


def read_query(pairs: Sequence[tuple[str, str]], last_event_id: str = "") -> StreamQuery:
    """What a decoded query string asks for. Raises `invalid_query`."""
    words: dict[str, str] = {}
    collections: list[str] = []
    for name, value in pairs:
        if name.lower() in _SECRETS:
            raise _token_in_url(name)
        if name not in _WORDS:
            known = ", ".join(closest_first(name, sorted(_WORDS)))
            raise Refusal("invalid_query", f"unknown parameter {name[:64]!r}; allowed: {known}")
        if name == "collection":
            collections.append(value)
        elif name in words:
            raise Refusal("invalid_query", f"parameter {name} appears twice; send it once")
        else:
            words[name] = value
    if last_event_id:
        words["lastEventId"] = last_event_id
    return StreamQuery(collection=collections, **words)


def _token_in_url(name: str) -> Refusal:
    return Refusal(
        "invalid_query",
        f"{name}: a token is not allowed in a URL, which is logged; send the header Authorization: Bearer, or from a "
        f"browser get a ticket at {path_of('events.ticket')}",
    )


class EventStream:
    """The ASGI application of the operation `events.stream`."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def __call__(self, scope: AsgiScope, receive: AsgiReceive, send: AsgiSend) -> None:
        """Serve one stream. Raises the refusal that prevents it, before anything is sent."""
        if scope["method"] != "GET":
            raise Refusal("method_not_allowed", "a stream takes GET", headers=(("Allow", "GET"),))
        request = HttpRequest(scope, receive)
        wanted = read_query(request.query(), request.header(b"last-event-id"))
        caller = await self._caller(request, wanted)
        call = Call(caller=caller, input=wanted, address=caller_address(self._backend, request))
        subscription = await subscribe(self._backend, call, SSE)
        if LIMIT in scope:
            scope[LIMIT].lift()
        try:
            await send({**_HEAD, "headers": [*_HEAD["headers"]]})
            await serve(subscription, _send_all(subscription, scope, send), receive, self._backend.clock)
        finally:
            subscription.end()

    async def _caller(self, request: HttpRequest, wanted: StreamQuery) -> Principal:
        await authenticate(self._backend, request, "optional")
        if request.caller is SIGNED_OUT and wanted.ticket is not None:
            return await self._backend.tickets.redeem(wanted.ticket)
        return request.caller


async def _send_all(subscription: Subscription, scope: AsgiScope, send: AsgiSend) -> None:
    await send({"type": "http.response.body", "body": SSE.silence, "more_body": True})
    sinks: list[Sink] = [lambda data: begin(send({"type": "http.response.body", "body": data, "more_body": True}))]
    if PIECES in scope.get("extensions", ()):
        await send({"type": PIECES, "use": sinks.append})
    subscription.sink = sinks[-1]
    while data := await subscription.next():
        await send({"type": "http.response.body", "body": data, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})
