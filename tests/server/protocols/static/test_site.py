"""A page beside the API: which response each address has, and its headers."""

from __future__ import annotations

import os
from pathlib import Path

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from hinterland.server.app import Server
from hinterland.server.declaration import App
from hinterland.server.protocols.static.site import check_static
from hinterland.server.settings import Settings, SettingsError
from hinterland.server.storage.sqlite import SqliteStorage
from tests.server.api import Api, problem, serving
from tests.support.built_page import CODE, INDEX, NAVIGATION, SCRIPT

IMMUTABLE = "public, max-age=31536000, immutable"


async def test_the_start(site: Api) -> None:
    """`GET /` is the page for browsers and the API's start for programs, and caches keep them apart."""
    page = await site("GET", "/", headers=NAVIGATION)
    assert (page.status_code, page.text, page.headers["cache-control"]) == (200, INDEX, "no-cache")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert {"Accept", "Accept-Encoding"} <= set(page.headers["vary"].split(", "))
    for accept in ("*/*", "application/json", "text/html;q=0", "text/html; q=0.0, */*", ""):
        answer = await site("GET", "/", headers={"Accept": accept})
        assert answer.json()["openapi"] == "openapi.json", accept
        assert "Accept" in answer.headers["vary"]
    assert (await site("POST", "/", headers=NAVIGATION)).status_code == 405


@pytest.mark.parametrize("path", ["/cart", "/users/42/edit", "/cart/", "/v1.5", "/a%20b", "/docs/unknown", "/日本"])
async def test_addresses_of_the_page(site: Api, path: str) -> None:
    """A navigation to an address without a file gets the page, which has a router of its own."""
    answer = await site("GET", path, headers=NAVIGATION)
    assert (answer.status_code, answer.text, answer.headers["cache-control"]) == (200, INDEX, "no-cache")
    assert "Accept" in answer.headers["vary"]
    head = await site("HEAD", path, headers=NAVIGATION)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == answer.headers["content-length"]
    problem(await site("GET", path), 404, "not_found")  # a program's request
    problem(await site("POST", path, headers=NAVIGATION), 404, "not_found")


@pytest.mark.parametrize(
    "path",
    ["/assets/gone-BwOPSdeb.js", "/missing.html", "/favicon.ico", "/a/b.json", "/v1/unknown", "/v1", "/api/unknown",
     "/auth/callback", "/graphql/x", "/mcp", "/metrics", "/_/", "/_", "/.well-known/unknown", "/.well-known/", "/.env",
     "/.git/config", "/assets/.secret", "/health/x", "/openapi.json/x", "/v1/records", "/x%2fy"],
)  # fmt: skip
async def test_what_has_no_fallback(site: Api, path: str) -> None:
    """A missing file, a path of the API and a hidden name are not found, also for navigations."""
    problem(await site("GET", path, headers=NAVIGATION), 404, "not_found")


async def test_the_api_wins(built: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """No file takes the place of an operation, an own or tutorial path, or a collection; the log names those files."""
    for name in ("health", "things", "openapi.json"):
        (built / name).write_text("a file")
    for name in ("v1/records/things", "auth/register", "api/user"):
        (built / name).parent.mkdir(parents=True, exist_ok=True)
        (built / name).write_text("a file")
    async with serving(SqliteStorage(tmp_path / "data"), static=str(built)) as api:
        shadowed = ("/health", "/things", "/openapi.json", "/v1/records/things", "/api/user", "/things/1")
        for path in shadowed:
            answer = await api("GET", path, headers=NAVIGATION)
            assert "json" in answer.headers["content-type"], path
            assert answer.text != "a file"
        assert (await api("GET", "/auth/register", headers=NAVIGATION)).status_code == 405
    reported = {name for name in os.listdir(built) if f"{name}' is not served" in caplog.text}
    assert reported == {"health", "things", "openapi.json", "v1", "auth", "api"}


async def test_without_tutorial_paths(built: Path, tmp_path: Path) -> None:
    """Where tutorial paths are off, their addresses are the page's."""
    (built / "things").write_text("a file")
    async with serving(SqliteStorage(tmp_path / "data"), static=str(built), tutorial_paths=False) as api:
        assert (await api("GET", "/things")).text == "a file"
        assert (await api("GET", "/auth/login", headers=NAVIGATION)).text == INDEX
        assert (await api("GET", "/v1/records/things")).json()["items"] == []


@pytest.mark.parametrize(
    ("path", "kind", "cached"),
    [
        (f"/{SCRIPT}", "text/javascript; charset=utf-8", IMMUTABLE),
        ("/assets/photo-Settings.png", "image/png", "no-cache"),
        ("/config.js", "text/javascript; charset=utf-8", "no-cache"),
        ("/sw.js", "text/javascript; charset=utf-8", "no-cache"),
        ("/manifest.webmanifest", "application/manifest+json", "no-cache"),
        ("/index.html", "text/html; charset=utf-8", "no-cache"),
        ("/docs/", "text/html; charset=utf-8", "no-cache"),
        ("/about", "text/html; charset=utf-8", "no-cache"),
        ("/module.wasm", "application/wasm", "no-cache"),
        ("/a%20name%20%26%20more.txt", "text/plain; charset=utf-8", "no-cache"),
        ("/.well-known/security.txt", "text/plain; charset=utf-8", "no-cache"),
        ("/inside.js", "text/javascript; charset=utf-8", "no-cache"),
    ],
)
async def test_files(site: Api, path: str, kind: str, cached: str) -> None:
    """A file has its type and a tag; only names with a hash of the content are kept without asking again."""
    answer = await site("GET", path)
    assert (answer.status_code, answer.headers["content-type"], answer.headers["cache-control"]) == (200, kind, cached)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["etag"].startswith('"')
    assert answer.headers["last-modified"].endswith(" GMT")
    again = await site("GET", path, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    for name in ("etag", "cache-control"):
        assert again.headers[name] == answer.headers[name]
    assert "content-type" not in again.headers
    assert again.headers.get("vary") == answer.headers.get("vary")


async def test_a_folder_without_its_slash(site: Api) -> None:
    """A folder's page is led to the address with a slash by a relative address, with its query."""
    answer = await site("GET", "/docs?to=//evil.example")
    assert (answer.status_code, answer.headers["location"]) == (308, "./docs/?to=//evil.example")
    assert (await site.http.get(answer.url.join("./docs/"))).text.endswith("docs")
    assert (await site("GET", "/assets")).status_code == 404


async def test_a_rebuild_is_seen(site: Api, built: Path) -> None:
    """A file that is replaced, changed in place, added or removed is so for the next request."""
    first = await site("GET", f"/{SCRIPT}")
    (built / "new.js").write_text("replaced")
    (built / "new.js").replace(built / SCRIPT)
    second = await site("GET", f"/{SCRIPT}", headers={"If-None-Match": first.headers["etag"]})
    assert (first.text, second.status_code, second.text) == (CODE, 200, "replaced")
    (built / SCRIPT).write_text("in place")
    assert (await site("GET", f"/{SCRIPT}")).text == "in place"
    (built / SCRIPT).unlink()
    problem(await site("GET", f"/{SCRIPT}"), 404, "not_found")
    (built / "index.html").unlink()
    assert problem(await site("GET", "/cart", headers=NAVIGATION), 503, "unavailable")["retry_after"] == 1
    (built / "index.html").write_text("again")
    assert (await site("GET", "/cart", headers=NAVIGATION)).text == "again"


async def test_a_file_that_can_not_be_read(
    site: Api, built: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What the operating system refuses to read is not found, and the log names it, at most 60 times a minute."""

    def refuse(place: str, flags: int) -> int:
        raise PermissionError(13, "Permission denied", place)

    monkeypatch.setattr(os, "open", refuse)
    for _ in range(130):
        problem(await site("GET", "/config.js"), 404, "not_found")
    assert 60 <= caplog.text.count(f"cannot read '{built}/config.js': Permission denied") <= 120


async def test_below_a_prefix(built: Path, tmp_path: Path) -> None:
    """Mounted in another application, the page, its addresses and its API are below the prefix."""
    server = Server(App(settings=Settings(static=str(built))), SqliteStorage(tmp_path / "data"))
    outer = Starlette(routes=[Mount("/shop", server)])
    transport = httpx2.ASGITransport(outer)
    async with server.running(), httpx2.AsyncClient(transport=transport, base_url="http://test") as http:
        for path in ("/shop/", "/shop/cart", "/shop/index.html"):
            assert (await http.get(path, headers=NAVIGATION)).text == INDEX, path
        assert (await http.get(f"/shop/{SCRIPT}")).text == CODE
        assert (await http.get("/shop/docs")).headers["location"] == "./docs/"
        assert (await http.get("/shop/health")).json() == {"status": "ok"}
        for path in ("/cart", "/shop/%2e%2e/outside/secret.txt", "/shop/.env", "/shop/v1/x"):
            assert (await http.get(path, headers=NAVIGATION)).status_code == 404, path


def test_a_folder_without_a_page(built: Path, tmp_path: Path) -> None:
    """A folder that is missing, is a file, has no index.html, or would publish data is refused with what to do."""
    check_static(str(built), [tmp_path / "data"])
    (tmp_path / "empty").mkdir()
    for root, words in (
        (tmp_path / "none", "does not exist; build the web page first"),
        (built / "config.js", "is not a folder"),
        (tmp_path / "empty", "has no readable index.html"),
    ):
        with pytest.raises(SettingsError, match=words):
            check_static(str(root))
    for private in (built / "data", built / "app.py", built):
        with pytest.raises(SettingsError, match="everybody could read it"):
            check_static(str(built), [private])


async def test_data_within_the_page(built: Path, tmp_path: Path) -> None:
    """A server does not start where its database would be a file of the page; nothing is made."""
    for static, words in ((str(built), "everybody could read it"), (str(tmp_path / "none"), "does not exist")):
        server = Server(App(settings=Settings(static=static)), SqliteStorage(built / "data"))
        with pytest.raises(SettingsError, match=words):
            async with server.running():
                pass
    assert not (built / "data").exists()
