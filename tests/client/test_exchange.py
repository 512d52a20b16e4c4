"""The verb of the client."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from hinterland.client.errors import InvalidResponse
from hinterland.client.exchange import Layer, Request, Response, Send, origin_of, remaining, stack
from hinterland.client.layers.bearer import BearerToken
from hinterland.kit.clock import ManualClock

REQUEST = Request(method="GET", url="http://127.0.0.1/")


def marking(name: str, seen: list[str]) -> Layer:
    """A layer that writes down when it is passed, both ways."""

    async def layer(request: Request, send: Send) -> Response:
        seen.append(f"{name} down")
        response = await send(request)
        seen.append(f"{name} up")
        return response

    return layer


def test_a_body_as_json() -> None:
    """A response's body is read as JSON; one that is none is an InvalidResponse that says what is there."""
    assert Response(status=200, content=b'{"a": [1, null]}').json() == {"a": [1, None]}
    with pytest.raises(InvalidResponse) as raised:
        Response(status=200, headers={"x-request-id": "r-1"}, content=b"<html>").json()
    assert (raised.value.found, raised.value.request_id) == ("HTML or XML", "r-1")


async def test_layers_are_passed_in_order() -> None:
    """The first layer of a stack sees the request first and the answer last."""
    seen: list[str] = []

    async def transport(_: Request) -> Response:
        seen.append("sent")
        return Response(status=200)

    await stack([marking("a", seen), marking("b", seen)], transport)(REQUEST)
    assert seen == ["a down", "b down", "sent", "b up", "a up"]


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://Example.org/path?x=1", "https://example.org:443"),
        ("http://example.org:80", "http://example.org:80"),
        ("http://user:secret@[::1]:8000/", "http://[::1]:8000"),
    ],
)
def test_an_origin_has_one_form(url: str, origin: str) -> None:
    """Scheme, host and port, the port also where it is the scheme's own (RFC 6454 §4)."""
    assert origin_of(url) == origin


def test_a_relative_address_has_no_origin() -> None:
    """An address without a host is an error that shows it."""
    with pytest.raises(ValueError, match="'/path' is not an absolute URL"):
        origin_of("/path")


async def test_a_stream_is_read_and_closed() -> None:
    """Reading a whole answer joins its stream and closes it; an answer that is there is just given."""
    closed: list[bool] = []

    async def pieces() -> AsyncIterator[bytes]:
        yield b"a"
        yield b"b"

    async def close() -> None:
        closed.append(True)

    response = Response(status=200, stream=pieces(), close=close)
    assert await response.read() == b"ab"
    assert await response.read() == b"ab"
    assert closed == [True]
    await Response(status=204).close()


def test_the_time_that_is_left() -> None:
    """The seconds until the deadline, None without one."""
    assert remaining(REQUEST, ManualClock()) is None
    assert remaining(REQUEST.replaced(deadline=5.0), ManualClock()) == 5.0


def test_what_is_printed_holds_no_secret() -> None:
    """Printing a request, an answer or a token shows no header, query or body."""
    headers = {"authorization": "planted"}
    request = Request(method="GET", url="http://h/p?ticket=planted", headers=headers, content=b"planted")
    response = Response(status=200, headers={"set-cookie": "planted"}, content=b"planted")
    assert f"{request!r} {response!r}" == "Request(GET http://h/p) Response(200)"
    assert "planted" not in repr(BearerToken("planted", "u1"))
