"""Keeping the store and the server in step: rounds while there is something to do, live events in between.

A round pushes local writes and pulls what is new. While live events come in, they bring what is new, own writes too,
and a round only pushes; if an own write does not come back soon, since the caller can't see it or the stream is held
back on its way, a round pulls.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from functools import partial
from itertools import groupby

import msgspec

from hinterland.client.errors import (
    ClientClosed,
    ConnectionLost,
    HinterlandError,
    InvalidGrant,
    Unauthorized,
    UnknownCollection,
)
from hinterland.client.events import Event
from hinterland.client.local import pulls, results
from hinterland.client.local.connection import Scope
from hinterland.client.local.describing import DescriptionKeeper
from hinterland.client.local.errors import StoreBusy
from hinterland.client.local.posting import SendDocument
from hinterland.client.local.remote import Remote
from hinterland.client.local.rounds import Rounds
from hinterland.client.local.signals import STATUS
from hinterland.client.local.status import Mode, Status
from hinterland.client.local.store import Store
from hinterland.kit.backoff import Random, full_jitter
from hinterland.kit.batching import batched
from hinterland.kit.clock import Clock

# Seconds. The cap keeps the way back after an outage under five.
_BASE, _CAP = 0.25, 4.0
_LONGEST_WAIT = 60.0  # however long the server asks to stay away
_EVERY = 30.0  # a pull where nothing new is reported, in case the live events are held back on their way
_ECHO = 2.0  # within which an own write comes back as a live event
_log = logging.getLogger("hinterland.client")
_TOGETHER = 200  # live events that are applied in one transaction at most
_LOOK = 1.0  # how often the writes of other processes are looked for


class Sync:
    """`start` and `stop` it, or ask for one round `now`. `status` and `watch` say how it is doing.

    `where` gives the scope that is in force, `what` the subscription. After a round that reached the server, the
    `description` of the app is kept up to date.
    """

    def __init__(
        self,
        store: Store,
        remote: Remote,
        clock: Clock,
        random: Random,
        where: Callable[[], Scope],
        what: Callable[[], str],
        description: DescriptionKeeper | None = None,
        send: SendDocument | None = None,
    ) -> None:
        self._store = store
        self._remote = remote
        self._clock = clock
        self._random = random
        self._where = where
        self._what = what
        self._description = description
        self._describing: asyncio.Task[None] | None = None
        self._rounds = Rounds(store, remote, clock, send)
        self._lock = asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []
        self._live: asyncio.Task[None] | None = None
        self._listening = ""
        self._was_ready = self._is_streaming = False
        self._reported: set[str] = set()  # the unknown collections that listeners of the signal know of
        self._nudged = asyncio.Event()
        self._has_work = asyncio.Event()
        self._pull_at = 0.0  # when the next round pulls in any case, by the monotonic clock
        self._echo_by: float | None = None  # until when own writes that were pushed should have come back
        self.status = Status()

    # ------------------------------------------------------------ for the app

    def start(self) -> None:
        """Synchronise from now on, until `stop`; a second call changes nothing. Raises ClientClosed when the store is
        not open."""
        self._store.guard.check()
        self._store.check_open()
        if not self._tasks:
            self._doubt()
            self._pull_at = 0.0
            self._report("connecting")
            self._tasks = [asyncio.create_task(self._run()), asyncio.create_task(self._look_for_others())]

    async def stop(self) -> None:
        """End it after the local transaction that is under way; nothing is lost."""
        self._store.guard.check()
        tasks, self._tasks = self._tasks, []
        for task in (*tasks, self._live, self._describing):
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
        self._live = self._describing = None
        self._store.disown()
        self._report("stopped")

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Nothing is under way within the block; what was started goes on after it, and is offline where it was."""
        before, is_running = self.status, self.is_running
        await self.stop()
        yield
        if is_running and not self._store.is_closed:
            self.start()
            if before.state == "offline":
                self._report("offline", before.error)

    async def now(self) -> None:
        """One round: everything that waits is pushed, everything new is fetched. Raises the client's errors,
        UnknownCollection after all others were fetched, StoreBusy where another process synchronises the store, and
        WrongLoop in another event loop than the client's."""
        self._store.guard.check()
        if not self._store.own():
            raise StoreBusy(detail="another process synchronises this store")
        self._doubt()
        await self._round()
        if self._description is not None:
            await self._description.refresh()
        if not self._tasks:
            self._store.disown()
        for error in self.unknown.values():
            raise error

    def nudge(self) -> None:
        """Run a whole round at once: the network is said to be back, or somebody has signed in."""
        self._store.guard.check()
        self._doubt()
        self._nudged.set()

    def _doubt(self) -> None:
        """What the server said of its collections may have changed."""
        self.unknown.clear()
        if self._description is not None:
            self._description.doubt()

    async def watch(self) -> AsyncGenerator[Status, None]:
        """The status now and after each change. Raises ClientClosed when the store is closed."""
        self._store.guard.check()
        with self._store.signals.watching(STATUS) as watcher:
            last = None
            while True:
                seen = watcher.notifications
                if self._store.is_closed:
                    raise ClientClosed
                if self.status != last:
                    last = self.status
                    yield last
                else:
                    await watcher.beyond(seen)

    # ------------------------------------------------------------ for the other parts of the store

    @property
    def unknown(self) -> dict[str, UnknownCollection]:
        """What the server said of the collections that it does not have; they are asked for again after an outage."""
        return self._rounds.unknown

    @property
    def is_running(self) -> bool:
        """Whether it was started."""
        return bool(self._tasks)

    def work(self) -> None:
        """There is something to push or fetch; during an outage it waits for the next try."""
        self._has_work.set()

    # ------------------------------------------------------------ the loop

    async def _run(self) -> None:
        failures = 0
        while True:
            is_whole = self._nudged.is_set()
            self._nudged.clear()
            self._has_work.clear()
            if not self._store.own():
                self._report("following")
                await self._wait(_LOOK, self._nudged)
                continue
            try:
                await self._round(is_whole=is_whole)
            except HinterlandError as error:
                if isinstance(error, Unauthorized | InvalidGrant) and error.is_decided:
                    self._report("paused", error)
                    await self._nudged.wait()
                    continue
                self._pull_at = 0.0
                self._doubt()  # a server that was away may be another when it is back
                self._report("offline", error)
                wait = max(full_jitter(failures, _BASE, _CAP, self._random), error.retry_after or 0.0)
                failures += 1
                await self._wait(min(wait, _LONGEST_WAIT), self._nudged)
            except Exception as error:  # an error of our own must not end synchronisation silently
                _log.exception("a round of synchronisation failed")
                self._report("offline", HinterlandError(detail=repr(error)))
                await self._wait(_LONGEST_WAIT, self._nudged)
            else:
                failures = 0
                self._listen()
                self._look_at_description()
                await self._idle()

    def _look_at_description(self) -> None:
        """Fetch the description where that is due, beside what the loop does: nothing waits for it."""
        if self._description is not None and (self._describing is None or self._describing.done()):
            self._describing = asyncio.create_task(self._description.refresh())

    async def _idle(self) -> None:
        """Until there is something to do, or a pull is due, which live events may put off meanwhile."""
        while not (self._nudged.is_set() or self._has_work.is_set()):
            left = self._due - self._clock.monotonic()
            if left <= 0:
                self._nudged.set()
            else:
                await self._wait(left, self._nudged, self._has_work)

    async def _round(self, *, is_whole: bool = True) -> None:
        """`is_whole`: it pulls in any case."""
        async with self._lock:
            scope, synced_at = self._where(), None
            is_live = not is_whole and self._is_live and self._clock.monotonic() < self._due
            if await self._rounds.run(scope, self._what, is_live=is_live):
                self._pull_at, self._echo_by = self._clock.monotonic() + _EVERY, None
                synced_at = self._clock.now()
            else:
                await self._expect_echo(scope)
            await self._store.restock()
        if self._reported != {*self.unknown}:
            self._reported = {*self.unknown}
            self._store.signals.notify(STATUS)
        self._report("online" if self._tasks else "stopped", synced_at=synced_at)

    @property
    def _is_live(self) -> bool:
        """Whether live events bring what is new."""
        return self._live is not None and not self._live.done() and self._is_streaming

    @property
    def _due(self) -> float:
        return self._pull_at if self._echo_by is None else min(self._pull_at, self._echo_by)

    async def _expect_echo(self, scope: Scope) -> None:
        if not await self._store.read(partial(results.has_applied, scope=scope)):
            self._echo_by = None
        elif self._echo_by is None:
            self._echo_by = self._clock.monotonic() + _ECHO

    async def _wait(self, seconds: float, *events: asyncio.Event) -> None:
        """Until one of the events is set, or the time is over."""
        tasks = [asyncio.ensure_future(self._clock.sleep(seconds))]
        tasks += [asyncio.ensure_future(_set(event)) for event in events]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()

    def _report(self, state: Mode, error: HinterlandError | None = None, synced_at: float | None = None) -> None:
        status = Status(state=state, error=error, synced_at=synced_at or self.status.synced_at)
        if status != self.status:
            self.status = status
            self._store.signals.notify(STATUS)

    async def _look_for_others(self) -> None:
        """Notice what other processes write: the store notifies its listeners, and an owner pushes it."""
        while True:
            await self._clock.sleep(_LOOK)
            if await self._store.look():
                self.work()
                if self._description is not None and await self._description.reload():
                    self._store.signals.notify_all()

    # ------------------------------------------------------------ live events

    def _listen(self) -> None:
        subscription = self._what()
        if self._live is not None and subscription != self._listening:
            self._live.cancel()
            self._live = None
        if subscription and (self._live is None or self._live.done()):
            self._listening = subscription
            self._live = asyncio.create_task(self._follow(self._where(), subscription))

    async def _follow(self, scope: Scope, subscription: str) -> None:
        """Take live events until the stream ends for good; a whole round then begins anew."""
        self._was_ready = self._is_streaming = False
        at = await self._store.read(partial(pulls.position, scope=scope, subscription=subscription))
        try:
            async with (
                aclosing(self._remote.events(scope.account, subscription.split(","), at.cursor)) as events,
                aclosing(batched(events, _TOGETHER)) as groups,
            ):
                async for group in groups:
                    await self._on_all(scope, subscription, group)
        except HinterlandError:
            pass  # the next round meets the same refusal, and reports it
        await self._clock.sleep(_CAP)
        self.work()

    async def _on_all(self, scope: Scope, subscription: str, events: Sequence[Event]) -> None:
        for is_commit, group in groupby(events, lambda event: event.kind in ("commit", "position")):
            if is_commit:
                await self._take(scope, subscription, [*group])
            else:
                for event in group:
                    await self._on(scope, event)

    async def _on(self, scope: Scope, event: Event) -> None:
        if event.kind == "offline":
            self._is_streaming = False
            self._report("offline", ConnectionLost(event.reason))
            self.work()  # a round shows whether it is the server, or only its streams
        elif event.kind == "resync":
            await self._store.write(partial(pulls.distrust, scope=scope))
            self.work()
        else:
            if self._was_ready and self._description is not None:
                self._description.doubt()  # a stream ends, among others, where a collection was declared anew
            if self.status.state != "online":
                self.nudge()
            elif self._was_ready:
                self._nudged.set()  # streams that end again and again bring no news of their own
            self._was_ready = self._is_streaming = True

    async def _take(self, scope: Scope, subscription: str, events: Sequence[Event]) -> None:
        """Apply what came in one transaction: one for each would bind a busy stream to the speed of the disk."""
        async with self._lock:
            are_taken = await self._store.write(
                lambda c: all(pulls.take_commit(c, scope, subscription, event) for event in events)
            )
            if self._echo_by is not None:
                await self._expect_echo(scope)
        if not are_taken:
            self.work()
        elif any(event.changes for event in events):
            self.status = msgspec.structs.replace(self.status, synced_at=self._clock.now())


async def _set(event: asyncio.Event) -> None:
    await event.wait()
