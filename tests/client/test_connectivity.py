"""What one part of the client learns of the way to the server helps the others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from hinterland.client.client import Client
from hinterland.client.connectivity import Connectivity
from hinterland.client.errors import ConnectError
from hinterland.client.transports.scripted import Scripted
from hinterland.kit.clock import ManualClock
from hinterland.testing.backend import running_backend
from hinterland.testing.faulty import FaultyNetwork
from tests.client.local.conftest import until


async def test_a_pause_ends_when_the_other_way_is_back(clock: ManualClock) -> None:
    """The other way's return after an outage ends a pause; that of a way which never failed does not, nor one's own."""
    known = Connectivity(clock)
    known.lost("http")
    waiting = asyncio.create_task(known.pause(10.0, "socket"))
    await clock.advance(0.1)
    known.reached("socket")
    await clock.advance(0.1)
    before = waiting.done()
    known.reached("http")
    await until(waiting.done)
    again = asyncio.create_task(known.pause(10.0, "socket"))
    await clock.advance(0.1)
    known.reached("http")
    await clock.advance(0.1)
    assert (before, again.done()) == (False, False)
    await clock.advance(10.0)
    await again


async def test_requests_tell_whether_the_server_is_there(make: Callable[..., Client], script: Scripted) -> None:
    """A request that gets no answer, and one that gets any, decide."""
    client = make()
    script.expect("GET", "/health").fail(ConnectError())
    script.expect("GET", "/health").answer(500)
    request = client.calls.foreign("GET", "/health").replaced(retries=0)
    known = [client.is_online]
    await asyncio.gather(client.calls.send(request), return_exceptions=True)
    known.append(client.is_online)
    await client.calls.send(request)
    assert [*known, client.is_online] == [True, False, True]


async def test_the_socket_comes_back_with_requests() -> None:
    """A socket that waits for its next try opens as soon as a request reaches the server again."""
    clock = ManualClock()
    async with running_backend() as backend:
        network = FaultyNetwork(backend.transport(), seed=1)
        client = await backend.client(transport=network, random=lambda: 1.0, clock=clock)
        await client.socket.connect()
        network.is_down = True
        await until(lambda: not client.socket.is_connected)
        request = client.calls.foreign("GET", "/health").replaced(retries=0)
        await asyncio.gather(client.calls.send(request), return_exceptions=True)
        await clock.advance(0.1)
        network.is_down = False
        assert not client.socket.is_connected
        await client.calls.send(request)
        await until(lambda: client.socket.is_connected)
        assert clock.monotonic() < 0.2
        assert client.is_online
