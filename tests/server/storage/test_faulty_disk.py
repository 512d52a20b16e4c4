"""What SQLite's storage does on a disk that is full or broken."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from hinterland.contract.errors import Refusal
from hinterland.contract.identity import RecordId
from hinterland.server.storage.failures import StorageError
from hinterland.server.storage.protocol import Storage
from hinterland.server.storage.sqlite import FILE_NAME, SqliteStorage
from hinterland.testing.faulty_disk import Fault, FaultyDisk
from hinterland.testing.storage_scribe import ScribeEdit, commit, documents, opened

CODES: dict[Fault, str] = {"full": "storage_full", "broken": "unavailable"}
LONG = "x" * 6_000  # more than a page, so that a commit takes several writes


@pytest.fixture
def disk() -> Iterator[FaultyDisk]:
    """A disk that works until it is set to fail."""
    with FaultyDisk() as disk:
        yield disk


async def scenario(storage: Storage, fault: Fault) -> set[RecordId]:
    """Three commits, each acknowledged or refused with the fault's own code; returns those that were acknowledged."""
    kept: set[RecordId] = set()
    for n in range(3):
        edits = (ScribeEdit("posts", f"p{n}", {"title": LONG, "slug": f"s{n}"}), ScribeEdit("tasks", n + 1, {}))
        result = await outcome(storage, *edits)
        assert result in ("kept", CODES[fault])
        if result == "kept":
            kept.add(f"p{n}")
        assert (await documents(storage, "posts")).keys() == kept  # reads go on, and see what was acknowledged
    return kept


async def outcome(storage: Storage, *edits: ScribeEdit) -> str:
    """Commit `edits`: "kept", or the code of the refusal."""
    try:
        await commit(storage, *edits)
    except Refusal as refused:
        return refused.code
    return "kept"


async def check_whole(storage: Storage, folder: Path, kept: set[RecordId]) -> None:
    """Acknowledged writes are there, in the log without a gap, and the file is sound."""
    connection = apsw.Connection(str(folder / FILE_NAME))
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()
    there = await documents(storage, "posts")
    assert kept <= there.keys()
    entries = await storage.log(0, 1_000)
    assert [entry.revision for entry in entries] == list(range(1, 2 * len(there) + 1))
    assert {entry.id for entry in entries if entry.collection == "posts"} == there.keys()


async def _length_of_scenario(folder: Path, disk: FaultyDisk) -> int:
    async with opened(SqliteStorage(folder)) as storage:
        before = disk.count
        assert len(await scenario(storage, "full")) == 3
        return disk.count - before


@pytest.mark.parametrize("fault", ["full", "broken"])
@pytest.mark.parametrize("is_lasting", [False, True])
async def test_every_write_fails_once(tmp_path: Path, disk: FaultyDisk, fault: Fault, is_lasting: bool) -> None:
    """Disk full or I/O error at any N-th write → typed error, not acknowledged, reads go on, integrity holds."""
    length = await _length_of_scenario(tmp_path / "whole", disk)
    assert length > 20
    for number in range(1, length + 1):
        folder = tmp_path / str(number)
        async with opened(SqliteStorage(folder)) as storage:
            disk.fail(number, fault, is_lasting=is_lasting)
            kept = await scenario(storage, fault)
            assert len(kept) < 3
            disk.heal()
            await commit(storage, ScribeEdit("posts", "after", {}), ScribeEdit("tasks", 99, {}))
            kept.add("after")
            await check_whole(storage, folder, kept)
        async with opened(SqliteStorage(folder)) as again:
            await check_whole(again, folder, kept)


@pytest.mark.parametrize("fault", ["full", "broken"])
async def test_a_start_fails_at_every_write(tmp_path: Path, disk: FaultyDisk, fault: Fault) -> None:
    """A start on a failing disk reports what is wrong and releases the folder; the next one, on a good disk, works."""
    async with opened(SqliteStorage(tmp_path / "whole")):
        length = disk.count
    refused = 0
    for number in range(1, length + 1):
        folder = tmp_path / str(number)
        disk.fail(number, fault)
        try:
            async with opened(SqliteStorage(folder)) as storage:
                disk.heal()
                await commit(storage, ScribeEdit("posts", "a", {}))  # SQLite made up for it
        except StorageError as error:
            refused += str(folder) in str(error)
        disk.heal()
        async with opened(SqliteStorage(folder)) as storage:
            await commit(storage, ScribeEdit("posts", "b", {}))
    assert refused > 0.9 * length


async def test_a_kept_write_outlives_the_disk(tmp_path: Path, disk: FaultyDisk) -> None:
    """Closing on a disk that fails loses nothing that was acknowledged."""
    async with opened(SqliteStorage(tmp_path)) as storage:
        await commit(storage, ScribeEdit("posts", "a", {}))
        disk.fail(1, "broken", is_lasting=True)
    disk.heal()
    async with opened(SqliteStorage(tmp_path)) as storage:
        assert (await documents(storage, "posts")).keys() == {"a"}
