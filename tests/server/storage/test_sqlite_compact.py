"""A compacted database is the same one in a smaller file, or is left as it was."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import apsw
import pytest

from hinterland.server.storage import sqlite_compact
from hinterland.server.storage.failures import StorageError
from hinterland.server.storage.sqlite import FILE_NAME, SqliteStorage
from hinterland.server.storage.sqlite_compact import compact
from hinterland.testing.storage_scribe import ScribeEdit, commit, documents, opened

COUNT = 300
TEXT = "x" * 20_000


class Content(NamedTuple):
    """What a database holds."""

    database_id: str
    revision: int
    documents: dict[Any, Any]


async def content(folder: Path) -> Content:
    """What the database of a folder holds; fails where it is damaged."""
    async with opened(SqliteStorage(folder)) as storage:
        assert await storage.fetch("PRAGMA integrity_check") == [("ok",)]
        revision = (await storage.head()).revision
        return Content(storage.database_id, revision, await documents(storage, "posts"))


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    """A data folder, most of whose database is what deleted rows left."""
    async with opened(SqliteStorage(tmp_path)) as storage:
        await commit(storage, *(ScribeEdit("posts", f"p{n}", {"title": TEXT}) for n in range(COUNT)), at=10)
        await commit(storage, *(ScribeEdit("posts", f"p{n}", None) for n in range(COUNT - 3)), at=20)
        await commit(storage, ScribeEdit("posts", "last", {"title": "small"}), at=30)
        await storage.prune(25)
    return tmp_path


async def test_a_smaller_file(folder: Path) -> None:
    """What deleted rows left is given back; records, log and database id are the same, and the file is its owner's."""
    before = await content(folder)
    (folder / f"{FILE_NAME}.compact").write_text("left by a run that was killed")
    shares: list[float] = []
    large, small = compact(folder, shares.append)
    assert small == (folder / FILE_NAME).stat().st_size < large / 10
    assert (folder / FILE_NAME).stat().st_mode & 0o077 == 0
    assert await content(folder) == before
    assert shares == sorted(shares)
    assert {file.name for file in folder.iterdir()} <= {FILE_NAME, "lock", ".gitignore"}


async def test_a_link_to_another_disk(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The new file stands where the old one stood, behind a link too, with its mode and, for root, its owner."""
    place = tmp_path_factory.mktemp("disk") / "real.db"
    before = await content(folder)
    (folder / FILE_NAME).rename(place)
    (folder / FILE_NAME).symlink_to(place)
    place.chmod(0o640)
    owner = (4_321, 4_321) if os.getuid() == 0 else (os.getuid(), os.getgid())
    os.chown(place, *owner)
    large, small = compact(folder, lambda share: None)
    made = place.stat()
    assert small == made.st_size < large / 10
    assert (made.st_uid, made.st_gid, made.st_mode & 0o777) == (*owner, 0o640)
    assert (folder / FILE_NAME).is_symlink()
    assert await content(folder) == before


async def test_in_use(folder: Path) -> None:
    """While a server owns the folder, or another program reads the database, nothing is done, and it says so."""
    before = await content(folder)
    async with opened(SqliteStorage(folder)):
        with pytest.raises(StorageError, match="in use by process"):
            compact(folder, lambda share: None)
    reader = apsw.Connection(str(folder / FILE_NAME))
    reader.execute("PRAGMA journal_mode=WAL")
    reader.execute("BEGIN; SELECT count(*) FROM posts")
    with pytest.raises(StorageError, match="such as a backup; retry"):
        compact(folder, lambda share: None)
    reader.close()
    assert await content(folder) == before


async def test_a_full_disk(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the disk has no room for the copy, that is said before anything is written."""
    before = await content(folder)
    usage = shutil.disk_usage(folder)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=2**20))
    with pytest.raises(StorageError, match="has 1 MiB free and the compacted copy needs 16 MiB; free some space"):
        compact(folder, lambda share: None)
    assert await content(folder) == before


@pytest.mark.parametrize("step", ["VACUUM", "fsync", "replace"])
async def test_stopped(folder: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    """Stopped at any step, the folder holds the old database, whole, and no copy."""
    before = await content(folder)

    def stop(*arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(sqlite_compact, "_STEPS", 10)
        if step != "VACUUM":
            patch.setattr(os, step, stop)
        with pytest.raises(KeyboardInterrupt):
            compact(folder, stop if step == "VACUUM" else lambda share: None)
    assert not (folder / f"{FILE_NAME}.compact").exists()
    assert await content(folder) == before


def test_what_is_not_a_database(tmp_path: Path) -> None:
    """A file that is not a database is left alone and reported."""
    (tmp_path / FILE_NAME).write_text("once upon a time " * 100)
    with pytest.raises(StorageError, match="cannot compact"):
        compact(tmp_path, lambda share: None)
    assert (tmp_path / FILE_NAME).read_text().startswith("once upon a time")


def test_a_damaged_copy(folder: Path) -> None:
    """A copy with a page that can't be read is never taken for the database."""
    copy = folder / FILE_NAME
    data = bytearray(copy.read_bytes())
    data[-4096 * 20 : -4096] = b"\0" * 4096 * 19
    copy.write_bytes(data)
    with pytest.raises((StorageError, apsw.CorruptError)):
        sqlite_compact._check(copy)
