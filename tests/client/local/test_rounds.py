"""Pushes that the server can't take as they are, stores that were copied, and servers that were restored."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from hinterland.client.answers import error_of
from hinterland.client.errors import BadRequest, ConnectionLost, Gap, InvalidResponse, NetworkError
from hinterland.contract.errors import Refusal
from hinterland.contract.sync import Push, PushResult
from hinterland.kit.clock import ManualClock
from tests.client.local.conftest import OPEN
from tests.client.local.steps import Tampered, states
from tests.support.sync_backend import SyncBackend, digest_of


@pytest.mark.parametrize("code", ["too_large", "invalid_body"])
async def test_a_poison_write_is_held(device: OPEN, server: SyncBackend, code: str) -> None:
    """A write that the server can't even read is found, held with the server's reason, and holds nothing up."""
    local = await device(remote=(remote := Tampered(server)))
    notes = local.collection("notes")
    written = [await notes.create({"text": "poison" if number == 5 else "fine"}) for number in range(8)]

    def fault(push: Push) -> None:
        if any(write.body.get("text") == "poison" for mutation in push.mutations for write in mutation.writes):
            raise error_of(Refusal(code, "I can't read that").problem())

    remote.fault = fault
    await local.sync.now()
    outcomes = [await each.settled() for each in written]
    assert [outcome.status for outcome in outcomes] == ["applied"] * 5 + ["refused"] + ["applied"] * 2
    assert outcomes[5].problem is not None
    assert outcomes[5].problem.message == "I can't read that"
    assert len(await server.records()) == 7
    assert [each.seq for each in await server.applied()] == [1, 2, 3, 4, 5, 7, 8]


@pytest.mark.parametrize("settled", [0, 1, 9])
async def test_an_answer_without_results(device: OPEN, server: SyncBackend, settled: int) -> None:
    """An answer that has no result of what was pushed is a failure of that round, whatever it says is settled: no
    outcome is made up, nothing is pushed again without end, and the edits wait for the next round."""

    class Unsettled(Tampered):
        async def push(self, account: Any, push: Push) -> PushResult:
            result = await super().push(account, push)
            return replace(result, results=[], settled=settled) if self.fault is None else result

    local = await device(remote=(remote := Unsettled(server)))
    await local.collection("notes").create({"text": "x"})
    with pytest.raises(InvalidResponse, match="no result of the first"):
        await local.sync.now()
    assert (await states(local), len(remote.pushed)) == (["sent"], 1)
    remote.fault = id  # answers pass again
    await local.sync.now()
    assert (await states(local), len(await server.records())) == ([], 1)


async def test_a_refusal_that_is_about_something_else_is_raised(device: OPEN, server: SyncBackend) -> None:
    """A 400 that is not about the push's content holds nothing."""
    local = await device(remote=(remote := Tampered(server)))
    await local.collection("notes").create({"text": "x"})

    def fault(push: Push) -> None:
        raise BadRequest(code="invalid_query", status=400)

    remote.fault = fault
    with pytest.raises(BadRequest):
        await local.sync.now()
    assert await states(local) == ["sent"]


async def test_a_cloned_store_becomes_another_device(device: OPEN, server: SyncBackend, clock: ManualClock) -> None:
    """A store that was copied together with its device id takes a new one when the server tells; what the two have in
    common is not sent twice, and nothing is lost."""
    local = await device("one")
    notes = local.collection("notes")
    await notes.create({"text": "before"})
    await local.sync.now()
    shared = await notes.create({"text": "sent by both"})
    async with server.down():
        with pytest.raises(NetworkError):
            await local.sync.now()
    await local.close()
    folder = local.store.path.parent
    (folder / "two.db").write_bytes((folder / "one.db").read_bytes())

    first, second = await device("one"), await device("two")
    await first.collection("notes").create({"text": "one's"})
    await second.collection("notes").create({"text": "two's"})
    await first.sync.now()
    await second.sync.now()
    await first.sync.now()
    texts = sorted(record["text"] for record in (await server.records()).values())
    assert texts == ["before", "one's", "sent by both", "two's"]
    assert [each.digest for each in await server.applied()].count(digest_of(shared.mutation)) == 1
    assert len({each.device for each in await server.applied()}) == 2
    assert (await first.collection("notes").list()).items == (await second.collection("notes").list()).items
    assert await second.outbox.list() == []


async def test_an_older_copy_of_a_store(device: OPEN, server: SyncBackend) -> None:
    """A store that was set back to an older copy asks for the outcome of what the server has forgotten the result of,
    and goes on as another device for what is new."""
    local = await device()
    await local.collection("notes").create({"text": "a"})
    async with server.down():
        with pytest.raises(NetworkError):
            await local.sync.now()
    await local.close()
    copy = local.store.path.read_bytes()
    local = await device()
    await local.sync.now()
    await local.collection("notes").create({"text": "b"})
    await local.sync.now()
    await local.close()
    local.store.path.write_bytes(copy)

    local = await device()
    await local.sync.now()
    await local.collection("notes").create({"text": "c"})
    await local.sync.now()
    assert sorted({record["text"] for record in (await server.records()).values()}) == ["a", "b", "c"]


async def test_a_restored_server_gets_what_it_has_forgotten(device: OPEN, server: SyncBackend) -> None:
    """Server restored from a backup: resync; unsent edits stay, and what is still here is pushed again."""
    local = await device()
    notes = local.collection("notes")
    await notes.create({"text": "in the backup"})
    await local.sync.now()
    backup = await server.backup()
    await notes.create({"text": "gone"})
    await local.sync.now()
    await server.restore(backup)
    await notes.create({"text": "unsent"})
    await local.sync.now()
    texts = sorted(note["text"] for note in (await notes.list()).items)
    assert texts == ["in the backup", "unsent"]
    assert sorted(record["text"] for record in (await server.records()).values()) == texts


async def test_a_gap_is_filled_from_what_is_still_here(device: OPEN, server: SyncBackend) -> None:
    """`gap`: the device sends from the seq that the server expects, also what it took for applied."""
    local = await device(remote=(remote := Tampered(server)))
    notes = local.collection("notes")
    backup = await server.backup()
    first = await notes.create({"text": "one"})
    remote.pull = _unreachable  # type: ignore[attr-defined]
    with pytest.raises(ConnectionLost):
        await local.sync.now()
    assert await states(local) == ["applied"]
    await server.restore(backup)
    del remote.pull
    await notes.create({"text": "two"})
    await local.sync.now()
    assert sorted(record["text"] for record in (await server.records()).values()) == ["one", "two"]
    assert (await first.settled()).is_applied
    assert await local.outbox.list() == []


async def _unreachable(*_: object) -> Any:
    raise ConnectionLost


async def test_a_server_that_never_agrees_on_the_seqs(device: OPEN, server: SyncBackend) -> None:
    """A server that asks for a gap again and again, or does not say for which, gets another device."""
    local = await device(remote=(remote := Tampered(server)))
    devices: list[str] = []

    def fault(push: Push) -> None:
        if push.device not in devices:
            devices.append(push.device)
        if len(devices) < 3:
            raise Gap(status=409, details={"expected": 1} if len(devices) == 1 else {})

    remote.fault = fault
    written = await local.collection("notes").create({"text": "x"})
    await local.sync.now()
    assert (await written.settled()).is_applied
    assert len(devices) == 3
