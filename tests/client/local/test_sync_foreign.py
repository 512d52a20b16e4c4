"""Synchronisation behind a portal or a proxy that has its own ideas."""

from __future__ import annotations

import pytest

from hinterland.client.answers import error_in
from hinterland.kit.clock import ManualClock
from tests.client.foreign import FOREIGN, response
from tests.client.local.conftest import OPEN, until
from tests.client.local.steps import Way
from tests.support.model_server import ModelServer


@pytest.mark.parametrize(("status", "content"), FOREIGN)
async def test_a_portal_neither_pauses_nor_parks(
    device: OPEN, server: ModelServer, clock: ManualClock, status: int, content: bytes
) -> None:
    """Where something on the way answers everything, synchronisation is offline and tries again by itself; nothing is
    parked, and it goes on when the way is free."""
    local = await device(remote=(way := Way(server)))

    def fault(*_: object) -> None:
        raise error_in(response(status, content))

    way.fault = fault
    written = await local.collection("notes").create({"text": "x"})
    local.sync.start()
    for tries in range(1, 20):
        await until(lambda: len(way.pushed) >= tries and clock.waiting > 1)  # noqa: B023
        assert local.sync.status.state == "offline"
        await clock.advance(5)
    await until(lambda: clock.waiting > 1)
    assert [entry.state for entry in await local.outbox.list()] == ["sent"]
    way.fault = None
    await clock.advance(5)
    assert (await written.settled()).is_applied
    await until(lambda: local.sync.status.state == "online")
