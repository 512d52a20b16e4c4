"""Reads of records without ASGI: on SQLite most of them never wait, so that a task and messages would cost more than
the read.

What is not a plain read goes the ordinary way, through all of the middleware: pages of other origins, hosts that were
not seen before, requests with an id, and whatever is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from hinterland.contract.errors import Refusal
from hinterland.server.http import (
    REST,
    Headers,
    HttpAnswer,
    HttpRequest,
    Message,
    Receive,
    Scope,
    Send,
    send_answer,
    sized,
)
from hinterland.server.middleware.boundary import MARKS, MAX_HEADER_BYTES, MAX_HEADERS, Boundary, new_id
from hinterland.server.protocols.rest.records import RECORDS
from hinterland.server.protocols.rest.routes import Records

_OTHERS = frozenset({b"origin", b"x-request-id"})


class DirectReads:
    """Carries out reads of `records`, as their endpoints do. `knows` says whether a Host header needs no check."""

    def __init__(self, records: Records, request_seconds: float, knows: Callable[[bytes], bool]) -> None:
        self.finish = Boundary(_finish, request_seconds)
        self._records = records
        self._knows = knows

    def begin(self, scope: Scope) -> Coroutine[Any, Any, HttpAnswer] | None:
        """What carries out a read; None for everything else."""
        path: str = scope["path"]
        if scope["method"] != "GET" or not path.startswith(RECORDS) or b"%" in scope["raw_path"] or path[-1] == "/":
            return None
        try:
            request = HttpRequest(scope, _nothing)
        except Refusal:
            return None
        headers, given = request.headers, scope["headers"]
        if not _OTHERS.isdisjoint(headers) or not self._knows(headers[b"host"]) or len(given) > MAX_HEADERS:
            return None
        if sum([len(name) + len(value) for name, value in given]) > MAX_HEADER_BYTES:
            return None
        endpoint = self._records.endpoint(path)
        return endpoint.carry_out(request, endpoint.methods["GET"])

    def headers(self, answer: HttpAnswer) -> Headers:
        """All headers of a response."""
        return [*sized(answer), (b"x-request-id", new_id()), *MARKS]


async def _nothing() -> Message:
    raise RuntimeError("a read has no body")


async def _finish(scope: Scope, receive: Receive, send: Send) -> None:
    await send_answer(scope, send, await scope[REST])
