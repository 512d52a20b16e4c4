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
            if {*await self.having(entry, name, value)} - {key}:
                raise unique(name)
            holders = self.holders.setdefault(_held(entry, name, value), [])
            if key not in holders:  # a request may write a record thousands of times
                holders.append(key)

    async def having(self, entry: Entry, name: str, value: Any) -> list[RecordKey]:
        """The records that have a value of a unique field after all that the group and the request do to them."""
        same = (eq(name, value, entry.book.kinds[name]),)
        holding = self._catalogue.look_up(Select(entry.name, None, same, fields=("parent", "id")))
        stored = await self._state.transaction.fetch(holding.sql, holding.parameters)
        held = _held(entry, name, value)
        keys = {*((entry.name, *row) for row in stored), *self._state.holders(held), *self.holders.get(held, ())}
        return [key for key in keys if await self._has(key, name, value)]

    async def _has(self, key: RecordKey, name: str, value: Any) -> bool:
        record = await self._read(key)
        return record is not None and bool(documents.document_of(record).get(name) == value)


def _held(entry: Entry, name: str, value: Any) -> HeldValue:
    return entry.name, name, entry.collection.fields[name].to_column(value)
