"""The script says what differed."""

from __future__ import annotations

import pytest

from hinterland.client.errors import ConnectError
from hinterland.client.exchange import Request
from hinterland.client.transports.scripted import Scripted, ScriptError

POST = Request(method="POST", url="http://h/p?x=1", headers={"x-mine": "1"}, content=b'{"a":1}')


async def test_a_script_is_played_in_order() -> None:
    """Steps answer in their order and as often as they say, and the requests are kept."""
    script = Scripted()
    script.expect("POST", "/p", query={"x": "1"}, headers={"x-mine": "1", "x-none": None}, json={"a": 1}).answer(
        201, json={"ok": True}, headers={"x-h": "v"}
    )
    script.expect("POST", "/p", times=2).answer(content=b"raw")
    script.expect("POST", "/p").fail(ConnectError())
    first = await script(POST)
    assert (first.status, first.content, first.headers) == (201, b'{"ok":true}', {"x-h": "v"})
    assert [(await script(POST)).content for _ in range(2)] == [b"raw", b"raw"]
    with pytest.raises(ConnectError):
        await script(POST)
    script.finish()
    await script.close()
    assert len(script.requests) == 4


async def test_a_difference_is_reported_in_full() -> None:
    """A request that is not the expected one fails with everything that differs, side by side."""
    script = Scripted()
    script.expect("GET", "/q", query={"x": "2"}, headers={"x-mine": None}, json=None)
    with pytest.raises(ScriptError) as caught:
        await script(POST)
    assert str(caught.value).splitlines() == [
        "request 1 is not GET /q:",
        "  method: expected 'GET', found 'POST'",
        "  path: expected '/q', found '/p'",
        "  query: expected [('x', '2')], found [('x', '1')]",
        "  header x-mine: expected None, found '1'",
        "  body: expected None, found {'a': 1}",
    ]


async def test_too_many_and_too_few_requests_fail() -> None:
    """A request after the script's end fails, and so does a script whose steps did not all come."""
    script = Scripted()
    with pytest.raises(ScriptError, match=r"unexpected POST http://h/p\?x=1: the script is over"):
        await script(POST)
    script.expect("GET", "/a", times=3)
    with pytest.raises(ScriptError, match=r"these requests did not come: GET /a \(3×\)"):
        script.finish()
