"""Copies of a database, made and brought back as the documentation says."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from threading import Event, Thread

from tests.house.tree import ROOT
from tests.support.marks import calling, check_integrity, marks, marks_app
from tests.support.server import ServerProcess


def documented(first: str) -> list[str]:
    """The command of the page on deployment that begins with a word."""
    page = (ROOT / "docs/deployment.md").read_text()
    [line] = re.findall(rf"^{first} .*$", page, re.MULTILINE)
    return shlex.split(line)


def test_a_copy_while_the_server_writes(tmp_path: Path) -> None:
    """The documented copy of a server that is writing has every write that was answered before, and can be served."""
    server = ServerProcess(marks_app(tmp_path), tmp_path / "data")
    answered: list[str] = []
    enough, is_over = Event(), Event()

    def write() -> None:
        with calling(server.url) as client:
            for number in range(900):
                if is_over.is_set():
                    return
                client.post("/v1/records/marks", json={"mark": f"m{number}"}).raise_for_status()
                answered.append(f"m{number}")
                if number == 100:
                    enough.set()

    with server:
        writer = Thread(target=write)
        writer.start()
        assert enough.wait(60)
        before = set(answered)
        command = [sys.executable, *documented("python")[1:]]
        subprocess.run(command, cwd=tmp_path, check=True, timeout=60)
        is_over.set()
        writer.join()
    (tmp_path / "restored").mkdir()
    (tmp_path / "backup.db").rename(tmp_path / "restored/data.db")
    with ServerProcess(server.app, tmp_path / "restored") as restored, calling(restored.url) as client:
        assert before <= marks(client) <= set(answered) | {f"m{len(answered)}"}
    check_integrity(tmp_path / "restored")
