"""`python -m benchmarks.fanout [--subscribers 100 1000 5000]`: what the delivery of an event costs.

The ways are Server-sent events, `/v1/socket` and a GraphQL subscription over WebSocket; beside them PocketBase's
realtime, and the floor: a bare program that writes the same bytes to as many connections.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import cast

import uvloop
from rich.console import Console
from rich.table import Table

from benchmarks.bare_fanout import BareFanout
from benchmarks.meter import CORES, Usage
from benchmarks.ours import Hinterland
from benchmarks.peers import Peer, User
from benchmarks.pocketbase import PocketBase
from benchmarks.streams import Subscriber
from benchmarks.works import Fanout, Sample, Scale, WrongAnswer

GOAL = 1.5  # times the floor
DELIVERIES_A_SECOND = 5_000.0
ROWS = 200
WAYS: dict[str, Callable[[Hinterland, User], Awaitable[Subscriber]]] = {
    "SSE": Hinterland.subscribe,
    "socket": Hinterland.subscribe_socket,
    "GraphQL": Hinterland.subscribe_graphql,
}


class FanoutBy(Fanout):
    """Deliveries of one of our ways."""

    def __init__(self, way: str) -> None:
        super().__init__()
        self._open = WAYS[way]

    async def open(self, peer: Peer, user: User) -> Subscriber:
        """A subscriber of this way."""
        return await self._open(cast(Hinterland, peer), user)


@dataclass(frozen=True)
class Row:
    """CPU milliseconds of a delivery: all of it, its share of the write, the same of the floor, and of PocketBase."""

    way: str
    subscribers: int
    whole: float
    write: float
    floor: float
    pocketbase: float

    @property
    def ratio(self) -> float:
        """The delivery without the write, over the floor."""
        return (self.whole - self.write) / self.floor if self.floor else 0.0


class Delivering:
    """The servers, and what they have used of the machine."""

    def __init__(self, folder: Path, *, against: Path | None, has_peer: bool) -> None:
        self.ours = Hinterland(folder / "ours", against)
        self.peer = PocketBase(folder / "peer") if has_peer else None
        self.floor = BareFanout(folder)
        self.usages: list[Usage] = []

    def start(self) -> None:
        """With users and a few records."""
        for server in (self.ours, self.peer):
            if server is not None:
                server.prepare(ROWS)
        self.floor.process.start()

    def stop(self) -> None:
        """End all."""
        for server in (self.ours, self.peer):
            if server is not None:
                server.stop()
        self.floor.process.stop()

    async def row(self, way: str, subscribers: int, seconds: float, known: float | None) -> Row:
        """One round of a way; `known` is PocketBase's figure where it was measured."""
        pace = max(2.0, DELIVERIES_A_SECOND / subscribers)
        scale = Scale(seconds=seconds, subscribers=subscribers, events_per_second=pace)
        work, peer = FanoutBy(way), known or 0.0
        whole = self._cpu(await work.measure(self.ours, scale))
        events = round(seconds * pace)
        write = await self._writes(scale, events) / subscribers
        floor = await self.floor.measure(work.event, subscribers, events, pace)
        self.usages.append(floor)
        if known is None and self.peer is not None:
            peer = self._cpu(await Fanout().measure(self.peer, scale))
        return Row(way, subscribers, whole, write, floor.server / events / subscribers * 1e3, peer)

    def _cpu(self, sample: Sample) -> float:
        self.usages.append(sample.usage)
        return sample.usage.server / sample.done * 1e3

    async def _writes(self, scale: Scale, events: int) -> float:
        """CPU of a write at the same pace to which nobody listens."""
        alone = Scale(seconds=scale.seconds, subscribers=0, events_per_second=scale.events_per_second)
        usage = (await Fanout().measure(self.ours, alone)).usage
        self.usages.append(usage)
        return usage.server / events * 1e3


async def measure(servers: Delivering, options: argparse.Namespace, console: Console) -> list[Row]:
    """All rounds; the medians of them."""
    rounds: dict[tuple[str, int], list[Row]] = {}
    for number in range(options.rounds):
        for subscribers in options.subscribers:
            known = None
            for way in options.ways:
                row = await servers.row(way, subscribers, options.seconds, known)
                known = row.pocketbase
                rounds.setdefault((way, subscribers), []).append(row)
                line = f"{row.whole:.4f} ms, floor {row.floor:.4f} ms, {row.ratio:.2f} times"
                console.print(f"round {number + 1}, {way} to {subscribers:,}: {line}", highlight=False)
    return [_median(rows) for rows in rounds.values()]


def _median(rows: list[Row]) -> Row:
    whole, write, floor, peer = (median(getattr(row, name) for row in rows)
                                 for name in ("whole", "write", "floor", "pocketbase"))  # fmt: skip
    return Row(rows[0].way, rows[0].subscribers, whole, write, floor, peer)


def table(rows: list[Row]) -> Table:
    """Everything for a person."""
    shown = Table(title="CPU ms of a delivery")
    for heading in ("way", "subscribers", "delivery", "of it the write", "floor", "times", "goal", "PocketBase"):
        shown.add_column(heading, justify="left" if heading == "way" else "right", no_wrap=True)
    for row in rows:
        goal = "holds" if row.ratio <= GOAL else "missed"
        peer = f"{row.pocketbase:.4f}" if row.pocketbase else ""
        cells = (f"{row.subscribers:,}", f"{row.whole:.4f}", f"{row.write:.4f}", f"{row.floor:.4f}")
        shown.add_row(row.way, *cells, f"{row.ratio:.2f}", goal, peer, style=None if goal == "holds" else "bold")
    return shown


def main() -> int:
    """Measures and prints. 0, however fast it is; 1 where a server gave a wrong answer or none; 130 when ended."""
    options = _options()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    console, began = Console(width=120), time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="hinterland-fanout-") as folder:
        servers = Delivering(Path(folder), against=options.against, has_peer=not options.alone)
        try:
            servers.start()
            rows = uvloop.run(measure(servers, options, console))
        except (WrongAnswer, OSError, RuntimeError) as error:
            console.print(f"No figures: {error}", style="bold red", markup=False)
            return 1
        except KeyboardInterrupt:
            console.print("Ended before the figures were complete.")
            return 130
        finally:
            servers.stop()
    console.print(table(rows))
    elapsed = sum(usage.elapsed for usage in servers.usages)
    others = sum(usage.others for usage in servers.usages) / elapsed / CORES
    seconds = time.perf_counter() - began
    console.print(f"Each event came once to each. {seconds:.0f} s; others took {others:.0%} of the machine meanwhile.")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fanout", description=__doc__)
    parser.add_argument("--subscribers", type=int, nargs="+", default=[100, 1_000, 5_000])
    parser.add_argument("--ways", nargs="+", choices=[*WAYS], default=[*WAYS])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement")
    parser.add_argument("--alone", action="store_true", help="without PocketBase")
    parser.add_argument(
        "--against", type=Path, metavar="CHECKOUT", help="measure this project's other checkout instead"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
