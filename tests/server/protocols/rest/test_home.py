"""`GET /`."""

from __future__ import annotations

import re
from pathlib import Path

import httpx2

from hinterland.server.app import Server
from hinterland.server.declaration import App
from hinterland.server.storage.sqlite import SqliteStorage
from tests.server.api import Api

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


async def test_a_page_for_people(api: Api) -> None:
    """A browser gets a page without scripts and without anything from elsewhere, whose links lead to answers."""
    answer = await api("GET", "/", headers=BROWSER)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "Accept" in answer.headers["vary"]
    assert not re.search("<script|https?://", answer.text)
    links = re.findall('<a href="([^"]+)"', answer.text)
    assert "openapi.json" in links
    assert "v1/records/things" in links
    assert all(text in answer.text for text in ("GraphQL", "v1/socket"))
    assert "v1/records/notes" not in links  # it would lead to a refusal
    assert "v1/records/notes" in answer.text
    assert "closed" not in answer.text  # which nobody but administrators may use
    assert "v1/records/comments" not in answer.text  # they are below a record
    for link in links:
        assert (await api.http.get(answer.url.join(link))).status_code == 200, link
    assert len(answer.content) < 6_000


async def test_json_for_programs(api: Api) -> None:
    """A caller that does not ask for HTML gets the same as JSON."""
    for accept in ({}, {"Accept": "*/*"}, {"Accept": "application/json"}):
        answer = await api("GET", "/", headers=accept)
        assert answer.headers["content-type"] == "application/json; charset=utf-8"
        assert answer.json()["name"] == "tests"
        assert answer.json()["collections"]["things"] == "v1/records/things"
        assert answer.json()["graphql"] == "graphql"
        assert (answer.json()["socket"], answer.json()["events"]) == ("v1/socket", "v1/events")
        assert "closed" not in answer.json()["collections"]


async def test_a_name_is_only_text(tmp_path: Path) -> None:
    """An app's name is shown as it is written, never read as HTML."""
    server = Server(App(name="<b>Tom & Jerry</b>$name"), SqliteStorage(tmp_path))
    transport = httpx2.ASGITransport(server)
    async with server.running(), httpx2.AsyncClient(transport=transport, base_url="http://test") as http:
        page = (await http.get("/", headers=BROWSER)).text
    assert "<b>" not in page
    assert page.count("&lt;b&gt;Tom &amp; Jerry&lt;/b&gt;$name") == 2
