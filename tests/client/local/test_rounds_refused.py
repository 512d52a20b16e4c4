"""What a refusal of a whole push says of its mutations: the server's own word, and that of anything on the way."""

from __future__ import annotations

import pytest

from hinterland.client.answers import error_of
from hinterland.client.errors import BadRequest, ConnectionLost, RateLimited, StatusError, Unauthorized
from hinterland.contract.errors import Refusal
from hinterland.contract.sync import Push
from tests.client.local.conftest import OPEN
from tests.client.local.steps import After, Fault, Way, bare, lost, now, outbox, own
from tests.support.sync_backend import SyncBackend


async def test_a_413_does_not_park_what_the_server_may_hold(device: OPEN, server: SyncBackend) -> None:
    """A write that was taken and whose answer was lost is not held by a 413 of something on the way: the server is
    asked for its outcome without its content, and it happens once."""
    local = await device(remote=(way := Way(server)))
    notes = local.collection("notes")
    note = await notes.create({"count": 0})
    await local.sync.now()
    written = await notes.update(note.id, {"count": {"$increment": 1}})
    way.script = [After(lost), bare(413)]
    assert isinstance(await now(local), ConnectionLost)
    later = await notes.create({"text": "later"})
    assert await now(local) is None
    assert (await written.settled()).is_applied
    assert (await later.settled()).is_applied
    assert [each.seq for each in await server.applied()] == [1, 2, 3]
    assert (await server.record("notes", note.id))["count"] == 1


async def test_nor_does_the_servers_own_word(device: OPEN, server: SyncBackend) -> None:
    """Not even the server's own refusal, such as by a limit that was lowered meanwhile, holds what it holds already."""
    local = await device(remote=(way := Way(server)))
    written = await local.collection("notes").create({"text": "x"})
    way.script = [After(lost), own("too_large")]
    assert isinstance(await now(local), ConnectionLost)
    assert await now(local) is None
    assert (await written.settled()).is_applied


@pytest.mark.parametrize("fault", [bare(413), own("too_large")])
async def test_what_never_arrived_is_held_once_that_is_known(device: OPEN, server: SyncBackend, fault: Fault) -> None:
    """A write that is too large, and was lost once on its way, does not hold up the others: the device withdraws it,
    and it is held once the server says that it will never apply it."""
    local = await device(remote=(way := Way(server)))
    large = await local.collection("notes").create({"text": "large"})
    way.script = [lost]
    assert isinstance(await now(local), ConnectionLost)

    def refused(push: Push) -> None:
        if any(mutation.id == large.mutation and mutation.writes for mutation in push.mutations):
            fault(push)

    way.fault = refused
    small = await local.collection("notes").create({"text": "small"})
    assert await now(local) is None
    assert (await large.settled()).status == "refused"
    assert (await small.settled()).is_applied
    assert [each.seq for each in await server.applied()] == [2]


@pytest.mark.parametrize("refused", [bare(413, is_in_doubt=True), own("too_large", is_in_doubt=True)])
async def test_an_answer_after_attempts_that_were_lost(device: OPEN, server: SyncBackend, refused: Fault) -> None:
    """A refusal that comes after lost attempts of the same call says as little of them."""
    local = await device(remote=(way := Way(server)))
    written = [await local.collection("notes").create({"text": "x"}) for _ in range(2)]
    way.script = [After(refused), refused]
    assert await now(local) is None
    assert all([(await each.settled()).is_applied for each in written])
    assert [each.seq for each in await server.applied()] == [1, 2]


@pytest.mark.parametrize("status", [400, 422])
async def test_a_bare_status_is_trouble_on_the_way(device: OPEN, server: SyncBackend, status: int) -> None:
    """A 400 or 422 without our body is no verdict on anybody's writes: nothing is held, and the error is reported."""
    local = await device(remote=(way := Way(server)))
    written = [await local.collection("notes").create({"text": "x"}) for _ in range(3)]
    way.fault = bare(status)
    error = await now(local)
    assert isinstance(error, BadRequest)
    assert error.status == status
    assert [state for state, _ in await outbox(local)] == ["sent"] * 3
    way.fault = None
    assert await now(local) is None
    assert all([(await each.settled()).is_applied for each in written])


async def test_a_proxy_with_a_smaller_limit(device: OPEN, server: SyncBackend) -> None:
    """Where something on the way takes less than a batch, batches get smaller; a single write that was never sent
    before and is too large alone is held with a reason that says where."""
    local = await device(remote=(way := Way(server)))
    texts = ["small"] * 5 + ["large"] + ["small"] * 2
    written = [await local.collection("notes").create({"text": text}) for text in texts]

    def limited(push: Push) -> None:
        large = any(write.body.get("text") == "large" for mutation in push.mutations for write in mutation.writes)
        if large or len(push.mutations) > 3:
            bare(413)(push)

    way.fault = limited
    assert await now(local) is None
    outcomes = [await each.settled() for each in written]
    assert [outcome.status for outcome in outcomes] == ["applied"] * 5 + ["refused"] + ["applied"] * 2
    assert outcomes[5].problem is not None
    assert outcomes[5].problem.code == "too_large"
    assert "between client and server" in outcomes[5].problem.message
    assert [each.seq for each in await server.applied()] == [1, 2, 3, 4, 5, 7, 8]


def forked(push: Push) -> None:
    raise error_of(Refusal("fork").problem())


async def test_a_question_to_a_restored_server(device: OPEN, server: SyncBackend) -> None:
    """Where a withdrawal shows that the server knows another past, the store becomes another device."""
    local = await device(remote=(way := Way(server)))
    written = await local.collection("notes").create({"text": "x"})
    way.script = [lost, own("too_large"), forked]
    assert isinstance(await now(local), ConnectionLost)
    assert await now(local) is None
    assert (await written.settled()).is_applied
    assert len({push.device for push in way.pushed}) == 2


@pytest.mark.parametrize(("code", "kind"), [("unauthorized", Unauthorized), ("rate_limited", RateLimited)])
async def test_what_the_server_says_it_did_not_take(
    device: OPEN, server: SyncBackend, code: str, kind: type[StatusError]
) -> None:
    """After the server's own 401 or 429 writes wait as if never sent, and can be discarded; one whose outcome was
    unknown before stays unknown."""
    local = await device(remote=(way := Way(server)))
    notes = local.collection("notes")
    first = await notes.create({"text": "one"})
    way.script = [After(lost), own(code), own(code)]
    assert isinstance(await now(local), ConnectionLost)
    second, third = await notes.create({"text": "two"}), await notes.create({"text": "three"})
    assert isinstance(await now(local), kind)
    assert await outbox(local) == [("sent", 1), ("pending", None), ("pending", None)]
    await local.outbox.discard(second.mutation)
    assert isinstance(await now(local), kind)
    assert await now(local) is None
    assert (await first.settled()).is_applied
    assert (await third.settled()).is_applied
    assert [each.seq for each in await server.applied()] == [1, 2]


@pytest.mark.parametrize(
    "fault",
    [
        bare(401),
        bare(429),
        own("unauthorized", is_in_doubt=True),
        own("rate_limited", is_in_doubt=True),
        own("internal"),
    ],
)
async def test_what_is_not_certain_stays_sent(device: OPEN, server: SyncBackend, fault: Fault) -> None:
    """A status alone, an answer after lost attempts, or a mistake of the server: the writes' outcome is unknown."""
    local = await device(remote=(way := Way(server)))
    written = await local.collection("notes").create({"text": "x"})
    way.script = [fault]
    assert isinstance(await now(local), StatusError)
    assert await outbox(local) == [("sent", 1)]
    assert await now(local) is None
    assert (await written.settled()).is_applied
