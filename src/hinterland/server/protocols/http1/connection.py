"""The server's HTTP/1.1 connections, with all of it: `uvicorn.Config(app, http=HttpConnection)`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from functools import partial
from typing import TYPE_CHECKING, Any

from hinterland.contract.errors import Refusal
from hinterland.kit.eager import Begun, is_pending
from hinterland.server.http import REST, DirectPath, Disconnected, HttpAnswer, TimeLimiter
from hinterland.server.protocols.http1.answers import formatted
from hinterland.server.protocols.http1.heads import WholeHeads
from hinterland.server.protocols.http1.turns import DirectCycle, Turn
from hinterland.server.websocket import SOCKET

if TYPE_CHECKING:
    from hinterland.server.protocols.http1.upgrade import WebSocketConnection

_BODY_BYTES = 64 * 1024  # more is checked in a thread


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
        if self._offers_socket:
            self._offer_socket()
        before: Any = self.cycle
        is_free = before is None or before.response_complete
        if self._path is not None and is_free and keep_alive and not self._is_surplus and self._is_whole():
            scope: Any = self.scope
            begun = self._path.begin(scope, self._quick.receive)
            if begun is not None:
                steps, only_reads = begun
                self._quick.begin(scope, only_reads=only_reads)
                self.cycle = self._answering = self._quick  # type: ignore[assignment]
                self._turn.add(self, steps)
                return
        super()._ask(keep_alive=keep_alive)

    def _offer_socket(self) -> None:
        """Let the request become a WebSocket, where nothing stands behind it: its sender waits (RFC 6455 §4.1)."""
        self._offers_socket = False
        if self.scope["method"] == "GET" and not (self._due or self._behind or self._is_old or self.pipeline):
            from hinterland.server.protocols.http1.upgrade import Upgrade  # a library that most servers never need

            scope: Any = self.scope
            scope[SOCKET] = Upgrade(scope, self._switch)

    def _switch(self, connection: WebSocketConnection, head: bytes) -> None:
        """Give the connection away; `head` is its last response of HTTP/1.1. Raises Refusal and `Disconnected`."""
        if self.transport.is_closing() or self.answers.is_half_closed:
            raise Disconnected
        if self._rest or self.pipeline:
            raise Refusal("invalid_request", "wait for the response before you send frames (RFC 6455 §4.1)")
        self.answers.flush()
        self._release()
        self.connections.discard(self)
        self.cycle.response_started = self.cycle.response_complete = True
        self.cycle.disconnected = True  # whatever its application answers now is not sent
        connection.begin(self.transport, self.connections, head)

    def _release(self) -> None:
        """Nothing is awaited of this connection any longer."""
        self._arrived()
        self._forget_unread()
        self._unset_keepalive_if_required()
        for timer in (self._idle_timer, self._linger_timer):
            if timer is not None:
                timer.cancel()

    def _is_whole(self) -> bool:
        """Whether the request whose head was read has no body, or one that was read with it."""
        if len(self._watched) == 1:  # Host alone
            return True
        is_framed = len(self._watched) == 2 and b"content-length" in self._watched
        return is_framed and self._due <= min(self._behind, _BODY_BYTES)

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
            if not self._finish(end.value, self._path):
                self._go_ordinarily(self.app)
        except Exception:  # the ordinary way says what is wrong
            self._go_ordinarily(self.app)
        else:
            if quick.only_reads or not is_pending(waiting):  # what a read waits for may need a task
                self._await(Begun(steps, waiting))
                return
            limit = self._path.limit(waiting.cancel)
            waiting._asyncio_future_blocking = False  # what a task does with the future that it waits for
            waiting.add_done_callback(partial(self._carry_on, steps, limit))

    def _carry_on(self, steps: Any, limit: TimeLimiter, waited: asyncio.Future[Any]) -> None:
        """Answer a direct write that waited for its commit."""
        limit.lift()
        try:
            waiting = steps.send(None)
        except StopIteration as end:
            assert self._path is not None
            if self._quick.disconnected:
                return
            if self._finish(end.value, self._path):
                self.answers.flush_soon()
            else:  # not the ordinary way from its beginning: it is written
                self._await(self._ended(end.value))
        except asyncio.CancelledError:
            self._await(self._ended(TimeoutError() if limit.is_over else asyncio.CancelledError()))
        except Exception as error:
            self._await(self._ended(error))
        else:
            self._await(Begun(steps, waiting))

    async def _ended(self, outcome: HttpAnswer | BaseException) -> HttpAnswer:
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    def _await(self, rest: Awaitable[HttpAnswer]) -> None:
        """Answer the direct request by the rest of its steps, in a task."""
        assert self._path is not None
        self._quick.scope[REST] = rest
        self._go_ordinarily(self._path.finish)

    def _finish(self, answer: HttpAnswer, path: DirectPath) -> bool:
        """Hold the answer; whether it can be sent."""
        quick = self._quick
        assert type(answer.body) is bytes
        headers = (*self.server_state.default_headers, *path.headers(answer))
        try:
            head = formatted(headers, answer.status, keep_alive=quick.keep_alive)
        except RuntimeError:  # which the ordinary way logs
            return False
        self.answers.hold(head + answer.body)
        quick.response_started = quick.response_complete = True
        if not quick.keep_alive:
            self.answers.close()
        self.on_response_complete()
        return True

    def _go_ordinarily(self, app: Any) -> None:
        quick, last = self._quick, self.cycle
        cycle = self._cycle(quick.scope, keep_alive=quick.keep_alive)
        cycle.body += quick.body
        cycle.message_event.set()  # the request is whole
        cycle.more_body, cycle.disconnected = False, quick.disconnected
        quick.response_complete = True
        if id(last) == id(quick):
            self.cycle = cycle
        self._start_asgi_task(cycle, app)
