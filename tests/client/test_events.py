"""Streams that are taken up again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from itertools import pairwise

import msgspec
import pytest

from hinterland.client.client import Client
from hinterland.client.errors import (
    ConnectError,
    ConnectionLost,
    Forbidden,
    HinterlandError,
    InvalidResponse,
    NameNotFound,
    TooCostly,
    Unauthorized,
)
from hinterland.client.events import SILENCE as SILENCE_SECONDS
from hinterland.client.events import Event
from hinterland.client.exchange import Request, Response
from hinterland.client.reconnecting import WAIT_CAP
from hinterland.client.transports.scripted import SILENCE, Scripted
from hinterland.kit.clock import ManualClock
from hinterland.testing.clock import play
from tests.client.conftest import log_in, session
from tests.client.foreign import FOREIGN, answer
from tests.client.local.conftest import until

PATH = "/v1/events"


def said(kind: str, cursor: str, data: object = None) -> bytes:
    """One event on the wire."""
    text = msgspec.json.encode({} if data is None else data).decode()
    return f"id: {cursor}\nevent: {kind}\ndata: {text}\n\n".encode()


def commit(cursor: str, *ids: str) -> bytes:
    """A commit that created these records."""
    changes = [{"kind": "create", "collection": "posts", "id": id} for id in ids]
    return said("commit", cursor, {"revision": 3, "changes": changes})


async def first(events: AsyncIterator[Event], count: int) -> list[Event]:
    """The first events."""
    return [await anext(events) for _ in range(count)]


async def test_a_stream_tells_its_events(client: Client, script: Scripted) -> None:
    """Ready, commit, position and resync come with their cursors; comments and unknown events are passed over."""
    pieces = [said("ready", "c0"), b": still here\n\n", commit("c1", "a", "b"), said("news", "c1")]
    pieces += [said("position", "c2"), said("resync", "c3", {"reason": "restored"})]
    query = [("collection", "posts"), ("collection", "users"), ("filter", "true"), ("cursor", "c0")]
    script.expect("GET", PATH, query=query, headers={"accept": "text/event-stream"}).stream(pieces)
    async with aclosing(client.events(["posts", "users"], cursor="c0", filter="true")) as events:
        seen = await first(events, 4)
    assert [(event.kind, event.cursor, event.reason) for event in seen] == [
        ("ready", "c0", ""), ("commit", "c1", ""), ("position", "c2", ""), ("resync", "c3", "restored")
    ]  # fmt: skip
    assert [change.id for change in seen[1].changes] == ["a", "b"]


@pytest.mark.parametrize("place", range(1, len(commit("c1", "a")), 3))
async def test_a_stream_that_is_cut_anywhere_is_resumed(
    client: Client, script: Scripted, clock: ManualClock, place: int
) -> None:
    """An SSE stream cut at any event → resumed, no gap, no duplicate; at any byte, too."""
    whole = commit("c1", "a")
    script.expect("GET", PATH, headers={"last-event-id": None}).stream(
        [said("ready", "c0"), whole[:place], ConnectionLost()]
    )
    script.expect("GET", PATH, query=[("collection", "posts")], headers={"last-event-id": "c0"}).stream(
        [said("ready", "c0"), whole + commit("c2", "b"), SILENCE]
    )
    async with aclosing(client.events("posts")) as events:
        seen = await play(clock, first(events, 4))
    assert [event.kind for event in seen] == ["ready", "ready", "commit", "commit"]
    assert [change.id for event in seen for change in event.changes] == ["a", "b"]


async def test_204_ends_a_stream(client: Client, script: Scripted) -> None:
    """204 stops SSE."""
    script.expect("GET", PATH).answer(204)
    assert [event async for event in client.events("posts")] == []


@pytest.mark.parametrize("pieces", [[said("ready", "c0"), SILENCE], [SILENCE]])
async def test_a_dead_peer_is_noticed(
    client: Client, script: Scripted, clock: ManualClock, pieces: list[bytes]
) -> None:
    """A dead peer is noticed within two ping periods: no byte for 30 s → the stream is taken up again."""
    script.expect("GET", PATH).stream(pieces)
    script.expect("GET", PATH).answer(204)
    seen = await play(clock, collect(client.events("posts")))
    assert seen[-1].kind == "offline"
    assert 30 <= clock.monotonic() < 31


async def collect(events: AsyncIterator[Event]) -> list[Event]:
    """All events until the end."""
    return [event async for event in events]


async def test_an_outage_is_waited_for(client: Client, script: Scripted, clock: ManualClock) -> None:
    """However long the server is away, the stream is open again within 5 s of its return; offline is reported once."""
    script.expect("GET", PATH, times=30).fail(ConnectError())
    script.expect("GET", PATH).answer(503, headers={"retry-after": "20"})
    script.expect("GET", PATH).stream([b"retry: 7000\n\n", said("ready", "c0"), ConnectionLost()])
    script.expect("GET", PATH).answer(204)
    seen = await play(clock, collect(client.events("posts")))
    assert [event.kind for event in seen] == ["offline", "ready"]
    assert clock.monotonic() < 30 * 4 + 20 + 7 + 4


async def test_streams_that_end_after_their_first_event(client: Client, script: Scripted, clock: ManualClock) -> None:
    """A stream that is cut after its first event again and again: waits grow to the cap, and an outage is reported only
    when the server is really away."""
    script.expect("GET", PATH, times=30).stream([said("ready", "c0"), ConnectionLost()])
    script.expect("GET", PATH, times=2).fail(ConnectError())
    script.expect("GET", PATH).answer(204)
    times: list[float] = []
    kinds: list[str] = []

    async def listen() -> None:
        async for event in client.events("posts"):
            times.append(clock.monotonic())
            kinds.append(event.kind)

    await play(clock, listen())
    assert kinds == ["ready"] * 30 + ["offline"]
    waits = [later - earlier for earlier, later in pairwise(times[:30])]
    assert waits == sorted(waits)
    assert set(waits[5:]) == {WAIT_CAP / 2}  # the test's random is 0.5


async def test_a_steady_stream_that_ends(client: Client, script: Scripted, clock: ManualClock) -> None:
    """A stream that lasted is opened again at once, however many ended before it; meanwhile offline is reported."""
    for number in range(5):
        script.expect("GET", PATH).stream([said("ready", f"c{number}"), SILENCE])
    script.expect("GET", PATH).answer(204)
    seen = await play(clock, collect(client.events("posts")))
    assert [event.kind for event in seen] == ["ready", "offline"] * 5
    assert clock.monotonic() < 5 * (SILENCE_SECONDS + 1)


@pytest.mark.parametrize(("code", "kind"), [("forbidden", Forbidden), ("unauthorized", Unauthorized)])
async def test_a_definite_refusal_is_raised(
    client: Client, script: Scripted, code: str, kind: type[HinterlandError]
) -> None:
    """Who may not listen is reported, and nothing is tried again."""
    script.expect("GET", PATH).refuse(code)
    with pytest.raises(kind):
        await collect(client.events("posts"))


@pytest.mark.parametrize(("status", "content"), FOREIGN)
async def test_a_portal_ends_no_stream(
    client: Client, script: Scripted, clock: ManualClock, status: int, content: bytes
) -> None:
    """An answer or a redirect that something on the way gives is an outage: the stream is taken up again after it."""
    answer(script.expect("GET", PATH, times=3), status, content)
    script.expect("GET", PATH).answer(302, headers={"location": "http://portal.example/"})
    script.expect("GET", PATH).answer(200, content=content)
    script.expect("GET", PATH).stream([said("ready", "c0"), SILENCE])
    async with aclosing(client.events("posts")) as events:
        seen = await play(clock, first(events, 2))
    assert [event.kind for event in seen] == ["offline", "ready"]


async def test_a_stream_renews_its_session(client: Client, script: Scripted, clock: ManualClock) -> None:
    """A stream that ended with its access token comes back with a new one."""
    await log_in(client, script)
    script.expect("GET", PATH, headers={"authorization": "Bearer access-1"}).stream([commit("c1", "a")])
    script.expect("GET", PATH, headers={"authorization": "Bearer access-1"}).refuse("unauthorized")
    script.expect("POST", "/v1/auth/refresh").answer(json=session(2))
    script.expect("GET", PATH, headers={"authorization": "Bearer access-2", "last-event-id": "c1"}).answer(204)
    assert [event.kind for event in await play(clock, collect(client.events("posts")))] == ["commit"]


async def test_a_stream_that_is_ended_for_a_reason(client: Client, script: Scripted) -> None:
    """Where the server ends a stream since its filter costs too much, the caller is reported, and nothing is tried
    again."""
    problem = {"code": "too_costly", "status": 400, "title": "t", "message": "make the filter simpler"}
    script.expect("GET", PATH).stream([said("ready", "c0"), commit("c1", "a"), said("end", "c1", problem)])
    events = client.events("posts", filter="true")
    assert [event.kind for event in await first(events, 2)] == ["ready", "commit"]
    with pytest.raises(TooCostly, match="make the filter simpler") as caught:
        await anext(events)
    assert caught.value.is_from_server


async def test_a_commit_of_several_lines(client: Client, script: Scripted) -> None:
    """A commit whose data comes in several lines is one event with all its changes."""
    change = '{"kind":"create","collection":"posts","id":"a"},'
    lines = [f'{{"revision":3,"changes":[{change}', '{"kind":"left","collection":"posts",', '"id":"b"}]}']
    data = "".join(f"data: {line}\n" for line in lines)
    script.expect("GET", PATH).stream([f"id: c1\nevent: commit\n{data}\n".encode(), SILENCE])
    async with aclosing(client.events("posts")) as events:
        event = await anext(events)
    assert (event.cursor, [(change.kind, change.id) for change in event.changes]) == (
        "c1",
        [("create", "a"), ("left", "b")],
    )


async def test_an_event_that_does_not_fit_is_an_error(client: Client, script: Scripted) -> None:
    """A commit that is none names the path, and the stream is closed."""
    script.expect("GET", PATH).stream([said("commit", "c1", {"revision": 3, "changes": [{"kind": "gone"}]})])
    with pytest.raises(InvalidResponse, match=r"\$\.changes\[0\]"):
        await collect(client.events("posts"))


class Watched:
    """A transport that tells whether its stream was closed."""

    def __init__(self) -> None:
        self.closed = 0

    async def __call__(self, request: Request) -> Response:
        """A stream that is ready."""

        async def pieces() -> AsyncIterator[bytes]:
            yield said("ready", "c0")

        async def close() -> None:
            self.closed += 1

        return Response(status=200, stream=pieces(), close=close)

    async def close(self) -> None:
        """Nothing is held."""


async def test_a_stream_that_is_left_is_closed(make: Callable[..., Client]) -> None:
    """A caller who stops listening lets the connection go."""
    transport = Watched()
    async with aclosing(make(transport).events("posts")) as events:
        await anext(events)
    assert transport.closed == 1


class Roaming:
    """A network that comes and goes: without it names have no address."""

    def __init__(self) -> None:
        self.is_up = False
        self.calls = 0

    async def __call__(self, request: Request) -> Response:
        """A stream where there is a network."""
        self.calls += 1
        if not self.is_up:
            raise NameNotFound
        script = Scripted()
        script.expect("GET", PATH).stream([said("ready", "c0"), SILENCE])
        return await script(request)

    async def close(self) -> None:
        """Nothing is held."""


@pytest.mark.parametrize("jump", [0, 365 * 86_400, -365 * 86_400])
async def test_a_stream_is_back_soon(make: Callable[..., Client], clock: ManualClock, jump: int) -> None:
    """The machine sleeps, the clock jumps a year, DNS fails → recovered within 5 s of the network's return; timers are
    monotonic."""
    network = Roaming()
    async with aclosing(make(network).events("posts")) as events:
        assert (await play(clock, anext(events))).kind == "offline"
        back = asyncio.create_task(take(events))
        await until(lambda: clock.waiting)
        await clock.advance(3_600)
        clock.jump(jump)
        await clock.advance(3_600)
        assert 3_600 / 4 < network.calls < 20_000
        network.is_up = True
        returned = clock.monotonic()
        assert (await play(clock, outcome(back))).kind == "ready"
    assert clock.monotonic() - returned < 5


async def take(events: AsyncIterator[Event]) -> Event:
    """The next event."""
    return await anext(events)


async def outcome(task: asyncio.Task[Event]) -> Event:
    """What a task has found."""
    return await task
