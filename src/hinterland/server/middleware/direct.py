"""Requests without ASGI: on SQLite a read hardly ever waits and a write only for its commit, so that tasks and messages
would cost more than the rest.

What is not plain goes the ordinary way, through all of the middleware: pages of other origins, hosts that were not seen
before, requests with an id, and whatever is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from hinterland.contract.errors import Refusal
from hinterland.kit.asgi import AsgiReceive, AsgiScope, AsgiSend
from hinterland.server.http import REST, Headers, HttpAnswer, HttpRequest, TimeLimiter, send_answer, sized
from hinterland.server.middleware.boundary import MARKS, MAX_HEADER_BYTES, MAX_HEADERS, Boundary, new_id

_OTHERS = frozenset({b"origin", b"x-request-id"})

CarryOut = Callable[[HttpRequest], Coroutine[Any, Any, HttpAnswer]]
"""Carries out a request. It changes nothing before it first waits; what it raises before lets the request go the
ordinary way from its beginning."""
DirectRoute = Callable[[str, str], tuple[CarryOut, bool] | None]
"""From a method and a path, which has no escapes and no slash at its end, to what carries the request out, and whether
it only reads; None where it is for another route."""


class DirectRequests:
    """Carries out what one of `routes` takes. `knows` says whether a Host header needs no check."""

    def __init__(self, routes: Sequence[DirectRoute], request_seconds: float, knows: Callable[[bytes], bool]) -> None:
        self.finish = Boundary(_finish, request_seconds)
        self._routes = tuple(routes)
        self._knows = knows

    def begin(self, scope: AsgiScope, receive: AsgiReceive) -> tuple[Coroutine[Any, Any, HttpAnswer], bool] | None:
        """What carries out a plain request, and whether it only reads; None for everything else."""
        path: str = scope["path"]
        if b"%" in scope["raw_path"] or path[-1] == "/":
            return None
        for route in self._routes:
            found = route(scope["method"], path)
            if found is not None:
                return self._checked(found, scope, receive)
        return None

    def _checked(
        self, found: tuple[CarryOut, bool], scope: AsgiScope, receive: AsgiReceive
    ) -> tuple[Coroutine[Any, Any, HttpAnswer], bool] | None:
        """What carries out a request that the middleware would let through as it is."""
        try:
            request = HttpRequest(scope, receive)
        except Refusal:
            return None
        headers, given = request.headers, scope["headers"]
        if not _OTHERS.isdisjoint(headers) or not self._knows(headers[b"host"]) or len(given) > MAX_HEADERS:
            return None
        if sum([len(name) + len(value) for name, value in given]) > MAX_HEADER_BYTES:
            return None
        carry_out, only_reads = found
        return carry_out(request), only_reads

    def limit(self, cancel: Callable[[], object]) -> TimeLimiter:
        """Limits the time of a request that waits: `cancel` is called at its end."""
        return self.finish.limit(cancel)

    def headers(self, answer: HttpAnswer) -> Headers:
        """All headers of a response."""
        return [*sized(answer), (b"x-request-id", new_id()), *MARKS]


async def _finish(scope: AsgiScope, receive: AsgiReceive, send: AsgiSend) -> None:
    await send_answer(scope, send, await scope[REST])
