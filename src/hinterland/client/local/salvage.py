"""Beginning anew after a store's file was damaged, with the unsent writes that can still be read in it.

The damaged files are set aside and never deleted. Records are fetched from the server again; of the outbox is kept
what is undecided or held, under its numbers for the server.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import msgspec

from hinterland.client.local.connection import Scope, StoreConnection
from hinterland.client.local.records import refresh, touch, writes_in

_HEADER = b"SQLite format 3\0"
_SUFFIXES = ("", "-wal", "-shm")
_KEPT_STATES = ("pending", "sent", "posted", "refused", "conflicted")
SalvagedRow = dict[str, Any]


class Salvaged(msgspec.Struct, frozen=True):
    """What was done about a damaged store: its `file` was set aside under this name, and `writes` unsent writes of it
    are in the new one."""

    file: Path
    writes: int


class Remains(msgspec.Struct, frozen=True):
    """The rows of a damaged store that could be read."""

    spaces: list[SalvagedRow]
    mutations: list[SalvagedRow]
    temporaries: list[SalvagedRow]


def read_remains(path: Path) -> Remains | None:
    """What can be read of the damaged store at `path`; None where it does not look like a store of this package."""
    with suppress(OSError, sqlite3.Error):
        if path.read_bytes()[: len(_HEADER)] == _HEADER:
            with closing(sqlite3.connect(path)) as connection:
                connection.execute("SELECT next_seq FROM spaces, mutations LIMIT 0")
                spaces, temporaries = _rows(connection, "spaces"), _rows(connection, "temporaries")
                mutations = [row for row in _rows(connection, "mutations") if _is_worth_keeping(row)]
                return Remains(spaces, sorted(mutations, key=lambda row: int(row["number"])), temporaries)
    return None


def _rows(connection: sqlite3.Connection, table: str) -> list[SalvagedRow]:
    """A table's rows from its front until one that can't be read, and from its back."""
    key = "temporary" if table == "temporaries" else "rowid"
    found: dict[tuple[Any, ...], SalvagedRow] = {}
    for direction in ("ASC", "DESC"):
        with suppress(sqlite3.Error):
            cursor = connection.execute(f"SELECT * FROM {table} ORDER BY {key} {direction}")
            names = [column[0] for column in cursor.description]
            for row in cursor:
                found[row] = dict(zip(names, row, strict=True))
    return list(found.values())


def _is_worth_keeping(row: SalvagedRow) -> bool:
    try:
        return row["state"] in _KEPT_STATES and bool(row.get("document") or writes_in(row["writes"]))
    except (TypeError, ValueError, msgspec.MsgspecError):
        return False


def set_aside(path: Path) -> Path:
    """Rename the store's files; answers the new name."""
    target = next(name for name in _names(path) if not name.exists())
    for suffix in _SUFFIXES:
        with suppress(FileNotFoundError):
            path.with_name(f"{path.name}{suffix}").rename(target.with_name(f"{target.name}{suffix}"))
    return target


def _names(path: Path) -> Iterator[Path]:
    number = 0
    while True:
        number += 1
        yield path.with_name(f"{path.name}.damaged-{number}")


def put_back(connection: StoreConnection, remains: Remains) -> int:
    """Keep the rows in a new store; answers how many writes there are."""
    for table, rows in (("spaces", remains.spaces), ("temporaries", remains.temporaries)):
        for row in rows:
            _insert(connection, table, row)
    kept = 0
    for row in remains.mutations:
        if _insert(connection, "mutations", row):
            kept += 1
            if row["state"] in ("pending", "sent"):
                scope = Scope(row["space"], "", {})
                refresh(connection, scope, touch(connection, scope, row["number"], writes_in(row["writes"])))
    return kept


def _insert(connection: StoreConnection, table: str, row: SalvagedRow) -> bool:
    """Whether the row could be kept; columns that the table lacks are left out."""
    known = {column[1] for column in connection.execute(f"PRAGMA table_info({table})")}
    names = [name for name in row if name in known]
    marks = ", ".join("?" * len(names))
    try:
        connection.execute(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})", [row[name] for name in names])
    except sqlite3.IntegrityError:
        return False
    return True
