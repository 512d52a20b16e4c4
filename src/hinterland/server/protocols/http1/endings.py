"""Connections that end in order: what was asked before the end is answered first.

uvicorn closes at the end of the caller's input whatever is still to be answered, and turns a timer for each answer.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from hinterland.server.protocols.http1.answers import EXTENSIONS, ClosedAnswers, JoinedWrites, WholeAnswers


class OrderlyEnds(HttpToolsProtocol):
    """Answers the whole requests before the caller's FIN (RFC 9112 §9.6), and ends where nothing is asked for long.

    A stream's answer has begun and has no end to wait for: a reader that goes away ends it at once.
    """

    answers: JoinedWrites
    _answering: RequestResponseCycle | None = None
    _idle_since = 0.0
    _idle_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Answers are written through `JoinedWrites`; the protocol itself keeps the transport."""
        super().connection_made(transport)
        self.answers = JoinedWrites(transport, self.loop, self.close)

    def close(self) -> None:
        """Close the connection when all that was answered is written."""
        self.transport.close()

    def eof_received(self) -> bool:  # type: ignore[override]
        """Whether there is something to answer, behind which the connection is closed then."""
        last = self._last_due()
        if last is None or self.scheme == "https":  # whose transports close at once
            return False
        last.keep_alive = False
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Who is answered learns of it, also where others have been asked since."""
        if self._idle_timer is not None:
            self._idle_timer.cancel()
        current = self._answering
        if current is not None and not current.response_complete:
            current.disconnected = True
            current.message_event.set()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        """Answer the request that waits, or wait for one."""
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        self._idle_since = self.loop.time()
        if self._idle_timer is None:
            self._idle_timer = self.loop.call_later(self.timeout_keep_alive, self._end_idle)
        self._answer_next()

    def resume_writing(self) -> None:
        """The caller takes its answers again."""
        super().resume_writing()
        self._answer_next()

    def _answer_next(self) -> None:
        """Begin the next request, unless the answer before it is not made, or not taken."""
        current = self._answering
        if self.pipeline and not self.flow.write_paused and current is not None and current.response_complete:
            cycle, app = self.pipeline.pop()
            self._start_asgi_task(cycle, app)

    def _end_idle(self) -> None:
        """Close if nothing was asked for `timeout_keep_alive` seconds."""
        is_idle = self.cycle.response_complete and not self._has_begun()
        left = self._idle_since - self.loop.time() if is_idle else 0.0
        if is_idle and left <= -self.timeout_keep_alive:
            self.answers.close()
        else:
            self._idle_timer = self.loop.call_later(self.timeout_keep_alive + left, self._end_idle)

    def _has_begun(self) -> bool:
        """Whether something of a request was read that is not asked yet."""
        return False

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
        # Not uvicorn's own: it has one from 0.45 on only, and before that the same lines in two of its methods.
        self._answering = cycle
        task = self.loop.create_task(cycle.run_asgi(app))
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)

    def _cycle(self, scope: Any, *, keep_alive: bool, is_expecting: bool = False) -> WholeAnswers:
        scope["extensions"] = EXTENSIONS  # which these classes have, and uvicorn's have not
        return (ClosedAnswers if scope["http_version"] == "1.0" else WholeAnswers)(
            scope=scope, transport=self.answers,  # type: ignore[arg-type]
            flow=self.flow, logger=self.logger,
            access_logger=self.access_logger, access_log=False, default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(), expect_100_continue=is_expecting, keep_alive=keep_alive,
            on_response=self.on_response_complete,
        )  # fmt: skip
