"""The ids in the place of stand-ins, in the outbox."""

from __future__ import annotations

from msgspec.structs import replace

from hinterland.contract.changes import Write
from hinterland.contract.identity import RecordId
from hinterland.contract.sync import Push, PushResult
from tests.client.local.conftest import OPEN
from tests.client.local.steps import Tampered
from tests.support.sync_backend import SyncBackend


class Strange(Tampered):
    """A server that also gives ids for what a mutation does not create."""

    async def push(self, account: object, push: Push) -> PushResult:
        """Take a push."""
        result = await super().push(account, push)
        given: dict[int, RecordId] = {-1: 7, 1: 8, 2: 9}
        return replace(result, results=[replace(each, ids=given | each.ids) for each in result.results])


async def test_ids_for_what_was_not_created(device: OPEN, server: SyncBackend) -> None:
    """An answer's `ids` count for what the mutation creates; any others rename nothing."""
    local = await device(remote=Strange(server))
    notes = local.collection("notes")
    order = await local.collection("orders", ids="integer").create({"amount": 1})
    await notes.create({"id": "kept", "text": "~no-such"})
    await local.sync.now()
    await local.write(
        Write(act="patch", collection="notes", id="kept", body={"text": "~no-such"}),
        Write(act="patch", collection="notes", id="kept", body={"text": "~no-such"}),
    )
    await notes.update("kept", {"count": 1})
    await local.sync.now()
    assert set(await server.records()) == {("orders", "", 1), ("notes", "", "kept")}
    record = await notes.get("kept")
    assert (record["text"], record["count"]) == ("~no-such", 1)
    assert (await local.collection("orders", ids="integer").get(order.id))["id"] == 1


async def test_an_edited_body_names_records_by_stand_ins(device: OPEN, server: SyncBackend) -> None:
    """The body that an unsent write is given later may name a record by its stand-in too, known or not."""
    local = await device()
    orders = local.collection("orders", ids="integer")
    first = await orders.create({"amount": 1})
    await local.sync.now()
    second = await orders.create({"amount": 2})
    await local.outbox.edit(second.mutation, {"amount": 3, "after": first.id})
    assert (await orders.get(second.id))["after"] == 1
    await local.outbox.edit(second.mutation, {"amount": 4})
    assert "after" not in await orders.get(second.id)
    await local.outbox.edit(second.mutation, {"amount": 5, "after": first.id})
    await local.sync.now()
    sent = await server.record("orders", 2)
    assert (sent["amount"], sent["after"]) == (5, 1)
