"""A subscription that lasts: over whatever brings it, cuts are waited for, and it goes on behind its last response."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

from hinterland.client.errors import HinterlandError
from hinterland.client.graphql.asking import GraphQLEvent
from hinterland.client.payloads import GraphQLPayload
from hinterland.client.reconnecting import STEADY, WAIT_BASE, WAIT_CAP, may_pass
from hinterland.kit.backoff import Random, full_jitter
from hinterland.kit.clock import Clock

StreamFrom = Callable[[str], AsyncGenerator[GraphQLPayload, None]]
"""The responses behind a cursor, until the stream ends; what cuts it is raised."""
TakePayload = Callable[[GraphQLPayload, str], GraphQLEvent[Any] | None]
"""What the app is shown of a response, with the cursor behind it; None: nothing. Raises the errors of a response."""


class Follower:
    """Follows what `stream` brings. `pause` waits between two tries, `check` raises where there must be none, and
    `can_pass` says of an error whether it is waited for."""

    def __init__(
        self,
        stream: StreamFrom,
        take: TakePayload,
        clock: Clock,
        random: Random,
        pause: Callable[[float], Awaitable[None]],
        check: Callable[[], None],
        can_pass: Callable[[HinterlandError], bool] = may_pass,
    ) -> None:
        self._stream = stream
        self._take = take
        self._clock = clock
        self._random = random
        self._pause = pause
        self._check = check
        self._can_pass = can_pass

    async def updates(self, cursor: str) -> AsyncGenerator[GraphQLEvent[Any], None]:
        """The updates behind `cursor` ("": from now on). Of a server without cursors, `resync` follows each cut."""
        failures, is_offline, has_seen = 0, False, False
        while True:
            began: float | None = None
            try:
                async with aclosing(self._stream(cursor)) as payloads:
                    async for payload in payloads:
                        began = self._clock.monotonic() if began is None else began
                        if is_offline and has_seen and not cursor:
                            yield GraphQLEvent(kind="resync")
                        is_offline, has_seen = False, True
                        cursor = payload.cursor or cursor
                        update = self._take(payload, cursor)
                        if update is not None:
                            yield update
                return
            except HinterlandError as error:
                if not self._can_pass(error):
                    raise
                self._check()
                failures = 0 if began is not None and self._clock.monotonic() - began >= STEADY else failures
                if not is_offline:
                    is_offline = True
                    yield GraphQLEvent(kind="offline", cursor=cursor)
                wait = max(full_jitter(failures, WAIT_BASE, WAIT_CAP, self._random), error.retry_after or 0.0)
                failures += 1
                await self._pause(wait)
                self._check()
