"""A write that always fails, while others do not: it is found, and held once it can no longer happen."""

from __future__ import annotations

from pathlib import Path

import pytest

from hinterland.client.errors import HinterlandError, StatusError
from hinterland.client.local.local import Local
from hinterland.client.local.reasons import MOST_FAILURES
from hinterland.client.vault.memory import MemoryVault
from hinterland.contract.fields import Text
from hinterland.contract.records import EVERYBODY, Collection
from hinterland.contract.sync import Push
from hinterland.server import App, Settings
from hinterland.testing.backend import running_backend
from tests.client.local.conftest import OPEN
from tests.client.local.steps import After, Fault, Way, bare, lost, now, outbox, own
from tests.support.sync_backend import SyncBackend


def poisoned(fault: Fault) -> Fault:
    """The fault for every push that has a write with the text `poison` in it."""

    def only(push: Push) -> None:
        if any(write.body.get("text") == "poison" for mutation in push.mutations for write in mutation.writes):
            fault(push)

    return only


async def rounds(local: Local, most: int = MOST_FAILURES) -> list[HinterlandError]:
    """Rounds until one succeeds, `most` at the most that fail; the errors of those."""
    found: list[HinterlandError] = []
    while (error := await now(local)) is not None:
        found.append(error)
        assert len(found) <= most
    return found


@pytest.mark.parametrize(
    ("fault", "code", "words"),
    [
        (own("internal"), "internal", "I can't take that"),
        (own("forbidden"), "forbidden", "I can't take that"),
        (
            bare(403),
            "forbidden",
            "something between client and server, such as a proxy, responds to it with status 403",
        ),
        (bare(401), "unauthorized", "status 401"),
        (bare(404), "not_found", "status 404"),
        (bare(500), "internal", "status 500"),
        (bare(504), "unavailable", "status 504"),
        (lost, "connection_lost", "failed 8 times while the server answered"),
    ],
)
async def test_one_that_always_fails(device: OPEN, server: SyncBackend, fault: Fault, code: str, words: str) -> None:
    """One request that always fails holds up only what depends on it: the writes before it, behind it and in other
    collections go on, and it is held with its problem."""
    local = await device(remote=(way := Way(server)))
    notes, orders = local.collection("notes"), local.collection("orders", ids="integer")
    written = [await notes.create({"text": "poison" if number == 5 else "fine"}) for number in range(20)]
    dependent = await notes.update(written[5].id, {"count": 1})
    order = await orders.create({"amount": 1})
    way.fault = poisoned(fault)
    await rounds(local)
    assert [(await each.settled()).status for each in written] == ["applied"] * 5 + ["refused"] + ["applied"] * 14
    assert (await order.settled()).is_applied
    assert (await dependent.settled()).status == "refused"
    problem = (await written[5].settled()).problem
    assert problem is not None
    assert problem.code == code
    assert words in problem.message
    way.fault = None
    again = await local.outbox.retry(written[5].mutation)
    await rounds(local)
    assert (await again.settled()).is_applied
    assert len(await server.records()) == 21
    assert await local.outbox.list() == []


async def test_others_do_not_wait_for_its_verdict(device: OPEN, server: SyncBackend) -> None:
    """Writes before the one that fails are taken in the first round, however many there are."""
    local = await device(remote=(way := Way(server)))
    notes = local.collection("notes")
    for number in range(100):
        await notes.create({"text": "poison" if number == 70 else "fine"})
    way.fault = poisoned(own("internal"))
    assert await now(local) is not None
    assert len(await server.records()) == 70
    assert [state for state, _ in await outbox(local)] == ["applied"] * 70 + ["sent"] * 30


@pytest.mark.parametrize("fault", [bare(500), bare(403), own("internal"), lost])
async def test_one_that_was_applied_is_not_held(device: OPEN, server: SyncBackend, fault: Fault) -> None:
    """A write of which every answer fails though the server applies it is reported as applied, and happens once."""
    local = await device(remote=(way := Way(server)))
    notes = local.collection("notes")
    note = await notes.create({"count": 0})
    await local.sync.now()
    written = await notes.update(note.id, {"text": "poison", "count": {"$increment": 1}})
    way.fault = Late(fault)
    await rounds(local)
    assert (await written.settled()).is_applied
    assert (await server.record("notes", note.id))["count"] == 1


class Late(After):
    """A fault of pushes with the text `poison`, after they were carried out."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(poisoned(fault))


async def test_an_attempt_that_arrives_after_the_withdrawal(device: OPEN, server: SyncBackend) -> None:
    """A push that was delayed on its way and arrives after the write was held is not applied, so that a retry of the
    write applies it once."""
    local = await device(remote=(way := Way(server)))
    written = await local.collection("notes").create({"text": "poison"})
    way.fault = poisoned(bare(500))
    await rounds(local)
    assert (await written.settled()).status == "refused"
    delayed = next(push for push in way.pushed if push.mutations and push.mutations[0].writes)
    await server.push("ada", delayed)
    assert await server.records() == {}
    way.fault = None
    await local.outbox.retry(written.mutation)
    await rounds(local)
    assert len(await server.applied()) == 1


@pytest.mark.parametrize("fault", [bare(500), bare(403), bare(401), bare(409), bare(410), lost])
async def test_an_outage_holds_nothing(device: OPEN, server: SyncBackend, fault: Fault) -> None:
    """Where every push fails, and not one write's, no write is held however long it lasts."""
    local = await device(remote=(way := Way(server)))
    written = [await local.collection("notes").create({"text": "x"}) for _ in range(3)]
    way.fault = fault
    for _ in range(3 * MOST_FAILURES):
        assert await now(local) is not None
    assert [state for state, _ in await outbox(local)] == ["sent"] * 3
    way.fault = None
    assert await now(local) is None
    assert all([(await each.settled()).is_applied for each in written])


@pytest.mark.parametrize("code", ["unavailable", "storage_full", "rate_limited", "unauthorized"])
async def test_what_the_server_says_of_itself(device: OPEN, server: SyncBackend, code: str) -> None:
    """What the server says of itself or of the caller is no verdict on a write: it holds none."""
    local = await device(remote=(way := Way(server)))
    await local.collection("notes").create({"text": "poison"})
    way.fault = poisoned(own(code))
    for _ in range(3 * MOST_FAILURES):
        assert isinstance(await now(local), StatusError)
    way.fault = None
    assert await now(local) is None
    assert len(await server.records()) == 1


async def test_a_withdrawal_that_fails_is_no_verdict(device: OPEN, server: SyncBackend) -> None:
    """A server that can't write anything, not even a withdrawal, holds nothing: it is asked to apply the write first
    when it is back. One whose answer is lost counts as soon as it is heard."""
    local = await device(remote=(way := Way(server)))
    written = await local.collection("notes").create({"text": "poison"})
    way.fault = own("internal")
    for _ in range(3 * MOST_FAILURES):
        assert await now(local) is not None
    way.fault = poisoned(own("internal"))
    way.script = [poisoned(own("internal")), After(lost)]
    assert await now(local) is not None
    way.fault = None
    assert await now(local) is None
    outcome = await written.settled()
    assert outcome.status == "refused"
    assert outcome.problem is not None
    assert outcome.problem.code == "internal"
    assert await server.records() == {}


async def test_failures_are_counted_across_starts(device: OPEN, server: SyncBackend) -> None:
    """An app that makes one round at each start finds the write that fails as well."""
    way = Way(server)
    way.fault = poisoned(bare(403))
    local = await device(remote=way)
    written = await local.collection("notes").create({"text": "poison"})
    for _ in range(MOST_FAILURES - 1):
        assert await now(local) is not None
        await local.close()
        local = await device(remote=way)
    assert await now(local) is None
    outcome = await local.outbox.outcome(written.mutation)
    assert outcome is not None
    assert outcome.status == "refused"


async def test_a_record_that_grows_too_large(tmp_path: Path) -> None:
    """A write that would make a record larger than the server keeps is held with the reason and not sent again; others
    go on, and it can be edited to one that fits."""
    app = App(
        collections=[Collection(name="notes", fields={"text": Text()}, rules=EVERYBODY)],
        settings=Settings(max_record_bytes=1_000),
    )
    async with running_backend(app) as backend:
        client = await backend.client(store=tmp_path / "a.db", vault=MemoryVault())
        await client.auth.sign_up(name="ada", email="ada@example.org", password="longer than most")
        notes = client.local.collection("notes")
        note = await notes.create({"text": "x" * 500})
        await client.sync.now()
        large = await notes.update(note.id, {"text": "x" * 1_500})
        small = await notes.create({"text": "small"})
        await client.sync.now()
        outcome = await large.settled()
        assert outcome.problem is not None
        assert (outcome.status, outcome.problem.code) == ("refused", "too_large")
        assert (await small.settled()).is_applied
        await client.sync.now()
        (held,) = await client.outbox.list()
        assert (held.id, held.problem and held.problem.code) == (large.mutation, "too_large")
        await client.outbox.edit(large.mutation, {"text": "x" * 600})
        again = await client.outbox.retry(large.mutation)
        await client.sync.now()
        assert (await again.settled()).is_applied
