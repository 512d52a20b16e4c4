"""The order of what happens in channels for several processes on one PostgreSQL.

Each process writes what it submits to a short-lived table, at positions that a counter gives, and reads there what
others wrote: signals say that there is something, and it looks every second as well. A row goes when every process has
read it. Who is there is kept as rows too, with the process that has the member. A process counts its beats in a row of
its own: one whose number stays the same, by the clock of the others, has died, and its members have left.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence

from hinterland.kit.clock import Clock
from hinterland.server.channels import relay
from hinterland.server.channels.events import PlacedEvents, RelayedEvent
from hinterland.server.channels.relay import DeliverPlaced, RoomState, Submission, SubmissionQueue
from hinterland.server.storage import channel_statements as sql
from hinterland.server.storage.protocol import Storage, Transaction
from hinterland.server.storage.system import Amend, Drop, Insert, Invalidation, RowAct

SUBJECT = "channels/"
"""Begins the subject of a signal; the process that sent it follows."""
_LOOK_SECONDS = 1.0
_PAGE = 200
_RETRY_SECONDS = 1.0
_BEATS = 4  # in the time of a lease, at least
_SILENT = (
    0.65  # of a lease without a beat, after which a process is given up: with the time to the next look, all of it
)


class SharedRelay:
    """`lease`: seconds after which the members of a process that died have left, at the latest. `missed` is called
    where events were missed, and `entries` are the members of this process: channel, name and entry."""

    def __init__(
        self, storage: Storage, clock: Clock, lease: float, entries: Callable[[], Sequence[tuple[str, str, str]]],
        missed: Callable[[], None],
    ) -> None:  # fmt: skip
        self.node = secrets.token_hex(8)
        self.deliver: DeliverPlaced = _nowhere
        self._storage = storage
        self._clock = clock
        self._lease = lease
        self._entries = entries
        self._missed = missed
        self._queue = SubmissionQueue()
        self._position = 0
        self._looks = False
        self._beats: dict[str, tuple[int, float]] = {}  # of other processes: the number, and when it was new here
        self._turn = asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin to deliver."""
        async with self._storage.transaction() as transaction:
            [(self._position,)] = await transaction.fetch(sql.LOCK)
            await transaction.act([self._own_row()])
        self._tasks = [asyncio.create_task(work()) for work in (self._run, self._watch)]

    async def close(self) -> None:
        """Deliver no more; the members of this process have left."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._queue.close()
        if self._tasks:
            try:
                async with self._storage.transaction() as transaction:
                    await self._sweep(transaction, self.node)
                    await transaction.act([Drop("_channel_nodes", {"id": self.node})])
            except Exception as error:  # the others find out
                relay.log.warning("the members of this server could not leave their channels: %s", error)

    async def load(self, channel: str) -> RoomState:
        """What is known of a channel: in one snapshot."""
        async with self._storage.snapshot() as snapshot:
            [(position,)] = await snapshot.fetch(sql.HEAD)
            rows = await snapshot.fetch(sql.MEMBERS, (channel,))
            seq = await relay.last_seq(snapshot, channel)
        return RoomState(int(position), seq, {row[0]: row[1] for row in rows})

    def submit(self, event: RelayedEvent) -> asyncio.Future[RelayedEvent]:
        """Let something happen."""
        return self._queue.add(event)

    def wake(self) -> None:
        """Look for what others wrote."""
        self._looks = True
        self._queue.woken.set()

    # ---------------------------------------------------------------- work

    async def _run(self) -> None:
        while True:
            await self._queue.woken.wait()
            self._queue.woken.clear()
            try:
                while self._queue or self._looks:
                    async with self._turn:  # each time: this process must show that it lives, however much there is
                        await self._work()
            except Exception as error:
                relay.log.warning("channels wait, since the database can't be reached: %s", error)
                await self._clock.sleep(_RETRY_SECONDS)
                self.wake()

    async def _work(self) -> None:
        if submissions := self._queue.take():
            try:
                await self._carry_out(submissions)
            except BaseException as error:
                relay.refuse(submissions, error)
                raise
        else:
            self._looks = False
            await self._read()

    async def _carry_out(self, submissions: list[Submission]) -> None:
        events = [event for event, _ in submissions]
        async with self._storage.transaction() as transaction:
            if not any(event.keep for event in events):
                await transaction.fetch(sql.SOON_DURABLE)
            [(last, revision)] = await transaction.fetch(sql.TAKE, (len(events),))
            events = await relay.keep(transaction, events)
            await self._write(transaction, last - len(events), revision, events)
        first = last - len(events) + 1
        if self._position < first - 1:
            await self._read(through=first - 1)
        await self._delivered(PlacedEvents(first, events, revision))
        relay.settle(submissions, events)

    async def _write(
        self, transaction: Transaction, before: int, revision: int, events: Sequence[RelayedEvent]
    ) -> None:
        acts = list[RowAct]()
        for position, event in enumerate(events, before + 1):
            row = {"position": position, "revision": revision, "kind": event.kind, "channel": event.channel}
            acts.append(
                Insert("_channel_transit", {**row, "member": event.member, "body": event.body, "seq": event.seq})
            )
        for event in events:
            key = {"channel": event.channel, "member": event.member}
            if event.kind == "joined":
                acts.append(Insert("_channel_members", {**key, "node": self.node, "body": event.body}))
            elif event.kind == "changed":
                acts.append(Amend("_channel_members", key, {"body": event.body}))
            elif event.kind == "left":
                acts.append(Drop("_channel_members", key))
        await transaction.act([*acts, Invalidation(SUBJECT + self.node)])

    async def _read(self, through: int | None = None) -> None:
        """Deliver what others wrote; without what is beyond `through`, where given."""
        while True:
            rows = await self._storage.fetch(sql.BEYOND, (self._position, _PAGE))
            head = rows[0][0]
            found = [row[1:] for row in rows if row[1] is not None and (through is None or row[1] <= through)]
            start = found[0][0] if found else (through or head) + 1
            if start != self._position + 1 and (found or head != self._position):
                self._skip_to(start - 1)
            if not found:
                return
            events = [RelayedEvent(kind, name, member, body, seq=seq) for _, _, kind, name, member, body, seq in found]
            await self._delivered(PlacedEvents(start, events, max(row[1] for row in found)))
            if len(rows) < _PAGE or self._position == through:
                return
            if through is None:
                self._looks = True  # for more, at the next turn
                return

    async def _delivered(self, placed: PlacedEvents) -> None:
        await self.deliver(placed)
        self._position = placed.first + len(placed.events) - 1

    def _skip_to(self, position: int) -> None:
        """What is between was deleted, since this process was given up, or lost with the database's memory."""
        relay.log.warning("messages of channels were missed: their members are asked to join again")
        self._position = position
        self._missed()

    # ---------------------------------------------------------------- who lives

    async def _watch(self) -> None:
        while True:
            await self._clock.sleep(min(_LOOK_SECONDS, self._lease / _BEATS))
            self.wake()
            try:
                async with self._turn:
                    await self._beat()
            except Exception as error:
                relay.log.warning("this server can't show that it serves channels: %s", error)

    async def _beat(self) -> None:
        """Show that this process lives, and look whether the others do."""
        async with self._storage.transaction() as transaction:
            await transaction.fetch(sql.SOON_DURABLE)
            is_known = await transaction.fetch(sql.BEAT, (self._position, self.node))
            others = {id: beat for id, beat in await transaction.fetch(sql.NODES) if id != self.node}
            await transaction.fetch(sql.PRUNE)
        if not is_known:
            await self._register_again()
        now = self._clock.monotonic()
        before, self._beats = self._beats, {}
        for id, beat in others.items():
            seen = before.get(id)
            self._beats[id] = (beat, now) if seen is None or seen[0] != beat else seen
            if now - self._beats[id][1] >= _SILENT * self._lease:
                await self._give_up(id, beat)

    async def _give_up(self, node: str, beat: int) -> None:
        """A process has died: its members have left."""
        async with self._storage.transaction() as transaction:
            await transaction.fetch(sql.LOCK)
            if await transaction.fetch(sql.DROP_NODE, (node, beat)):
                relay.log.warning("another server of channels has died: its members have left")
                await self._sweep(transaction, node)
        self.wake()

    async def _sweep(self, transaction: Transaction, node: str) -> None:
        """Let the members of a process leave."""
        rows = await transaction.fetch(sql.OF_NODE, (node,))
        if rows:
            events = [RelayedEvent("left", channel, member) for channel, member in rows]
            [(last, revision)] = await transaction.fetch(sql.TAKE, (len(events),))
            await self._write(transaction, last - len(events), revision, events)

    async def _register_again(self) -> None:
        """Others gave this process up, or the database lost its memory: its members join again."""
        async with self._storage.transaction() as transaction:
            await transaction.fetch(sql.LOCK)
            entries = self._entries()
            events = [RelayedEvent("joined", *entry) for entry in entries]
            await transaction.act([self._own_row(), Drop("_channel_members", {"node": self.node})])
            if events:
                [(last, revision)] = await transaction.fetch(sql.TAKE, (len(events),))
                await self._write(transaction, last - len(events), revision, events)
        self.wake()

    def _own_row(self) -> Insert:
        return Insert("_channel_nodes", {"id": self.node, "beat": 0, "position": self._position})


async def _nowhere(placed: PlacedEvents) -> None:
    """Nobody is there."""
