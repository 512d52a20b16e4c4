"""A server whose disk is full, and one whose disk has room again."""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import httpx2
import pytest

from tests.support.marks import calling, check_integrity, marks, marks_app
from tests.support.server import ServerProcess

SIZE = 4 * 1024 * 1024  # bytes of the small disk
BIG = "x" * 9_000


class Disk(Protocol):
    """Where the data folder lies."""

    folder: Path

    def fill(self, server: ServerProcess) -> None:
        """Leave the server hardly any room."""
        ...

    def free(self, server: ServerProcess) -> None:
        """Give it room again."""
        ...


class SmallDisk:
    """A file system of its own, in memory, with a file that takes the room."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self, server: ServerProcess) -> None:
        """Write until the disk says no."""
        with self._ballast.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"\0" * 4_096)
            except OSError:
                file.truncate(file.tell() - 32_768)  # a few writes find room

    def free(self, server: ServerProcess) -> None:
        """The file goes."""
        self._ballast.unlink()


class LimitedFiles:
    """Any disk, with a limit on the size of the server's files, which needs no rights."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fill(self, server: ServerProcess) -> None:
        """The log may hardly grow."""
        room = (self.folder / "data" / "data.db-wal").stat().st_size + 30_000
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))

    def free(self, server: ServerProcess) -> None:
        """No limit."""
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def mounted(folder: Path) -> bool:
    """Whether a small file system could be mounted there."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)]
    try:
        return os.geteuid() == 0 and subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


@pytest.fixture(params=["small disk", "limited files"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    """A disk that can be filled. Where nobody may mount one, both are the limit, and that is said."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if request.param == "small disk" and mounted(folder):
        yield SmallDisk(folder)
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
    else:
        print(f"{request.param}: the server's files are limited in size")
        yield LimitedFiles(folder)


def test_a_full_disk(server_process: Callable[..., ServerProcess], tmp_path: Path, disk: Disk) -> None:
    """Disk full: the write gets a typed error and isn't kept, reads go on, integrity holds, and with room again
    everything does."""
    app = marks_app(tmp_path)
    server = server_process(app, disk.folder / "data")
    kept: set[str] = set()
    refusals: list[httpx2.Response] = []
    with calling(server.url) as client:

        def write(mark: str) -> None:
            answer = client.post("/v1/records/marks", json={"mark": f"{mark} {BIG}"})
            if answer.status_code == 201:
                kept.add(f"{mark} {BIG}")
            else:
                refusals.append(answer)

        write("first")
        disk.fill(server)
        for number in range(20):
            write(str(number))
            assert marks(client) == kept
        assert len(refusals) > 5
        assert {answer.json()["code"] for answer in refusals} <= {"storage_full", "unavailable"}
        assert {answer.status_code for answer in refusals} <= {503, 507}
        assert "nothing was written" in refusals[0].json()["message"]
        assert client.get("/health").status_code == 200
        disk.free(server)
        before = len(refusals)
        write("room again")
        assert len(refusals) == before
        assert marks(client) == kept
    print(f"{len(refusals)} writes refused, {len(kept)} kept")
    assert server.terminate() == 0
    check_integrity(disk.folder / "data")
    server.start()
    with calling(server.url) as client:
        assert marks(client) == kept
    assert server.terminate() == 0
