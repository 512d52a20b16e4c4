"""One process owns a data folder: the lock, and what a second process can read about its owner."""

from __future__ import annotations

import json
import logging
import os
import shlex
import stat
from contextlib import suppress
from pathlib import Path

from hinterland.kit.file_lock import FileLock
from hinterland.server.storage.failures import StorageError

log = logging.getLogger("hinterland.storage")


_FILE = "lock"


class Ownership:
    """The exclusive hold on a data folder, from `take` to `release`; the file `lock` says who has it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = FileLock(folder / _FILE)

    def take(self) -> None:
        """Hold the folder, creating it where it is missing. Raises `StorageError`."""
        try:
            self._create()
            is_free = self._lock.try_take()
            if is_free:
                # What is announced lets its reader act as administrator, and the folder may be open to others.
                self._lock.path.chmod(0o600)
                self.announce()
        except OSError as error:
            self._lock.release()
            raise StorageError(
                f"cannot use the data folder {self.folder}: {error.strerror}; choose another with --data "
                "or fix its permissions"
            ) from None
        if not is_free:
            raise StorageError(
                f"the data folder {self.folder} is in use by {_who(holder(self.folder))}; stop it, or choose "
                "another folder with --data"
            )
        self._warn_of_others()

    def _create(self) -> None:
        """Create the folder where it is missing. A new one ignores itself in git: it holds people's data and keys."""
        if not self.folder.exists():
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            (self.folder / ".gitignore").write_text("*\n")

    def _warn_of_others(self) -> None:
        mode = stat.S_IMODE(self.folder.stat().st_mode)
        if mode & stat.S_IWOTH:
            log.warning(
                "every user of this machine can write to the data folder %s (mode %04o); run: chmod o-w %s",
                self.folder, mode, shlex.quote(str(self.folder)),
            )  # fmt: skip

    def announce(self, **facts: object) -> None:
        """Write who holds the folder, and `facts` such as the url that it serves."""
        if self._lock.is_held:
            self._lock.path.write_text(json.dumps({"pid": os.getpid(), **facts}), encoding="utf-8")

    def release(self) -> None:
        """Release the folder."""
        if self._lock.is_held:
            with suppress(OSError):  # the folder may be gone, or the disk full: nobody reads of one that is free
                self._lock.path.write_text("")
            self._lock.release()


def holder(folder: Path) -> dict[str, object]:
    """What the running owner of `folder` announced: `pid`, and `url` once it serves. Empty when nobody owns it."""
    lock = FileLock(folder / _FILE)
    try:
        if lock.is_taken():
            facts = json.loads(lock.path.read_text(encoding="utf-8") or "{}")
            return facts if isinstance(facts, dict) else {}
    except (OSError, ValueError):
        pass
    return {}


def _who(facts: dict[str, object]) -> str:
    where = f" at {facts['url']}" if "url" in facts else ""
    return f"process {facts.get('pid', 'unknown')}{where}"
