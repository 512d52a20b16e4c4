"""A lock between processes, which the system releases when its holder dies."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

_POLL_EVERY = 0.02

if sys.platform == "win32":
    import msvcrt

    _PLACE = 2**30  # far behind the content: what is locked can't be read by others there

    def _take(descriptor: int, *, is_shared: bool = False) -> None:
        os.lseek(descriptor, _PLACE, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _take(descriptor: int, *, is_shared: bool = False) -> None:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if is_shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)


class FileLock:
    """A lock on the file at `path`, which is created where it is missing, for its owner alone, and never removed.

    Each holder uses an object of its own; two objects exclude one another, in one process too. The file's content is
    the holder's to write, by its path.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def try_take(self) -> bool:
        """Whether the lock was free and is now held. Raises OSError where the file can't be opened."""
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
        try:
            _take(descriptor)
        except OSError:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    @property
    def is_held(self) -> bool:
        """Whether this object holds the lock."""
        return self._descriptor is not None

    def is_taken(self) -> bool:
        """Whether any object of any process holds the lock. Raises OSError where the file can't be opened."""
        descriptor = os.open(self.path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        try:
            _take(descriptor, is_shared=True)  # so that two who look do not find each other
        except OSError:
            return True
        finally:
            os.close(descriptor)
        return False

    def release(self) -> None:
        """Release the lock."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    async def take(self, seconds: float) -> None:
        """Take the lock; raises TimeoutError when another holder kept it for `seconds`."""
        # Real time: the holder is another process, which a test's clock can't move.
        end = time.monotonic() + seconds
        while not self.try_take():
            if time.monotonic() >= end:
                raise TimeoutError
            await asyncio.sleep(_POLL_EVERY)
