"""Requests and answers as handlers see them."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hinterland.server.http import JSON, NO_STORE, WHOLE, Disconnected, HttpRequest, json_answer, send_answer
from tests.server.refused import refused


def request(*messages: Any, query: bytes = b"", **headers: str) -> HttpRequest:
    """A request whose body comes in these messages."""
    waiting = iter(messages)

    async def receive() -> Any:
        return next(waiting)

    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"method": "POST", "path": "/", "headers": pairs, "query_string": query}
    return HttpRequest(scope, receive)


async def receive() -> Any:
    """The body of a request without one."""
    return chunk(b"")


def chunk(data: bytes, *, more: bool = False) -> dict[str, Any]:
    """A part of a body."""
    return {"type": "http.request", "body": data, "more_body": more}


async def test_a_body_in_parts() -> None:
    """A body's parts are put together, and counted as they come."""
    assert await request(chunk(b"a", more=True), chunk(b"b")).body(2) == b"ab"
    with refused("too_large"):
        await request(chunk(b"a", more=True), chunk(b"bc", more=True)).body(2)
    with refused("too_large"):
        await request(content_length="3").body(2)


async def test_a_body_shorter_than_its_length() -> None:
    """A body with fewer bytes than its Content-Length is refused, an empty one too: it never counts as no body."""
    for sent in (b"", b"{}"):
        with refused("invalid_body", "Content-Length is 13"):
            await request(chunk(sent), content_length="13").json_object(99, may_be_empty=True)


def test_equal_headers() -> None:
    """Headers of one name are one list (RFC 9110 §5.3), whatever stands between them; those that are no lists are
    refused when they appear twice."""
    pairs = [(b"x", b"1"), (b"y", b"2"), (b"x", b"3")]
    assert HttpRequest({"method": "GET", "path": "/", "headers": pairs}, receive).headers == {b"x": b"1, 3", b"y": b"2"}
    with refused("invalid_query", "authorization appears twice"):
        HttpRequest({"method": "GET", "path": "/", "headers": [(b"authorization", b"a")] * 2}, receive)


async def test_a_body_that_nobody_wants() -> None:
    """A body that is discarded is read to its end, or as far as any body is."""
    for messages in ([chunk(b"a", more=True), chunk(b"b")], [{"type": "http.disconnect"}], [chunk(b"abc", more=True)]):
        await request(*messages).discard(2)
    # Nothing is read that comes only when it is asked for, or that is too large in any case.
    for unread in (request(expect="100-continue"), request(content_length="3"), request(content_length="x")):
        await unread.discard(2)


async def test_a_caller_that_goes_away() -> None:
    """Who goes away while the body comes ends the request."""
    with pytest.raises(Disconnected):
        await request(chunk(b"a", more=True), {"type": "http.disconnect"}).body(9)


async def test_an_empty_body() -> None:
    """An empty body is an empty object only where nothing need be given."""
    assert await request(chunk(b" "), content_type="text/plain").json_object(9, may_be_empty=True) == ({}, b" ")
    with refused("invalid_body", "empty"):
        await request(chunk(b"")).json_object(9)
    assert request(x_one="1").header(b"x-one") == "1"
    assert request().header(b"x-one") == ""


PAIRS = st.lists(st.tuples(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.text("abü &=%+;\0")))


@given(PAIRS)
@example([("a", "")])
def test_queries(pairs: list[tuple[str, str]]) -> None:
    """What a browser encodes is read back, in order, whatever signs it holds."""
    assert request(query=urlencode(pairs).encode()).query() == pairs


@given(st.text("ab=&;%+1é", max_size=12))
def test_queries_as_people_type_them(text: str) -> None:
    """Any query string is read as the standard library reads it, or refused."""
    raw = text.encode()
    try:
        expected = parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict")
    except (UnicodeError, ValueError):
        with refused("invalid_query"):
            request(query=raw).query()
    else:
        assert request(query=raw).query() == expected


async def test_lengths() -> None:
    """An answer says its body's length, save where it has none by its status; HEAD says it without the body."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    answer = json_answer({"a": 1}, 201, [(b"x", b"y")])
    await send_answer({"method": "HEAD"}, send, answer)
    await send_answer({"method": "GET"}, send, answer._replace(status=304, body=b""))
    headers = [JSON, NO_STORE, (b"x", b"y"), (b"content-length", b"7")]
    assert sent[0]["headers"] == headers
    assert (sent[1]["body"], sent[2]["headers"]) == (b"", answer.headers)
    sent.clear()
    await send_answer({"method": "GET", "extensions": {WHOLE: {}}}, send, answer)
    assert sent == [{"type": WHOLE, "status": 201, "headers": headers, "body": b'{"a":1}'}]
