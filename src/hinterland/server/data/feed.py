"""The live reader of the log: one task that reads each change once and serves all subscribers of this process.

A wake-up says "look", never what happened; on PostgreSQL, where other processes write too, the feed looks every second
besides. Whoever subscribes with a cursor reads the log alone until nothing is missing, and is live from there.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from weakref import WeakValueDictionary

from hinterland.contract.errors import Refusal
from hinterland.contract.identity import Principal
from hinterland.kit.cel.metering import Meter, OverBudget
from hinterland.kit.clock import Clock
from hinterland.server.data.allowance import Allowances
from hinterland.server.data.catalogue import Catalogue
from hinterland.server.data.commits import Channel, Framing, LogCommit, commits
from hinterland.server.data.cursors import CHANGED, UNFINISHED, UNKNOWN, Cursor, Cursors
from hinterland.server.data.plan import denied
from hinterland.server.data.rights import Rights
from hinterland.server.data.subscription import Subscription
from hinterland.server.data.views import View, Views
from hinterland.server.security.sessions import account_subject, session_subject
from hinterland.server.storage.protocol import Head, Snapshot, Storage

log = logging.getLogger("hinterland.feed")
_PAGE = 500
_LOOK_SECONDS = 1.0
_CHANNEL_STEPS = 25  # of serving a commit to a channel, besides what its rules and filter take
_STEPS_AT_ONCE = 12_500  # about a millisecond, before others get their turn on the loop
_LIVE_STEPS = 50_000  # for one commit and all channels; those that cost more read the log alone, at their own pace
_LEAST_STEPS = 1_000  # for one commit and one channel in any case
_TOO_COSTLY = Refusal(
    "too_costly",
    "the filter costs too much on one of the records; make it simpler, and read the collection again",
)


class Feed:
    """Serves subscriptions. `buffer`: how many events may wait for a subscriber; `keep_alive`: seconds of silence."""

    def __init__(
        self,
        storage: Storage,
        catalogue: Catalogue,
        cursors: Cursors,
        clock: Clock,
        *,
        buffer: int = 1_000,
        keep_alive: float = 15.0,
    ) -> None:
        self._storage = storage
        self._catalogue = catalogue
        self._cursors = cursors
        self._clock = clock
        self._buffer = buffer
        self._keep_alive = keep_alive
        self._views = Views(catalogue)
        self._rights = Rights(storage, clock)
        self._allowances = Allowances(clock)
        self._channels: WeakValueDictionary[tuple[Framing, tuple[View, ...]], Channel] = WeakValueDictionary()
        self._subscriptions: set[Subscription] = set()
        self._live: dict[Channel, set[Subscription]] = {}
        self._watching: dict[str, set[Channel]] = {}
        self._position = (0, 0)
        self._is_behind = False
        self._woken = asyncio.Event()
        self._doubted = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._is_closed = False

    async def start(self) -> None:
        """Begin to read."""
        self._tasks = [asyncio.create_task(work()) for work in (self._read, self._watch, self._check)]

    async def close(self) -> None:
        """End every stream, and reading."""
        self.end_streams()
        for task in self._tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def end_streams(self) -> None:
        """End every stream. Whoever comes from now on is told to come again."""
        self._is_closed = True
        for subscription in [*self._subscriptions]:
            subscription.end()

    def wake(self) -> None:
        """Something may have been written."""
        self._woken.set()

    def recheck(self, subject: str) -> None:
        """A session or account changed: end the streams whose right it was, without waiting for the next look."""
        callers = (subscription.caller for subscription in self._subscriptions)
        if any(subject in (session_subject(c.session), account_subject(c.id)) for c in callers):
            self._doubted.set()

    # ------------------------------------------------------------ subscribing

    async def subscribe(
        self,
        caller: Principal,
        collections: Sequence[str],
        framing: Framing,
        *,
        filter: str = "",
        cursor: str = "",
        asker: str = "",
    ) -> Subscription:
        """A subscription to the changes of `collections` after `cursor` ("": from now on). End it when it is left.

        What filters cost is counted by `asker`.

        Raises `unknown_collection`, `invalid_query`; `unauthorized` and `forbidden` for collections
        of which the caller can't see anything.
        """
        if self._is_closed:
            raise Refusal("unavailable", "the server is going down: come again", retry_after=1)
        channel = self._channel([self._view(caller, name, filter) for name in sorted(set(collections))], framing)
        position, opening = await self._opening(channel, cursor)
        allowance = self._allowances.of(asker or str(caller.id))
        subscription = Subscription(self, channel, caller, allowance, position, opening, self._buffer)
        self._subscriptions.add(subscription)
        return subscription

    async def _opening(self, channel: Channel, cursor: str) -> tuple[tuple[int, int], bytes]:
        """Where a stream begins, and its first events."""
        known = self._cursors.known(cursor)
        async with self._storage.snapshot() as snapshot:
            head = await snapshot.head()
            reason = await self._lost(snapshot, head, channel, known) if known is not None else ""
        position = (head.revision, head.check)
        if known is None and cursor:
            # `ready` without a cursor: should the stream be cut before the next event, that one is not missed.
            return position, channel.ready("") + channel.resync(channel.cursor(*position), UNKNOWN)
        if known is not None and reason:
            ready = channel.ready(self._cursors.write(known))  # the old one, for the same reason
            return position, ready + channel.resync(channel.cursor(*position), reason)
        if known is not None:
            position = (known.revision, known.check)
        return position, channel.ready(channel.cursor(*position))

    def _view(self, caller: Principal, name: str, filter: str) -> View:
        if self._catalogue[name].rules["list"] is None and not caller.is_admin:
            raise denied(name, "list", is_signed_in=caller.is_signed_in)
        return self._views.of(caller, name, filter)

    def _channel(self, views: Sequence[View], framing: Framing) -> Channel:
        key = (framing, tuple(views))
        channel = self._channels.get(key)
        if channel is None:
            channel = self._channels[key] = Channel({view.name: view for view in views}, framing, self._cursors)
        return channel

    async def _lost(self, snapshot: Snapshot, head: Head, channel: Channel, cursor: Cursor) -> str:
        if reason := await self._cursors.lost(snapshot, head, cursor):
            return reason
        if any(cursor.views.get(name) != fingerprint for name, fingerprint in channel.fingerprints.items()):
            return CHANGED
        return UNFINISHED if cursor.pending else ""

    async def catch_up(self, subscription: Subscription) -> None:
        """Serve the next page of the log to a subscription, or make it live where nothing is missing."""
        channel = subscription.channel
        entries = await self._storage.log(subscription.revision, _PAGE, collections=channel.views)
        for commit in commits(entries):
            try:
                await channel.judge(commit, subscription.allowance)
            except OverBudget:
                subscription.refuse(_TOO_COSTLY)
                return
            subscription.replay(channel.commit(commit), commit.revision, commit.check)
        if not entries and not subscription.has_ended:
            await self._join(subscription)

    async def _join(self, subscription: Subscription) -> None:
        """Serve it from now on. What the feed has yet to read and the subscription has seen, it is not sent again."""
        if not self._live:
            self._position = (subscription.revision, subscription.check)
        elif subscription.revision < self._position[0]:
            await asyncio.sleep(0)
            return  # written and served to others since the page was read: read on
        channel = subscription.channel
        self._live.setdefault(channel, set()).add(subscription)
        for name in channel.views:
            self._watching.setdefault(name, set()).add(channel)
        subscription.go_live()
        self.wake()

    def leave(self, subscription: Subscription) -> None:
        """Serve it no longer."""
        self._subscriptions.discard(subscription)
        self._leave_live(subscription)

    def _leave_live(self, subscription: Subscription) -> None:
        channel = subscription.channel
        subscribers = self._live.get(channel, set())
        subscribers.discard(subscription)
        if not subscribers and self._live.pop(channel, None) is not None:
            for name in channel.views:
                self._watching[name].discard(channel)

    # ------------------------------------------------------------ reading

    async def _read(self) -> None:
        while True:
            await self._woken.wait()
            self._woken.clear()
            try:
                while self._live and await self._look():
                    pass
                self._is_behind = False
            except Exception as error:  # whatever it was, the next look begins where this one ended
                self._is_behind = True
                log.warning("the log can't be read now, streams wait: %s", error)

    async def _look(self) -> bool:
        """Serve the next page of the log; False at its end."""
        steps = 0
        entries = await self._storage.log(self._position[0], _PAGE)
        for commit in commits(entries):
            steps += self._serve(commit)
            self._position = (commit.revision, commit.check)
            if steps > _STEPS_AT_ONCE:
                steps = await asyncio.sleep(0, 0)
        return not entries.is_last

    def _serve(self, commit: LogCommit) -> int:
        """Serve a commit to those who are live; the steps that it took."""
        steps = 0
        for channel in {channel for name in commit.collections for channel in self._watching.get(name, ())}:
            steps += _CHANNEL_STEPS
            if channel.is_costly:
                steps += self._serve_costly(channel, commit, max(_LIVE_STEPS - steps, _LEAST_STEPS))
            else:
                self._push(channel, channel.commit(commit), commit)
        return steps

    def _push(self, channel: Channel, data: bytes | None, commit: LogCommit) -> None:
        if data is not None:
            for subscription in [*self._live[channel]]:
                subscription.push(data, commit.revision)

    def _serve_costly(self, channel: Channel, commit: LogCommit, most: int) -> int:
        """The same within `most` steps; who takes more, now or in a second, reads the log alone until nothing is
        missing."""
        meter = Meter(most)
        try:
            data = channel.commit(commit, meter)
        except OverBudget:
            self._slow_down([*self._live[channel]], self._position)
        else:
            self._push(channel, data, commit)
            subscribers = [*self._live.get(channel, ())]
            for subscription in subscribers:
                subscription.allowance.spend(meter.spent / len(subscribers))
            late = [subscription for subscription in subscribers if subscription.allowance.is_used_up]
            self._slow_down(late, (commit.revision, commit.check))
        return meter.spent

    def _slow_down(self, subscriptions: Sequence[Subscription], position: tuple[int, int]) -> None:
        for subscription in subscriptions:
            self._leave_live(subscription)
            subscription.fall_behind(*position)

    # ------------------------------------------------------------ time

    async def _watch(self) -> None:
        """Each second: look for others' writes, end streams whose right has ended, and break a long silence."""
        due = self._clock.monotonic() + self._keep_alive
        while True:
            await self._clock.sleep(_LOOK_SECONDS)
            if self._is_behind or self._storage.has_rivals:
                self.wake()
            await self._end_lost()
            if self._clock.monotonic() >= due:
                due = self._clock.monotonic() + self._keep_alive
                self._break_silence()

    async def _check(self) -> None:
        """After each signal: end streams whose right has ended."""
        while True:
            await self._doubted.wait()
            self._doubted.clear()
            await self._end_lost()

    async def _end_lost(self) -> None:
        try:
            lost = await self._rights.lost(subscription.caller for subscription in self._subscriptions)
        except Exception as error:  # what can't be asked now is asked again in a second
            log.warning("sessions of streams can't be checked now: %s", error)
            return
        for subscription in [*self._subscriptions] if lost else ():
            if subscription.caller in lost:
                subscription.end()

    def _break_silence(self) -> None:
        revision, check = self._position
        for channel, subscribers in [*self._live.items()]:
            data = channel.position(revision, check)
            for subscription in [*subscribers]:
                if revision > subscription.revision:
                    subscription.push(data, revision)
                else:
                    subscription.send(channel.framing.silence)
