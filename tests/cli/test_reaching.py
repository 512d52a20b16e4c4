"""What connects a command with its database."""

from __future__ import annotations

from pathlib import Path

import pytest

from hinterland.cli.reaching import running
from hinterland.server.storage.ownership import Ownership
from tests.support.command import hinterland, reported
from tests.support.ports import free_port


@pytest.mark.parametrize("command", ["serve", "migrate", "import", "admin"])
def test_postgresql_without_its_library(tmp_path: Path, command: str) -> None:
    """Where `database_url` asks for PostgreSQL and its library is not installed, the message says what to install."""
    (tmp_path / "asyncpg.py").write_text("raise ModuleNotFoundError(\"No module named 'asyncpg'\", name='asyncpg')")
    (tmp_path / "app.py").write_text("from hinterland.server import App\napp = App()\n")
    (tmp_path / "rows.json").write_text("[{}]")
    arguments = {
        "serve": ("--port", free_port()),
        "migrate": (tmp_path / "app.py",),
        "import": ("users", tmp_path / "rows.json"),
        "admin": ("create", "me@example.org", "--password", "7 lean oysters"),
    }[command]
    env = {"PYTHONPATH": str(tmp_path), "HINTERLAND_DATABASE_URL": "postgresql://127.0.0.1/shop"}
    ended = hinterland(command, *arguments, "--data", tmp_path / "data", env=env)
    assert "install hinterland with the extra 'postgres'" in reported(ended)
    assert len(ended.err.splitlines()) == 1


def test_the_server_of_another_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that means PostgreSQL never reaches a server that happens to serve SQLite from the data folder."""
    owner = Ownership(tmp_path / "data")
    owner.take()
    try:
        owner.announce(url="http://127.0.0.1:1", control="secret")
        assert running(tmp_path / "data", None) == ("http://127.0.0.1:1", "secret")
        (tmp_path / "app.py").write_text(
            "from hinterland.server import App, Settings\n"
            "app = App(settings=Settings(database_url='postgresql://127.0.0.1/shop'))\n"
        )
        assert running(tmp_path / "data", tmp_path / "app.py") is None
        monkeypatch.setenv("HINTERLAND_DATABASE_URL", "postgresql://127.0.0.1/shop")
        assert running(tmp_path / "data", None) is None
    finally:
        owner.release()
