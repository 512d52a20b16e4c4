"""The client's cache of results: in memory, on the disk where there is a store, of the user who is signed in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from hinterland.client.graphql.cached import RecordCache
from hinterland.client.graphql.kept import KeptResults
from hinterland.client.graphql.normalizing import CachedResult, ResultShape
from hinterland.kit.serial_worker import SerialWorker

OnChange = Callable[[frozenset[str]], None]


class GraphQLCache:
    """Records by type and id, which all results share.

    `possible_types` has the object types of interfaces and unions by name, for a schema that has some.
    """

    def __init__(self, kept: KeptResults | None) -> None:
        self.possible_types: dict[str, list[str]] = {}
        self._records = RecordCache()
        self._kept = kept
        self._worker = SerialWorker("hinterland-graphql")
        self._user: str | int | None = None
        self._opening = asyncio.Lock()
        self._dirty: set[str] = set()
        self._saving: asyncio.Future[Any] | None = None
        self._watchers: set[OnChange] = set()
        self._is_closed = False

    def evict(self, *names: str) -> None:
        """Forget a record (`Post:42`), those of a type (`Post:`), or a field of queries with all arguments (`posts`),
        so that queries ask the server for them again."""
        for name in names:
            self._changed(self._records.evict(name))

    def clear(self) -> None:
        """Forget everything."""
        self._changed(self._records.clear())

    def __len__(self) -> int:
        return len(self._records.records)

    async def open(self, user: str | int) -> None:
        """Begin with what is kept of this user; what is kept of another is deleted."""
        async with self._opening:
            if self._user == user or self._is_closed:
                return
            first, self._user = self._user is None, user
            kept = self._kept
            if kept is None:
                if not first:
                    self.clear()
                return
            records, used = await self._worker.submit(lambda: kept.load(user))
            self._dirty.clear()
            before = self._records.clear()
            self._records.restore(records, used)
            self._notify(before)

    def leave(self, user: str | int | None) -> None:
        """Another user, or nobody (None), is signed in: what there is of the former is deleted."""
        if user is not None and self._user in (None, user):
            return
        self._user = None
        self._dirty.clear()
        self._notify(self._records.clear())
        if self._kept is not None and not self._is_closed:
            self._saving = self._worker.submit(self._kept.delete)

    async def settled(self) -> None:
        """Return when the disk has what was written, and nothing of what was deleted."""
        if self._saving is not None:
            await self._saving

    async def saved(self) -> None:
        """Return when the file has all that was written here."""
        if not self._is_closed:
            self._save()
            await self.settled()

    async def close(self) -> None:
        """Write what is not written, and let the file go."""
        if not self._is_closed:
            self._save()
            self._is_closed = True
            if self._kept is not None:
                await self._worker.submit(self._kept.close)
            self._worker.close()

    # ---------------------------------------------------------------- results

    def read(self, shape: ResultShape) -> CachedResult:
        """What there is of a selection."""
        return self._records.read(shape)

    def write(self, shape: ResultShape, data: Mapping[str, Any], instead_of: str = "") -> None:
        """Keep a result, in the place of the optimistic one `instead_of`."""
        shown = self._records.rollback(instead_of)
        self._changed(self._records.write(shape, data) | shown)

    def optimistic(self, id: str, shape: ResultShape, data: Mapping[str, Any]) -> None:
        """Show an expected result."""
        self._notify(self._records.optimistic(id, shape, data))

    def rollback(self, id: str) -> None:
        """Take an expected result away."""
        self._notify(self._records.rollback(id))

    def watch(self, watcher: OnChange) -> Callable[[], None]:
        """Call `watcher` with the keys of records that change, until the returned function is called."""
        self._watchers.add(watcher)
        return lambda: self._watchers.discard(watcher)

    def _changed(self, keys: frozenset[str]) -> None:
        if keys and self._kept is not None and not self._is_closed:
            if not self._dirty:
                asyncio.get_running_loop().call_soon(self._save)
            self._dirty |= keys
        self._notify(keys)

    def _notify(self, keys: frozenset[str]) -> None:
        for watcher in [*self._watchers] if keys else ():
            watcher(keys)

    def _save(self) -> None:
        keys, self._dirty = self._dirty, set()
        kept = self._kept
        if not keys or kept is None or self._is_closed:
            return
        records = self._records.records
        whole = {key: None if records[key] is None else {**records[key]} for key in keys if key in records}  # type: ignore[dict-item]
        gone, used = keys - records.keys(), self._records.used
        self._saving = self._worker.submit(lambda: kept.save(whole, gone, used))
