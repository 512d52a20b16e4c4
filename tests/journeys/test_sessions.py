"""Sessions and accounts from the client to a real server, over a network that fails too."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import httpx2
import pytest

from hinterland.client.errors import InvalidCredentials, NetworkError, Unauthorized
from hinterland.client.exchange import Request, Response, Transport
from hinterland.client.session import SignedIn, SignedOut
from hinterland.client.vault.file import FileVault
from hinterland.kit.clock import ManualClock
from hinterland.testing.backend import TestBackend, running_backend
from hinterland.testing.faulty import FaultyNetwork
from tests.support.server import ServerProcess

ADA = {"name": "Ada", "email": "ada@example.org", "password": "a long walk outside"}
LOSING = frozenset({"auth.refresh"})


@pytest.fixture
def clock() -> ManualClock:
    """A clock that the test turns."""
    return ManualClock()


@pytest.fixture
async def backend(clock: ManualClock) -> AsyncIterator[TestBackend]:
    """A server and the clients of a test."""
    async with running_backend(clock=clock) as made:
        yield made


class Attended:
    """A transport that knows how many requests are under way."""

    def __init__(self, transport: Transport) -> None:
        self.under_way = 0
        self._transport = transport

    async def __call__(self, request: Request) -> Response:
        self.under_way += 1
        try:
            return await self._transport(request)
        finally:
            self.under_way -= 1

    async def close(self) -> None:
        await self._transport.close()


async def outcome(clock: ManualClock, transport: Attended, act: Coroutine[Any, Any, Any]) -> Any:
    """The outcome of `act`, while the clock is turned whenever the server has nothing to do: its work takes no time."""
    task = asyncio.ensure_future(act)
    while not task.done():
        await asyncio.sleep(0)
        if not transport.under_way:
            await clock.advance(0.05)
    return task.result()


@pytest.mark.parametrize("outage", [12, 86_400, 20 * 86_400])
@pytest.mark.parametrize("is_killed", [False, True])
async def test_a_lost_renewal_signs_nobody_out(
    backend: TestBackend, clock: ManualClock, tmp_path: Path, outage: int, is_killed: bool
) -> None:
    """An outage of any length signs nobody out, though the answer of a renewal was lost in it: neither the app that
    goes on, nor one that is killed in that moment and started again."""
    server = Attended(backend.transport())
    network = FaultyNetwork(server, seed=1, lost=1.0, operations=LOSING, clock=clock)
    client = await backend.client(transport=network, vault=FileVault(tmp_path / "vault"))
    await client.auth.sign_up(**ADA)
    with pytest.raises(NetworkError):
        await outcome(clock, server, client.auth.refresh())
    assert network.met["lost"] >= 1
    network.is_down = True
    clock.jump(outage)  # days pass at once: nothing of them is waited for
    if is_killed:
        client = await backend.client(vault=FileVault(tmp_path / "vault"))
    network.heal()
    assert (await client.auth.me())["email"] == ADA["email"]
    await client.auth.refresh()
    assert isinstance(client.auth.state, SignedIn)


async def test_an_account_changes_and_goes(backend: TestBackend) -> None:
    """Two devices of one user: a new password signs the other one out, a new e-mail logs in, and after the deletion
    nothing does."""
    one, two = await backend.client(), await backend.client()
    await one.auth.sign_up(**ADA)
    await two.auth.log_in(email=ADA["email"], password=ADA["password"])
    await one.auth.change_password(password=ADA["password"], new_password="a longer walk outside")
    assert (await one.auth.me())["name"] == "Ada"
    with pytest.raises(Unauthorized):
        await two.auth.me()
    assert two.auth.state == SignedOut("refused")
    changed = await one.auth.change_email(email="new@example.org", password="a longer walk outside")
    assert changed["email"] == "new@example.org"
    await two.auth.log_in(email="new@example.org", password="a longer walk outside")
    await one.auth.delete_account(password="a longer walk outside")
    assert one.auth.state == SignedOut("log_out")
    with pytest.raises(Unauthorized):
        await two.auth.me()
    with pytest.raises(InvalidCredentials):
        await one.auth.log_in(email="new@example.org", password="a longer walk outside")


async def test_a_lost_sign_up_makes_one_user(backend: TestBackend, clock: ManualClock) -> None:
    """A sign-up whose first answers are lost ends in one user who is signed in."""
    server = Attended(backend.transport())
    network = FaultyNetwork(server, seed=4, lost=0.7, operations=frozenset({"auth.signup"}), clock=clock)
    client = await backend.client(transport=network)
    user = await outcome(clock, server, client.auth.sign_up(**ADA))
    assert network.met["lost"] >= 1
    assert await client.auth.me() == user


def status_of(server: ServerProcess, token: str) -> int:
    """The status of a read with an access token."""
    headers = {"Authorization": f"Bearer {token}"}
    return httpx2.get(f"{server.url}/v1/auth/me", headers=headers, timeout=30).status_code


@pytest.mark.parametrize("end", ["delete", "log out", "password"])
def test_two_processes(
    server_process: Callable[..., ServerProcess], tmp_path: Path, postgres_dsn: str, end: str
) -> None:
    """Two server processes on one PostgreSQL: what one of them ends, the other one's streams and requests soon feel."""
    env = {"HINTERLAND_DATABASE_URL": postgres_dsn}
    here, there = (server_process(data=tmp_path / name, env=env) for name in ("one", "two"))
    token = httpx2.post(f"{here.url}/v1/auth/signup", json=ADA).json()["token"]
    signed, form = {"Authorization": f"Bearer {token}"}, {"password": ADA["password"]}
    assert status_of(there, token) == 200
    with httpx2.stream("GET", f"{there.url}/v1/events?collection=users", headers=signed, timeout=60) as stream:
        lines = stream.iter_lines()
        assert next(lines) is not None
        if end == "password":
            other = httpx2.post(f"{here.url}/v1/auth/login", json={"email": ADA["email"], **form}).json()["token"]
            change = {**form, "new_password": "a longer walk outside"}
            signed = {"Authorization": f"Bearer {other}"}
            answer = httpx2.post(f"{here.url}/v1/auth/password", json=change, headers=signed)
        elif end == "delete":
            answer = httpx2.post(f"{here.url}/v1/auth/delete", json=form, headers=signed)
        else:
            answer = httpx2.post(f"{here.url}/v1/auth/logout", headers=signed)
        assert answer.status_code == 204
        for _ in lines:  # the stream ends by itself
            pass
    assert status_of(here, token) == 401
    assert status_of(there, token) == 401
