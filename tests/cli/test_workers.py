"""`hinterland serve --workers N`: several processes on one port, as real processes on PostgreSQL."""

from __future__ import annotations

import http.client
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.command import hinterland, reported
from tests.support.marks import calling, marks, marks_app
from tests.support.ports import free_port
from tests.support.server import ServerProcess
from tests.support.waiting import until

Serve = Callable[..., ServerProcess]


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """The app file of the marks."""
    return marks_app(tmp_path)


@pytest.fixture
def server(server_process: Serve, app: Path, postgres_dsn: str) -> ServerProcess:
    """A server with three workers."""
    return server_process(app, env={"HINTERLAND_DATABASE_URL": postgres_dsn}, arguments=["--workers", "3"])


def children(pid: int) -> set[int]:
    """The processes that a process has started and that live."""
    listed = subprocess.run(["ps", "-o", "pid=,stat=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return {int(line.split()[0]) for line in listed.stdout.splitlines() if "Z" not in line.split()[1]}


def is_alive(pid: int) -> bool:
    """Whether there is a process."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_all_serve_one_port(server: ServerProcess) -> None:
    """The parent greets once, all workers accept connections of one port, and what one writes another reads."""
    workers = children(server.pid)
    assert len(workers) == 3
    assert server.log.count("is served at") == 1
    assert re.search(r"workers +3", server.log)
    connections = []
    for number in range(30):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        connection.request("POST", "/v1/records/marks", f'{{"mark": "{number}"}}', {"content-type": "application/json"})
        assert connection.getresponse().read()
        connections.append(connection)
    with calling(server.url) as client:
        assert marks(client) == {str(number) for number in range(30)}
    for connection in connections:
        connection.close()


def test_a_dead_worker_is_replaced(server: ServerProcess) -> None:
    """A worker that is killed is replaced, which the log says with its number; requests go on meanwhile, and no
    connection is refused."""
    before = children(server.pid)
    victim = min(before)
    os.kill(victim, signal.SIGKILL)
    with ThreadPoolExecutor(8) as pool:  # those that the kernel gives to the dead worker's socket wait for the next
        assert all(pool.map(lambda _: server.is_ready(), range(24)))
    until(lambda: len(children(server.pid) - before) == 1, "no new worker")
    assert re.search(r"worker [123] ended with signal 9; restarting it in 0.1 s", server.log)
    assert server.terminate() == 0


def test_all_end_with_the_parent(server: ServerProcess) -> None:
    """SIGTERM ends every worker after its requests, with code 0; workers of a parent that was killed end too."""
    workers = children(server.pid)
    assert server.terminate() == 0
    assert not any(map(is_alive, workers))
    server.start()
    orphans = children(server.pid)
    server.kill()
    until(lambda: not any(map(is_alive, orphans)), "workers outlived their parent")


def test_interrupted_in_a_terminal(server: ServerProcess) -> None:
    """Ctrl+C ends the parent with code 0, and all workers."""
    workers = children(server.pid)
    server.process.send_signal(signal.SIGINT)
    assert server.wait() == 0
    assert not any(map(is_alive, workers))


def test_sqlite_has_one_process(app: Path, tmp_path: Path) -> None:
    """On SQLite it is refused, with the reason and what to do, and nothing is made."""
    said = reported(hinterland("serve", app, "--data", tmp_path / "data", "--workers", 2, "--port", free_port()))
    assert "--workers 2 needs PostgreSQL" in said
    assert "HINTERLAND_DATABASE_URL" in said
    assert not (tmp_path / "data").exists()


def test_what_prevents_a_start_is_said_once(app: Path, tmp_path: Path) -> None:
    """An error at the start is printed by one worker, and ends all with code 1."""
    env = {"HINTERLAND_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}
    ended = hinterland("serve", app, "--data", tmp_path / "data", "--workers", 3, "--port", free_port(), env=env)
    assert ended.code == 1
    assert ended.err.count("cannot reach PostgreSQL") == 1


def test_a_port_in_use(server: ServerProcess, app: Path, tmp_path: Path, postgres_dsn: str) -> None:
    """Ports are shared between the workers of one parent, not with another server."""
    env = {"HINTERLAND_DATABASE_URL": postgres_dsn}
    said = reported(hinterland("serve", app, "--workers", 2, "--port", server.port, env=env))
    assert f"cannot bind 127.0.0.1:{server.port}" in said


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere workers share one socket")
def test_log_lines_have_the_number(server_process: Serve, app: Path, postgres_dsn: str) -> None:
    """Lines of the log name the worker that wrote them."""
    env = {"HINTERLAND_DATABASE_URL": postgres_dsn}
    server = server_process(app, env=env, arguments=["--workers", "2", "--log-requests"])
    until(lambda: server.is_ready() and {"[worker 1]", "[worker 2]"} <= set(re.findall(r"\[worker .\]", server.log)),
          "one worker serves nothing")  # fmt: skip
