"""`hinterland compact` as it is typed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.support.command import hinterland, reported
from tests.support.server import ServerProcess


def test_compact(server_process: Callable[..., ServerProcess], tmp_path: Path) -> None:
    """It refuses while the server runs, naming it, says what it did once that is stopped, and the server starts on the
    result."""
    data = tmp_path / "data"
    server = server_process(data=data)
    assert f"{server.url}; stop it" in reported(hinterland("compact", "--data", data))
    server.terminate()
    done = hinterland("compact", "--data", data)
    assert done.code == 0
    assert done.out.startswith(f"Compacted {data}: 0.")
    assert done.out.endswith(" MiB now.\n")
    server_process(data=data)


def test_what_can_not_be_compacted(tmp_path: Path) -> None:
    """A folder without a database is reported and stays without one; for PostgreSQL it says what to use instead."""
    assert "no database in" in reported(hinterland("compact", "--data", tmp_path))
    assert [*tmp_path.iterdir()] == []
    env = {"HINTERLAND_DATABASE_URL": "postgresql://u@127.0.0.1:1/x"}
    assert "VACUUM FULL" in reported(hinterland("compact", "--data", tmp_path, env=env))
