"""`python -m benchmarks.postgres`: two processes of this project's server on one PostgreSQL.

Requests go to the first process, streams are opened at the second: an event crosses from one to the other. CPU is that
of both processes, without PostgreSQL's own.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import uvloop
from rich.console import Console
from rich.table import Table

from benchmarks.ours import Hinterland
from benchmarks.peers import Peer
from benchmarks.process import ServerProcess, free_port
from benchmarks.report import figures
from benchmarks.works import NEW_NUMBERS, Fanout, Insert, ListPage, Read, Scale, Work, note
from tests.support.postgres import running_cluster

QUICK = Scale(seconds=0.5, warm_up=0.1, clients=8, subscribers=8)


class NodePair(ServerProcess):
    """Two server processes, counted together."""

    def __init__(self, first: ServerProcess, second: ServerProcess) -> None:
        self.both = (first, second)

    def start(self) -> float:
        """Start one after the other; the seconds that both took."""
        return sum(node.start() for node in self.both)

    def stop(self) -> None:
        """Stop both."""
        for node in self.both:
            node.stop()

    def cpu_seconds(self) -> float:
        """Of both."""
        return sum(node.cpu_seconds() for node in self.both)

    def resident_mib(self) -> float:
        """Of the larger."""
        return max(node.resident_mib() for node in self.both)


class TwoNodes(Hinterland):
    """Two processes on the database `dsn`."""

    label = "Hinterland on PostgreSQL"

    def __init__(self, folder: Path, dsn: str) -> None:
        self.environment = {"HINTERLAND_DATABASE_URL": dsn}
        self._second_port = free_port()
        super().__init__(folder)

    @property
    def stream_port(self) -> int:
        """Streams are opened at the second process."""
        return self._second_port

    def make_process(self) -> ServerProcess:
        """Both processes."""
        port, first = self.port, super().make_process()
        self.port = self._second_port
        second = super().make_process()
        self.port = port
        return NodePair(first, second)


class KeyedInsert(Insert):
    """Inserts, each with an Idempotency-Key of its own."""

    name = "keyed insert"

    def request(self, peer: Peer, number: int) -> bytes:
        """The members take turns."""
        return note(peer, NEW_NUMBERS + number, {"Idempotency-Key": f"key-{number}"})


def works() -> list[tuple[Work, str]]:
    """All works, each with the CPU ms that it may take on PostgreSQL, where there is such a budget."""
    event = Fanout()
    event.name = "event elsewhere"
    plain: list[tuple[Work, str]] = [(Read(), "0.12"), (ListPage(total=False), "0.25"), (Insert(), "0.25")]
    return [*plain, (KeyedInsert(), "0.30"), (event, "–")]


def main() -> int:
    """Measures and prints."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.postgres", description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000, help="records to read and list")
    parser.add_argument("--quick", action="store_true", help="a short run that shows that everything works")
    options = parser.parse_args()
    scale = QUICK if options.quick else Scale()
    with (
        tempfile.TemporaryDirectory(prefix="hinterland-bench-") as folder,
        running_cluster() as cluster,
        cluster.database() as dsn,
    ):
        nodes = TwoNodes(Path(folder) / "nodes", dsn)
        try:
            nodes.prepare(options.rows)
            table = measured(nodes, scale, rounds=1 if options.quick else 3)
        finally:
            nodes.stop()
    Console().print(table)
    return 0


def measured(nodes: TwoNodes, scale: Scale, rounds: int) -> Table:
    """Every work's medians over some rounds."""
    table = Table(title=f"Two processes on one PostgreSQL, {scale.clients} clients, {scale.subscribers} subscribers")
    for heading in ("work", "CPU ms for one", "budget", "a second", "p50 ms", "p99 ms"):
        table.add_column(heading, justify="left" if heading == "work" else "right")
    for work, budget in works():
        found = figures([uvloop.run(work.measure(nodes, scale)) for _ in range(rounds)])
        cells = (f"{found['cpu_ms']:.3f}", budget, f"{found['rps']:,.0f}")
        table.add_row(work.name, *cells, f"{found['p50_ms']:.2f}", f"{found['p99_ms']:.2f}")
    return table


if __name__ == "__main__":
    sys.exit(main())
