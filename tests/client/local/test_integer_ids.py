"""Creations without a network in collections whose ids the server gives, on devices that do not know that."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from hinterland.client.client import Client
from hinterland.client.errors import ConnectionLost, NotFound
from hinterland.client.exchange import Request, Response
from hinterland.client.local.outcomes import Outcome
from hinterland.client.options import Options
from hinterland.client.transports.inprocess import InProcess
from hinterland.client.vault.memory import MemoryVault
from hinterland.contract.errors import Refusal
from hinterland.contract.fields import Integer, Text
from hinterland.contract.records import EVERYBODY, Collection
from hinterland.testing.backend import TestBackend, running_backend

ORDERS = Collection(name="orders", fields={"amount": Integer(), "after": Integer()}, ids="integer", rules=EVERYBODY)
LINES = Collection(name="lines", fields={"text": Text()}, parent="orders", rules=EVERYBODY)
NOTES = Collection(name="notes", fields={"text": Text(), "order": Integer()}, rules=EVERYBODY)


@pytest.fixture
async def backend() -> AsyncIterator[TestBackend]:
    """A real backend in this process."""
    async with running_backend([ORDERS, LINES, NOTES]) as backend:
        yield backend


@pytest.fixture
async def client(backend: TestBackend, tmp_path: Path) -> Client:
    """A device that knows no declarations."""
    client = await backend.client(store=tmp_path / "app.db", vault=MemoryVault())
    await client.auth.sign_up(name="Ada", email="ada@example.org", password="a long walk outside")
    return client


async def test_creations_without_declarations(client: Client) -> None:
    """What is created without a network in such a collection, changed, referred to, used as a parent and deleted
    arrives, each once, under the server's ids, and the ids that the app has kept go on working."""
    orders, notes = client.local.collection("orders"), client.local.collection("notes")
    first = await orders.create({"amount": 1})
    second = await orders.create({"amount": 2, "after": first.id})
    gone = await orders.create({"amount": 3})
    lines = client.local.collection("lines", parent=f"orders/{first.id}")
    line = await lines.create({"text": "x"})
    note = await notes.create({"text": "n", "order": second.id})
    await orders.update(first.id, {"amount": 10})
    await orders.delete(gone.id)
    await client.sync.now()
    assert (await client.outbox.counts()).held == 0
    assert await client.outbox.list() == []
    assert [(order["id"], order["amount"], order["after"]) for order in (await orders.list(sort=["id"])).items] == [
        (1, 10, None), (2, 2, 1),
    ]  # fmt: skip
    there = await client.collection("orders").list(sort=["id"])
    assert [(order["id"], order["amount"], order["after"]) for order in there.items] == [(1, 10, None), (2, 2, 1)]
    assert (await orders.get(first.id))["id"] == 1
    await orders.update(first.id, {"amount": 11})
    assert (await notes.get(note.id))["order"] == 2
    assert (await client.collection("lines", parent="orders/1").get(str(line.id)))["text"] == "x"
    with pytest.raises(NotFound):
        await orders.get(gone.id)
    await client.sync.now()
    assert (await client.collection("orders").get(1))["amount"] == 11
    third = await orders.create({"amount": 4})
    await client.sync.now()
    assert (await orders.get(third.id))["id"] == 4


async def test_what_was_refused_before_is_rescued(client: Client) -> None:
    """A creation that an older server refused for its id is sent again by `retry`, and is given one."""
    orders = client.local.collection("orders")
    made = await orders.create({"amount": 1})
    problem = Refusal("validation", "id: is given by the server in orders; leave it out").problem()
    refused = Outcome(mutation=made.mutation, status="refused", problem=problem)
    await client.local.store.write(
        lambda connection: connection.execute(
            "UPDATE mutations SET state = 'refused', outcome = ?", (msgspec.json.encode(refused).decode(),)
        )
    )
    await client.outbox.retry(made.mutation)
    await client.sync.now()
    assert [order["amount"] for order in (await client.collection("orders").list()).items] == [1]
    assert (await client.outbox.counts()).held == 0


async def test_children_below_a_stand_in(client: Client) -> None:
    """A repository whose `parent` names a record by the stand-in of its id finds the children also after the server has
    given an id: by id, by a question and by a live query that began before."""
    order = await client.local.collection("orders").create({"amount": 1})
    lines = client.local.collection("lines", parent=f"orders/{order.id}")
    watched = lines.watch()
    assert await anext(watched) == []
    first = await lines.create({"text": "x"})
    assert [line["text"] for line in await anext(watched)] == ["x"]
    await client.sync.now()
    assert (await lines.get(first.id))["text"] == "x"
    second = await lines.create({"text": "y"})
    assert sorted(line["text"] for line in (await lines.list()).items) == ["x", "y"]
    while len(found := await anext(watched)) < 2:
        pass
    assert {line["id"] for line in found} == {first.id, second.id}
    await client.sync.now()
    assert len((await client.collection("lines", parent="orders/1").list()).items) == 2


class OneAnswerLost(InProcess):
    """The way to the server, on which the answer to the first push is lost."""

    is_lost = False

    async def __call__(self, request: Request) -> Response:
        """Send the request."""
        response = await super().__call__(request)
        if request.operation == "sync.push" and not self.is_lost:
            self.is_lost = True
            raise ConnectionLost
        return response


async def test_a_lost_answer_doubles_nothing(backend: TestBackend, tmp_path: Path) -> None:
    """Where the answer to a push is lost, the next is a smaller one, whose answer tells the ids: what builds on the
    creation then names it by its id, and is still the mutation that the server has applied."""
    network = OneAnswerLost(backend.server, is_running=True)
    client = await backend.client(
        store=tmp_path / "app.db", vault=MemoryVault(), transport=network, options=Options(retries=0)
    )
    await client.auth.sign_up(name="Ada", email="ada@example.org", password="a long walk outside")
    orders = client.local.collection("orders")
    made = await orders.create({"amount": 1})
    counted = await orders.update(made.id, {"amount": {"$increment": 10}})
    await client.sync.now()
    assert network.is_lost
    assert [order["amount"] for order in (await client.collection("orders").list()).items] == [11]
    assert (await orders.get(made.id))["amount"] == 11
    assert (await counted.settled()).is_applied
    assert await client.outbox.list() == []
