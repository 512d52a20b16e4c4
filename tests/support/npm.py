"""Packages of npm that a test needs, exactly as its lock file names them."""

from __future__ import annotations

import fcntl
import subprocess
from pathlib import Path

from tests.support.required import require_program

_WITHIN = 300.0  # seconds; the first time npm fetches what the lock file names


def install(folder: Path) -> None:
    """Installs what the lock file in `folder` names, unless that was done. Skips the test where npm is missing."""
    file, installed = folder / "package-lock.json", folder / "node_modules" / ".package-lock.json"
    with file.open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # of several processes of tests, one installs
        if not installed.exists() or installed.stat().st_mtime < file.stat().st_mtime:
            run_npm(folder, "ci")


def run_npm(folder: Path, *arguments: str, within: float = _WITHIN) -> str:
    """Runs npm in `folder`, and returns what it printed. Skips the test where it is missing."""
    words = [str(require_program("npm", "install Node and npm")), *arguments]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=within, check=False)
    assert done.returncode == 0, f"{' '.join(words)}:\n{done.stdout}\n{done.stderr}"
    return done.stdout
