"""Notifications of changes in the store: the only way by which live queries, the outbox and the status are watched."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from hinterland.client.local.connection import Key, StoreChange

Topic = tuple[str, str]
OUTBOX: Topic = ("outbox", "")
STATUS: Topic = ("status", "")


def records_of(collection: str) -> Topic:
    """Records of the collection look different."""
    return "records", collection


def outcome_of(mutation: str) -> Topic:
    """The outcome of the mutation is known."""
    return "outcome", mutation


class Watcher:
    """Gets the notifications of its topics; `notifications` is their number."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self._keys: set[Key] | None = None
        self.notifications = 0

    def add(self, keys: set[Key] | None) -> None:
        """Something changed: the records with these `keys`; None: maybe any."""
        self.notifications += 1
        self._keys = None if keys is None or self._keys is None else self._keys | keys
        self._event.set()

    def taken(self) -> set[Key] | None:
        """The keys of the records that have changed since the last call; None: maybe any."""
        keys, self._keys = self._keys, set()
        return keys

    def distrust(self) -> None:
        """What was taken was not used: maybe any record has changed."""
        self._keys = None

    async def beyond(self, seen: int) -> None:
        """Wait until there are more notifications than were `seen`."""
        while self.notifications == seen:
            self._event.clear()
            await self._event.wait()


class Signals:
    """The watchers of each topic."""

    def __init__(self) -> None:
        self._watchers: dict[Topic, set[Watcher]] = {}

    @contextmanager
    def watching(self, *topics: Topic) -> Iterator[Watcher]:
        """A watcher of the topics, within the block."""
        watcher = self.add(*topics)
        try:
            yield watcher
        finally:
            self.remove(watcher, topics)

    def add(self, *topics: Topic) -> Watcher:
        """A watcher of the topics, until it is removed."""
        watcher = Watcher()
        for topic in topics:
            self._watchers.setdefault(topic, set()).add(watcher)
        return watcher

    def remove(self, watcher: Watcher, topics: tuple[Topic, ...]) -> None:
        """End a watcher of the topics."""
        for topic in topics:
            self._watchers[topic].discard(watcher)
            if not self._watchers[topic]:
                del self._watchers[topic]

    def notify(self, topic: Topic, keys: set[Key] | None = None) -> None:
        """Something of the topic changed: the records with these `keys`; None: maybe any."""
        for watcher in tuple(self._watchers.get(topic, ())):
            watcher.add(keys)

    def notify_all(self) -> None:
        """Anything may be different."""
        for watcher in {watcher for watchers in list(self._watchers.values()) for watcher in tuple(watchers)}:
            watcher.add(None)

    def publish(self, change: StoreChange) -> None:
        """Notify of what a transaction changed."""
        for collection in change.collections | {key[0] for key in change.keys}:
            is_exact = collection not in change.collections
            self.notify(records_of(collection), change.keys if is_exact else None)
        for outcome in change.outcomes:
            self.notify(outcome_of(outcome.mutation))
        if change.is_outbox_changed:
            self.notify(OUTBOX)
