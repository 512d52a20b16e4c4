from __future__ import annotations

import asyncio
import os
import sqlite3
from pathlib import Path

import pytest

from hinterland.client.errors import ClientClosed, Conflict
from hinterland.client.local.connection import StoreConnection
from hinterland.client.local.errors import StoreBusy, StoreDamaged, StoreError, StoreFull, StoreTooNew
from hinterland.client.local.local import Local
from hinterland.client.local.signals import OUTBOX, records_of
from hinterland.client.local.store import Store
from hinterland.contract.errors import Refusal
from tests.client.local.conftest import OPEN, until


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "app.db"


async def stored(local: Local) -> int:
    return len((await local.collection("notes").list(limit=1000)).items)


async def test_errors_are_the_clients(path: Path) -> None:
    """SQLite's errors, the operating system's and refusals are raised as the client's typed errors."""
    store = Store(path)
    with pytest.raises(ClientClosed):
        await store.read(lambda c: None)
    await store.open()
    await store.open()  # a second time changes nothing

    def refuse(connection: StoreConnection) -> None:
        raise Refusal("conflict", "it is there")

    with pytest.raises(Conflict, match="it is there"):
        await store.read(refuse)
    with pytest.raises(StoreError, match="no such table"):
        await store.write(lambda c: c.execute("SELECT * FROM missing"))
    await store.close()
    await store.close()
    with pytest.raises(ClientClosed):
        await store.write(lambda c: None)


async def test_a_file_that_is_no_store_is_reported(path: Path, tmp_path: Path) -> None:
    """A file that is no database, one of a newer app and a folder that can't be made have their own errors."""
    path.parent.mkdir()
    path.write_text("no database at all " * 100)
    with pytest.raises(StoreDamaged):
        await Store(path).open()
    newer = sqlite3.connect(tmp_path / "newer.db")
    newer.execute("PRAGMA user_version = 999")
    newer.close()
    with pytest.raises(StoreTooNew, match="schema 999"):
        await Store(tmp_path / "newer.db").open()
    with pytest.raises(StoreError):
        await Store(path / "below a file" / "app.db").open()


async def test_a_lock_of_another_process_is_reported(path: Path) -> None:
    """A store that another process has locked for too long raises StoreBusy, and nothing was kept."""
    store = Store(path)
    await store.open()
    await store.read(lambda c: c.execute("PRAGMA busy_timeout = 1"))
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreBusy):
        await store.write(lambda c: None)
    other.execute("ROLLBACK")
    other.close()
    await store.write(lambda c: None)
    await store.close()


async def test_one_process_synchronises(path: Path) -> None:
    """One of the processes on a store owns its synchronisation, until it lets go or ends."""
    first, second = Store(path), Store(path)
    await first.open()
    await second.open()
    assert first.own()
    assert first.own()
    assert not second.own()
    first.disown()
    assert second.own()
    await second.close()
    assert first.own()
    await first.close()


async def test_the_store_is_its_owners(path: Path) -> None:
    """What is kept on the device is readable by the file's owner only, whatever the process's umask lets in."""
    before = os.umask(0o022)
    try:
        store = Store(path)
        await store.open()
        await store.write(lambda c: c.execute("INSERT INTO clock VALUES (1, 1)"))
        files = sorted(path.parent.iterdir())
        assert [file.name for file in files] == ["app.db", "app.db-reserve", "app.db-shm", "app.db-wal"]
        assert os.name == "nt" or {file.stat().st_mode & 0o777 for file in files} == {0o600}
        await store.close()
        await store.open()  # a file that is there stays as its owner made it
        await store.close()
    finally:
        os.umask(before)


async def test_what_another_process_writes_at_once_is_noticed(path: Path) -> None:
    """The first look already tells what another process wrote after the store was opened."""
    first, second = Store(path), Store(path)
    await first.open()
    await second.open()
    await second.write(lambda c: c.execute("INSERT INTO clock VALUES (1, 1)"))
    assert await first.look()
    assert not await second.look()
    await first.close()
    await second.close()


async def test_what_another_process_wrote_is_noticed(path: Path) -> None:
    """A look tells whether another process has written since the last one; own writes are not meant."""
    first, second = Store(path), Store(path)
    await first.open()
    await second.open()
    watcher = first.signals.add(OUTBOX)
    assert not await first.look()
    await first.write(lambda c: c.execute("INSERT INTO clock VALUES (1, 1)"))
    assert not await first.look()
    await second.write(lambda c: c.execute("UPDATE clock SET timestamp = 2"))
    assert await first.look()
    assert (watcher.notifications, watcher.taken()) == (1, None)
    assert not await first.look()
    await first.close()
    await second.close()


async def test_a_cancelled_writer_changes_nothing_for_watchers(path: Path) -> None:
    """A caller who stops waiting for a write does not undo it: it is kept, and watchers are notified."""
    store = Store(path)
    await store.open()
    watcher = store.signals.add(records_of("notes"))

    def act(connection: StoreConnection) -> None:
        connection.store_change.keys.add(("notes", "", "a"))

    task = asyncio.create_task(store.write(act))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: watcher.notifications)
    store.signals.remove(watcher, (records_of("notes"),))
    await store.write(act)
    assert watcher.notifications == 1
    await store.close()


async def test_a_full_disk_at_any_write(device: OPEN) -> None:
    """Disk full at the N-th write for every N: a typed error, not acknowledged, reads go on, integrity holds."""
    local = await device()
    notes = local.collection("notes")
    pages = await local.store.read(lambda c: c.execute("PRAGMA page_count").fetchone()[0])
    kept = refused = 0
    for room in range(12):
        await local.store.read(lambda c, limit=pages + room: c.execute(f"PRAGMA max_page_count = {limit}"))  # type: ignore[misc]
        for _ in range(30):
            try:
                await notes.create({"text": "x" * 900})
                kept += 1
            except StoreFull:
                refused += 1
                break
        assert await stored(local) == kept
    assert refused == 12
    await local.store.read(lambda c: c.execute("PRAGMA max_page_count = 1000000"))
    await notes.create({"text": "there is room again"})
    assert await stored(local) == kept + 1 == len(await local.outbox.list())
    assert await local.store.read(lambda c: c.execute("PRAGMA integrity_check").fetchone()[0]) == "ok"


async def test_reading_goes_on_while_writing(device: OPEN) -> None:
    """Questions and writes of many tasks are carried out one after another, and each gets its own answer."""
    local = await device()
    notes = local.collection("notes")
    written = await asyncio.gather(*(notes.create({"count": number}) for number in range(20)))
    found = await asyncio.gather(*(notes.get(each.id) for each in written))
    assert [note["count"] for note in found] == list(range(20))
