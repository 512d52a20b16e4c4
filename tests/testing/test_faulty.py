"""The faulty network: its faults are those that were asked for, and a seed repeats them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from hinterland.client.errors import ConnectError, ConnectionLost, HinterlandError
from hinterland.client.exchange import Request, Response
from hinterland.kit.clock import ManualClock
from hinterland.testing.clock import play
from hinterland.testing.faulty import FaultyNetwork

REQUEST = Request(method="GET", url="http://h/", operation="records.list")


class Server:
    """Counts what reaches it, and answers with a stream where asked."""

    def __init__(self) -> None:
        self.requests = 0
        self.is_closed = False

    async def __call__(self, request: Request) -> Response:
        """An answer."""
        self.requests += 1
        return Response(status=200, stream=self._pieces() if request.is_stream else None)

    async def _pieces(self) -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"piece"

    async def close(self) -> None:
        """Closed with the network."""
        self.is_closed = True


class Silent(Server):
    """After a piece its streams say nothing more."""

    async def __call__(self, request: Request) -> Response:
        """A stream."""
        return Response(status=200, stream=self._pieces())

    async def _pieces(self) -> AsyncIterator[bytes]:
        yield b"piece"
        await asyncio.get_running_loop().create_future()


async def outcomes(network: FaultyNetwork, count: int = 400) -> list[str]:
    """What became of each request."""
    found = []
    for _ in range(count):
        try:
            found.append(str((await network(REQUEST)).status))
        except HinterlandError as error:
            found.append(f"{error.code} {error.detail}")
    return found


async def test_a_seed_repeats_the_faults() -> None:
    """The same seed gives the same faults in the same order, another seed others."""
    faults = {"refused": 0.1, "reset": 0.2, "lost": 0.1, "busy": 0.1}
    first, again, other = [FaultyNetwork(Server(), seed=seed, **faults) for seed in (1, 1, 2)]  # type: ignore[arg-type]
    assert await outcomes(first) == await outcomes(again) != await outcomes(other)
    assert first.met == again.met


async def test_the_faults_are_those_that_were_asked_for() -> None:
    """Each fault comes about as often as asked for; refused and early resets reach no server, lost answers did."""
    server = Server()
    network = FaultyNetwork(server, seed=3, refused=0.25, lost=0.25, busy=0.25)
    found = await outcomes(network)
    for text in ("connect a fault: refused", "connection_lost a fault: lost", "503", "200"):
        assert 70 < found.count(text) < 130
    assert server.requests == found.count("200") + found.count("connection_lost a fault: lost")
    reset = Server()
    await outcomes(FaultyNetwork(reset, seed=3, reset=1.0))
    assert 150 < reset.requests < 250


async def test_streams_are_cut() -> None:
    """A stream ends after some piece; when the network goes down it ends, too."""
    network = FaultyNetwork(Server(), seed=1, cut=0.2)
    pieces = []
    response = await network(REQUEST.replaced(is_stream=True))
    assert response.stream is not None
    with pytest.raises(ConnectionLost):
        pieces = [piece async for piece in response.stream]
    assert pieces == []
    response = await network(REQUEST.replaced(is_stream=True))
    network.is_down = True
    assert response.stream is not None
    assert await anext(response.stream) == b"piece"
    with pytest.raises(ConnectionLost):
        await anext(response.stream)


async def test_a_silent_stream_ends_with_the_network() -> None:
    """A stream on which nothing comes ends as soon as the network goes down; a reader of one can be cancelled."""
    network = FaultyNetwork(Silent(), seed=1)
    streams = [(await network(REQUEST)).stream for _ in range(2)]
    readers = []
    for stream in streams:
        assert stream is not None
        assert await anext(stream) == b"piece"
        readers.append(asyncio.ensure_future(anext(stream)))
    await asyncio.sleep(0)
    readers[1].cancel()
    with pytest.raises(asyncio.CancelledError):
        await readers[1]
    assert not readers[0].done()
    network.is_down = True
    with pytest.raises(ConnectionLost, match="cut"):
        await readers[0]
    assert network.met["cut"] == 1


async def test_only_chosen_operations_meet_faults() -> None:
    """Faults can be kept to some operations; when the network is down nothing goes, and it comes up again."""
    server = Server()
    network = FaultyNetwork(server, seed=1, lost=1.0, operations=frozenset({"records.create"}))
    assert set(await outcomes(network, 10)) == {"200"}
    network.is_down = True
    with pytest.raises(ConnectError, match="the network is down"):
        await network(REQUEST)
    network.is_down = False
    assert (await network(REQUEST)).status == 200
    await network.close()
    assert server.is_closed


async def test_time_passes_by_the_clock() -> None:
    """A delay takes up to as long as asked for, by the clock that can be turned."""
    clock = ManualClock()
    network = FaultyNetwork(Server(), seed=1, delay=2.0, clock=clock)
    for _ in range(5):
        before = clock.monotonic()
        await play(clock, network(REQUEST))
        assert clock.monotonic() - before <= 2.1
    assert clock.monotonic() > 1
