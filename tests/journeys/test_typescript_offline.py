"""The TypeScript client in real tabs of a real browser, with a real server and kills between them.

Among its files is one that runs the app of docs/react.md."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

from tests.figures.scale import SEED, SEEDS, figure, sized
from tests.journeys.page.driver import require_browser
from tests.support.npm import install, run_npm
from tests.support.postgres import PostgresCluster

pytestmark = pytest.mark.slow

CLIENT = Path(__file__).parents[2] / "clients" / "typescript"
# 100 kills of a renderer are 20 of the server.
FULL = {"KILLS": "100", "EVENTS": "10000", "RECORDS": "25000", "SEEDS": str(SEEDS), "SEED": str(SEED)}
SERVERS = 5  # that a file starts at most
WITHIN = sized(300.0, 7200.0)  # seconds
FIGURE = re.compile(r"^(?:\d+ acknowledged writes|first synchronisation:|memory:).*$", re.MULTILINE)
FILES = sorted(file.name for file in (CLIENT / "tests" / "browser").glob("*.browser.ts"))


def run_browser_test(name: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Runs a file of tests in Chromium; what it printed."""
    _, chromium = require_browser()
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("PYTHON", sys.executable)
    monkeypatch.setenv("CHROMIUM", str(chromium))
    install(CLIENT)
    return run_npm(CLIENT, "run", "test:browser", "--", f"tests/browser/{name}", within=WITHIN)


@pytest.mark.parametrize("name", FILES)
def test_the_client_in_a_browser(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every scenario of the file passes, as often and as large as the environment says (`KILLS`, `EVENTS`, `RECORDS`,
    `SEEDS`)."""
    for variable, value in sized({}, FULL).items():
        monkeypatch.setenv(variable, os.environ.get(variable, value))
    printed = run_browser_test(name, monkeypatch)
    for line in FIGURE.findall(printed):
        figure(f"{name}: {line}")


@pytest.mark.parametrize("name", sized(["sync.browser.ts"], FILES))
def test_the_client_with_servers_on_postgresql(
    name: str, monkeypatch: pytest.MonkeyPatch, postgres_cluster: PostgresCluster, tmp_path: Path
) -> None:
    """Every scenario of the file passes against servers on PostgreSQL too."""
    for _ in range(SERVERS):
        database = postgres_cluster.create()
        (tmp_path / database).write_text(postgres_cluster.dsn(database))
    monkeypatch.setenv("DATABASES", str(tmp_path))
    run_browser_test(name, monkeypatch)
    assert len(list(tmp_path.iterdir())) < SERVERS
