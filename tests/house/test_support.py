"""The tools of the tests themselves."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest

from hinterland.contract.changes import Write
from hinterland.contract.fields import Text
from hinterland.contract.records import EVERYBODY, Collection
from hinterland.contract.sync import Mutation, Push
from hinterland.kit.clock import ManualClock
from hinterland.server.data.requests import WriteRequest
from tests.support.postgres import PostgresCluster
from tests.support.required import REQUIRE_ALL
from tests.support.sync_backend import ADMINISTRATOR, SyncBackend, digest_of

ROOT = Path(__file__).parents[2]
SKIPPING = "import pytest\nfrom tests.support.required import require\ndef test_it():\n    require('a moon', None)\n"
SKIPPING_MODULE = "import pytest\npytest.importorskip('no_such_module_anywhere')\n"


@pytest.fixture
def run_pytest(tmp_path: Path) -> Callable[[str, str], subprocess.CompletedProcess[str]]:
    """Runs pytest on a file with the given text and with HINTERLAND_REQUIRE_ALL as given."""

    def run(text: str, require_all: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "test_given.py").write_text(text)
        command = [sys.executable, "-m", "pytest", "-p", "tests.support.required", "-p", "no:cacheprovider", "-rs"]
        env = {**os.environ, REQUIRE_ALL: require_all, "PYTHONPATH": str(ROOT)}
        rooted = [*command, "--rootdir", str(tmp_path), "-c", os.devnull, str(tmp_path / "test_given.py")]
        return subprocess.run(rooted, env=env, cwd=tmp_path, capture_output=True, text=True, check=False)

    return run


def test_what_is_missing_is_skipped_with_a_printed_reason(
    run_pytest: Callable[[str, str], subprocess.CompletedProcess[str]],
) -> None:
    """Where a machine lacks something, the test that needs it is skipped and the reason is printed."""
    done = run_pytest(SKIPPING, "")
    assert done.returncode == 0, done.stdout
    assert "a moon is not on this machine" in done.stdout


@pytest.mark.parametrize("text", [SKIPPING, SKIPPING_MODULE], ids=["test", "module"])
def test_a_skip_is_a_failure_where_all_is_required(
    run_pytest: Callable[[str, str], subprocess.CompletedProcess[str]], text: str
) -> None:
    """With HINTERLAND_REQUIRE_ALL=1 a skip is a failure, of a test and of a whole module."""
    done = run_pytest(text, "1")
    assert done.returncode != 0
    assert f"{REQUIRE_ALL}=1, and this was skipped" in done.stdout


async def test_a_database_comes_back_empty(postgres_cluster: PostgresCluster) -> None:
    """A later test finds nothing of an earlier one's in its database, though a connection was left open."""
    with postgres_cluster.database() as dsn:
        left_open = await asyncpg.connect(dsn)
        await left_open.execute("create schema s; create table s.t (i int); create table u (i int)")
    found = {}
    while dsn not in found:  # the databases take turns
        with postgres_cluster.database() as again:
            connection = await asyncpg.connect(again)
            tables = "select count(*) from pg_tables where schemaname in ('s', 'public')"
            found[again] = await connection.fetchval(tables)
            await connection.close()
    left_open.terminate()
    assert set(found.values()) == {0}


async def test_postgresql_is_as_durable_as_it_comes(postgres_dsn: str) -> None:
    """The tests' PostgreSQL keeps fsync and synchronous_commit on, so that what they show holds in earnest."""
    connection = await asyncpg.connect(postgres_dsn)
    settings = [await connection.fetchval(f"show {name}") for name in ("fsync", "synchronous_commit")]
    await connection.close()
    assert settings == ["on", "on"]


async def test_a_change_that_is_no_mutations_is_noticed(tmp_path: Path) -> None:
    """`SyncBackend.applied` gives the mutations of devices, and fails where one has changed something twice."""
    server = SyncBackend(tmp_path, ManualClock(), [Collection(name="notes", fields={"text": Text()}, rules=EVERYBODY)])
    write = Write(act="create", collection="notes", body={"text": "once"})
    push = Push(device="phone", mutations=[Mutation(seq=1, id="first", writes=[write])])
    for _ in range(2):
        await server.push("ada", push)
    [applied] = await server.applied()
    assert applied == ("ada", "phone", 1, digest_of("first"))
    backend = await server.backend()
    await backend.commands.submit(WriteRequest((write,), ADMINISTRATOR, origin="ada/phone"))
    with pytest.raises(AssertionError):
        await server.applied()
    await server.close()
