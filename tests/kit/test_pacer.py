"""The pace of messages."""

from __future__ import annotations

import asyncio

from hinterland.kit.clock import ManualClock
from hinterland.kit.pacer import MESSAGE_BYTES, Pacer


async def passed(pacer: Pacer, clock: ManualClock, sizes: list[int], seconds: float) -> int:
    """How many of these messages are let through in so many seconds."""
    count = 0

    async def let_through() -> None:
        nonlocal count
        for size in sizes:
            await pacer.turn(size)
            count += 1

    task = asyncio.create_task(let_through())
    for _ in range(round(seconds * 100)):
        await clock.advance(0.01)
    task.cancel()
    await asyncio.wait([task])
    return count


async def test_number_of_messages() -> None:
    """After a burst messages come at their rate; who waits has its burst again."""
    clock = ManualClock()
    pacer = Pacer(clock, 10, 20)
    assert await passed(pacer, clock, [0] * 100, 1) in (29, 30)
    await clock.advance(10)
    assert await passed(pacer, clock, [100] * 100, 0.1) in (20, 21)


async def test_charged_messages() -> None:
    """What a message has caused may count too."""
    clock = ManualClock()
    pacer = Pacer(clock, 10, 20)
    assert await passed(pacer, clock, [0], 0) == 0
    pacer.charge(39)
    assert await passed(pacer, clock, [0, 0], 1.5) == 0
    assert await passed(pacer, clock, [0, 0], 0.7) == 2


async def test_large_messages() -> None:
    """A large message is let through as any, and counts for as many as it has bytes: those behind it wait."""
    clock = ManualClock()
    pacer = Pacer(clock, 10, 20)
    assert await passed(pacer, clock, [50 * MESSAGE_BYTES, 0, 0], 2) == 1
    assert await passed(pacer, clock, [0, 0], 1.5) == 2
