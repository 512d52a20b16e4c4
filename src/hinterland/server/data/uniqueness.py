"""Unique fields: what the request, the group and the database have given values of them to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from hinterland.contract.records import Document
from hinterland.kit.cel.conditions import eq
from hinterland.server.data import documents
from hinterland.server.data.catalogue import Catalogue, Entry
from hinterland.server.data.select.question import Select
from hinterland.server.data.state import HeldValue, RecordKey, State
from hinterland.server.storage.failures import unique
from hinterland.server.storage.protocol import StoredRecord


class UniqueValues:
    """The values that one request gives: `holders` are the records that got them. `read` gives a record as it is after
    what the group and the request do to it."""

    def __init__(
        self, state: State, catalogue: Catalogue, read: Callable[[RecordKey], Awaitable[StoredRecord | None]]
    ) -> None:
        self.holders: dict[HeldValue, list[RecordKey]] = {}
        self._state = state
        self._catalogue = catalogue
        self._read = read

    async def check(self, entry: Entry, key: RecordKey, document: Document) -> None:
        """Take the values of the document's unique fields. Raises `conflict` where another record has one."""
        for name in entry.unique:
            value = document[name]
            if value is None:
                continue
            column = entry.collection.fields[name].to_column(value)
            same = (eq(name, value, entry.book.kinds[name]),)
            holding = self._catalogue.look_up(Select(entry.name, None, same, fields=("parent", "id")))
            stored = await self._state.transaction.fetch(holding.sql, holding.parameters)
            held = (entry.name, name, column)
            others = {*((entry.name, *row) for row in stored), *self._state.holders(held), *self.holders.get(held, ())}
            for other in others - {key}:
                if await self._has(other, name, value):
                    raise unique(name)
            self.holders.setdefault(held, []).append(key)

    async def _has(self, key: RecordKey, name: str, value: Any) -> bool:
        record = await self._read(key)
        return record is not None and bool(documents.document_of(record).get(name) == value)
