"""Lets messages through no faster than at a pace, by their number and by what they weigh."""

from __future__ import annotations

from hinterland.kit.clock import Clock

MESSAGE_BYTES = 32 * 1024
"""The bytes of a message that count as one more: reading them takes others' time."""


class Pacer:
    """Lets messages through at `rate` a second, after `burst` at once."""

    def __init__(self, clock: Clock, rate: float, burst: float) -> None:
        self._clock = clock
        self._rate = rate
        self._burst = burst
        self._left = burst
        self._at = clock.monotonic()

    async def turn(self, size: int = 0) -> None:
        """Wait for the turn of the next message, which has `size` bytes: those behind a large one wait longer."""
        now = self._clock.monotonic()
        self._left = min(self._burst, self._left + (now - self._at) * self._rate)
        self._at = now
        if self._left < 1:
            await self._clock.sleep((1 - self._left) / self._rate)
        self._left -= 1 + size // MESSAGE_BYTES

    def charge(self, messages: float) -> None:
        """Count the last message as so many more: those behind it wait longer."""
        self._left -= messages
