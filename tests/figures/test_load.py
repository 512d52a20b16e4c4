"""A steady stream of mixed requests, as from many people."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import quantiles

import msgspec

from benchmarks.http1 import request, split
from benchmarks.load import Load
from benchmarks.meter import Meter
from benchmarks.ours import Hinterland
from benchmarks.peers import PASSWORD
from benchmarks.works import Insert, ListPage, Read, RequestWork, expect
from tests.figures.open_loop import OpenLoop, arrivals
from tests.figures.scale import IS_FULL, SEED, Progress, figure, sized

RATE = sized(100, 300)  # requests a second
SECONDS = sized(2, 60)
ROWS = sized(300, 10_000)
P95 = 0.1


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
        await loop.run(arrivals(peer, chosen, RATE, chance), progress)
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
