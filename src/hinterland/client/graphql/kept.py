"""The cache on the disk: a SQLite file beside the local store, of one server and one user at a time."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from hinterland.client.graphql.normalizing import CacheRecords
from hinterland.kit import atomic_file

_FORMAT = 1
_TABLES = "CREATE TABLE IF NOT EXISTS kept (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID"
_OWNER, _USED = "\0owner", "\0used"
Saved = tuple[CacheRecords, list[str]]


class KeptResults:
    """The file. Its methods block; one thread calls them, one after another. What can't be read or written is no loss:
    the server has it."""

    def __init__(self, path: Path, server: str) -> None:
        self._path = path
        self._server = server
        self._connection: sqlite3.Connection | None = None

    def load(self, user: str | int) -> Saved:
        """The records of this user, and the fields of the root by their use. Those of another are deleted."""
        try:
            return self._loaded(msgspec.json.encode([_FORMAT, self._server, user]))
        except (sqlite3.Error, msgspec.MsgspecError, OSError):
            self.delete()
            with suppress(sqlite3.Error, OSError):
                return self._loaded(msgspec.json.encode([_FORMAT, self._server, user]))
            return {}, []

    def save(self, records: CacheRecords, gone: Iterable[str], used: list[str]) -> None:
        """Keep these records, and forget those that are gone."""
        rows = [(key, msgspec.json.encode(record)) for key, record in records.items()]
        self._write(rows, [(key,) for key in gone], used)

    def delete(self) -> None:
        """Delete the file."""
        self.close()
        for name in (self._path.name, f"{self._path.name}-wal", f"{self._path.name}-shm"):
            with suppress(OSError):
                self._path.with_name(name).unlink(missing_ok=True)

    def close(self) -> None:
        """Let the file go."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _write(self, rows: list[tuple[str, bytes]], gone: list[tuple[str]], used: list[str]) -> None:
        connection = self._connection
        if connection is None:
            return
        with suppress(sqlite3.Error), connection:
            connection.executemany("DELETE FROM kept WHERE key = ?", gone)
            connection.executemany(
                "INSERT OR REPLACE INTO kept VALUES (?, ?)", [*rows, (_USED, msgspec.json.encode(used))]
            )

    def _loaded(self, owner: bytes) -> Saved:
        connection = self._connected()
        rows: dict[str, bytes] = dict(connection.execute("SELECT key, value FROM kept").fetchall())
        if rows.pop(_OWNER, None) != owner:
            with connection:
                connection.execute("DELETE FROM kept")
                connection.execute("INSERT INTO kept VALUES (?, ?)", (_OWNER, owner))
            return {}, []
        used = msgspec.json.decode(rows.pop(_USED, b"[]"), type=list[str])
        read: Callable[[bytes], dict[str, Any] | None] = msgspec.json.Decoder(dict[str, Any] | None).decode
        return {key: read(value) for key, value in rows.items()}, used

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileExistsError):  # readable by its owner only
                atomic_file.create(self._path, b"")
            self._connection = sqlite3.connect(self._path, check_same_thread=False)
            for statement in (
                "PRAGMA journal_mode = WAL",
                "PRAGMA synchronous = OFF",
                "PRAGMA secure_delete = ON",
                _TABLES,
            ):
                self._connection.execute(statement)
        return self._connection
