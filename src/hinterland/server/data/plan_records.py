"""The records that the writes of one request find: those of the database and the group, and over them its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence

from hinterland.contract.identity import RecordId
from hinterland.contract.records import Document
from hinterland.server.data import documents
from hinterland.server.data.asks import Decisions, RuleChecker
from hinterland.server.data.catalogue import Catalogue, Entry
from hinterland.server.data.requests import CallerLeft, WriteRequest, WrittenRecord
from hinterland.server.data.staged_records import RequestStaged
from hinterland.server.data.state import RecordKey, State
from hinterland.server.storage.protocol import StoredRecord
from hinterland.server.storage.reading import pause
from hinterland.server.storage.statements import TOGETHER


class PlanRecords:
    """The records as the next write of a request finds them. `mine` are those that it has written (None: deleted)."""

    def __init__(
        self, request: WriteRequest, state: State, staged: RequestStaged, rules: RuleChecker, instant: str
    ) -> None:
        self.mine: dict[RecordKey, StoredRecord | None] = {}
        self._caller = request.caller
        self._instant = instant  # at which rules are decided
        self._sets_all_fields = request.caller.is_admin or request.rights.sets_all_fields
        self._skips_rules = request.caller.is_admin or request.rights.skips_rules
        self._state = state
        self._staged = staged
        self._rules = rules
        self._unseen: set[RecordKey] = set()  # that the view rule does not show, as the database says
        self._shared: dict[RecordKey, bool] = {}  # whether it shows them; the caller refers to them
        self._last: tuple[StoredRecord | None, Document] = (None, {})

    async def read(self, key: RecordKey, *, is_shared: bool = False) -> StoredRecord | None:
        """A record, locked; one that `is_shared` only against deletion."""
        return self.mine[key] if key in self.mine else await self._state.record(*key, is_shared=is_shared)

    async def visible(self, entry: Entry, key: RecordKey, *, is_shared: bool = False) -> StoredRecord | None:
        """The record, if the caller can view it; where the database says so, a hidden one is not decoded."""
        rule = entry.rules["view"]
        is_known = self._skips_rules or key in self.mine or self._state.knows(key, is_shared=is_shared)
        if rule and rule.is_asked and not is_known and not any(map(self._staged, rule.asked_names)):
            if key in self._unseen:
                return None
            parameters = entry.viewing.rest(self._caller, self._instant)
            return await self._state.seen(key, entry.viewing.sql, parameters, is_shared=is_shared)
        record = await self.read(key, is_shared=is_shared)
        return record if record is not None and await self._rules.allows(entry, "view", record) else None

    async def load(self, entry: Entry, parent: str, ids: Iterable[RecordId], *, is_visible: bool) -> None:
        """Read records by few statements that will be asked for one by one; of those that must be visible the ones
        that are."""
        rule = entry.rules["view"]
        if not is_visible or self._skips_rules or (rule is not None and not rule.is_asked):
            await self._state.load_records(entry.name, parent, ids)
        elif rule is not None and not any(map(self._staged, rule.asked_names)):
            seen = (entry.viewing.several, entry.viewing.rest(self._caller, self._instant))
            self._unseen.update(await self._state.load_records(entry.name, parent, ids, seen))

    async def share(self, entry: Entry, ids: Iterable[RecordId]) -> None:
        """Find out by few statements which records without a parent the caller can view, and keep these from deletion;
        `is_shared` then says it."""
        rule, name = entry.rules["view"], entry.name
        keys = [(name, "", id) for id in dict.fromkeys(ids)]
        keys = [key for key in keys if key not in self._shared and not self._state.knows(key, is_shared=True)]
        if len(keys) < 2 or (rule is not None and any(map(self._staged, rule.asked_names))):
            return
        seen = (
            None if self._skips_rules else (entry.viewing.several_ids, entry.viewing.rest(self._caller, self._instant))
        )
        for start in range(0, len(keys), TOGETHER):
            part = keys[start : start + TOGETHER]
            found = await self._state.transaction.share_several(name, [key[2] for key in part], seen)
            self._shared |= dict.fromkeys(part, False) | {(name, "", id): True for id in found}
            await asyncio.sleep(0)

    def is_shared(self, entry: Entry, key: RecordKey) -> bool | None:
        """What `share` found out of a record; None where that does not count, since the request changed what decides
        it."""
        rule = entry.rules["view"]
        if key in self.mine or (rule is not None and any(map(self._staged, rule.asked_names))):
            return None
        return self._shared.get(key)

    async def hidden_of(self, entry: Entry, record: StoredRecord, document: Document | None = None) -> frozenset[str]:
        """The fields of a record that the request can't read or take as known."""
        if self._sets_all_fields or not entry.private:
            return frozenset()
        return await self._rules.hidden_of(entry, record, document)

    async def shown(
        self, catalogue: Catalogue, written: Sequence[WrittenRecord], is_given_up: Callable[[], bool]
    ) -> list[WrittenRecord]:
        """All that the request has written, each with those of its fields that the caller sees by rules that ask other
        collections. Raises `CallerLeft`."""
        found, known = [], Decisions()
        for index, each in enumerate(written):
            entry, record = (
                catalogue[each.collection],
                self.mine.get((each.collection, each.parent, each.id), each.after),
            )
            if entry.asking and record is not None:
                each = each._replace(asked=await self._rules.asked_fields(entry, record, None, known))
            found.append(each)
            await pause(index, len(written))
            if len(written) > 1 and is_given_up():
                raise CallerLeft
        return found

    def keep(self, key: RecordKey, record: StoredRecord | None, document: Document) -> None:
        """Take what the request makes of a record."""
        self.mine[key] = record
        self._last = (record, document)

    def document_of(self, record: StoredRecord) -> Document:
        """The whole document, which nobody changes: a request may write a large record many times."""
        last, document = self._last
        return document if record is last else documents.document_of(record)
