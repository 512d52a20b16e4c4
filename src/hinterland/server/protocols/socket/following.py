"""One subscription of a socket: a snapshot, and then what happens, without a gap between them and nothing twice."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from hinterland.contract.identity import RecordId
from hinterland.server.data.delivery import END, Delivery, InTurn
from hinterland.server.data.subscription import Subscription
from hinterland.server.protocols.socket.events import ENCODER, messages_of
from hinterland.server.websocket import SocketMessage

SendMessage = Callable[[SocketMessage], Awaitable[None] | None]


class _Shown(msgspec.Struct):
    id: RecordId
    revision: int = 0


class _ShownPage(msgspec.Struct):
    items: list[_Shown]


class _Event(msgspec.Struct):
    type: str
    cursor: str = ""
    revision: int = 0
    changes: list[msgspec.Raw] = []


class _Changed(msgspec.Struct):
    id: RecordId
    revision: int = 0
    parent: str = ""


_page, _event, _changed = msgspec.json.Decoder(_ShownPage), msgspec.json.Decoder(_Event), msgspec.json.Decoder(_Changed)


class Sieve:
    """Takes out of events what a subscription does not want: changes of records below others than `parent` ("": of
    none), and those that its snapshot shows already.

    An event that is older than the snapshot has no cursor: to continue behind it would repeat what the snapshot shows.
    """

    def __init__(self, parent: str, revision_of: Callable[[str], int]) -> None:
        self._parent = parent
        self._revision_of = revision_of
        self._revisions: dict[RecordId, int] = {}
        self._until = 0

    def drop_shown(self, page: bytes, revision: int) -> None:
        """What comes up to the newest record of this page may be older than what it has of the same records; up to
        `revision`, where the page does not have the revisions of its records."""
        self._revisions = {item.id: item.revision for item in _page.decode(page).items}
        self._until = max(self._revisions.values(), default=0) if all(self._revisions.values()) else revision

    @property
    def is_open(self) -> bool:
        """Whether everything passes."""
        return not self._parent and not self._revisions

    def passed(self, event: bytes) -> bytes:
        """The event without the changes that are not wanted; b"" where none is left of it."""
        known = _event.decode(b"{" + event)
        left = [change for change in known.changes if self._passes(_changed.decode(change))]
        is_behind = bool(self._revisions)
        if is_behind and (known.revision or self._revision_of(known.cursor)) >= self._until:
            self._revisions, is_behind = {}, False
            if known.changes and not left:
                return ENCODER.position(known.cursor).removesuffix(END)
        if known.changes and not left:
            return b""
        if len(left) < len(known.changes):
            event = event.partition(b'"changes":[')[0] + b'"changes":[%b]}' % b",".join(map(bytes, left))
        if not is_behind or known.type in ("resync", "end"):
            return event
        return b"" if known.type == "position" else event.replace(known.cursor.encode(), b"", 1)

    def _passes(self, change: _Changed) -> bool:
        if self._parent and change.parent != self._parent:
            return False
        return change.revision > self._revisions.get(change.id, 0)


class Following:
    """Sends what a subscription delivers as messages with its `id`."""

    def __init__(self, id: str, send: SendMessage, sieve: Sieve, *, is_packed: bool) -> None:
        self._id = id
        self._send = send
        self._sieve = sieve
        self._is_packed = is_packed

    async def run(self, subscription: Subscription) -> None:
        """Send until the subscription ends. What is sent is made once for all who have the same `id`."""
        self._delivery = Delivery(subscription, self._deliver, self._send, (self._id, self._is_packed))
        self._delivery.is_shared = self._sieve.is_open
        await self._delivery.run()

    def _deliver(self, data: bytes) -> Awaitable[None] | None:
        """Send whole events."""
        is_open = self._sieve.is_open
        if not is_open:
            left = [self._sieve.passed(event) for event in data.split(END) if event]
            data = b"".join([event + END for event in left if event])
        messages = messages_of(data, self._id, is_packed=self._is_packed)
        self._delivery.is_shared = self._sieve.is_open
        if len(messages) == 1:
            if is_open:
                self._delivery.keep(data, messages[0])
            return self._send(messages[0])
        waiting = [each for message in messages if (each := self._send(message)) is not None]
        return InTurn(waiting) if waiting else None
