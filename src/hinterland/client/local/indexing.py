"""The written columns and indexes of the store: which there are, keeping them with each record, and making those that
a question asks for."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import msgspec

from hinterland.client.local.columns import MOST, ColumnForm, WrittenColumn, WrittenColumns
from hinterland.client.local.connection import StoreConnection
from hinterland.contract.records import Document

MOST_INDEXES = 16  # of one collection, made for questions
_ROWS_AT_ONCE = 5_000  # that are filled in one transaction, so that writes come between
_decode = msgspec.json.Decoder(dict[str, Any]).decode


class IndexWanted(Exception):
    """A question to a collection would be answered by written `columns`, or an index over `order`, that are not there.

    `order` are columns of `records` with their direction, such as `k3 DESC`.
    """

    def __init__(
        self, collection: str, columns: Sequence[tuple[str, ColumnForm]] = (), order: Sequence[str] = ()
    ) -> None:
        super().__init__(collection)
        self.collection = collection
        self.columns = columns
        self.order = order


def columns_of(connection: StoreConnection, collection: str) -> WrittenColumns:
    """The collection's written columns. Another process may have made some since the last transaction."""
    found = connection.columns.get(collection)
    if found is None:
        rows = connection.execute(
            "SELECT name, form, slot, kinds, filled FROM written_columns WHERE collection = ?", (collection,)
        ).fetchall()
        found = connection.columns[collection] = WrittenColumns([WrittenColumn(*row) for row in rows])
    return found


def stored_values(
    connection: StoreConnection, collection: str, document: Document | str | None
) -> tuple[list[str], list[Any]]:
    """The names of all columns that are written with a record, and their values where it is seen as `document`, or as
    the JSON of one (None, "": not at all)."""
    columns = columns_of(connection, collection)
    if isinstance(document, str):
        document = (_decode(document) if len(columns.names) > 1 else {}) if document else None
    values, grown = columns.stored(document)
    if grown:
        _keep_kinds(connection, collection, grown)
    return columns.names, values


def _keep_kinds(connection: StoreConnection, collection: str, columns: Sequence[WrittenColumn]) -> None:
    connection.executemany(
        "UPDATE written_columns SET kinds = ? WHERE collection = ? AND name = ? AND form = ?",
        [(column.kinds, collection, column.name, column.form) for column in columns],
    )


# ---------------------------------------------------------------- indexes


def index_name(collection: str, order: Sequence[str]) -> str:
    """The name of the index over these columns."""
    digest = blake2b(repr((collection, *order)).encode(), digest_size=8).hexdigest()
    return f"records_{digest}"


def has_index(connection: StoreConnection, name: str) -> bool:
    """Whether the index is there."""
    return connection.execute("SELECT 1 FROM written_indexes WHERE name = ?", (name,)).fetchone() is not None


def can_index(connection: StoreConnection, collection: str) -> bool:
    """Whether one more index may be made, maybe in the place of one that this process has not used."""
    return len(_replaceable(connection, collection)) > 0 or _index_count(connection, collection) < MOST_INDEXES


def _index_count(connection: StoreConnection, collection: str) -> int:
    row = connection.execute("SELECT count(*) FROM written_indexes WHERE collection = ?", (collection,)).fetchone()
    return int(row[0])


def _replaceable(connection: StoreConnection, collection: str) -> list[str]:
    rows = connection.execute("SELECT name FROM written_indexes WHERE collection = ?", (collection,))
    return [row[0] for row in rows if row[0] not in connection.used_indexes]


def quoted(name: str) -> str:
    """A text as an SQL literal: the database takes a partial index only where the statement holds its condition."""
    return "'" + name.replace("'", "''") + "'"


# ---------------------------------------------------------------- making


def provide(connection: StoreConnection, wanted: IndexWanted) -> None:
    """Make what is wanted, or a step of it: a column of a large collection is filled by several calls."""
    _add_columns(connection, wanted)
    if not _fill(connection, wanted.collection) and wanted.order:
        _add_index(connection, wanted.collection, wanted.order)


def _add_columns(connection: StoreConnection, wanted: IndexWanted) -> None:
    known = columns_of(connection, wanted.collection)
    taken = {column.slot for column in known.all()}
    free = (slot for slot in range(MOST) if slot not in taken)
    added = [(wanted.collection, *column) for column in wanted.columns if known.find(*column) is None]
    connection.executemany(
        "INSERT INTO written_columns (collection, name, form, slot, filled) VALUES (?, ?, ?, ?, 0)",
        [(*column, slot) for column, slot in zip(added, free, strict=False)],
    )
    connection.columns.clear()


def _fill(connection: StoreConnection, collection: str) -> bool:
    """Whether there was something to fill."""
    unfilled = [column for column in columns_of(connection, collection).all() if column.filled is not None]
    if not unfilled:
        return False
    start = min(column.filled or 0 for column in unfilled)
    rows = connection.execute(
        "SELECT number, coalesce(view, base) FROM records WHERE collection = ? AND is_shown AND number > ?"
        " ORDER BY number LIMIT ?",
        (collection, start, _ROWS_AT_ONCE),
    ).fetchall()
    columns = WrittenColumns(unfilled)
    stored = [(*columns.stored(_decode(row[1]))[0][1:], row[0]) for row in rows]
    assigned = ", ".join(f"{name} = ?" for name in columns.names[1:])
    connection.executemany(f"UPDATE records SET {assigned} WHERE number = ?", stored)
    end = rows[-1][0] if len(rows) == _ROWS_AT_ONCE else None
    connection.executemany(
        "UPDATE written_columns SET kinds = ?, filled = ? WHERE collection = ? AND name = ? AND form = ?",
        [(column.kinds, end, collection, column.name, column.form) for column in columns.all()],
    )
    connection.columns.clear()
    return True


def _add_index(connection: StoreConnection, collection: str, order: Sequence[str]) -> None:
    name = index_name(collection, order)
    if has_index(connection, name):
        return
    if _index_count(connection, collection) >= MOST_INDEXES:
        for unused in _replaceable(connection, collection)[:1]:
            connection.execute(f"DROP INDEX IF EXISTS {unused}")
            connection.execute("DELETE FROM written_indexes WHERE name = ?", (unused,))
    connection.execute(
        f"CREATE INDEX IF NOT EXISTS {name} ON records (space, parent, {', '.join(order)})"
        f" WHERE collection = {quoted(collection)} AND is_shown"
    )
    connection.execute("INSERT INTO written_indexes VALUES (?, ?, ?)", (name, collection, ", ".join(order)))
