"""The path that routes are found by."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from hinterland.server.middleware.paths import routed
from hinterland.server.storage.sqlite import SqliteStorage
from tests.server.api import Api, located, problem, serving

PREFIX = "/backend"


def scope(path: str, raw: bytes | None = None, **more: Any) -> dict[str, Any]:
    """As much of ASGI's scope as has to do with the path."""
    return {"type": "http", "path": path, **({} if raw is None else {"raw_path": raw}), **more}


@pytest.mark.parametrize(
    "path", ["/v1/admin%2Flogin", "/v1%2Fadmin/login", "/v1/admin%2flogin", "/v1%2Fauth%2Flogin", "/%2Fv1/auth/login"]
)
async def test_an_encoded_slash_is_no_delimiter(api: Api, path: str) -> None:
    """A path with an encoded slash is not the one with a slash, for which a proxy may have a rule of its own."""
    problem(await api("POST", path, json={"email": "a@example.org", "password": "x"}), 404, "not_found")


@pytest.mark.parametrize("path", ["/health", "/v1/admin/schema", "/v1/auth/me", "/things", "/v1/records/things"])
async def test_a_line_break_ends_no_path(api: Api, path: str) -> None:
    """A path with an encoded line break at its end is another one than that without it."""
    answer = await api("GET", f"{path}%0A", headers=api.admin)
    problem(answer, 404, answer.json()["code"])


async def test_an_id_with_a_slash_reaches_no_other_record(api: Api) -> None:
    """An id is one segment whatever is in it: an encoded slash in it names no record of another collection."""
    post = located(await api("POST", "/v1/records/posts", json={"title": "t"}))
    comment = located(await api("POST", f"{post}/comments", json={"text": "c"}))
    id = comment.removeprefix("/v1/records/posts/").replace("/", "%2F")
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        for place in (f"/v1/records/posts/{id}", f"/posts/{id}", "/v1/records/things/..%2Fposts%2F1"):
            problem(await api(method, place, json={} if method in ("PUT", "PATCH") else None), 404, "not_found")
    assert (await api("GET", comment)).status_code == 200


@pytest.mark.parametrize("path", ["/v1/records/posts/%", "/%zz", "/posts/%f", "/posts/%ff", "/%c3%28", "/%ED%A0%80"])
async def test_what_is_not_percent_encoded_utf8(api: Api, path: str) -> None:
    """A path whose escapes are not hexadecimal, or not UTF-8, is 400."""
    url = httpx2.URL("http://test", raw_path=path.encode())
    problem(await api.http.request("GET", url), 400, "invalid_request")


async def test_other_escapes_mean_their_characters(api: Api) -> None:
    """Escapes of letters are the letters (RFC 3986 §6.2.2.2)."""
    assert (await api("GET", "/v1/records/%70osts")).json()["items"] == []
    assert (await api("GET", "/%68ealth")).status_code == 200


def test_without_a_raw_path() -> None:
    """A server that gives no raw path has decoded the path, which is taken as it is; it may give a prefix."""
    assert routed(scope("/a b/c", root_path="/p"))["path"] == "/a b/c"
    assert routed(scope("/p/a b/c", root_path="/p"))["path"] == "/a b/c"
    assert routed(scope("/p", None, root_path="/p"))["path"] == "/"
    assert routed(scope("/path", None, root_path="/p"))["path"] == "/path"


def test_mounted_behind_a_proxy() -> None:
    """An application whose proxy reports the prefix that it strips can have the server mounted in it."""
    mounted = scope("/backend/v1", app_root_path="/proxy", root_path="/proxy/backend")
    assert routed(mounted)["path"] == "/v1"
    assert routed({**mounted, "path": "/proxy/backend/v1"})["path"] == "/v1"
    assert routed({**mounted, "path": "/other"})["path"] == "/other"


def _around(server: Any, kind: str) -> Any:
    """An application in which the server is mounted below the prefix."""
    if kind == "starlette":
        return Starlette(routes=[Mount(PREFIX, app=server)])
    if kind == "fastapi":
        app = pytest.importorskip("fastapi").FastAPI()
        app.mount(PREFIX, server)
        return app
    return Starlette(routes=[Mount("/{tenant}", app=server)])


@pytest.fixture(params=["stripped", "starlette", "fastapi", "parameter"])
async def prefixed(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[httpx2.AsyncClient]:
    """The server below a prefix: of a proxy that strips it without a word, or of an application around it."""
    async with serving(SqliteStorage(tmp_path)) as api:

        async def stripping(scope: Any, receive: Any, send: Any) -> None:
            assert scope["path"].startswith(f"{PREFIX}/"), "an address leaves the prefix"
            raw = scope["raw_path"].removeprefix(PREFIX.encode())
            await api.server({**scope, "path": scope["path"].removeprefix(PREFIX), "raw_path": raw}, receive, send)

        app = stripping if request.param == "stripped" else _around(api.server, request.param)
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://test") as http:
            yield http


@pytest.mark.parametrize("place", ["/v1/records/posts", "/posts"])
async def test_addresses_stay_below_a_prefix(prefixed: httpx2.AsyncClient, place: str) -> None:
    """Below a prefix every path works, and Location and Link lead to what they name."""
    for title in ("a", "b", "c"):
        made = await prefixed.post(f"{PREFIX}{place}", json={"title": title})
        assert (await prefixed.get(made.url.join(made.headers["location"]))).json() == made.json()
    answer = await prefixed.get(f"{PREFIX}{place}", params={"limit": 2, "filter": "record.title >= 'a'"})
    following = await prefixed.get(answer.url.join(answer.links["next"]["url"]))
    items = following.json()["items" if "v1" in place else "data"]
    assert [item["title"] for item in items] == ["c"]
    put = await prefixed.put(f"{PREFIX}/v1/records/things/a%5Fb", json={}, headers={"If-None-Match": "*"})
    assert put.url.join(put.headers["location"]).path == f"{PREFIX}/v1/records/things/a_b"


async def test_documents_stay_below_a_prefix(prefixed: httpx2.AsyncClient) -> None:
    """The document's server and the page's links are relative to where a caller found them."""
    described = await prefixed.get(f"{PREFIX}/openapi.json")
    [server] = described.json()["servers"]
    assert described.url.join(server["url"]).path.rstrip("/") == PREFIX
    home = await prefixed.get(f"{PREFIX}/")
    for place in (home.json()["openapi"], home.json()["collections"]["things"]):
        assert (await prefixed.get(home.url.join(place))).status_code == 200
