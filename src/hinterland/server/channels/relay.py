"""How what happens in channels gets its order, is kept where it is to be, and comes back to be delivered."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple, Protocol

from hinterland.contract.errors import Refusal
from hinterland.server.channels.events import PlacedEvents, RelayedEvent, numbered
from hinterland.server.storage import channel_statements as sql
from hinterland.server.storage.protocol import Snapshot, Storage, Transaction
from hinterland.server.storage.system import CHANNEL_MESSAGES, Drop, Insert, RowAct

log = logging.getLogger("hinterland.channels")
MOST_AT_ONCE = 500  # events of one transaction
DeliverPlaced = Callable[[PlacedEvents], Awaitable[None]]
Submission = tuple[RelayedEvent, asyncio.Future[RelayedEvent]]


class RoomState(NamedTuple):
    """What is known of a channel at a position: the last number of its kept messages, and the entries of its members in
    other processes."""

    position: int
    seq: int
    entries: dict[str, str]


class Relay(Protocol):
    """Gives events their order. All processes deliver what happens in a channel in the same order."""

    deliver: DeliverPlaced

    async def start(self) -> None:
        """Begin to deliver."""
        ...

    async def close(self) -> None:
        """Deliver no more; the members of this process have left."""
        ...

    async def load(self, channel: str) -> RoomState:
        """What is known of a channel, at a position up to which nothing more of it needs to be delivered."""
        ...

    def submit(self, event: RelayedEvent) -> asyncio.Future[RelayedEvent]:
        """Let something happen, after all that was submitted before; the event as it is when it has been delivered in
        this process. It fails with a `Refusal` where nothing has happened."""
        ...

    def wake(self) -> None:
        """Other processes may have submitted something."""
        ...


async def last_seq(source: Snapshot, channel: str) -> int:
    """The last number of the kept messages of a channel."""
    rows = await source.fetch(sql.LAST, (channel,))
    return int(rows[0][0]) if rows else 0


async def history(storage: Storage, channel: str, seq: int, count: int) -> list[str]:
    """The last `count` kept messages up to number `seq` as JSON, oldest first; as many as fit an answer."""
    if count < 1 or seq < 1:
        return []
    rows, _ = await storage.fetch_some(sql.HISTORY, (channel, seq, count), sql.HISTORY_TEXTS)
    return [numbered(row[1], row[0]) for row in reversed(rows)]


async def keep(transaction: Transaction, events: Sequence[RelayedEvent]) -> list[RelayedEvent]:
    """Keep those of the events that are to be, and number them; delete those that are too many then."""
    counts = Counter(event.channel for event in events if event.keep)
    last: dict[str, int] = {}
    for channel in sorted(counts):
        rows = await transaction.fetch(sql.NUMBER, (channel, counts[channel]))
        last[channel] = rows[0][0] - counts[channel]
    result, acts = list[RelayedEvent](), list[RowAct]()
    most: dict[str, int] = {}
    for event in events:
        if event.keep:
            last[event.channel] += 1
            event = event._replace(seq=last[event.channel])
            most[event.channel] = event.keep
            row = {"channel": event.channel, "seq": event.seq, "account": event.account, "until": event.until}
            acts.append(Insert(CHANNEL_MESSAGES.name, {**row, "body": event.body}))
        result.append(event)
    acts += [Drop(CHANNEL_MESSAGES.name, {"channel": name}, {"seq": last[name] - most[name]}) for name in most]
    if acts:
        await transaction.act(acts)
    return result


class SubmissionQueue:
    """Events that wait for their turn, and those who submitted them."""

    def __init__(self) -> None:
        self.woken = asyncio.Event()
        self._waiting: list[Submission] = []
        self._is_closed = False

    def add(self, event: RelayedEvent) -> asyncio.Future[RelayedEvent]:
        """One more event."""
        answer: asyncio.Future[RelayedEvent] = asyncio.get_running_loop().create_future()
        if self._is_closed:
            refuse([(event, answer)], ConnectionError())
        else:
            self._waiting.append((event, answer))
            self.woken.set()
        return answer

    def close(self) -> None:
        """Refuse those that wait, and all that come."""
        self._is_closed = True
        refuse(self._waiting, ConnectionError())
        self._waiting = []

    def take(self) -> list[Submission]:
        """The next ones."""
        taken, self._waiting = self._waiting[:MOST_AT_ONCE], self._waiting[MOST_AT_ONCE:]
        return taken

    def __bool__(self) -> bool:
        return bool(self._waiting)


def settle(submissions: Sequence[Submission], events: Sequence[RelayedEvent]) -> None:
    """Answer those who submitted events."""
    for (_, answer), event in zip(submissions, events, strict=True):
        if not answer.done():
            answer.set_result(event)


def refuse(submissions: Sequence[Submission], error: BaseException) -> None:
    """Answer that nothing happened."""
    refusal = error if isinstance(error, Refusal) else Refusal("unavailable", retry_after=1)
    for _, answer in submissions:
        if not answer.done():
            answer.set_exception(refusal)
