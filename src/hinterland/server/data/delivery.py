"""What a subscription delivers, event by event: for protocols whose events are messages of their own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from hinterland.server.data.subscription import Subscription

END = b"\n"  # of each event: JSON that was not made to be read by people has none
Deliver = Callable[[bytes], Awaitable[None] | None]
"""Sends whole events, each of which ends with `END`; what it returns is to be awaited before the next."""


class Delivery:
    """Gives whole events to `deliver`: pieces of a large one are joined, several that wait come together."""

    def __init__(self, subscription: Subscription, deliver: Deliver) -> None:
        self._subscription = subscription
        self._deliver_whole = deliver
        self._begun = b""

    async def run(self) -> None:
        """Deliver until the subscription ends."""
        self._subscription.sink = self._deliver
        while data := await self._subscription.next():
            if (waiting := self._deliver(data)) is not None:
                await waiting

    def _deliver(self, data: bytes) -> Awaitable[None] | None:
        if self._begun or not data.endswith(END):
            data, self._begun = self._begun + data, b""
            if not data.endswith(END):
                self._begun = data
                return None
        return self._deliver_whole(data)


async def in_turn(waiting: list[Awaitable[None]]) -> None:
    """Await some sends one after the other."""
    for each in waiting:
        await each
