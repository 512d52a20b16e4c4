"""What a subscription delivers, event by event: for protocols whose events are messages of their own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Hashable
from typing import Any

from hinterland.server.data.subscription import Subscription

END = b"\n"  # of each event: JSON that was not made to be read by people has none
Deliver = Callable[[bytes], Awaitable[None] | None]
"""Sends whole events, each of which ends with `END`; what it returns is to be awaited before the next."""


_last: tuple[bytes, dict[Hashable, Any]] = (b"", {})
"""The event that was delivered last, and the message that readers of a kind were sent for it."""


class Delivery:
    """Gives whole events to `deliver`: pieces of a large one are joined, several that wait come together.

    With `send`, an event for which `keep` was called is sent as the same message to all deliveries of its `kind` that
    are `is_shared`, without asking each: thousands are served one after the other.
    """

    def __init__(
        self,
        subscription: Subscription,
        deliver: Deliver,
        send: Callable[[Any], Awaitable[None] | None] | None = None,
        kind: Hashable = None,
    ) -> None:
        self._subscription = subscription
        self._deliver_whole = deliver
        self._send = send
        self._kind = kind
        self._begun = b""
        self.is_shared = send is not None

    def keep(self, data: bytes, message: Any) -> None:
        """All deliveries of this kind send `message` for the event `data`."""
        global _last
        if _last[0] is not data:
            _last = (data, {})
        _last[1][self._kind] = message

    async def run(self) -> None:
        """Deliver until the subscription ends."""
        self._subscription.sink = self._deliver
        while data := await self._subscription.next():
            waiting = self._deliver(data)
            del data  # it may be large, and the next may be long in coming
            if waiting is not None:
                await waiting

    def _deliver(self, data: bytes) -> Awaitable[None] | None:
        last, messages = _last
        if data is last and self.is_shared and (message := messages.get(self._kind)) is not None:
            assert self._send is not None
            return self._send(message)
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
