"""Calls on a bad network."""

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

CALLS = sized(1_000, 20_000)
AT_ONCE = sized(25, 100)
MAY_FAIL = sized(0.005, 0.001)  # few calls say little of one in a thousand
JITTER = sized(0.05, 0.2)  # seconds at most


class Caller:
    """Makes calls that may be repeated, many at once: reads, and writes with their key."""

    def __init__(self, client: Client) -> None:
        self.marks = client.collection("marks")
        self.failed: Counter[str] = Counter()
        self.done = 0
        self.progress = Progress("calls", CALLS)
        self._numbers: Iterator[int] = iter(range(CALLS))

    async def call(self) -> None:
        """One call after the other."""
        for number in self._numbers:
            try:
                await self._one(number)
            except HinterlandError as error:
                self.failed[error.code] += 1
            self.done += 1
            self.progress.at(self.done, f"({self.failed.total()} failed)")

    async def _one(self, number: int) -> None:
        mark = f"mark-{number % 500}"
        match number % 4:
            case 0:
                await self.marks.get("first")
            case 1:
                await self.marks.list(limit=5)
            case 2:
                await self.marks.create({"mark": mark}, key=str(number))
            case _:
                await self.marks.replace("first", {"mark": mark})


async def test_idempotent_calls(server_process: Callable[..., ServerProcess], tmp_path: Path) -> None:
    """5 % resets + 5 % 503 + 200 ms jitter: ≥ 99.9 % of 20,000 idempotent calls succeed, and none is carried out
    twice.

    The small form makes 1,000 calls with 50 ms, of which ≥ 99.5 % succeed.
    """
    server = server_process(marks_app(tmp_path))
    network = FaultyNetwork(Network(), seed=SEED, reset=0.05, busy=0.05, delay=JITTER)
    async with Client(server.url) as good, Client(server.url, transport=network) as client:
        await good.collection("marks").create({"id": "first", "mark": "first"})
        caller = Caller(client)
        await asyncio.gather(*(caller.call() for _ in range(AT_ONCE)))
        total = (await good.collection("marks").list(limit=1, total=True)).total
    failed = caller.failed.total()
    figure(
        f"{CALLS:,} calls, {network.met['reset']} resets and {network.met['busy']} times 503 in {network.met.total():,}"
        f" requests: {failed} failed {dict(caller.failed)}, {1 - failed / CALLS:.3%} succeeded"
        f" in {caller.progress.elapsed:.0f} s"
    )
    assert failed <= CALLS * MAY_FAIL
    assert total is not None
    assert CALLS // 4 - failed <= total - 1 <= CALLS // 4
