"""One run for many callers."""

from __future__ import annotations

import asyncio

import pytest

from hinterland.kit.single_flight import SingleFlight


class Work:
    """Something that takes until `gate` opens, and counts its runs."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.runs = 0

    async def __call__(self) -> int:
        self.runs += 1
        await self.gate.wait()
        return self.runs


async def test_callers_share_one_run() -> None:
    """All who come during a run get its outcome; one that comes after it starts another."""
    flight: SingleFlight[int] = SingleFlight()
    work = Work()
    callers = [asyncio.create_task(flight.run("key", work)) for _ in range(50)]
    await asyncio.sleep(0)
    work.gate.set()
    assert await asyncio.gather(*callers) == [1] * 50
    assert await flight.run("key", work) == 2


async def test_keys_are_apart() -> None:
    """Runs for different keys do not wait for one another."""
    flight: SingleFlight[int] = SingleFlight()
    one, other = Work(), Work()
    waiting = asyncio.create_task(flight.run("one", one))
    other.gate.set()
    assert await flight.run("other", other) == 1
    one.gate.set()
    assert await waiting == 1


async def test_a_cancelled_caller_leaves_alone() -> None:
    """A caller that is cancelled neither ends the run nor takes the outcome from others."""
    flight: SingleFlight[int] = SingleFlight()
    work = Work()
    first = asyncio.create_task(flight.run("key", work))
    second = asyncio.create_task(flight.run("key", work))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    work.gate.set()
    assert await second == 1
    assert first.cancelled()


async def test_an_exception_reaches_all() -> None:
    """All callers get the run's exception, and the next caller tries anew."""

    async def fail() -> int:
        await asyncio.sleep(0)
        raise ValueError("no")

    flight: SingleFlight[int] = SingleFlight()
    outcomes = await asyncio.gather(*(flight.run("key", fail) for _ in range(3)), return_exceptions=True)
    assert [str(outcome) for outcome in outcomes] == ["no"] * 3
    with pytest.raises(ValueError, match="no"):
        await flight.run("key", fail)


async def test_an_abandoned_run_ends_quietly() -> None:
    """A run whose callers have all left goes to its end, and its exception disturbs nobody."""
    flight: SingleFlight[int] = SingleFlight()
    reached = asyncio.Event()

    async def fail() -> int:
        await asyncio.sleep(0)
        reached.set()
        raise ValueError("nobody hears this")

    caller = asyncio.create_task(flight.run("key", fail))
    await asyncio.sleep(0)
    caller.cancel()
    await flight.finish()
    assert reached.is_set()
