"""From requests to messages of the socket, and from its answers to responses.

So a call over the socket has the layers, the retries and the errors of one over HTTP.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from hinterland.client.documents import decoded
from hinterland.client.errors import UnsafeRequest
from hinterland.client.exchange import Request, Response
from hinterland.contract.events import ChangeEvent
from hinterland.contract.operations import Operation
from hinterland.contract.socket import SocketCall

_encode = msgspec.json.encode
_ABSENT = msgspec.Raw(b"")
_NULL = b"null"


class Arrival(msgspec.Struct, frozen=True):
    """A message of the server, of whatever type: its members, as far as the client reads them."""

    type: str
    id: str = ""
    status: int = 0
    body: msgspec.Raw = _ABSENT
    etag: str = ""
    error: msgspec.Raw = _ABSENT
    cursor: str = ""
    revision: int = 0
    changes: list[ChangeEvent] = []
    reason: str = ""
    channel: str = ""
    items: list[dict[str, Any]] = []
    next: str | None = None


class _Status(msgspec.Struct, frozen=True):
    status: int = 0


def arrival_of(message: str | bytes) -> Arrival:
    """A message of the server. Raises InvalidResponse."""
    return decoded(message.encode() if isinstance(message, str) else message, Arrival, operation="socket")


def message_of(rows: Mapping[str, Operation], request: Request, id: str) -> str:
    """The message that calls the operation of a request. Raises UnsafeRequest for one that has none, or whose body is
    sent or read piece by piece."""
    row = rows.get(request.operation)
    if row is None or request.body is not None or request.is_stream:
        raise UnsafeRequest(
            "A socket calls operations of the server's table, without files.",
            advice="Call the client itself, which uses HTTP.",
        )
    parts = urlsplit(request.url)
    found = _pattern(row.path).search(parts.path)
    if found is None:
        raise UnsafeRequest(detail=f"{parts.path} is no path of {row.name}")
    call = SocketCall(
        id=id,
        operation=row.name,
        path={name: unquote(value) for name, value in found.groupdict().items()},
        query=_queried(parts.query),
        body=msgspec.Raw(request.content) if request.content else msgspec.UNSET,
        if_match=request.headers.get("if-match", ""),
        if_none_match=request.headers.get("if-none-match", ""),
        key=request.headers.get("idempotency-key", ""),
    )
    return _encode(call).decode()


def response_of(arrival: Arrival) -> Response:
    """The response that an answer to a call is."""
    if arrival.type == "error":
        status = decoded(arrival.error, _Status, operation="socket").status
        return Response(status=status, headers={}, content=bytes(arrival.error))
    body = bytes(arrival.body)
    content = b"" if body == _NULL else body
    return Response(status=arrival.status, headers={"etag": arrival.etag} if arrival.etag else {}, content=content)


@lru_cache(maxsize=256)
def _pattern(path: str) -> re.Pattern[str]:
    """What finds the segments of an operation's path; the collection's may be the path of a nested one."""
    names = re.sub(
        r"\\\{(\w+)\\\}", lambda name: f"(?P<{name[1]}>{'.+' if name[1] == 'collection' else '[^/]+'})", re.escape(path)
    )
    return re.compile(f"{names}$")


def _queried(query: str) -> dict[str, str | int | float | bool | list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        found.setdefault(name, []).append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}
