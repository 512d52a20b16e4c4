"""What a real browser does with the server's answers: foreign pages, and the Back button."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.journeys.page.driver import PASSED, require_browser, run_scenario
from tests.journeys.page.host import WEB, served_page
from tests.support.marks import calling, marks, marks_app
from tests.support.npm import install
from tests.support.server import ServerProcess
from tests.support.waiting import until

pytestmark = pytest.mark.slow

FETCHING = """<!doctype html><body><script>
fetch(location.search.slice(1)).then((answer) => answer.text()).then((text) => { document.body.innerText = text });
</script>"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a page that does nothing and one that fetches the address in its query."""
    require_browser()
    install(WEB)
    folder = tmp_path_factory.mktemp("pages")
    (folder / "blank.html").write_text("<!doctype html><title>blank</title><link rel=icon href=data:,><body>")
    (folder / "fetching.html").write_text(FETCHING)
    return folder


def test_a_foreign_page_writes_nothing(
    pages: Path, server_process: Callable[..., ServerProcess], tmp_path: Path
) -> None:
    """Nothing that a page of an unlisted origin sends, by fetch, sendBeacon, form or from a sandboxed frame, is carried
    out, and a name that was rebound to this machine reaches nothing; the server's own pages may write."""
    env = {"HINTERLAND_CORS_ORIGINS": "https://allowed.example"}
    server = server_process(marks_app(tmp_path), env=env, arguments=["--log-requests"])

    def refused(count: int) -> None:
        until(lambda: len(re.findall(r"POST \S+ 403 ", server.log)) == count, f"{count} were not refused: {server.log}")

    # 5 paths, by 4 bodies of fetch and 2 of sendBeacon; then 3 forms and the frame.
    asked = {"wait for the beacons": lambda: refused(30), "wait for the frame": lambda: refused(34)}
    with served_page(pages, server.url) as page:
        outcomes = run_scenario("foreignPage", page=page, api=server.url, screenshots=tmp_path, asked=asked)
    assert set(outcomes.values()) == {PASSED}, outcomes
    assert len(outcomes) == 7
    with calling(server.url) as client:
        assert marks(client) == {"own"}
    assert len(re.findall(r"POST \S+ 2\d\d ", server.log)) == 1


def test_the_back_button(pages: Path, server_process: Callable[..., ServerProcess], tmp_path: Path) -> None:
    """The Back button shows a record, and a list, as they are now, whether the browser shows them itself or a page
    fetches them; without its own word, caches of other programs may keep both."""
    server = server_process(marks_app(tmp_path))
    changes = iter(range(100))
    with calling(server.url) as client, served_page(pages, server.url) as page:
        client.post("/v1/records/marks", json={"id": "one", "mark": "new"})

        def change() -> None:
            client.patch("/v1/records/marks/one", json={"mark": f"changed {next(changes)}"}).raise_for_status()

        asked = {"change the record": change}
        outcomes = run_scenario("backButton", page=page, api=server.url, screenshots=tmp_path, asked=asked)
    assert set(outcomes.values()) == {PASSED}, outcomes
    assert len(outcomes) == 5
