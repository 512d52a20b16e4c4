"""The window of a live query: its records in order, to which a change is applied without asking again."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from typing import Any, NamedTuple

from hinterland.client.local import records
from hinterland.client.local.connection import Key, StoreConnection
from hinterland.client.local.finding import Findings
from hinterland.client.local.plans import LocalPlan, LocalSource
from hinterland.contract.errors import Refusal
from hinterland.contract.identity import RecordId

_MOST = 2_000  # records of a window, and changes that are applied to one at once


class WindowEntry(NamedTuple):
    """A record in its place: the `key` that it is sorted by, which no two records share, and its JSON."""

    key: tuple[Any, ...]
    text: str


class LiveWindow:
    """The first `limit` records of a live query (None: all), used by one run after another in the store's thread."""

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._source: LocalSource | None = None
        self._plan: LocalPlan | None = None
        self._entries: list[WindowEntry] = []
        self._keys: dict[RecordId, tuple[Any, ...]] = {}
        self._is_whole = False  # whether it has all that the question finds

    def texts(self) -> list[str]:
        """The records' JSON, in order."""
        return [entry.text for entry in self._entries]

    def fill(self, source: LocalSource, found: Findings) -> list[str]:
        """Begin anew with what is found now; answers the records' JSON."""
        texts = found.some(self._limit)
        plan = found.plan
        self._plan = plan if plan is not None and plan.is_fixed and len(texts) <= _MOST else None
        self._source = source
        self._entries, self._keys = [], {}
        if self._plan is not None:
            self._is_whole = self._limit is None or len(texts) < self._limit
            for text in texts:
                self._append(self._plan, text)
        return texts

    def _append(self, plan: LocalPlan, text: str) -> None:
        document = records.decoded(text)
        self._entries.append(WindowEntry(plan.order.key(document), text))
        self._keys[document["id"]] = self._entries[-1].key

    def apply(self, connection: StoreConnection, source: LocalSource, keys: Iterable[Key] | None) -> LocalPlan | None:
        """The question's plan, if the changes of these records could be applied; None: the question must be asked."""
        if self._plan is None or keys is None or source != self._source:
            return None
        own = [key for key in keys if key[:2] == (source.collection, source.parent)]
        try:
            if len(own) > _MOST or not all(self._change(connection, self._plan, source, key) for key in own):
                self._plan = None
        except Refusal:
            self._plan = None  # to ask tells what is wrong
        return self._plan

    def _change(self, connection: StoreConnection, plan: LocalPlan, source: LocalSource, key: Key) -> bool:
        """Whether the window still has the first records after a change of one."""
        if (before := self._keys.pop(key[2], None)) is not None:
            del self._entries[bisect_left(self._entries, before, key=_key)]
        text = records.text_seen(connection, source.scope, key)
        document = records.decoded(text) if text else None
        if document is not None and plan.finds(document):
            self._insert(plan.order.key(document), key[2], text)
        if self._limit is None or self._is_whole or len(self._entries) == self._limit:
            return len(self._entries) <= _MOST
        return False

    def _insert(self, key: tuple[Any, ...], record_id: RecordId, text: str) -> None:
        at = bisect_left(self._entries, key, key=_key)
        if at == len(self._entries) and not self._is_whole:
            return  # others that are not in the window may be before it
        self._entries.insert(at, WindowEntry(key, text))
        self._keys[record_id] = key
        if self._limit is not None and len(self._entries) > self._limit:
            last = self._entries.pop()
            del self._keys[records.decoded(last.text)["id"]]
            self._is_whole = False


def _key(entry: WindowEntry) -> tuple[Any, ...]:
    return entry.key
