"""Requests for records without ASGI: on SQLite a read hardly ever waits and a write only for its commit, so that tasks
and messages would cost more than the rest.

What is not plain goes the ordinary way, through all of the middleware: pages of other origins, hosts that were not seen
before, requests with an id, writes of apps with before-hooks, and whatever is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from hinterland.contract.errors import Refusal
from hinterland.kit.asgi import AsgiReceive, AsgiScope, AsgiSend
from hinterland.server.http import REST, Headers, HttpAnswer, HttpRequest, TimeLimiter, send_answer, sized
from hinterland.server.middleware.boundary import MARKS, MAX_HEADER_BYTES, MAX_HEADERS, Boundary, new_id
from hinterland.server.protocols.rest.records import RECORDS
from hinterland.server.protocols.rest.routes import Records

_READS = frozenset({"GET"})
_ALL = _READS | {"POST", "PUT", "PATCH", "DELETE"}
_OTHERS = frozenset({b"origin", b"x-request-id"})


class DirectRecords:
    """Carries out requests for `records`, as their endpoints do. `knows` says whether a Host header needs no check."""

    def __init__(self, records: Records, request_seconds: float, knows: Callable[[bytes], bool]) -> None:
        self.finish = Boundary(_finish, request_seconds)
        self._records = records
        self._methods = _READS if records.record.backend.commands.has_hooks else _ALL
        self._knows = knows

    def begin(self, scope: AsgiScope, receive: AsgiReceive) -> Coroutine[Any, Any, HttpAnswer] | None:
        """What carries out a plain request; None for everything else."""
        path: str = scope["path"]
        method: str = scope["method"]
        if method not in self._methods or not path.startswith(RECORDS) or b"%" in scope["raw_path"] or path[-1] == "/":
            return None
        endpoint = self._records.endpoint(path)
        mounted = endpoint.methods.get(method)
        if mounted is None:
            return None
        try:
            request = HttpRequest(scope, receive)
        except Refusal:
            return None
        headers, given = request.headers, scope["headers"]
        if not _OTHERS.isdisjoint(headers) or not self._knows(headers[b"host"]) or len(given) > MAX_HEADERS:
            return None
        if sum([len(name) + len(value) for name, value in given]) > MAX_HEADER_BYTES:
            return None
        return endpoint.carry_out(request, mounted)

    def limit(self, cancel: Callable[[], object]) -> TimeLimiter:
        """Limits the time of a request that waits: `cancel` is called at its end."""
        return self.finish.limit(cancel)

    def headers(self, answer: HttpAnswer) -> Headers:
        """All headers of a response."""
        return [*sized(answer), (b"x-request-id", new_id()), *MARKS]


async def _finish(scope: AsgiScope, receive: AsgiReceive, send: AsgiSend) -> None:
    await send_answer(scope, send, await scope[REST])
