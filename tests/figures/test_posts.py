"""Creations through lost answers and a server that is killed: each happens once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from hinterland.client.client import Client
from hinterland.client.errors import HinterlandError
from hinterland.client.transports.network import Network
from hinterland.testing.faulty import FaultyNetwork
from tests.figures.scale import SEED, Progress, figure, sized
from tests.support.marks import marks_app
from tests.support.server import ServerProcess

POSTS = sized(300, 10_000)
KILLED_EVERY = sized(200, 500)
WORKERS = 16


class Run:
    """Workers that create marks 0 … `POSTS` - 1, each with its own key and until it is answered, and a server that is
    killed again and again meanwhile."""

    def __init__(self, server: ServerProcess, client: Client) -> None:
        self.server = server
        self.marks = client.collection("marks")
        self.waiting: Iterator[int] = iter(range(POSTS))
        self.answered: dict[str, str] = {}
        self.failed = self.kills = 0
        self.progress = Progress("keyed creations", POSTS)
        self._up = asyncio.Event()
        self._up.set()

    async def work(self) -> None:
        """Create one mark after the other."""
        for number in self.waiting:
            mark = str(number)
            while mark not in self.answered:
                await self._up.wait()
                await self._try(mark)
            if len(self.answered) % KILLED_EVERY == 0 and self._up.is_set():
                await self._kill()
            self.progress.at(len(self.answered), f"({self.kills} kills, {self.failed} calls without an answer)")

    async def _try(self, mark: str) -> None:
        try:
            record = await self.marks.create({"mark": mark}, key=f"mark-{mark}")
        except HinterlandError:
            self.failed += 1
        else:
            self.answered[mark] = record["id"]

    async def _kill(self) -> None:
        self._up.clear()
        self.kills += 1
        self.server.kill()
        await asyncio.to_thread(self.server.start)
        self._up.set()


async def test_keyed_posts(server_process: Callable[..., ServerProcess], tmp_path: Path) -> None:
    """10,000 keyed POSTs through lost answers and restarts: exactly 10,000 records, each under the answered id.

    The small form makes 300.
    """
    server = server_process(marks_app(tmp_path))
    network = FaultyNetwork(Network(), seed=SEED, lost=0.1, reset=0.05)
    async with Client(server.url, transport=network) as client:
        run = Run(server, client)
        await asyncio.gather(*(run.work() for _ in range(WORKERS)))
        network.heal()
        records = [record async for record in run.marks.iterate(limit=1_000)]
    figure(
        f"{POSTS:,} keyed POSTs, {network.met['lost']} answers lost, {network.met['reset']} resets, {run.kills} kills:"
        f" {len(records):,} records in {run.progress.elapsed:.0f} s"
    )
    assert run.kills >= POSTS // KILLED_EVERY - 1
    assert Counter(record["mark"] for record in records) == Counter(map(str, range(POSTS)))
    assert {record["mark"]: record["id"] for record in records} == run.answered
