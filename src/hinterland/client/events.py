"""The live events of collections: a dropped stream reconnects and resumes without missing or repeating events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from random import random as system_random
from typing import Any, Literal

import msgspec

from hinterland.client.answers import error_of
from hinterland.client.calls import Calls
from hinterland.client.connectivity import Connectivity
from hinterland.client.documents import decoded
from hinterland.client.errors import (
    ClientClosed,
    ConnectionLost,
    HinterlandError,
    ReadTimeout,
)
from hinterland.client.exchange import Response
from hinterland.client.reconnecting import STEADY, WAIT_BASE, WAIT_CAP, may_pass
from hinterland.contract.errors import Problem
from hinterland.contract.events import ChangeEvent, Commit, Resync
from hinterland.kit.backoff import Random, full_jitter
from hinterland.kit.clock import Clock
from hinterland.kit.event_stream import EventStreamParser, Message
from hinterland.kit.time_limit import within

SILENCE = 30.0  # seconds; the server says something at least every 15


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """An event of a subscription. `cursor` is where to resume once this event is processed.

    `ready`: the stream is open. `commit`: `changes` that were made together, with the `revision` that they end at.
    `position`: a later cursor without changes. `resync`: the cursor can't be continued (`reason`): read the collections
    again. `offline`: the stream dropped (`reason`) and reconnects; `ready` follows when that succeeded. A stream that
    drops in its first seconds reconnects without an event, unless that fails. `snapshot`, over the socket: the `items`
    of a page of the collection, whose `next` is the cursor of the page behind it; what follows begins there.
    """

    kind: Literal["ready", "commit", "position", "resync", "offline", "snapshot"]
    cursor: str
    revision: int = 0
    changes: list[ChangeEvent] = []
    reason: str = ""
    items: list[dict[str, Any]] = []
    next: str | None = None


class EventReader:
    """Opens the streams of a client."""

    def __init__(self, calls: Calls, clock: Clock, connectivity: Connectivity, random: Random = system_random) -> None:
        self._calls = calls
        self._connectivity = connectivity
        self._clock = clock
        self._random = random
        self._is_closed = False
        self._pauses: set[asyncio.Future[None]] = set()

    def close(self) -> None:
        """The client is being closed: no stream reconnects."""
        self._is_closed = True
        for pause in self._pauses:
            pause.cancel()

    async def _pause(self, seconds: float) -> None:
        pause = asyncio.ensure_future(self._connectivity.pause(seconds, "http"))
        self._pauses.add(pause)
        try:
            await pause
        except asyncio.CancelledError:
            self._check_open()
            raise
        finally:
            self._pauses.discard(pause)

    def _check_open(self) -> None:
        if self._is_closed:
            raise ClientClosed(operation="events.stream")

    async def events(
        self,
        collections: Sequence[str],
        *,
        cursor: str = "",
        filter: str = "",
    ) -> AsyncGenerator[Event, None]:
        """The events of `collections` after `cursor` ("": from now on), until the server ends it with a 204.

        Raises Unauthorized, Forbidden, NotFound and other definite refusals, such as TooCostly where the server ends
        the stream since the filter costs too much; what may pass is waited for.
        """
        subscription = _Subscription(self._calls, self._clock, collections, filter, cursor)
        failures, is_offline = 0, False
        while True:
            began: float | None = None
            try:
                async with aclosing(subscription.connection()) as events:
                    async for event in events:
                        began = self._clock.monotonic() if began is None else began
                        is_offline = False
                        yield event
                return
            except HinterlandError as error:
                if not may_pass(error):
                    raise
                self._check_open()
                is_steady = began is not None and self._clock.monotonic() - began >= STEADY
                if is_steady:
                    failures = 0
                if not is_offline and (is_steady or began is None):
                    is_offline = True
                    yield Event(kind="offline", cursor=subscription.cursor, reason=error.message)
                wait = self._wait(failures, error, subscription)
                failures += 1
                await self._pause(wait)

    def _wait(self, failures: int, error: HinterlandError, subscription: _Subscription) -> float:
        jittered = full_jitter(failures, WAIT_BASE, WAIT_CAP, self._random)
        return max(jittered, error.retry_after or 0.0, subscription.retry or 0.0)


class _Subscription:
    """How far a stream has come: the newest cursor, and the wait that the server asks for between connections."""

    def __init__(self, calls: Calls, clock: Clock, collections: Sequence[str], filter_: str, cursor: str) -> None:
        self._calls = calls
        self._clock = clock
        self._pairs = [("collection", name) for name in collections] + ([("filter", filter_)] if filter_ else [])
        self._is_new = True
        self.cursor = cursor
        self.retry: float | None = None

    async def connection(self) -> AsyncGenerator[Event, None]:
        """The events of one connection; ends with a 204, raises ConnectionLost at any other end."""
        response = await self._open()
        try:
            if response.status == 204:
                return
            parser = EventStreamParser()
            while True:
                for message in parser.feed(await self._piece(response)):
                    self.cursor = message.id or self.cursor
                    if (event := _event(message, self.cursor)) is not None:
                        yield event
                self.retry = parser.retry
        finally:
            await response.close()

    async def _open(self) -> Response:
        is_first, self._is_new = self._is_new, False
        pairs, headers = list(self._pairs), {"accept": "text/event-stream", "cache-control": "no-store"}
        if self.cursor and is_first:
            pairs.append(("cursor", self.cursor))
        elif self.cursor:
            headers["last-event-id"] = self.cursor
        request = self._calls.request("events.stream", query=pairs, headers=headers)
        return await self._calls.perform(request.replaced(is_stream=True, retries=0, read=SILENCE))

    async def _piece(self, response: Response) -> bytes:
        async def act() -> bytes:
            return await anext(response.stream, b"") if response.stream is not None else b""

        try:
            piece = await within(self._clock, SILENCE, act)
        except TimeoutError:
            raise ReadTimeout(detail=f"no data for {SILENCE:g} s", operation="events.stream") from None
        if not piece:
            raise ConnectionLost(detail="the stream ended", operation="events.stream")
        return piece


def _event(message: Message, cursor: str) -> Event | None:
    data: Any = message.data.encode()
    match message.event:
        case "end":
            raise error_of(decoded(data, Problem, operation="events.stream"))
        case "commit":
            commit = decoded(data, Commit, operation="events.stream")
            return Event(kind="commit", cursor=cursor, revision=commit.revision, changes=commit.changes)
        case "resync":
            return Event(kind="resync", cursor=cursor, reason=decoded(data, Resync, operation="events.stream").reason)
        case "ready":
            return Event(kind="ready", cursor=cursor)
        case "position":
            return Event(kind="position", cursor=cursor)
        case _:
            return None  # a newer server tells more
