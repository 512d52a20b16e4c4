"""`python -m benchmarks.postgres`: several processes of this project's server on one PostgreSQL.

Requests go to the first process, streams are opened at the last: an event crosses from one to the other. CPU is that of
all processes, without PostgreSQL's own. The ways to the database and between the processes are measured in turn:
`plain`, `pgbouncer` (in transaction mode; LISTEN goes around it) and `nats`.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import uvloop
from rich.console import Console
from rich.table import Table

from benchmarks.ours import Hinterland
from benchmarks.peers import Peer
from benchmarks.process import ServerProcess, free_port
from benchmarks.report import figures
from benchmarks.works import NEW_NUMBERS, Fanout, Insert, ListPage, Read, Sample, Scale, Work, note
from tests.support.nats import NatsServer
from tests.support.pgbouncer import pooled
from tests.support.postgres import running_cluster

QUICK = Scale(seconds=0.5, warm_up=0.1, clients=8, subscribers=8)


class NodeGroup(ServerProcess):
    """Several server processes, counted together."""

    def __init__(self, nodes: Sequence[ServerProcess]) -> None:
        self.nodes = nodes

    def start(self) -> float:
        """Start one after the other; the seconds that all took."""
        return sum(node.start() for node in self.nodes)

    def stop(self) -> None:
        """Stop all."""
        for node in self.nodes:
            node.stop()

    def cpu_seconds(self) -> float:
        """Of all."""
        return sum(node.cpu_seconds() for node in self.nodes)

    def resident_mib(self) -> float:
        """Of the largest."""
        return max(node.resident_mib() for node in self.nodes)


class OneDatabase(Hinterland):
    """So many processes on the database that `environment` names."""

    label = "Hinterland on PostgreSQL"

    def __init__(self, folder: Path, count: int, environment: Mapping[str, str]) -> None:
        self.environment = environment
        self._other_ports = [free_port() for _ in range(count - 1)]
        super().__init__(folder)

    @property
    def stream_port(self) -> int:
        """Streams are opened at the last process."""
        return self._other_ports[-1]

    def make_process(self) -> ServerProcess:
        """All processes."""
        port, nodes = self.port, [super().make_process()]
        for other in self._other_ports:
            self.port = other
            nodes.append(super().make_process())
        self.port = port
        return NodeGroup(nodes)


@contextmanager
def reached(way: str, dsn: str) -> Iterator[dict[str, str]]:
    """The environment of servers that reach the database `dsn`, and each other, in a way."""
    with ExitStack() as stack:
        environment = {"HINTERLAND_DATABASE_URL": dsn}
        if way == "pgbouncer":
            pooled_dsn = stack.enter_context(pooled(dsn, size=20))
            environment = {"HINTERLAND_DATABASE_URL": pooled_dsn, "HINTERLAND_DATABASE_DIRECT_URL": dsn}
        if way == "nats":
            environment["HINTERLAND_NATS_URL"] = stack.enter_context(NatsServer()).url
        yield environment


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
    parser.add_argument("--nodes", type=int, default=2, help="how many processes there are, at least 2")
    parser.add_argument("--ways", default="plain", help="some of plain,pgbouncer,nats")
    parser.add_argument("--quick", action="store_true", help="a short run that shows that everything works")
    options = parser.parse_args()
    scale = QUICK if options.quick else Scale()
    with (
        tempfile.TemporaryDirectory(prefix="hinterland-bench-") as folder,
        running_cluster() as cluster,
        ExitStack() as stack,
    ):
        nodes: dict[str, OneDatabase] = {}
        for way in options.ways.split(","):
            environment = stack.enter_context(reached(way, stack.enter_context(cluster.database())))
            nodes[way] = OneDatabase(Path(folder) / way, options.nodes, environment)
            stack.callback(nodes[way].stop)
            nodes[way].prepare(options.rows)
        table = measured(nodes, scale, rounds=1 if options.quick else 3)
    Console().print(table)
    return 0


def measured(nodes: Mapping[str, OneDatabase], scale: Scale, rounds: int) -> Table:
    """Every work's medians over some rounds, in which the ways take turns."""
    table = Table(title=f"{scale.clients} clients, {scale.subscribers} subscribers")
    for heading in ("work", "way", "CPU ms for one", "budget", "a second", "p50 ms", "p99 ms"):
        is_name = heading in ("work", "way")
        table.add_column(heading, justify="left" if is_name else "right", no_wrap=is_name)
    for work, budget in works():
        samples: dict[str, list[Sample]] = {way: [] for way in nodes}
        for _ in range(rounds):
            for way, group in nodes.items():
                samples[way].append(uvloop.run(work.measure(group, scale)))
        for way, of_way in samples.items():
            found = figures(of_way)
            cells = (f"{found['cpu_ms']:.3f}", budget, f"{found['rps']:,.0f}")
            table.add_row(work.name, way, *cells, f"{found['p50_ms']:.2f}", f"{found['p99_ms']:.2f}")
    return table


if __name__ == "__main__":
    sys.exit(main())
