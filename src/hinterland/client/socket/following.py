"""One subscription of the socket: what arrives, and what is made of it for the one who reads it.

No change is missing and none comes twice, whatever ends the connection: it goes on from the cursor of the last event
that arrived, and changes that the last snapshot has already are left out.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from copy import copy

import msgspec

from hinterland.client.answers import error_of
from hinterland.client.documents import decoded
from hinterland.client.errors import HinterlandError
from hinterland.client.events import Event
from hinterland.client.reconnecting import may_pass
from hinterland.client.socket.messages import Arrival
from hinterland.contract.errors import Problem
from hinterland.contract.events import ChangeEvent
from hinterland.contract.identity import RecordId
from hinterland.contract.socket import SubscribeMessage, Unsubscribe

MOST_UNREAD = 1_000  # events of a subscription that wait to be read; further ones are fetched again by its cursor
_encode = msgspec.json.encode
SocketWords = Mapping[str, str | int | float | bool | list[str]]


class FollowedList:
    """A subscription over all connections. `user` is in whose name it began."""

    def __init__(
        self, collections: Sequence[str], query: SocketWords, cursor: str, user: RecordId, *, has_snapshot: bool
    ) -> None:
        self.id = ""
        self.user = user
        self.cursor = cursor
        self._collections = [*collections]
        self._query = dict(query)
        self._has_snapshot = has_snapshot and len(collections) == 1
        self._is_ready = False
        self._shown: dict[RecordId, int] = {}
        self._unread: deque[Event] = deque()
        self._more = asyncio.Event()
        self._error: HinterlandError | None = None

    @property
    def is_full(self) -> bool:
        """Whether too much is unread."""
        return len(self._unread) >= MOST_UNREAD

    @property
    def is_idle(self) -> bool:
        """Whether everything is read."""
        return not self._unread

    def begin(self, id: str) -> str:
        """The message that begins it, or goes on with it, under another id."""
        self.id = id
        one = self._collections[0] if len(self._collections) == 1 else ""
        message = SubscribeMessage(
            id=id,
            collection=one,
            collections=[] if one else self._collections,
            query=self._query,
            cursor=self.cursor,
            snapshot=self._has_snapshot,
        )
        return _encode(message).decode()

    def leave(self) -> str:
        """The message that ends it."""
        id, self.id = self.id, ""
        return _encode(Unsubscribe(id=id)).decode()

    def take(self, arrival: Arrival) -> bool:
        """Take what arrived for it; whether it must begin anew."""
        match arrival.type:
            case "snapshot":
                self._shown = {item.get("id", ""): item.get("revision", 0) for item in arrival.items}
                self._put(Event(kind="snapshot", cursor="", items=arrival.items, next=arrival.next or None))
            case "ready":
                # Behind a snapshot the cursor may be older than what it shows; a cut here takes another one.
                self.cursor = self.cursor if self._shown else arrival.cursor
                self._is_ready = True
                self._put(Event(kind="ready", cursor=arrival.cursor))
            case "commit":
                self._commit(arrival)
            case "position":
                self.cursor = arrival.cursor
                self._put(Event(kind="position", cursor=arrival.cursor))
            case "resync":
                self._shown = {}
                self.cursor = "" if self._has_snapshot else arrival.cursor
                self._put(Event(kind="resync", cursor=arrival.cursor, reason=arrival.reason))
                return self._has_snapshot
            case "end" | "error":
                return self._ended(arrival)
        return False

    def away(self, error: HinterlandError) -> None:
        """The connection is lost."""
        self.id = ""
        if self._is_ready:
            self._is_ready = False
            self._put(Event(kind="offline", cursor=self.cursor, reason=error.message))

    def fail(self, error: HinterlandError) -> None:
        """It is over."""
        self._error = self._error or error
        self._more.set()

    async def next(self) -> Event:
        """The next event. Raises the error that it ended with."""
        while not self._unread:
            if self._error is not None:
                raise copy(self._error)
            self._more.clear()
            await self._more.wait()
        return self._unread.popleft()

    def _put(self, event: Event) -> None:
        self._unread.append(event)
        self._more.set()

    def _commit(self, arrival: Arrival) -> None:
        self.cursor = arrival.cursor
        changes = arrival.changes
        if self._shown:
            changes = [change for change in changes if not self._is_shown(change)]
            if arrival.revision > max(self._shown.values()):
                self._shown = {}
        if changes:
            commit = Event(kind="commit", cursor=arrival.cursor, revision=arrival.revision, changes=changes)
            self._put(commit)

    def _is_shown(self, change: ChangeEvent) -> bool:
        return change.revision <= self._shown.get(change.id, 0)

    def _ended(self, arrival: Arrival) -> bool:
        self.id = ""
        if not arrival.error:
            return True  # the rights have changed: it begins again with the new ones
        error = error_of(decoded(arrival.error, Problem, operation="socket"))
        if may_pass(error):
            return True
        self.fail(error)
        return False
