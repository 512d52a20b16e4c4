"""PostgreSQL passes the suite, and what only PostgreSQL does."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable

import asyncpg
import pytest

from hinterland.contract.errors import Refusal
from hinterland.contract.fields import Text
from hinterland.contract.records import Collection
from hinterland.server.storage.failures import Deadlock, OutcomeUnknown, StorageError
from hinterland.server.storage.postgres import PostgresStorage
from hinterland.server.storage.postgres_reading import numbered
from hinterland.server.storage.protocol import Storage
from hinterland.testing.storage_scribe import ScribeEdit, commit, documents, opened, tables, write
from hinterland.testing.storage_suite import StorageSuite

# Run before the n-th statement that changes the schema or, as a trigger, before a commit: ends the connection.
DROP_CONNECTION = "PERFORM pg_terminate_backend(pg_backend_pid(), 1000);"


# What would outlive a transaction on its connection; settings that were given at the start have another source.
LEFT_BEHIND = """
SELECT 'lock' FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'advisory'
UNION ALL SELECT name FROM pg_settings WHERE source = 'session'
UNION ALL SELECT channel FROM pg_listening_channels() AS channel
UNION ALL SELECT name FROM pg_cursors WHERE name <> ''
UNION ALL SELECT 'temporary tables' WHERE pg_my_temp_schema() <> 0
"""


class InspectedStorage(PostgresStorage):
    """Fails where a statement left anything behind on a connection that is used again."""

    async def close(self) -> None:
        if self._pool is not None:
            for _, connection in self._pool._idle:
                assert await connection.fetch(LEFT_BEHIND) == []
        await super().close()


class TestPostgres(StorageSuite):
    """The suite, on connections that are used again as they are: no statement leaves a lock, a setting or a cursor."""

    @pytest.fixture
    def make(self, postgres_dsn: str) -> Callable[[], Storage]:
        return lambda: InspectedStorage(postgres_dsn)


async def test_what_would_be_left_behind(storage: PostgresStorage) -> None:
    """Each kind of thing that a session keeps is found by what looks for it."""
    for statement, left in (
        ("SELECT pg_advisory_lock(7)", "lock"),
        ("SET work_mem = '99kB'", "work_mem"),
        ("LISTEN others", "others"),
        ("DECLARE c CURSOR WITH HOLD FOR SELECT 1", "c"),
        ("CREATE TEMPORARY TABLE t (x int)", "temporary tables"),
    ):
        connection = await asyncpg.connect(storage.dsn)
        await connection.execute(statement)
        assert [row[0] for row in await connection.fetch(LEFT_BEHIND)] == [left]
        await connection.close()


@pytest.fixture
async def storage(postgres_dsn: str) -> AsyncIterator[PostgresStorage]:
    """An open storage."""
    made = PostgresStorage(postgres_dsn)
    async with opened(made):
        yield made


@pytest.fixture
async def database(postgres_dsn: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection of the test's own to the same database."""
    connection = await asyncpg.connect(postgres_dsn)
    yield connection
    await connection.close()


# ---------------------------------------------------------------- opening


@pytest.mark.parametrize("dsn", ["postgresql://postgres@/x?host=/nowhere", "nonsense", "postgresql://u@127.0.0.1:1/x"])
async def test_no_database(dsn: str) -> None:
    """A database that can't be reached is named by the setting that says where it is."""
    with pytest.raises(StorageError, match="HINTERLAND_DATABASE_URL"):
        await PostgresStorage(dsn).open()


async def test_a_newer_database(storage: PostgresStorage, database: asyncpg.Connection) -> None:
    """A database written by a newer version is not touched; the message says what to do."""
    await database.execute("UPDATE _meta SET value = '99' WHERE name = 'version'")
    with pytest.raises(StorageError, match="newer version of Hinterland; update"):
        await PostgresStorage(storage.dsn).open()


async def test_durability(
    storage: PostgresStorage, database: asyncpg.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    """A database that may lose acknowledged writes is warned of, loudly; a sound one is not."""
    assert storage.durability() == "fsync=on, synchronous_commit=on"
    assert caplog.text == ""
    name = await database.fetchval("SELECT current_database()")
    await database.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
    async with opened(PostgresStorage(storage.dsn)) as careless:
        assert careless.durability() == "fsync=on, synchronous_commit=off"
    assert "may lose acknowledged writes (fsync=on, synchronous_commit=off); turn both on" in caplog.text
    await database.execute(f"ALTER DATABASE {name} RESET synchronous_commit")


async def _schema(database: asyncpg.Connection) -> list[str]:
    sql = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname <> 'steps' ORDER BY 1"
    return [row[0] for row in await database.fetch(sql)]


@pytest.mark.parametrize("act", ["RAISE 'stopped';", DROP_CONNECTION])
async def test_a_migration_stopped(postgres_database: Callable[[], str], act: str) -> None:
    """A migration stopped at any statement → the old schema or the new, never between."""
    async with opened(PostgresStorage(postgres_database()), []) as whole:
        new = [row[0] for row in await whole.fetch("SELECT relname FROM pg_class WHERE relnamespace = "
                                                   "'public'::regnamespace ORDER BY 1")]  # fmt: skip
    dsn = postgres_database()
    database = await asyncpg.connect(dsn)
    await database.execute("CREATE SEQUENCE steps")
    await database.execute(
        "CREATE FUNCTION stop() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF nextval('steps') = current_setting('test.stop', true)::int THEN {act} END IF; END $$"
    )
    await database.execute("CREATE EVENT TRIGGER stop ON ddl_command_start EXECUTE FUNCTION stop()")
    name, number = await database.fetchval("SELECT current_database()"), 0
    storage = PostgresStorage(dsn)
    while True:
        number += 1
        await database.execute("SET test.stop = 0")
        await database.execute(f"ALTER DATABASE {name} SET test.stop = {number}")
        await database.execute("ALTER SEQUENCE steps RESTART")
        try:
            await storage.open()
        except StorageError:
            assert await _schema(database) == []
        else:
            break
    await storage.close()
    assert number > len(new) / 3
    assert await _schema(database) == new
    await database.execute("DROP EVENT TRIGGER stop")
    await database.execute(f"ALTER DATABASE {name} RESET test.stop")
    await database.close()


async def test_declare_refused(storage: PostgresStorage, database: asyncpg.Connection) -> None:
    """Where the database refuses a declaration, the message says which and why."""
    await database.execute("CREATE VIEW posts_of_today AS SELECT 1 AS x")
    with pytest.raises(StorageError, match="posts_of_today"):
        await storage.declare([_collection("posts_of_today")])


def _collection(name: str) -> Collection:
    return Collection(name=name, fields={"y": Text()})


# ---------------------------------------------------------------- errors


async def _on_log(database: asyncpg.Connection, act: str, *, at_commit: bool = False) -> None:
    """Do `act` whenever something is written to the log, or when that is committed."""
    await database.execute(
        f"CREATE FUNCTION act() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {act} RETURN NULL; END $$"
    )
    when = "CONSTRAINT TRIGGER act AFTER INSERT ON _log DEFERRABLE INITIALLY DEFERRED" if at_commit else (
        "TRIGGER act AFTER INSERT ON _log"
    )  # fmt: skip
    await database.execute(f"CREATE {when} FOR EACH ROW EXECUTE FUNCTION act()")


@pytest.mark.parametrize(
    ("act", "code"),
    [
        ("RAISE 'no room' USING ERRCODE = '53100';", "storage_full"),
        ("RAISE 'what' USING ERRCODE = 'XX000';", "unavailable"),
        (DROP_CONNECTION, "unavailable"),
    ],
)
async def test_errors_while_writing(
    storage: PostgresStorage, database: asyncpg.Connection, act: str, code: str
) -> None:
    """A full disk, a failing database or a lost connection → a typed error, nothing written, and reads go on."""
    await _on_log(database, act)
    with pytest.raises(Refusal) as refused:
        await commit(storage, ScribeEdit("posts", "a", {}))
    assert refused.value.code == code
    assert not isinstance(refused.value, OutcomeUnknown)
    assert await documents(storage, "posts") == {}
    await database.execute("DROP FUNCTION act CASCADE")
    await commit(storage, ScribeEdit("posts", "a", {}))


async def test_a_connection_lost_at_the_commit(storage: PostgresStorage, database: asyncpg.Connection) -> None:
    """Where the database goes away while it commits, nobody claims to know what became of the write."""
    await _on_log(database, DROP_CONNECTION, at_commit=True)
    with pytest.raises(OutcomeUnknown) as refused:
        await commit(storage, ScribeEdit("posts", "a", {}))
    assert (refused.value.code, refused.value.retry_after) == ("unavailable", 1.0)
    assert "nothing was written" not in refused.value.message


async def test_a_connection_that_is_about_to_close(storage: PostgresStorage) -> None:
    """A request that takes a connection just when PostgreSQL has said that it closes it gets 503 with a time to retry,
    and those after it get another connection."""
    parts = b"SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0"
    for _ in range(storage.connections + 1):  # each of which leaves its place in the pool to another
        async with storage._connected().lease() as connection:
            protocol = connection._protocol
        protocol.data_received(b"E" + (len(parts) + 4).to_bytes(4, "big") + parts)
        with pytest.raises(Refusal) as refused:
            await commit(storage, ScribeEdit("posts", "a", {}))
        assert (refused.value.code, refused.value.retry_after) == ("unavailable", 1.0)
    await commit(storage, ScribeEdit("posts", "b", {}))
    assert list(await documents(storage, "posts")) == ["b"]


async def test_a_full_disk_at_the_commit(storage: PostgresStorage, database: asyncpg.Connection) -> None:
    """A commit that the database itself refused is known not to have happened."""
    await _on_log(database, "RAISE 'no room' USING ERRCODE = '53100';", at_commit=True)
    with pytest.raises(Refusal) as refused:
        await commit(storage, ScribeEdit("posts", "a", {}))
    assert refused.value.code == "storage_full"


async def test_a_deadlock(storage: PostgresStorage, database: asyncpg.Connection) -> None:
    """Of two writers that wait for each other one is undone and refused; the other goes on."""
    await commit(storage, ScribeEdit("posts", "a", {}), ScribeEdit("posts", "b", {}))
    both = asyncio.Barrier(2)

    async def change(first: str, second: str) -> None:
        async with storage.transaction() as transaction:
            await transaction.execute("SET LOCAL deadlock_timeout = '10ms'")
            await transaction.lock("posts", "", first)
            await both.wait()
            await transaction.lock("posts", "", second)
            await write(transaction, ScribeEdit("posts", first, {"title": second}), tables=tables(storage))

    results = await asyncio.gather(change("a", "b"), change("b", "a"), return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["Deadlock", "NoneType"]
    assert any(isinstance(result, Deadlock) for result in results)


async def test_a_text_too_long_for_its_index(storage: PostgresStorage) -> None:
    """A text that an index can't hold is the caller's mistake; the field is named where PostgreSQL reports it."""
    for name, length, named in (("title", 5_000, ["title"]), ("slug", 5_000, ["slug"]), ("slug", 9_000, [])):
        text = "".join(random.Random(1).choices("abcdefghijklmnopqrstuvwxyz0123456789", k=length))
        with pytest.raises(Refusal) as refused:
            await commit(storage, ScribeEdit("posts", "a", {name: text}))
        assert (refused.value.code, list(refused.value.errors)) == ("validation", named)
    await commit(storage, ScribeEdit("comments", "a", {"text": text}, "posts/a"))


async def test_nul(storage: PostgresStorage) -> None:
    """A text with NUL, which PostgreSQL can't hold, is the caller's mistake."""
    with pytest.raises(Refusal) as refused:
        await storage.fetch("SELECT id FROM posts WHERE title = ?", ("a\0b",))
    assert (refused.value.code, refused.value.errors) == ("validation", {})


async def test_closed(storage: PostgresStorage) -> None:
    """Closing twice is nothing; a closed storage says that it is."""
    await storage.close()
    await storage.close()
    with pytest.raises(StorageError, match="not open"):
        await storage.declare([])


@pytest.mark.parametrize(
    ("sql", "result"),
    [
        ("SELECT ?, ?", "SELECT $1, $2"),
        ("SELECT '?', \"?\", ?", "SELECT '?', \"?\", $1"),
        ("SELECT 'it''s ?', ?", "SELECT 'it''s ?', $1"),
        ('SELECT "a""?" = ?', 'SELECT "a""?" = $1'),
    ],
)
def test_numbered(sql: str, result: str) -> None:
    """Marks become numbers, but not those inside a literal or a name."""
    assert numbered(sql) == result
