"""The store's connection, and the scope that every function on it works in."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any

from hinterland.client.local.columns import WrittenColumns
from hinterland.client.local.outcomes import Outcome
from hinterland.contract.identity import RecordId
from hinterland.contract.records import CompiledCollection

Key = tuple[str, str, RecordId]
_SMALL = 200


class StoreChange:
    """What a transaction changed: the `keys` of records that look different, the `collections` of which any record may,
    the `outcomes` that are now known, and whether the outbox is another."""

    __slots__ = ("collections", "is_outbox_changed", "keys", "outcomes")

    def __init__(self) -> None:
        self.keys: set[Key] = set()
        self.collections: set[str] = set()
        self.outcomes: list[Outcome] = []
        self.is_outbox_changed = False

    def __bool__(self) -> bool:
        return bool(self.keys or self.collections or self.outcomes or self.is_outbox_changed)


class StoreConnection(sqlite3.Connection):
    """A connection to the store that collects what its current transaction changes."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.store_change = StoreChange()
        self.columns: dict[str, WrittenColumns] = {}  # by collection, as they are in this transaction
        self.used_indexes: set[str] = set()  # by a question of this process
        self.has_json = self._has_json()

    def _has_json(self) -> bool:
        """Whether this Python's SQLite has the JSON functions, which were an option before 3.38."""
        try:
            self.execute("SELECT json_array_length('[]')")
        except sqlite3.OperationalError:
            return False
        return True

    def begin(self) -> None:
        """Forget what the last transaction knew."""
        self.store_change = StoreChange()
        self.columns.clear()


class Scope:
    """Whose data is meant: the space's number, its account ("" when signed out), and the declared shapes.

    A question to at most `small` records decodes them all, which takes less than a millisecond, and needs no index.
    """

    __slots__ = ("account", "shapes", "small", "space")

    def __init__(self, space: int, account: RecordId, shapes: Mapping[str, CompiledCollection]) -> None:
        self.space = space
        self.account = account
        self.shapes = shapes
        self.small = _SMALL
