"""The outermost bound of a request: its id, its time limit, and the response to an error.

Whatever goes wrong inside leaves here as problem+json, without a stack trace, SQL or path in it.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import re
import secrets
from collections.abc import Callable

from hinterland.contract.errors import Refusal
from hinterland.contract.operations import OPERATIONS
from hinterland.kit.asgi import AsgiApp, AsgiMessage, AsgiReceive, AsgiScope, AsgiSend
from hinterland.kit.log_limit import LimitedLog
from hinterland.server.http import LIMIT, REFUSED, Disconnected, HttpAnswer, TimeLimiter, problem_answer, send_answer
from hinterland.server.middleware.paths import routed
from hinterland.server.storage.failures import Unreachable
from hinterland.server.websocket import SOCKET

log = logging.getLogger("hinterland.requests")
_VARY = (b"vary", b"Origin")  # for every caller: a cache must not give one origin's answer to another
_NO_SNIFF = (b"x-content-type-options", b"nosniff")  # what somebody stored never becomes a page by its look
MARKS = (_VARY, _NO_SNIFF)  # of every response
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_PREFIX = secrets.token_hex(4).encode()  # of this process, so that two of them give no id twice
_count = itertools.count(1)
PROBES = frozenset(row.path for row in OPERATIONS.values() if row.is_probe)
LOG_LINES = 60  # a minute, of each kind of refusal that is logged
MAX_HEADER_BYTES = 32 * 1024
MAX_HEADERS = 200


class Boundary:
    """Gives each request an id (its own `X-Request-Id`, or a new one) and at most `seconds`, from which its operation
    may release it (`LIMIT` in its scope)."""

    def __init__(self, app: AsgiApp, seconds: float) -> None:
        self.app = app
        self.seconds = seconds
        self._limits = _Limits(seconds)
        self._log = LimitedLog(log, LOG_LINES)  # anybody can be refused, as often as they like

    async def __call__(self, scope: AsgiScope, receive: AsgiReceive, send: AsgiSend) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if b"%" in (scope.get("raw_path") or b"") or scope.get("root_path"):
            scope = routed(scope)
        marked = _Marked(scope, send)
        task = asyncio.current_task()
        assert task is not None
        scope[LIMIT] = limit = self._limits.begin(task.cancel)
        try:
            if REFUSED in scope:
                raise scope[REFUSED]
            if sum([len(name) + len(value) for name, value in scope["headers"]]) > MAX_HEADER_BYTES:
                raise Refusal("headers_too_large", f"the headers are larger than {MAX_HEADER_BYTES:,} bytes together")
            if len(scope["headers"]) > MAX_HEADERS:
                raise Refusal("headers_too_large", f"the request has over {MAX_HEADERS} headers")
            await self.app(scope, receive, marked)
        except Disconnected:
            pass
        except asyncio.CancelledError:
            if not limit.is_over or task.uncancel() > 0:  # not by this limit alone
                raise
            await self._answer(scope, marked, TimeoutError())
        except Exception as error:
            await self._answer(scope, marked, error)
        finally:
            self._limits.end(limit)

    def limit(self, cancel: Callable[[], object]) -> TimeLimiter:
        """The time limit of a request that is not carried out by a task: `cancel` is called at its end."""
        return self._limits.begin(cancel)

    async def _answer(self, scope: AsgiScope, send: _Marked, error: Exception) -> None:
        request_id = send.id.decode()
        refusal = self._refusal(error)
        if refusal.status >= 500 and REFUSED not in scope:  # what callers do wrong does not fill the log
            is_brief = refusal.code == "unavailable" and (scope["path"] in PROBES or _is_unreachable(error))
            reason = ": " + " ".join((str(_root(error)) or type(_root(error)).__name__).split()) if is_brief else ""
            where = (scope["method"], scope["path"], request_id, reason)
            log.error("%s %.200r failed, request %s%s", *where, exc_info=None if is_brief else error)
        elif SOCKET in scope and REFUSED not in scope:  # browsers hide the response from their page and console
            self._log.warning("WebSocket %.200r refused (%s): %s", scope["path"], refusal.status, refusal.message)
        if not send.is_started:
            answer: HttpAnswer = problem_answer(refusal, request_id)
            await send_answer(scope, send, answer)

    def _refusal(self, error: Exception) -> Refusal:
        if isinstance(error, Refusal):
            return error
        if isinstance(error, TimeoutError):
            return Refusal(
                "timeout",
                f"the request took longer than {self.seconds:g} s; ask for less, or raise the setting request_seconds",
            )
        return Refusal("internal", "internal error; the server's log has the details under the request id")


def new_id() -> bytes:
    """The id of a request that has none."""
    return b"%b-%x" % (_PREFIX, next(_count))


def _root(error: BaseException) -> BaseException:
    """What the error came from."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def _is_unreachable(error: BaseException | None) -> bool:
    """Whether it came from a lost connection to the database: a trace of each request would say nothing more."""
    while error is not None and not isinstance(error, Unreachable):
        error = error.__cause__
    return error is not None


class _Limit:
    """When a request's time is over, by the loop's clock, and what is called then."""

    __slots__ = ("_limits", "cancel", "due", "is_over")

    def __init__(self, limits: _Limits, cancel: Callable[[], object], due: float) -> None:
        self._limits = limits
        self.cancel = cancel
        self.due = due
        self.is_over = False

    def renew(self) -> None:
        """Begin the time anew."""
        self._limits.renew(self)

    def lift(self) -> None:
        """End the limit."""
        self._limits.end(self)


class _Limits:
    """Cancels requests after `seconds`. All limits are equal, so the oldest is the next: one timer serves all."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._running: dict[_Limit, None] = {}
        self._is_armed = False

    def begin(self, cancel: Callable[[], object]) -> _Limit:
        """The limit of a request, from now."""
        loop = asyncio.get_running_loop()
        limit = _Limit(self, cancel, loop.time() + self._seconds)
        self._running[limit] = None
        if not self._is_armed:
            self._is_armed = True
            loop.call_at(limit.due, self._look, loop)
        return limit

    def renew(self, limit: _Limit) -> None:
        """A limit, unless it has ended, is due in `seconds` from now."""
        if self._running.pop(limit, limit) is None:
            limit.due = asyncio.get_running_loop().time() + self._seconds
            self._running[limit] = None

    def end(self, limit: _Limit) -> None:
        """The task is done."""
        self._running.pop(limit, None)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        self._is_armed = False
        for limit in [*self._running]:
            if limit.due > loop.time():
                self._is_armed = True
                loop.call_at(limit.due, self._look, loop)
                break
            limit.is_over = True
            self.end(limit)
            limit.cancel()


class _Marked:
    """ASGI's `send` that puts the request id on the answer and knows whether it has begun."""

    __slots__ = ("id", "is_started", "send")

    def __init__(self, scope: AsgiScope, send: AsgiSend) -> None:
        given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
        self.id: bytes = given if given and _REQUEST_ID.fullmatch(given) else new_id()
        self.send = send
        self.is_started = False

    async def __call__(self, message: AsgiMessage) -> None:
        if "headers" in message:
            self.is_started = True
            message["headers"] = [*message["headers"], (b"x-request-id", self.id), *MARKS]
        await self.send(message)
