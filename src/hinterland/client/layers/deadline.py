"""One deadline over all attempts of a call."""

from __future__ import annotations

from math import inf

from hinterland.client.errors import DeadlineExceeded
from hinterland.client.exchange import Layer, Request, Response, Send, remaining
from hinterland.kit.clock import Clock
from hinterland.kit.time_limit import within


def deadline(clock: Clock, seconds: float) -> Layer:
    """Ends a call after `seconds`, or at the deadline that the request brings. A stream is limited until it begins."""

    async def layer(request: Request, send: Send) -> Response:
        if request.deadline is None:
            request = request.replaced(deadline=clock.monotonic() + seconds)

        if request.deadline == inf:
            return await send(request)

        async def act() -> Response:
            return await send(request)

        try:
            return await within(clock, remaining(request, clock) or 0.0, act)
        except TimeoutError:
            raise _exceeded(request) from None

    return layer


def _where(request: Request) -> str:
    phases = request.journal.phases
    return f"after {phases[-1].name}" if phases else ""


def _exceeded(request: Request) -> DeadlineExceeded:
    journal = request.journal
    error = DeadlineExceeded(sent=journal.sent, operation=request.operation, detail=_where(request))
    error.attempts, error.waited = journal.attempts, journal.waited
    return error
