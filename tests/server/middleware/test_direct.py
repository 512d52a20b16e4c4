"""Requests for records without ASGI."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from types import FrameType, MappingProxyType
from typing import Any

import pytest

from hinterland.contract.errors import Refusal
from hinterland.contract.fields import Text
from hinterland.contract.records import Collection, Rules
from hinterland.kit.asgi import AsgiMessage
from hinterland.kit.eager import Begun
from hinterland.server.declaration import App
from hinterland.server.hooks import BeforeWrite
from hinterland.server.http import REST, HttpAnswer
from hinterland.server.storage.sqlite import SqliteStorage
from tests.house.tree import PACKAGE
from tests.server.api import Api, serving
from tests.server.protocols.asgi import scope_of

VARYING = {b"x-request-id"}


@pytest.fixture
async def lite(tmp_path: Path) -> AsyncIterator[Api]:
    """A server on SQLite, with two notes of ada's and a post."""
    async with serving(SqliteStorage(tmp_path)) as api:
        yield api


async def direct(
    api: Api,
    path: str,
    query: str = "",
    headers: Mapping[str, str] = MappingProxyType({}),
    method: str = "GET",
    body: bytes = b"",
) -> HttpAnswer | None:
    """What the direct path answers; a read must not wait."""

    async def receive() -> AsgiMessage:
        assert method != "GET", "a read has no body"
        return {"type": "http.request", "body": body, "more_body": False}

    assert api.server.direct is not None
    scope = scope_of(method, path, [], {"Host": "test", **headers}) | {"query_string": query.encode()}
    begun = api.server.direct.begin(scope, receive)
    if begun is None:
        return None
    steps, only_reads = begun
    assert only_reads is (method == "GET")
    try:
        waiting = steps.send(None)
    except StopIteration as end:
        answer: HttpAnswer = end.value
    else:
        assert method != "GET", "a read must not wait"
        answer = await Begun(steps, waiting)
    return answer._replace(headers=api.server.direct.headers(answer))


async def files_of(read: Callable[[], Awaitable[object]]) -> set[str]:
    """The files of the package in which functions are called while `read` runs."""
    files: set[str] = set()

    def note(frame: FrameType, event: str, argument: object) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(str(PACKAGE)):
            files.add(frame.f_code.co_filename)

    sys.setprofile(note)
    try:
        await read()
    finally:
        sys.setprofile(None)
    return files


async def test_the_files_of_a_list(tmp_path: Path) -> None:
    """A list that was asked for before, with a token and by a rule, is answered in at most 22 files of the package, the
    connection's own left out: who reads its way must be able to."""
    mine = "auth.id == record.owner"
    owned = Collection(name="owned", fields={"owner": Text(fill="auth.id")}, rules=Rules(list=mine, create=mine))
    async with serving(SqliteStorage(tmp_path), collections=[owned]) as api:
        ada = (await api.sign_up("ada"))["headers"]
        await api("POST", "/v1/records/owned", json={}, headers=ada)
        ask = partial(direct, api, "/v1/records/owned", "limit=20", ada)
        await ask()
        found = await files_of(ask) - {str(PACKAGE / "kit/clock.py")}  # where the test's clock is
        assert len(found) <= 22


async def test_the_same_answers(lite: Api) -> None:
    """Whatever a caller reads: status, headers and body are those of the ordinary way."""
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


async def test_the_same_writes(lite: Api) -> None:
    """Who writes what: status, headers and body are those of the ordinary way, but for ids, times and revisions."""
    own = re.compile(rb'"(id|created_at|updated_at)":"[^"]*"|"revision":[0-9]+')
    ada = (await lite.sign_up("ada"))["headers"]
    json = {"Content-Type": "application/json"}
    made = (await lite("POST", "/v1/records/notes", json={"text": "a", "secret": "s"}, headers=ada)).json()
    place = f"/v1/records/notes/{made['id']}"
    cases: list[tuple[str, str, dict[str, str], bytes]] = [
        ("POST", "/v1/records/notes", ada | json, b'{"text": "b"}'),
        ("POST", "/v1/records/notes", lite.admin | json | {"Idempotency-Key": "k"}, b'{"text": "c", "owner": "x"}'),
        ("PATCH", place, ada | json, b'{"text": "d"}'), ("PUT", place, ada | json, b'{"text": "e"}'),
    ]  # fmt: skip
    for method, path, headers, body in cases:
        answer = await direct(lite, path, headers=headers, method=method, body=body)
        again = headers | ({"Idempotency-Key": "l"} if "Idempotency-Key" in headers else {})
        ordinary = await lite(method, path, content=body, headers=again)
        assert answer is not None
        assert isinstance(answer.body, bytes)
        assert (answer.status, own.sub(b"", answer.body)) == (ordinary.status_code, own.sub(b"", ordinary.content))
        assert [n for n, _ in answer.headers] == [n.lower() for n, _ in ordinary.headers.raw]
    gone = await direct(lite, place, headers=ada, method="DELETE")
    assert gone is not None
    assert gone.status == 204
    assert (await lite("GET", place, headers=ada)).status_code == 404


async def test_writes_that_are_refused(lite: Api) -> None:
    """A refusal before the write waits, or by the writer, is raised for the middleware, and nothing is written."""
    ada = (await lite.sign_up("ada"))["headers"]
    for headers, body in (({}, b'{"text": "a"}'), (ada, b"["), (ada, b'{"text": 1}')):
        with pytest.raises(Refusal):
            await direct(lite, "/v1/records/notes", headers=headers, method="POST", body=body)
    assert (await lite("GET", "/v1/records/notes?total=true", headers=lite.admin)).json()["total"] == 0


async def test_writes_with_hooks(tmp_path: Path) -> None:
    """Where an app's hooks run before writes, these are left to the middleware: a hook may need a task."""

    def declare(app: App) -> None:
        @app.before("posts")
        async def nothing(write: BeforeWrite) -> None:
            """Changes nothing."""

    async with serving(SqliteStorage(tmp_path), declare=declare) as api:
        assert await direct(api, "/v1/records/posts", method="POST", body=b"{}") is None


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [("PUT", "/v1/records/posts", {}), ("HEAD", "/v1/records/posts", {}), ("GET", "/health", {}),
     ("POST", "/v1/auth/login", {}), ("POST", "/v1/records/posts/a", {}),
     ("GET", "/posts", {}), ("GET", "/v1/records/posts/", {}), ("GET", "/v1/records/p%6Fsts", {}),
     ("GET", "/v1/records/posts", {"Origin": "http://test"}), ("GET", "/v1/records/posts", {"X-Request-Id": "a"}),
     ("GET", "/v1/records/posts", {"X-Large": "x" * 40_000})],
)  # fmt: skip
async def test_what_goes_the_ordinary_way(lite: Api, method: str, path: str, headers: dict[str, str]) -> None:
    """All but plain requests for records is left to the middleware."""
    assert await direct(lite, path, "", headers, method) is None


async def test_headers_that_are_too_many_or_repeated(lite: Api) -> None:
    """They are left to the middleware too, which refuses them."""

    async def receive() -> AsgiMessage:
        raise AssertionError("nothing is read")

    assert lite.server.direct is not None
    for headers in ([(b"x-a", b"1")] * 300, [(b"authorization", b"Bearer a")] * 2):
        scope: dict[str, Any] = scope_of("GET", "/v1/records/posts", [], {"Host": "test"})
        scope["headers"] += headers
        assert lite.server.direct.begin(scope, receive) is None


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
