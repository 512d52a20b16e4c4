"""A lock between processes that the system lets go when its holder dies."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

_POLL_EVERY = 0.02

if sys.platform == "win32":
    import msvcrt

    def _take(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _take(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


class FileLock:
    """A lock on the file at `path`, which is made where it is missing and never removed.

    Each holder uses an object of its own; two objects exclude one another, in one process too.
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

    def release(self) -> None:
        """Let the lock go."""
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
