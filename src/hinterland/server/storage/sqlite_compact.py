"""Write a SQLite database anew without the pages that deleted rows left, which the file itself never gives back.

The new file is written beside the old one, checked, made durable, and takes the old one's name in one step: stopped at
any moment, the folder holds the old database or the new one, whole.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import apsw

from hinterland.server.storage.failures import StorageError
from hinterland.server.storage.ownership import Ownership
from hinterland.server.storage.sqlite import FILE_NAME

_SPARE_BYTES = 16 * 1024 * 1024  # of the disk, that are left to others
_STEPS = 20_000  # of SQLite's virtual machine between two reports, some milliseconds


def compact(folder: Path, report: Callable[[float], None]) -> tuple[int, int]:
    """Compact the database of a data folder that no server uses; its size in bytes before and after.

    `report` is called with the share that is done. Raises `StorageError` with what to do.
    """
    ownership = Ownership(folder)
    ownership.take()
    path = (folder / FILE_NAME).resolve()  # which may be a link to another disk
    target = path.with_name(f"{path.name}.compact")
    try:
        before = path.stat().st_size
        _rewrite(path, target, report)
        return before, path.stat().st_size
    except apsw.BusyError as error:
        raise StorageError(f"another program has {path} open, such as a backup; retry when it has ended") from error
    except apsw.Error as error:
        raise StorageError(f"cannot compact {path}: {error}; nothing was changed") from error
    finally:
        target.unlink(missing_ok=True)
        ownership.release()


def _rewrite(path: Path, target: Path, report: Callable[[float], None]) -> None:
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        _hold(connection)
        size = _needed(connection)
        _demand_room(path.parent, size)
        target.unlink(missing_ok=True)  # of a run that was killed
        target.touch(mode=0o600)
        _hand_over(target, path.stat())

        def progressed() -> bool:
            report(min(1.0, target.stat().st_size / size))
            return False

        connection.set_progress_handler(progressed, _STEPS)
        connection.execute("VACUUM INTO ?", (str(target),))
        _check(target)
        _sync(target)
        os.replace(target, path)
        _sync(path.parent)
    finally:
        connection.close()


def _hand_over(target: Path, old: os.stat_result) -> None:
    """Give the new file the owner and the mode of the old one: who runs this may be another user than the server."""
    with suppress(PermissionError):
        os.chown(target, old.st_uid, old.st_gid)
    target.chmod(stat.S_IMODE(old.st_mode))


def _hold(connection: apsw.Connection) -> None:
    """Fold the log into the file, and keep every other program out until the connection closes.

    A program that still had the old file open would later delete the log of the new one: that is refused as busy.
    """
    connection.set_busy_timeout(1_000)
    for sql in ("PRAGMA journal_mode=DELETE", "PRAGMA locking_mode=EXCLUSIVE", "BEGIN EXCLUSIVE", "COMMIT"):
        connection.execute(sql)


def _needed(connection: apsw.Connection) -> int:
    pages, free, size = (int(connection.pragma(name)) for name in ("page_count", "freelist_count", "page_size"))
    return (pages - free) * size


def _demand_room(folder: Path, size: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < size + _SPARE_BYTES:
        raise StorageError(
            f"the disk of {folder} has {_mib(free)} free and the compacted copy needs {_mib(size + _SPARE_BYTES)}; "
            "free some space, then retry"
        )


def _check(target: Path) -> None:
    connection = apsw.Connection(str(target), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        found = connection.pragma("quick_check")
    finally:
        connection.close()
    if found != "ok":
        raise StorageError(f"the compacted copy is damaged ({found}) and was deleted; check the disk. Nothing changed")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _mib(size: int) -> str:
    return f"{size / 2**20:,.0f} MiB"
