"""SQLite passes the suite, and what only SQLite does."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import apsw
import pytest

from hinterland.contract.errors import Refusal
from hinterland.contract.fields import Text
from hinterland.contract.records import Collection
from hinterland.kit.serial_worker import JobResult, SerialWorker
from hinterland.server.storage import migrations, sqlite_reading
from hinterland.server.storage.failures import StorageError
from hinterland.server.storage.protocol import Storage
from hinterland.server.storage.sqlite import FILE_NAME, SqliteStorage
from hinterland.testing.storage_scribe import ScribeEdit, commit, documents, opened, tables, write
from hinterland.testing.storage_suite import StorageSuite

T = TypeVar("T")
COUNT = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < ?) SELECT count(*), max(x) FROM n"
_CHANGING = ("ALTER", "CREATE", "DROP", "INSERT", "UPDATE", "PRAGMA user_version =")
LARGE_ROWS = 500  # of 100,000 bytes
SLOW, ENDLESS = 100_000, 2**40  # rows to count: some ten milliseconds; for ever


class TestSqlite(StorageSuite):
    @pytest.fixture
    def make(self, tmp_path: Path) -> Callable[[], Storage]:
        return lambda: SqliteStorage(tmp_path / "data")


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[SqliteStorage]:
    """An open storage."""
    made = SqliteStorage(tmp_path)
    async with opened(made):
        yield made


# ---------------------------------------------------------------- opening


async def test_a_file_of_something_else(tmp_path: Path) -> None:
    """A file that is not a database is reported, left alone, and the folder is free again."""
    (tmp_path / FILE_NAME).write_text("once upon a time " * 100)
    for _ in range(2):
        with pytest.raises(StorageError, match="is a database of this program"):
            await SqliteStorage(tmp_path).open()
    assert (tmp_path / FILE_NAME).read_text().startswith("once upon a time")


async def test_a_broken_log(tmp_path: Path) -> None:
    """A database whose tables are not as they should be is refused at the start, not at the first request."""
    async with opened(SqliteStorage(tmp_path)):
        pass
    connection = apsw.Connection(str(tmp_path / FILE_NAME))
    connection.execute("DROP TABLE _log")
    connection.close()
    for _ in range(2):
        with pytest.raises(StorageError, match="cannot open"):
            await SqliteStorage(tmp_path).open()


def test_no_log_beside_the_file() -> None:
    """Where a file can't be kept in WAL mode, which durability and readers need, the start is refused."""
    with pytest.raises(StorageError, match="WAL mode"):
        sqlite_reading.connect(Path(":memory:"))


async def test_a_newer_database(tmp_path: Path) -> None:
    """A database written by a newer version is not touched; the message says what to do."""
    async with opened(SqliteStorage(tmp_path)):
        pass
    connection = apsw.Connection(str(tmp_path / FILE_NAME))
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    for _ in range(2):
        with pytest.raises(StorageError, match="newer version of Hinterland; update"):
            await SqliteStorage(tmp_path).open()


async def test_declare_refused(storage: SqliteStorage) -> None:
    """Where the database refuses a declaration, the message says which and why."""
    async with storage.transaction() as transaction:
        await transaction.execute("CREATE VIEW late AS SELECT 1 AS x")
    with pytest.raises(StorageError, match=r"can't be made in .*view"):
        await storage.declare([Collection(name="late", fields={"y": Text()})])


def _schema(path: Path) -> list[tuple[object, ...]]:
    connection = apsw.Connection(str(path))
    try:
        return connection.execute("SELECT name, sql FROM sqlite_schema ORDER BY name").fetchall()
    finally:
        connection.close()


async def test_a_migration_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A migration stopped at any statement → the old schema or the new, never between."""
    steps = migrations.steps("sqlite")
    # Before each statement: those of the steps, their versions, and the database's id.
    schemas: list[list[tuple[object, ...]]] = [[]]
    for count, step in enumerate(steps, 1):
        with monkeypatch.context() as patch:
            patch.setattr(migrations, "steps", lambda dialect, count=count: steps[:count])
            async with opened(SqliteStorage(tmp_path / f"whole {count}"), []):
                pass
        schemas += [*[schemas[-1]] * len(step), _schema(tmp_path / f"whole {count}" / FILE_NAME)]
    new = schemas[-1]
    for number, expected in enumerate(schemas):
        folder = tmp_path / str(number)
        left = itertools.count(number, -1)

        def stop(cursor: object, sql: str, bindings: object, left: itertools.count[int] = left) -> bool:
            return not sql.startswith(_CHANGING) or next(left) > 0

        def hook(connection: apsw.Connection, stop: apsw.ExecTracer = stop) -> None:
            connection.exec_trace = stop

        with monkeypatch.context() as patch:
            patch.setattr(apsw, "connection_hooks", [hook])
            with pytest.raises(StorageError):
                await SqliteStorage(folder).open()
        assert _schema(folder / FILE_NAME) == expected
        async with opened(SqliteStorage(folder), []) as storage:
            assert storage.database_id
        assert _schema(folder / FILE_NAME) == new


# ---------------------------------------------------------------- reading


async def test_a_slow_read_leaves_the_loop(storage: SqliteStorage) -> None:
    """A read that takes long goes on in a thread, is answered whole, and others are served meanwhile."""
    slow = asyncio.create_task(storage.fetch(COUNT, (SLOW,)))
    turns = 0
    while not slow.done():
        await commit(storage, ScribeEdit("posts", f"p{turns}", {}))
        assert await storage.record("posts", "", f"p{turns}") is not None
        turns += 1
    assert [tuple(row) for row in await slow] == [(SLOW, SLOW)]
    assert turns > 0


async def test_a_slow_read_in_a_snapshot(storage: SqliteStorage) -> None:
    """A slow read of a snapshot still sees the snapshot's state, and so does the next one."""
    await commit(storage, ScribeEdit("posts", "a", {}))
    sql = f"SELECT (SELECT count(*) FROM posts), c FROM ({COUNT.replace('count(*), max(x)', 'count(*) AS c')})"
    async with storage.snapshot() as snapshot:
        assert (await snapshot.head()).revision == 1
        await commit(storage, ScribeEdit("posts", "b", {}))
        for _ in range(2):
            assert [tuple(row) for row in await snapshot.fetch(sql, (SLOW,))] == [(1, SLOW)]
        assert (await snapshot.head()).revision == 1


async def test_a_cancelled_read_stops(storage: SqliteStorage) -> None:
    """Who gives up a slow read ends it; the threads are free for the next ones, waiting ones too."""
    endless = [asyncio.create_task(storage.fetch(COUNT, (ENDLESS,))) for _ in range(4)]
    await asyncio.sleep(0)
    for task in reversed(endless):
        task.cancel()
    results = await asyncio.gather(*endless, return_exceptions=True)
    assert all(isinstance(result, asyncio.CancelledError) for result in results)
    assert [tuple(row) for row in await storage.fetch(COUNT, (SLOW,))] == [(SLOW, SLOW)]


async def test_a_slow_read_that_fails(storage: SqliteStorage) -> None:
    """A mistake that shows only in the thread is a typed refusal too."""
    sql = f"SELECT json('[') FROM ({COUNT}) WHERE 1"
    with pytest.raises(Refusal) as refused:
        await storage.fetch(sql, (SLOW,))
    assert refused.value.code == "unavailable"


async def test_short_reads_stay(storage: SqliteStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    """However often a short read runs, it is never taken for a slow one."""
    monkeypatch.setattr(sqlite_reading, "_STEPS", 50)
    await commit(storage, ScribeEdit("posts", "a", {}))
    storage._readers.shutdown()  # a read that leaves the loop would fail
    reader = sqlite_reading.SqliteReader(storage.path)
    for _ in range(1_000):
        assert reader.fetch(storage.tables["posts"].get, ("", "a"), list) is not None
    reader.connection.close()


async def test_large_rows_leave_the_loop(storage: SqliteStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A read that takes long although its steps are few, as of large records, goes on in a thread too. It is looked at
    after some rows, however large these are."""
    for number in range(100):
        await commit(storage, ScribeEdit("posts", f"p{number}", {}))
    sql = "SELECT count(*) FROM posts WHERE _body != ''"
    monkeypatch.setattr(sqlite_reading, "_STEPS", 100)
    monkeypatch.setattr(sqlite_reading, "_LOOP_SECONDS", 60.0)
    reader = sqlite_reading.SqliteReader(storage.path)
    assert reader.fetch(sql, (), list) == [(100,)]
    monkeypatch.setattr(sqlite_reading, "_LOOP_SECONDS", 0.0)
    assert reader.fetch(sql, (), list) is None
    assert [tuple(row) for row in await storage.fetch(sql)] == [(100,)]
    reader.run("BEGIN")  # what is no read is not interrupted
    reader.run("COMMIT")
    reader.connection.close()


async def test_a_large_sort_is_not_kept_in_memory(storage: SqliteStorage) -> None:
    """What a list sorts is limited in memory, however large its records are."""
    rows = f"WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < {LARGE_ROWS}) "
    sql = f"{rows} SELECT x, hex(zeroblob(50000)) FROM n ORDER BY -x LIMIT {LARGE_ROWS}"

    def first(found: Iterable[Sequence[Any]]) -> int:
        for row in found:
            return int(row[0])
        return 0

    async with storage.snapshot() as snapshot:
        before = apsw.memory_high_water(True)
        job = snapshot.reader.fetch_slowly(sql, (), first, storage._readers)
        assert await job == LARGE_ROWS
        assert apsw.memory_high_water() - before < LARGE_ROWS * 100_000 / 4


async def test_many_readers(storage: SqliteStorage) -> None:
    """Any number of snapshots may be open; their connections beyond a few are closed afterwards."""

    async def read(ready: asyncio.Barrier) -> None:
        async with storage.snapshot() as snapshot:
            await snapshot.head()
            await ready.wait()

    ready = asyncio.Barrier(20)
    await asyncio.gather(*(read(ready) for _ in range(20)))
    assert len(storage._idle) == 8


async def test_a_reader_that_cannot_be_made(storage: SqliteStorage) -> None:
    """Where no further connection can be made, the read is refused with a typed error."""
    storage._idle.clear()
    path, storage.path = storage.path, storage.folder / "gone" / FILE_NAME
    with pytest.raises(Refusal) as refused:
        async with storage.snapshot():
            raise AssertionError("never reached")
    assert refused.value.code == "unavailable"
    storage.path = path


async def test_a_wrong_statement(storage: SqliteStorage) -> None:
    """A statement that the database does not understand is a refusal without its text."""
    for statement in ("SELECT * FROM nothing", "SELEC"):
        with pytest.raises(Refusal) as refused:
            await storage.fetch(statement)
        assert "nothing" not in refused.value.message.replace("nothing was written", "")


# ---------------------------------------------------------------- writing


async def test_a_cancelled_commit_is_kept(storage: SqliteStorage) -> None:
    """Who gives up while the commit waits for the disk doesn't stop it; the next revision comes after it."""
    started = asyncio.Event()

    class Telling(SerialWorker):
        def submit(self, job: Callable[[], T]) -> JobResult[T]:
            started.set()
            return super().submit(job)

    storage._commits = Telling("telling")
    for n in range(5):
        started.clear()
        task = asyncio.create_task(commit(storage, ScribeEdit("posts", f"p{n}", {})))
        await started.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert storage.revision == (await storage.head()).revision == len(await documents(storage, "posts")) == n + 1
    assert await commit(storage, ScribeEdit("posts", "last", {})) == 6


@pytest.mark.parametrize("is_replaced", [False, True])
async def test_a_deleted_database(storage: SqliteStorage, tmp_path: Path, *, is_replaced: bool) -> None:
    """Once the database's file was deleted or replaced, no write is acknowledged and the server is not ready; both say
    what to do."""
    assert await commit(storage, ScribeEdit("posts", "kept", {})) == 1
    (tmp_path / FILE_NAME).unlink()
    if is_replaced:
        (tmp_path / FILE_NAME).touch()
    for attempt in (commit(storage, ScribeEdit("posts", "lost", {})), storage.head()):
        with pytest.raises(Refusal, match=r"data\.db was deleted or replaced; restart the server") as refused:
            await attempt
        assert refused.value.code == "unavailable"


async def test_a_writer_that_gives_up(storage: SqliteStorage) -> None:
    """Who gives up inside a transaction undoes it and lets the next writer in."""
    inside = asyncio.Event()

    async def hang() -> None:
        async with storage.transaction() as transaction:
            await write(transaction, ScribeEdit("posts", "a", {}), tables=tables(storage))
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(hang())
    await inside.wait()
    waiting = asyncio.create_task(commit(storage, ScribeEdit("posts", "b", {})))
    task.cancel()
    assert await waiting == 1
    assert (await documents(storage, "posts")).keys() == {"b"}


async def test_other_clashes_are_no_conflict(storage: SqliteStorage) -> None:
    """Only a taken value is a conflict; another broken constraint is the server's own mistake."""
    with pytest.raises(Refusal) as refused:
        async with storage.transaction() as transaction:
            await transaction.execute("INSERT INTO posts (_parent, id) VALUES ('', 'a')")
    assert refused.value.code == "unavailable"


async def test_wrong_statements_in_a_transaction(storage: SqliteStorage) -> None:
    """A value that can't be written is refused inside a transaction too, whether it is read or written."""
    async with storage.transaction() as transaction:
        for call in (transaction.execute, transaction.fetch):
            with pytest.raises(Refusal) as refused:
                await call("SELECT ?", (2**64,))
            assert refused.value.code == "validation"


async def test_close_waits_for_writers(tmp_path: Path) -> None:
    """Closing finishes what is under way first."""
    storage = SqliteStorage(tmp_path)
    await storage.open()
    await storage.declare([entry.collection for entry in tables(storage).values()])
    writing = asyncio.create_task(commit(storage, ScribeEdit("posts", "a", {})))
    await asyncio.sleep(0)
    await storage.close()
    assert await writing == 1
    assert not (tmp_path / f"{FILE_NAME}-wal").exists()


async def test_a_snapshot_outlives_the_storage(tmp_path: Path) -> None:
    """A reader that is still at work when the storage closes ends in peace."""
    async with opened(SqliteStorage(tmp_path)) as storage:
        snapshot = storage.snapshot()
        reads = await snapshot.__aenter__()
        await reads.head()
    assert (await reads.head()).revision == 0
    await snapshot.__aexit__(None, None, None)
