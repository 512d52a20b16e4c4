"""A process that is killed while it writes to SQLite."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from hinterland.server.storage.sqlite import FILE_NAME, SqliteStorage
from hinterland.testing.storage_scribe import documents, opened

WRITE = """
import asyncio, sys
from pathlib import Path
from hinterland.server.storage.sqlite import SqliteStorage
from hinterland.testing.storage_scribe import ScribeEdit, commit, opened

async def main():
    async with opened(SqliteStorage(Path(sys.argv[1]))) as storage:
        first = (await storage.head()).revision
        async def work(task):
            for n in range(100_000):
                name = f"p{first}-{task}-{n}"
                await commit(storage, ScribeEdit("posts", name, {}), ScribeEdit("comments", name, {}, f"posts/{name}"))
                print(name, flush=True)
        await asyncio.gather(*(work(task) for task in range(3)))

asyncio.run(main())
"""


def write_and_kill(folder: Path, lines: int) -> set[str]:
    """Let a process write until it has acknowledged that many lines, and kill it; returns all that it acknowledged."""
    with subprocess.Popen([sys.executable, "-c", WRITE, str(folder)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        acknowledged = {process.stdout.readline().strip() for _ in range(lines)}
        process.kill()
        return acknowledged | {line.strip() for line in process.stdout if line.endswith("\n")}


@pytest.mark.parametrize("lines", [1, 7, 40])
async def test_a_killed_writer(tmp_path: Path, lines: int) -> None:
    """kill -9 at any step → every acknowledged write exists exactly once, whole, and the log has no gap."""
    acknowledged: set[str] = set()
    for _ in range(2):
        acknowledged |= write_and_kill(tmp_path, lines)
        async with opened(SqliteStorage(tmp_path)) as storage:
            posts = await documents(storage, "posts")
            assert acknowledged <= posts.keys()
            assert posts.keys() == (await documents(storage, "comments")).keys()
            entries = await storage.log(0, 10**6)
            assert [entry.revision for entry in entries] == list(range(1, 2 * len(posts) + 1))
    connection = apsw.Connection(str(tmp_path / FILE_NAME))
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()
