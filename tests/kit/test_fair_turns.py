from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from hinterland.kit.fair_turns import FairTurns, TooManyWaiting


class Works:
    """Works on turns under names; `order` tells who began."""

    def __init__(self, turns: FairTurns) -> None:
        self.turns = turns
        self.order: list[str] = []
        self.ends: dict[str, asyncio.Event] = {}

    async def _work(self, key: str) -> None:
        async with self.turns.of(key[0]):
            self.order.append(key)
            await self.ends[key].wait()

    async def begin(self, *keys: str) -> list[asyncio.Task[None]]:
        """Begin work under the first letter of each key."""
        tasks = []
        for key in keys:
            self.ends[key] = asyncio.Event()
            tasks.append(asyncio.create_task(self._work(key)))
            await asyncio.sleep(0)
        return tasks

    async def end(self, *keys: str) -> None:
        """End work, one after the other."""
        for key in keys:
            self.ends[key].set()
            for _ in range(4):
                await asyncio.sleep(0)


async def test_each_name_has_its_share() -> None:
    """One name has as many places as `each` says, though more are free."""
    works = Works(FairTurns(3, 1, 9))
    await works.begin("a1", "a2", "b1")
    assert works.order == ["a1", "b1"]
    await works.end("a1")
    assert works.order == ["a1", "b1", "a2"]
    await works.end("a2", "b1")


async def test_names_take_turns() -> None:
    """A caller that comes waits for one work of each name before it, not for all that others asked for."""
    works = Works(FairTurns(1, 1, 9))
    await works.begin("a1", "a2", "a3", "a4", "b1", "b2", "c1")
    await works.end("a1", "a2", "b1", "c1", "a3", "b2", "a4")
    assert works.order == ["a1", "a2", "b1", "c1", "a3", "b2", "a4"]


async def test_waiting_is_bounded() -> None:
    """More than a number of waiters under one name are refused at once; others are not."""
    works = Works(FairTurns(1, 1, 2))
    await works.begin("a1", "a2", "a3")
    with pytest.raises(TooManyWaiting):
        async with works.turns.of("a"):
            pass
    await works.begin("b1")
    await works.end("a1", "a2", "b1", "a3")
    assert works.order == ["a1", "a2", "b1", "a3"]


@pytest.mark.parametrize("later", range(-2, 4))
async def test_cancelled(later: int) -> None:
    """Who is cancelled while waiting, or just before or after its turn comes, leaves its place to the next."""
    works = Works(FairTurns(1, 1, 9))
    _, waiting, _ = await works.begin("a1", "b1", "c1")
    if later < 0:
        waiting.cancel()
    for _ in range(-later - 1):
        await asyncio.sleep(0)
    works.ends["a1"].set()
    for _ in range(later):
        await asyncio.sleep(0)
    waiting.cancel()
    for _ in range(9):
        await asyncio.sleep(0)
    assert waiting.cancelled()
    assert works.order[-1] == "c1"
    await works.end("c1")
    assert (works.turns._free, works.turns._running, works.turns._waiting) == (1, {}, {})


async def test_work_that_fails() -> None:
    """Work that raises gives its place back."""
    turns = FairTurns(1, 1, 9)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            async with turns.of("a"):
                raise ZeroDivisionError
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(turns.of("a"))
    assert turns._running == {}
