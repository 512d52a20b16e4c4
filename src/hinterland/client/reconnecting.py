"""A connection that lasts: what ends it is waited for, unless it is definite."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from hinterland.client.errors import (
    HinterlandError,
    NetworkError,
    RateLimited,
    RedirectRefused,
    RequestTimeout,
    ServerError,
    StatusError,
)
from hinterland.client.exchange import OpenWebSocket
from hinterland.kit.backoff import Random, full_jitter
from hinterland.kit.clock import Clock

WAIT_BASE, WAIT_CAP = 0.25, 4.0  # seconds between tries: back within 5 s of the network's return
STEADY = 5.0  # seconds; a connection that ends sooner counts as a try that failed
_PASSING = (NetworkError, RedirectRefused, ServerError, RateLimited, RequestTimeout)


def may_pass(error: HinterlandError) -> bool:
    """Whether it may be gone at the next try: an error that passes, or the answer of something on the way to the
    server."""
    return isinstance(error, _PASSING) or (isinstance(error, StatusError) and not error.is_decided)


class Reconnector:
    """Keeps a WebSocket: `dial` opens it, `serve` has it until it ends, and then it is opened anew.

    `away` is called with what ended it, before the wait, for which `pause` is called. `can_pass` says of an error
    whether it is waited for.
    """

    def __init__(
        self,
        dial: Callable[[], Awaitable[OpenWebSocket]],
        serve: Callable[[OpenWebSocket], Awaitable[None]],
        away: Callable[[HinterlandError], None],
        clock: Clock,
        pause: Callable[[float], Awaitable[None]],
        random: Random,
        can_pass: Callable[[HinterlandError], bool] = may_pass,
    ) -> None:
        self._dial = dial
        self._serve = serve
        self._away = away
        self._clock = clock
        self._pause = pause
        self._random = random
        self._can_pass = can_pass

    async def run(self) -> None:
        """Keep it until `serve` returns, which ends it as planned. Raises what does not pass."""
        failures = 0
        while True:
            began: float | None = None
            try:
                websocket = await self._dial()
                began = self._clock.monotonic()
                await self._served(websocket)
                return
            except HinterlandError as error:
                if not self._can_pass(error):
                    raise
                if began is not None and self._clock.monotonic() - began >= STEADY:
                    failures = 0
                self._away(error)
                wait = max(full_jitter(failures, WAIT_BASE, WAIT_CAP, self._random), error.retry_after or 0.0)
                failures += 1
                await self._pause(wait)

    async def _served(self, websocket: OpenWebSocket) -> None:
        try:
            await self._serve(websocket)
        finally:
            await asyncio.shield(websocket.close())
