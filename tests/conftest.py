"""Fixtures for every folder of tests; see tests/support for what they give."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.support.ports import free_port
from tests.support.postgres import PostgresCluster, running_cluster
from tests.support.required import pytest_make_collect_report, pytest_runtest_makereport
from tests.support.server import ServerProcess

__all__ = ["pytest_make_collect_report", "pytest_runtest_makereport"]  # hooks: pytest finds them here

# A shell's background ignores SIGINT and nohup SIGHUP, which the programs that the tests start would inherit.
signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

# The tests start hundreds of programs: without its bytecode each would compile all of the package again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# No deadline: two busy cores make any single example slow. In CI the examples are the same every time.
settings.register_profile(
    "house",
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("house")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """The processes that `make test` runs the tests in: one more than there are cores, since tests also wait for disks
    and for other programs, and four at most."""
    return min(4, (os.cpu_count() or 1) + 1)


@pytest.fixture
def port() -> int:
    """A free port on 127.0.0.1."""
    return free_port()


@pytest.fixture(scope="session")
def postgres_cluster() -> Iterator[PostgresCluster]:
    """The PostgreSQL of this run, started when the first test asks for it."""
    with running_cluster() as cluster:
        yield cluster


@pytest.fixture
def postgres_dsn(postgres_cluster: PostgresCluster) -> Iterator[str]:
    """The connection string of an empty database, this test's alone."""
    with postgres_cluster.database() as dsn:
        yield dsn


@pytest.fixture
def postgres_database(postgres_cluster: PostgresCluster) -> Iterator[Callable[[], str]]:
    """Each call gives the connection string of another empty database, this test's alone."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(postgres_cluster.database())


@pytest.fixture
def server_process(tmp_path: Path) -> Iterator[Callable[..., ServerProcess]]:
    """`server_process(app, **options)` starts `hinterland serve` on a data folder of this test and ends it afterwards.

    Options are those of `ServerProcess`; `data` is `tmp_path / "data"` by default.
    """
    with ExitStack() as stack:

        def start(app: Path | None = None, data: Path | None = None, **options: Any) -> ServerProcess:
            server = ServerProcess(app, data or tmp_path / "data", **options)
            return stack.enter_context(server)

        yield start
