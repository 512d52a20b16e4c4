"""Locks between processes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hinterland.kit.file_lock import FileLock

HOLD = """
import sys
from pathlib import Path
from hinterland.kit.file_lock import FileLock
lock = FileLock(Path(sys.argv[1]))
assert lock.try_take()
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock."""
    command = [sys.executable, "-c", HOLD, str(tmp_path / "lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


async def test_a_lock_of_another_process_excludes_and_ends_with_it(
    tmp_path: Path, holder: subprocess.Popen[str]
) -> None:
    """Another process's lock can't be taken while it lives, and is free as soon as it was killed."""
    lock = FileLock(tmp_path / "lock")
    assert not lock.try_take()
    with pytest.raises(TimeoutError):
        await lock.take(0.05)
    holder.kill()
    await lock.take(5)
    assert not FileLock(tmp_path / "lock").try_take()
    lock.release()
    assert FileLock(tmp_path / "lock").try_take()


def test_looking_takes_nothing(tmp_path: Path) -> None:
    """Whether a lock is taken can be asked by many at once; what its holder writes into the file can be read."""
    lock, other = FileLock(tmp_path / "lock"), FileLock(tmp_path / "lock")
    with pytest.raises(FileNotFoundError):
        lock.is_taken()
    assert lock.try_take()
    assert (lock.is_held, other.is_held, lock.is_taken(), other.is_taken()) == (True, False, True, True)
    lock.path.write_text("held by a test")
    assert other.path.read_text() == "held by a test"
    lock.release()
    assert (lock.is_held, other.is_taken()) == (False, False)
    assert lock.path.stat().st_mode & 0o077 == 0


def test_letting_go_twice_is_no_error(tmp_path: Path) -> None:
    """A lock that is not held can be let go; one that can't be opened says so."""
    lock = FileLock(tmp_path / "lock")
    lock.release()
    assert lock.try_take()
    lock.release()
    lock.release()
    with pytest.raises(OSError, match="No such file"):
        FileLock(tmp_path / "missing" / "lock").try_take()
