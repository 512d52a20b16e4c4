"""Other origins' pages."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from hinterland.server.middleware.cors import Cors
from hinterland.server.storage.sqlite import SqliteStorage
from tests.server.api import Api, problem, serving

SHOP = "https://shop.example"
ALLOWED = "access-control-allow-origin"


async def _nothing(scope: object, receive: object, send: object) -> None:
    raise AssertionError("not asked")  # pragma: no cover


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
    """A listed page may call and read answers, errors among them; credentials are never allowed."""
    async with serving(SqliteStorage(tmp_path), cors_origins=(SHOP, "https://other.example")) as api:
        for path in ("/health", "/nowhere", "/v1/records/closed"):
            answer = await api("GET", path, headers={"Origin": SHOP})
            assert answer.headers[ALLOWED] == SHOP
            assert "ETag" in answer.headers["access-control-expose-headers"]
            assert answer.headers["vary"] == "Origin"
        asked = await api("OPTIONS", "/v1/records/posts", headers=preflight(SHOP))
        assert (asked.status_code, asked.headers[ALLOWED]) == (204, SHOP)
        assert "PATCH" in asked.headers["access-control-allow-methods"]
        assert asked.headers["access-control-allow-headers"] == "authorization, x-mine"
        assert "Origin" in asked.headers["vary"]
        assert "access-control-allow-credentials" not in asked.headers


async def test_answers_vary_without_an_origin_too(api: Api) -> None:
    """A cache must not give one origin's answer to another, so every answer varies by origin."""
    for path in ("/health", "/nowhere"):
        assert (await api("GET", path)).headers["vary"] == "Origin"


@pytest.mark.parametrize("origin", ["http://localhost", "http://127.0.0.1:5173", "https://[::1]:8443"])
def test_loopback(origin: str) -> None:
    """By default every port of this machine may call, and nothing else."""
    assert Cors(_nothing, ("loopback",)).allows(origin.encode())
    assert not Cors(_nothing, ()).allows(origin.encode())


@pytest.mark.parametrize(
    "origin", ["http://localhost.evil.example", "http://127.0.0.1.evil.example", "http://127.0.0.2", "ftp://localhost",
               "http://localhost:123456", "http://evil.example/http://localhost", "null", "loopback"],
)  # fmt: skip
def test_what_is_not_loopback(origin: str) -> None:
    """What only begins or ends like this machine is not this machine."""
    assert not Cors(_nothing, ("loopback",)).allows(origin.encode())


async def test_everybody(tmp_path: Path) -> None:
    """`*` lets every origin in by that word, never by its name; `null` must be listed itself."""
    async with serving(SqliteStorage(tmp_path), cors_origins=("*",)) as api:
        assert (await api("GET", "/health", headers={"Origin": "https://any.example"})).headers[ALLOWED] == "*"
        assert ALLOWED not in (await api("GET", "/health", headers={"Origin": "null"})).headers
    assert Cors(_nothing, ("null",)).allows(b"null")


async def test_a_refused_preflight_says_why(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The log says which origin was refused, what the setting holds, and what to set; control signs don't forge
    lines."""
    async with serving(SqliteStorage(tmp_path), cors_origins=("loopback", SHOP)) as api:
        with caplog.at_level(logging.WARNING, "hinterland.cors"):
            problem_of = await api("OPTIONS", "/v1/records/posts", headers=preflight("https://new.example"))
            await api("GET", "/health", headers={"Origin": "https://x\nforged"})
    assert (problem_of.status_code, problem_of.json()["code"]) == (403, "forbidden")
    said = caplog.messages[0]
    for part in ("https://new.example", "cors_origins", f"HINTERLAND_CORS_ORIGINS={SHOP},loopback,https://new.example"):
        assert part in said
    assert "\n" not in caplog.messages[1]


async def test_a_method_that_no_page_may_use(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A preflight of a method that there is not is refused, and the log says so."""
    async with serving(SqliteStorage(tmp_path), cors_origins=(SHOP,)) as api:
        answer = await api("OPTIONS", "/health", headers=preflight(SHOP, "TRACE"))
    assert (answer.status_code, answer.headers["vary"]) == (403, "Origin")
    assert "TRACE" in caplog.text


async def test_a_plain_options(api: Api) -> None:
    """OPTIONS that is no preflight says what the path takes."""
    answer = await api("OPTIONS", "/v1/records/posts", headers={"Origin": "http://localhost:1"})
    assert (answer.status_code, answer.headers["allow"]) == (204, "GET, POST, HEAD, OPTIONS")
    wrong = await api("DELETE", "/v1/records/posts")
    problem(wrong, 405, "method_not_allowed")
    assert wrong.headers["allow"] == "GET, POST, HEAD, OPTIONS"
