from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from hinterland.kit import sqlite
from hinterland.kit.sqlite import TooNew, TooOld, connect, migrate, statements, transaction, version

MIGRATIONS = ("CREATE TABLE one (a); CREATE TABLE two (a);", "CREATE TABLE three (a);\nINSERT INTO three VALUES (';');")


def opened(path: Path) -> sqlite3.Connection:
    return connect(path / "file.db", sqlite3.Connection, busy_seconds=0.01)


def tables(connection: sqlite3.Connection) -> set[str]:
    return {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def test_a_connection_keeps_what_it_acknowledges(tmp_path: Path) -> None:
    """Commits are durable when they return: a write-ahead log with synchronous=FULL."""
    connection = opened(tmp_path)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    assert connection.execute("PRAGMA foreign_keys").fetchone() == (1,)
    connection.close()
    again = opened(tmp_path)  # the mode is in the file: nothing to change
    assert again.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    again.close()


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    """A file that is no database raises SQLite's error and leaves no open connection behind."""
    (tmp_path / "file.db").write_text("no database at all " * 100)
    with pytest.raises(sqlite3.DatabaseError):
        opened(tmp_path)


def test_an_old_library_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite older than 3.35 is refused with its version."""
    monkeypatch.setattr(sqlite, "OLDEST", (99, 0, 0))
    with pytest.raises(TooOld, match=sqlite3.sqlite_version):
        opened(tmp_path)


def test_a_transaction_is_whole_or_nothing(tmp_path: Path) -> None:
    """What a block wrote is undone when it raises, also where SQLite ended the transaction itself."""
    connection = opened(tmp_path)
    connection.execute("CREATE TABLE one (a)")
    with pytest.raises(ZeroDivisionError), transaction(connection):
        connection.execute("INSERT INTO one VALUES (1)")
        _ = 1 / 0
    with pytest.raises(ZeroDivisionError), transaction(connection):
        connection.execute("INSERT INTO one VALUES (1)")
        connection.execute("ROLLBACK")
        _ = 1 / 0
    assert connection.execute("SELECT count(*) FROM one").fetchone() == (0,)
    with transaction(connection):
        connection.execute("INSERT INTO one VALUES (1)")
    assert connection.execute("SELECT count(*) FROM one").fetchone() == (1,)
    connection.close()


def test_another_lock_is_not_waited_for_longer_than_reported(tmp_path: Path) -> None:
    """A second writer gets SQLITE_BUSY after the time that it was to wait."""
    first, second = opened(tmp_path), opened(tmp_path)
    with transaction(first), pytest.raises(sqlite3.OperationalError) as caught, transaction(second):
        pass
    assert caught.value.sqlite_errorcode == sqlite3.SQLITE_BUSY
    first.close()
    second.close()


def test_migrations_run_once_and_in_order(tmp_path: Path) -> None:
    """Each migration runs once; a file of a newer program is refused with both numbers."""
    connection = opened(tmp_path)
    assert migrate(connection, MIGRATIONS[:1]) == 1
    assert migrate(connection, MIGRATIONS) == 1
    assert migrate(connection, MIGRATIONS) == 0
    assert tables(connection) == {"one", "two", "three"}
    assert connection.execute("SELECT a FROM three").fetchone() == (";",)
    with pytest.raises(TooNew, match="has schema 2, this version knows up to 1"):
        migrate(connection, MIGRATIONS[:1])
    connection.close()


@pytest.mark.parametrize("stop", range(1, 5))
def test_a_migration_stopped_at_any_statement(tmp_path: Path, stop: int) -> None:
    """A migration stopped at any statement: the old schema or the new, never between."""
    connection = opened(tmp_path)
    seen = 0

    def interrupt(action: int, *_: object) -> int:
        nonlocal seen
        if action != sqlite3.SQLITE_CREATE_TABLE:
            return sqlite3.SQLITE_OK
        seen += 1
        return sqlite3.SQLITE_DENY if seen == stop else sqlite3.SQLITE_OK

    connection.set_authorizer(interrupt)
    if stop <= 3:
        with pytest.raises(sqlite3.DatabaseError):
            migrate(connection, MIGRATIONS)
    else:
        migrate(connection, MIGRATIONS)
    connection.set_authorizer(None)
    assert (version(connection), tables(connection)) in [
        (0, set()),
        (1, {"one", "two"}),
        (2, {"one", "two", "three"}),
    ]
    migrate(connection, MIGRATIONS)
    assert tables(connection) == {"one", "two", "three"}
    connection.close()


def test_two_processes_may_migrate_at_once(tmp_path: Path) -> None:
    """A migration that another process has run meanwhile is not run again."""
    first, second = opened(tmp_path), opened(tmp_path)
    reads = 0

    def faster(statement: str) -> None:
        nonlocal reads
        reads += statement == "PRAGMA user_version"
        if statement == "BEGIN IMMEDIATE" and reads:
            second.set_trace_callback(None)
            migrate(first, MIGRATIONS)

    second.set_trace_callback(faster)
    assert migrate(second, MIGRATIONS) == 0
    assert tables(second) == {"one", "two", "three"}
    first.close()
    second.close()


def test_a_script_is_split_at_its_statements() -> None:
    """A semicolon inside text ends no statement; a last statement may go without one."""
    assert list(statements("SELECT ';';\n\nSELECT 1;\nSELECT 2")) == ["SELECT ';';", "SELECT 1;", "SELECT 2;"]
