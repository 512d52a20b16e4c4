"""The limit of open files."""

from __future__ import annotations

import resource
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx2

from hinterland.server.protocols.http1.ceiling import WARN_SECONDS, Ceiling
from tests.support.marks import marks_app
from tests.support.server import ServerProcess

Serve = Callable[..., ServerProcess]
GET = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"


@contextmanager
def limited(soft: int) -> Iterator[int]:
    """A lower soft limit of this process, which those that it starts inherit; gives the hard one."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, before[1]))
    try:
        yield before[1]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def statuses(port: int, count: int) -> list[bytes]:
    """How as many connections at once are answered; each stays open until all are answered."""
    with ExitStack() as stack:
        lines = [stack.enter_context(socket.create_connection(("127.0.0.1", port), 20)) for _ in range(count)]
        for line in lines:
            line.sendall(GET)
        return [line.recv(4_096)[9:12] for line in lines]


def test_the_limit_is_raised(server_process: Serve, tmp_path: Path) -> None:
    """A server raises its soft limit of open files to the hard one, and says so."""
    with limited(512) as hard:
        server = server_process(marks_app(tmp_path))
    assert resource.prlimit(server.pid, resource.RLIMIT_NOFILE) == (hard, hard)
    assert f"raised the limit of open files from 512 to {hard}" in server.log


def test_connections_beyond_the_limit(server_process: Serve, tmp_path: Path) -> None:
    """A connection beyond the limit is answered 503 and not reset; the log says so once, and what is below the limit
    is served, also afterwards."""
    server = server_process(marks_app(tmp_path))
    limit = len([*Path(f"/proc/{server.pid}/fd").iterdir()]) + 100
    resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (limit, limit))
    answers = statuses(server.port, 80)
    assert answers.count(b"200") + answers.count(b"503") == 80
    assert answers[0] == b"200"
    assert answers.count(b"503") > 1
    while httpx2.get(f"{server.url}/health").status_code == 503:  # until the others are closed there too
        pass
    assert server.log.count("refusing connections") == 1


def test_once_a_minute() -> None:
    """The log tells of a limit that is reached once a minute, and again in the next."""
    ceiling, limit = Ceiling(), resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    assert not ceiling.is_reached(3, 0.0)
    assert all(ceiling.is_reached(limit - 1, moment) for moment in (0.0, 1.0, WARN_SECONDS))
    assert ceiling._warned == WARN_SECONDS
