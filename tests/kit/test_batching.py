"""Groups of what came meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hinterland.kit.batching import batched


async def counted(count: int, *, pauses: list[int] | None = None, error: Exception | None = None) -> AsyncIterator[int]:
    """Numbers from 0, with turns of the loop between them, and perhaps an error at the end."""
    for number in range(count):
        for _ in range((pauses or [0])[number % len(pauses or [0])]):
            await asyncio.sleep(0)
        yield number
    if error is not None:
        raise error


@given(count=st.integers(0, 40), most=st.integers(1, 9), pauses=st.lists(st.integers(0, 3), min_size=1, max_size=5))
async def test_every_item_comes_once_and_in_order(count: int, most: int, pauses: list[int]) -> None:
    """Groups hold every item once and in order, 1 to `most` at a time, however they come."""
    groups = [group async for group in batched(counted(count, pauses=pauses), most)]
    assert [item for group in groups for item in group] == [*range(count)]
    assert all(1 <= len(group) <= most for group in groups)


async def test_what_came_meanwhile_comes_together() -> None:
    """While a group is dealt with the next ones gather, and no more than `most`."""
    taken = []

    async def noted() -> AsyncIterator[int]:
        async for number in counted(20):
            taken.append(number)
            yield number

    sizes = []
    async with aclosing(batched(noted(), 8)) as groups:
        async for group in groups:
            sizes.append(len(group))
            for _ in range(30):
                await asyncio.sleep(0)
            assert len(taken) <= sum(sizes) + 8
    assert sizes == [8, 8, 4]


async def test_an_error_comes_after_the_items() -> None:
    """What the stream raises is raised once everything before it was given."""
    seen: list[int] = []
    with pytest.raises(ValueError, match="the end"):
        async for group in batched(counted(5, error=ValueError("the end")), 2):
            seen += group
    assert seen == [*range(5)]


async def test_leaving_early_ends_the_stream() -> None:
    """A reader that leaves before the end leaves nothing behind that still waits."""
    ended = []

    async def endless() -> AsyncGenerator[int, None]:
        try:
            yield 1
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    async with aclosing(endless()) as items, aclosing(batched(items, 4)) as groups:
        assert await anext(groups) == [1]
    assert ended == [True]
    assert len(asyncio.all_tasks()) == 1
