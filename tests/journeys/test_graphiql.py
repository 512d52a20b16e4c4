"""GraphiQL in a real browser, as `hinterland serve` shows it at `/graphql`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.journeys.page.driver import PASSED, require_browser, run_scenario
from tests.journeys.page.host import ROOT
from tests.support.npm import building, install, run_npm
from tests.support.server import ServerProcess

pytestmark = pytest.mark.slow

APP = ROOT / "examples" / "shop" / "app.py"
SOURCE = ROOT / "web" / "graphiql"
COMMITTED = ROOT / "src" / "hinterland" / "server" / "protocols" / "graphql" / "page"
MOST_BYTES = 1_500_000  # of all its files
STEPS = (
    "it loads, and reads the schema",
    "a query is answered",
    "it fits its window, light and dark",
    "the token in its headers is sent",
    "a subscription shows changes as they come",
    "the console has no message",
    "the page threw no error of its own",
)


def files_of(folder: Path) -> dict[str, int]:
    """The hash of each file, by its name."""
    return {path.name: hash(path.read_bytes()) for path in folder.iterdir()}


def test_the_committed_files(tmp_path: Path) -> None:
    """The files in the package are the build of their source (`make page` builds them), and not many bytes."""
    install(SOURCE)
    with building(SOURCE):
        run_npm(SOURCE, "run", "page", "--", "--outDir", str(tmp_path))
    assert files_of(COMMITTED) == files_of(tmp_path)
    assert sum(path.stat().st_size for path in COMMITTED.iterdir()) < MOST_BYTES


def test_a_developer_uses_it(server_process: Callable[..., ServerProcess], tmp_path: Path) -> None:
    """It loads by a policy that allows the server's own scripts only, and sends queries and subscriptions to the server
    with the headers that are written in it."""
    require_browser()
    server = server_process(APP)
    address = f"{server.url}/graphql"
    outcomes = run_scenario("graphiql", page=address, api=address, screenshots=tmp_path)
    assert outcomes == dict.fromkeys(STEPS, PASSED), server.log
