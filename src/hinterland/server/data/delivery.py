"""What a subscription delivers, event by event: for protocols whose events are messages of their own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Hashable
from typing import Any

from hinterland.server.data.shared_messages import SharedMessage
from hinterland.server.data.subscription import Subscription

END = b"\n"  # of each event: JSON that was not made to be read by people has none
Deliver = Callable[[bytes], Awaitable[None] | None]
"""Sends whole events, each of which ends with `END`; what it returns is to be awaited before the next."""


class Delivery:
    """Gives whole events to `deliver`: pieces of a large one are joined, several that wait come together.

    With `send`, an event for which `keep` was called is sent as the same message to all deliveries of its `kind` that
    are `is_shared`, without asking `deliver` again.
    """

    __slots__ = ("_begun", "_deliver_whole", "_shared", "_subscription")

    def __init__(
        self,
        subscription: Subscription,
        deliver: Deliver,
        send: Callable[[Any], Awaitable[None] | None] | None = None,
        kind: Hashable = None,
    ) -> None:
        self._subscription = subscription
        self._deliver_whole = deliver
        self._shared = None if send is None else SharedMessage.of(kind)
        self._begun = b""
        subscription.shared, subscription.send_shared = self._shared, send

    @property
    def is_shared(self) -> bool:
        """Whether it is sent what is kept for its kind."""
        return self._subscription.shared is not None

    @is_shared.setter
    def is_shared(self, value: bool) -> None:
        self._subscription.shared = self._shared if value else None

    def keep(self, data: bytes, message: Any) -> None:
        """All deliveries of this kind send `message` for the event `data`."""
        if self._shared is not None:
            self._shared.keep(data, message)

    async def run(self) -> None:
        """Deliver until the subscription ends."""
        self._subscription.sink = self._deliver
        while data := await self._subscription.next():
            waiting = self._deliver(data)
            del data  # it may be large, and the next may be long in coming
            if waiting is not None:
                await waiting

    def _deliver(self, data: bytes) -> Awaitable[None] | None:
        if self._begun or not data.endswith(END):
            data, self._begun = self._begun + data, b""
            if not data.endswith(END):
                self._begun = data
                return None
        return self._deliver_whole(data)


class InTurn:
    """Some sends, which are awaited one after the other; nothing is left over where nobody awaits them."""

    def __init__(self, waiting: list[Awaitable[None]]) -> None:
        self._waiting = waiting

    def __await__(self) -> Generator[Any, None, None]:
        for each in self._waiting:
            yield from each.__await__()
