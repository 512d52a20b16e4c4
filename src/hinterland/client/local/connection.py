"""The store's connection, and what every function on it is told."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any

from hinterland.client.local.fates import Fate
from hinterland.contract.identity import RecordId
from hinterland.contract.records import Shape

Key = tuple[str, str, RecordId]


class News:
    """What a transaction changed: the `collections` whose records look different, the `fates` that are now known, and
    whether the outbox is another. `is_foreign`: another process has written, and anything may be different."""

    __slots__ = ("collections", "fates", "is_foreign", "is_outbox_changed")

    def __init__(self, is_foreign: bool = False) -> None:
        self.is_foreign = is_foreign
        self.collections: set[str] = set()
        self.fates: list[Fate] = []
        self.is_outbox_changed = False

    def __bool__(self) -> bool:
        return bool(self.is_foreign or self.collections or self.fates or self.is_outbox_changed)


class Connection(sqlite3.Connection):
    """A connection to the store that collects the news of its current transaction."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.news = News()


class Scope:
    """Whose data is meant: the space's number, its account ("" when signed out), and the declared shapes."""

    __slots__ = ("account", "shapes", "space")

    def __init__(self, space: int, account: RecordId, shapes: Mapping[str, Shape]) -> None:
        self.space = space
        self.account = account
        self.shapes = shapes
