"""A server that is set back to an older copy of its database, and the ids that it gave since."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from hinterland.client.client import Client
from hinterland.client.errors import ConnectionLost
from hinterland.client.exchange import Request, Response
from hinterland.client.transports.inprocess import InProcess
from hinterland.client.vault.memory import MemoryVault
from hinterland.contract.fields import Integer, Text
from hinterland.contract.identity import RecordId
from hinterland.contract.records import EVERYBODY, Collection
from hinterland.testing.backend import TestBackend, running_backend

ORDERS = Collection(name="orders", fields={"amount": Integer(), "after": Integer()}, ids="integer", rules=EVERYBODY)
LINES = Collection(name="lines", fields={"text": Text()}, ids="integer", parent="orders", rules=EVERYBODY)
MARKS = Collection(name="marks", fields={"text": Text(), "order": Integer()}, parent="lines", rules=EVERYBODY)
DECLARED = (ORDERS, LINES, MARKS)
PASSWORD = "a long walk outside"


class NoPulls(InProcess):
    """The way to the server, on which no pull is answered: what was pushed stays in the outbox."""

    async def __call__(self, request: Request) -> Response:
        """Send the request."""
        if request.operation == "sync.pull":
            raise ConnectionLost
        return await super().__call__(request)


async def opened(backend: TestBackend, store: Path, *, can_pull: bool = True, is_declared: bool = True) -> Client:
    """Ada's device, which is signed in."""
    transport = (InProcess if can_pull else NoPulls)(backend.server, is_running=True)
    options: dict[str, Any] = {"collections": DECLARED} if is_declared else {}
    client = await backend.client(store=store, vault=MemoryVault(), transport=transport, **options)
    await client.auth.log_in(email="ada@example.org", password=PASSWORD)
    for declared in DECLARED:
        client.local.collection(declared.name)
    return client


async def pushed(client: Client) -> None:
    """A round that pushes, and whose pull is not answered."""
    with pytest.raises(ConnectionLost):
        await client.sync.now()


async def there(client: Client, name: str, parent: str = "") -> dict[object, dict[str, Any]]:
    """The records on the server by their ids."""
    return {each["id"]: each async for each in client.collection(name, parent=parent).iterate()}


async def here(client: Client, name: str, parent: str = "") -> dict[object, dict[str, Any]]:
    """The records on the device by their ids."""
    return {each["id"]: each async for each in client.local.collection(name, parent=parent).iterate()}


async def backup(tmp_path: Path) -> None:
    """The folder `server` with Ada's account, and a copy of it, `backup`."""
    async with running_backend(DECLARED, folder=tmp_path / "server") as backend:
        await (await backend.client()).auth.sign_up(name="Ada", email="ada@example.org", password=PASSWORD)
    shutil.copytree(tmp_path / "server", tmp_path / "backup")


async def written(client: Client) -> tuple[RecordId, RecordId]:
    """Orders, a line and a mark, which the server has taken, and edits, which wait: the stand-ins of the first order
    and of the line. What builds on them names them in every way that there is."""
    orders = client.local.collection("orders")
    order = await orders.create({"amount": 1})
    await pushed(client)
    assert (await here(client, "orders")).keys() == {1}
    line = await client.local.collection("lines", parent=f"orders/{order.id}").create({"text": "line"})
    second = await orders.create({"amount": 2, "after": order.id})
    await pushed(client)
    marks = client.local.collection("marks", parent=f"orders/1/lines/{line.id}")
    await marks.create({"text": "mark", "order": second.id})
    await pushed(client)
    await orders.update(1, {"amount": {"$increment": 10}})
    await client.local.collection("lines", parent="orders/1").update(1, {"text": "changed"})
    return order.id, line.id


@pytest.mark.parametrize("is_declared", [True, False])
@pytest.mark.parametrize("others", [0, 2])
@pytest.mark.parametrize("is_all_sent", [True, False])
async def test_a_creation_that_a_restored_server_has_forgotten(
    tmp_path: Path, others: int, is_all_sent: bool, is_declared: bool
) -> None:
    """A creation that was given an id, and that the server has forgotten since, arrives once more, once, with what
    builds on it: children, their children, references and edits, by the stand-in or by the id that was given. The
    device goes on with the id that is given now, also where the former one is another record's."""
    await backup(tmp_path)
    async with running_backend(DECLARED, folder=tmp_path / "server") as backend:
        client = await opened(backend, tmp_path / "app.db", can_pull=False, is_declared=is_declared)
        order, line = await written(client)
        if is_all_sent:
            await pushed(client)
    async with running_backend(DECLARED, folder=tmp_path / "backup") as backend:
        other = await opened(backend, tmp_path / "other.db")
        for number in range(others):
            await other.collection("orders").create({"amount": 100 + number})
        client = await opened(backend, tmp_path / "app.db", is_declared=is_declared)
        await client.sync.now()
        assert await client.outbox.list() == []
        one, two = 1 + others, 2 + others
        found = await there(client, "orders")
        amounts = {id: (each["amount"], each["after"]) for id, each in found.items()}
        before = {1 + number: (100 + number, None) for number in range(others)}
        assert amounts == {**before, one: (11, None), two: (2, one)}
        assert await here(client, "orders") == found
        lines = await there(client, "lines", f"orders/{one}")
        assert [each["text"] for each in lines.values()] == ["changed"]
        marks = await there(client, "marks", f"orders/{one}/lines/1")
        assert [(each["text"], each["order"]) for each in marks.values()] == [("mark", two)]
        assert (await client.local.collection("orders").get(order))["id"] == one
        for parent in (f"orders/{one}", f"orders/{order}"):
            assert await here(client, "lines", parent) == lines
            assert await here(client, "marks", f"{parent}/lines/{line}") == marks
