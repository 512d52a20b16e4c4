"""The server's HTTP/1.1 connections, with all of it: `uvicorn.Config(app, http=HttpConnection)`."""

from __future__ import annotations

from typing import Any

from hinterland.kit.eager import Begun
from hinterland.server.http import REST, DirectPath, HttpAnswer
from hinterland.server.protocols.http1.answers import formatted
from hinterland.server.protocols.http1.heads import WholeHeads
from hinterland.server.protocols.http1.turns import DirectCycle, Turn


class HttpConnection(WholeHeads):
    """A connection whose answers are written together; whatever is read, or ends it, comes after them.

    Where the application has a direct path (its attribute `direct`), what goes there needs neither ASGI's messages nor
    a task. What it refuses goes the ordinary way, and so does the rest of what has to wait for something.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._path: DirectPath | None = getattr(self.app, "direct", None)
        self._turn = Turn.of(self.loop)
        self._quick = DirectCycle()

    def data_received(self, data: bytes) -> None:
        """What is read now comes after what was answered before."""
        self.answers.flush()
        super().data_received(data)

    def shutdown(self) -> None:
        """End when what was answered is written."""
        self.answers.flush()
        super().shutdown()

    def eof_received(self) -> bool:  # type: ignore[override]
        """Nothing more is asked; what was answered is written before anything closes."""
        self.answers.flush()
        self.answers.is_half_closed = super().eof_received()
        return self.answers.is_half_closed

    def _ask(self, *, keep_alive: bool) -> None:
        before: Any = self.cycle
        is_free = before is None or before.response_complete
        # One watched header is Host: there is no body, and nothing is expected.
        if self._path is not None and is_free and keep_alive and len(self._watched) == 1 and not self._is_surplus:
            scope: Any = self.scope
            steps = self._path.begin(scope)
            if steps is not None:
                self._quick.begin(scope)
                self.cycle = self._answering = self._quick  # type: ignore[assignment]
                self._turn.add(self, steps)
                return
        super()._ask(keep_alive=keep_alive)

    def carry_out(self, steps: Any) -> None:
        """Answer the direct request by its `steps`, in its turn."""
        quick = self._quick
        if quick.disconnected:
            steps.close()
            return
        if self.flow.write_paused:
            steps.close()
            self._go_ordinarily(self.app)
            return
        assert self._path is not None
        try:
            waiting = steps.send(None)
        except StopIteration as end:
            self._finish(end.value, self._path)
        except Exception:  # the ordinary way says what is wrong
            self._go_ordinarily(self.app)
        else:
            quick.scope[REST] = Begun(steps, waiting)
            self._go_ordinarily(self._path.finish)

    def _finish(self, answer: HttpAnswer, path: DirectPath) -> None:
        quick = self._quick
        assert type(answer.body) is bytes
        headers = (*self.server_state.default_headers, *path.headers(answer))
        try:
            head = formatted(headers, answer.status, keep_alive=quick.keep_alive)
        except RuntimeError:  # which the ordinary way logs
            self._go_ordinarily(self.app)
            return
        self.answers.hold(head + answer.body)
        quick.response_started = quick.response_complete = True
        if not quick.keep_alive:
            self.answers.close()
        self.on_response_complete()

    def _go_ordinarily(self, app: Any) -> None:
        quick, last = self._quick, self.cycle
        cycle = self._cycle(quick.scope, keep_alive=quick.keep_alive)
        cycle.more_body = False
        quick.response_complete = True
        if id(last) == id(quick):
            self.cycle = cycle
        self._start_asgi_task(cycle, app)
