"""The hosts that a request may name."""

from __future__ import annotations

import logging
from pathlib import Path

import httpx2
import pytest

from hinterland.server.app import Server
from hinterland.server.declaration import App
from hinterland.server.middleware.boundary import Boundary
from hinterland.server.middleware.cors import Cors
from hinterland.server.middleware.hosts import Hosts
from hinterland.server.settings import Settings
from hinterland.server.storage.sqlite import SqliteStorage
from tests.server.api import Api, problem, serving


async def _nothing(scope: object, receive: object, send: object) -> None:
    raise AssertionError("not asked")  # pragma: no cover


_CORS = Cors(Boundary(_nothing, 1.0), ())


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:8000", "127.0.0.1", "127.0.0.1:8000", "127.1.2.3:1", "[::1]:8000", "[::1]", "localhost.",
     "shop.localhost:8000"],
)  # fmt: skip
def test_loopback_is_always_allowed(host: str) -> None:
    """Names that no foreign page can have for its own are allowed, with any port."""
    assert Hosts(_CORS, ()).allows(host.encode())
    assert Hosts(_CORS, ("shop.example",)).allows(host.encode())


@pytest.mark.parametrize(
    "host",
    ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "xlocalhost", "128.0.0.1", "0.0.0.0", "[::2]",
     "shop.example.evil.example", "xshop.example", "a.shop.example", "", "evil.example:8000@127.0.0.1", "deep.example",
     "a." * 50_000 + "deep.example"],
)  # fmt: skip
def test_what_is_not_allowed(host: str) -> None:
    """A host is compared as a whole: what only begins or ends like an allowed one is refused."""
    assert not Hosts(_CORS, ("shop.example", "*.deep.example")).allows(host.encode())


def test_listed_hosts() -> None:
    """A listed name is allowed whatever its case and port; `*.` stands for every name below, `*` for every host."""
    hosts = Hosts(_CORS, ("Shop.example", "*.deep.example", "[fd00::1]"))
    for host in (b"shop.example", b"SHOP.EXAMPLE:8000", b"a.deep.example", b"b.a.deep.example:1", b"[FD00::1]:8000"):
        assert hosts.allows(host)
    assert Hosts(_CORS, ("*",)).allows(b"anything.example")


async def test_a_page_by_a_rebound_name(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A server that listens on loopback only answers a page whose name was rebound to it with 421, reads and writes
    alike, and nothing is carried out; the message and the log name the setting."""
    server = Server(App(), SqliteStorage(tmp_path), is_local=True)
    transport = httpx2.ASGITransport(server)
    page = {"Host": "evil.example:8000", "Origin": "http://evil.example:8000", "Sec-Fetch-Site": "same-origin"}
    async with (
        server.running() as backend,
        httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http,
    ):
        before = (await backend.storage.head()).revision
        person = {"name": "Eve", "email": "eve@example.org", "password": "7 lean oysters"}
        for refused in (
            await http.post("/auth/register", json=person, headers=page),
            await http.get("/openapi.json", headers=page),
            await http.get("/nowhere", headers={"Host": "evil.example"}),
        ):
            assert "allowed_hosts" in problem(refused, 421, "misdirected")["message"]
        assert (await backend.storage.head()).revision == before
        for _ in range(2):  # a host that is known, too
            assert (await http.get("/health")).status_code == 200
    assert "HINTERLAND_ALLOWED_HOSTS" in caplog.text


async def test_where_hosts_are_not_checked(api: Api) -> None:
    """An ASGI application, and a server that others reach, answers for every host unless `allowed_hosts` is set."""
    assert (await api("GET", "/health", headers={"Host": "any.example"})).status_code == 200


async def test_where_hosts_are_listed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """With `allowed_hosts` others are refused wherever the server listens, and no control sign reaches the log."""
    async with serving(SqliteStorage(tmp_path), allowed_hosts=("shop.example",)) as api:
        assert (await api("GET", "/health", headers={"Host": "shop.example:443"})).status_code == 200
        with caplog.at_level(logging.WARNING, "hinterland.hosts"):
            problem(await api("GET", "/health", headers={"Host": "x\x1bforged"}), 421, "misdirected")
    assert "\x1b" not in caplog.text


def test_the_setting_is_checked() -> None:
    """What is no host name is an error at the start: a scheme, a port, a path."""
    for host in ("https://shop.example", "shop.example:80", "shop.example/", "", "*.*.example", "a b"):
        with pytest.raises(Exception, match="allowed_hosts"):
            Settings(allowed_hosts=(host,))
