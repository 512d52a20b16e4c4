"""Several servers on one PostgreSQL, of which some are killed under load: clients go on at others."""

from __future__ import annotations

import json
import re
import resource
import signal
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.figures.scale import figure, sized
from tests.figures.talk import APP, CLOCK, Talk
from tests.support.nats import NatsServer
from tests.support.postgres import running_cluster
from tests.support.server import ServerProcess

ROOMS = sized(3, 10)
SUBSCRIBERS = sized(30, 1_000)
EVENTS = sized(300, 20_000)
PAUSE = sized(1.0, 65.0)  # seconds
KILLS = sized(1, 15)  # of each number of servers: 30 in all


@pytest.mark.parametrize("count", [2, 3])
async def test_nodes(
    server_process: Callable[..., ServerProcess], tmp_path: Path, postgres_dsn: str, count: int
) -> None:
    """Two and three servers, 1,000 subscribers spread over them, 20,000 writes through all, kill -9 of one after the
    other: no write is lost or doubled, no subscriber has a gap or a duplicate.

    The small form has 30 subscribers, 300 writes and one kill.
    """
    servers = started(server_process, tmp_path, count, {"HINTERLAND_DATABASE_URL": postgres_dsn})
    await talked(Talk(servers, rooms=ROOMS, subscribers=SUBSCRIBERS, events=EVENTS, kills=KILLS), KILLS, "kills")


class Paused:
    """A server that stands still for a while and then goes on, as a machine does that is moved."""

    def __init__(self, server: ServerProcess) -> None:
        self._server = server

    def kill(self) -> None:
        """Stop it, with all that it holds."""
        self._server.process.send_signal(signal.SIGSTOP)

    def start(self) -> None:
        """Let it go on after a while."""
        threading.Event().wait(PAUSE)
        self._server.process.send_signal(signal.SIGCONT)


@pytest.mark.parametrize("what", sized(["postgres"], ["postgres", "nats", "pause"]))
async def test_failures_around_the_servers(
    server_process: Callable[..., ServerProcess], tmp_path: Path, what: str
) -> None:
    """PostgreSQL crashes and comes back, NATS goes away and comes back, a server stands still for longer than its
    transactions may and goes on: no write is lost or doubled, no subscriber has a gap or a duplicate, and the servers
    log no error of their own. The small form is one crash of PostgreSQL.
    """
    with running_cluster() as cluster, cluster.database() as dsn, ExitStack() as stack:
        env = {"HINTERLAND_DATABASE_URL": dsn}
        nats = stack.enter_context(NatsServer()) if what == "nats" else None
        if nats is not None:
            env["HINTERLAND_NATS_URL"] = nats.url
        servers = started(server_process, tmp_path, 2, env)
        victims = {"postgres": cluster, "nats": nats, "pause": Paused(servers[1])}
        victim, times = victims[what], sized(1, 2 if what == "pause" else 10)
        assert victim is not None
        talk = Talk(servers, rooms=ROOMS, subscribers=SUBSCRIBERS, events=EVENTS // 2, kills=times, victims=[victim])
        await talked(talk, times, f"failures ({what})")
        for server in servers:
            assert "Traceback" not in server.log
            server.terminate()


def started(
    server_process: Callable[..., ServerProcess], folder: Path, count: int, env: dict[str, str]
) -> list[ServerProcess]:
    """So many servers of the talk's app."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4 * SUBSCRIBERS)), hard))
    app = folder / "app.py"
    app.write_text(APP)
    return [server_process(app, folder / f"data{number}", env=env) for number in range(count)]


async def talked(talk: Talk, times: int, what: str) -> None:
    """Run it, print its figures, and compare what is there at the end with what was written."""
    await talk.run()
    running = [server for server in talk.servers if server.is_running]
    while not all(server.is_ready() for server in running):  # the last one may be about to start again
        await CLOCK.sleep(0.05)
    kept = [total(server) for server in running]
    most = max(resident_mib(server.pid) for server in talk.servers)
    figure(
        f"{talk.events:,} events through {len(kept)} servers to {SUBSCRIBERS:,} subscribers: {talk.delivered:,}"
        f" deliveries over {talk.streams:,} streams, {talk.drops} drops, {talk.kills} {what}: {len(talk.wrong)} gaps or"
        f" duplicates, {kept[0] - talk.events} records too many, in {talk.progress.elapsed:.0f} s; delivery p50"
        f" {talk.latency(0.5):.2f} s, p95 {talk.latency(0.95):.2f} s; {most:.0f} MiB in the largest server"
    )
    assert talk.kills == times
    assert talk.wrong == []
    assert set(kept) == {talk.events}


def resident_mib(pid: int) -> float:
    """The memory of a process in MiB."""
    found = re.search(r"^VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return int(found[1]) / 1024 if found is not None else 0.0


def total(server: ServerProcess) -> int:
    """How many records a server counts."""
    with urlopen(f"{server.url}/v1/records/talk?limit=1&total=true", timeout=30) as answer:
        return int(json.load(answer)["total"])
