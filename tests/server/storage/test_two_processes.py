"""Several processes write to one PostgreSQL at once."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path

from hinterland.server.storage.postgres import PostgresStorage
from hinterland.server.storage.protocol import LogEntry, Storage
from hinterland.testing.storage_scribe import ScribeEdit, commit, documents, opened

WRITER = Path(__file__).with_name("storage_writer.py")
COMMITS = 60


async def _start(dsn: str, name: str) -> Process:
    command = (sys.executable, str(WRITER), dsn, name, str(COMMITS))
    process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    return process


async def _follow(storage: Storage, writers: list[Process]) -> list[LogEntry]:
    """Read the log from a cursor, again and again, until all writers have ended and nothing is left."""
    seen: list[LogEntry] = []
    while True:
        were_over = all(process.returncode is not None for process in writers)
        page = await storage.log(seen[-1].revision if seen else 0, 20)
        seen += page
        if were_over and not page:
            return seen


async def test_revision_order_is_visibility_order(postgres_dsn: str) -> None:
    """Revision order is visibility order: a reader of the log never sees revision n appear after n + 1, none is lost
    and none comes twice, whatever other processes write meanwhile."""
    async with opened(PostgresStorage(postgres_dsn)) as storage:
        await commit(storage, ScribeEdit("posts", "shared", {"title": "0"}))
        writers = [await _start(postgres_dsn, name) for name in ("one", "two")]
        following = asyncio.create_task(_follow(storage, writers))
        outputs = await asyncio.gather(*(process.communicate(b"\n") for process in writers))
        assert [process.returncode for process in writers] == [0, 0]
        assert [output for output, _ in outputs] == [b"", b""]
        seen = await following
        assert [entry.revision for entry in seen] == list(range(1, 1 + 2 * COMMITS * 3 + 1))
        assert len({entry.commit for entry in seen}) == 1 + 2 * COMMITS * 2
        kept = await documents(storage, "posts")
        assert kept["shared"] == {"title": str(2 * COMMITS)}
        assert len(kept) == 1 + 2 * COMMITS


def test_two_processes_start_at_once(postgres_dsn: str) -> None:
    """Processes that start together on an empty database make its schema once, and none of them fails."""
    command = [sys.executable, str(WRITER), postgres_dsn, "none", "0"]
    started = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(3)]
    assert [process.communicate(b"\n")[0] for process in started] == [b"ready\n"] * 3
    assert [process.returncode for process in started] == [0, 0, 0]
