"""Work that one of several processes does."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from hinterland.kit.clock import ManualClock
from hinterland.server.data.sole_turn import HELD_SECONDS, SoleTurn
from hinterland.server.storage.postgres import PostgresStorage
from hinterland.server.storage.sqlite import SqliteStorage
from hinterland.testing.storage_scribe import opened

KILLED = """
import asyncio, os, sys
from hinterland.kit.clock import ManualClock
from hinterland.server.data.sole_turn import SoleTurn
from hinterland.server.storage.postgres import PostgresStorage
async def main():
    storage = PostgresStorage(sys.argv[1], connections=2)
    await storage.open()
    assert await SoleTurn(storage, ManualClock(), "work").take()
    os.kill(os.getpid(), 9)
asyncio.run(main())
"""


async def test_one_at_a_time(postgres_dsn: str) -> None:
    """Of several processes that ask at once one has the turn, which it may renew; after its rest any of them has."""
    clock = ManualClock()
    async with opened(PostgresStorage(postgres_dsn)) as one, opened(PostgresStorage(postgres_dsn)) as two:
        turns = [SoleTurn(storage, clock, "work") for storage in (one, two, one, two)]
        took = await asyncio.gather(*(turn.take() for turn in turns))
        assert sum(took) == 1
        holder = turns[took.index(True)]
        others = [turn for turn in turns if turn is not holder]
        await clock.advance(HELD_SECONDS - 1)
        assert await holder.take()
        await clock.advance(HELD_SECONDS - 1)
        assert not any([await turn.take() for turn in others])
        await holder.rest(100)
        assert not any([await turn.take() for turn in turns])
        await clock.advance(101)
        assert await others[0].take()
        assert not await holder.take()


async def test_a_killed_holder(postgres_dsn: str) -> None:
    """The turn of a process that was killed is another's when its claim has ended, not before."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", KILLED, postgres_dsn)
    assert await process.wait() == -9
    clock = ManualClock()
    async with opened(PostgresStorage(postgres_dsn)) as storage:
        turn = SoleTurn(storage, clock, "work")
        assert not await turn.take()
        await clock.advance(HELD_SECONDS)
        assert await turn.take()


async def test_a_process_that_is_alone(tmp_path: Path) -> None:
    """On SQLite the one process always has the turn, and nothing is written for it."""
    clock = ManualClock()
    async with opened(SqliteStorage(tmp_path)) as storage:
        turn = SoleTurn(storage, clock, "work")
        assert await turn.take()
        await turn.rest(100)
        assert await turn.take()
        assert await storage.row("_meta", {"name": "work"}) is None
