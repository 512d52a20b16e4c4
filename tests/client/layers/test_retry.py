"""Trying again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hinterland.client.client import Client
from hinterland.client.errors import (
    Conflict,
    ConnectError,
    ConnectionLost,
    HinterlandError,
    InvalidResponse,
    NetworkError,
    RateLimited,
    ReadTimeout,
    ServiceUnavailable,
    TlsError,
    TooLarge,
)
from hinterland.client.exchange import Request, Response
from hinterland.client.layers.retry import STATUSES, Failure, failure_of, may_repeat, verdict
from hinterland.client.options import Options
from hinterland.client.transports.scripted import Scripted
from hinterland.kit.clock import ManualClock
from hinterland.testing.clock import play

GET = Request(method="GET", url="http://127.0.0.1/")
POST = Request(method="POST", url="http://127.0.0.1/")
KEYED = POST.with_headers({"idempotency-key": "k"})
PATH = "/v1/records/posts"


def test_which_answers_may_pass() -> None:
    """408, 429, 500, 502, 503 and 504 may pass; every other answer stays."""
    assert {status for status in range(200, 600) if failure_of(Response(status=status), GET, 0)} == STATUSES


@pytest.mark.parametrize(
    ("error", "may_pass"),
    [
        (ConnectError(), True),
        (ConnectionLost(), True),
        (ReadTimeout(), True),
        (TlsError(), False),
        (InvalidResponse(), False),
        (ConnectionLost(operation="auth.refresh"), False),
    ],
)
def test_which_errors_may_pass(error: HinterlandError, may_pass: bool) -> None:
    """Errors of the network may pass; a refused certificate stays, and a renewal on the way has made its own tries."""
    assert (failure_of(error, GET, 0) is not None) == may_pass


@pytest.mark.parametrize(
    ("request_", "sent", "may"),
    [
        (GET, "maybe", True),
        (POST, "no", True),
        (POST, "maybe", False),
        (POST.replaced(method="PATCH"), "maybe", False),
        (KEYED, "maybe", True),
        (POST.replaced(is_repeatable=True), "maybe", True),
        (POST.replaced(method="PUT"), "maybe", True),
        (POST.replaced(method="DELETE"), "maybe", True),
    ],
)
def test_what_may_be_sent_twice(request_: Request, sent: str, may: bool) -> None:
    """POST and PATCH are repeated only when provably unsent, or with an Idempotency-Key."""
    assert may_repeat(request_, sent) == may  # type: ignore[arg-type]


@given(
    st.sampled_from([0, 429, 503, 500]),
    st.integers(0, 5),
    st.none() | st.floats(0, 1e6),
    st.none() | st.floats(-5, 100),
    st.floats(0, 1),
)
def test_a_wait_keeps_all_its_promises(
    status: int, attempt: int, asked: float | None, left: float | None, draw: float
) -> None:
    """A wait is at least what the server asks, at most the cap, ends before the deadline; after 3 retries there is
    none."""
    options = Options()
    wait = verdict(GET, Failure(status, "maybe", asked), attempt, left, options, lambda: draw)
    if wait is None:
        must_stop = attempt >= 3 or (asked or 0) > options.retry_cap
        assert must_stop or (left is not None and left <= options.retry_cap)
        return
    assert attempt < 3
    assert wait >= (asked or 0)
    assert wait <= options.retry_cap
    assert left is None or wait < left
    if asked is None:
        assert wait <= (1.0 if status in (429, 503) else 0.1) * 2**attempt


async def test_a_read_is_tried_three_times_again(client: Client, script: Scripted, clock: ManualClock) -> None:
    """Up to 3 retries follow; the answer tells attempts and waits, which grow."""
    script.expect("GET", PATH, times=2).fail(ConnectionLost())
    script.expect("GET", PATH).answer(502)
    script.expect("GET", PATH).answer(json={"items": []})
    response = await play(clock, client.request("GET", PATH))
    assert response.attempts == 4
    assert response.waited == pytest.approx(0.05 + 0.1 + 0.2, abs=0.16)


async def test_the_last_failure_is_raised_with_its_story(client: Client, script: Scripted, clock: ManualClock) -> None:
    """When all attempts failed the last failure is raised, and tells attempts, waits, call and whether it was sent."""
    script.expect("GET", PATH, times=3).fail(ConnectionLost())
    script.expect("GET", PATH).fail(ConnectError())
    with pytest.raises(ConnectError) as caught:
        await play(clock, client.collection("posts").list())
    error = caught.value
    assert (error.attempts, error.operation, error.sent) == (4, "records.list", "maybe")
    assert error.waited > 0


@pytest.mark.parametrize(
    ("before", "is_in_doubt"),
    [([], False), ([429], False), ([ConnectError()], False), ([ConnectionLost()], True), ([503], True)],
)
async def test_a_refusal_tells_whether_an_earlier_attempt_is_in_doubt(
    client: Client, script: Scripted, clock: ManualClock, before: list[int | HinterlandError], is_in_doubt: bool
) -> None:
    """A refusal says whether another attempt of the call may have been carried out, and whose word it is."""
    for each in before:
        expected = script.expect("GET", PATH)
        expected.answer(each) if isinstance(each, int) else expected.fail(each)
    script.expect("GET", PATH).answer(413)
    with pytest.raises(TooLarge) as caught:
        await play(clock, client.collection("posts").list())
    assert (caught.value.is_in_doubt, caught.value.is_from_server) == (is_in_doubt, False)


async def test_a_write_carries_one_key_on_each_attempt(client: Client, script: Scripted, clock: ManualClock) -> None:
    """A POST with unknown outcome is not repeated without a key; with one, the same key: a repository's writes carry
    one."""
    script.expect("POST", PATH).fail(ConnectionLost())
    script.expect("POST", PATH).answer(409, json={"code": "in_progress", "message": "running"})
    script.expect("POST", PATH).answer(201, json={"id": "1"})
    assert await play(clock, client.collection("posts").create({"title": "t"})) == {"id": "1"}
    keys = {request.headers["idempotency-key"] for request in script.requests}
    assert len(keys) == 1
    assert len(keys.pop()) > 20
    script.expect("POST", PATH).fail(ConnectionLost())
    with pytest.raises(ConnectionLost) as caught:
        await play(clock, client.request("POST", PATH, json={}))
    assert (caught.value.sent, caught.value.attempts) == ("maybe", 1)


async def test_a_conflict_without_key_stays(client: Client, script: Scripted) -> None:
    """A 409 is not repeated, but for a keyed write whose first attempt still runs."""
    script.expect("POST", PATH).answer(409, json={"code": "conflict"})
    with pytest.raises(Conflict):
        await client.collection("posts").create({"title": "t"})


@pytest.mark.parametrize("asked", ["3", "Thu, 01 Jan 2026 00:00:03 GMT"])
async def test_retry_after_is_obeyed(client: Client, script: Scripted, clock: ManualClock, asked: str) -> None:
    """503/429 with Retry-After in seconds or as a date → obeyed, capped, shown."""
    for status in (503, 429):
        started = clock.now()
        headers = {"retry-after": asked, "date": "Thu, 01 Jan 2026 00:00:00 GMT"}
        script.expect("GET", PATH).answer(status, headers=headers)
        script.expect("GET", PATH).answer(json={"items": []})
        await play(clock, client.collection("posts").list())
        assert 3 <= clock.now() - started < 3.2


@pytest.mark.parametrize(("status", "kind"), [(503, ServiceUnavailable), (429, RateLimited)])
async def test_a_long_retry_after_is_shown(
    client: Client, script: Scripted, clock: ManualClock, status: int, kind: type[HinterlandError]
) -> None:
    """A Retry-After over the cap, or beyond the deadline, is not waited for; the error shows it."""
    script.expect("GET", PATH).answer(status, headers={"retry-after": "3600"})
    with pytest.raises(kind) as caught:
        await client.collection("posts").list()
    assert (caught.value.retry_after, caught.value.attempts) == (3600, 1)
    assert "the server asks to wait 3600 s" in str(caught.value)
    assert clock.monotonic() == 0


async def test_an_outage_is_not_made_worse(client: Client, script: Scripted, clock: ManualClock) -> None:
    """A total outage: retries add ≤ 20 % load."""
    script.expect("GET", PATH, times=10_000).fail(ConnectError())
    for _ in range(20):
        calls = (client.collection("posts").list() for _ in range(10))
        outcomes = await play(clock, gather(*calls))
        assert all(isinstance(outcome, NetworkError) for outcome in outcomes)
    assert 200 < len(script.requests) <= 240
    script._steps.clear()  # what is left of the outage is not meant to come


async def gather(*calls: object) -> list[object]:
    """The outcomes, errors among them."""
    return await asyncio.gather(*calls, return_exceptions=True)  # type: ignore[call-overload, no-any-return]


async def test_a_recovered_origin_is_tried_again(
    make: Callable[..., Client], script: Scripted, clock: ManualClock
) -> None:
    """Successes fill the budget again, and each origin has its own."""
    client = make(options=Options(retries=1))
    for _ in range(11):
        script.expect("GET", PATH, times=2).fail(ConnectError())
    script._steps[-1].left = 1  # the eleventh call finds an empty budget
    for _ in range(11):
        with pytest.raises(ConnectError):
            await play(clock, client.request("GET", PATH))
    script.expect("GET", PATH, times=5).answer(200)
    for _ in range(5):
        await client.request("GET", PATH)
    script.expect("GET", PATH).fail(ConnectError())
    script.expect("GET", PATH).answer(200)
    assert (await play(clock, client.request("GET", PATH))).attempts == 2


def test_waits_spread() -> None:
    """Each draw gives another wait, so that clients do not come back together."""
    draws = iter([0.1, 0.4, 0.9])
    failure = Failure(500, "maybe")
    waits = [verdict(GET, failure, 1, None, Options(), draws.__next__) for _ in range(3)]
    assert all(first < second for first, second in pairwise(w for w in waits if w is not None))
