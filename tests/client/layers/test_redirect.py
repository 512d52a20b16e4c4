"""Where a request may go."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hinterland.client.client import Client
from hinterland.client.errors import InsecureAddress, InvalidSetting, RedirectRefused
from hinterland.client.layers.redirect import is_loopback
from hinterland.client.transports.scripted import Scripted
from tests.client.conftest import log_in

HERE = "https://api.example"


def moved(script: Scripted, to: str, *, status: int = 307, method: str = "GET", path: str = "/a") -> None:
    """The server points elsewhere."""
    script.expect(method, path).answer(status, headers={"location": to})


async def test_another_host_gets_no_authorization(make: Callable[..., Client], script: Scripted) -> None:
    """A redirect to another host → no Authorization; cookies and keys stay too."""
    client = make(url=HERE)
    await log_in(client, script)
    moved(script, "https://files.example/b")
    private = {"authorization": None, "cookie": None, "idempotency-key": None, "x-mine": "1"}
    script.expect("GET", "/b", headers=private).answer(200)
    await client.request("GET", "/a", headers={"Cookie": "c=1", "Idempotency-Key": "k", "X-Mine": "1"})
    assert script.requests[-2].headers["authorization"] == "Bearer access-1"


async def test_the_same_server_gets_all(make: Callable[..., Client], script: Scripted) -> None:
    """A redirect within the server keeps everything, relative addresses included."""
    client = make(url=HERE)
    await log_in(client, script)
    moved(script, "../b?x=1", method="POST")
    same = {"authorization": "Bearer access-1"}
    script.expect("POST", "/b", query={"x": "1"}, headers=same, json={"n": 1}).answer(200)
    await client.request("POST", "/a", json={"n": 1})


@pytest.mark.parametrize(
    ("to", "detail"),
    [
        ("http://api.example/b", "from https to http://api.example"),
        ("http://127.0.0.1/b", "from https to http://127.0.0.1"),
        ("ftp://api.example/b", "to ftp://api.example"),
    ],
)
async def test_an_unsafe_redirect_is_refused(
    make: Callable[..., Client], script: Scripted, to: str, detail: str
) -> None:
    """https → http → refused, and so is what is no http(s) address."""
    moved(script, to)
    with pytest.raises(RedirectRefused, match=detail):
        await make(url=HERE).request("GET", "/a")


@pytest.mark.parametrize(
    ("status", "to"), [(307, "https://files.example/b"), (308, "https://files.example/b"), (301, "/b"), (302, "/b")]
)
async def test_a_write_is_not_led_astray(make: Callable[..., Client], script: Scripted, status: int, to: str) -> None:
    """The body of a write goes to no other server, and a write never becomes a read by an old redirect."""
    moved(script, to, status=status, method="POST")
    with pytest.raises(RedirectRefused, match=f"POST answered {status}") as caught:
        await make(url=HERE).request("POST", "/a", json={"password": "secret"})
    assert caught.value.sent == "yes"


async def test_see_other_is_read(make: Callable[..., Client], script: Scripted) -> None:
    """303 leads a write to a page that is read, without body (RFC 9110 §15.4.4)."""
    moved(script, "/b", status=303, method="POST")
    script.expect("GET", "/b", headers={"content-type": None}, json=None).answer(200)
    await make(url=HERE).request("POST", "/a", json={"n": 1})


async def test_a_circle_ends(make: Callable[..., Client], script: Scripted) -> None:
    """Five redirects are followed, not more."""
    script.expect("GET", "/a", times=6).answer(308, headers={"location": "/a"})
    with pytest.raises(RedirectRefused, match="more than 5 redirects"):
        await make(url=HERE).request("GET", "/a")


async def test_a_redirect_without_address_is_an_answer(make: Callable[..., Client], script: Scripted) -> None:
    """A 3xx that names no place is handed on as it is."""
    script.expect("GET", "/a").answer(304)
    assert (await make(url=HERE).request("GET", "/a")).status == 304


async def test_plain_http_stays_on_this_machine(make: Callable[..., Client], script: Scripted) -> None:
    """Plain http beyond loopback is refused, for the client's address, a call's and a redirect's, unless allowed."""
    with pytest.raises(InsecureAddress, match=r"http://api\.example"):
        make(url="http://api.example")
    with pytest.raises(InvalidSetting, match="is not the address of a server"):
        make(url="api.example")
    with pytest.raises(InsecureAddress):
        await make().request("GET", "http://api.example/x")
    moved(script, "http://api.example/b")
    with pytest.raises(RedirectRefused):
        await make().request("GET", "/a")
    script.expect("GET", "/a").answer(200)
    await make(url="http://api.example", allow_http=True).request("GET", "/a")


@pytest.mark.parametrize(
    ("host", "answer"),
    [
        ("localhost", True),
        ("app.localhost", True),
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost.example", False),
        ("127.0.0.1.example", False),
        ("10.0.0.1", False),
    ],
)
def test_what_is_this_machine(host: str, answer: bool) -> None:
    """Loopback names and addresses, and nothing that looks like one."""
    assert is_loopback(host) == answer
