"""Time limits by a clock that can be turned."""

from __future__ import annotations

import asyncio

import pytest

from hinterland.kit.clock import ManualClock, SystemClock
from hinterland.kit.time_limit import within


async def forever() -> None:
    """Never ends by itself."""
    await asyncio.get_running_loop().create_future()


async def test_what_ends_in_time_is_not_touched() -> None:
    """The outcome, or the exception, of what ends in time is passed on, and no sleeper stays behind."""
    clock = ManualClock()

    async def answer() -> int:
        return 42

    async def fail() -> int:
        raise ValueError("own")

    assert await within(clock, 5, answer) == 42
    with pytest.raises(ValueError, match="own"):
        await within(clock, 5, fail)
    await asyncio.sleep(0)
    assert clock.waiting == 0


async def test_what_takes_too_long_is_cancelled() -> None:
    """When the clock has run out, what was begun is cancelled and TimeoutError is raised; not a moment before."""
    clock = ManualClock()
    task = asyncio.create_task(within(clock, 5, forever))
    await asyncio.sleep(0)
    await clock.advance(4.9)
    assert not task.done()
    await clock.advance(0.2)
    with pytest.raises(TimeoutError):
        await task


async def test_a_limit_that_has_passed_begins_nothing() -> None:
    """With no time left nothing is begun."""
    with pytest.raises(TimeoutError):
        await within(SystemClock(), 0, forever)


async def test_the_real_clock_limits_too() -> None:
    """The machine's clock ends what takes too long."""
    with pytest.raises(TimeoutError):
        await within(SystemClock(), 0.001, forever)


async def test_cancellation_from_outside_stays_one() -> None:
    """A task that is cancelled by somebody else ends as cancelled, not as timed out."""
    task = asyncio.create_task(within(ManualClock(), 5, forever))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
