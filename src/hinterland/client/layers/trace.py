"""What is reported of each call, to a listener and, with NETWORK_DEBUG=1, to the terminal. Never a secret."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Sequence
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import msgspec

from hinterland.client.errors import HinterlandError, Sent
from hinterland.client.exchange import Layer, Phase, Request, Response, Send
from hinterland.kit.clock import Clock

_SECRETS = frozenset(
    {"access_token", "api_key", "code", "key", "password", "refresh_token", "secret", "ticket", "token"}
)
_log = logging.getLogger("hinterland.client")


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """One finished call. `status` is 0 and `error` its code where no answer came; times are in seconds.

    `seconds` counts until the whole answer was there, of a stream until it began. `phases` are its parts.
    """

    operation: str
    method: str
    url: str
    status: int
    error: str
    sent: Sent
    attempts: int
    waited: float
    seconds: float
    request_id: str
    phases: tuple[Phase, ...]


OnTrace = Callable[[Trace], None]


def without_secrets(url: str) -> str:
    """The URL without user info and fragment, and with the values of secret parameters replaced."""
    parts = urlsplit(url)
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    query = urlencode([(name, "***" if name.lower() in _SECRETS else value) for name, value in pairs], safe="*")
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, query, ""))


def is_debugging() -> bool:
    """Whether NETWORK_DEBUG asks for every request on the terminal."""
    return os.environ.get("NETWORK_DEBUG", "").lower() in ("1", "true")


def print_trace(trace: Trace) -> None:
    """The call as a few lines on the standard error stream."""
    outcome = str(trace.status or trace.error)
    lines = [f"{trace.method} {trace.url} → {outcome} in {trace.seconds * 1000:.1f} ms, {_tries(trace)}"]
    lines += [f"    {phase.seconds * 1000:9.1f} ms  {phase.name}" for phase in trace.phases]
    sys.stderr.write("\n".join(lines) + "\n")


def _tries(trace: Trace) -> str:
    tries = "1 attempt" if trace.attempts == 1 else f"{trace.attempts} attempts, waited {trace.waited:.1f} s"
    named = f"{trace.operation}, " if trace.operation else ""
    return f"{named}{tries}" + (f", request {trace.request_id}" if trace.request_id else "")


def trace(clock: Clock, listeners: Sequence[OnTrace]) -> Layer:
    """Reports to each listener every call that has ended. A listener that fails is logged and harms nothing."""

    async def layer(request: Request, send: Send) -> Response:
        started = clock.monotonic()
        try:
            response = await send(request)
        except HinterlandError as error:
            if listeners:
                _report(listeners, _failed(request, error, clock.monotonic() - started))
            raise
        if listeners:
            _report(listeners, _answered(request, response, clock.monotonic() - started))
        return response

    return layer


def _answered(request: Request, response: Response, seconds: float) -> Trace:
    request_id = response.headers.get("x-request-id", "")
    return _trace(request, seconds, status=response.status, error="", sent="yes", request_id=request_id)


def _failed(request: Request, error: HinterlandError, seconds: float) -> Trace:
    return _trace(request, seconds, status=0, error=error.code, sent=error.sent, request_id=error.request_id)


def _trace(request: Request, seconds: float, *, status: int, error: str, sent: Sent, request_id: str) -> Trace:
    journal = request.journal
    return Trace(
        operation=request.operation,
        method=request.method,
        url=without_secrets(request.url),
        status=status,
        error=error,
        sent=sent,
        attempts=journal.attempts,
        waited=journal.waited,
        seconds=seconds,
        request_id=request_id,
        phases=tuple(journal.phases),
    )


def _report(listeners: Sequence[OnTrace], trace: Trace) -> None:
    for listener in listeners:
        try:
            listener(trace)
        except Exception:
            _log.exception("a listener of on_trace failed")
