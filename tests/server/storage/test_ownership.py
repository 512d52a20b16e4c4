"""Who holds a data folder."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hinterland.server.storage.failures import StorageError
from hinterland.server.storage.ownership import Ownership, holder
from hinterland.server.storage.sqlite import SqliteStorage
from hinterland.testing.storage_scribe import opened

HOLD = """
import sys
from pathlib import Path
from hinterland.server.storage.ownership import Ownership
ownership = Ownership(Path(sys.argv[1]))
ownership.take()
ownership.announce(url="http://127.0.0.1:8123")
print("held", flush=True)
sys.stdin.read()
"""


async def test_a_storage_announces(tmp_path: Path) -> None:
    """What a storage announces is shown to those who find its folder in use."""
    storage = SqliteStorage(tmp_path)
    await storage.open()
    storage.announce(url="http://127.0.0.1:8123")
    assert holder(tmp_path)["url"] == "http://127.0.0.1:8123"
    await storage.close()


async def test_the_second_owner(tmp_path: Path) -> None:
    """A second storage on the folder is refused, with the process that holds it; once that ends, the folder is free."""
    async with opened(SqliteStorage(tmp_path)):
        with pytest.raises(StorageError, match=rf"in use by process {os.getpid()}; stop it, or choose another"):
            await SqliteStorage(tmp_path).open()
    async with opened(SqliteStorage(tmp_path)):
        pass


def test_another_process(tmp_path: Path) -> None:
    """A holder in another process is named with its address; a killed one holds nothing."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        assert holder(tmp_path) == {"pid": process.pid, "url": "http://127.0.0.1:8123"}
        with pytest.raises(StorageError, match=rf"process {process.pid} at http://127\.0\.0\.1:8123"):
            Ownership(tmp_path).take()
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert holder(tmp_path) == {}
    ownership = Ownership(tmp_path)
    ownership.take()
    ownership.release()


def test_release(tmp_path: Path) -> None:
    """A released folder is held by nobody, nothing is announced in it, and releasing it again is not an error."""
    ownership = Ownership(tmp_path / "new")
    ownership.announce(url="x")
    ownership.take()
    assert holder(tmp_path / "new") == {"pid": os.getpid()}
    ownership.announce(url="x")
    assert holder(tmp_path / "new") == {"pid": os.getpid(), "url": "x"}
    ownership.release()
    ownership.release()
    assert holder(tmp_path / "new") == {}


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    """A folder that can't be made or used is refused with what to do."""
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(StorageError, match="choose another with --data or fix its permissions"):
            Ownership(folder).take()
    assert holder(tmp_path / "file") == {}


@pytest.mark.parametrize("text", ["", "{", "[]", json.dumps({"pid": 1})])
def test_an_unreadable_announcement(tmp_path: Path, text: str) -> None:
    """Whatever the lock file says, a held folder is held, and one that nobody holds has no holder."""
    (tmp_path / "lock").write_text(text)
    assert holder(tmp_path) == {}
    ownership = Ownership(tmp_path)
    ownership.take()
    (tmp_path / "lock").write_text(text)
    with pytest.raises(StorageError, match="in use by process"):
        Ownership(tmp_path).take()
    ownership.release()


async def test_what_others_on_the_machine_can_read(tmp_path: Path) -> None:
    """The database and what announces its owner are readable by that owner alone, in a folder open to all too."""
    folder = tmp_path / "data"
    folder.mkdir(mode=0o755)
    storage = SqliteStorage(folder)
    await storage.open()
    try:
        modes = {file.name: file.stat().st_mode & 0o077 for file in folder.iterdir()}
    finally:
        await storage.close()
    assert modes == dict.fromkeys(modes, 0)
    assert {"data.db", "lock"} <= modes.keys()


async def test_an_open_folder_is_reported(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A data folder that every user of the machine can write to is named in a warning, with the command that closes
    it; another one is not."""
    for mode, count in ((0o755, 0), (0o770, 0), (0o777, 1)):
        tmp_path.chmod(mode)
        ownership = Ownership(tmp_path)
        ownership.take()
        ownership.release()
        assert len(caplog.records) == count
    assert f"chmod o-w {tmp_path}" in caplog.text
    assert "mode 0777" in caplog.text
