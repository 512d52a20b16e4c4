"""A process of its own that writes to a PostgreSQL storage: `python storage_writer.py DSN NAME COMMITS`."""

from __future__ import annotations

import asyncio
import sys

from hinterland.server.storage.failures import Deadlock
from hinterland.server.storage.postgres import PostgresStorage
from hinterland.testing.storage_scribe import ScribeEdit, commit, opened, tables, write

TASKS = 4


async def main(dsn: str, name: str, commits: int) -> None:
    """Write `commits` commits of two new records, several at once; after each, change a record that all fight for."""
    async with opened(PostgresStorage(dsn)) as storage:
        print("ready", flush=True)
        sys.stdin.readline()

        async def work(task: int) -> None:
            for n in range(commits // TASKS):
                own = ScribeEdit("posts", f"{name}-{task}-{n}", {"title": name})
                await commit(storage, own, ScribeEdit("comments", own.id, {}, f"posts/{own.id}"))
                await increment()

        async def increment() -> None:
            async with storage.transaction() as transaction:
                found = await transaction.lock("posts", "", "shared")
                assert found is not None
                count = int(found.body.split('"')[3]) + 1
                await write(transaction, ScribeEdit("posts", "shared", {"title": str(count)}), tables=tables(storage))

        try:
            await asyncio.gather(*(work(task) for task in range(TASKS)))
        except Deadlock:
            print("deadlock", flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
