"""Damaged stores: the unsent writes are salvaged, the files are named and kept."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from hinterland.client.local.errors import StoreDamaged
from hinterland.client.local.local import Local
from hinterland.client.local.store import Store
from tests.client.local.conftest import OPEN
from tests.client.local.steps import lost
from tests.support.sync_backend import SyncBackend

PAGE = 4_096


def break_page(path: Path, number: int) -> None:
    """Overwrite a page of a closed store."""
    with path.open("r+b") as file:
        file.seek((number - 1) * PAGE)
        file.write(b"\xff" * PAGE)


def root_of(path: Path, table: str) -> int:
    """The number of a table's first page."""
    with closing(sqlite3.connect(path)) as connection:
        [number] = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()
    return int(number)


def page_with(path: Path, text: str) -> int:
    """The number of the first page in which a text is."""
    return path.read_bytes().index(text.encode()) // PAGE + 1


async def filled(device: OPEN, server: SyncBackend, count: int = 50) -> Path:
    """A closed store with a sent note and `count` unsent ones, of which the first may have arrived."""
    local = await device()
    notes = local.collection("notes")
    await notes.create({"text": "sent"})
    await local.sync.now()
    for number in range(count):
        await notes.create({"text": f"unsent {number:03} {'x' * 300}"})
    await local.close()
    return local.store.path


async def test_a_store_that_is_found_damaged_in_use(device: OPEN, server: SyncBackend) -> None:
    """Where records can't be read, that is reported with the file's name; at the next start the file is set aside under
    a name that is reported, all unsent writes are there and are sent once, and the records are fetched anew."""
    path = await filled(device, server)
    break_page(path, root_of(path, "records"))
    local = await device()
    with pytest.raises(StoreDamaged, match=r"phone\.db"):
        await local.collection("notes").list()
    await local.close()
    local = await device()
    assert local.salvaged is not None
    assert (local.salvaged.writes, local.salvaged.file.name) == (50, "phone.db.damaged-1")
    assert local.salvaged.file.exists()
    assert len((await local.collection("notes").list(limit=1_000)).items) == 50
    await local.sync.now()
    assert len((await local.collection("notes").list(limit=1_000)).items) == 51 == len(await server.records())
    assert len(await server.applied()) == 51
    await local.close()
    local = await device()
    assert local.salvaged is None
    assert len((await local.collection("notes").list(limit=1_000)).items) == 51


async def test_an_outbox_that_is_damaged_itself(
    device: OPEN, server: SyncBackend, caplog: pytest.LogCaptureFixture
) -> None:
    """Where a part of the outbox can't be read, what is before and behind it is salvaged, and the log says so."""
    path = await filled(device, server)
    break_page(path, page_with(path, '"body":{"text":"unsent 025'))  # as it is in the outbox
    local = await device()
    with pytest.raises(StoreDamaged):
        await local.sync.now()
    await local.close()
    local = await device()
    assert local.salvaged is not None
    assert 30 < local.salvaged.writes < 50
    assert f"{local.salvaged.writes} unsent writes were salvaged" in caplog.text
    assert "phone.db.damaged-1" in caplog.text
    await local.sync.now()
    texts = {str(record["text"])[:10] for record in (await server.records()).values()}
    assert {"unsent 000", "unsent 049"} < texts
    assert len(texts) == local.salvaged.writes + 1


async def test_what_may_have_arrived_is_sent_once(device: OPEN, server: SyncBackend) -> None:
    """A salvaged write whose answer was lost keeps its number for the server, so that it is not applied twice."""
    local = await device(remote=(way := Lossy(server)))
    note = await local.collection("notes").create({"count": 0})
    await local.sync.now()
    written = await local.collection("notes").update(note.id, {"count": {"$increment": 1}})
    way.loses = True
    with pytest.raises(Exception, match="lost"):
        await local.sync.now()
    await local.close()
    break_page(local.store.path, root_of(local.store.path, "records"))
    local.store._damage.touch()
    local = await device()
    assert local.salvaged is not None
    await local.sync.now()
    outcome = await local.outbox.outcome(written.mutation)
    assert outcome is not None
    assert outcome.is_applied
    assert (await server.record("notes", note.id))["count"] == 1


class Lossy:
    """A server whose answers to pushes are lost while `loses`."""

    def __init__(self, server: SyncBackend) -> None:
        self.server = server
        self.loses = False

    async def push(self, account: object, push: object) -> object:
        """Take a push."""
        result = await self.server.push(account, push)  # type: ignore[arg-type]
        if self.loses:
            lost(push)  # type: ignore[arg-type]
        return result

    def __getattr__(self, name: str) -> object:
        return getattr(self.server, name)


async def test_what_may_be_no_store_is_left_alone(tmp_path: Path, device: OPEN, server: SyncBackend) -> None:
    """A file that is no store of ours, and one whose first page is gone, is named and stays where it is."""
    (tmp_path / "photo.db").write_bytes(b"\x89PNG" * 4_000)
    with closing(sqlite3.connect(tmp_path / "other.db")) as other:
        other.execute("CREATE TABLE mutations (x)")
        (tmp_path / "other.db-damage").touch()
    path = await filled(device, server, 1)
    break_page(path, 1)
    for file in (tmp_path / "photo.db", tmp_path / "other.db", path):
        before = file.read_bytes()
        with pytest.raises(StoreDamaged, match=file.name) as caught:
            await Store(file).open()
        assert caught.value.advice == "Give another path as store=, or move this file away."
        assert file.read_bytes() == before
    assert list(tmp_path.glob("*.damaged-*")) == []


async def test_a_damaged_store_in_use_by_another(device: OPEN, server: SyncBackend) -> None:
    """A store that another process is synchronising is not set aside under it."""
    path = await filled(device, server, 1)
    first = await device()
    assert first.store.own()
    first.store._damage.touch()
    with pytest.raises(StoreDamaged):
        await Store(path).open()
    await first.close()
    local: Local = await device()
    assert local.salvaged is not None
