"""The live reader of the log: one task that reads each change once and serves all subscribers of this process.

A wake-up says "look", never what happened. On PostgreSQL, where other processes write too, their commits wake the feed,
and it looks every second as well, in case a notification is lost. A subscriber with a cursor reads the log alone until
nothing is missing, and is live from there.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from functools import partial

from hinterland.contract.errors import Refusal
from hinterland.contract.identity import Principal
from hinterland.kit.cel.metering import STEP_CHARACTERS, Meter, OverBudget
from hinterland.kit.clock import Clock
from hinterland.server.data.admission import denied
from hinterland.server.data.allowance import STEP_BYTES, Allowances
from hinterland.server.data.commits import LogCommit, RecentCommits, commits
from hinterland.server.data.cursors import Cursors
from hinterland.server.data.encoding import Encoder
from hinterland.server.data.outlets import LARGE_BYTES, LiveViews, Outlet, Outlets
from hinterland.server.data.redecided import redecided
from hinterland.server.data.rights import Rights
from hinterland.server.data.rights_watch import RightsWatch
from hinterland.server.data.stream_opening import opening_of
from hinterland.server.data.subscription import Subscription
from hinterland.server.data.views import View, Views
from hinterland.server.storage.protocol import PAGE_BYTES, Storage

log = logging.getLogger("hinterland.feed")
_PAGE = 500
_LOOK_SECONDS = 1.0
_ANSWER_TURNS = 4  # of the loop, within which writers have their answers
_OUTLET_STEPS = 25  # of serving a commit to an outlet, without what its rules and filter take
_PUSH_STEPS = 80  # of sending an event to a subscriber
_STEPS_AT_ONCE = 12_500  # about a millisecond, before others have their turn on the loop
_LIVE_STEPS = 50_000  # for one commit and all outlets; those that cost more read the log alone, at their own pace
_LEAST_STEPS = 1_000  # for one commit and one outlet in any case
_TOO_COSTLY = Refusal(
    "too_costly",
    "the filter costs too much on one of the records; make it simpler, and read the collection again",
)


class Feed:
    """Serves subscriptions. `buffer`: how many events may wait for a subscriber; `keep_alive`: seconds of silence;
    `most_streams`: how many an account may have, and all signed-out callers at one address."""

    def __init__(
        self,
        storage: Storage,
        views: Views,
        cursors: Cursors,
        clock: Clock,
        *,
        buffer: int = 1_000,
        keep_alive: float = 15.0,
        most_streams: tuple[int, int] = (100, 1_000),
    ) -> None:
        self._storage = storage
        self.cursors = cursors
        self._clock = clock
        self._buffer = buffer
        self._keep_alive = keep_alive
        self._views = views
        self._allowances = Allowances(clock, *most_streams)
        self._outlets = Outlets(cursors)
        self._redecide = partial(redecided, storage, views)
        self._subscriptions: set[Subscription] = set()
        self.rights = RightsWatch(Rights(storage, views.catalogue, clock))
        self._live: dict[Outlet, dict[Subscription, None]] = {}  # in about the order of their places in the memory
        self._live_views = LiveViews()
        self._position = (0, 0)
        self._begun = 0  # the revision of the commit that is being served, or was last
        self._late: set[Subscription] = set()
        self._recent = RecentCommits(_PAGE, PAGE_BYTES)  # while somebody is late
        self._steps = self._answering = 0
        self._is_behind = False
        self._woken = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self.closed = asyncio.Event()

    async def start(self) -> None:
        """Begin to read."""
        self._tasks = [asyncio.create_task(work()) for work in (self._read, self._watch, self.rights.follow)]

    async def close(self) -> None:
        """End every stream, and reading."""
        self.end_streams()
        for task in self._tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def end_streams(self) -> None:
        """End every stream, also those that are being opened; later ones are refused."""
        self.closed.set()
        for subscription in [*self._subscriptions]:
            subscription.end()

    def end_changed(self, collections: frozenset[str]) -> None:
        """End the streams of collections that were declared anew, also those that are being opened; their readers come
        back with their cursors."""
        for subscription in [*self._subscriptions]:
            if not collections.isdisjoint(subscription.outlet.views):
                subscription.end()

    def wake(self) -> None:
        """Something may have been written, and its writers are being answered."""
        if self._live:
            self._answering = _ANSWER_TURNS
            self._woken.set()

    # ------------------------------------------------------------ subscribing

    async def subscribe(
        self,
        caller: Principal,
        collections: Sequence[str],
        encoder: Encoder,
        *,
        filter: str = "",
        cursor: str = "",
        asker: str = "",
    ) -> Subscription:
        """A subscription to the changes of `collections` after `cursor` ("": from now on). End it when it is left.
        What filters and large events cost, and streams, are counted by `asker`.

        Raises `unknown_collection`, `invalid_query`; `unauthorized` and `forbidden` for collections of which the caller
        can't see anything; `rate_limited` where the asker has as many streams as one may; `unavailable`.
        """
        self._check_open()
        known = [self._view(caller, name, filter) for name in sorted(set(collections))]
        allowance = self._allowances.of(asker or str(caller.id))
        self._allowances.take_stream(caller, allowance)
        try:
            async with self._storage.snapshot() as snapshot:
                views = [await self._views.answered(snapshot, view) for view in known]
                outlet = self._outlets.of(views, encoder)
                as_of = (await snapshot.head()).revision if outlet.asked else 0
                position, opening = await opening_of(snapshot, self.cursors, outlet, cursor)
            self._check_open()  # streams may have been ended meanwhile, without this one
        except BaseException:
            allowance.streams -= 1
            raise
        subscription = Subscription(self, outlet, caller, allowance, position, opening, self._buffer)
        subscription.as_of = as_of
        self._subscriptions.add(subscription)
        self.rights.listeners.add(subscription)
        if any(not self._views.has(view) for view in outlet.views.values()):
            subscription.end()  # its collections were declared anew meanwhile
        return subscription

    def _check_open(self) -> None:
        if self.closed.is_set():
            raise Refusal("unavailable", "the server is shutting down; retry shortly", retry_after=1)

    def _view(self, caller: Principal, name: str, filter: str) -> View:
        if self._views.catalogue[name].rules["list"] is None and not caller.is_admin:
            raise denied(name, "list", is_signed_in=caller.is_signed_in)
        return self._views.of(caller, name, filter)

    async def catch_up(self, subscription: Subscription) -> None:
        """Serve the next page of the log to a subscription, or make it live where nothing is missing."""
        outlet = subscription.outlet
        missed = self._recent.after(subscription.revision)
        if not missed:
            missed = [*commits(await self._storage.log(subscription.revision, _PAGE, collections=outlet.read))]
        for commit in missed:
            await subscription.pace()
            if commit.revision > subscription.as_of and outlet.is_moved_by(commit):
                subscription.end()  # its reader comes back, and reads the collection again
                return
            try:
                await outlet.judge(commit, subscription.allowance)
            except OverBudget:
                subscription.refuse(_TOO_COSTLY)
                return
            event = outlet.commit(commit)
            subscription.replay(event, commit.revision, commit.check)
            subscription.allowance.sending.spend(_sending_steps(event))
        if not missed and not subscription.has_ended:
            await self._join(subscription)

    async def _join(self, subscription: Subscription) -> None:
        """Serve it from now on. It is not sent again what it has seen and the feed has yet to read."""
        if subscription.revision < self._begun:
            await asyncio.sleep(0)
            return  # written and served to others since the page was read: read on
        if self._live and subscription.outlet.asked and subscription.revision != self._position[0]:
            self.wake()  # what its rules ask changes with the commits that the feed reads
            await asyncio.sleep(0)
            return
        if not self._live:
            self._position = (subscription.revision, subscription.check)
            self._begun = subscription.revision
            self._recent.clear()  # what comes next may not be what follows them
        self._forget_late(subscription)
        self._enter_live(subscription)
        subscription.go_live()
        self.wake()

    def _enter_live(self, subscription: Subscription) -> None:
        outlet = subscription.outlet
        if outlet not in self._live:
            self._live_views.add(outlet)
        self._live.setdefault(outlet, {})[subscription] = None

    def leave(self, subscription: Subscription) -> None:
        """Serve it no longer."""
        if subscription in self._subscriptions:
            self._subscriptions.discard(subscription)
            self.rights.listeners.discard(subscription)
            subscription.allowance.streams -= 1
        self._forget_late(subscription)
        self._leave_live(subscription)

    def _forget_late(self, subscription: Subscription) -> None:
        self._late.discard(subscription)
        if not self._late and self._begun <= self._position[0]:
            self._recent.clear()

    def _leave_live(self, subscription: Subscription) -> None:
        outlet = subscription.outlet
        subscribers = self._live.get(outlet, {})
        subscribers.pop(subscription, None)
        if not subscribers and self._live.pop(outlet, None) is not None:
            self._live_views.remove(outlet)

    # ------------------------------------------------------------ reading

    async def _read(self) -> None:
        while True:
            await self._woken.wait()
            await self._pause()
            self._woken.clear()
            try:
                while self._live and await self._look():
                    pass
                self._is_behind = False
            except Exception as error:  # the next look begins where this one ended
                self._is_behind = True
                log.warning("the log can't be read now, streams wait: %s", error)

    async def _look(self) -> bool:
        """Serve the next page of the log; False at its end."""
        entries = await self._storage.log(self._position[0], _PAGE)
        for commit in commits(entries):
            self._begun = max(self._begun, commit.revision)
            self._recent.add(commit, self._position[0])
            await self._serve(commit)
            self._position = (commit.revision, commit.check)
            if not self._late:
                self._recent.clear()
        return not entries.is_last

    async def _serve(self, commit: LogCommit) -> None:
        """Serve a commit to the live subscriptions that it concerns. Others have their turn meanwhile: one that leaves
        is served no more of it, and one that joins has read it from the log."""
        left = _LIVE_STEPS
        moved = await self._move(commit)
        for outlet in dict.fromkeys([*moved, *await self._live_views.concerned(commit, self._turn)]):
            await self._turn(_OUTLET_STEPS)
            if outlet in self._live:
                spent, event = self._judge(outlet, commit, max(left, _LEAST_STEPS))
                left -= spent + _OUTLET_STEPS
                await self._turn(spent)
                if event:
                    await self._push(outlet, event, commit)

    async def _move(self, commit: LogCommit) -> list[Outlet]:
        """Move the subscribers of outlets that a commit makes others; those. Streams end where there is none."""
        moved: list[Outlet] = []
        for outlet, new in await self._outlets.moved(self._live_views.asking(commit), commit, self._redecide):
            for subscription in [*self._live.get(outlet, ())]:
                self._leave_live(subscription)
                if new is None:
                    subscription.end()
                else:
                    subscription.outlet = new
                    self._enter_live(subscription)
                    moved.append(new)
            await self._turn(_OUTLET_STEPS)
        return moved

    def _judge(self, outlet: Outlet, commit: LogCommit, most: int) -> tuple[int, tuple[bytes, ...]]:
        """The steps that a commit takes an outlet, and its event. An outlet that takes more than `most` reads the log
        alone until nothing is missing."""
        live, meter, made = self._live[outlet], Meter(most), commit.made
        try:
            event = outlet.commit(commit, meter if outlet.is_costly else None)
        except OverBudget:
            self._slow_down([*live], self._position)
            return meter.spent, ()
        encoding = (commit.made - made) // STEP_CHARACTERS
        counted = encoding if made else 0  # the first is for everybody
        for subscription in live if meter.spent or counted else ():
            subscription.allowance.spend(meter.spent / len(live))
            subscription.allowance.sending.spend(counted / len(live))
        return meter.spent + encoding, event

    async def _push(self, outlet: Outlet, event: tuple[bytes, ...], commit: LogCommit) -> None:
        """Send an event to an outlet's subscribers. One that has no allowance left for what is counted reads the log
        alone until nothing is missing."""
        steps, revision = _sending_steps(event), commit.revision
        is_counted = steps > 0 or outlet.is_costly
        live, each = self._live.get(outlet, {}), _PUSH_STEPS + steps
        for subscription in [*live]:
            if subscription not in live:
                continue  # it left during a turn
            if is_counted and not self._may_send(subscription, steps):
                self._slow_down([subscription], self._position)
                continue
            subscription.push(event, revision)
            self._steps += each
            if self._steps > _STEPS_AT_ONCE:
                await self._pause()

    def _may_send(self, subscription: Subscription, steps: int) -> bool:
        """Take the steps of sending an event from what a subscriber has left; whether there was something."""
        allowance = subscription.allowance
        if (steps and allowance.sending.is_used_up) or (subscription.outlet.is_costly and allowance.is_used_up):
            return False
        allowance.sending.spend(steps)
        return True

    async def _turn(self, steps: int) -> None:
        """Count work, and let others have their turn on the loop after a millisecond of it."""
        self._steps += steps
        if self._steps > _STEPS_AT_ONCE:
            await self._pause()

    async def _pause(self) -> None:
        """Let others have their turn, and writers their answers: these must not wait for all subscribers."""
        turns, self._answering, self._steps = 1 + self._answering, 0, 0
        for _ in range(turns):
            await asyncio.sleep(0)

    def _slow_down(self, subscriptions: Sequence[Subscription], position: tuple[int, int]) -> None:
        for subscription in subscriptions:
            self._leave_live(subscription)
            self._late.add(subscription)
            subscription.fall_behind(*position)

    # ------------------------------------------------------------ time

    async def _watch(self) -> None:
        """Each second: look for others' writes, end streams whose right has ended, and break a long silence."""
        due = self._clock.monotonic() + self._keep_alive
        while True:
            await self._clock.sleep(_LOOK_SECONDS)
            if self._is_behind or self._storage.has_other_writers:
                self.wake()
            await self.rights.check()
            if self._clock.monotonic() >= due:
                due = self._clock.monotonic() + self._keep_alive
                await self._break_silence()

    async def _break_silence(self) -> None:
        revision, check = self._position
        for outlet, live in [*self._live.items()]:
            data = outlet.position(revision, check)
            for subscription in [*live]:
                if subscription in live and revision > subscription.revision:
                    subscription.push((data,), revision)
                elif subscription in live:  # it may have left during a turn
                    subscription.send((outlet.encoder.silence,))
                await self._turn(_PUSH_STEPS)


def _sending_steps(event: Sequence[bytes]) -> int:
    """What sending an event counts: nothing for one that is not large, of which others send as many."""
    size = sum(map(len, event))
    return size // STEP_BYTES if size >= LARGE_BYTES else 0
