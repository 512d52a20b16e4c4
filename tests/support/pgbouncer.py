"""A real PgBouncer in transaction mode, in front of a database of the tests."""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from tests.support.ports import free_port
from tests.support.required import require_program
from tests.support.waiting import until

_CONFIG = """
[databases]
* = host={host} user=postgres pool_size={size}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
max_client_conn = 500
"""


@contextmanager
def pooled(dsn: str, *, size: int = 4) -> Iterator[str]:
    """The DSN of `dsn`'s database through a PgBouncer that has `size` connections for all its clients, and gives each
    transaction the next free one."""
    program = require_program("pgbouncer", "apt-get install pgbouncer")
    parts = urlsplit(dsn)
    folder_of_socket, port = Path(parse_qs(parts.query)["host"][0]), free_port()
    with tempfile.TemporaryDirectory(prefix="bouncer-") as folder:
        config = Path(folder) / "pgbouncer.ini"
        config.write_text(_CONFIG.format(host=folder_of_socket, size=size, port=port))
        # It refuses to run as root; the owner of the socket may connect to it.
        user = ["-u", folder_of_socket.owner()] if os.geteuid() == 0 else []
        with (Path(folder) / "log").open("wb") as log:
            process = subprocess.Popen([program, "-q", *user, config], stdout=log, stderr=log)
        try:
            until(lambda: _answers(port), f"PgBouncer did not start: {(Path(folder) / 'log').read_text()}")
            yield f"postgresql://postgres@127.0.0.1:{port}{parts.path}"
        finally:
            process.kill()
            process.wait()


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
