"""The TypeScript client in real tabs of a real browser, with a real server and kills between them.

Among its files is one that runs the app of docs/react.md."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.journeys.page.driver import require_browser
from tests.support.npm import install, run_npm

pytestmark = pytest.mark.slow

CLIENT = Path(__file__).parents[2] / "clients" / "typescript"
FILES = sorted(file.name for file in (CLIENT / "tests" / "browser").glob("*.browser.ts"))


@pytest.mark.parametrize("name", FILES)
def test_the_client_in_a_browser(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every scenario of the file passes; `KILLS` in the environment says how often a renderer is killed."""
    _, chromium = require_browser()
    monkeypatch.setenv("PYTHON", sys.executable)
    monkeypatch.setenv("CHROMIUM", str(chromium))
    install(CLIENT)
    run_npm(CLIENT, "run", "test:browser", "--", f"tests/browser/{name}")
