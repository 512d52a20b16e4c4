"""Live queries: what they answer, and one run of each after a change, however many watch it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Any, Generic, TypeVar
from weakref import WeakValueDictionary, finalize

import msgspec

from hinterland.client.errors import HinterlandError, InvalidResponse
from hinterland.client.local.connection import Key
from hinterland.client.local.outcomes import OutboxEntry
from hinterland.client.local.signals import Signals, Topic, Watcher

T = TypeVar("T")
ChangedKeys = set[Key] | None


class Rows(list[T]):
    """Records in order. `mismatches` are those that do not fit the app's type: each as the error that names the record,
    and where it does not fit."""

    def __init__(self, items: Sequence[T] = (), mismatches: Sequence[InvalidResponse] = ()) -> None:
        super().__init__(items)
        self.mismatches = mismatches


class QueryState(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """A live query as a screen shows it: `data`, or None while it is `is_loading` for the first time; `is_stale`: the
    server's changes do not arrive at the moment, for the reason `error` where there is one.

    `mismatches` are the records that do not fit the app's type: each as the error that names the record, and where it
    does not fit. `refused` are the outbox's entries with creations that the server has refused, and that the question
    would find: their records are not in `data`."""

    data: Sequence[T] | None
    is_loading: bool
    is_stale: bool
    error: HinterlandError | None
    mismatches: Sequence[InvalidResponse] = ()
    refused: Sequence[OutboxEntry] = ()


class Found(msgspec.Struct, frozen=True):
    """What a live query finds: its `records` as a JSON array, from which each watcher reads records of its own, and the
    `refused` creations among them."""

    records: bytes
    refused: list[OutboxEntry]


class Shared(Generic[T]):
    """An answer that everybody who asks the same shares. `ask` runs once after any number of notifications of the
    `watcher`, and gets the keys of the records that have changed since it last ran; None: maybe any."""

    def __init__(self, ask: Callable[[ChangedKeys], Awaitable[T]], watcher: Watcher) -> None:
        self._ask = ask
        self._watcher = watcher
        self._known = -1
        self._answer: T | None = None
        self._run: asyncio.Task[None] | None = None

    async def now(self) -> T:
        """The answer, not older than this call; the same object as before where it is equal."""
        wanted = self._watcher.notifications
        while self._answer is None or self._known < wanted:
            if self._run is None:
                self._run = asyncio.ensure_future(self._renew(self._watcher.notifications))
                self._run.add_done_callback(_seen)
            await asyncio.shield(self._run)  # others wait for it too
        return self._answer

    async def _renew(self, version: int) -> None:
        try:
            answer = await self._ask(self._watcher.taken())
        except BaseException:
            self._watcher.distrust()
            raise
        finally:
            self._run = None
        self._known = version
        if answer != self._answer:
            self._answer = answer


def _seen(run: asyncio.Task[None]) -> None:
    """Take note of an error, though nobody may wait for it any longer."""
    if not run.cancelled():
        run.exception()


class Queries:
    """The answers that are shared at the moment, as long as somebody holds them."""

    def __init__(self, signals: Signals) -> None:
        self._signals = signals
        self._shared: WeakValueDictionary[Hashable, Shared[Any]] = WeakValueDictionary()

    def shared(self, key: Hashable, ask: Callable[[ChangedKeys], Awaitable[T]], *topics: Topic) -> Shared[T]:
        """The answer to what `key` says, which the topics may change, made from the others where nobody holds one."""
        found = self._shared.get(key)
        if found is None:
            watcher = self._signals.add(*topics)
            found = self._shared[key] = Shared(ask, watcher)
            finalize(found, self._signals.remove, watcher, topics)
        return found
