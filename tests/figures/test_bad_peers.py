"""Bad input over WebSocket, while others are served."""

from __future__ import annotations

import asyncio
import json
import random
import sys
from pathlib import Path
from statistics import quantiles
from types import MappingProxyType
from typing import Any

from benchmarks.http1 import split
from benchmarks.load import Load
from benchmarks.ours import Hinterland
from benchmarks.works import Read
from tests.figures.bad_peers import ATTACKS, HALF_OPEN
from tests.figures.open_loop import OpenLoop, arrivals
from tests.figures.scale import IS_FULL, SEED, Progress, figure, sized
from tests.house.tree import ROOT

SECONDS = sized(1.5, 20.0)
PACE = 50.0  # attacks a second
RATE = sized(100, 300)
ROWS = 300
KEEP_ALIVE = 0.5  # seconds; three pings without an answer end a connection
TIMES = 2.0  # as long as without bad peers, at most
NOISE = 0.005  # seconds by which a p95 on this machine may differ in any case


class Quick(Hinterland):
    """The benchmark's server, which gives silent peers up soon."""

    environment = MappingProxyType({"HINTERLAND_KEEP_ALIVE_SECONDS": str(KEEP_ALIVE)})


async def served(peer: Hinterland, what: str) -> float:
    """The p95 of reads at a steady pace, in seconds; every answer is right."""
    work = Read()
    loop = OpenLoop(peer.port)
    count = round(RATE * SECONDS)
    await loop.run(arrivals(peer, [work] * count, RATE, random.Random(SEED)), Progress(what, count))
    loop.close()
    work.check(peer, Load(loop.answers))
    assert (loop.lost, {split(answer)[0] for _, answer in loop.answers}, len(loop.answers)) == (0, {200}, count)
    return quantiles(loop.latencies, n=100)[94]


async def attacked(port: int) -> dict[str, Any]:
    """What became of the bad peers."""
    command = [sys.executable, "-m", "tests.figures.bad_peers", str(port), str(SECONDS), str(PACE)]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=pipe, stderr=pipe)
    out, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    report: dict[str, Any] = json.loads(out)
    return report


async def test_bad_peers(tmp_path: Path) -> None:
    """Malformed, huge and fragmented frames, unknown subprotocols, half-open peers and a flood: each ends with the
    standard close code or status, or is slowed down, and others are served within twice the time (p95).

    The small form does not look at the times.
    """
    peer = Quick(tmp_path / "server")
    try:
        peer.prepare(ROWS)
        before = await served(peer, "reads")
        during, report = await asyncio.gather(served(peer, "reads beside bad peers"), attacked(peer.port))
        log = (peer.folder / "log").read_text()
    finally:
        peer.stop()
    endings = {name: {code for code, _ in found} for name, found in report["endings"].items()}
    assert endings == {name: {attack.right} for name, attack in ATTACKS.items()}
    assert report["abandoned"] == HALF_OPEN
    assert 100 < report["answered"] <= 110 + 50 * (SECONDS + 5), "the flood is answered at its pace"
    assert "Traceback" not in log, log
    attacks = sum(count for found in report["endings"].values() for _, count in found)
    figure(
        f"{attacks:,} bad peers of {len(ATTACKS)} kinds, {HALF_OPEN} half-open, one flood ({report['flooded']:,}"
        f" messages sent, {report['answered']:,} answered): p95 of {RATE} reads a second {before * 1e3:.1f} ms without,"
        f" {during * 1e3:.1f} ms with"
    )
    assert during <= TIMES * before + NOISE or not IS_FULL
