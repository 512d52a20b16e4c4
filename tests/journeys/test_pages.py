"""The code on the pages about an app's own operations and about embedding is run as it is shown."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from hinterland import App, Client, Server
from hinterland.client.errors import BadRequest
from hinterland.client.transports.inprocess import InProcess
from hinterland.server import Settings
from hinterland.server.settings import AuthSettings
from hinterland.server.storage.sqlite import SqliteStorage

DOCS = Path(__file__).parents[2] / "docs"
URL = "http://server.localhost"


def blocks(page: str) -> dict[str, str]:
    """The named blocks of Python of a page."""
    return dict(re.findall(r"```python (\w+)\n(.*?)```", (DOCS / page).read_text(), re.DOTALL))


def run(code: str, names: dict[str, Any]) -> None:
    """Run a block of a page over these names; its functions and classes are its module's."""
    exec(compile(code, "<page>", "exec", dont_inherit=True), names)  # noqa: S102


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Everything that the page on own operations declares."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "builtins"}
    page = blocks("functions.md")
    for name in ("server", "client", "rows", "shared", "transfers", "photos"):
        run(page.pop(name), names)
    assert page == {}
    return names


@pytest.fixture
async def client(shop: dict[str, Any], tmp_path: Path) -> AsyncIterator[Client]:
    """A client that is signed in at the page's server."""
    app: App = shop["app"]
    app.settings = Settings(auth=AuthSettings(hash_memory_kib=8, hash_passes=1))
    transport = InProcess(Server(app, SqliteStorage(tmp_path)))
    async with Client(URL, transport=transport, operations=[shop["AREA"]]) as client:
        await client.auth.sign_up(name="ada", email="ada@example.org", password="correct horse")
        yield client


async def test_own_operations(shop: dict[str, Any], client: Client, tmp_path: Path) -> None:
    """The page's operations answer what it says, by their rows and by their names."""
    for year, amount in ((2025, 1), (2026, 20), (2026, 22)):
        await client.collection("orders").create({"amount": amount, "year": year})
    assert await shop["show"](client) == {"amount": 42, "orders": 2}
    assert await client.call("squares.area", {"width": 1.5}) == 2.25
    (tmp_path / "mine").mkdir()
    photo = tmp_path / "mine" / "photo.jpg"
    photo.write_bytes(b"x" * 1_000)
    assert await shop["keep"](client, photo) == 1_000
    assert await shop["end_of"](client, "photo.jpg") == b"x" * 100
    with pytest.raises(Exception, match=r"no photo is called 'none\.jpg'"):
        await client.call("photos.get", {"name": "none.jpg"}, method="GET")
    for name in ("", "..", "a/b.jpg", "x" * 300 + ".jpg"):
        with pytest.raises(BadRequest):
            await client.call("photos.get", {"name": name}, method="GET")


@pytest.mark.parametrize("kind", ["starlette", "fastapi"])
async def test_embedding(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page's application serves its own routes, and the backend below the prefix with its links, from its lifespan
    on; before it the backend answers 503. Its settings are those of the environment."""
    if kind == "fastapi":
        pytest.importorskip("fastapi")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HINTERLAND_HOOK_SECONDS", "7")
    names: dict[str, Any] = {"__name__": "page"}
    run(blocks("embedding.md")["starlette"], names)
    if kind == "fastapi":
        run(blocks("embedding.md")["fastapi"], names)
    assert names["backend"].settings.hook_seconds == 7
    application = names["application"]
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(application), base_url=URL) as http:
        early = await http.get("/backend/v1/records/notes")
        assert (early.status_code, early.json()["code"]) == (503, "unavailable")
    async with Client(f"{URL}/backend", transport=InProcess(application)) as client:
        for text in ("a", "b"):
            await client.collection("notes").create({"text": text})
        page = await client.collection("notes").list(limit=1)
        rest = await client.collection("notes").list(limit=1, cursor=page.next or "")
        assert [note["text"] for note in [*page.items, *rest.items]] == ["a", "b"]
        stream = client.events(["notes"])
        assert (await anext(stream)).kind == "ready"
        await stream.aclose()
        if kind == "starlette":
            assert (await client.request("GET", f"{URL}/")).content == b"hello"
