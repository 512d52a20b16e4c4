"""The records that the writes of one request find: those of the database and the group, and over them its own."""

from __future__ import annotations

from hinterland.contract.records import Document
from hinterland.server.data import documents
from hinterland.server.data.asks import RuleAsker
from hinterland.server.data.catalogue import Entry
from hinterland.server.data.requests import WriteRequest
from hinterland.server.data.staged_records import RequestStaged
from hinterland.server.data.state import RecordKey, State
from hinterland.server.storage.protocol import StoredRecord


class PlanRecords:
    """The records as the next write of a request finds them. `mine` are those that it has written (None: deleted)."""

    def __init__(self, request: WriteRequest, state: State, staged: RequestStaged, asker: RuleAsker) -> None:
        self.mine: dict[RecordKey, StoredRecord | None] = {}
        self._caller = request.caller
        self._skips_rules = request.caller.is_admin or request.rights.skips_rules
        self._state = state
        self._staged = staged
        self._asker = asker
        self._last: tuple[StoredRecord | None, Document] = (None, {})

    async def read(self, key: RecordKey, *, is_shared: bool = False) -> StoredRecord | None:
        """A record, locked; one that `is_shared` only against deletion."""
        return self.mine[key] if key in self.mine else await self._state.record(*key, is_shared=is_shared)

    async def visible(self, entry: Entry, key: RecordKey, *, is_shared: bool = False) -> StoredRecord | None:
        """The record, if the caller can view it; where the database says so, a hidden one is not decoded."""
        rule = entry.rules["view"]
        is_known = self._skips_rules or key in self.mine or self._state.knows(key, is_shared=is_shared)
        if rule and rule.is_asked and not is_known and not any(map(self._staged, rule.asked_names)):
            parameters = entry.viewing.rest(self._caller)
            return await self._state.seen(key, entry.viewing.sql, parameters, is_shared=is_shared)
        record = await self.read(key, is_shared=is_shared)
        return record if record is not None and await self._asker.allows(entry, "view", record) else None

    def keep(self, key: RecordKey, record: StoredRecord | None, document: Document) -> None:
        """Take what the request makes of a record."""
        self.mine[key] = record
        self._last = (record, document)

    def document_of(self, record: StoredRecord) -> Document:
        """The whole document, which nobody changes: a request may write a large record many times."""
        last, document = self._last
        return document if record is last else documents.document_of(record)
