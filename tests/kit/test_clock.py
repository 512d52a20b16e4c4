"""Time as a part that can be replaced."""

from __future__ import annotations

import asyncio
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hinterland.kit.clock import Clock, ManualClock, SystemClock


async def test_the_machine_s_clock() -> None:
    """The machine's clock tells its time, and waits no shorter than asked."""
    clock: Clock = SystemClock()
    assert abs(clock.now() - time.time()) < 5
    before = clock.monotonic()
    await clock.sleep(0.001)
    assert clock.monotonic() - before >= 0.001


async def test_a_manual_clock_stands_still() -> None:
    """A manual clock starts where it was set and moves only when it is turned."""
    clock = ManualClock(start=100.0)
    assert (clock.now(), clock.monotonic()) == (100.0, 0.0)
    await clock.advance(2.5)
    assert (clock.now(), clock.monotonic()) == (102.5, 2.5)


@given(st.lists(st.floats(0.001, 100), max_size=8), st.lists(st.floats(0, 60), max_size=8))
def test_sleepers_wake_in_order(naps: list[float], turns: list[float]) -> None:
    """However the clock is turned, sleepers wake in the order of their times, each seeing its own time."""

    async def run() -> None:
        clock, woken = ManualClock(), []

        async def nap(seconds: float) -> None:
            await clock.sleep(seconds)
            woken.append((seconds, clock.monotonic()))

        tasks = [asyncio.create_task(nap(seconds)) for seconds in naps]
        await asyncio.sleep(0)
        for turn in turns:
            await clock.advance(turn)
            assert [nap for nap, _ in woken] == sorted(nap for nap in naps if nap <= clock.monotonic())
        assert clock.waiting == len(naps) - len(woken)
        await clock.advance(1_000)
        await asyncio.gather(*tasks)
        assert woken == [(nap, nap) for nap in sorted(naps)]
        assert clock.waiting == 0

    asyncio.run(run())


async def test_a_sleeper_that_sleeps_again() -> None:
    """One turn wakes a sleeper as often as its naps end within it."""
    clock, times = ManualClock(), list[float]()

    async def tick() -> None:
        for _ in range(3):
            await clock.sleep(1)
            times.append(clock.monotonic())

    task = asyncio.create_task(tick())
    await asyncio.sleep(0)
    await clock.advance(10)
    await task
    assert times == [1, 2, 3]
    assert clock.monotonic() == 10


async def test_a_cancelled_sleeper() -> None:
    """A sleeper that was cancelled isn't waited for."""
    clock = ManualClock()
    task = asyncio.create_task(clock.sleep(5))
    await asyncio.sleep(0)
    assert clock.waiting == 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert clock.waiting == 0
    await clock.advance(10)


@pytest.mark.parametrize("seconds", [0, -1])
async def test_no_time(seconds: float) -> None:
    """A wait for no time lets others run and returns at once."""
    clock = ManualClock()
    await clock.sleep(seconds)
    assert clock.waiting == 0


async def test_a_jump() -> None:
    """A correction of the wall clock moves timestamps, not durations, and wakes nobody."""
    clock = ManualClock(start=0)
    task = asyncio.create_task(clock.sleep(5))
    await asyncio.sleep(0)
    clock.jump(-365 * 86_400)
    assert (clock.now(), clock.monotonic(), clock.waiting) == (-365 * 86_400, 0.0, 1)
    await clock.advance(5)
    await task
