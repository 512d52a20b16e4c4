"""What one caller may take: the work of their filters and large events in a second, over which their streams wait and
others go on, the bytes that wait in their streams, and how many streams they have."""

from __future__ import annotations

import asyncio
from functools import lru_cache
from weakref import WeakValueDictionary

from hinterland.contract.errors import Refusal
from hinterland.contract.identity import Principal
from hinterland.kit.clock import Clock

STEPS_A_SECOND = 500_000  # about a twentieth of a core
BURST_STEPS = 100_000  # at once, before a caller waits
_TURN_STEPS = 10_000  # about a millisecond, after which others get their turn on the loop
STEP_BYTES = 256  # of a large event that are sent in a step
WAITING_BYTES = 32 * 1024 * 1024  # in all streams of one caller
_CALLERS = 10_000
_RETRY_STREAM_SECONDS = 5.0  # within which a stream whose reader went away has ended


class Pace:
    """How much of one kind of work a caller has left: time adds to it, up to `BURST_STEPS`, and work takes from it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._balance = float(BURST_STEPS)
        self._at = clock.monotonic()
        self._since_turn = 0.0
        self._queue = asyncio.Lock()

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
        """Wait until the caller may go on, and let others have their turn after a millisecond of work.

        Those of one caller go on one by one, each after the former's work was taken.
        """
        if self._since_turn >= _TURN_STEPS:
            self._since_turn = 0
            await asyncio.sleep(0)
        if self._queue.locked() or self.is_used_up:
            async with self._queue:
                while (balance := self._balanced()) <= 0:
                    await self._clock.sleep((1 - balance) / STEPS_A_SECOND)


class Allowance(Pace):
    """What one caller has left for filters, and for `sending` large events. `waiting` are the bytes that wait in the
    caller's `streams`, of which there are so many."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.sending = Pace(clock)
        self.waiting = 0
        self.streams = 0


class Allowances:
    """The allowances of callers, by their names; those in use and those used last are kept. An account may have
    `of_account` streams, and all signed-out callers at one address `of_address`."""

    def __init__(self, clock: Clock, of_account: int = 100, of_address: int = 1_000) -> None:
        self._clock = clock
        self._of_account = of_account
        self._of_address = of_address
        self._known: WeakValueDictionary[str, Allowance] = WeakValueDictionary()
        self.of = lru_cache(maxsize=_CALLERS)(self._of)

    def _of(self, name: str) -> Allowance:
        allowance = self._known.get(name)
        if allowance is None:
            allowance = self._known[name] = Allowance(self._clock)
        return allowance

    def take_stream(self, caller: Principal, allowance: Allowance) -> None:
        """Count one more stream of a caller. Raises `rate_limited` where there are as many as may be."""
        most, owner = (
            (self._of_account, "this account")
            if caller.is_signed_in
            else (self._of_address, "this address, signed out")
        )
        if allowance.streams >= most:
            message = f"{owner} has {most:,} live streams open, as many as it may; close one, then retry"
            raise Refusal("rate_limited", message, retry_after=_RETRY_STREAM_SECONDS)
        allowance.streams += 1
