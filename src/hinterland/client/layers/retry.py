"""Trying again where it can help and can't harm.

`verdict` decides, and is a function of what it is given; `Retry` waits and sends.
"""

from __future__ import annotations

from random import random as system_random

import msgspec

from hinterland.client.answers import retry_after
from hinterland.client.errors import HinterlandError, NetworkError, Sent, TlsError, most_sent
from hinterland.client.exchange import Request, Response, Send, origin_of, remaining
from hinterland.client.options import Options
from hinterland.kit.backoff import Budget, Random, full_jitter
from hinterland.kit.clock import Clock

STATUSES = frozenset({408, 429, 500, 502, 503, 504})
_BUSY = frozenset({429, 503})
_IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"})  # RFC 9110 §9.2.2


class Failure(msgspec.Struct, frozen=True):
    """How an attempt failed: the `status` of its answer (0: none came), whether the request may have been carried out,
    and the seconds that the server asked to wait."""

    status: int
    sent: Sent
    asked: float | None = None


def failure_of(outcome: Response | HinterlandError, request: Request, now: float) -> Failure | None:
    """What went wrong and may pass; None: a success, or a refusal that will stay."""
    if isinstance(outcome, Response):
        if outcome.status in STATUSES or _is_still_running(outcome, request):
            return Failure(outcome.status, _carried_out(outcome.status), retry_after(outcome.headers, now))
        return None
    # The renewal of a session on the way of this call has made its own attempts.
    is_own = outcome.operation in ("", request.operation)
    may_pass = isinstance(outcome, NetworkError) and not isinstance(outcome, TlsError)
    return Failure(0, outcome.sent) if is_own and may_pass else None


def _is_still_running(response: Response, request: Request) -> bool:
    has_key = "idempotency-key" in request.headers
    return has_key and response.status == 409 and b'"in_progress"' in response.content


def _carried_out(status: int) -> Sent:
    return "no" if status == 429 else "maybe"


def may_repeat(request: Request, sent: Sent) -> bool:
    """Whether sending the request once more can't carry it out twice."""
    if not request.can_be_sent:
        return False
    is_safe = request.method in _IDEMPOTENT or request.is_repeatable or "idempotency-key" in request.headers
    return is_safe or sent == "no"


def verdict(
    request: Request, failure: Failure, attempt: int, left: float | None, options: Options, random: Random
) -> float | None:
    """Seconds to wait before the next attempt, or None: give up.

    `attempt` counts from 0, `left` are the seconds until the deadline. A wait that the server asks for is kept to; one
    over the cap or beyond the deadline is not begun, and the error shows it.
    """
    if attempt >= request.retries or not may_repeat(request, failure.sent):
        return None
    base = options.retry_base_busy if failure.status in _BUSY else options.retry_base
    wait = full_jitter(attempt, base, options.retry_cap, random)
    if failure.asked is not None:
        wait = max(wait, failure.asked)
    is_too_long = wait > options.retry_cap or (left is not None and wait >= left)
    return None if is_too_long else wait


class Retry:
    """The layer. A budget for each origin bounds what repetitions add to the load."""

    def __init__(self, clock: Clock, options: Options, random: Random = system_random) -> None:
        self._clock = clock
        self._options = options
        self._random = random
        self._budgets: dict[str, Budget] = {}

    async def __call__(self, request: Request, send: Send) -> Response:
        """Send the request until it succeeds, is refused for good, or should not be tried again."""
        budget = self._budgets.setdefault(origin_of(request.url), Budget())
        sent: Sent = "no"
        attempt = 0
        while True:
            outcome = await self._attempt(request, send, sent)
            failure = failure_of(outcome, request, self._clock.now())
            if failure is None:
                if isinstance(outcome, Response):
                    budget.pay_in()
                return _with_attempts(outcome, request, sent)
            sent = most_sent(sent, failure.sent)
            left = remaining(request, self._clock)
            wait = verdict(request, failure, attempt, left, self._options, self._random)
            if wait is None or not budget.take():
                return _with_attempts(outcome, request, sent)
            request.journal.sent = sent
            await self._wait(request, failure, wait)
            attempt += 1

    async def _attempt(self, request: Request, send: Send, sent: Sent) -> Response | HinterlandError:
        journal = request.journal
        journal.attempts += 1
        journal.sent = most_sent(sent, "maybe")
        try:
            return await send(request)
        except HinterlandError as error:
            return error

    async def _wait(self, request: Request, failure: Failure, seconds: float) -> None:
        journal = request.journal
        journal.note(f"wait after {failure.status or 'no answer'}", seconds)
        started = self._clock.monotonic()
        await self._clock.sleep(seconds)
        journal.waited += self._clock.monotonic() - started


def _with_attempts(outcome: Response | HinterlandError, request: Request, sent: Sent) -> Response:
    outcome.attempts, outcome.waited = request.journal.attempts, request.journal.waited
    if isinstance(outcome, Response):
        outcome.is_in_doubt = sent != "no"
        return outcome
    outcome.operation = outcome.operation or request.operation
    outcome.sent = most_sent(outcome.sent, sent)
    raise outcome
