"""Letting time pass without waiting for it."""

from __future__ import annotations

import asyncio

import pytest

from hinterland.kit.clock import ManualClock
from hinterland.testing.clock import play


async def test_time_flies_only_while_it_must() -> None:
    """What waits for the clock gets its time, no more than it needs; what does not wait costs none."""
    clock = ManualClock()

    async def work() -> str:
        await asyncio.sleep(0)
        await clock.sleep(3_000)
        return "done"

    async def nothing() -> int:
        return 1

    assert await play(clock, nothing()) == 1
    assert clock.monotonic() == 0
    assert await play(clock, work(), step=10) == "done"
    assert 3_000 <= clock.monotonic() <= 3_010


async def test_what_never_ends_is_ended() -> None:
    """What is not done within the limit is cancelled, and that is a TimeoutError; its own errors are passed on."""
    clock = ManualClock()
    ended: list[bool] = []

    async def never() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            ended.append(True)

    async def fail() -> None:
        raise ValueError("own")

    with pytest.raises(TimeoutError, match="not done within 5 s"):
        await play(clock, never(), step=1, limit=5)
    await asyncio.sleep(0)
    assert ended == [True]
    with pytest.raises(ValueError, match="own"):
        await play(clock, fail())
