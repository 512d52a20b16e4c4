"""One subscriber of the feed: first it is sent what it missed, read from the log, then what happens."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from hinterland.contract.errors import Refusal
from hinterland.contract.identity import Principal
from hinterland.server.data.allowance import WAITING_BYTES, Allowance
from hinterland.server.data.outlets import LARGE_BYTES, Outlet
from hinterland.server.data.shared_messages import SharedMessage

log = logging.getLogger("hinterland.feed")
_LONGEST_WAIT_BYTES = 8 * 1024 * 1024
Sink = Callable[[bytes], Awaitable[None] | None]
"""Sends a piece at once; what it returns is to be awaited before the next."""


class EventSource(Protocol):
    """What a subscription needs of the feed."""

    async def catch_up(self, subscription: Subscription) -> None:
        """Give it the next page of what it missed, or make it live."""
        ...

    def leave(self, subscription: Subscription) -> None:
        """It has ended."""
        ...


class Subscription:
    """What waits to be sent to one subscriber.

    `revision` and `check` are the commit's end up to which it was served; `as_of` is the revision at which its outlet
    was opened. One that takes its events too slowly is cut
    (`is_slow`): it comes back with its cursor and reads the log at its own speed. Where an event has a message that is
    `shared`, `send_shared` sends that instead of what `sink` would make of it.
    """

    # Thousands are served one after the other: each is to be in few places of the memory.
    __slots__ = (
        "_buffer", "_pending", "_reported", "_rest", "_size", "_source", "_waiter", "allowance", "as_of", "caller",
        "check", "ended", "is_live", "is_slow", "outlet", "revision", "send_shared", "shared", "sink",
    )  # fmt: skip

    def __init__(
        self,
        source: EventSource,
        outlet: Outlet,
        caller: Principal,
        allowance: Allowance,
        position: tuple[int, int],
        opening: bytes,
        buffer: int,
    ) -> None:
        self.outlet = outlet
        self.caller = caller
        self.allowance = allowance
        self.revision, self.check = position
        self.as_of = position[0]
        self.is_live = False
        self.is_slow = False
        self._source = source
        self._buffer = buffer
        self._pending = [opening]
        self._size = 0
        self._reported = position[0]
        self._waiter: asyncio.Future[None] | None = None
        self._rest: Awaitable[None] | None = None
        self.sink: Sink | None = None
        self.shared: SharedMessage | None = None
        self.send_shared: Callable[[Any], Awaitable[None] | None] | None = None
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def has_ended(self) -> bool:
        """Whether nothing more is served; what waits is still sent."""
        return self.ended.done()

    async def next(self) -> bytes:
        """What is to be sent next, one event, several, or a piece of a large one; b"" when the stream has ended."""
        while not self._pending and not self.has_ended:
            if self.is_live:
                await self._wait()
            else:
                await self._source.catch_up(self)
        return self._take()

    def _take(self) -> bytes:
        """What waits: small pieces are joined, a large one is passed on as it is, so that it is not copied."""
        pending = self._pending
        if len(pending) <= 1:
            self._pending = []
            self._count(-self._size)
            return pending[0] if pending else b""
        small = next((place for place, piece in enumerate(pending) if len(piece) >= LARGE_BYTES), len(pending))
        taken, self._pending = pending[: small or 1], pending[small or 1 :]
        self._count(min(self._size, sum(map(len, self._pending))) - self._size)
        return taken[0] if len(taken) == 1 else b"".join(taken)

    async def _wait(self) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        await self._waiter
        rest, self._rest = self._rest, None
        if rest is not None:
            await rest

    def replay(self, pieces: Sequence[bytes], revision: int, check: int) -> None:
        """Serve a commit from the log, at the subscriber's own speed; without pieces, nothing of it is visible."""
        self.revision, self.check = revision, check
        if pieces:
            self._pending += pieces
            self._reported = revision

    async def pace(self) -> None:
        """Wait until the caller may be served more from the log."""
        if self.outlet.is_costly:
            await self.allowance.turn()
        await self.allowance.sending.turn()

    def go_live(self) -> None:
        """Everything before was served. A cursor that saw no event for long is brought up to date."""
        self.is_live = True
        if self._reported < self.revision:
            self._pending.append(self.outlet.position(self.revision, self.check))

    def fall_behind(self, revision: int, check: int) -> None:
        """Read the log alone from here: everything until `revision` was served, what comes costs too much at once."""
        if revision >= self.revision:
            self.revision, self.check = revision, check
        self.is_live = False
        self._wake()

    def refuse(self, refusal: Refusal) -> None:
        """End the stream, and say why."""
        self._pending.append(self.outlet.end(self.revision, self.check, refusal))
        self.end()

    def push(self, pieces: Sequence[bytes], revision: int) -> None:
        """Serve the event that ends at `revision`, unless it was served before."""
        if revision > self.revision:
            self.revision = revision
            shared, sink = self.shared, self.sink
            if sink is None or self._waiter is None:
                self.send(pieces)
            elif shared is not None and shared.event is pieces[0] and self.send_shared is not None:
                self._serve(self.send_shared, shared.messages)
            else:
                self._serve(sink, pieces)

    def send(self, pieces: Sequence[bytes]) -> None:
        """Add the pieces of an event to what waits; cuts a subscriber for whom too much waits already.

        One whose task waits is served at once through its `sink`, if it has one, which returns what is left to wait
        for. That saves a turn of its task for each event.
        """
        sink = self.sink
        if sink is not None and self._waiter is not None:
            self._serve(sink, pieces)
            return
        if self._is_full():
            self.is_slow = True
            self._pending = []
            self.end()
            return
        self._keep(pieces)
        self._wake()

    def _keep(self, pieces: Sequence[bytes]) -> None:
        self._pending += pieces
        self._count(sum(map(len, pieces)))

    def _is_full(self) -> bool:
        is_too_much = self._size > _LONGEST_WAIT_BYTES or self.allowance.waiting > WAITING_BYTES
        return is_too_much or len(self._pending) >= self._buffer

    def _count(self, size: int) -> None:
        self._size += size
        self.allowance.waiting += size

    def _serve(self, sink: Callable[[Any], Awaitable[None] | None], pieces: Sequence[Any]) -> None:
        place = 0
        try:
            for piece in pieces:
                place += 1
                if (rest := sink(piece)) is not None:
                    self._rest = rest
                    break
            else:
                return
        except Exception as error:  # one subscriber's connection must not affect the others
            log.info("a stream broke off: %s", error)
            self.end()
            return
        self._keep(pieces[place:])
        self._wake()

    def end(self) -> None:
        """End the stream: what waits is still sent."""
        if not self.has_ended:
            self._count(-self._size)  # it may never be taken
            self.ended.set_result(None)
            self._source.leave(self)
            self._wake()

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
