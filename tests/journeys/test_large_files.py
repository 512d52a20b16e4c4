"""A large file to the server and back, through an app's own operations: neither side ever holds it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.support.required import require
from tests.support.server import ServerProcess

ROOT = Path(__file__).parents[2]
DEPOT = Path(__file__).parent / "depot"
PIECES = 800  # of 256 KiB: 200 MiB
FLAT = 24 * 1024**2  # bytes that a process may grow by: buffers, and what the allocator keeps


def peak(pid: int) -> int:
    """The most memory that a process has had, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) * 1024


def test_a_large_file(tmp_path: Path) -> None:
    """200 MiB are uploaded piece by piece, downloaded again, and their end alone by a range, and arrive whole; the
    memory of the server's process and of the client's stays flat."""
    require("the memory of a process", Path("/proc/self/status").exists())
    folder = tmp_path / "depot"
    folder.mkdir()
    env = {"DEPOT": str(folder), "PYTHONPATH": str(ROOT)}
    with ServerProcess(DEPOT / "app.py", tmp_path / "data", env=env) as server:
        before = peak(server.pid)
        command = [sys.executable, "-m", "tests.journeys.depot.carrier", server.url, str(PIECES)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False, cwd=ROOT)
        assert done.returncode == 0, done.stderr + server.log
        facts = json.loads(done.stdout)
        assert facts["kept"] == facts["back"] == facts["sent"]
        size = PIECES * 256 * 1024
        assert facts["end"] == [size - 1_000, size, True]
        print(f"grown by {facts['grown']:,} bytes (client), {peak(server.pid) - before:,} (server)")
        assert facts["grown"] < FLAT
        assert peak(server.pid) - before < FLAT
        assert "ERROR" not in server.log
