"""A device's edits and deletes, decided against what others did to the records since the device saw them."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import Any

from hinterland.contract.records import Document
from hinterland.contract.sync import Lost
from hinterland.contract.values import is_same
from hinterland.server.data import documents
from hinterland.server.data.asks import RuleChecker
from hinterland.server.data.catalogue import Entry
from hinterland.server.data.merging import DeviceEdit, Past, merged
from hinterland.server.data.state import UNWRITTEN, Deferred, RecordKey, State
from hinterland.server.storage.protocol import Since, StoredRecord


class DeviceEdits:
    """The edits of one request of the device `origin`, of which `lost` were not kept. `base` is the revision of a
    record that the device had seen; None: that is not asked."""

    __slots__ = ("_created", "_origin", "_own", "_rules", "_state", "_timestamp", "lost")

    def __init__(self, state: State, origin: str, timestamp: float, rules: RuleChecker) -> None:
        self.lost: list[Lost] = []
        self._own: dict[RecordKey, dict[str, tuple[Any, Any]]] = {}
        self._created: set[RecordKey] = set()
        self._state = state
        self._rules = rules
        self._origin = origin
        self._timestamp = timestamp

    async def is_outdated(self, entry: Entry, key: RecordKey, before: StoredRecord, base: int | None) -> bool:
        """Whether an edit that the device had not seen is newer than its delete: then the record stays."""
        unseen = await self._unseen(entry, key, before, base)
        return unseen is not None and unseen[0].newest is not None and unseen[0].newest > self._timestamp

    async def merged(
        self, entry: Entry, key: RecordKey, before: StoredRecord, old: Document, body: Document, base: int | None
    ) -> Document:
        """`body` merged with what others changed since `base`, by each field's policy."""
        unseen = await self._unseen(entry, key, before, base) if body else None
        if unseen is None:
            return body
        since, seen = unseen
        shown: dict[StoredRecord, frozenset[str]] = {}  # the states that the user could see, and what not of them
        await self._look(entry, shown, seen)
        edit = DeviceEdit(body, self._origin, self._timestamp, old, shown.get)
        own = self._own.get(key, {})
        past = Past(entry.collection, edit, since._replace(has_own=since.has_own or bool(own)), seen)
        if past.names:
            assert base is not None
            async for page in self._state.history(key, base):
                for change in page:
                    await self._look(entry, shown, change.after if change.origin == self._origin else None)
                past.add(page)
            past.add_own(own)
        body, lost = merged(entry.collection, edit, past)
        self.lost += lost
        return body

    def note(self, key: RecordKey, old: Document, new: Document, names: Iterable[str]) -> None:
        """The request changed these fields of a record: its next edit of it was made over what the device had then."""
        own = self._own.setdefault(key, {})
        for name in names:
            own[name] = (own[name][0] if name in own else old.get(name), new.get(name))

    def note_creation(self, key: RecordKey) -> None:
        """The request made the record anew: whatever was before, the device has seen it all."""
        self._created.add(key)

    async def _unseen(
        self, entry: Entry, key: RecordKey, before: StoredRecord, base: int | None
    ) -> tuple[Since, StoredRecord | None] | None:
        """Whose changes the record had since `base`, and what it was then (None: not there). None where the device had
        seen it all, and where its user could not see the record then."""
        if not base or base == before.revision or key in self._created:
            return None
        since = await self._state.since(key, base, self._origin)
        if since.newest is None:
            return None
        seen = await self._state.transaction.record_at(*key, base)
        return (since, seen) if seen is None or await self._can_see(entry, seen) else None

    async def _can_see(self, entry: Entry, record: StoredRecord) -> bool:
        """Whether the user could see the record in this state, alone or in a list."""
        allows = self._rules.allows
        return await allows(entry, "view", record) or await allows(entry, "list", record)

    async def _look(self, entry: Entry, shown: dict[StoredRecord, frozenset[str]], record: StoredRecord | None) -> None:
        if record is not None and await self._can_see(entry, record):
            shown[record] = await self._rules.hidden_of(entry, record) if entry.private else frozenset()


def is_repeated(before: StoredRecord, after: StoredRecord, hidden: AbstractSet[str], sent: AbstractSet[str]) -> bool:
    """Whether a device creates what is there already, with equal fields: a copy of its store did, and is forgotten.

    Fields that are `hidden` from its user are not compared, and to have `sent` one is to create another record: else
    the answer would confirm a guess. Raises `Deferred` where the group has yet to write the record.
    """
    old, new = documents.document_of(before), documents.document_of(after)
    if not hidden.isdisjoint(sent) or any(not is_same(old.get(name), new[name]) for name in new if name not in hidden):
        return False
    if before.revision == UNWRITTEN:
        raise Deferred  # its answer names the revision
    return True
