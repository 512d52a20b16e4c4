"""Words that are also stand-ins: on a device, and on its way to a real server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hinterland.client.client import Client
from hinterland.client.vault.memory import MemoryVault
from hinterland.contract.changes import Write
from hinterland.contract.fields import Integer, Text
from hinterland.contract.records import EVERYBODY, Collection
from hinterland.testing.backend import TestBackend, running_backend

ORDERS = Collection(name="orders", fields={"amount": Integer(), "text": Text()}, ids="integer", rules=EVERYBODY)
LINES = Collection(name="lines", fields={"text": Text()}, ids="integer", parent="orders", rules=EVERYBODY)
NOTES = Collection(name="notes", fields={"text": Text(), "order": Integer()}, rules=EVERYBODY)
DECLARED = (ORDERS, LINES, NOTES)
PASSWORD = "a long walk outside"


@pytest.fixture
async def backend() -> AsyncIterator[TestBackend]:
    """A real backend in this process."""
    async with running_backend(DECLARED) as backend:
        yield backend


async def signed_up(backend: TestBackend, store: Path, *collections: Collection) -> Client:
    """A device that knows `collections`."""
    client = await backend.client(store=store, vault=MemoryVault(), collections=collections)
    await client.auth.sign_up(name="Ada", email="ada@example.org", password=PASSWORD)
    return client


async def test_texts_on_a_device(backend: TestBackend, tmp_path: Path) -> None:
    """A text is sent as it was written, also where it is the stand-in of a record that was created here, before and
    after its id is known; a reference in a field that holds numbers is replaced."""
    client = await signed_up(backend, tmp_path / "app.db", *DECLARED)
    order = await client.local.collection("orders").create({"amount": 1, "text": "~0"})
    notes = client.local.collection("notes")
    early = await notes.create({"text": order.id})
    await client.sync.now()
    late = await notes.create({"text": order.id, "order": order.id})
    assert [found["id"] for found in (await notes.list(text=order.id, sort=["id"])).items] == [
        early.id,
        late.id,
    ]
    assert [found["id"] for found in (await notes.list(order=order.id)).items] == [late.id]
    await client.sync.now()
    assert (await client.outbox.counts()).held == 0
    for note, reference in ((early, None), (late, 1)):
        there = await client.collection("notes").get(str(note.id))
        assert (there["text"], there["order"]) == (order.id, reference)


async def test_one_name_in_several_places(backend: TestBackend, tmp_path: Path) -> None:
    """A name that an app gave to records of several collections and parents names each of them."""
    client = await signed_up(backend, tmp_path / "app.db")
    orders, notes = client.local.collection("orders"), client.local.collection("notes")
    await notes.create({"id": "x", "text": "note"})
    for name in ("x", "orders"):
        await orders.create({"id": name, "text": name})
        await client.local.collection("lines", parent=f"orders/{name}").create({"id": "x", "text": f"of {name}"})
    await notes.update("x", {"text": "still"})
    await client.sync.now()
    await notes.update("x", {"text": "the note"})
    for name in ("x", "orders"):
        await orders.update(name, {"text": f"the {name}"})
        await client.local.collection("lines", parent=f"orders/{name}").update("x", {"text": f"the line of {name}"})
    await client.sync.now()
    assert (await client.outbox.counts()).held == 0
    assert (await client.collection("notes").get("x"))["text"] == "the note"
    for id, name in enumerate(("x", "orders"), 1):
        assert (await client.collection("orders").get(id))["text"] == f"the {name}"
        [line] = (await client.collection("lines", parent=f"orders/{id}").list()).items
        assert line["text"] == f"the line of {name}"


@pytest.mark.parametrize("is_in_between", [True, False])
async def test_a_name_that_is_used_once_more(backend: TestBackend, tmp_path: Path, is_in_between: bool) -> None:
    """A name that is given to another record after the first was deleted names that one from then on, whether the
    first's id was heard before or later."""
    client = await signed_up(backend, tmp_path / "app.db")
    orders = client.local.collection("orders")
    await orders.create({"id": "x", "amount": 1})
    if is_in_between:
        await client.sync.now()
    await orders.delete("x")
    again = await orders.create({"id": "x", "amount": 2})
    await orders.update("x", {"amount": 3})
    await client.local.write(Write(act="patch", collection="orders", id="x", body={"text": "second"}))
    assert (await orders.get("x"))["text"] == "second"
    await client.sync.now()
    assert (await client.outbox.counts()).held == 0
    [there] = (await client.collection("orders").list()).items
    assert (there["id"], there["amount"], there["text"]) == (2, 3, "second")
    assert (await orders.get(again.id))["id"] == 2
