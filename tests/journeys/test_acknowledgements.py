"""A system-call trace of the real server: nothing is acknowledged before it is on the disk."""

from __future__ import annotations

import re
import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

import httpx2

from tests.support.marks import marks_app
from tests.support.required import require, require_program
from tests.support.server import ServerProcess

CALLS = "pwrite64,write,writev,sendto,sendmsg,fdatasync,fsync"
CLIENTS = 8
EACH = 12
MARK = re.compile(r"mark-\d+-\d+-end")
ANSWER = re.compile(r'(write|writev|sendto|sendmsg)\(\d+, .*\{\\"id\\":')
DONE = re.compile(r"(fdatasync|fsync)\(\d+\)\s+= 0|<\.\.\. (fdatasync|fsync) resumed>\)\s+= 0")


class Trace:
    """`strace` attached to a process while the block lasts; `lines` are its system calls in order."""

    def __init__(self, pid: int, file: Path) -> None:
        strace = require_program("strace", "apt-get install strace")
        self.file = file
        command = [str(strace), "-f", "-s", "9000", "-e", f"trace={CALLS}", "-o", str(file), "-p", str(pid)]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)

    def __enter__(self) -> Self:
        assert self.process.stderr is not None
        said = self.process.stderr.readline()
        require("permission to trace a process", "attached" in said, said)
        self.reader = threading.Thread(target=self.process.stderr.read, daemon=True)
        self.reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(20)
        self.reader.join(20)
        assert self.process.stderr is not None
        self.process.stderr.close()

    @property
    def lines(self) -> list[str]:
        """The trace, a call a line."""
        return self.file.read_text(errors="replace").splitlines()


def write_marks(url: str, client_number: int) -> None:
    """Post marks, one after the other."""
    with httpx2.Client(base_url=url, timeout=60) as client:
        for number in range(EACH):
            mark = f"mark-{client_number}-{number}-end"
            assert client.post("/v1/records/marks", json={"mark": mark}).status_code == 201


def order(lines: list[str]) -> tuple[dict[str, int], dict[str, int], list[int]]:
    """Where each mark is first written to the disk, where it leaves on a socket, and where a sync has ended."""
    written: dict[str, int] = {}
    answered: dict[str, int] = {}
    synced: list[int] = []
    for index, line in enumerate(lines):
        if DONE.search(line):
            synced.append(index)
            continue
        place = written if "pwrite64(" in line else answered if ANSWER.search(line) else None
        if place is not None:
            for mark in MARK.findall(line):
                place.setdefault(mark, index)
    return written, answered, synced


def test_every_acknowledgement_follows_its_fdatasync(
    tmp_path: Path, server_process: Callable[..., ServerProcess]
) -> None:
    """Every acknowledgement follows its fdatasync: the record's bytes are written, a sync ends, then the 201 leaves."""
    app = marks_app(tmp_path)
    server = server_process(app, tmp_path / "data")
    with Trace(server.pid, tmp_path / "trace") as trace, ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(lambda number: write_marks(server.url, number), range(CLIENTS)))
    written, answered, synced = order(trace.lines)
    assert len(answered) == CLIENTS * EACH
    assert written.keys() == answered.keys()
    early = [mark for mark, sent in answered.items() if not any(written[mark] < end < sent for end in synced)]
    assert early == []
