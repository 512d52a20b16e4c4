"""GraphiQL's page and files."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from hinterland.contract.records import EVERYBODY, Collection
from hinterland.server.app import Server
from hinterland.server.declaration import App
from hinterland.server.settings import Settings
from hinterland.server.storage.sqlite import SqliteStorage
from tests.server.protocols.asgi import Answer, ask

HTML = {"Accept": "text/html,*/*;q=0.8", "Host": "localhost"}
COLLECTIONS = [Collection(name="posts", rules=EVERYBODY)]


async def answers(folder: Path, settings: Settings, *, is_local: bool, headers: dict[str, str] = HTML) -> list[Answer]:
    """What a browser gets for the page, and for its script."""
    server = Server(App(collections=COLLECTIONS, settings=settings), SqliteStorage(folder), is_local=is_local)
    async with server.running():
        return [await ask(server, "GET", path, headers=headers) for path in ("/graphql", "/graphql/graphiql.js")]


async def test_the_page(tmp_path: Path) -> None:
    """A browser on the developer's machine gets a page, whose scripts and styles are the server's own, by its policy;
    styles that are added while it runs have the nonce of the response."""
    page, script = await answers(tmp_path, Settings(), is_local=True)
    policy = page.headers["content-security-policy"]
    nonce = re.search(r"style-src 'self' 'nonce-([\w-]{20,})'", policy)
    assert nonce is not None
    assert f'nonce="{nonce[1]}"' in page.body.decode()
    assert "default-src 'none'; script-src 'self';" in policy
    assert "unsafe" not in policy
    assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert (script.status, script.headers["content-type"]) == (200, "text/javascript; charset=utf-8")
    other, _ = await answers(tmp_path, Settings(), is_local=True)
    assert nonce[1] not in other.body.decode()


@pytest.mark.parametrize(
    ("settings", "is_local"),
    [(Settings(), False), (Settings(allowed_hosts=("localhost",)), True)],
    ids=["every address", "a proxy's hosts"],
)
async def test_only_while_an_app_is_developed(tmp_path: Path, settings: Settings, is_local: bool) -> None:
    """A server that others can reach, by its own address or by a host that is allowed, has no such page."""
    page, script = await answers(tmp_path, settings, is_local=is_local)
    assert (page.status, page.headers["content-type"]) == (400, "application/json; charset=utf-8")
    assert script.status == 404


@pytest.mark.parametrize("name", ["Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Via"])
async def test_no_page_through_a_proxy(tmp_path: Path, name: str) -> None:
    """A request that a proxy passed on gets no page, also where the proxy names itself as the host."""
    page, _ = await answers(tmp_path, Settings(), is_local=True, headers={**HTML, name: "x"})
    assert "content-security-policy" not in page.headers


async def test_programs_get_no_page(tmp_path: Path) -> None:
    """A request that accepts any kind, or GraphQL's, is one of GraphQL."""
    for accept in ("*/*", "application/graphql-response+json"):
        answer, _ = await answers(tmp_path, Settings(), is_local=True, headers={"Accept": accept, "Host": "localhost"})
        assert answer.status == 400
        assert "query is missing" in answer.json["errors"][0]["message"]


async def test_without_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the library is not installed, the page is an error that names the extra, and the server runs."""
    monkeypatch.delitem(sys.modules, "hinterland.server.protocols.graphql.service", raising=False)
    monkeypatch.setitem(sys.modules, "graphql", None)
    page, _ = await answers(tmp_path, Settings(), is_local=True)
    assert page.status == 501
    assert "the extra 'graphql'" in page.json["errors"][0]["message"]


async def test_files(tmp_path: Path) -> None:
    """A file that a browser has is not sent again; there are no others than those of the page, and no way to change
    them."""
    server = Server(App(collections=COLLECTIONS), SqliteStorage(tmp_path), is_local=True)
    async with server.running():
        tag = (await ask(server, "GET", "/graphql/graphiql.css", headers=HTML)).headers["etag"]
        again = await ask(server, "GET", "/graphql/graphiql.css", headers={**HTML, "If-None-Match": tag})
        other = await ask(server, "GET", "/graphql/graphiql.py", headers=HTML)
        written = await ask(server, "PUT", "/graphql/graphiql.css", headers=HTML)
    assert (again.status, again.body) == (304, b"")
    assert other.status == 404
    assert (written.status, written.headers["allow"]) == (405, "GET, HEAD")
