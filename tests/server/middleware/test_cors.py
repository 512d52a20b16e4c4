"""Other origins' pages."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from hinterland.server.middleware.boundary import Boundary
from hinterland.server.middleware.cors import Cors
from hinterland.server.storage.sqlite import SqliteStorage
from tests.server.api import Api, problem, serving

SHOP = "https://shop.example"
ALLOWED = "access-control-allow-origin"


async def _nothing(scope: object, receive: object, send: object) -> None:
    raise AssertionError("not asked")  # pragma: no cover


_BOUNDARY = Boundary(_nothing, 1.0)


def preflight(origin: str, method: str = "PATCH") -> dict[str, str]:
    """The headers of a preflight."""
    wanted = {"Access-Control-Request-Method": method, "Access-Control-Request-Headers": "authorization, x-mine"}
    return {"Origin": origin, **wanted}


@pytest.mark.parametrize(
    "origin",
    [
        "https://shop.example.evil.example",
        "https://evil-shop.example",
        "https://shop.example:444",
        "http://shop.example",
        "https://SHOP.example",
        "https://shop.example/",
        "https://shop.exampl",
        "https://x.shop.example",
        "null",
        "loopback",
        "*",
        "",
        "https://shop.example, https://evil.example",
        "http://localhost:3000",
        "https://shop.example\x00",
    ],
)
async def test_origins_that_only_look_listed(tmp_path: Path, origin: str) -> None:
    """An origin is compared as a whole: what only resembles a listed one is never echoed, and the answer varies."""
    async with serving(SqliteStorage(tmp_path), cors_origins=(SHOP,)) as api:
        for answer in (
            await api("GET", "/health", headers={"Origin": origin}),
            await api("GET", "/nowhere", headers={"Origin": origin}),
            await api("OPTIONS", "/v1/records/posts", headers=preflight(origin)),
        ):
            assert ALLOWED not in answer.headers
            assert "origin" in answer.headers["vary"].lower()


async def test_a_listed_origin(tmp_path: Path) -> None:
    """A listed page may call and read answers, errors among them, with credentials."""
    async with serving(SqliteStorage(tmp_path), cors_origins=(SHOP, "https://other.example")) as api:
        for path in ("/health", "/nowhere", "/v1/records/closed"):
            answer = await api("GET", path, headers={"Origin": SHOP})
            assert answer.headers[ALLOWED] == SHOP
            exposed = answer.headers["access-control-expose-headers"].split(", ")
            assert {"ETag", "X-Total-Count", "Content-Range", "Link"} <= {*exposed}
            assert answer.headers["access-control-allow-credentials"] == "true"
            assert answer.headers["vary"] == "Origin"
        asked = await api("OPTIONS", "/v1/records/posts", headers=preflight(SHOP))
        assert (asked.status_code, asked.headers[ALLOWED]) == (204, SHOP)
        assert "PATCH" in asked.headers["access-control-allow-methods"]
        assert asked.headers["access-control-allow-headers"] == "authorization, x-mine"
        assert "Origin" in asked.headers["vary"]
        assert asked.headers["access-control-allow-credentials"] == "true"


async def test_answers_vary_without_an_origin_too(api: Api) -> None:
    """A cache must not give one origin's answer to another, so every answer varies by origin."""
    for path in ("/health", "/nowhere"):
        assert (await api("GET", path)).headers["vary"] == "Origin"


@pytest.mark.parametrize("origin", ["http://localhost", "http://127.0.0.1:5173", "https://[::1]:8443"])
def test_loopback(origin: str) -> None:
    """By default every port of this machine may call, and nothing else."""
    assert Cors(_BOUNDARY, ("loopback",)).allows(origin.encode())
    assert not Cors(_BOUNDARY, ()).allows(origin.encode())


@pytest.mark.parametrize(
    "origin", ["http://localhost.evil.example", "http://127.0.0.1.evil.example", "http://127.0.0.2", "ftp://localhost",
               "http://localhost:123456", "http://evil.example/http://localhost", "null", "loopback"],
)  # fmt: skip
def test_what_is_not_loopback(origin: str) -> None:
    """What only begins or ends like this machine is not this machine."""
    assert not Cors(_BOUNDARY, ("loopback",)).allows(origin.encode())


async def test_everybody(tmp_path: Path) -> None:
    """`*` lets every origin in by that word, never by its name and never with credentials; those that are listed
    beside it come in by name. `null` must be listed itself, and gets no credentials: it is any sandboxed frame's."""
    async with serving(SqliteStorage(tmp_path), cors_origins=("*", SHOP)) as api:
        anybody = await api("GET", "/health", headers={"Origin": "https://any.example"})
        assert (anybody.headers[ALLOWED], "access-control-allow-credentials" in anybody.headers) == ("*", False)
        listed = await api("GET", "/health", headers={"Origin": SHOP})
        assert (listed.headers[ALLOWED], listed.headers["access-control-allow-credentials"]) == (SHOP, "true")
        assert ALLOWED not in (await api("GET", "/health", headers={"Origin": "null"})).headers
    cors = Cors(_BOUNDARY, ("null",))
    assert cors.allows(b"null")
    assert "access-control-allow-credentials" not in [name.decode() for name, _ in cors.headers(b"null")]


async def test_a_refused_preflight_says_why(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The log says which origin was refused, what the setting holds, and what to set; control signs don't forge
    lines."""
    async with serving(SqliteStorage(tmp_path), cors_origins=("loopback", SHOP)) as api:
        with caplog.at_level(logging.WARNING, "hinterland.cors"):
            problem_of = await api("OPTIONS", "/v1/records/posts", headers=preflight("https://new.example"))
            await api("GET", "/health", headers={"Origin": "https://x\nforged"})
    problem(problem_of, 403, "forbidden")
    said = caplog.messages[0]
    for part in ("https://new.example", "cors_origins", f"HINTERLAND_CORS_ORIGINS={SHOP},loopback,https://new.example"):
        assert part in said
    assert "\n" not in caplog.messages[1]


async def test_a_method_that_no_page_may_use(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A preflight of a method that there is not is refused, and the log says so."""
    async with serving(SqliteStorage(tmp_path), cors_origins=(SHOP,)) as api:
        answer = await api("OPTIONS", "/health", headers=preflight(SHOP, "TRACE"))
    problem(answer, 403, "forbidden")
    assert answer.headers["vary"] == "Origin"
    assert "TRACE" in caplog.text


async def test_a_plain_options(api: Api) -> None:
    """OPTIONS that is no preflight says what the path takes."""
    answer = await api("OPTIONS", "/v1/records/posts", headers={"Origin": "http://localhost:1"})
    assert (answer.status_code, answer.headers["allow"]) == (204, "GET, POST, HEAD, OPTIONS")
    wrong = await api("DELETE", "/v1/records/posts")
    problem(wrong, 405, "method_not_allowed")
    assert wrong.headers["allow"] == "GET, POST, HEAD, OPTIONS"


WRITES = [
    ("POST", "/v1/records/posts"),
    ("POST", "/posts"),
    ("POST", "/v1/auth/signup"),
    ("POST", "/auth/register"),
    ("POST", "/api/signup"),
    ("POST", "/v1/sync/pull"),
    ("PUT", "/posts/1"),
    ("PATCH", "/v1/records/posts/1"),
    ("DELETE", "/posts/1"),
]
SIMPLE = [
    "",
    "text/plain",
    "text/plain;charset=UTF-8",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
]
PERSON = b'{"name":"Eve","email":"eve@example.org","password":"7 lean oysters"}'


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://test.evil.example", "http://test:81", ""])
@pytest.mark.parametrize("kind", [*SIMPLE, "application/json"])
async def test_a_foreign_page_writes_nothing(tmp_path: Path, origin: str, kind: str) -> None:
    """A write from a page whose origin is neither allowed nor the server's own is 403 and not carried out, whatever
    path and type of body it has: a browser sends fetch, sendBeacon and forms of these types without a preflight."""
    async with serving(SqliteStorage(tmp_path)) as api:
        await api("POST", "/posts", json={"title": "mine"})
        before = (await api.backend.storage.head()).revision
        for method, path in WRITES:
            headers = {"Origin": origin, "Content-Type": kind} if kind else {"Origin": origin}
            problem(await api(method, path, headers=headers, content=PERSON), 403, "forbidden")
        assert (await api.backend.storage.head()).revision == before
        assert (
            await api("GET", "/posts", headers={"Origin": origin})
        ).status_code == 200  # its browser hides the answer


@pytest.mark.parametrize("origin", ["http://localhost:3000", "http://test", "https://test"])
async def test_a_body_without_a_type_from_a_page(api: Api, origin: str) -> None:
    """A body without a Content-Type is 415 where a page sends it, an allowed one too, since no preflight asked for it;
    an empty body needs no type, and programs that are no browser may leave it out."""
    headers = {"Origin": origin}
    for kind in SIMPLE:
        typed = headers | ({"Content-Type": kind} if kind else {})
        problem(await api("POST", "/posts", headers=typed, content=b"{}"), 415, "unsupported_media_type")
    assert (await api("POST", "/posts", headers=headers)).status_code == 201
    assert (await api("POST", "/posts", headers=headers, json={})).status_code == 201
    assert (await api("POST", "/posts", content=b"{}")).status_code == 201


@pytest.mark.parametrize(
    ("host", "headers"),
    [
        ("shop.example", {"Origin": "http://shop.example"}),
        ("SHOP.example:80", {"Origin": "http://shop.example"}),
        ("shop.example:8000", {"Origin": "http://shop.example:8000"}),
        ("shop.example", {"Origin": "https://shop.example"}),
        ("shop.example:443", {"Origin": "https://shop.example"}),
        ("127.0.0.1:9", {"Origin": "https://shop.example", "Sec-Fetch-Site": "same-origin"}),
        ("shop.example", {"Origin": "null", "Sec-Fetch-Site": "same-origin"}),
    ],
)
async def test_the_servers_own_pages(tmp_path: Path, host: str, headers: dict[str, str]) -> None:
    """A page of the server's own origin may write without being listed: the one that the request names as its host, by
    https too, since a proxy may end TLS, or the one of which the browser says so."""
    async with serving(SqliteStorage(tmp_path), cors_origins=()) as api:
        answer = await api("POST", "/posts", json={}, headers={"Host": host, **headers})
        assert answer.status_code == 201, answer.text
        assert ALLOWED not in answer.headers
