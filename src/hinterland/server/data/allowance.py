"""What one caller may take: the work of their filters in a second, over which their streams wait and others go on, and
the bytes that wait in their streams."""

from __future__ import annotations

import asyncio
from functools import lru_cache

from hinterland.kit.clock import Clock

STEPS_A_SECOND = 500_000  # about a twentieth of a core
BURST_STEPS = 100_000  # at once, before a caller waits
_TURN_STEPS = 10_000  # about a millisecond, after which others get their turn on the loop
WAITING_BYTES = 32 * 1024 * 1024  # in all streams of one caller
_CALLERS = 10_000


class Allowance:
    """What one caller has left: `balance` grows with time up to `BURST_STEPS`, and work takes from it. `waiting` are
    the bytes that wait in the caller's streams."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._balance = float(BURST_STEPS)
        self._at = clock.monotonic()
        self._since_turn = 0.0
        self.waiting = 0

    def _balanced(self) -> float:
        now = self._clock.monotonic()
        self._balance = min(BURST_STEPS, self._balance + (now - self._at) * STEPS_A_SECOND)
        self._at = now
        return self._balance

    @property
    def is_used_up(self) -> bool:
        """Whether the caller must wait."""
        return self._balanced() <= 0

    def spend(self, steps: float) -> None:
        """Take work that was done."""
        self._balance -= steps
        self._since_turn += steps

    async def turn(self) -> None:
        """Wait until the caller may go on, and let others have their turn after a millisecond of work."""
        if self._since_turn < _TURN_STEPS:
            return
        self._since_turn = 0
        await asyncio.sleep(0)
        while (balance := self._balanced()) <= 0:
            await self._clock.sleep((1 - balance) / STEPS_A_SECOND)


class Allowances:
    """The allowances of callers, by their names; those used last are kept."""

    def __init__(self, clock: Clock) -> None:
        self.of = lru_cache(maxsize=_CALLERS)(lambda name: Allowance(clock))
