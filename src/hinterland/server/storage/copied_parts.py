"""What a database consists of when it is copied as a whole, and the statements that read it page by page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from hinterland.server.storage.database import Database
from hinterland.server.storage.protocol import Texts
from hinterland.server.storage.statements import (
    LOG_COLUMNS,
    LOG_TEXTS,
    RECORD_NAMES,
    RECORD_TEXTS,
    CollectionTable,
    quote,
)
from hinterland.server.storage.system import META, SYSTEM_TABLES, SystemTable

_ROWS = 256
_LOG_NAMES = tuple(LOG_COLUMNS.split(", "))


class CopyPart(NamedTuple):
    """What is copied as one: a table with its columns and its key, in whose order it is read."""

    name: str
    table: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    texts: Texts | None = None
    system: SystemTable | None = None
    collection: CollectionTable | None = None

    def select(self, *, is_first: bool) -> str:
        """The statement of a page; its parameters are the key after which it begins, unless it `is_first`."""
        key = ", ".join(self.key)
        where = "" if is_first else f" WHERE ({key}) > ({', '.join('?' * len(self.key))})"
        return f"SELECT {', '.join(self.columns)} FROM {self.table}{where} ORDER BY {key} LIMIT {self.rows}"

    @property
    def counting(self) -> str:
        """The statement that counts its rows."""
        return f"SELECT count(*) FROM {self.table}"

    @property
    def first(self) -> str:
        """The statement that finds whether there is a row."""
        return f"SELECT 1 FROM {self.table} LIMIT 1"

    @property
    def rows(self) -> int:
        """How many rows a page has at most."""
        return _ROWS if self.texts is None else self.texts.rows

    def place(self, row: Sequence[Any]) -> list[Any]:
        """The key of a row."""
        return [row[self.columns.index(name)] for name in self.key]


def parts_of(database: Database) -> list[CopyPart]:
    """What a database consists of: the system's tables, the log and the collections, those that it has adopted."""
    parts = [
        CopyPart(table.name, table.name, tuple(map(quote, table.columns)), tuple(map(quote, table.key)), system=table)
        for table in SYSTEM_TABLES
        if table is not META
    ]
    parts.append(CopyPart("_log", "_log", _LOG_NAMES, ("revision",), LOG_TEXTS))
    for name, table in sorted(database.tables.items()):
        parts.append(CopyPart(name, table.name, RECORD_NAMES, table.key, RECORD_TEXTS, collection=table))
    return parts
