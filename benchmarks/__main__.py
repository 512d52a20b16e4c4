"""`python -m benchmarks [--out file.json] [--quick]`: both servers, every work, interleaved rounds, checked answers."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import cast

import uvloop
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks import floor, report
from benchmarks.fastify_node import FastifyNode
from benchmarks.graphql_peers.peers import GraphqlCore, Strawberry
from benchmarks.graphql_peers.works import check_sign_in, graphql_works
from benchmarks.ours import Hinterland
from benchmarks.peers import Peer, Served
from benchmarks.pocketbase import PocketBase
from benchmarks.report import Result
from benchmarks.rules import check_rules
from benchmarks.works import Sample, Scale, Work, WrongAnswer
from benchmarks.works_of_many import works

_QUIET = 0.1  # the share of the machine that may go to others without a word
PEERS: dict[str, Callable[[Path], Served]] = {
    "pocketbase": PocketBase, "fastify": FastifyNode, "strawberry": Strawberry, "graphql-core": GraphqlCore,
}  # fmt: skip
GRAPHQL = ("strawberry", "graphql-core")
QUICK = Scale(seconds=0.3, warm_up=0.1, clients=8, subscribers=8)


def main() -> int:
    """Measures and prints. 0, however fast it is; 1 where a server gave a wrong answer or none; 130 when ended."""
    options = _options()
    # An interrupt ends a running loop in order and cleans up; so does SIGTERM, also in a shell's background.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    console = Console()
    console = console if console.is_terminal else Console(width=150)
    with tempfile.TemporaryDirectory(prefix="hinterland-bench-") as folder:
        try:
            ours, peer = Hinterland(Path(folder) / "ours"), _peer(Path(folder) / "peer", options)
        except RuntimeError as error:
            console.print(f"No figures: {error}", style="bold red", markup=False)
            return 1
        try:
            results = _measure(ours, peer, options, console)
        except (WrongAnswer, OSError, RuntimeError) as error:
            console.print(f"No figures: {error}", style="bold red", markup=False)
            return 1
        except KeyboardInterrupt:
            console.print("Ended before the figures were complete.")
            return 130
        finally:
            ours.stop()
            peer.stop()
    if options.out is not None:
        report.write(options.out, results, peer)
    return 0


def _peer(folder: Path, options: argparse.Namespace) -> Served:
    return Hinterland(folder, options.against) if options.against is not None else PEERS[options.peer](folder)


def _works(options: argparse.Namespace) -> list[Work]:
    """Those that the peer answers: records, GraphQL, or both for another checkout of ours."""
    records = [] if options.peer in GRAPHQL and options.against is None else works()
    return [*records, *(graphql_works() if options.peer in GRAPHQL or options.against is not None else ())]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--out", type=Path, help="keep the figures as JSON")
    parser.add_argument("--against", type=Path, metavar="CHECKOUT", help="measure beside this project's other checkout")
    parser.add_argument("--peer", choices=(*PEERS,), default="pocketbase", help="measure beside this one")
    parser.add_argument("--quick", action="store_true", help="a short run that shows that everything works")
    parser.add_argument("--rounds", type=int, default=None, help="rounds of both servers in turn (default: 3)")
    parser.add_argument("--rows", type=int, default=None, help="records to read and list (default: 100,000)")
    parser.add_argument("--only", action="append", default=[], metavar="WORK", help="this work alone; may be repeated")
    options = parser.parse_args()
    options.rounds = options.rounds or (1 if options.quick else 3)
    options.rows = options.rows or (2_000 if options.quick else 100_000)
    options.scale = QUICK if options.quick else Scale()
    options.works = [work for work in _works(options) if work.name in (options.only or [work.name])]
    if not options.works:
        parser.error(f"--only takes one of: {', '.join(work.name for work in _works(options))}")
    return options


def _measure(ours: Served, peer: Served, options: argparse.Namespace, console: Console) -> list[Result]:
    began = time.perf_counter()
    for server in (ours, peer):
        console.print(f"Preparing {server.label} with {options.rows:,} records ...")
        server.prepare(options.rows)
        if isinstance(server, Peer):
            check_rules(server)
        if options.peer in GRAPHQL:
            check_sign_in(server)
        console.print(f"  {server.label} {server.version}: {server.settings}")
        console.print(f"  writes: {server.durability()}", markup=False, highlight=False)
    scale: Scale = options.scale
    console.print(
        f"{scale.clients} clients, {scale.subscribers} subscribers, {scale.seconds:g} s each", highlight=False
    )
    results, floors = _rounds(ours, peer, options, console)
    console.print(report.table(results, ours, peer))
    console.print(f"A bare handler under the same HTTP server: {median(floors):.3f} ms of CPU.", highlight=False)
    for missed in report.misses(results):
        console.print(f"Missed: {missed}", highlight=False)
    others, seconds = report.disturbance(results), time.perf_counter() - began
    console.print(f"All answers were right. {seconds:.0f} s.", highlight=False)
    if others > _QUIET:
        console.print(f"Others took {others:.0%} of the machine meanwhile: every figure is too high.", style="yellow")
    return results


def _rounds(
    ours: Served, peer: Served, options: argparse.Namespace, console: Console
) -> tuple[list[Result], list[float]]:
    floors: list[float] = []
    results = [Result(work, [], [], peer.label) for work in options.works]
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, auto_refresh=False, transient=True) as progress:
        task = progress.add_task("", total=options.rounds * len(results) * 2)
        for number in range(options.rounds):
            floors.append(uvloop.run(floor.measure(ours.folder, options.scale.clients)))
            for result in results:
                for server, samples in ((ours, result.ours), (peer, result.peer)):
                    progress.update(task, description=f"{result.work.name}, {server.label}", refresh=True)
                    samples.append(_sample(result.work, server, options.scale))
                    progress.update(task, advance=1)
                line = report.line(result.work, result.ours[-1], result.peer[-1])
                progress.console.print(f"round {number + 1}, {line}", highlight=False)
    return results, floors


def _sample(work: Work, server: Served, scale: Scale) -> Sample:
    return uvloop.run(work.measure(cast(Peer, server), scale))  # works of GraphQL ask for no more than it is


if __name__ == "__main__":
    sys.exit(main())
