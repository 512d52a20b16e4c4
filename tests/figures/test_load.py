"""A steady stream of mixed requests that does not wait for answers: a slow answer does not slow the questions."""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import quantiles

import msgspec

from benchmarks.http1 import request, split
from benchmarks.load import Connection, Load
from benchmarks.meter import Meter
from benchmarks.ours import Hinterland
from benchmarks.peers import PASSWORD
from benchmarks.works import Insert, ListPage, Read, RequestWork, expect
from hinterland.kit.clock import SystemClock
from tests.figures.scale import IS_FULL, SEED, Progress, figure, sized

RATE = sized(100, 300)  # requests a second
SECONDS = sized(2, 60)
ROWS = sized(300, 10_000)
LONGEST = 30.0  # seconds that the last answers may take
P95 = 0.1
CLOCK = SystemClock()


class LogIn(RequestWork):
    """Somebody logs in, which costs a hash."""

    name = "log in"

    def request(self, peer: object, number: int) -> bytes:
        """The users take turns."""
        body = msgspec.json.encode({"email": f"user{number % 5}@example.org", "password": PASSWORD})
        return request("POST", "/v1/auth/login", {}, body)

    def check(self, peer: object, load: Load) -> None:
        """Each is answered with a session."""
        assert {split(answer)[0] for _, answer in load.answers} <= {200}


WORKS: list[tuple[RequestWork, float]] = [
    (Read(), 0.55), (ListPage(total=False), 0.2), (ListPage(total=True), 0.04), (Insert(), 0.2), (LogIn(), 0.01),
]  # fmt: skip


class OpenLoop:
    """Sends each request at its time on a connection that is free, or on a new one.

    A latency counts from the time at which the request was due, so that waiting for its turn is part of it.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: deque[Connection] = deque()
        self._due: dict[Connection, float] = {}
        self.connections = 0
        self.latencies: list[float] = []
        self.answers: list[tuple[int, bytes]] = []
        self.lost = 0

    async def run(self, requests: Iterator[tuple[float, int, bytes]], progress: Progress) -> None:
        """Send (due, number, request) in the order of their times, and wait for the last answers."""
        began = CLOCK.monotonic()
        for due, number, data in requests:
            if (early := began + due - CLOCK.monotonic()) > 0:
                await CLOCK.sleep(early)
            connection = self._idle.popleft() if self._idle else await self._connect()
            self._due[connection] = began + due
            connection.send(number, data)
            progress.at(number, f"({self.connections} connections)")
        async with asyncio.timeout(LONGEST):
            while self._due:
                await CLOCK.sleep(0.01)

    def close(self) -> None:
        """End the connections."""
        for connection in self._idle:
            connection.close()

    async def _connect(self) -> Connection:
        self.connections += 1
        connection = Connection(self._answered, lambda: self._lost(connection))
        await asyncio.get_running_loop().create_connection(lambda: connection, "127.0.0.1", self._port)
        return connection

    def _answered(self, connection: Connection, answer: bytes) -> None:
        self.latencies.append(CLOCK.monotonic() - self._due.pop(connection))
        self.answers.append((connection.number, answer))
        self._idle.append(connection)

    def _lost(self, connection: Connection) -> None:
        if self._due.pop(connection, None) is not None:
            self.lost += 1
        elif connection in self._idle:
            self._idle.remove(connection)  # the server lets connections go that were long idle


def arrivals(peer: Hinterland, chosen: list[RequestWork], chance: random.Random) -> Iterator[tuple[float, int, bytes]]:
    """Requests at random times, `RATE` a second on average, as from many people who know nothing of one another."""
    due = 0.0
    for number, work in enumerate(chosen):
        due += chance.expovariate(RATE)
        yield due, number, work.request(peer, number)


@contextmanager
def prepared(folder: Path) -> Iterator[Hinterland]:
    """The benchmark's server with its records."""
    peer = Hinterland(folder / "server")
    try:
        peer.prepare(ROWS)
        yield peer
    finally:
        peer.stop()


async def test_mixed_load(tmp_path: Path) -> None:
    """300 requests a second, mixed, 60 s, on two cores: p95 < 100 ms, no error, every answer right.

    The small form sends 100 a second for 2 s and looks at the answers alone: what else the machine does meanwhile is
    not known.
    """
    chance = random.Random(SEED)
    works, weights = zip(*WORKS, strict=True)
    chosen: list[RequestWork] = chance.choices(works, weights, k=RATE * SECONDS)
    progress = Progress("mixed requests", len(chosen))
    with prepared(tmp_path) as peer:
        before, meter = peer.count_notes(), Meter(peer.process)
        loop = OpenLoop(peer.port)
        await loop.run(arrivals(peer, chosen, chance), progress)
        usage = meter.stop()
        loop.close()
        for work in works:
            work.check(peer, Load([(n, answer) for n, answer in loop.answers if chosen[n] is work]))
        expect(peer, "notes", before + sum(isinstance(work, Insert) for work in chosen), peer.count_notes())
    statuses = Counter(split(answer)[0] for _, answer in loop.answers)
    cuts = quantiles(loop.latencies, n=1000)
    p50, p95, p99 = (cuts[at - 1] for at in (500, 950, 990))
    figure(
        f"{len(loop.answers):,} requests, {len(loop.answers) / usage.elapsed:.0f} a second, {loop.connections}"
        f" connections: p50 {p50 * 1000:.1f}, p95 {p95 * 1000:.1f}, p99 {p99 * 1000:.1f} ms, {loop.lost} lost,"
        f" {dict(statuses)}; server {usage.server / usage.elapsed:.0%} of a core, others {usage.others:.1f} s of CPU,"
        f" load {os.getloadavg()[0]:.1f}"
    )
    assert loop.lost == 0
    assert len(loop.answers) == len(chosen)
    assert statuses.keys() <= {200, 201}
    assert p95 < P95 or not IS_FULL
