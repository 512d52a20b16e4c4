"""Messages that call operations: requests of HTTP in all but the way that they come.

So an operation is decided, limited, repeated and refused as it is by HTTP; nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from hinterland.contract.errors import Refusal, invalid
from hinterland.contract.identity import Principal
from hinterland.contract.operations import Operation
from hinterland.contract.socket import SocketCall, SocketError, SocketResult
from hinterland.contract.transfers import Download, body_field
from hinterland.kit.asgi import AsgiApp, AsgiMessage, AsgiScope
from hinterland.server.callers import CALLER

_encode = msgspec.json.encode
Identify = Callable[[], Awaitable[Principal]]
_OWN = frozenset({b"host", b"user-agent", b"x-forwarded-for", b"forwarded", b"accept-language"})
_VIEWS = frozenset({"stream", "socket"})
_CHARACTERS = ";,+$!*'()@:&="  # that a segment may have in addition to those that `quote` leaves (RFC 3986 §3.3)


class Answered:
    """A response as it was sent: its status, headers and body."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self._pieces: list[bytes] = []

    async def send(self, message: AsgiMessage) -> None:
        """ASGI's `send`."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = dict(message["headers"])
        else:
            self._pieces.append(message.get("body", b""))

    @property
    def body(self) -> bytes:
        """The whole body."""
        return b"".join(self._pieces)

    @property
    def is_json(self) -> bool:
        """Whether the body is JSON."""
        return b"json" in self.headers.get(b"content-type", b"") and self.body != b""


def request_of(rows: dict[str, Operation], call: SocketCall) -> tuple[str, bytes, bytes, list[tuple[bytes, bytes]]]:
    """Method, path, query and headers of a call's request. Raises `validation` for an operation that there is not, one
    that is no call, and segments that its path does not have."""
    row = rows.get(call.operation)
    if row is None:
        start = call.operation.rpartition(".")[0]  # /openapi.json describes records.list of each collection by itself
        if start in rows:
            hint = f"name {start!r}, with the collection in path"
        elif start == "records":
            hint = f"those of records are {', '.join(name for name in rows if name.startswith('records.'))}"
        else:
            hint = "/openapi.json lists them"
        raise invalid({"operation": [f"there is no operation {call.operation[:64]!r}; {hint}"]})
    if row.view in _VIEWS or row.output is Download or body_field(row.input):
        raise invalid({"operation": [f"{row.name} has a stream or a file; ask for it by HTTP at {row.path}"]})
    wanted, given = {*row.segments}, {*call.path}
    if wanted != given:
        names = ", ".join(sorted(wanted ^ given))
        raise invalid({"path": [f"the path of {row.name} is {row.path}; give its segments, and no others: {names}"]})
    path = row.path_of(**{name: _segment(name, value) for name, value in call.path.items()})
    headers = [(b"accept", b"application/json")]
    for name, value in ((b"if-match", call.if_match), (b"if-none-match", call.if_none_match)):
        headers += [(name, _header(value))] if value else []
    headers += [(b"idempotency-key", _header(call.key))] if call.key else []
    return row.method, path.encode(), urlencode(_plain(call.query), doseq=True).encode(), headers


async def respond(
    app: AsgiApp,
    handshake: AsgiScope,
    identify: Identify,
    request: tuple[str, bytes, bytes, list[tuple[bytes, bytes]]],
    body: Any = msgspec.UNSET,
) -> Answered:
    """The response to a request that came by the socket of `handshake`, of whom `identify` finds."""
    method, path, query, headers = request
    data = b"" if body is msgspec.UNSET else msgspec.json.encode(body)
    if body is not msgspec.UNSET:
        headers += [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(data))]
    headers += [pair for pair in handshake["headers"] if pair[0] in _OWN]
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method,
        "scheme": handshake.get("scheme", "http"), "path": path.decode(), "raw_path": path, "query_string": query,
        "root_path": "", "headers": headers, "client": handshake.get("client"), "server": handshake.get("server"),
        "extensions": {}, CALLER: identify,
    }  # fmt: skip

    async def receive() -> AsgiMessage:
        return {"type": "http.request", "body": data, "more_body": False}

    answered = Answered()
    await app(scope, receive, answered.send)
    return answered


def result_of(id: str, answered: Answered) -> bytes:
    """The message that answers a call: its result, or its error."""
    body = msgspec.Raw(answered.body)
    if answered.status >= 400:
        return _encode(SocketError(id=id, error=body))
    if not answered.is_json:
        body = msgspec.Raw(_encode(answered.body.decode("utf-8", "replace") or None))
    tag = answered.headers.get(b"etag", b"").decode("latin-1")
    return _encode(SocketResult(id=id, status=answered.status, body=body, etag=tag))


def error_of(id: str, refusal: Refusal) -> bytes:
    """The message that says why another is refused."""
    return _encode(SocketError(id=id, error=msgspec.Raw(_encode(refusal.problem()))))


def _segment(name: str, value: str | int) -> str:
    parts = str(value).split("/") if name == "collection" else [str(value)]
    if not all(parts):
        raise invalid({"path": [f"{name} is empty"]})
    return "/".join([quote(part, safe=_CHARACTERS) for part in parts])


def _header(value: str) -> bytes:
    if not value.isascii() or not value.isprintable():
        raise invalid({"key": ["if_match, if_none_match and key have printable ASCII characters alone"]})
    return value.encode()


def _plain(query: dict[str, Any]) -> dict[str, Any]:
    return {name: str(value).lower() if isinstance(value, bool) else value for name, value in query.items()}
