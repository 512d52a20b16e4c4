"""The vaults: the shipped suite, and what only a file can meet."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hinterland.client.errors import VaultError
from hinterland.client.vault import file as file_module
from hinterland.client.vault.file import FileVault
from hinterland.client.vault.memory import MemoryVault
from hinterland.kit.file_lock import FileLock
from hinterland.testing.vault_suite import Vaults, VaultSuite

SECRET = b"a refresh token that nobody may read"


class TestMemoryVault(VaultSuite):
    """A vault in memory is one object that its clients share."""

    @pytest.fixture
    def vaults(self) -> Vaults:
        """Handles on the vault."""
        vault = MemoryVault()
        return lambda: vault


class TestFileVault(VaultSuite):
    """A sealed file with its key beside it, in a folder that is made when needed."""

    @pytest.fixture
    def vaults(self, tmp_path: Path) -> Vaults:
        """Handles on the vault."""
        return lambda: FileVault(tmp_path / "made" / "session.vault")


class TestPassphraseVault(VaultSuite):
    """A sealed file whose key comes from a passphrase."""

    @pytest.fixture
    def vaults(self, tmp_path: Path) -> Vaults:
        """Handles on the vault."""
        return lambda: FileVault(tmp_path / "session.vault", passphrase="correct horse")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The file of a vault that holds the secret."""
    FileVault(tmp_path / "v").save(SECRET)
    return tmp_path / "v"


def test_only_the_owner_may_read(path: Path) -> None:
    """The vault, its key and its lock have mode 0600, and the secret is not in them as it is."""
    for file in path.parent.iterdir():
        assert file.stat().st_mode & 0o777 == 0o600, file
        assert SECRET[:16] not in file.read_bytes()


def test_a_broken_file_is_a_clear_error(path: Path) -> None:
    """A file that was cut off, emptied, or changed in any byte is a VaultError that names it, never a crash."""
    whole = path.read_bytes()
    broken = [whole[:n] for n in range(0, len(whole), 7)]
    broken += [whole[:i] + bytes([whole[i] ^ 1]) + whole[i + 1 :] for i in range(len(whole))]
    for data in broken:
        path.write_bytes(data)
        with pytest.raises(VaultError, match=r"\(v\)"):
            FileVault(path).load()
    path.write_bytes(whole)
    assert FileVault(path).load() == SECRET


def test_a_lost_or_foreign_key_is_a_clear_error(path: Path) -> None:
    """Without the very key that sealed it a vault can't be opened; a new session can be kept all the same."""
    key = path.with_name("v.key")
    key.write_bytes(os.urandom(32))
    with pytest.raises(VaultError, match="the file or its key was changed"):
        FileVault(path).load()
    key.write_bytes(b"short")
    with pytest.raises(VaultError, match="its key was changed"):
        FileVault(path).load()
    key.unlink()
    with pytest.raises(VaultError, match="its key can't be read"):
        FileVault(path).load()
    FileVault(path).save(b"anew")
    assert FileVault(path).load() == b"anew"


def test_a_wrong_passphrase_is_a_clear_error(tmp_path: Path) -> None:
    """A vault with a passphrase has no key file, and opens with that passphrase only."""
    vault = FileVault(tmp_path / "v", passphrase="right")
    vault.save(SECRET)
    assert os.listdir(tmp_path) == ["v"]
    with pytest.raises(VaultError, match="the passphrase is wrong"):
        FileVault(tmp_path / "v", passphrase="wrong").load()
    assert FileVault(tmp_path / "v", passphrase="right").load() == SECRET
    with pytest.raises(ValueError, match="must not be empty"):
        FileVault(tmp_path / "v", passphrase="")


def test_a_full_disk_keeps_the_old_session(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the new session can't be written, a VaultError says why and the old one is still there."""

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    vault = FileVault(path)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(VaultError, match="No space left on device"):
        vault.save(b"new")
    assert vault.load() == SECRET


async def test_a_place_that_is_none_is_a_clear_error(tmp_path: Path) -> None:
    """A path that can't be read, written, removed or locked is a VaultError each time."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    with pytest.raises(VaultError, match="can't be read"):
        FileVault(tmp_path / "folder").load()
    with pytest.raises(VaultError, match="can't be removed"):
        FileVault(tmp_path / "folder").clear()
    with pytest.raises(VaultError, match="can't be kept"):
        FileVault(tmp_path / "file" / "v").save(b"x")
    with pytest.raises(VaultError, match="can't be locked"):
        async with FileVault(tmp_path / "file" / "v").lock():
            pass


async def test_a_lock_that_is_not_let_go_is_a_clear_error(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits too long for the lock gets a VaultError that says so."""
    monkeypatch.setattr(file_module, "LOCK_SECONDS", 0.05)
    holder = FileLock(path.with_name("v.lock"))
    assert holder.try_take()
    with pytest.raises(VaultError, match="another process held v") as caught:
        async with FileVault(path).lock():
            pass
    assert caught.value.code == "vault_busy"
    holder.release()


COUNT = """
import asyncio, sys
from hinterland.client.vault.file import FileVault

async def main():
    vault = FileVault(sys.argv[1])
    for _ in range(20):
        async with vault.lock():
            vault.save(str(int(vault.load() or b"0") + 1).encode())

asyncio.run(main())
"""


def test_two_processes_never_lose_a_change(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Processes that change a vault under its lock see one another's changes: none is lost."""
    caplog.set_level(logging.DEBUG)
    command = [sys.executable, "-c", COUNT, str(tmp_path / "v")]
    processes = [subprocess.Popen(command) for _ in range(3)]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    assert FileVault(tmp_path / "v").load() == b"60"
