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

pytestmark = pytest.mark.slow

CLIENT = Path(__file__).parents[2] / "clients" / "typescript"
# 100 kills of a renderer are 20 of the server.
FULL = {"KILLS": "100", "EVENTS": "10000", "RECORDS": "25000", "SEEDS": str(SEEDS), "SEED": str(SEED)}
WITHIN = sized(300.0, 7200.0)  # seconds
FIGURE = re.compile(r"^.*(?:acknowledged writes|IndexedDB alone|memory:).*$", re.MULTILINE)
FILES = sorted(file.name for file in (CLIENT / "tests" / "browser").glob("*.browser.ts"))


@pytest.mark.parametrize("name", FILES)
def test_the_client_in_a_browser(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every scenario of the file passes, as often and as large as the environment says (`KILLS`, `EVENTS`, `RECORDS`,
    `SEEDS`)."""
    _, chromium = require_browser()
    monkeypatch.setenv("PYTHON", sys.executable)
    monkeypatch.setenv("CHROMIUM", str(chromium))
    install(CLIENT)
    for variable, value in sized({}, FULL).items():
        monkeypatch.setenv(variable, os.environ.get(variable, value))
    printed = run_npm(CLIENT, "run", "test:browser", "--", f"tests/browser/{name}", within=WITHIN)
    for line in FIGURE.findall(printed):
        figure(f"{name}: {line}")
