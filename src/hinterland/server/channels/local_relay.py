"""The order of what happens in channels where one process has the database alone."""

from __future__ import annotations

import asyncio

from hinterland.kit.clock import Clock
from hinterland.server.channels import relay
from hinterland.server.channels.events import PlacedEvents, RelayedEvent
from hinterland.server.channels.relay import RoomState, Submission, SubmissionQueue
from hinterland.server.storage.protocol import Storage

_RETRY_SECONDS = 1.0


async def _nothing(placed: PlacedEvents) -> None:
    """Nobody is there."""


class LocalRelay:
    """Who is there is known to this process alone; only messages that are kept are written."""

    def __init__(self, storage: Storage, clock: Clock) -> None:
        self.deliver: relay.DeliverPlaced = _nothing
        self._storage = storage
        self._clock = clock
        self._queue = SubmissionQueue()
        self._position = 0
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to deliver."""
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Deliver no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        self._queue.close()

    async def load(self, channel: str) -> RoomState:
        """Who is in a channel is known already."""
        position = self._position
        return RoomState(position, await relay.last_seq(self._storage, channel), {})

    def submit(self, event: RelayedEvent) -> asyncio.Future[RelayedEvent]:
        """Let something happen."""
        return self._queue.add(event)

    def wake(self) -> None:
        """Does nothing: there are no other processes."""

    async def _run(self) -> None:
        while True:
            await self._queue.woken.wait()
            self._queue.woken.clear()
            while self._queue:
                submissions = self._queue.take()
                try:
                    await self._carry_out(submissions)
                except BaseException as error:
                    relay.refuse(submissions, error)
                    raise

    async def _carry_out(self, submissions: list[Submission]) -> None:
        events = [event for event, _ in submissions]
        if any(event.keep for event in events):
            try:
                async with self._storage.transaction() as transaction:
                    events = await relay.keep(transaction, events)
            except Exception as error:  # a full disk; what is not kept goes on
                relay.refuse([each for each in submissions if each[0].keep], error)
                submissions = [each for each in submissions if not each[0].keep]
                events = [event for event, _ in submissions]
        placed = PlacedEvents(self._position + 1, events)
        self._position += len(events)
        while True:
            try:
                await self.deliver(placed)
                break
            except Exception as error:  # whether members still may be there can't be asked now
                relay.log.warning("channels wait, since the database can't be read: %s", error)
                await self._clock.sleep(_RETRY_SECONDS)
        relay.settle(submissions, events)
