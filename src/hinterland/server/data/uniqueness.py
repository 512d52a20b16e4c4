"""Unique fields: what the request, the group and the database have given values of them to."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import Any

from hinterland.contract.records import Document
from hinterland.kit.cel.conditions import eq
from hinterland.server.data import documents
from hinterland.server.data.catalogue import Catalogue, Entry
from hinterland.server.data.select.question import Select
from hinterland.server.data.state import HeldValue, RecordKey, State
from hinterland.server.storage.failures import unique
from hinterland.server.storage.protocol import StoredRecord
from hinterland.server.storage.statements import TOGETHER, padded


class UniqueValues:
    """The values that one request gives: `holders` are the records that got them. `read` gives a record as it is after
    what the group and the request do to it."""

    def __init__(
        self, state: State, catalogue: Catalogue, read: Callable[[RecordKey], Awaitable[StoredRecord | None]]
    ) -> None:
        self.holders: dict[HeldValue, list[RecordKey]] = {}
        self._stored: dict[HeldValue, list[RecordKey]] = {}
        self._state = state
        self._catalogue = catalogue
        self._read = read

    async def load(self, entry: Entry, name: str, values: Iterable[Any]) -> list[RecordKey]:
        """Look by few statements for the records of the database that have one of the values, which will be asked for
        one by one."""
        held: dict[HeldValue, None] = {}
        for value in values:
            with suppress(ValueError):  # it is refused where it is written
                held[_held(entry, name, entry.shape.check(name, value))] = None
        wanted = [each for each in held if each not in self._stored]
        for start in range(0, len(wanted), TOGETHER):
            part = wanted[start : start + TOGETHER]
            self._stored |= {each: [] for each in part}
            columns = padded([each[2] for each in part])
            for parent, id, value in await self._state.transaction.fetch(entry.table.having(name), columns):
                self._stored[entry.name, name, value].append((entry.name, parent, id))
            await asyncio.sleep(0)
        return [key for each in wanted for key in self._stored[each]]

    async def check(self, entry: Entry, key: RecordKey, old: Document, document: Document) -> None:
        """Take the values of the document's unique fields that the `old` one had not. Raises `conflict` where another
        record has one."""
        for name in entry.unique:
            value = document[name]
            if value is None or value == old.get(name):
                continue
            if {*await self.having(entry, name, value)} - {key}:
                raise unique(name)
            holders = self.holders.setdefault(_held(entry, name, value), [])
            if key not in holders:  # a request may write a record thousands of times
                holders.append(key)

    async def having(self, entry: Entry, name: str, value: Any) -> list[RecordKey]:
        """The records that have a value of a unique field after all that the group and the request do to them."""
        held = _held(entry, name, value)
        stored = self._stored.get(held)
        if stored is None:
            same = (eq(name, value, entry.book.kinds[name]),)
            holding = self._catalogue.look_up(Select(entry.name, None, same, fields=("parent", "id")))
            rows = await self._state.transaction.fetch(holding.sql, holding.parameters)
            stored = [(entry.name, parent, id) for parent, id in rows]
        keys = {*stored, *self._state.holders(held), *self.holders.get(held, ())}
        return [key for key in keys if await self._has(key, name, value)]

    async def _has(self, key: RecordKey, name: str, value: Any) -> bool:
        record = await self._read(key)
        return record is not None and bool(documents.document_of(record).get(name) == value)


def _held(entry: Entry, name: str, value: Any) -> HeldValue:
    return entry.name, name, entry.collection.fields[name].to_column(value)
