"""One process owns a data folder: the lock, and what it says to the second one."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import shlex
import stat
from pathlib import Path
from typing import IO

from hinterland.server.storage.failures import StorageError

log = logging.getLogger("hinterland.storage")


class Ownership:
    """The exclusive hold on a data folder, from `take` to `release`; the file `lock` tells who has it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file: IO[str] | None = None

    def take(self) -> None:
        """Hold the folder, making it where it is missing. Raises `StorageError`."""
        try:
            self._make()
            file = open(self.folder / "lock", "a+", encoding="utf-8", opener=_for_the_owner)  # noqa: SIM115
        except OSError as error:
            raise StorageError(
                f"the data folder {self.folder} can't be used: {error.strerror}; choose another with --data "
                "or mend its permissions"
            ) from None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            raise StorageError(
                f"the data folder {self.folder} is in use by {_who(holder(self.folder))}; stop it, or choose "
                "another folder with --data"
            ) from None
        self._file = file
        self._warn_of_others()
        self.announce()

    def _make(self) -> None:
        """Make the folder where it is missing. A new one ignores itself in git: it holds people's data and keys."""
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
        if self._file is not None:
            self._file.seek(0)
            self._file.truncate()
            self._file.write(json.dumps({"pid": os.getpid(), **facts}))
            self._file.flush()

    def release(self) -> None:
        """Let go."""
        if self._file is not None:
            self._file.seek(0)
            self._file.truncate()
            self._file.close()
            self._file = None


def _for_the_owner(path: str, flags: int) -> int:
    # What is announced lets its reader act as administrator, and the folder may be open to others.
    file = os.open(path, flags, 0o600)
    os.fchmod(file, 0o600)
    return file


def holder(folder: Path) -> dict[str, object]:
    """What the running owner of `folder` announced: `pid`, and `url` once it serves. Empty when nobody owns it."""
    try:
        with (folder / "lock").open("r", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                file.seek(0)
                facts = json.loads(file.read() or "{}")
                return facts if isinstance(facts, dict) else {}
    except (OSError, ValueError):
        pass
    return {}


def _who(facts: dict[str, object]) -> str:
    where = f" at {facts['url']}" if "url" in facts else ""
    return f"process {facts.get('pid', 'unknown')}{where}"
