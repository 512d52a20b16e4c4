"""Letting time pass without waiting for it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from hinterland.kit.clock import ManualClock

T = TypeVar("T")
_TURNS = 25  # of the loop, until everything that can go on without time has gone on


async def play(clock: ManualClock, act: Coroutine[Any, Any, T], *, step: float = 0.05, limit: float = 3_600.0) -> T:
    """The outcome of `act`, while `clock` is turned by `step` seconds whenever nothing else can go on.

    For code that waits for the clock only; what waits for sockets or threads sees time fly. Raises TimeoutError after
    `limit` seconds of the clock.
    """
    task = asyncio.ensure_future(act)
    end = clock.monotonic() + limit
    try:
        while True:
            for _ in range(_TURNS):
                if task.done():
                    return task.result()
                await asyncio.sleep(0)
            if clock.monotonic() >= end:
                raise TimeoutError(f"not done within {limit:g} s of the clock")
            await clock.advance(step)
    finally:
        task.cancel()
