"""Sessions through outages: a real server with the client, over a network that fails."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hinterland.client.errors import NetworkError
from hinterland.client.session import SignedIn
from hinterland.client.vault.file import FileVault
from hinterland.kit.clock import ManualClock
from hinterland.testing.backend import TestBackend, running_backend
from hinterland.testing.clock import play
from hinterland.testing.faulty import FaultyNetwork

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


@pytest.mark.parametrize("outage", [12, 86_400, 20 * 86_400])
@pytest.mark.parametrize("is_killed", [False, True])
async def test_a_lost_renewal_signs_nobody_out(
    backend: TestBackend, clock: ManualClock, tmp_path: Path, outage: int, is_killed: bool
) -> None:
    """An outage of any length signs nobody out, though the answer of a renewal was lost in it: neither the app that
    goes on, nor one that is killed in that moment and started again."""
    network = FaultyNetwork(backend.transport(), seed=1, lost=1.0, operations=LOSING, clock=clock)
    client = await backend.client(transport=network, vault=FileVault(tmp_path / "vault"))
    await client.auth.sign_up(**ADA)
    with pytest.raises(NetworkError):
        await play(clock, client.auth.refresh())
    assert network.met["lost"] >= 1
    network.is_down = True
    clock.jump(outage)  # days pass at once: nothing of them is waited for
    if is_killed:
        client = await backend.client(vault=FileVault(tmp_path / "vault"))
    network.heal()
    assert (await client.auth.me())["email"] == ADA["email"]
    await client.auth.refresh()
    assert isinstance(client.auth.state, SignedIn)
