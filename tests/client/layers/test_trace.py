"""What is reported of each call."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hinterland.client.client import Client
from hinterland.client.errors import ConnectError, ConnectionLost, NotFound
from hinterland.client.layers.trace import Trace, without_secrets
from hinterland.client.options import Options
from hinterland.client.transports.scripted import Scripted
from hinterland.kit.clock import ManualClock
from hinterland.testing.clock import play
from tests.client.conftest import session

PATH = "/v1/records/posts/1"


async def test_a_listener_hears_of_each_call(make: Callable[..., Client], script: Scripted, clock: ManualClock) -> None:
    """A listener gets the operation, address, status, attempts, waits, phases and request id of each call."""
    reported: list[Trace] = []
    client = make(on_trace=reported.append)
    script.expect("GET", PATH).fail(ConnectionLost())
    script.expect("GET", PATH).answer(404, headers={"x-request-id": "r-1"})
    with pytest.raises(NotFound):
        await play(clock, client.collection("posts").get(1))
    (trace,) = reported
    assert (trace.operation, trace.method, trace.url) == ("records.view", "GET", client.url + PATH)
    assert (trace.status, trace.error, trace.attempts, trace.request_id) == (404, "", 2, "r-1")
    assert trace.seconds >= trace.waited > 0
    assert [phase.name for phase in trace.phases] == ["wait after no answer"]


async def test_a_call_without_answer_is_reported_too(make: Callable[..., Client], script: Scripted) -> None:
    """Where no answer came the trace has the error's code, and whether anything was sent."""
    reported: list[Trace] = []
    client = make(on_trace=reported.append, options=Options(retries=0))
    script.expect("GET", PATH).fail(ConnectError())
    with pytest.raises(ConnectError):
        await client.collection("posts").get(1)
    assert [(t.status, t.error, t.sent) for t in reported] == [(0, "connect", "no")]


async def test_a_failing_listener_harms_nothing(
    make: Callable[..., Client], script: Scripted, caplog: pytest.LogCaptureFixture
) -> None:
    """A listener that fails is logged, and the call goes on."""

    def fail(_: Trace) -> None:
        raise ValueError("listener")

    script.expect("GET", PATH).answer(json={"id": 1})
    assert await make(on_trace=fail).collection("posts").get(1) == {"id": 1}
    assert "a listener of on_trace failed" in caplog.text


def test_addresses_are_reported_without_secrets() -> None:
    """User info, fragments and the values of secret parameters never reach a listener."""
    url = "https://ada:pass@api.example/p?ticket=abc&x=1&Token=t&empty=#frag"
    assert without_secrets(url) == "https://api.example/p?ticket=***&x=1&Token=***&empty="


@pytest.mark.parametrize("value", ["1", "true", "TRUE"])
async def test_debugging_prints_each_call(
    make: Callable[..., Client],
    script: Scripted,
    clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    value: str,
) -> None:
    """NETWORK_DEBUG=1 prints every request's phases, and no planted token or password."""
    monkeypatch.setenv("NETWORK_DEBUG", value)
    client = make()
    script.expect("POST", "/v1/auth/login").answer(json=session())
    await client.auth.log_in(email="ada@example.org", password="planted-password")
    script.expect("GET", "/v1/x").answer(503)
    script.expect("GET", "/v1/x").answer(200, headers={"x-request-id": "r-9"})
    await play(clock, client.request("GET", "/v1/x", query=[("ticket", "planted-ticket")]))
    printed = capsys.readouterr().err
    assert "POST http://127.0.0.1:8000/v1/auth/login → 200" in printed
    assert "GET http://127.0.0.1:8000/v1/x?ticket=*** → 200" in printed
    assert "2 attempts, waited 0.5 s, request r-9" in printed
    assert "500.0 ms  wait after 503" in printed
    assert "planted" not in printed
    assert "access-1" not in printed


async def test_nothing_is_printed_unasked(
    make: Callable[..., Client],
    script: Scripted,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Without NETWORK_DEBUG the client prints nothing."""
    monkeypatch.setenv("NETWORK_DEBUG", "0")
    script.expect("GET", PATH).answer(json={"id": 1})
    await make().collection("posts").get(1)
    assert capsys.readouterr() == ("", "")
