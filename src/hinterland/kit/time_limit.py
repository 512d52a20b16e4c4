"""A time limit that is measured by a clock that can be replaced."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from hinterland.kit.clock import Clock

T = TypeVar("T")


async def within(clock: Clock, seconds: float, act: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """The outcome of `act`, which is cancelled when `seconds` have passed. Raises TimeoutError then."""
    if seconds <= 0:
        raise TimeoutError
    end = clock.monotonic() + seconds
    async with asyncio.timeout(None) as scope:
        timer = asyncio.create_task(_expire(clock, end, scope))
        try:
            return await act()
        finally:
            timer.cancel()


async def _expire(clock: Clock, end: float, scope: asyncio.Timeout) -> None:
    await clock.sleep(end - clock.monotonic())
    scope.reschedule(asyncio.get_running_loop().time())
