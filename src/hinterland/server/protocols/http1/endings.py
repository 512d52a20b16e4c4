"""Connections that end in order: what was asked before the end is answered first.

uvicorn closes at the end of the caller's input, and at a request that is none, whatever is still to be answered.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle


class OrderlyEnds(HttpToolsProtocol):
    """Answers the whole requests before the caller's FIN (RFC 9112 §9.6) and before one that can't be read.

    A stream's answer has begun and has no end to wait for: a reader that goes away ends it at once.
    """

    _answering: RequestResponseCycle | None = None

    def eof_received(self) -> bool:  # type: ignore[override]
        """Whether there is something to answer, behind which the connection is closed then."""
        last = self._last_due()
        if last is None or self.scheme == "https":  # whose transports close at once
            return False
        last.keep_alive = False
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Who is answered learns of it, also where others have been asked since."""
        current = self._answering
        if current is not None and not current.response_complete:
            current.disconnected = True
            current.message_event.set()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Answer what is no request, and close."""
        self._end_with(partial(super().send_400_response, msg))

    def _end_with(self, end: Callable[[], None]) -> None:
        """Call `end`, which closes the connection, when what is due is answered."""
        last = self._last_due()
        if last is None:
            end()
        elif last.keep_alive:
            # One turn later, since answers are held for as long.
            last.on_response = partial(self.loop.call_soon, end)  # type: ignore[assignment]
            self.flow.pause_reading()

    def _last_due(self) -> RequestResponseCycle | None:
        """The last request that is whole and whose answer, like those before it, has not begun.

        One behind it that is not whole never will be, and is forgotten.
        """
        if self.pipeline and self.pipeline[0][0].more_body:
            self.pipeline.popleft()
        current = self._answering
        if current is None or current.response_started:
            return None
        self.cycle = self.pipeline[0][0] if self.pipeline else current
        return None if self.cycle.more_body else self.cycle

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._answering = cycle
        super()._start_asgi_task(cycle, app)
