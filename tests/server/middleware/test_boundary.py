"""The outermost bound of a request."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import httpx2
import pytest

from hinterland.contract.errors import Refusal
from hinterland.kit.asgi import AsgiApp, AsgiReceive, AsgiScope, AsgiSend
from hinterland.server.http import LIMIT, Disconnected
from hinterland.server.middleware.boundary import Boundary
from hinterland.server.storage.sqlite import SqliteStorage
from tests.server.api import Api, problem, serving
from tests.server.protocols.asgi import Socket

SECRET = "SELECT password FROM users -- /srv/app.py"


async def ask(app: AsgiApp, seconds: float = 30.0, path: str = "/x", method: str = "GET") -> httpx2.Response:
    """What a bounded app answers."""
    transport = httpx2.ASGITransport(Boundary(app, seconds))
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as http:
        return await http.request(method, path)


def failing(error: Exception) -> AsgiApp:
    """An app that fails."""

    async def app(scope: AsgiScope, receive: AsgiReceive, send: AsgiSend) -> None:
        raise error

    return app


async def _wait(scope: AsgiScope, receive: AsgiReceive, send: AsgiSend) -> None:
    await asyncio.Event().wait()


async def test_a_mistake_tells_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """An error of ours is answered 500 with the request's id and nothing else; the log has the rest by that id."""
    answer = await ask(failing(ValueError(SECRET)))
    body = problem(answer, 500, "internal")
    assert SECRET not in answer.text
    assert "ValueError" not in answer.text
    assert body["request_id"] in caplog.text
    assert SECRET in caplog.text


async def test_refused_websockets_are_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The log says why a WebSocket is refused, without its query: a browser shows that to no page and in no console. It
    has sixty such lines a minute at most."""
    async with serving(SqliteStorage(tmp_path)) as api:
        socket = Socket(api.server, "/ws", ("ticket", "secret"))
        await socket.task
        assert socket.answer is not None
        assert socket.answer.status == 404
        line = "WebSocket '/ws' refused (404): there is no WebSocket at '/ws'; connect a WebSocket to /v1/socket"
        assert line in caplog.text
        assert "secret" not in caplog.text
        for _ in range(70):
            await Socket(api.server, "/ws").task
        assert len(caplog.records) <= 2 * 60  # of two minutes, where one begins meanwhile


async def test_a_refusal_is_no_mistake(caplog: pytest.LogCaptureFixture) -> None:
    """A refusal is answered as it is, with its headers and time to wait, and not logged as an error."""
    refusal = Refusal("rate_limited", "slowly", retry_after=0.2, headers=(("X-Why", "haste"),))
    with caplog.at_level(logging.ERROR):
        answer = await ask(failing(refusal))
    problem(answer, 429, "rate_limited")
    assert (answer.headers["retry-after"], answer.headers["x-why"], caplog.text) == ("1", "haste", "")


async def test_the_time_of_a_request() -> None:
    """A request that takes too long is answered 408 with the setting's name."""
    answer = await ask(_wait, 0.01)
    assert "request_seconds" in problem(answer, 408, "timeout")["message"]
    assert (await ask(_wait, 0.01, method="HEAD")).content == b""


async def test_each_request_has_its_own_time() -> None:
    """Requests that end leave the others their whole time: each that hangs is answered 408 once, after it."""
    release = asyncio.Event()

    async def app(scope: AsgiScope, receive: AsgiReceive, send: AsgiSend) -> None:
        if scope["path"] == "/short":
            release.set()
            raise Disconnected
        await (release.wait() if scope["path"] == "/first" else asyncio.Event().wait())
        raise Refusal("not_found")

    loop = asyncio.get_running_loop()
    transport = httpx2.ASGITransport(Boundary(app, 0.05))
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as http:
        for _ in range(2):
            began = loop.time()
            first = asyncio.create_task(http.get("/first"))
            hanging = [asyncio.create_task(http.get("/hanging")) for _ in range(3)]
            with pytest.raises(AssertionError):  # the transport wants an answer
                await http.get("/short")
            answers = await asyncio.gather(first, *hanging)
            assert [answer.status_code for answer in answers] == [404, 408, 408, 408]
            assert loop.time() - began >= 0.05


async def test_a_lifted_limit() -> None:
    """A stream, which lifts its limit, may last for as long as it likes; a request that is cancelled from outside is
    cancelled."""

    async def app(scope: AsgiScope, receive: AsgiReceive, send: AsgiSend) -> None:
        if scope["path"] == "/stream":
            scope[LIMIT].lift()
            scope[LIMIT].renew()  # of a limit that has ended it changes nothing
        await asyncio.Event().wait()

    for path in ("/stream", "/x"):
        task = asyncio.create_task(ask(app, 0.001 if path == "/stream" else 30.0, path))
        done, _ = await asyncio.wait([task], timeout=0.05)
        assert not done
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_a_renewed_limit() -> None:
    """Each renewal gives a request its whole time again; without another one it ends then."""
    times: list[float] = []

    async def app(scope: AsgiScope, receive: AsgiReceive, send: AsgiSend) -> None:
        loop, limit = asyncio.get_running_loop(), scope[LIMIT]
        begun = limit.due
        while loop.time() < begun:  # past the time that it was given first
            limit.renew()
            await asyncio.sleep(0)
        times.extend([begun, limit.due])
        await asyncio.Event().wait()

    assert (await ask(app, 0.05)).status_code == 408
    assert times[1] > times[0]


async def test_a_limit_and_a_cancellation() -> None:
    """A request that is cancelled from outside while its time ends is cancelled, and answered nothing."""
    sent: list[Any] = []

    async def app(scope: AsgiScope, receive: AsgiReceive, send: AsgiSend) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            task.cancel()

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "path": "/x", "method": "GET", "headers": []}
    task = asyncio.ensure_future(Boundary(app, 0.01)(scope, _wait, send))  # type: ignore[arg-type]
    with pytest.raises(asyncio.CancelledError):
        await task
    assert sent == []


async def test_an_answer_that_had_begun(caplog: pytest.LogCaptureFixture) -> None:
    """Where the answer has begun, no second one is sent into it."""
    sent: list[Any] = []

    async def app(scope: AsgiScope, receive: AsgiReceive, send: AsgiSend) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise ValueError

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request"}  # pragma: no cover

    scope = {"type": "http", "path": "/x", "method": "GET", "headers": []}
    await Boundary(app, 1.0)(scope, receive, send)
    assert [message["type"] for message in sent] == ["http.response.start"]
    assert "failed" in caplog.text


async def test_a_caller_that_went_away(caplog: pytest.LogCaptureFixture) -> None:
    """Who went away is answered nothing, and it is nobody's mistake."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)  # pragma: no cover

    boundary = Boundary(failing(Disconnected()), 1.0)
    await boundary({"type": "http", "path": "/x", "method": "GET", "headers": []}, _wait, send)  # type: ignore[arg-type]
    assert (sent, caplog.text) == ([], "")


async def test_request_ids(api: Api) -> None:
    """A request keeps its own id where it can be one, and is given a new one where not; no two are alike."""
    kept = await api("GET", "/health", headers={"X-Request-Id": "from-here.1_2"})
    assert kept.headers["x-request-id"] == "from-here.1_2"
    seen = set()
    for given in ("", "a b", "x" * 65, "<script>", "a\tb", "a\r\nx: y"):
        seen.add((await api("GET", "/health", headers={"X-Request-Id": given})).headers["x-request-id"])
    assert len(seen) == 6
    assert not seen & {"", "a b", "<script>"}
    refused = await api("GET", "/nowhere", headers={"X-Request-Id": "mine"})
    assert problem(refused, 404, "not_found")["request_id"] == "mine"


async def test_a_whole_server_keeps_the_time(tmp_path: Path) -> None:
    """A write that waits too long is answered 408; it is settled once all the same, under its key."""
    async with serving(SqliteStorage(tmp_path), request_seconds=0.05) as api:
        key = {"Idempotency-Key": "k"}
        async with api.backend.storage.transaction():
            problem(await api("POST", "/v1/records/things", json={}, headers=key), 408, "timeout")
        await api.backend.commands.drain()
        again = await api("POST", "/v1/records/things", json={}, headers=key)
        assert (again.status_code, again.headers["idempotency-replayed"]) == (201, "true")
        assert len((await api("GET", "/things")).json()) == 1


async def test_other_protocols_pass() -> None:
    """What is not HTTP is not the boundary's."""
    seen: list[str] = []

    async def app(scope: AsgiScope, receive: AsgiReceive, send: AsgiSend) -> None:
        seen.append(scope["type"])

    await Boundary(app, 1.0)({"type": "websocket"}, _wait, _wait)  # type: ignore[arg-type]
    assert seen == ["websocket"]


async def test_headers_that_are_too_large(api: Api) -> None:
    """Headers beyond a bound are refused, and others are served."""
    large = {f"X-{n}": "x" * 1_000 for n in range(40)}
    problem(await api("GET", "/health", headers=large), 431, "headers_too_large")


@pytest.mark.parametrize("count", [200, 201])
async def test_as_many_headers_as_may_be(count: int) -> None:
    """200 headers are let through to the application, and not one more."""
    passed: list[int] = []

    async def app(scope: AsgiScope, receive: AsgiReceive, send: AsgiSend) -> None:
        passed.append(len(scope["headers"]))
        raise Disconnected

    async def send(message: Any) -> None:
        """Takes the refusal."""

    scope = {"type": "http", "path": "/x", "method": "GET", "headers": [(b"x", b"1")] * count}
    await Boundary(app, 1.0)(scope, _wait, send)  # type: ignore[arg-type]
    assert passed == ([200] if count == 200 else [])


async def test_many_headers(api: Api) -> None:
    """A request with over 200 headers is refused, however small they are."""
    answer = await api("GET", "/health", headers=[("x", "1")] * 190)
    assert answer.status_code == 200
    problem(await api("GET", "/health", headers=[("x", "1")] * 201), 431, "headers_too_large")
    assert (await api("GET", "/health", headers={"X-Large": "x" * 16_000})).status_code == 200
