"""A disk that fails when a test wants it to: SQLite's file layer over the machine's own.

The database stays a real one in real files; only the chosen write, sync or truncation reports an error and is not done.
Syncs are counted and not done, since no test cuts the power: that saves the time that a disk takes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Literal, Self

import apsw

Fault = Literal["full", "broken"]


class _Full(apsw.FullError):
    pass


class _Broken(apsw.IOError):
    pass


_ERRORS: dict[Fault, type[_Full | _Broken]] = {"full": _Full, "broken": _Broken}


class FaultyDisk(apsw.VFS):
    """SQLite's default file layer between `with` and its end. `fail` says which operations fail from then on."""

    def __init__(self) -> None:
        self.count = 0
        self._is_failing: Callable[[int], bool] = lambda _: False
        self._error: type[_Full | _Broken] = _Broken
        self._reporting = sys.unraisablehook
        self.machine = apsw.vfs_names()[0]  # the default one, before this one takes its place
        super().__init__("hinterland-faulty", self.machine, makedefault=True)

    def __enter__(self) -> Self:
        self._reporting, sys.unraisablehook = sys.unraisablehook, self._report
        return self

    def __exit__(self, *_: object) -> None:
        sys.unraisablehook = self._reporting
        self.unregister()

    def _report(self, ignored: sys.UnraisableHookArgs) -> None:
        if not isinstance(ignored.exc_value, _Full | _Broken):  # those SQLite passes over, as it does a real one
            self._reporting(ignored)

    def fail(self, number: int, fault: Fault, *, is_lasting: bool = False) -> None:
        """The `number`-th write from now on fails, counted from 1; with `is_lasting`, all after it too."""
        first = self.count + number
        self._is_failing = (lambda n: n >= first) if is_lasting else (lambda n: n == first)
        self._error = _ERRORS[fault]

    def heal(self) -> None:
        """Stop failing."""
        self._is_failing = lambda _: False

    def step(self) -> None:
        """Count an operation, or fail it."""
        self.count += 1
        if self._is_failing(self.count):
            raise self._error(f"operation {self.count} on the disk failed")

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802 - SQLite's name
        """Open a file of this disk."""
        return _File(self, name, flags)


class _File(apsw.VFSFile):
    def __init__(self, disk: FaultyDisk, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        self._disk = disk
        super().__init__(disk.machine, name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        self._disk.step()
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:  # noqa: N802
        self._disk.step()

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        self._disk.step()
        super().xTruncate(newsize)
