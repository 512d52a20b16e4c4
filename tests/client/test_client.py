"""The client as a whole."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

import hinterland.client
import hinterland.testing
from hinterland.client.client import DEFAULT_URL, Client
from hinterland.client.errors import ClientClosed, ConnectionLost, InvalidSetting, UnsafeRequest
from hinterland.client.exchange import Request, Response, Send
from hinterland.client.options import Options
from hinterland.client.session import SignedOut
from hinterland.client.transports.network import Network
from hinterland.client.transports.scripted import Scripted
from hinterland.client.vault.file import FileVault
from hinterland.kit.clock import ManualClock
from hinterland.testing.clock import play
from tests.client.conftest import log_in
from tests.client.local.conftest import until


def test_where_the_backend_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """The address is the one given, else API_URL, else this machine's port 8000."""
    monkeypatch.delenv("API_URL", raising=False)
    assert Client().url == DEFAULT_URL == "http://127.0.0.1:8000"
    monkeypatch.setenv("API_URL", "https://api.example/base/")
    assert Client().url == "https://api.example/base"
    assert Client("https://other.example").url == "https://other.example"
    assert isinstance(Client().transport, Network)


@pytest.mark.parametrize("face", [hinterland.client, hinterland.testing])
def test_the_face_shows_what_it_promises(face: object) -> None:
    """Every promised name can be imported from the face, and no other."""
    assert [name for name in face.__all__ if not hasattr(face, name)] == []  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        face.nothing  # type: ignore[attr-defined]  # noqa: B018


async def test_a_base_path_and_headers_go_with_each_call(make: Callable[..., Client], script: Scripted) -> None:
    """An address with a path stays in front, and the options' headers go with every request to the
    backend, and to no other server."""
    client = make(url="https://api.example/base", options=Options(headers={"X-App": "1"}))
    sent = {"x-app": "1", "accept": "application/json"}
    script.expect("GET", "/base/v1/records/posts/1", headers=sent).answer(json={})
    await client.collection("posts").get(1)
    script.expect("GET", "/x", headers={"x-app": None}).answer(200)
    await client.request("GET", "https://other.example/x")


async def test_own_layers_see_each_call_once(make: Callable[..., Client], script: Scripted, clock: ManualClock) -> None:
    """A layer of the app sees each call once, however often it is tried, and may change it."""
    seen: list[str] = []

    async def own(request: Request, send: Send) -> Response:
        seen.append(request.url)
        return await send(request.with_headers({"x-own": "1"}))

    script.expect("GET", "/x", headers={"x-own": "1"}).answer(503)
    script.expect("GET", "/x", headers={"x-own": "1"}).answer(200)
    await play(clock, make(layers=[own]).request("GET", "/x"))
    assert len(seen) == 1


@pytest.mark.parametrize(
    ("path", "headers", "words"),
    [
        ("health", {}, "'health' is neither a path nor a URL"),
        ("health?next=http://x", {}, "'health' is neither a path nor a URL"),
        ("ftp://127.0.0.1/x", {}, "neither a path nor a URL"),
        ("", {}, "neither a path nor a URL"),
        ("/x", {"x-name": "ü"}, "the value of x-name must be ASCII"),
        ("/x", {"x-name": "a\r\nb: c"}, "the value of x-name must be ASCII"),
        ("/x", {"x name": "1"}, "'x name' is not the name of a header"),
    ],
)
async def test_a_request_that_can_not_be_sent(client: Client, path: str, headers: dict[str, str], words: str) -> None:
    """A path without its slash, or a header that can't be sent, is an error that says so; nothing is sent."""
    with pytest.raises(UnsafeRequest, match=words) as caught:
        await client.request("GET", path, headers=headers)
    assert caught.value.sent == "no"


async def test_a_url_in_a_query(client: Client, script: Scripted) -> None:
    """A path is a path, whatever its query holds."""
    script.expect("GET", "/x", query={"next": "https://other.example/"}).answer(200)
    await client.request("GET", "/x?next=https://other.example/")
    assert script.requests[0].url.startswith("http://127.0.0.1:8000/x")


async def test_a_closed_client_says_so(make: Callable[..., Client]) -> None:
    """After closing, calls are errors at once, and closing again is none."""
    async with make() as client:
        pass
    await client.close()
    with pytest.raises(ClientClosed) as caught:
        await client.collection("posts").list()
    assert (caught.value.sent, caught.value.operation) == ("no", "records.list")


async def test_what_waits_for_a_closed_client(
    make: Callable[..., Client], script: Scripted, clock: ManualClock
) -> None:
    """A caller who waits for events or for another state of the session when the client is closed is reported."""
    client = make()
    script.expect("GET", "/v1/events").stream([b"id: c\nevent: ready\ndata: {}\n\n", ConnectionLost()])
    events, states = client.events(["posts"]), client.auth.states()
    assert (await anext(events)).kind == "ready"
    assert await anext(states) == SignedOut()
    waiting = [asyncio.ensure_future(_next(events)), asyncio.ensure_future(_next(states))]
    await until(lambda: clock.waiting)  # for the next try
    await client.close()
    for each in (*waiting, _next(client.auth.states()), _next(client.events(["posts"]))):
        with pytest.raises(ClientClosed):
            await asyncio.wait_for(each, 20)


async def _next(items: AsyncIterator[Any]) -> Any:
    return await anext(items)


async def test_a_store_brings_its_parts(make: Callable[..., Client], script: Scripted, tmp_path: Path) -> None:
    """With a store there are local records, sync and outbox, for the user who is signed in, and a sealed vault."""
    client = make(store=tmp_path / "app.db")
    async with client:
        assert await client.open() is client
        await log_in(client, script)
        assert client.local.scope.account == "u1"
        await client.local.collection("notes").create({"text": "kept"})
        assert len(await client.outbox.list()) == 1
        assert not client.sync.is_running
    assert FileVault(tmp_path / "app.db.vault").load() is not None
    again = make(store=tmp_path / "app.db")
    async with again:
        assert again.local.scope.account == "u1"
        assert len(await again.outbox.list()) == 1


@pytest.mark.parametrize("store", ["", " ", "a\0b"])
def test_a_store_that_is_no_path(store: str) -> None:
    """A store that no file can have for its path is an error of the client's own, which names the setting."""
    with pytest.raises(InvalidSetting, match="store="):
        Client(store=store)


def test_without_a_store_there_are_no_local_records(make: Callable[..., Client]) -> None:
    """Who asks for local records without a store is reported how to have one."""
    with pytest.raises(RuntimeError, match=r"store='app\.db'"):
        _ = make().local
