"""The log of requests."""

from __future__ import annotations

import logging
from typing import Any

import httpx2
import pytest

from hinterland.kit.asgi import AsgiReceive, AsgiScope, AsgiSend
from hinterland.server.http import HttpAnswer, send_answer
from hinterland.server.middleware.boundary import Boundary
from hinterland.server.middleware.requests import RequestLog


async def _hello(scope: AsgiScope, receive: AsgiReceive, send: AsgiSend) -> None:
    await send_answer(scope, send, HttpAnswer(200, [], b"hello"))


async def _nothing(scope: AsgiScope, receive: AsgiReceive, send: AsgiSend) -> None:
    scope["seen"] = True


async def test_a_request_is_a_line(caplog: pytest.LogCaptureFixture) -> None:
    """A line has method, path, status, time and id; the query, which may hold secrets, is left out."""
    transport = httpx2.ASGITransport(RequestLog(Boundary(_hello, 1.0)))
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as http:
        with caplog.at_level(logging.INFO, "hinterland.requests"):
            answer = await http.get("/things%0a/\u00fc?ticket=planted")
    [line] = caplog.messages
    method, path, status, took, unit, id = line.split(" ")
    assert (method, path, status, unit) == ("GET", "/things\\n/\\xfc", "200", "ms")
    assert float(took) >= 0
    assert id == answer.headers["x-request-id"]


async def test_what_was_not_answered(caplog: pytest.LogCaptureFixture) -> None:
    """A caller who went away has a line without a status; what is not HTTP passes."""
    asked: Any = {"type": "http", "method": "GET", "path": "/"}
    other: Any = {"type": "lifespan"}
    with caplog.at_level(logging.INFO, "hinterland.requests"):
        for scope in (asked, other):
            await RequestLog(_nothing)(scope, _nothing, _nothing)  # type: ignore[arg-type]
    [line] = caplog.messages
    assert line.startswith("GET / - ")
    assert asked["seen"]
    assert other["seen"]
