"""SQLite through the standard library: connections that keep what they acknowledge, and numbered migrations.

For SQLite 3.35 and newer; nothing here or in its callers uses JSON operators.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

OLDEST = (3, 35, 0)
C = TypeVar("C", bound=sqlite3.Connection)


class TooNew(Exception):
    """A newer version of the program wrote the file: `found` is its schema's number, `known` the newest here."""

    def __init__(self, found: int, known: int) -> None:
        self.found = found
        self.known = known
        super().__init__(f"the file has schema {found}, this version knows up to {known}; update the program")


class TooOld(Exception):
    """The SQLite library that Python was built with is older than 3.35."""

    def __init__(self) -> None:
        super().__init__(f"SQLite 3.35 or newer is needed, this Python has {sqlite3.sqlite_version}")


def connect(path: str | Path, factory: type[C], *, busy_seconds: float = 5.0) -> C:
    """A connection in autocommit mode whose commits are durable when they return.

    Write-ahead log with `synchronous=FULL`, foreign keys on. Another process's lock is waited for `busy_seconds`.
    Raises sqlite3's errors, and TooOld.
    """
    if sqlite3.sqlite_version_info < OLDEST:
        raise TooOld
    connection = sqlite3.connect(path, timeout=busy_seconds, isolation_level=None, factory=factory)
    try:
        if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
            connection.execute("PRAGMA journal_mode = WAL")
        # fullfsync is macOS's way to reach the platter; elsewhere it does nothing.
        for pragma in ("synchronous = FULL", "fullfsync = ON", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {pragma}")
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """A write transaction: committed at the end of the block, undone when it raises or the commit fails."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # SQLite itself ends the transaction on some errors, such as a full disk.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@contextmanager
def snapshot(connection: sqlite3.Connection) -> Iterator[None]:
    """Several reads of one state, whatever other connections write meanwhile."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        if connection.in_transaction:
            connection.execute("COMMIT")


def version(connection: sqlite3.Connection) -> int:
    """The number of the last migration that the file has seen."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def migrate(connection: sqlite3.Connection, migrations: Sequence[str]) -> int:
    """Bring the file's schema up to the last of `migrations`, each in its own transaction; answers how many ran.

    A migration is an SQL script; its number is its position from 1. Stopped anywhere, the file has the schema before
    or after one migration, never one between. Raises TooNew.
    """
    ran = 0
    for number, script in enumerate(migrations[version(connection) :], version(connection) + 1):
        with transaction(connection):
            if version(connection) >= number:  # another process was faster
                continue
            for statement in statements(script):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {number}")
            ran += 1
    if version(connection) > len(migrations):
        raise TooNew(version(connection), len(migrations))
    return ran


def statements(script: str) -> Iterator[str]:
    """The statements of an SQL script, one by one (`executescript` would commit before it runs)."""
    buffer = ""
    for piece in script.split(";"):
        buffer += f"{piece};"
        if sqlite3.complete_statement(buffer):
            if buffer.strip("; \n"):
                yield buffer.strip()
            buffer = ""
