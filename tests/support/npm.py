"""Packages of npm that a test needs, exactly as its lock file names them."""

from __future__ import annotations

import fcntl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.required import require_program

_WITHIN = 300.0  # seconds; the first time npm fetches what the lock file names


def install(folder: Path) -> None:
    """Installs what the lock file in `folder` names, unless `make` or another test did. Skips the test where npm is
    missing."""
    file, installed = folder / "package-lock.json", folder / "node_modules" / ".installed"
    with _locked(file):
        if not installed.exists() or installed.stat().st_mtime < file.stat().st_mtime:
            run_npm(folder, "ci")
            installed.touch()


@contextmanager
def building(folder: Path) -> Iterator[None]:
    """Keeps the package's build to this test: others build it before or after the block."""
    with _locked(folder / "package.json"):
        yield


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """One process of tests at a time."""
    with file.open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def run_npm(folder: Path, *arguments: str, within: float = _WITHIN) -> str:
    """Runs npm in `folder`, and returns what it printed. Skips the test where it is missing."""
    words = [str(require_program("npm", "install Node and npm")), *arguments]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=within, check=False)
    assert done.returncode == 0, f"{' '.join(words)}:\n{done.stdout}\n{done.stderr}"
    return done.stdout
