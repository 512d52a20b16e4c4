"""Reads of records without ASGI."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from hinterland.contract.errors import Refusal
from hinterland.server.http import REST, HttpAnswer
from hinterland.server.storage.sqlite import SqliteStorage
from tests.server.api import Api, serving
from tests.server.protocols.asgi import scope_of

VARYING = {b"x-request-id"}


@pytest.fixture
async def lite(tmp_path: Path) -> AsyncIterator[Api]:
    """A server on SQLite, with two notes of ada's and a post."""
    async with serving(SqliteStorage(tmp_path)) as api:
        yield api


async def direct(
    api: Api, path: str, query: str = "", headers: Mapping[str, str] = MappingProxyType({}), method: str = "GET"
) -> HttpAnswer | None:
    """What the direct path answers, which must not wait."""
    assert api.server.direct is not None
    scope = scope_of(method, path, [], {"Host": "test", **headers}) | {"query_string": query.encode()}
    steps = api.server.direct.begin(scope)
    if steps is None:
        return None
    with pytest.raises(StopIteration) as end:
        steps.send(None)
    answer: HttpAnswer = end.value.value
    return answer._replace(headers=api.server.direct.headers(answer))


async def test_the_same_answers(lite: Api) -> None:
    """Whoever reads what: status, headers and body are those of the ordinary way."""
    ada = (await lite.sign_up("ada"))["headers"]
    for text in ("a", "b", "c"):
        made = await lite("POST", "/v1/records/notes", json={"text": text, "secret": "s"}, headers=ada)
    place, tag = f"/v1/records/notes/{made.json()['id']}", made.headers["etag"]
    cases: list[tuple[str, str, dict[str, str]]] = [
        ("/v1/records/notes", "", ada), ("/v1/records/notes", "", lite.admin), ("/v1/records/notes", "", {}),
        ("/v1/records/notes", "limit=2&sort=-text&total=true", ada), ("/v1/records/posts", "", {}),
        (place, "", ada), (place, "", lite.admin), (place, "", {**ada, "If-None-Match": tag}),
        (place, "", {**ada, "Sec-Fetch-Mode": "cors"}),
    ]  # fmt: skip
    for path, query, headers in cases:
        try:
            answer = await direct(lite, path, query, headers)
        except Refusal:  # which goes the ordinary way
            continue
        ordinary = await lite("GET", f"{path}?{query}" if query else path, headers=headers)
        assert answer is not None
        assert (answer.status, answer.body) == (ordinary.status_code, ordinary.content)
        given = sorted(header for header in answer.headers if header[0] not in VARYING)
        assert given == sorted((n.lower(), v) for n, v in ordinary.headers.raw if n.lower() not in VARYING)


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [("POST", "/v1/records/posts", {}), ("HEAD", "/v1/records/posts", {}), ("GET", "/health", {}),
     ("GET", "/posts", {}), ("GET", "/v1/records/posts/", {}), ("GET", "/v1/records/p%6Fsts", {}),
     ("GET", "/v1/records/posts", {"Origin": "http://test"}), ("GET", "/v1/records/posts", {"X-Request-Id": "a"}),
     ("GET", "/v1/records/posts", {"X-Large": "x" * 40_000})],
)  # fmt: skip
async def test_what_goes_the_ordinary_way(lite: Api, method: str, path: str, headers: dict[str, str]) -> None:
    """All but plain reads of records is left to the middleware."""
    assert await direct(lite, path, "", headers, method) is None


async def test_headers_that_are_too_many_or_repeated(lite: Api) -> None:
    """They are left to the middleware too, which refuses them."""
    assert lite.server.direct is not None
    for headers in ([(b"x-a", b"1")] * 300, [(b"authorization", b"Bearer a")] * 2):
        scope: dict[str, Any] = scope_of("GET", "/v1/records/posts", [], {"Host": "test"})
        scope["headers"] += headers
        assert lite.server.direct.begin(scope) is None


async def test_hosts_that_were_not_seen(tmp_path: Path) -> None:
    """A host that no request was allowed to name yet is checked by the middleware, and so is a forbidden one."""
    async with serving(SqliteStorage(tmp_path), allowed_hosts=("test",)) as api:
        assert await direct(api, "/v1/records/posts") is None
        await api("GET", "/health")
        assert (await direct(api, "/v1/records/posts")) is not None
        assert await direct(api, "/v1/records/posts", headers={"Host": "evil.example"}) is None


async def test_what_has_to_wait(tmp_path: Path) -> None:
    """The rest of a read that waits has the marks of every response, and its time limit."""

    async def receive() -> Any:
        raise AssertionError("a read has no body")

    loop = asyncio.get_running_loop()
    async with serving(SqliteStorage(tmp_path), request_seconds=0.01) as api:
        assert api.server.direct is not None
        done: asyncio.Future[HttpAnswer] = loop.create_future()
        done.set_result(HttpAnswer(200, [], b"late"))
        for rest, status in ((done, 200), (loop.create_future(), 408)):
            sent: list[Any] = []

            async def send(message: Any, sent: list[Any] = sent) -> None:
                sent.append(message)

            scope: dict[str, Any] = scope_of("GET", "/v1/records/posts", [], {"Host": "test"}) | {REST: rest}
            await api.server.direct.finish(scope, receive, send)
            assert sent[0]["status"] == status
            assert {b"x-request-id", b"vary", b"x-content-type-options"} <= dict(sent[0]["headers"]).keys()
