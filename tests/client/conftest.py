"""A client over a script, with time that is turned by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from hinterland.client.client import Client
from hinterland.client.exchange import Transport
from hinterland.client.transports.scripted import Scripted
from hinterland.kit.clock import ManualClock

URL = "http://127.0.0.1:8000"


def session(number: int = 1, *, user: str = "u1", expires_in: int = 900) -> dict[str, Any]:
    """A log-in's answer: the `number`-th pair of tokens."""
    access = f"access-{number}"
    return {
        "token": access,
        "access_token": access,
        "refresh_token": f"refresh-{number}",
        "token_type": "Bearer",
        "expires_in": expires_in,
        "user": {"id": user, "name": "Ada", "email": "ada@example.org"},
    }


@pytest.fixture
def clock() -> ManualClock:
    """A clock that moves only when it is turned."""
    return ManualClock()


@pytest.fixture
async def script() -> AsyncIterator[Scripted]:
    """A transport that answers by its script, which must have been played to its end."""
    scripted = Scripted()
    yield scripted
    scripted.finish()


@pytest.fixture
async def make(script: Scripted, clock: ManualClock) -> AsyncIterator[Callable[..., Client]]:
    """`make(**settings)` gives a client over the script, closed after the test."""
    clients: list[Client] = []

    def make(transport: Transport = script, **settings: Any) -> Client:
        settings.setdefault("clock", clock)
        client = Client(settings.pop("url", URL), transport=transport, random=lambda: 0.5, **settings)
        clients.append(client)
        return client

    yield make
    for client in clients:
        await client.close()


@pytest.fixture
def client(make: Callable[..., Client]) -> Client:
    """A client over the script."""
    return make()


async def log_in(client: Client, script: Scripted, number: int = 1, **named: Any) -> None:
    """Sign in with the `number`-th pair of tokens."""
    script.expect("POST", "/v1/auth/login").answer(json=session(number, **named))
    await client.auth.log_in(email="ada@example.org", password="a good password")
