"""One deadline over all attempts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from hinterland.client.client import Client
from hinterland.client.errors import ConnectionLost, DeadlineExceeded
from hinterland.client.exchange import Request, Response
from hinterland.client.options import Options
from hinterland.client.transports.scripted import Scripted
from hinterland.kit.clock import ManualClock
from hinterland.testing.clock import play

PATH = "/v1/records/posts"


class Silent:
    """A server that takes every request and answers none."""

    def __init__(self) -> None:
        self.requests = 0

    async def __call__(self, request: Request) -> Response:
        """Never answers."""
        self.requests += 1
        request.journal.note("connect", 0.1)
        await asyncio.get_running_loop().create_future()
        raise AssertionError

    async def close(self) -> None:
        """Nothing is held."""


async def test_a_call_ends_at_its_deadline(make: Callable[..., Client], clock: ManualClock) -> None:
    """A call that gets no answer ends at the deadline, and the error says that it may have been sent."""
    client = make(Silent(), options=Options(deadline=5))
    with pytest.raises(DeadlineExceeded) as caught:
        await play(clock, client.collection("posts").list())
    error = caught.value
    assert (error.sent, error.attempts, error.operation) == ("maybe", 1, "records.list")
    assert "after connect" in str(error)
    assert 5 <= clock.monotonic() < 5.2


async def test_the_deadline_is_over_all_attempts(
    make: Callable[..., Client], script: Scripted, clock: ManualClock
) -> None:
    """A wait that would pass the deadline is not begun: the last failure is raised at once."""
    client = make(options=Options(deadline=0.12))
    script.expect("GET", PATH, times=2).fail(ConnectionLost())
    with pytest.raises(ConnectionLost) as caught:
        await play(clock, client.request("GET", PATH), step=0.01)
    assert caught.value.attempts == 2
    assert clock.monotonic() < 0.12


async def test_a_call_may_bring_its_own_deadline(make: Callable[..., Client], clock: ManualClock) -> None:
    """A call's own deadline counts instead of the client's, shorter or longer; one that has passed sends nothing."""
    silent = Silent()
    client = make(silent)
    for seconds in (1.0, 100.0):
        started = clock.monotonic()
        with pytest.raises(DeadlineExceeded):
            await play(
                clock, client.calls("records.list", segments={"collection": "posts"}, output=dict, deadline=seconds)
            )
        assert seconds <= clock.monotonic() - started < seconds + 0.2
    with pytest.raises(DeadlineExceeded) as caught:
        await client.calls("records.list", segments={"collection": "posts"}, output=dict, deadline=-1)
    assert caught.value.sent == "no"
    assert silent.requests == 2
