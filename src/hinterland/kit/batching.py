"""Items of a stream in groups: all that came while the group before was dealt with."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import TypeVar

T = TypeVar("T")


async def batched(items: AsyncIterator[T], most: int) -> AsyncGenerator[list[T], None]:
    """The `items` in order, in lists of 1 to `most`; no more than `most` are taken ahead.

    Ends as `items` does, and raises what it raises, after the items that came before. A caller who leaves early
    closes this generator first, and then `items`.
    """
    waiting: list[T] = []
    came, has_room = asyncio.Event(), asyncio.Event()

    async def fill() -> None:
        async for item in items:
            waiting.append(item)
            came.set()
            if len(waiting) >= most:
                has_room.clear()
                await has_room.wait()

    filling = asyncio.ensure_future(fill())
    filling.add_done_callback(lambda _: came.set())
    try:
        while waiting or not filling.done():
            await came.wait()
            came.clear()
            group = [*waiting]
            waiting.clear()
            has_room.set()
            if group:
                yield group
        filling.result()
    finally:
        filling.cancel()
        await asyncio.wait([filling])
