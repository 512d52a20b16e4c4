"""Responses that last: what a subscription delivers is sent until it ends, or its reader goes away."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from hinterland.kit.asgi import AsgiReceive
from hinterland.kit.clock import Clock
from hinterland.kit.time_limit import within
from hinterland.server.data.subscription import Subscription

_FAREWELL_SECONDS = 1.0  # for a reader to take what was still on its way


async def serve(
    subscription: Subscription, sending: Coroutine[Any, Any, None], receive: AsgiReceive, clock: Clock
) -> None:
    """Await what is `sending` the events of a subscription until this ends or the reader goes away. A reader that takes
    nothing is not waited for."""
    sent = asyncio.create_task(sending)
    leaving = asyncio.create_task(_disconnected(receive))
    try:
        await asyncio.wait({sent, leaving, subscription.ended}, return_when=asyncio.FIRST_COMPLETED)
        if not sent.done() and not leaving.done() and not subscription.is_slow:
            await _farewell({sent, leaving}, clock)
        if sent.done():
            sent.result()
    finally:
        sent.cancel()
        leaving.cancel()
        await asyncio.wait({sent, leaving})


async def _disconnected(receive: AsgiReceive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _farewell(tasks: set[asyncio.Task[None]], clock: Clock) -> None:
    async def first() -> None:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)

    try:
        await within(clock, _FAREWELL_SECONDS, first)
    except TimeoutError:
        return
